"""Messages: posted, read back, listed, forgotten."""

import json
import uuid

import pytest
from harness.wait import wait_until

FAST = [0.05, 0.05]


def post(api, app, query="", headers=None, want=202, **fields):
    body = {"eventType": "user.created", "payload": {"a": 1}, **fields}
    return api.post(f"/app/{app}/msg{query}", body, headers=headers, want=want)


def ids(rows):
    return [row["id"] for row in rows]


def test_create_read_and_list(api, app):
    made = post(api, app, channels=["north", "south"], eventId="order-1").json
    assert made["id"].startswith("msg_") and made["eventId"] == "order-1"
    assert (made["eventType"], made["payload"]) == ("user.created", {"a": 1})
    assert made["channels"] == ["north", "south"] and made["timestamp"].endswith("Z")
    assert api.get(f"/app/{app}/msg/{made['id']}").json == made
    assert api.get(f"/app/{app}/msg/order-1").json == made
    assert api.list(f"/app/{app}/msg") == [made]
    plain = post(api, app).json
    assert plain["eventId"] is None and plain["channels"] is None


def test_newest_first_forward_and_back(api, app):
    made = [post(api, app).json["id"] for _ in range(7)][::-1]
    first = api.get(f"/app/{app}/msg?limit=3").json
    assert ids(first["data"]) == made[:3] and not first["done"]
    second = api.get(f"/app/{app}/msg?limit=3&iterator={first['iterator']}").json
    assert ids(second["data"]) == made[3:6] and not second["done"]
    third = api.get(f"/app/{app}/msg?limit=3&iterator={second['iterator']}").json
    assert ids(third["data"]) == made[6:] and third["done"]
    back = api.get(f"/app/{app}/msg?limit=3&iterator={third['prevIterator']}").json
    assert ids(back["data"]) == made[3:6]
    front = api.get(f"/app/{app}/msg?limit=3&iterator={back['prevIterator']}").json
    assert ids(front["data"]) == made[:3] and front["done"]
    assert api.get(f"/app/{app}/msg?iterator=msg_nonsense", want=422)


def test_filters(api, app):
    north = post(api, app, channels=["north"], eventType="a").json["id"]
    both = post(api, app, channels=["north", "south"], eventType="b").json["id"]
    none = post(api, app, eventType="c").json["id"]
    assert ids(api.list(f"/app/{app}/msg", channel="north")) == [both, north]
    assert ids(api.list(f"/app/{app}/msg", channel="south")) == [both]
    assert ids(api.list(f"/app/{app}/msg", channel="nor")) == []
    for query in ("event_types=a,c", "event_types[]=a&event_types[]=c",
                  "event_types[0]=a&event_types[1]=c", "event_types=a&event_types=c"):
        assert ids(api.get(f"/app/{app}/msg?{query}").json["data"]) == [none, north], query
    assert ids(api.list(f"/app/{app}/msg", channel="north", event_types="b")) == [both]


