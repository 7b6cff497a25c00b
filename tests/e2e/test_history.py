"""A database that has a past: tests/bench/load_history at small size, and a service that starts on it."""

import pathlib
import subprocess

import pytest
from harness.daemon import Daemon
from harness.wait import wait_until

LOADER = pathlib.Path(__file__).parents[1] / "bench/load_history"
ATTEMPTS, RETRIES, DAYS = 20000, 2000, 40


def load(daemon, *more):
    return subprocess.run([LOADER, "--database", daemon.home.database_url, *more], capture_output=True,
                          text=True, timeout=120)


@pytest.fixture
def loaded(start, receiver):
    """Retries fall due within the next seconds, at the receiver."""
    daemon = start(workers=1)
    done = load(daemon, f"--attempts={ATTEMPTS}", f"--retries={RETRIES}", f"--days={DAYS}",
                "--applications=100", "--due-in=0", "--due-spread=5", "--memory=64",
                f"--url={receiver.url('/history')}")
    assert done.returncode == 0, done.stderr
    assert f" {ATTEMPTS:,} rows" in done.stdout, done.stdout
    return daemon


def test_the_past_is_there_and_what_was_pending_is_delivered(loaded, receiver):
    api = loaded.api()
    app = api.new_app()
    api.new_endpoint(app, receiver.url("/new"))
    message = api.send(app)
    wait_until(lambda: receiver.got("/new", id=message))
    wait_until(lambda: len({got.id for got in receiver.got("/history")}) == RETRIES, 60)
    with loaded.database() as db:
        wait_until(lambda: db.execute("select count(*) from attempt").fetchone()[0]
                   == ATTEMPTS + RETRIES + 1)
        messages, failed = db.execute(
            "select count(*), count(*) filter (where status <> 0) from message"
            " left join attempt a on a.app_id = message.app_id and a.msg_id = message.id and a.seq = 0"
            " where message.app_id = (select id from app where uid = 'app-7')").fetchone()
    assert messages > 50 and failed > 0
    check_lists(api, loaded)
    assert receiver.got("/history")[0].body.startswith(b'{"order":')


def check_lists(api, daemon):
    """Every page of every list, against the tables."""
    with daemon.database() as db:
        def count(what):
            return db.execute(f"select count(*) from {what}"
                              " (select id from app where uid = 'app-7')").fetchone()[0]
        assert len(api.list("/app/app-7/msg")) == count("message where app_id =")
        assert len(api.list("/app/app-7/dead-letter")) == count("dead_letter where app_id =")
        assert (len(api.list("/app/app-7/attempt/endpoint/endpoint-0", limit=250))
                == count("attempt join endpoint e on e.id = endpoint_id and e.uid = 'endpoint-0'"
                         " where attempt.app_id ="))
        done, failed = db.execute(
            "select count(*) filter (where status = 0), count(*) filter (where status <> 0) from attempt"
            " join endpoint e on e.id = endpoint_id and e.uid = 'endpoint-0'"
            " where attempt.app_id = (select id from app where uid = 'app-7')"
            " and attempt.id >= id_floor(date_trunc('hour', now() - interval '28 days'))").fetchone()
    wait_until(lambda: (found := api.get("/app/app-7/endpoint/endpoint-0/stats").json)["success"] == done
               and found["fail"] == failed)


def test_a_database_with_rows_is_refused(start):
    daemon = start(workers=1)
    daemon.api().new_app()
    refused = load(daemon, "--attempts=1000", "--retries=0")
    assert refused.returncode == 1
    assert "there are rows in app: a fresh database is needed" in refused.stderr


# Lists that look at so many rows and no more.

ROWS, EVERY = 40000, 500


