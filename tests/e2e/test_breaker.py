"""A failing endpoint is parked, not hammered: its breaker opens, probes go out at growing intervals, and
what is parked is drained when one works. Held by whoever owns its slot, through crashes and restarts."""

import collections
import os
import signal
import threading

import pytest
from harness.receiver import Step
from harness.wait import wait_until

PATH = "/hook"
TRIPS_AFTER = 20  # breaker_failures


@pytest.fixture
def node(start):
    """node(workers=…): a daemon with quick probes and its application."""
    def make(workers=2, **settings):
        quick = {"lease": "1s", "probe_min": "100ms", "probe_max": "400ms", **settings}
        daemon = start(workers=workers, **quick)
        api = daemon.api()
        return daemon, api, api.new_app()
    return make


def endpoint(api, app, url, **fields):
    return api.post(f"/app/{app}/endpoint", {"url": url, **fields}, want=201).json["id"]


def post(api, app, n, first=0):
    return [api.post(f"/app/{app}/msg", {"eventType": "t", "payload": {"n": first + i}}, want=202).json["id"]
            for i in range(n)]


def states(daemon):
    with daemon.database() as db:
        return [row[0] for row in db.execute("select state from hold order by endpoint_id")]


def count(daemon, what):
    with daemon.database() as db:
        return db.execute(f"select count(*) from {what}").fetchone()[0]


def delivered(receiver, path=PATH):
    """The ids that were answered with 200, in order."""
    return [g.id for g in receiver.got(path) if g.answered == 200]


def opened(daemon, api, app, receiver, events=TRIPS_AFTER + 5):
    """Events for an endpoint that answers 500, until its breaker is open."""
    ids = post(api, app, events)
    wait_until(lambda: states(daemon) == [1], 20, "the breaker is open")
    return ids


def test_a_failing_endpoint_costs_probes_and_not_attempts(node, receiver):
    daemon, api, app = node()
    endpoint(api, app, receiver.script(PATH, 500))
    ids = opened(daemon, api, app, receiver)
    wait_until(lambda: count(daemon, "parked") > 0, 10, "the rest is parked")
    ids += post(api, app, 200, len(ids))
    wait_until(lambda: count(daemon, "parked") >= 200, 10, "what is new is parked")
    with daemon.database() as db:
        probes = db.execute("select probes from hold").fetchone()[0]
    # 20 that tripped it, what was in flight then, and probes.
    assert count(daemon, "attempt") <= TRIPS_AFTER + 20 + probes + 5
    assert delivered(receiver) == []

    receiver.script(PATH, 200)
    wait_until(lambda: set(delivered(receiver)) >= set(ids), 40, "all of it is delivered")
    wait_until(lambda: states(daemon) == [0], 20, "the hold is closed")
    assert not [i for i, n in collections.Counter(delivered(receiver)).items() if n > 1]
    # From here on deliveries go their usual way.
    parked = count(daemon, "parked")
    more = post(api, app, 5)
    receiver.wait_ids(more, 10)
    assert count(daemon, "parked") == parked


def test_probes_come_at_growing_intervals(node, receiver):
    daemon, api, app = node(probe_min="100ms", probe_max="2s")
    endpoint(api, app, receiver.script(PATH, 500))
    opened(daemon, api, app, receiver)
    post(api, app, 20)
    wait_until(lambda: count(daemon, "hold where probes >= 5") == 1, 20, "five probes failed")
    times = [g.at for g in receiver.got(PATH)][-4:]
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert gaps[-1] > gaps[0] * 1.5, gaps


def test_the_oldest_go_first_and_new_ones_are_not_held_up(node, receiver):
    """A long queue is drained at drain_rate; an event that comes meanwhile overtakes it."""
    daemon, api, app = node(drain_rate=20)
    endpoint(api, app, receiver.script(PATH, 500))
    opened(daemon, api, app, receiver)
    old = post(api, app, 150)
    wait_until(lambda: count(daemon, "parked") >= 150, 20, "they are parked")
    receiver.script(PATH, 200)
    wait_until(lambda: states(daemon) == [2], 20, "it drains")
    wait_until(lambda: len(delivered(receiver)) >= 20, 20, "it has begun to drain")
    fresh = post(api, app, 1)[0]
    receiver.wait(id=fresh, deadline_s=10)
    assert set(old) - set(delivered(receiver)), "nothing was left to be overtaken"
    wait_until(lambda: set(delivered(receiver)) >= set(old), 40, "all of it is delivered")
    # Oldest first, but for a few at a time that are on their way together.
    order = [old.index(i) for i in delivered(receiver) if i in old]
    late = max(seen - now for seen, now in zip(_running_max(order), order))
    assert late < 64, late


