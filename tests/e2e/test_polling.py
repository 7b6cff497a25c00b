"""Polling endpoints: what was accepted can be read from the moment of its answer, in an order that does not
change, and an iterator passes nothing over, whoever is late, killed or in the way."""

import contextlib
import datetime
import json
import signal
import threading
import urllib.parse

import pytest
from harness.daemon import alive, kill
from harness.load import Load
from harness.wait import wait_until


def new_poll(api, app, **fields):
    return api.post(f"/app/{app}/polling-endpoint", fields, want=201).json["id"]


def poll(api, app, endpoint, consumer=None, want=200, **query):
    path = f"/app/{app}/poller/{endpoint}" + (f"/consumer/{consumer}" if consumer else "")
    query = {k: v for k, v in query.items() if v is not None}
    return api.get(path + ("?" + urllib.parse.urlencode(query) if query else ""), want=want).json


def seek(api, app, endpoint, consumer, after, want=200):
    return api.post(f"/app/{app}/poller/{endpoint}/consumer/{consumer}/seek", {"after": after}, want=want).json


def ids(page):
    return [m["id"] for m in page["data"]]


def read_all(api, app, endpoint, iterator=None, limit=50, **query):
    """Every id up to the page that is done, and the iterator behind it."""
    found = []
    while True:
        page = poll(api, app, endpoint, iterator=iterator, limit=limit, **query)
        found += ids(page)
        iterator = page["iterator"]
        if page["done"]:
            return found, iterator


# Making them.


def test_fields(api, app):
    path = f"/app/{app}/polling-endpoint"
    made = api.post(path, {"uid": "erp", "description": "behind a firewall", "channels": ["a"],
                           "metadata": {"k": "v"}}, want=201).json
    assert made["id"].startswith("poll_")
    assert (made["uid"], made["channels"], made["filterTypes"], made["disabled"]) == ("erp", ["a"], None, False)
    assert api.get(f"{path}/erp").json == made == api.get(f"{path}/{made['id']}").json
    assert api.list(path) == [made]
    changed = api.patch(f"{path}/erp", {"channels": None, "disabled": True}, want=200).json
    assert (changed["channels"], changed["disabled"], changed["metadata"]) == (None, True, {"k": "v"})
    put = api.put(f"{path}/erp", {"uid": "erp"}, want=200).json
    assert (put["id"], put["description"], put["disabled"], put["metadata"]) == (made["id"], "", False, {})
    other = api.put(f"{path}/another", {"uid": "another"}, want=201).json
    assert [e["id"] for e in api.list(path)] == [other["id"], made["id"]]
    api.post(path, {"uid": "erp"}, want=409)
    for wrong in ({"uid": "poll_x"}, {"channels": []}, {"eventTypes": "x"}, {"disabled": 1}):
        problem = api.post(path, wrong, want=422).json["detail"][0]
        assert problem["loc"] == ["body", *wrong]
    api.post(path, {"eventTypes": ["no.such.type"]}, want=422)


def test_there_are_only_so_many(api, app):
    for _ in range(50):
        new_poll(api, app)
    api.post(f"/app/{app}/polling-endpoint", {}, want=409)


def test_what_is_deleted_is_gone(api, app):
    endpoint = new_poll(api, app, uid="erp")
    poll(api, app, endpoint, consumer="c", iterator=poll(api, app, endpoint)["iterator"])
    api.delete(f"/app/{app}/polling-endpoint/erp")
    for name in (endpoint, "erp", "never"):
        api.get(f"/app/{app}/polling-endpoint/{name}", want=404)
        api.patch(f"/app/{app}/polling-endpoint/{name}", {}, want=404)
        poll(api, app, name, want=404)
        poll(api, app, name, iterator="0.0", want=404)
        poll(api, app, name, after="2020-01-01T00:00:00Z", want=404)
        poll(api, app, name, consumer="c", want=404)
        poll(api, app, name, consumer="c", iterator="0.0", want=404)
        seek(api, app, name, "c", "2020-01-01T00:00:00Z", want=404)
    assert api.send(app)
    poll(api, "app_nobody", endpoint, want=404)


# Reading.


