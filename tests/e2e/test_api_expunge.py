"""Asking before sending, and payloads forgotten by the hundred."""

import pytest
from harness.wait import wait_until

EXPIRED = {"expired": True}


def precheck(api, app, event_type, channels=None, want=200):
    """The answer, which both forms of the question have to give."""
    body = {"eventType": event_type, **({"channels": channels} if channels else {})}
    asked = api.post(f"/app/{app}/msg/precheck/active", body, want=want)
    query = f"eventType={event_type}" + "".join(f"&channels={c}" for c in channels or [])
    assert api.get(f"/app/{app}/msg/precheck/active?{query}", want=want).status == asked.status
    if want != 200:
        return None
    assert api.get(f"/app/{app}/msg/precheck/active?{query}").json == asked.json
    return asked.json["active"]


def test_precheck(api, app, receiver):
    assert precheck(api, app, "a.b") is False
    api.post("/event-type", {"name": "precheck.one", "description": ""}, want=(201, 409))
    one = api.new_endpoint(app, receiver.url(), eventTypes=["precheck.one"], channels=["north"])
    assert precheck(api, app, "precheck.one", ["south", "north"]) is True
    assert precheck(api, app, "precheck.one", ["south"]) is False
    assert precheck(api, app, "precheck.one") is False and precheck(api, app, "other", ["north"]) is False
    api.patch(f"/app/{app}/endpoint/{one}", {"disabled": True}, want=200)
    assert precheck(api, app, "precheck.one", ["north"]) is False
    everything = api.new_endpoint(app, receiver.url(), paused=True)
    assert precheck(api, app, "whatever") is True
    api.delete(f"/app/{app}/endpoint/{everything}")
    assert precheck(api, app, "whatever") is False


def test_precheck_knows_those_who_poll(api, app):
    poller = api.post(f"/app/{app}/polling-endpoint", {"channels": ["north"]}, want=201).json["id"]
    assert precheck(api, app, "a", ["north"]) is True and precheck(api, app, "a") is False
    api.patch(f"/app/{app}/polling-endpoint/{poller}", {"disabled": True}, want=200)
    assert precheck(api, app, "a", ["north"]) is False


def test_precheck_of_what_is_wrong(api, app):
    precheck(api, "app_missing", "a", want=404)
    precheck(api, app, "a%20b", want=422)
    path = f"/app/{app}/msg/precheck/active"
    for body, field in (({}, "eventType"), ({"eventType": "a b"}, "eventType"),
                        ({"eventType": "a", "channels": ["/"]}, "channels"), ({"eventType": 1}, "eventType")):
        assert api.post(path, body, want=422).json["detail"][0]["loc"][:2] == ["body", field]
    api.get(path, want=422)
    api.get(f"{path}?eventType=a&channels=ok&channels=%2F", want=422)
    query = "&".join(f"channels=c{n}" for n in range(11))
    api.get(f"{path}?eventType=a&{query}", want=422)


def test_some_payloads_are_forgotten(api, app):
    made = [api.send(app, {"n": n}, eventId=f"e-{n}") for n in range(4)]
    other = api.send(api.new_app(), {"n": 5})
    asked = ["e-0", made[1], made[1], "never", "msg_missing", other]
    reply = api.post(f"/app/{app}/msg/bulk-expunge", {"ids": asked}, want=200).json
    assert reply == {"results": {"e-0": "expunged", made[1]: "expunged", "never": "not-found",
                                 "msg_missing": "not-found", other: "not-found"}}
    payloads = [api.get(f"/app/{app}/msg/{m}").json["payload"] for m in made]
    assert payloads == [EXPIRED, EXPIRED, {"n": 2}, {"n": 3}]
    again = api.post(f"/app/{app}/msg/bulk-expunge", {"ids": ["e-0"]}, want=200).json
    assert again == {"results": {"e-0": "expunged"}}


def test_nothing_is_forgotten_when_nothing_is_named(api, app):
    message = api.send(app, {"n": 1})
    for body in ({}, {"ids": []}, {"ids": None}):
        assert api.post(f"/app/{app}/msg/bulk-expunge", body, want=200).json == {"results": {}}
        api.post("/app/app_missing/msg/bulk-expunge", body, want=404)
    assert api.get(f"/app/{app}/msg/{message}").json["payload"] == {"n": 1}


@pytest.mark.parametrize("body", [{"ids": "e"}, {"ids": [1]}, {"ids": ["a b"]},
                                  {"ids": ['"'] }, {"ids": [f"e{n}" for n in range(501)]}])
def test_names_that_are_none(api, app, body):
    refused = api.post(f"/app/{app}/msg/bulk-expunge", body, want=422)
    assert refused.json["detail"][0]["loc"][:2] == ["body", "ids"]
    api.post("/app/app_missing/msg/bulk-expunge", {"ids": ["a"]}, want=404)


def finished(api, task):
    wait_until(lambda: api.get(f"/background-task/{task}").json["status"] == "finished", 60, "the task ends")
    return api.get(f"/background-task/{task}").json


def test_all_payloads_are_forgotten(api, app, receiver):
    """Those of the application, up to the newest; what was sent is not sent again."""
    endpoint = api.new_endpoint(app, receiver.url())
    other_app = api.new_app()
    other = api.send(other_app, {"n": 1})
    made = []
    for _ in range(3):
        items = [{"eventType": "t", "payload": {"n": n}} for n in range(150)]
        made += [i["id"] for i in api.call("POST", f"/app/{app}/msg/batch", items, want=202).json["data"]]
    receiver.wait_ids(made)
    api.delete(f"/app/{app}/msg/{made[7]}/content")
    task = api.post(f"/app/{app}/msg/expunge-all-contents", want=202).json
    assert task["task"] == "application.purge_content" and task["status"] == "running"
    assert task["data"] == {"lastMsgId": max(made)}
    late = api.send(app, {"late": 1})
    done = finished(api, task["id"])
    assert done["done"] == 449 and done["failed"] == 0
    assert {m["id"]: m["payload"] for m in api.list(f"/app/{app}/msg", limit=250)} == {
        **dict.fromkeys(made, EXPIRED), late: {"late": 1}}
    assert api.get(f"/app/{other_app}/msg/{other}").json["payload"] == {"n": 1}
    refused = api.post(f"/app/{app}/msg/{made[0]}/endpoint/{endpoint}/resend", want=400)
    assert refused.json["code"] == "missing_payload"


def test_all_of_nothing(api, app):
    task = api.post(f"/app/{app}/msg/expunge-all-contents", want=202).json
    assert finished(api, task["id"])["done"] == 0
    api.post("/app/app_missing/msg/expunge-all-contents", want=404)


def test_forgetting_goes_on_after_a_crash(start, receiver):
    daemon = start(workers=2, lease="1s")
    api = daemon.api()
    app = api.new_app()
    for _ in range(4):
        items = [{"eventType": "t", "payload": {"n": n}} for n in range(500)]
        api.call("POST", f"/app/{app}/msg/batch", items, want=202)
    task = api.post(f"/app/{app}/msg/expunge-all-contents", want=202).json["id"]
    daemon.kill_all()
    daemon.start()
    api = daemon.api()
    finished(api, task)
    with daemon.database() as db:
        assert db.execute("select count(payload), count(*) from message").fetchone() == (0, 2000)