def _running_max(numbers):
    top = 0
    for n in numbers:
        top = max(top, n)
        yield top


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_hold_survives_its_keeper(node, receiver, end):
    """kill -9 of everything, or a graceful restart: parked stays parked, and is drained later."""
    daemon, api, app = node(disable_after="1h")
    endpoint(api, app, receiver.script(PATH, 500))
    ids = opened(daemon, api, app, receiver) + post(api, app, 50)
    wait_until(lambda: count(daemon, "parked") >= 50, 20, "they are parked")
    with daemon.database() as db:
        since = db.execute("select failing_since from hold").fetchone()[0]
    if end == "kill":
        daemon.kill_all()
    else:
        assert daemon.stop() == 0
    daemon.start()
    before = len(receiver.got(PATH))
    receiver.wait(before + 1, PATH, deadline_s=20)  # the next keeper probes
    with daemon.database() as db:
        again = db.execute("select failing_since from hold").fetchone()[0]
    assert abs((again - since).total_seconds()) < 2, "the streak began anew"
    receiver.script(PATH, 200)
    wait_until(lambda: set(delivered(receiver)) >= set(ids), 60, "all of it is delivered")
    wait_until(lambda: states(daemon) == [0], 20, "the hold is closed")


def test_the_keeper_dies_and_the_other_worker_takes_over(node, receiver):
    daemon, api, app = node(workers=2)
    endpoint(api, app, receiver.script(PATH, 500))
    ids = opened(daemon, api, app, receiver) + post(api, app, 50)
    for _ in range(2):
        victim = wait_until(daemon.worker_pids, 20, "a worker")[0]
        os.kill(victim, signal.SIGKILL)
        before = len(receiver.got(PATH))
        receiver.wait(before + 3, PATH, deadline_s=30)
    receiver.script(PATH, 200)
    wait_until(lambda: set(delivered(receiver)) >= set(ids), 60, "all of it is delivered")


def test_nothing_but_failures_for_long_disables_it(node, receiver):
    daemon, api, app = node(disable_after="3s")
    path = f"/app/{app}/endpoint"
    ep = endpoint(api, app, receiver.script(PATH, 500))
    ids = opened(daemon, api, app, receiver) + post(api, app, 30)
    wait_until(lambda: api.get(f"{path}/{ep}").json["disabled"], 30, "it is disabled")
    with daemon.database() as db:
        assert db.execute("select disabled_reason from endpoint").fetchone()[0] == "failing"
    # What was parked ends, and says why.
    wait_until(lambda: states(daemon) == [0], 30, "the hold is closed")
    letters = api.get(f"/app/{app}/dead-letter?limit=250").json["data"]
    reasons = collections.Counter(letter["reason"] for letter in letters)
    assert reasons["disabled"] >= 30, reasons
    assert {letter["eventType"] for letter in letters} == {"t"}
    wait_until(lambda: count(daemon, "dead_letter") == len(ids), 30, "each is a dead letter")
    # Enabled again it is as new.
    receiver.script(PATH, 200)
    api.patch(f"{path}/{ep}", {"disabled": False}, want=200)
    receiver.wait_ids(post(api, app, 3), 10)


def test_success_ends_a_streak(node, receiver):
    """Twice nearly as long as disable_after, with a success between: not disabled."""
    daemon, api, app = node(disable_after="6s")
    ep = endpoint(api, app, receiver.script(PATH, 500))
    opened(daemon, api, app, receiver)
    receiver.script(PATH, 200)
    wait_until(lambda: states(daemon) == [0], 30, "the hold is closed")
    receiver.script(PATH, 500)
    post(api, app, TRIPS_AFTER + 5)
    wait_until(lambda: states(daemon) == [1], 30, "the breaker is open again")
    with daemon.database() as db:
        age = db.execute("select extract(epoch from now() - failing_since) from hold").fetchone()[0]
    assert age < 5, age
    assert not api.get(f"/app/{app}/endpoint/{ep}").json["disabled"]


def test_what_waits_for_too_long_expires(node, receiver):
    daemon, api, app = node(hold_max="3s", probe_min="30s", probe_max="30s")
    endpoint(api, app, receiver.script(PATH, 500), retrySchedule=[3600])
    opened(daemon, api, app, receiver)
    post(api, app, 20)
    wait_until(lambda: count(daemon, "dead_letter where reason = 6") >= 20, 30, "they have expired")
    assert states(daemon) == [1]


@pytest.mark.parametrize("change,reason", [("delete", "deleted"), ("disable", "disabled")])
def test_an_endpoint_that_ends_while_it_fails(node, receiver, change, reason):
    daemon, api, app = node()
    ep = endpoint(api, app, receiver.script(PATH, 500), retrySchedule=[3600])
    opened(daemon, api, app, receiver)
    post(api, app, 30)
    wait_until(lambda: count(daemon, "parked") >= 30, 20, "they are parked")
    if change == "delete":
        api.delete(f"/app/{app}/endpoint/{ep}", want=204)
    else:
        api.patch(f"/app/{app}/endpoint/{ep}", {"disabled": True}, want=200)
    wait_until(lambda: count(daemon, "dead_letter") >= 30, 30, "they are dead letters")
    letters = api.get(f"/app/{app}/dead-letter?limit=250").json["data"]
    assert {letter["reason"] for letter in letters} == {reason}
    wait_until(lambda: states(daemon) in ([0], []), 30, "the hold is closed")