def test_a_message_is_there_when_it_was_answered(api, app):
    """On connections of their own, so that both workers append and read."""
    endpoint = new_poll(api, app)
    page = poll(api, app, endpoint)
    assert (page["data"], page["done"]) == ([], True)
    for n in range(30):
        sent = api.call("POST", f"/app/{app}/msg", {"eventType": "t", "payload": {"n": n}}, want=202,
                        headers={"Connection": "close"}).json
        page = poll(api, app, endpoint, iterator=page["iterator"])
        assert [(m["id"], m["payload"]) for m in page["data"]] == [(sent["id"], {"n": n})]
        assert page["done"]
    assert len(ids(poll(api, app, endpoint))) == 30


def test_what_is_told_of_a_message(api, app):
    endpoint = new_poll(api, app)
    sent = api.send(app, b'{"price": 1.10, "big": 36893488147419103232}', event_type="invoice.paid",
                    channels=["a", "b"], eventId="e-1")
    api.send(app, {"secret": 1})
    got = poll(api, app, endpoint)["data"]
    message = got[0]
    assert (message["id"], message["eventType"], message["eventId"]) == (sent, "invoice.paid", "e-1")
    assert message["channels"] == ["a", "b"] and message["timestamp"].endswith("Z")
    raw = api.get(f"/app/{app}/poller/{endpoint}").body
    assert b'{"price": 1.10, "big": 36893488147419103232}' in raw
    # Forgotten: told as such, in its place.
    api.delete(f"/app/{app}/msg/{got[1]['id']}/content")
    again = poll(api, app, endpoint)["data"]
    assert [m["id"] for m in again] == [m["id"] for m in got]
    assert again[1]["payload"] == {"expired": True}


def test_filters(api, app):
    for name in ("poll.a", "poll.b"):
        api.put(f"/event-type/{name}", {"description": name}, want=(200, 201))
    a = new_poll(api, app, eventTypes=["poll.a"])
    red = new_poll(api, app, channels=["red"])
    off = new_poll(api, app, disabled=True)
    everything = new_poll(api, app)
    sent = [api.send(app, event_type=t, **({"channels": [c]} if c else {}))
            for t in ("poll.a", "poll.b") for c in (None, "red", "blue")]
    assert ids(poll(api, app, a)) == sent[:3]
    assert ids(poll(api, app, red)) == [sent[1], sent[4]]
    assert ids(poll(api, app, off)) == []
    assert ids(poll(api, app, everything)) == sent
    # What is asked for narrows further.
    assert ids(poll(api, app, everything, event_type="poll.b")) == sent[3:]
    assert ids(poll(api, app, everything, channel="blue")) == [sent[2], sent[5]]
    assert ids(poll(api, app, a, channel="red")) == [sent[1]]
    # A change is the state of the next event.
    api.patch(f"/app/{app}/polling-endpoint/{off}", {"disabled": False}, want=200)
    api.patch(f"/app/{app}/polling-endpoint/{a}", {"eventTypes": ["poll.b"]}, want=200)
    last = api.send(app, event_type="poll.b")
    assert ids(poll(api, app, off)) == [last]
    assert ids(poll(api, app, a)) == [*sent[:3], last]


def test_pages(api, app):
    endpoint = new_poll(api, app)
    sent = [api.send(app, event_type=f"poll.{n % 7}") for n in range(20)]
    first = poll(api, app, endpoint, limit=7)
    assert ids(first) == sent[:7] and not first["done"]
    assert ids(poll(api, app, endpoint, limit=7)) == sent[:7]
    for limit in (1, 7, 20, 250):
        assert read_all(api, app, endpoint, limit=limit)[0] == sent
    exact = poll(api, app, endpoint, limit=20)
    assert exact["done"]
    # An iterator can be used again, and an empty page keeps it.
    for _ in range(2):
        assert ids(poll(api, app, endpoint, iterator=first["iterator"])) == sent[7:]
    assert poll(api, app, endpoint, iterator=exact["iterator"])["iterator"] == exact["iterator"]
    assert read_all(api, app, endpoint, limit=1, event_type="poll.3")[0] == sent[3::7]


def test_a_selection_of_few_ends_its_pages_early(api, app):
    """One page looks at so many rows, whatever it finds."""
    endpoint = new_poll(api, app)
    batch = [{"eventType": "t", "payload": {"n": n}} for n in range(400)]
    for _ in range(2):
        api.post(f"/app/{app}/msg/batch", batch, want=202)
    wanted = api.send(app, event_type="wanted")
    page = poll(api, app, endpoint, event_type="wanted")
    assert (page["data"], page["done"]) == ([], False)
    assert read_all(api, app, endpoint, event_type="wanted")[0] == [wanted]


