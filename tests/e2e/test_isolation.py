"""Promise 4: one endpoint's trouble stays its own.

The room for requests under way is small here, and what hangs does so for a minute: an endpoint that gets its
events within seconds did not wait for the others."""

import threading

import pytest
from harness.daemon import free_port
from harness.receiver import Step
from harness.wait import wait_until

pytestmark = pytest.mark.serial

EVENTS = 200
BAD = 8
TIGHT = dict(workers=1, in_flight_max=32, endpoint_in_flight_max=8, attempt_timeout="60s", lane_max=50)


@pytest.fixture
def gate():
    """What hangs waits for it."""
    one = threading.Event()
    yield one
    one.set()


def hangs(receiver, gate, i):
    return receiver.script(f"/bad{i}", Step(after=gate))


def fails_slowly(receiver, gate, i):
    return receiver.script(f"/bad{i}", Step(500, after=gate))


def drips(receiver, gate, i):
    return receiver.script(f"/bad{i}", Step(raw=b"HTTP/1.1 200 OK\r\nX-A: ", after=gate))


def refuses(_receiver, _gate, _i):
    return f"http://127.0.0.1:{free_port()}/"


def breaks(receiver, _gate, i):
    return receiver.script(f"/bad{i}", Step(reset=True))


def send(api, app, n):
    return [api.send(app, {"n": i}) for i in range(n)]


@pytest.mark.parametrize("trouble", [hangs, fails_slowly, drips, refuses, breaks])
def test_half_of_the_endpoints_in_trouble(start, receiver, gate, trouble):
    """Each event goes to all of them, so that the bad ones have far more than half of the traffic."""
    api = start(**TIGHT).api()
    app = api.new_app()
    for i in range(BAD):
        api.new_endpoint(app, trouble(receiver, gate, i))
    api.new_endpoint(app, receiver.url("/good"))
    ids = send(api, app, EVENTS)  # none is refused: api.send wants 202
    receiver.wait(EVENTS, "/good", deadline_s=30)
    assert {g.id for g in receiver.got("/good")} == set(ids)
    assert api.metrics()["posthorn_attempts_in_flight"] <= TIGHT["in_flight_max"]


def test_many_that_fall_silent_at_once(start, receiver, gate):
    """They were good, and had the windows of good ones."""
    api = start(**{**TIGHT, "in_flight_max": 64}).api()
    app, bad = api.new_app(), [f"/bad{i}" for i in range(24)]
    for path in bad:
        api.new_endpoint(app, receiver.url(path))
    api.new_endpoint(app, receiver.url("/good"))
    send(api, app, 5)
    receiver.wait(5 * (len(bad) + 1))
    for path in bad:
        receiver.script(path, Step(after=gate))
    send(api, app, EVENTS)
    receiver.wait(5 + EVENTS, "/good", deadline_s=30)


def test_what_waits_is_delivered_in_the_end(start, receiver, gate):
    """More than memory is meant to hold of it: the rest is spilled, and comes when it is due."""
    api = start(**TIGHT).api()
    app = api.new_app()
    api.new_endpoint(app, hangs(receiver, gate, 0))
    api.new_endpoint(app, receiver.url("/good"))
    ids = send(api, app, EVENTS)
    receiver.wait(EVENTS, "/good", deadline_s=30)
    assert api.metrics()["posthorn_deliveries_spilled_total"] >= EVENTS - TIGHT["lane_max"] - 8
    wait_until(lambda: api.metrics()["posthorn_lanes_silent"] == 1, 30, "the endpoint counts as silent")
    gate.set()
    wait_until(lambda: {g.id for g in receiver.got("/bad0")} == set(ids), 90, "all of it is delivered")
    wait_until(lambda: api.metrics()["posthorn_lanes_silent"] == 0, 30, "it answers")


def test_retry_after_is_for_the_endpoint(start, receiver):
    """It asked for an hour: others go on, and it is left alone."""
    api = start(**TIGHT).api()
    app = api.new_app()
    api.new_endpoint(app, receiver.script("/busy", Step(429, headers={"Retry-After": "3600"})), maxInFlight=1)
    api.new_endpoint(app, receiver.url("/good"))
    send(api, app, 20)
    receiver.wait(20, "/good")
    wait_until(lambda: api.metrics()["posthorn_lanes_quiet"] == 1, 30, "quiet")
    assert len(receiver.got("/busy")) == 1
