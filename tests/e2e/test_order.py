"""Order: of one endpoint, of one key at an endpoint, whatever fails and whoever dies. The promise: an event
that was answered before another one was posted is delivered before it (and the same one again at most in
between, as ever)."""

import itertools
import json
import os
import signal
import threading

import pytest
from harness.receiver import Receiver, Step
from harness.wait import wait_until

PATH = "/hook"


class Choosy(Receiver):
    """Answers by what it got: `choose(n)` of the payload's n, or of (key, n)."""

    choose = staticmethod(lambda payload, seen: 200)

    def __init__(self):
        super().__init__()
        self._seen = {}

    def _record(self, got):
        super()._record(got)
        with self._changed:
            payload = json.loads(got.body)
            seen = self._seen[got.id] = self._seen.get(got.id, 0) + 1
            got.answered = self.choose(payload, seen)
            return Step(status=got.answered)

    def delivered(self, key=None):
        """Numbers of what was answered with 200, in order; a repetition right behind the first is one."""
        numbers = [json.loads(g.body)["n"] for g in self.got(PATH) if g.answered == 200
                   and (key is None or json.loads(g.body)["key"] == key)]
        return [n for n, _ in itertools.groupby(numbers)]


@pytest.fixture
def choosy():
    one = Choosy()
    yield one
    one.stop()


@pytest.fixture
def node(start):
    def make(workers=2, **settings):
        quick = {"lease": "1s", "probe_min": "100ms", "probe_max": "400ms", **settings}
        daemon = start(workers=workers, **quick)
        api = daemon.api()
        return daemon, api, api.new_app()
    return make


def post(api, app, n, key=None):
    """On a connection of its own, so that the workers take turns."""
    body = {"eventType": "t", "payload": {"n": n, "key": key}}
    if key is not None:
        body["orderingKey"] = key
    return api.call("POST", f"/app/{app}/msg", body, want=202, headers={"Connection": "close"}).json["id"]


def surely(api, app, n, key=None):
    """Until it is accepted, with one Idempotency-Key."""
    body = {"eventType": "t", "payload": {"n": n, "key": key}, **({"orderingKey": key} if key else {})}

    def once():
        try:
            reply = api.call("POST", f"/app/{app}/msg", body,
                             headers={"Connection": "close", "Idempotency-Key": f"{key}-{n}"})
        except Exception as error:
            raise OSError from error
        return reply.status == 202
    wait_until(once, 60, "it is accepted")


def in_order(choosy, n, key=None, deadline_s=60):
    wait_until(lambda: len(choosy.delivered(key)) >= n, deadline_s, f"all of {key} has arrived")
    assert choosy.delivered(key) == list(range(n))


@pytest.mark.parametrize("policy", ["deadLetter", "block"])
def test_an_endpoints_order(node, choosy, policy):
    """Two workers take the events, some of which fail at first."""
    daemon, api, app = node()
    choosy.choose = lambda payload, seen: 500 if payload["n"] % 5 == 2 and seen <= 2 else 200
    api.new_endpoint(app, choosy.url(PATH), ordering="endpoint", headOfLine=policy,
                     retrySchedule=[0.05, 0.05, 0.1, 0.1])
    ids = [post(api, app, n) for n in range(40)]
    in_order(choosy, 40)
    assert [g.id for g in choosy.got(PATH) if g.answered == 200] == ids
    assert api.dead_letters(app) == []


def test_without_an_order_others_go_on(node, choosy):
    """The counterpart: the same without ordering is out of order."""
    daemon, api, app = node()
    choosy.choose = lambda payload, seen: 500 if payload["n"] == 0 and seen == 1 else 200
    api.new_endpoint(app, choosy.url(PATH), retrySchedule=[1])
    for n in range(5):
        post(api, app, n)
    wait_until(lambda: len(choosy.delivered()) == 5, 20)
    assert choosy.delivered()[-1] == 0