def test_large_payloads_end_a_page(api, app):
    endpoint = new_poll(api, app)
    sent = [api.send(app, {"pad": "x" * 900_000}) for _ in range(20)]
    page = poll(api, app, endpoint)
    assert not page["done"] and 10 < len(page["data"]) < 20
    assert read_all(api, app, endpoint)[0] == sent


def test_by_time(api, app):
    endpoint = new_poll(api, app)
    sent = [api.send(app) for _ in range(3)]
    times = [m["timestamp"] for m in poll(api, app, endpoint)["data"]]
    wait_until(lambda: now() > times[-1])
    between = now()
    wait_until(lambda: now() > between)
    late = [api.send(app) for _ in range(3)]
    assert ids(poll(api, app, endpoint, after=between)) == late
    assert read_all(api, app, endpoint, limit=1, after=between)[0] == late
    assert ids(poll(api, app, endpoint, after="2020-01-01T00:00:00Z")) == sent + late
    # Nothing is that young yet; what comes then is.
    page = poll(api, app, endpoint, after=now(ahead_s=-0.001))
    assert (page["data"], page["done"]) == ([], True)
    more = api.send(app)
    assert ids(poll(api, app, endpoint, iterator=page["iterator"])) == [more]


def now(ahead_s=0.0):
    """In milliseconds, as timestamps of messages."""
    t = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=ahead_s)
    return t.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_what_is_wrong_is_refused(api, app):
    endpoint = new_poll(api, app)
    wrong = ("", "x", "1", "1.", ".1", "-1.2", "1.-2", "1.2.3", "1 .2", "9223372036854775808.1",
             "1.99999999999999999999", "msg_01Fq8ZxYk3b", "%00", "1.2\n")
    for iterator in wrong:
        for consumer in (None, "c"):
            detail = poll(api, app, endpoint, consumer, iterator=iterator, want=422)["detail"]
            assert detail[0]["loc"] == ["query", "iterator"]
    for limit in ("0", "251", "-1"):
        assert poll(api, app, endpoint, limit=limit, want=422)["detail"][0]["loc"] == ["query", "limit"]
    poll(api, app, endpoint, limit="x", want=400)
    poll(api, app, endpoint, after="yesterday", want=400)
    assert seek(api, app, endpoint, "c", "yesterday", want=422)["detail"][0]["loc"] == ["body", "after"]
    api.post(f"/app/{app}/poller/{endpoint}/consumer/c/seek", {}, want=422)
    assert poll(api, app, endpoint, consumer="a%20b", want=422)["detail"][0]["loc"] == ["path", "consumer_id"]
    # The farthest place that there can be is a place.
    far = "9223372036854775807.9223372036854775807"
    assert poll(api, app, endpoint, iterator=far) == {"data": [], "iterator": far, "done": True}


def test_who_may(api, app):
    endpoint = new_poll(api, app)
    sent = api.send(app)
    own = api.post(f"/auth/app-portal-access/{app}", {}, want=200).json["token"]
    other = api.post(f"/auth/app-portal-access/{api.new_app()}", {}, want=200).json["token"]
    path = f"/app/{app}/poller/{endpoint}"
    for below in ("", "/consumer/c"):
        assert ids(api.get(path + below, token=own).json) == [sent]
        api.get(path + below, token=other, want=404)
        api.get(path + below, token=None, want=401)
    # Of another application it is none.
    poll(api, api.new_app(), endpoint, want=404)


# What is to be delivered later.


def later(api, app, minutes=10, **fields):
    at = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)).isoformat()
    return api.post(f"/app/{app}/msg", {"eventType": "t", "payload": {}, "deliverAt": at, **fields}, want=202).json


def let_it_be_due(daemon, message):
    """Its time has come."""
    with daemon.database() as db:
        assert db.execute("update polled_later set due = now() where msg_id = (select id from message"
                          " where event_id = %s)", (message["eventId"],)).rowcount


