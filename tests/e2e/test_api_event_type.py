"""/event-type: the vocabulary of an organisation."""

import uuid

import pytest
from harness.api import Api
from harness.lists import check_list

SCHEMA = {"1": {"type": "object", "properties": {"n": {"type": ["integer", "null"], "minimum": 0}}}}


@pytest.fixture
def org(daemon):
    token = daemon.token_for("--org", "org_" + uuid.uuid4().hex[:27])
    return Api("127.0.0.1", daemon.port, token)


def new(org, name, **fields):
    return org.post("/event-type", {"name": name, "description": "d", **fields}, want=201).json


def names(org, query="", **more):
    return [row["name"] for row in org.get("/event-type" + query, **more).json["data"]]


def test_life(org):
    made = new(org, "user.created", schemas=SCHEMA, groupName="user")
    assert (made["name"], made["description"], made["archived"], made["deprecated"]) == (
        "user.created", "d", False, False)
    assert made["schemas"] == SCHEMA and made["featureFlag"] is None and made["groupName"] == "user"
    assert org.get("/event-type/user.created").json == made
    refused = org.post("/event-type", {"name": "user.created", "description": "again"}, want=409)
    assert refused.json["code"] == "event_type_exists"
    org.delete("/event-type/user.created")
    assert org.get("/event-type/user.created").json["archived"] is True
    assert names(org) == [] and names(org, "?include_archived=true") == ["user.created"]
    revived = new(org, "user.created", description="back")
    assert revived["archived"] is False and revived["schemas"] is None
    assert revived["createdAt"] == made["createdAt"]
    org.delete("/event-type/user.created?expunge=true")
    org.get("/event-type/user.created", want=404)
    org.call("DELETE", "/event-type/user.created", want=404)


@pytest.mark.parametrize("change, shown", [
    ({"description": "other"}, {"description": "other"}),
    ({"archived": True}, {"archived": True}),
    ({"deprecated": True}, {"deprecated": True}),
    ({"schemas": {"2": True}}, {"schemas": {"2": True}}),
    ({"schemas": None}, {"schemas": None}),
    ({"featureFlag": "beta"}, {"featureFlag": "beta", "featureFlags": ["beta"]}),
    ({"featureFlags": ["beta"]}, {"featureFlag": "beta", "featureFlags": ["beta"]}),
    ({"featureFlags": ["beta", "gamma", "beta"]},
     {"featureFlag": "beta", "featureFlags": ["beta", "gamma"]}),
    ({"featureFlag": None}, {"featureFlag": None, "featureFlags": None}),
    ({"featureFlags": None}, {"featureFlag": None, "featureFlags": None}),
    ({"featureFlags": []}, {"featureFlag": None, "featureFlags": None}),
    ({"groupName": None}, {"groupName": None}),
    ({}, {}),
])
def test_patch_changes_what_it_names(org, change, shown):
    before = new(org, "t", schemas=SCHEMA, featureFlag="alpha", groupName="g")
    after = org.patch("/event-type/t", change, want=200).json
    expected = {**before, **shown}
    if not expected["featureFlags"]:
        del expected["featureFlags"]
    assert after.pop("updatedAt") > expected.pop("updatedAt")
    assert after == expected


def test_patch_of_nothing(org):
    org.patch("/event-type/nothing", {"description": "d"}, want=404)


def test_put(org):
    made = org.put("/event-type/t", {"description": "new", "schemas": SCHEMA}, want=201).json
    assert made["name"] == "t" and made["schemas"] == SCHEMA
    after = org.put("/event-type/t", {"description": "newer"}, want=200).json
    assert after["description"] == "newer" and after["schemas"] is None
    org.put("/event-type/has%20space", {"description": "d"}, want=404)


def test_schemas_are_kept_as_written(org):
    body = b'{"name":"t","description":"","schemas": {"1":{ "multipleOf":1.10,"title":"\\u00e9" }}}'
    made = org.call("POST", "/event-type", body, want=201)
    assert b'{"1":{ "multipleOf":1.10,"title":"\\u00e9" }}' in made.body
    assert b'{"1":{ "multipleOf":1.10,"title":"\\u00e9" }}' in org.get("/event-type/t").body


@pytest.mark.parametrize("schema", [
    1, "text", [], {"type": "no such"}, {"type": []}, {"type": [1]}, {"required": "a"},
    {"required": [1]}, {"properties": []}, {"properties": {"a": 1}}, {"items": [1]},
    {"allOf": []}, {"anyOf": {}}, {"not": 1}, {"minLength": -1}, {"minLength": 1.5},
    {"multipleOf": 0}, {"uniqueItems": 1}, {"enum": {}}, {"$ref": 1}, {"dependencies": {"a": [1]}},
    {"properties": {"a": {"items": {"allOf": [{"type": "x"}]}}}},
])
def test_schemas_that_are_none(org, schema):
    reply = org.post("/event-type", {"name": "t", "description": "", "schemas": {"1": schema}}, want=422)
    assert reply.json["detail"][0]["loc"] == ["body", "schemas"]
    org.get("/event-type/t", want=404)


def test_schema_too_deep(org):
    schema = {}
    for _ in range(100):
        schema = {"not": schema}
    org.post("/event-type", {"name": "t", "description": "", "schemas": {"1": schema}}, want=422)


def test_list(org):
    made = sorted(f"t{i}.{uuid.uuid4().hex}" for i in range(10))
    for name in reversed(made):
        new(org, name, schemas=SCHEMA)
    check_list(org, "/event-type", made, key="name", by_name=True)
    assert {row["schemas"] is None for row in org.get("/event-type").json["data"]} == {True}
    rows = org.get("/event-type?with_content=true").json["data"]
    assert [row["schemas"] for row in rows] == [SCHEMA] * 10


def test_names_that_begin_with_a_dash_do_not_turn_the_pages_back(org):
    made = ["-a", "-b", "-c", "a", "b"]
    for name in made:
        new(org, name)
    assert [row["name"] for row in org.list("/event-type", limit=1)] == made


def test_feature_flags_hide_types_from_applications(org, daemon):
    for name, flag in (("open", None), ("alpha", "alpha"), ("beta", "beta")):
        new(org, name, featureFlag=flag)
    new(org, "either", featureFlags=["other", "delta", "gamma"])
    app = org.new_app()

    def portal(flags):
        access = org.post(f"/auth/app-portal-access/{app}", {"featureFlags": flags}, want=200).json
        return access["token"]

    plain, alpha, both = portal([]), portal(["alpha"]), portal(["alpha", "beta", "gamma"])
    assert names(org) == ["alpha", "beta", "either", "open"]
    assert names(org, token=plain) == ["open"]
    assert names(org, token=alpha) == ["alpha", "open"]
    assert names(org, token=both) == ["alpha", "beta", "either", "open"]
    org.get("/event-type/either", token=alpha, want=404)
    org.get("/event-type/either", token=both, want=200)
    org.get("/event-type/beta", token=alpha, want=404)
    org.get("/event-type/alpha", token=alpha, want=200)
    for method, path in (("POST", "/event-type"), ("PUT", "/event-type/open"),
                         ("PATCH", "/event-type/open"), ("DELETE", "/event-type/open")):
        org.call(method, path, {"name": "x", "description": ""}, token=both, want=403)


def test_organisations_do_not_share_them(api, org):
    new(org, "mine.alone." + "x" * 20)
    api.get("/event-type/mine.alone." + "x" * 20, want=404)