def test_a_keys_order(node, choosy):
    """A key that fails holds up its own events only; those without a key have no order."""
    daemon, api, app = node()
    failing = threading.Event()
    failing.set()
    choosy.choose = lambda payload, seen: 500 if payload["key"] == "a" and failing.is_set() else 200
    api.new_endpoint(app, choosy.url(PATH), ordering="key", headOfLine="block", retrySchedule=[0.1])
    for n in range(10):
        for key in ("a", "b", "c"):
            post(api, app, n, key)
    free = [post(api, app, n) for n in range(3)]
    in_order(choosy, 10, "b")
    in_order(choosy, 10, "c")
    choosy.wait_ids(free)
    with daemon.database() as db:
        assert db.execute("select count(*) from parked").fetchone()[0] == 30  # not those without a key
        assert db.execute("select count(distinct key) from parked").fetchone()[0] == 3
    assert choosy.delivered("a") == []
    tried = {json.loads(g.body)["n"] for g in choosy.got(PATH) if json.loads(g.body)["key"] == "a"}
    assert tried == {0}, "only the oldest of the key is tried"
    assert api.dead_letters(app) == []
    failing.clear()
    in_order(choosy, 10, "a")


def test_what_is_exhausted_lets_the_next_one_go(node, choosy):
    daemon, api, app = node()
    choosy.choose = lambda payload, seen: 500 if payload["n"] in (0, 3) else 200
    endpoint = api.new_endpoint(app, choosy.url(PATH), ordering="endpoint", retrySchedule=[0.05, 0.05])
    ids = [post(api, app, n) for n in range(6)]
    wait_until(lambda: choosy.delivered() == [1, 2, 4, 5], 30)
    letters = wait_until(lambda: len(found := api.dead_letters(app)) == 2 and found, 20)
    assert {x["msgId"] for x in letters} == {ids[0], ids[3]}
    assert {(x["reason"], x["eventType"]) for x in letters} == {("exhausted", "t")}
    standing = {m: api.list(f"/app/{app}/msg/{m}/endpoint")[0]["status"] for m in ids}
    assert [standing[m] for m in ids] == [2, 0, 0, 2, 0, 0]
    assert api.get(f"/app/{app}/endpoint/{endpoint}").json["waiting"] == 0


def test_the_head_of_a_line_that_blocks_is_never_given_up(node, choosy):
    daemon, api, app = node()
    failing = threading.Event()
    failing.set()
    choosy.choose = lambda payload, seen: 500 if payload["n"] == 0 and failing.is_set() else 200
    endpoint = api.new_endpoint(app, choosy.url(PATH), ordering="endpoint", headOfLine="block",
                                retrySchedule=[0.05])
    ids = [post(api, app, n) for n in range(4)]
    choosy.wait(8, PATH)
    assert choosy.delivered() == [] and api.dead_letters(app) == []
    # It is tried, the others wait; none has failed.
    status = [api.list(f"/app/{app}/msg/{m}/endpoint")[0]["status"] for m in ids]
    assert status == [3, 1, 1, 1]
    assert api.get(f"/app/{app}/endpoint/{endpoint}").json["waiting"] == 4
    failing.clear()
    in_order(choosy, 4)


@pytest.mark.parametrize("policy", ["deadLetter", "block"])
@pytest.mark.parametrize("ordering", ["endpoint", "key"])
def test_order_survives_kills(node, choosy, ordering, policy):
    """kill -9 of one worker after the other while three producers post and the receiver fails often."""
    daemon, api, app = node()
    choosy.choose = lambda payload, seen: 500 if payload["n"] % 7 == 3 and seen <= 2 else 200
    api.new_endpoint(app, choosy.url(PATH), ordering=ordering, headOfLine=policy,
                     retrySchedule=[0.05, 0.05, 0.1, 0.1, 0.2, 0.5, 1, 1, 1])
    keys, n = ("a", "b", "c"), 60

    def produce(key):
        mine = daemon.api()
        for i in range(n):
            surely(mine, app, i, key)

    producers = [threading.Thread(target=produce, args=(key,), daemon=True) for key in keys]
    for thread in producers:
        thread.start()
    for turn in range(1, 4):
        wait_until(lambda: sum(len(choosy.delivered(k)) for k in keys) >= 25 * turn, 60)
        victim = wait_until(lambda: len(daemon.worker_pids()) == 2 and daemon.worker_pids(), 30)[turn % 2]
        os.kill(victim, signal.SIGKILL)
    for thread in producers:
        thread.join(120)
    for key in keys:
        in_order(choosy, n, key)
    assert api.dead_letters(app) == []