def test_an_event_with_a_time_is_not_there_before_it(api, app, daemon):
    endpoint, other = new_poll(api, app), new_poll(api, app, channels=["other"])
    first = api.send(app)
    late = later(api, app, eventId=f"late-{app}")
    second = api.send(app)
    page = poll(api, app, endpoint)
    assert (ids(page), page["done"]) == ([first, second], True)
    mine = poll(api, app, endpoint, "c")
    assert ids(mine) == [first, second]
    let_it_be_due(daemon, late)
    # Its place is that of its time: nobody has been past it.
    rest = poll(api, app, endpoint, iterator=page["iterator"])
    assert (ids(rest), rest["done"], rest["data"][0]["deliverAt"]) == ([late["id"]], True, late["deliverAt"])
    assert ids(poll(api, app, endpoint, "c", iterator=mine["iterator"])) == [late["id"]]
    third = api.send(app)
    order = [first, second, late["id"], third]
    for limit in (1, 2, 50):
        assert read_all(api, app, endpoint, limit=limit)[0] == order
    assert ids(poll(api, app, endpoint, iterator=rest["iterator"])) == [third]
    assert ids(poll(api, app, endpoint, after="2020-01-01T00:00:00Z")) == order
    back = seek(api, app, endpoint, "c", "2020-01-01T00:00:00Z")
    assert ids(poll(api, app, endpoint, iterator=back["iterator"])) == order
    assert read_all(api, app, other)[0] == []


def test_one_with_a_time_alone(api, app, daemon):
    """By time its place is found, too: nothing stands before it."""
    endpoint = new_poll(api, app)
    late = [later(api, app, eventId=f"{n}-{app}") for n in range(3)]
    assert read_all(api, app, endpoint)[0] == []
    for message in reversed(late):
        let_it_be_due(daemon, message)
        assert message["id"] in read_all(api, app, endpoint)[0]
    order = [m["id"] for m in reversed(late)]
    assert read_all(api, app, endpoint)[0] == order
    back = seek(api, app, endpoint, "c", "2020-01-01T00:00:00Z")
    assert ids(poll(api, app, endpoint, "c")) == order == ids(poll(api, app, endpoint, iterator=back["iterator"]))


def test_it_comes_long_after_its_time_too(api, app, daemon):
    """Positions and ids do not rise together for it: what stands before it may be days younger."""
    endpoint = new_poll(api, app)
    late = later(api, app, eventId=f"late-{app}")
    api.send(app)
    pos, message = poll(api, app, endpoint)["iterator"].split(".")
    let_it_be_due(daemon, late)
    five_days = 5 * 86400000 << 22
    assert ids(poll(api, app, endpoint, iterator=f"{pos}.{int(message) + five_days}")) == [late["id"]]


GATE = """
create function slow_place() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(4712);
    return null;
end $$;
create constraint trigger slow_place after update on polled_later deferrable initially deferred
    for each row execute function slow_place();
"""


def test_a_place_that_is_given_slowly_is_passed_over_by_nobody(api, app, daemon):
    """The reader that gives it stands before its commit; what is stored meanwhile comes behind it."""
    endpoint = new_poll(api, app)
    before = api.send(app)
    page = poll(api, app, endpoint)
    late = later(api, app, eventId=f"late-{app}")
    let_it_be_due(daemon, late)
    with daemon.database() as db:
        db.execute(GATE)
    try:
        with daemon.database() as gate:
            gate.execute("select pg_advisory_lock(4712)")
            slow = threading.Thread(daemon=True, target=lambda: daemon.api().get(f"/app/{app}/poller/{endpoint}"))
            slow.start()
            with daemon.database() as db:
                wait_until(lambda: db.execute("select count(*) from pg_locks where locktype = 'advisory'"
                                              " and objid = 4712 and not granted").fetchone()[0])
            sent = api.send(app)
            again = poll(api, app, endpoint, iterator=page["iterator"])
            assert again == {"data": [], "iterator": page["iterator"], "done": False}
        slow.join(60)
    finally:
        with daemon.database() as db:
            db.execute("drop trigger slow_place on polled_later; drop function slow_place")
    rest, _ = read_all(api, app, endpoint, iterator=again["iterator"])
    assert sorted(rest) == sorted([late["id"], sent])
    assert read_all(api, app, endpoint)[0] == [before, *rest]


# Consumers.


def test_a_consumer_gets_it_again_until_it_comes_back(api, app):
    endpoint = new_poll(api, app)
    sent = [api.send(app) for _ in range(6)]
    first = poll(api, app, endpoint, "c", limit=2)
    assert ids(first) == ids(poll(api, app, endpoint, "c", limit=2)) == sent[:2]
    second = poll(api, app, endpoint, "c", limit=2, iterator=first["iterator"])
    assert ids(second) == sent[2:4]
    assert ids(poll(api, app, endpoint, "c", limit=2)) == sent[2:4]
    third = poll(api, app, endpoint, "c", iterator=second["iterator"])
    assert (ids(third), third["done"]) == (sent[4:], True)
    # An older iterator reads from there, and takes nothing back.
    assert ids(poll(api, app, endpoint, "c", iterator=first["iterator"])) == sent[2:]
    assert ids(poll(api, app, endpoint, "c")) == sent[4:]
    # Each has its own place.
    assert ids(poll(api, app, endpoint, "other")) == sent
    assert ids(poll(api, app, endpoint)) == sent


