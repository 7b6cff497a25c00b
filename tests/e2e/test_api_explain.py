"""GET /app/{app}/msg/{msg}/explain: where a message is, endpoint by endpoint, and what comes next."""

import json
import subprocess

import pytest
from harness.daemon import POSTHORN
from harness.wait import wait_until


def explain(api, app, message):
    return {row["endpointId"]: row for row in api.list(f"/app/{app}/msg/{message}/explain")}


def settled(api, app, message, endpoint, state):
    """The row once it is in that state."""
    wait_until(lambda: explain(api, app, message)[endpoint]["state"] == state, 30, state)
    return explain(api, app, message)[endpoint]


def test_why_it_was_not_matched(api, app, receiver):
    def endpoint(**fields):
        return api.new_endpoint(app, receiver.url(), **fields)

    taken = endpoint(channels=["north", "south"], eventTypes=None)
    types = endpoint()
    api.post("/event-type", {"name": "other.thing", "description": ""}, want=(201, 409))
    api.patch(f"/app/{app}/endpoint/{types}", {"eventTypes": ["other.thing"]}, want=200)
    channels = endpoint(channels=["west"])
    disabled = endpoint(disabled=True)
    changed = endpoint(disabled=True)
    message = api.send(app, channels=["north"], eventId="order-7")
    later = endpoint()
    gone_unseen = endpoint()
    api.delete(f"/app/{app}/endpoint/{gone_unseen}")
    api.patch(f"/app/{app}/endpoint/{changed}", {"disabled": False}, want=200)
    row = settled(api, app, message, taken, "delivered")
    assert row["matched"] and row["attempts"] == 1 and row["reason"] is None and row["next"] is None
    assert row["lastAttempt"]["responseStatusCode"] == 200 and row["url"] == receiver.url()
    told = explain(api, app, "order-7")
    assert {e: (r["state"], r["matched"], r["reason"]) for e, r in told.items() if e != taken} == {
        types: ("notMatched", False, "eventType"),
        channels: ("notMatched", False, "channel"),
        disabled: ("notMatched", False, "disabled"),
        changed: ("notMatched", False, "changedSince"),
        later: ("notMatched", False, "createdLater"),
    }
    assert "user.created" in told[types]["explanation"]
    assert "changed since" in told[changed]["explanation"]
    plain = api.send(app)
    assert "the message has none" in explain(api, app, plain)[channels]["explanation"]


def test_a_deleted_endpoint_that_had_attempts_is_told(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.url())
    message = api.send(app)
    settled(api, app, message, endpoint, "delivered")
    api.delete(f"/app/{app}/endpoint/{endpoint}")
    row = explain(api, app, message)[endpoint]
    assert row["deleted"] and row["state"] == "delivered" and row["attempts"] == 1


def test_retrying_tells_when(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/fail", 500), retrySchedule=[0.05, 3600])
    message = api.send(app)
    row = settled(api, app, message, endpoint, "retrying")
    wait_until(lambda: explain(api, app, message)[endpoint]["attempts"] == 2, 30, "the second attempt")
    row = explain(api, app, message)[endpoint]
    assert row["lastAttempt"]["responseStatusCode"] == 500 and "answer was 500" in row["explanation"]
    assert row["next"][:16] in row["explanation"]
    standing = api.list(f"/app/{app}/msg/{message}/endpoint")[0]
    assert row["next"] == standing["nextAttempt"]


def test_a_dead_letter_tells_why(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/fail", 500, 500, 200), retrySchedule=[0.05])
    message = api.send(app)
    row = settled(api, app, message, endpoint, "deadLetter")
    assert row["reason"] == "exhausted" and row["attempts"] == 2 and row["next"] is None
    letter = api.dead_letters(app)[0]["id"]
    assert row["deadLetterId"] == letter
    api.post(f"/app/{app}/dead-letter/{letter}/replay", want=(200, 202, 204))
    assert settled(api, app, message, endpoint, "delivered")["attempts"] == 3


def test_paused_and_in_order(api, app, receiver):
    paused = api.new_endpoint(app, receiver.url("/paused"), paused=True)
    ordered = api.new_endpoint(app, receiver.script("/order", 500), ordering="endpoint",
                               retrySchedule=[3600])
    first, second = api.send(app), api.send(app)
    row = settled(api, app, first, paused, "waiting")
    assert row["reason"] == "paused" and row["attempts"] == 0 and "paused" in row["explanation"]
    assert settled(api, app, first, ordered, "retrying")["attempts"] == 1
    row = settled(api, app, second, ordered, "waiting")
    assert row["reason"] == "order" and row["attempts"] == 0
    api.patch(f"/app/{app}/endpoint/{paused}", {"paused": False}, want=200)
    settled(api, app, first, paused, "delivered")


def test_a_failing_endpoint_names_its_probe(start, receiver):
    daemon = start(workers=1, breaker_failures=3, probe_min="30s")
    api = daemon.api()
    app = api.new_app()
    endpoint = api.new_endpoint(app, receiver.script("/fail", 500), retrySchedule=[3600])
    for _ in range(6):
        api.send(app)
    wait_until(lambda: api.get(f"/app/{app}/endpoint/{endpoint}").json["deliveryState"] == "failing", 30)
    message = api.send(app)
    row = settled(api, app, message, endpoint, "waiting")
    assert row["reason"] == "breaker" and "keeps failing" in row["explanation"]
    assert row["next"] == api.get(f"/app/{app}/endpoint/{endpoint}").json["nextProbeAt"]


def test_disabled_while_it_was_retried(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/fail", 500), retrySchedule=[3600])
    message = api.send(app)
    settled(api, app, message, endpoint, "retrying")
    api.patch(f"/app/{app}/endpoint/{endpoint}", {"disabled": True}, want=200)
    row = explain(api, app, message)[endpoint]
    assert (row["state"], row["reason"], row["next"]) == ("failed", "disabled", None)


def test_pages_and_what_is_not_there(api, app, receiver):
    endpoints = [api.new_endpoint(app, receiver.url()) for _ in range(5)]
    message = api.send(app)
    first = api.get(f"/app/{app}/msg/{message}/explain?limit=2").json
    assert [r["endpointId"] for r in first["data"]] == endpoints[:2] and not first["done"]
    assert [r["endpointId"] for r in api.list(f"/app/{app}/msg/{message}/explain", limit=2)] == endpoints
    api.get(f"/app/{app}/msg/msg_missing/explain", want=404)
    api.get(f"/app/{api.new_app()}/msg/{message}/explain", want=404)
    empty = api.new_app()
    message = api.send(empty)
    assert api.get(f"/app/{empty}/msg/{message}/explain").json == {
        "data": [], "iterator": None, "done": True}


@pytest.mark.parametrize("form", ["table", "json"])
def test_command(daemon, api, app, receiver, form):
    endpoint = api.new_endpoint(app, receiver.url())
    message = api.send(app)
    settled(api, app, message, endpoint, "delivered")
    done = subprocess.run(
        [POSTHORN, "message", "explain", app, message, "-o", form, "--url", f"http://127.0.0.1:{daemon.port}"],
        env={"POSTHORN_TOKEN": daemon.token}, capture_output=True, text=True, timeout=60, check=True)
    if form == "json":
        assert json.loads(done.stdout)[0]["state"] == "delivered"
    else:
        assert "EXPLANATION" in done.stdout and "Delivered at" in done.stdout and endpoint in done.stdout