def test_before_and_after(api, app):
    made = []
    for _ in range(4):
        made.append(post(api, app).json)
        wait_until(lambda: post(api, app, eventType="filler").json["timestamp"] != made[-1]["timestamp"])

    def listed(**query):
        return ids(api.list(f"/app/{app}/msg", event_types="user.created", limit=1, **query))

    newest = ids(made)[::-1]
    assert listed() == newest
    assert listed(before=made[2]["timestamp"]) == newest[2:]
    assert listed(after=made[1]["timestamp"]) == newest[:2]
    assert listed(after=made[0]["timestamp"], before=made[3]["timestamp"]) == newest[1:3]
    display = made[2]["timestamp"].replace("T", " ").replace("Z", " UTC")
    assert listed(before=display) == newest[2:]
    assert listed(before="2021-01-01T00:00:00Z") == listed(after="9999-12-31T23:59:59Z") == []
    for ahead in ("2200-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        assert listed(before=ahead) == listed(before=ahead, after="0001-01-01T00:00:00Z") == newest, ahead
    api.get(f"/app/{app}/msg?before=yesterday", want=400)


def test_with_content(api, app):
    assert post(api, app, "?with_content=false").json["payload"] == {}
    made = post(api, app, "?with_content=true").json
    assert made["payload"] == {"a": 1}
    assert api.get(f"/app/{app}/msg/{made['id']}?with_content=false").json["payload"] == {}
    assert [m["payload"] for m in api.list(f"/app/{app}/msg", with_content="false")] == [{}, {}]
    api.get(f"/app/{app}/msg?with_content=maybe", want=400)


def test_answer_holds_the_bytes(api, app):
    body = b'{"eventType":"t","payload":{"n": 18446744073709551616,  "m":1.10}}'
    reply = api.call("POST", f"/app/{app}/msg", body, want=202)
    assert b'{"n": 18446744073709551616,  "m":1.10}' in reply.body
    assert b'{"n": 18446744073709551616,  "m":1.10}' in api.get(f"/app/{app}/msg").body


def test_pages_end_before_payloads_fill_the_memory(api, app):
    """A page may be shorter than its limit; following the iterator misses nothing."""
    big = {"x": "y" * 1_900_000}
    made = [post(api, app, "?with_content=false", payload=big).json["id"] for _ in range(12)][::-1]
    first = api.get(f"/app/{app}/msg?limit=12").json
    assert 0 < len(first["data"]) < 12 and not first["done"]
    assert all(m["payload"] == big for m in first["data"])
    rest = api.get(f"/app/{app}/msg?limit=12&iterator={first['iterator']}").json
    assert ids(first["data"]) + ids(rest["data"]) == made and rest["done"]
    assert len(api.get(f"/app/{app}/msg?limit=12&with_content=false").json["data"]) == 12


def test_expunged_payload(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.url())
    message = post(api, app, eventId="gdpr").json["id"]
    receiver.wait(1)
    api.delete(f"/app/{app}/msg/gdpr/content")
    assert api.get(f"/app/{app}/msg/{message}").json["payload"] == {"expired": True}
    assert api.list(f"/app/{app}/msg")[0]["payload"] == {"expired": True}
    api.delete(f"/app/{app}/msg/{message}/content")
    api.delete(f"/app/{app}/msg/msg_missing/content", want=404)
    refused = api.post(f"/app/{app}/msg/{message}/endpoint/{endpoint}/resend", want=400)
    assert refused.json["code"] == "missing_payload"


def test_event_id_is_taken_once_in_an_application(api, app):
    uid = uuid.uuid4().hex
    post(api, app, eventId=uid)
    assert post(api, app, eventId=uid, want=409).json["code"] == "conflict"
    post(api, api.new_app(), eventId=uid)
    assert len(api.list(f"/app/{app}/msg")) == 1


def test_raw_payload(api, app, receiver):
    api.new_endpoint(app, receiver.url())
    made = post(api, app, transformationsParams={"rawPayload": '{"n": 1.10}'}).json
    assert receiver.wait(1)[0].body == b'{"n": 1.10}'
    assert made["payload"] == {"n": 1.1}
    text = post(api, app, transformationsParams={"rawPayload": "a,b\n"}).json
    assert receiver.wait(2)[1].body == b"a,b\n"
    assert api.get(f"/app/{app}/msg/{text['id']}").json["payload"] == {"rawPayload": "a,b\n"}
    for bad in ([], {"rawPayload": 1}):
        post(api, app, transformationsParams=bad, want=422)


def test_application_is_made_with_its_first_message(api, receiver):
    uid = f"customer-{uuid.uuid4().hex}"
    inner = {"name": "new", "uid": uid}
    post(api, uid, want=404)
    made = post(api, uid, application=inner, payload={"n": 2**70}).json
    assert api.get(f"/app/{uid}").json["name"] == "new"
    assert api.get(f"/app/{uid}/msg/{made['id']}").json["payload"] == {"n": 2**70}
    again = post(api, uid, application={"name": "other", "uid": uid})
    assert again.json["id"] != made["id"] and api.get(f"/app/{uid}").json["name"] == "new"
    types = {d["type"] for wrong in ({"name": "x"}, {"name": "x", "uid": "another"})
             for d in post(api, uid, application=wrong, want=422).json["detail"]}
    assert types == {"application_uid_missing", "application_uid_mismatch"}
    post(api, uid, application=[], want=422)


@pytest.mark.parametrize("fields, field", [
    ({"channels": ["a"] * 11}, "channels"), ({"channels": "a"}, "channels"),
    ({"channels": ["a b"]}, "channels.[0]"), ({"channels": ["b", "a,b"]}, "channels.[1]"),
    ({"transformationsParams": {"rawPayload": 1}}, "transformationsParams.rawPayload"),
    ({"eventId": 5}, "eventId"), ({"eventType": ["t"]}, "eventType"),
    ({"payloadRetentionPeriod": 91}, "payloadRetentionPeriod"),
    ({"payloadRetentionPeriod": "7"}, "payloadRetentionPeriod"),
    ({"payloadRetentionHours": 1.5}, "payloadRetentionHours"),
    ({"transformationsParams": "x"}, "transformationsParams")])
def test_what_is_wrong_is_named(api, app, fields, field):
    assert post(api, app, want=422, **fields).json["detail"][0]["loc"] == ["body", *field.split(".")]
    assert api.list(f"/app/{app}/msg") == []


def test_channels_ten_and_no_duplicates(api, app):
    ten = [f"c:{i}+x" for i in range(10)]
    assert post(api, app, channels=ten).json["channels"] == ten
    assert post(api, app, channels=["b", "a", "b"]).json["channels"] == ["b", "a"]


def test_null_members_are_as_absent_ones(api, app):
    post(api, app, channels=None, eventId=None, payloadRetentionPeriod=None, application=None,
         transformationsParams=None)


def test_idempotency_key(api, app):
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = post(api, app, headers=key, channels=["x"], eventId="once")
    again = post(api, app, headers=key, channels=["x"], eventId="once")
    assert again.json == first.json and again.headers["idempotency-replayed"] == "true"
    assert first.headers["idempotency-replayed"] is None
    other = post(api, app, headers=key, payload={"a": 2}, want=422).json
    assert other["detail"][0]["loc"] == ["header", "idempotency-key"]
    assert len(api.list(f"/app/{app}/msg")) == 1
    second = api.new_app()
    assert post(api, second, headers=key).json["id"] != first.json["id"]
    post(api, app, headers={"Idempotency-Key": "k" * 257}, want=400)


def test_answer_of_a_key_whose_payload_was_expunged(api, app):
    key = {"Idempotency-Key": uuid.uuid4().hex}
    made = post(api, app, headers=key).json
    api.delete(f"/app/{app}/msg/{made['id']}/content")
    again = post(api, app, headers=key).json
    assert again["id"] == made["id"] and again["payload"] == {"expired": True}


def test_other_applications_messages_are_not_there(api, app, daemon):
    message = post(api, app).json["id"]
    other = api.new_app()
    api.get(f"/app/{other}/msg/{message}", want=404)
    api.get(f"/app/app_missing/msg", want=404)
    token = daemon.token_for("--app", other)
    api.get(f"/app/{app}/msg/{message}", token=token, want=404)
    api.delete(f"/app/{app}/msg/{message}/content", token=daemon.token_for("--app", app), want=403)


def test_several_endpoints_of_which_one_recovers(api, app, receiver):
    api.new_endpoint(app, receiver.url("/good"))
    bad = api.new_endpoint(app, receiver.script("/bad", 500, 500, 200), retrySchedule=FAST)
    message = post(api, app).json["id"]
    receiver.wait(3, "/bad", id=message)
    receiver.wait(1, "/good", id=message)
    wait_until(lambda: len(api.attempts(app, message)) == 4)
    attempts = api.attempts(app, message, endpoint_id=bad)
    assert [a["responseStatusCode"] for a in attempts] == [500, 500, 200]
    assert all(("nextAttempt" in a) == (a["status"] == 2) for a in attempts)


def test_sdk_style_trailing_fields_are_ignored(api, app):
    made = post(api, app, tags=["x"], deliverAt=None, unknown={"deep": [1]}).json
    assert json.loads(api.get(f"/app/{app}/msg/{made['id']}").body)["id"] == made["id"]
