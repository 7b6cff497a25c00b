"""A database that has a past: tests/bench/load_history at small size, and a service that starts on it."""

import pathlib
import subprocess

import pytest
from harness.wait import wait_until

LOADER = pathlib.Path(__file__).parents[1] / "bench/load_history"
ATTEMPTS, RETRIES, DAYS = 20000, 2000, 40


def load(daemon, *more):
    database = f"host={daemon.dir}/dev/run user=posthorn dbname=posthorn"
    return subprocess.run([LOADER, "--database", database, *more], capture_output=True, text=True,
                          timeout=120)


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