def test_by_hand_it_is_tried_at_once(node, receiver):
    daemon, api, app = node(probe_min="60s", probe_max="60s")
    ep = endpoint(api, app, receiver.script(PATH, 500))
    ids = opened(daemon, api, app, receiver)
    before = len(receiver.got(PATH))
    api.post(f"/app/{app}/msg/{ids[0]}/endpoint/{ep}/resend", {}, want=202)
    receiver.wait(before + 1, PATH, deadline_s=10)


def test_mixed_answers_trip_nothing(node, receiver):
    """Never so many failures in a row."""
    daemon, api, app = node()
    endpoint(api, app, receiver.cycle(PATH, 500, 200, 500, 500), retrySchedule=[0.05, 0.05, 0.1])
    ids = post(api, app, 120)
    wait_until(lambda: len(set(delivered(receiver))) + count(daemon, "dead_letter") >= len(ids), 40,
               "each has ended")
    assert states(daemon) == []


def test_an_outage_of_many_ends_without_a_herd(node, receiver):
    """Ten endpoints of one receiver fail, and come back: the first second after that brings a few
    requests for each, not all that waits."""
    daemon, api, app = node(probe_min="300ms", probe_max="600ms")
    paths = [f"/many/{i}" for i in range(10)]
    for path in paths:
        endpoint(api, app, receiver.script(path, 500))
    ids = post(api, app, 60)
    wait_until(lambda: states(daemon) == [1] * 10, 40, "all breakers are open")
    wait_until(lambda: count(daemon, "parked") >= 200, 20, "most is parked")
    for path in paths:
        receiver.script(path, 200)
    wait_until(lambda: all(len(set(delivered(receiver, p))) == len(ids) for p in paths), 60,
               "all of it is delivered")
    for path in paths:
        times = [g.at for g in receiver.got(path) if g.answered == 200]
        first = sum(t < times[0] + 0.5 for t in times)
        assert first <= 15, (path, first)


def test_what_finds_no_room_is_parked(node, receiver):
    """An endpoint that is slow and not down: what its lane has no room for waits in the table, and goes out
    as soon as the lane takes it; not by timers."""
    daemon, api, app = node(workers=1, lane_max=20, endpoint_in_flight_max=2)
    posted = threading.Event()
    endpoint(api, app, receiver.script(PATH, *[Step(after=posted)] * 2, Step(after=Pause(0.02))))
    ids = post(api, app, 400)
    posted.set()
    wait_until(lambda: set(delivered(receiver)) >= set(ids), 60, "all of it is delivered")
    wait_until(lambda: states(daemon) == [0], 20, "the hold is closed")
    assert count(daemon, "parked") > 100
    assert count(daemon, "retry") < 150
    assert len(delivered(receiver)) == len(ids)


class Pause:
    """Something to wait for that comes after a while."""

    def __init__(self, seconds):
        self._seconds = seconds

    def wait(self, _):
        threading.Event().wait(self._seconds)


def test_a_body_stays_the_producers(node, receiver):
    """What was parked is read back from the table."""
    daemon, api, app = node()
    endpoint(api, app, receiver.script(PATH, 500))
    opened(daemon, api, app, receiver)
    payload = b'{"n":1.10,"big":18446744073709551616 , "b":[ ]}'
    body = b'{"eventType":"t","payload":' + payload + b"}"
    msg = api.call("POST", f"/app/{app}/msg", body, want=202).json["id"]
    receiver.script(PATH, 200)
    got = [g for g in receiver.wait(1, PATH, id=msg, deadline_s=30) if g.answered == 200]
    assert got and got[-1].body == payload


def test_what_was_under_way_when_it_opened_is_no_probe(node, receiver):
    """The first events of several keys fail at once: that is one outage, not as many probes that failed."""
    daemon, api, app = node(workers=1, breaker_failures=1, probe_min="2s", probe_max="1h")
    gate = threading.Event()
    endpoint(api, app, receiver.script(PATH, 200), ordering="key", retrySchedule=[0.1] * 20)
    items = [{"eventType": "t", "payload": {}, "orderingKey": f"k{n % 8}"} for n in range(400)]
    api.post(f"/app/{app}/msg/batch", items, want=202)
    wait_until(lambda: len(delivered(receiver)) == 400, 30, "its window is wide")
    receiver.script(PATH, Step(500, after=gate))
    ids = [row["id"] for row in api.post(f"/app/{app}/msg/batch", items[:8], want=202).json["data"]]
    receiver.wait(407, PATH)
    gate.set()
    wait_until(lambda: states(daemon) == [1], 20, "the breaker is open")
    receiver.script(PATH, 200)
    wait_until(lambda: set(delivered(receiver)) >= set(ids), 40, "all of it is delivered")
