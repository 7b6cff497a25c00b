"""throttleRate: an endpoint and an application get no more deliveries a second than they are said to, of
all workers together, and no fewer while enough waits. Measured where they arrive."""

import concurrent.futures
import signal
import subprocess

import pytest
from harness.daemon import POSTHORND, kill
from harness.receiver import Step
from harness.wait import wait_until

pytestmark = pytest.mark.serial

SANITIZED = b"libasan" in subprocess.run(["ldd", POSTHORND], capture_output=True, check=False).stdout
LEAST = 0.5 if SANITIZED else 0.8  # of the rate
JITTER_S = 0.15  # of a busy machine, between a request's start and its arrival


def late_s(rate):
    """How late a delivery may go out: lib/policy/bucket.h."""
    return max(0.25, 1 / rate)


def most(rate, window_s):
    """What a window may see: lib/policy/bucket.h states it."""
    return rate * (window_s + 0.1 + late_s(rate) + JITTER_S) + 1


def never_above(got, rate):
    times = sorted(g.at for g in got)
    for window_s in (1, 3):
        first = 0
        for last, at in enumerate(times):
            while at - times[first] >= window_s:
                first += 1
            seen = last - first + 1
            assert seen <= most(rate, window_s), f"{seen} in {window_s} s, at {rate} a second"


def not_below(got, rate):
    times = sorted(g.at for g in got)
    took = times[-1] - times[0]
    assert took <= (len(times) - 1) / rate / LEAST + 1, f"{len(times)} took {took:.1f} s, at {rate} a second"


