"""Payloads against the schemas of their event types: option payload_validation."""

import uuid

import pytest
from harness.api import Api
from harness.daemon import Daemon
from harness.wait import wait_until

ORDER = {
    "type": "object",
    "required": ["id", "lines"],
    "properties": {
        "id": {"type": "string", "pattern": "^o-[0-9]+$"},
        "lines": {"type": "array", "items": {"$ref": "#/definitions/line"}},
    },
    "definitions": {"line": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}},
}
REFUSED = 'posthorn_payloads_unfit_total{action="refused"}'
GOOD = {"id": "o-1", "lines": [{"n": 1}]}


@pytest.fixture(scope="module")
def blocking():
    one = Daemon(workers=2, payload_validation="block").start()
    yield one
    one.close()


@pytest.fixture
def org(blocking):
    return new_org(blocking)


def new_org(daemon):
    token = daemon.token_for("--org", "org_" + uuid.uuid4().hex[:27])
    return Api("127.0.0.1", daemon.port, token)


def schema(org, name, *versions):
    body = {"description": "", "schemas": {str(i): v for i, v in enumerate(versions, 1)}}
    org.call("PUT", f"/event-type/{name}", body)


def post(org, app, name, payload, **more):
    return org.post(f"/app/{app}/msg", {"eventType": name, "payload": payload, **more})


def problem(reply):
    (one,) = reply.json["detail"]
    return one["loc"], one["msg"]


@pytest.mark.parametrize("payload, loc, msg", [
    ({"id": "o-1"}, ["lines"], "is required (required)"),
    ({"id": 7, "lines": []}, ["id"], "must be of type string (type)"),
    ({"id": "x", "lines": []}, ["id"], "does not match the pattern (pattern)"),
    ({"id": "o-1", "lines": [{"n": 1}, {"n": 0}]}, ["lines", "[1]", "n"],
     "must be at least 1 (minimum)"),
])
def test_what_does_not_fit_is_refused(org, payload, loc, msg):
    app = org.new_app()
    schema(org, "order", ORDER)
    reply = post(org, app, "order", payload)
    assert (reply.status, *problem(reply)) == (422, ["body", "payload", *loc], msg)
    assert org.get(f"/app/{app}/msg").json["data"] == []
    assert post(org, app, "order", GOOD).status == 202


def test_unknown_types_and_types_without_schema_pass(org):
    app = org.new_app()
    org.post("/event-type", {"name": "plain", "description": ""}, want=201)
    assert post(org, app, "plain", {"any": 1}).status == 202
    assert post(org, app, "never.heard.of", {"any": 1}).status == 202
    schema(org, "gone", False)
    org.delete("/event-type/gone")
    assert post(org, app, "gone", {"any": 1}).status == 202


def test_the_newest_version_counts(org):
    app = org.new_app()
    wants = [{"properties": {"n": {"const": i}}} for i in range(1, 12)]
    schema(org, "many", *wants)
    assert post(org, app, "many", {"n": 11}).status == 202
    assert post(org, app, "many", {"n": 9}).status == 422  # "9" is behind "11", as a text it is not
    for versions in ({"a": True, "b": False}, {"z": True, "0": False}):
        name = "named." + uuid.uuid4().hex
        org.put(f"/event-type/{name}", {"description": "", "schemas": versions}, want=201)
        assert post(org, app, name, {}).status == 422


def test_every_worker_hears_of_a_change(org):
    app = org.new_app()
    schema(org, "t", True)
    assert post(org, app, "t", {"n": 1}).status == 202
    schema(org, "t", False)

    def everywhere(status):
        fresh = [Api("127.0.0.1", org.port, org.token) for _ in range(10)]  # over both workers
        return all(post(one, app, "t", {"n": 1}).status == status for one in fresh)

    wait_until(lambda: everywhere(422), 30)
    org.delete("/event-type/t?expunge=true")
    wait_until(lambda: everywhere(202), 30)


def test_raw_payloads(org):
    app = org.new_app()
    schema(org, "order", ORDER)

    def raw(text):
        return post(org, app, "order", {}, transformationsParams={"rawPayload": text})

    assert raw('{"id": "o-1", "lines": []}').status == 202
    place = ["body", "transformationsParams", "rawPayload"]
    assert problem(raw('{"id": "o-1"}')) == ([*place, "lines"], "is required (required)")
    assert problem(raw("id=o-1")) == (place, "is no JSON that can be checked")


def test_batches(org):
    app = org.new_app()
    schema(org, "order", ORDER)
    schema(org, "never", False)
    items = [{"eventType": kind, "payload": payload} for kind, payload in (
        ("order", GOOD), ("order", {"id": "o-2"}), ("free", {}), ("never", {}), ("order", GOOD))]
    reply = org.post(f"/app/{app}/msg/batch", items, want=202).json
    assert [row["status"] for row in reply["data"]] == [202, 422, 202, 422, 202]
    assert reply["data"][1]["detail"][0]["loc"] == ["body", "payload", "lines"]
    assert (reply["accepted"], reply["refused"]) == (3, 2)
    assert len(org.get(f"/app/{app}/msg").json["data"]) == 3


def test_a_batch_of_very_many_types(org):
    app = org.new_app()
    schema(org, "t.700", False)
    items = [{"eventType": f"t.{i % 900}", "payload": {}} for i in range(1000)]
    reply = org.post(f"/app/{app}/msg/batch", items, want=202).json
    assert [i for i, row in enumerate(reply["data"]) if row["status"] != 202] == [700]