def test_a_consumer_is_sent_back_and_forth(api, app):
    endpoint = new_poll(api, app)
    sent = [api.send(app) for _ in range(3)]
    page = poll(api, app, endpoint, "c")
    poll(api, app, endpoint, "c", iterator=page["iterator"])
    assert ids(poll(api, app, endpoint, "c")) == []
    back = seek(api, app, endpoint, "c", "2020-01-01T00:00:00Z")
    assert ids(poll(api, app, endpoint, "c")) == sent
    assert ids(poll(api, app, endpoint, iterator=back["iterator"])) == sent
    wait_until(lambda: now() > page["data"][-1]["timestamp"])
    seek(api, app, endpoint, "c", now())
    assert ids(poll(api, app, endpoint, "c")) == []
    wait_until(lambda: now() > page["data"][-1]["timestamp"])
    more = api.send(app)
    assert ids(poll(api, app, endpoint, "c")) in ([more], [])  # of the very millisecond it is not after


def test_a_place_outlives_everybody(start):
    daemon = start(workers=1)
    api = daemon.api()
    app = api.new_app()
    endpoint = new_poll(api, app)
    sent = [api.send(app) for _ in range(4)]
    page = poll(api, app, endpoint, "c", limit=2)
    poll(api, app, endpoint, "c", iterator=page["iterator"], limit=1)
    daemon.kill_all()
    daemon.start()
    assert ids(poll(daemon.api(), app, endpoint, "c")) == sent[2:]


def test_there_are_only_so_many_consumers(api, app, daemon):
    endpoint = new_poll(api, app)
    there = poll(api, app, endpoint)["iterator"]
    poll(api, app, endpoint, "first", iterator=there)
    with daemon.database() as db:
        db.execute("insert into poll_consumer (app_id, endpoint_id, name, pos, msg_id)"
                   " select app_id, endpoint_id, 'n' || n, 0, 0 from poll_consumer, generate_series(1, 999) n"
                   " where endpoint_id = (select max(id) from polling_endpoint)")
    poll(api, app, endpoint, "one-more", iterator=there, want=409)
    seek(api, app, endpoint, "one-more", "2020-01-01T00:00:00Z", want=409)
    poll(api, app, endpoint, "first", iterator=there)
    seek(api, app, endpoint, "first", "2020-01-01T00:00:00Z")


# What is late, and what is in the way.


SLOW = """
create function slow_commit() returns trigger language plpgsql as $$
begin
    if new.event_type = 'slow' then
        perform pg_advisory_xact_lock(4711);
    end if;
    return null;
end $$;
create constraint trigger slow_commit after insert on message deferrable initially deferred
    for each row execute function slow_commit();
"""


@contextlib.contextmanager
def commits_wait(daemon):
    """Appends with an event "slow" stand before their commit as long as this lasts."""
    with daemon.database() as db:
        db.execute(SLOW)
    with daemon.database() as gate:
        gate.execute("select pg_advisory_lock(4711)")
        yield
    with daemon.database() as db:
        db.execute("drop trigger slow_commit on message; drop function slow_commit")


def in_background(api, app, event_type, answers):
    def post():
        reply = api.call("POST", f"/app/{app}/msg", {"eventType": event_type, "payload": {}}, timeout_s=60,
                         headers={"Connection": "close"})
        answers.append((reply.status, reply.json.get("id")))
    thread = threading.Thread(target=post, daemon=True)
    thread.start()
    return thread