def test_order_survives_the_end_of_everything(node, choosy):
    """kill -9 of all, PostgreSQL included, with a head that is being tried."""
    daemon, api, app = node()
    failing = threading.Event()
    failing.set()
    choosy.choose = lambda payload, seen: 500 if failing.is_set() else 200
    api.new_endpoint(app, choosy.url(PATH), ordering="endpoint", headOfLine="block", retrySchedule=[0.1])
    for n in range(20):
        post(api, app, n)
    choosy.wait(2, PATH)
    daemon.kill_all()
    daemon.start()
    for n in range(20, 30):
        surely(api, app, n)
    failing.clear()
    in_order(choosy, 30)


def test_a_batch_has_its_order(node, choosy):
    daemon, api, app = node()
    api.new_endpoint(app, choosy.url(PATH), ordering="key")
    items = [{"eventType": "t", "payload": {"n": n, "key": key}, "orderingKey": key}
             for n in range(60) for key in ("a", "b")]
    items.insert(3, {"eventType": "t", "payload": {}, "orderingKey": ""})
    reply = api.post(f"/app/{app}/msg/batch", items, want=202).json
    assert (reply["accepted"], reply["refused"]) == (120, 1)
    assert reply["data"][3]["detail"][0]["loc"] == ["body", "orderingKey"]
    in_order(choosy, 60, "a")
    in_order(choosy, 60, "b")


def test_a_pause_keeps_the_order(node, choosy):
    daemon, api, app = node()
    endpoint = api.new_endpoint(app, choosy.url(PATH), ordering="endpoint", paused=True)
    for n in range(10):
        post(api, app, n)
    path = f"/app/{app}/endpoint/{endpoint}"
    wait_until(lambda: api.get(path).json["waiting"] == 10, 20)
    assert not choosy.got(PATH)
    api.patch(path, {"paused": False}, want=200)
    for n in range(10, 20):
        post(api, app, n)
    in_order(choosy, 20)


def test_an_open_breaker_keeps_the_order(node, choosy):
    daemon, api, app = node()
    failing = threading.Event()
    failing.set()
    choosy.choose = lambda payload, seen: 503 if failing.is_set() else 200
    endpoint = api.new_endpoint(app, choosy.url(PATH), ordering="key", headOfLine="block",
                                retrySchedule=[0.05])
    for n in range(10):
        for key in ("a", "b"):
            post(api, app, n, key)
    path = f"/app/{app}/endpoint/{endpoint}"
    wait_until(lambda: api.get(path).json["deliveryState"] == "failing", 30, "the breaker is open")
    failing.clear()
    in_order(choosy, 10, "a")
    in_order(choosy, 10, "b")


def test_order_that_begins_and_ends(node, choosy):
    """Whatever the moment, each event arrives, and none is left behind."""
    daemon, api, app = node()
    endpoint = api.new_endpoint(app, choosy.url(PATH))
    path, numbers = f"/app/{app}/endpoint/{endpoint}", itertools.count()
    ids = []
    for ordering in ("endpoint", None, "key", "endpoint", "key", None) * 2:
        ids += [post(api, app, next(numbers), "k") for _ in range(5)]
        api.patch(path, {"ordering": ordering}, want=200)
        ids += [post(api, app, next(numbers), "k") for _ in range(5)]
    choosy.wait_ids(ids, 60)
    wait_until(lambda: api.get(path).json["deliveryState"] == "active", 30, "nothing is left to be drained")
    assert len(choosy.got(PATH)) == len(ids)


@pytest.mark.parametrize("key, status", [("x", 202), ("é" * 256, 202), ("😀" * 256, 202),
                                         (None, 202), ("", 422), ("x" * 257, 422), (1, 422), (["x"], 422),
                                         ({}, 422), (True, 422)])
def test_keys(api, app, key, status):
    reply = api.post(f"/app/{app}/msg", {"eventType": "t", "payload": {}, "orderingKey": key}, want=status)
    if status == 422:
        assert reply.json["detail"][0]["loc"] == ["body", "orderingKey"]
    else:
        assert "orderingKey" not in reply.json