@pytest.fixture(scope="module")
def needles():
    """An application with a long history, in which one event of 500, and the oldest, has another type
    and failed for good."""
    daemon = Daemon(workers=1).start()
    api = daemon.api()
    app = api.new_app(uid="hay")
    api.new_endpoint(app, "http://127.0.0.1:40404/", uid="sink")
    with daemon.database() as db:
        db.execute(f"""
            create temp view n as select a.id as app_id, e.id as endpoint_id, i,
                id_floor(date_trunc('day', now())) + i as id, i = 1 or i % {EVERY} = 0 as is_rare
            from app a join endpoint e on e.app_id = a.id, generate_series(1, {ROWS}) i
            where a.uid = 'hay'""")
        db.execute("""insert into message (app_id, id, event_type, targets, payload)
            select app_id, id, case when is_rare then 'rare' else 'usual' end, int8send(endpoint_id), '{}'
            from n""")
        db.execute("""insert into attempt (app_id, msg_id, id, endpoint_id, chain, seq, tries, status,
                trigger, http_status, transport, duration_ms, url_no)
            select app_id, id, id, endpoint_id, 0, 0, 1, is_rare::int * 2, 0, 200 + is_rare::int * 300,
                0, 1, 1 from n""")
        db.execute("""insert into dead_letter (app_id, id, org, msg_id, endpoint_id, event_type, chain,
                seq, reason, last_status, attempts)
            select n.app_id, n.id, org, n.id, endpoint_id, 'x', 0, 0, 1 + is_rare::int, 500, 1
            from n join app a on a.id = n.app_id""")
    yield api
    daemon.close()


LISTS = {
    "/app/hay/msg": "event_types=rare",
    "/app/hay/attempt/endpoint/sink": "status=2",
    "/app/hay/endpoint/sink/msg": "status=2",
    "/app/hay/dead-letter": "reason=gone",
    "/dead-letter": "reason=gone",
}


def pages(api, path):
    """Every page from one on, as the iterators lead."""
    found = []
    while True:
        page = api.get(path + (f"&iterator={found[-1]['iterator']}" if found else "")).json
        found.append(page)
        if page["done"]:
            return found


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("order", ["ascending", "descending"])
def test_what_is_rare_is_found_over_short_pages(needles, path, order):
    found = pages(needles, f"{path}?{LISTS[path]}&order={order}&limit=30")
    ids = [row["id"] for page in found for row in page["data"]]
    assert len(ids) == len(set(ids)) == ROWS // EVERY + 1
    assert ids == sorted(ids, reverse=order == "descending")
    assert any(len(page["data"]) < 30 for page in found[:-1])  # cut before they were full
    # And back again from the last page that is not empty.
    path = f"{path}?{LISTS[path]}&order={order}&limit=30"
    end = next(page for page in reversed(found) if page["iterator"])
    back, page = [], {"prevIterator": end["prevIterator"], "done": False}
    while not page["done"]:
        page = needles.get(f"{path}&iterator={page['prevIterator']}").json
        back = [row["id"] for row in page["data"]] + back
    assert back + [row["id"] for row in end["data"]] == ids


def test_what_is_not_there_ends_in_empty_pages(needles):
    found = pages(needles, "/app/hay/msg?event_types=none")
    assert len(found) > 1 and not any(page["data"] for page in found)
    assert found[-1]["iterator"] is None or found[-1]["done"]


def test_a_summary_counts_page_by_page(needles):
    counts, at = {}, ""
    for number in range(100):
        page = needles.get("/dead-letter/summary" + at).json
        for row in page["data"]:
            counts[row["reason"]] = counts.get(row["reason"], 0) + row["open"]
        if page["done"]:
            break
        at = f"?iterator={page['iterator']}"
    assert number == ROWS // 10000
    rare = ROWS // EVERY + 1
    assert counts == {"gone": rare, "exhausted": ROWS - rare}


def test_a_count_says_that_there_may_be_more(needles):
    asked = {"dryRun": True, "reason": "gone"}
    found = needles.post("/dead-letter/replay", asked, want=200).json
    assert found["more"] is True and found["count"] == 10000 // EVERY + 1
    page = needles.get("/dead-letter?order=ascending&limit=2").json
    asked["before"] = page["data"][-1]["createdAt"]
    assert needles.post("/dead-letter/replay", asked, want=200).json["more"] is False


def test_a_task_that_finds_little_comes_to_its_end(needles):
    task = needles.post("/dead-letter/discard", {"reason": "gone", "endpointId": "sink", "appId": "hay"},
                        want=202).json["id"]
    wait_until(lambda: needles.get(f"/background-task/{task}").json["status"] == "finished", 60)
    done = needles.get(f"/background-task/{task}").json
    rare = ROWS // EVERY + 1
    assert (done["done"], done["total"]) == (rare, rare)