def test_an_append_that_commits_late_is_passed_over_by_nobody(start):
    daemon = start(workers=2, lease="5s")
    api = daemon.api()
    app = api.new_app()
    endpoint = new_poll(api, app)
    before = api.send(app)
    first = poll(api, app, endpoint)
    assert ids(first) == [before]
    slow, fast, threads = [], [], []
    with commits_wait(daemon):
        threads.append(in_background(api, app, "slow", slow))
        with daemon.database() as db:
            wait_until(lambda: db.execute(
                "select count(*) from pg_locks where locktype = 'advisory' and not granted").fetchone()[0])
        # The other worker goes on; of the connections, some are its.
        for _ in range(12):
            threads.append(in_background(api, app, "fast", fast))
        wait_until(lambda: [a for a in fast if a[0] == 202], 20, "the other worker accepts")
        # What it accepted is behind what is not over: told that there is more, and what, not yet.
        page = poll(api, app, endpoint, iterator=first["iterator"])
        assert page == {"data": [], "iterator": first["iterator"], "done": False}
        # By time, too: no place is found that has the late one behind it.
        sought = seek(api, app, endpoint, "c", "2020-01-01T00:00:00Z")["iterator"]
        young = poll(api, app, endpoint, after=now(), limit=1)["iterator"]
    for thread in threads:
        thread.join(60)
    accepted = [a[1] for a in slow + fast if a[0] == 202]
    rest, end = read_all(api, app, endpoint, iterator=page["iterator"])
    assert sorted(rest) == sorted(accepted) and slow[0][1] == rest[0]
    assert read_all(api, app, endpoint)[0] == [before, *rest]
    assert read_all(api, app, endpoint, iterator=sought)[0] == [before, *rest]
    assert slow[0][1] in read_all(api, app, endpoint, iterator=young)[0]
    assert read_all(api, app, endpoint, iterator=end)[0] == []


def test_what_else_is_open_holds_up_nobody(api, app, daemon):
    """A transaction of somebody else with a number, older than every append."""
    endpoint = new_poll(api, app)
    page = poll(api, app, endpoint)
    with daemon.database() as other:
        other.autocommit = False
        other.execute("select pg_current_xact_id()")
        for _ in range(3):
            sent = api.send(app)
            page = poll(api, app, endpoint, iterator=page["iterator"])
            assert (ids(page), page["done"]) == ([sent], True)


def test_nothing_is_lost_and_the_order_stands_while_a_worker_is_killed(start):
    daemon = start(workers=2, lease="1s")
    api = daemon.api()
    app = api.new_app()
    endpoint = new_poll(api, app)
    load = Load(daemon, app, threads=6)
    over = threading.Event()
    seen = {"plain": [], "c1": [], "c2": []}
    followers = [threading.Thread(target=follow, args=(daemon, app, endpoint, name, limit, seen[name], over))
                 for name, limit in (("plain", 250), ("c1", 17), ("c2", 100))]
    for thread in followers:
        thread.start()
    for _ in range(2):
        load.wait(100)
        victim = wait_until(lambda: len(daemon.worker_pids()) == 2 and daemon.worker_pids())[0]
        kill(victim, signal.SIGKILL)
        wait_until(lambda: not alive(victim))
    load.wait(100)
    accepted = load.stop()
    over.set()
    for thread in followers:
        thread.join(60)
    order, _ = read_all(api, app, endpoint, limit=250)
    assert len(order) == len(set(order))
    assert set(accepted) <= set(order)
    # What somebody has read, in the order in which it has always been; once again only where a place was
    # not stored.
    assert seen["plain"] == order
    for name in ("c1", "c2"):
        assert list(dict.fromkeys(seen[name])) == order
    assert read_all(api, app, endpoint, limit=33)[0] == order


def follow(daemon, app, endpoint, name, limit, seen, over):
    """Reads until the senders are done and nothing is left; what breaks is tried again."""
    api, iterator = daemon.api(), None
    while True:
        ended = over.is_set()
        try:
            page = poll(api, app, endpoint, None if name == "plain" else name, iterator=iterator, limit=limit)
        except (OSError, AssertionError, ValueError, EOFError):
            continue
        except Exception as error:  # of http.client
            if type(error).__module__ != "http.client":
                raise
            continue
        iterator = page["iterator"]
        seen.extend(ids(page))
        if ended and page["done"]:
            return


def test_a_restored_database_goes_on_behind_what_was_read(start):
    """In another cluster transactions have lower numbers."""
    daemon = start(workers=1)
    api = daemon.api()
    app = api.new_app()
    endpoint = new_poll(api, app)
    api.send(app)
    page = poll(api, app, endpoint)
    with daemon.database() as db:
        # As if this were another one than that which gave these numbers, far ahead.
        db.execute("update poll_era set cluster = 1")
        db.execute("update polled set pos = pos + 1000000")
    pos, message = page["iterator"].split(".")
    iterator = f"{int(pos) + 1000000}.{message}"
    daemon.stop()
    daemon.start()
    api = daemon.api()
    sent = api.send(app)
    assert ids(poll(api, app, endpoint, iterator=iterator)) == [sent]