def test_what_takes_too_long_is_refused(org):
    app = org.new_app()
    schema(org, "bomb", {"properties": {"s": {"pattern": "^(a+)+$"}}})
    assert post(org, app, "bomb", {"s": "aaaa"}).status == 202
    loc, msg = problem(post(org, app, "bomb", {"s": "a" * 64 + "!"}))
    assert loc == ["body", "payload"] and "takes too much" in msg


def test_numbers_of_any_size(org):
    app = org.new_app()
    schema(org, "big", {"properties": {"n": {"type": "integer", "minimum": 5}}})
    body = b'{"eventType": "big", "payload": {"n": %s}}'
    path = f"/app/{app}/msg"
    assert org.call("POST", path, body % b"123456789012345678901234567890").status == 202
    assert org.call("POST", path, body % b"-123456789012345678901234567890").status == 422
    assert org.call("POST", path, body % b"1e999").status == 422


# What was accepted stays accepted: a key's promise is stronger than a schema that came later.


def refused_everywhere(org, app, name, payload):
    """Until every worker knows the schema: each refuses what has no name."""
    def all_refuse():
        fresh = [Api("127.0.0.1", org.port, org.token) for _ in range(10)]
        return all(post(one, app, name, payload).status == 422 for one in fresh)
    wait_until(all_refuse, 30)


def test_a_key_gets_the_first_answer_whatever_the_schema_says_now(org):
    app = org.new_app()
    path, key = f"/app/{app}/msg", {"Idempotency-Key": "first"}
    event = {"eventType": "t", "payload": {"n": 1}}
    named = {**event, "eventId": "mine", "tags": ["x"]}
    first = org.post(path, event, headers=key, want=202)
    both = org.post(path, named, headers={"Idempotency-Key": "both"}, want=202)
    schema(org, "t", False)
    refused_everywhere(org, app, "t", {"n": 1})
    before = org.metrics()
    for body, want, name in ((event, first, "first"), (named, both, "both")):
        again = org.post(path, body, headers={"Idempotency-Key": name}, want=202)
        assert (again.body, again.headers["idempotency-replayed"]) == (want.body, "true")
        other = org.post(path, {**body, "payload": {"n": 2}}, headers={"Idempotency-Key": name}, want=422)
        assert other.json["detail"][0]["loc"] == ["header", "idempotency-key"]
    org.post(path, named, want=409)
    assert org.metrics().get(REFUSED, 0) == before.get(REFUSED, 0)
    # What was not accepted before is refused as ever, and its names stay free.
    new = {**event, "eventId": "new"}
    assert problem(org.post(path, new, headers={"Idempotency-Key": "new"}))[0] == ["body", "payload"]
    assert org.metrics()[REFUSED] == before.get(REFUSED, 0) + 1
    org.post(path, {**new, "eventType": "free"}, headers={"Idempotency-Key": "new"}, want=202)
    org.post("/app/nobody/msg", event, headers=key, want=404)
    assert len(org.get(path).json["data"]) == 3


def test_a_batch_again_after_the_schema_has_changed(org):
    app = org.new_app()
    path = f"/app/{app}/msg/batch"
    items = [{"eventType": "t", "payload": {"n": 1}}, {"eventType": "free", "payload": {}},
             {"eventType": "t", "payload": {"n": 3}, "eventId": "three"}]
    key = {"Idempotency-Key": "k"}
    first = org.post(path, items, headers=key, want=202).json
    alone = org.post(path, items[:1], headers={"Idempotency-Key": "alone"}, want=202).json
    schema(org, "t", False)
    refused_everywhere(org, app, "t", {"n": 1})
    again = org.post(path, items, headers=key, want=202)
    assert [(row["status"], row["id"]) for row in again.json["data"]] == [
        (202, row["id"]) for row in first["data"]]
    assert again.headers["idempotency-replayed"] == "true" and again.json["refused"] == 0
    again = org.post(path, items[:1], headers={"Idempotency-Key": "alone"}, want=202).json
    assert again["data"][0]["id"] == alone["data"][0]["id"]
    # By its eventId alone it is the second of its name, as it would be without a schema.
    assert [row["status"] for row in org.post(path, items, want=202).json["data"]] == [422, 202, 409]
    # A batch of which nothing was stored leaves its key free.
    fresh = {"Idempotency-Key": "fresh"}
    assert org.post(path, items[:1], headers=fresh, want=202).json["refused"] == 1
    assert org.post(path, items[1:2], headers=fresh, want=202).json["accepted"] == 1


def test_warn_accepts_counts_and_logs(start):
    daemon = start(workers=1, payload_validation="warn")
    org = new_org(daemon)
    app = org.new_app()
    schema(org, "order", ORDER)
    for _ in range(20):
        assert post(org, app, "order", {"id": "o-1", "lines": [{"n": "two"}]}).status == 202
    assert post(org, app, "order", GOOD).status == 202
    assert org.metrics()['posthorn_payloads_unfit_total{action="accepted"}'] == 20
    lines = [line for line in daemon.log().splitlines() if "payload.unfit" in line]
    assert 1 <= len(lines) < 20
    assert "/lines/[0]/n" in lines[0] and "must be of type integer (type)" in lines[0]


def test_off_is_the_default(api):
    app = api.new_app()
    name = "off." + uuid.uuid4().hex
    schema(api, name, False)
    assert post(api, app, name, {"any": 1}).status == 202