def flood(daemon, app, count, connections=4):
    """So many events, in batches over several connections, so that all workers have some."""
    def post(n):
        events = [{"eventType": "t", "payload": {"n": i}} for i in range(n)]
        reply = daemon.api().post(f"/app/{app}/msg/batch", events, want=202).json
        return [one["id"] for one in reply["data"]]
    parts = [count // connections + (i < count % connections) for i in range(connections)]
    with concurrent.futures.ThreadPoolExecutor(connections) as pool:
        return [id for ids in pool.map(post, [n for n in parts if n]) for id in ids]


@pytest.mark.parametrize("rate, count", [(1, 8), (20, 100), (500, 2000)])
def test_an_endpoint(daemon, api, receiver, rate, count):
    app = api.new_app()
    api.new_endpoint(app, receiver.url("/limited"), throttleRate=rate)
    api.new_endpoint(app, receiver.url("/free"))
    flood(daemon, app, count)
    receiver.wait(count, "/free", deadline_s=60)
    reached = len(receiver.got("/limited"))
    assert rate == 500 or reached < count, "others wait for a limited one"
    got = receiver.wait(count, "/limited", deadline_s=60)
    never_above(got, rate)
    not_below(got, rate)


def test_an_application_over_its_endpoints(daemon, api, receiver):
    app = api.new_app(throttleRate=30)
    paths = ["/a", "/b", "/c"]
    for path in paths:
        api.new_endpoint(app, receiver.url(path))
    flood(daemon, app, 60)
    got = receiver.wait(180, deadline_s=60)
    never_above(got, 30)
    not_below(got, 30)
    half = sorted(got, key=lambda g: g.at)[:90]
    for path in paths:
        assert sum(g.path == path for g in half) >= 20, "endpoints take turns"


def test_endpoints_with_one_delivery_each(daemon, api, receiver):
    """Several may go at once, each to another endpoint: each lets the next one go."""
    app = api.new_app(throttleRate=5000)
    for n in range(40):
        api.new_endpoint(app, receiver.url(f"/{n}"))
    api.send(app)
    receiver.wait(40, deadline_s=30)


def test_an_endpoint_of_a_limited_application(daemon, api, receiver):
    """Neither limit is exceeded, and neither keeps the other's rest from being used."""
    app = api.new_app(throttleRate=20)
    api.new_endpoint(app, receiver.url("/slow"), throttleRate=5)
    api.new_endpoint(app, receiver.url("/free"))
    flood(daemon, app, 60)
    free = receiver.wait(60, "/free", deadline_s=60)
    not_below(free, 15)
    slow = receiver.wait(60, "/slow", deadline_s=60)
    never_above(receiver.got(), 20)
    never_above(slow, 5)
    not_below(slow, 5)


def test_a_limit_that_is_changed_and_removed(daemon, api, receiver):
    app = api.new_app()
    endpoint = api.new_endpoint(app, receiver.url(), throttleRate=1)
    flood(daemon, app, 1000)
    receiver.wait(2, deadline_s=30)
    api.patch(f"/app/{app}/endpoint/{endpoint}", {"throttleRate": 100}, want=200)
    before = len(receiver.got())
    # Two seconds for the change to be known and its first lot, then at the new rate.
    receiver.wait(before + 100, deadline_s=2 + 1 / LEAST + (3 if SANITIZED else 0.5))
    assert len(receiver.got()) < 900
    api.patch(f"/app/{app}/endpoint/{endpoint}", {"throttleRate": None}, want=200)
    receiver.wait(1000, deadline_s=10 if SANITIZED else 4)
    never_above(receiver.got()[:before + 100], 100)


def test_an_application_limit_that_is_removed(daemon, api, receiver):
    app = api.new_app(throttleRate=1)
    for path in ("/a", "/b"):
        api.new_endpoint(app, receiver.url(path))
    flood(daemon, app, 200)
    receiver.wait(2, deadline_s=30)
    api.patch(f"/app/{app}", {"throttleRate": None}, want=200)
    receiver.wait(400, deadline_s=10 if SANITIZED else 4)


def test_kill_9_of_a_worker(start, receiver):
    daemon = start(workers=2, lease="2s")
    api = daemon.api()
    app = api.new_app()
    api.new_endpoint(app, receiver.url(), throttleRate=50)
    ids = flood(daemon, app, 400)
    receiver.wait(100, deadline_s=30)
    kill(daemon.worker_pids()[0], signal.SIGKILL)
    receiver.wait_ids(ids, deadline_s=60)
    got = receiver.got()
    never_above(got, 50)
    # The other one goes on at once, with all of the rate: the first 50 after the kill.
    not_below(sorted(got, key=lambda g: g.at)[100:150], 50)


def test_retries_count(daemon, api, receiver):
    app = api.new_app()
    url = receiver.script("/hook", *[Step(status=500)] * 15, 200)  # fewer than open the breaker
    api.new_endpoint(app, url, throttleRate=20, retrySchedule=[0.1, 0.1, 0.1, 0.1, 0.1])
    ids = flood(daemon, app, 40)
    got = receiver.wait(55, deadline_s=60)
    never_above(got, 20)
    wait_until(lambda: all(api.attempts(app, id)[-1]["status"] == 0 for id in ids), 30)


def test_what_ends_without_an_attempt_takes_no_turn(daemon, api, receiver):
    app = api.new_app()
    endpoint = api.new_endpoint(app, receiver.url(), throttleRate=1)
    flood(daemon, app, 60)
    receiver.wait(1, deadline_s=30)
    api.patch(f"/app/{app}/endpoint/{endpoint}", {"disabled": True}, want=200)
    wait_until(lambda: len(api.dead_letters(app)) + len(receiver.got()) >= 60, 15)


def test_overload_is_its_own_affair(start, receiver):
    """Ten times the rate, for longer than memory has room: others go on, acceptance goes on, and all
    of it is delivered in the end, at the rate."""
    daemon = start(workers=2, lease="2s", lane_max=60)
    api = daemon.api()
    app, other = api.new_app(), api.new_app()
    api.new_endpoint(app, receiver.url("/limited"), throttleRate=60)
    api.new_endpoint(other, receiver.url("/free"))
    ids = []
    for n in range(20):
        ids += flood(daemon, app, 70)
        sent = api.send(other, {"n": n})
        receiver.wait(1, "/free", id=sent, deadline_s=10)
    metrics = api.metrics()
    drained = 512  # that were parked, and are brought back to the lane (lib/send/hold_step.c)
    assert metrics["posthorn_deliveries_queued"] <= 2 * 60 + drained + 2
    assert metrics["posthorn_deliveries_spilled_total"] > 0
    assert metrics["posthorn_lanes_throttled"] >= 1
    receiver.wait_ids(ids, deadline_s=180)
    got = receiver.got("/limited")
    assert len(got) == len(ids)
    never_above(got, 60)
    wait_until(lambda: api.metrics()["posthorn_lanes_throttled"] == 0, 10)