def test_applications_without_them_pay_nothing(api, app, daemon):
    """No row, and not the statement either."""
    def rows():
        with daemon.database() as db:
            return db.execute("select count(*) from polled").fetchone()[0]
    before = rows()
    api.send(app)
    off = new_poll(api, app, disabled=True)
    api.send(app)
    assert rows() == before and ids(poll(api, app, off)) == []


# The stock SDK.


def test_the_sdk(api, app, daemon):
    sdk = pytest.importorskip("svix.api", reason="the svix SDK is not installed")
    models = pytest.importorskip("svix.models")
    options = pytest.importorskip("svix.api.message_poller")
    svix = sdk.Svix(daemon.token, sdk.SvixOptions(server_url=daemon.url))
    endpoint = new_poll(api, app)
    sent = [api.send(app, event_type=t, channels=["c"]) for t in ("poll.x", "poll.y", "poll.x")]
    first = svix.message.poller.poll(app, endpoint, options.MessagePollerPollOptions(limit=2))
    assert ([m.id for m in first.data], first.done) == (sent[:2], False)
    assert (first.data[0].event_type, first.data[0].payload, first.data[0].channels) == (
        "poll.x", {"hello": "world"}, ["c"])
    rest = svix.message.poller.poll(app, endpoint, options.MessagePollerPollOptions(iterator=first.iterator))
    assert ([m.id for m in rest.data], rest.done) == (sent[2:], True)
    old = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    picked = svix.message.poller.poll(app, endpoint, options.MessagePollerPollOptions(
        event_type="poll.x", channel="c", after=old))
    assert [m.id for m in picked.data] == [sent[0], sent[2]]
    mine = svix.message.poller.consumer_poll(app, endpoint, "c")
    assert [m.id for m in mine.data] == sent
    svix.message.poller.consumer_poll(
        app, endpoint, "c", options.MessagePollerConsumerPollOptions(iterator=mine.iterator))
    assert svix.message.poller.consumer_poll(app, endpoint, "c").data == []
    back = svix.message.poller.consumer_seek(
        app, endpoint, "c", models.PollingEndpointConsumerSeekIn(after=old))
    assert [m.id for m in svix.message.poller.poll(
        app, endpoint, options.MessagePollerPollOptions(iterator=back.iterator)).data] == sent
    assert [m.id for m in svix.message.poller.consumer_poll(app, endpoint, "c").data] == sent


# The command line.


def test_commands(api, app, daemon):
    def run(*words):
        done = daemon.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    made = json.loads(run("polling-endpoint", "create", app, "--uid", "erp", "-c", "red", "-o", "json"))
    assert (made["uid"], made["channels"]) == ("erp", ["red"])
    assert "erp" in run("polling-endpoint", "list", app)
    run("polling-endpoint", "update", app, "erp", "--clear", "channels", "--description", "ours")
    assert json.loads(run("polling-endpoint", "get", app, "erp", "-o", "json"))["channels"] is None
    sent = [api.send(app, event_type=t) for t in ("poll.x", "poll.y")]
    first = json.loads(run("poll", app, "erp", "--limit", "1", "-o", "json"))
    assert (ids(first), first["done"]) == (sent[:1], False)
    assert ids(json.loads(run("poll", app, "erp", "--iterator", first["iterator"], "-o", "json"))) == sent[1:]
    assert ids(json.loads(run("poll", app, "erp", "-t", "poll.y", "--after", "1h", "-o", "json"))) == sent[1:]
    table = run("poll", app, "erp", "nightly")
    assert all(message in table for message in sent)
    run("poll", app, "erp", "nightly", "--iterator", first["iterator"])
    assert ids(json.loads(run("poll", app, "erp", "nightly", "-o", "json"))) == sent[1:]
    sought = json.loads(run("polling-endpoint", "seek", app, "erp", "nightly", "--after", "1h", "-o", "json"))
    assert ids(poll(api, app, "erp", iterator=sought["iterator"])) == sent
    assert daemon.run("poll", app, "erp", "nightly", "--after", "1h").returncode != 0
    run("polling-endpoint", "delete", app, "erp")
    assert daemon.run("poll", app, "erp").returncode != 0
