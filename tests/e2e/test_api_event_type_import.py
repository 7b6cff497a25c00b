"""POST /event-type/import/openapi: event types out of OpenAPI documents."""

import json
import uuid

import pytest
from harness.api import Api

PATH = "/event-type/import/openapi"


@pytest.fixture
def org(daemon):
    token = daemon.token_for("--org", "org_" + uuid.uuid4().hex[:27])
    return Api("127.0.0.1", daemon.port, token)


def body_of(schema, **media):
    return {"content": {"application/json": {"schema": schema, **media}}}


def spec(components=None, **webhooks):
    return {"openapi": "3.1.0", "webhooks": {name.replace("_", "."): item for name, item in webhooks.items()},
            "components": components or {}}


def webhook(schema=None, method="post", **operation):
    if schema is not None:
        operation["requestBody"] = body_of(schema)
    return {method: operation}


def run(org, document, want=200, **more):
    return org.post(PATH, {"spec": document, **more}, want=want).json


def get(org, name):
    return org.get(f"/event-type/{name}").json


def schema_of(org, name):
    return get(org, name)["schemas"]["1"]


PETS = {"schemas": {
    "Pet": {"type": "object", "properties": {"tag": {"$ref": "#/components/schemas/Tag"},
                                             "parent": {"$ref": "#/components/schemas/Pet"}}},
    "Tag": {"type": "string", "maxLength": 5},
    "Unused": {"type": "null"},
}}


def test_what_is_taken(org):
    document = spec(PETS, pet_new=webhook({"$ref": "#/components/schemas/Pet"}, description="A pet came",
                                          summary="not this", deprecated=True,
                                          **{"x-svix-group-name": "pets", "x-svix-feature-flags": ["a", "b"]}),
                    pet_gone=webhook(summary="A pet went"), pet_ill=webhook(None, "put"))
    assert run(org, document) == {"data": {"modified": ["pet.new", "pet.gone", "pet.ill"]}}
    new, gone = get(org, "pet.new"), get(org, "pet.gone")
    assert (new["description"], new["deprecated"], new["groupName"]) == ("A pet came", True, "pets")
    assert (new["featureFlag"], new["featureFlags"]) == ("a", ["a", "b"])
    assert (gone["description"], gone["deprecated"], gone["schemas"]) == ("A pet went", False, None)
    schema = new["schemas"]["1"]
    assert set(schema["definitions"]) == {"Pet", "Tag"}
    assert schema["$ref"] == "#/definitions/Pet"
    assert schema["definitions"]["Pet"]["properties"]["parent"] == {"$ref": "#/definitions/Pet"}


def test_what_is_the_same_is_not_written_again(org):
    document = spec(a=webhook({"type": "object"}, description="d"), b=webhook())
    assert run(org, document)["data"]["modified"] == ["a", "b"]
    before = get(org, "a")
    assert run(org, document)["data"]["modified"] == []
    assert get(org, "a") == before
    document["webhooks"]["b"]["post"]["description"] = "new"
    assert run(org, document)["data"]["modified"] == ["b"]
    org.delete("/event-type/a")
    assert run(org, document)["data"]["modified"] == ["a"]
    assert get(org, "a")["archived"] is False


def test_a_dry_run_changes_nothing(org):
    document = spec(PETS, a=webhook({"$ref": "#/components/schemas/Tag"}, description="d"), b=webhook())
    run(org, spec(b=webhook()))
    data = run(org, document, dryRun=True, replaceAll=True)["data"]
    assert data["modified"] == []
    assert data["to_modify"] == [{
        "name": "a", "description": "d", "deprecated": False, "groupName": None, "featureFlag": None,
        "schemas": {"1": {"$ref": "#/definitions/Tag", "definitions": {"Tag": PETS["schemas"]["Tag"]}}}}]
    org.get("/event-type/a", want=404)


def test_replace_all_archives_the_others(org):
    for name in ("old", "kept"):
        org.post("/event-type", {"name": name, "description": ""}, want=201)
    assert run(org, spec(kept=webhook(description="d")))["data"]["modified"] == ["kept"]
    assert get(org, "old")["archived"] is False
    assert run(org, spec(kept=webhook(description="d")), replaceAll=True)["data"]["modified"] == []
    assert get(org, "old")["archived"] is True and get(org, "kept")["archived"] is False


def test_references_on_the_way(org):
    components = {
        "pathItems": {"Hook": {"post": {"requestBody": {"$ref": "#/components/requestBodies/Body"}}}},
        "requestBodies": {"Body": {"content": {"application/vnd.x+json; charset=utf-8": {
            "schema": {"items": [{"$ref": "#/components/schemas/a~1b"}, {"$ref": "#/components/other/a~1b"}]}}}}},
        "schemas": {"a/b": {"type": "integer"}},
        "other": {"a/b": {"type": "string"}},
    }
    run(org, spec(components, t={"$ref": "#/components/pathItems/Hook"}))
    schema = schema_of(org, "t")
    types = [schema["definitions"][item["$ref"].rpartition("/")[2]]["type"] for item in schema["items"]]
    assert types == ["integer", "string"]


def test_what_openapi_3_0_says_otherwise(org):
    document = {"openapi": "3.0.3", "x-webhooks": {"t": webhook({"properties": {
        "a": {"type": "string", "nullable": True, "enum": ["x"]},
        "b": {"minimum": 1, "exclusiveMinimum": True, "maximum": 9, "exclusiveMaximum": False},
        "c": {"default": {"nullable": True, "$ref": "#/left/alone"}},
    }})}}
    run(org, document)
    assert schema_of(org, "t")["properties"] == {
        "a": {"type": ["string", "null"], "enum": ["x", None]},
        "b": {"exclusiveMinimum": 1, "maximum": 9},
        "c": {"default": {"nullable": True, "$ref": "#/left/alone"}},
    }


def test_examples_of_the_body(org):
    item = webhook()
    item["post"]["requestBody"] = body_of({"type": "object"}, examples={"x": {"value": {"n": 1}}, "y": {}})
    run(org, spec(t=item))
    assert schema_of(org, "t")["examples"] == [{"n": 1}]


YAML = """
openapi: 3.1.0
webhooks:
  order.paid:
    post:
      description: >-
        An order
        was paid
      deprecated: true
      requestBody:
        content:
          application/json:
            schema:
              type: object
              required: [id]
              properties:
                id: {type: string, pattern: '^o-\\d+$'}
                n: {type: [integer, "null"], minimum: 0x, maximum: 1e3}
""".replace("0x", "+1")


@pytest.mark.parametrize("raw", [YAML, json.dumps(spec(order_paid=webhook(
    {"type": "object", "required": ["id"], "properties": {
        "id": {"type": "string", "pattern": "^o-\\d+$"},
        "n": {"type": ["integer", "null"], "minimum": 1, "maximum": 1000.0}}},
    description="An order was paid", deprecated=True)))])
def test_raw_documents(org, raw):
    assert org.post(PATH, {"specRaw": raw}, want=200).json["data"]["modified"] == ["order.paid"]
    made = get(org, "order.paid")
    assert (made["description"], made["deprecated"]) == ("An order was paid", True)
    properties = made["schemas"]["1"]["properties"]
    assert properties["id"] == {"type": "string", "pattern": "^o-\\d+$"}
    assert properties["n"] == {"type": ["integer", "null"], "minimum": 1, "maximum": 1000.0}


@pytest.mark.parametrize("body", [{}, {"spec": None}, {"spec": {"webhooks": {}}, "specRaw": "{}"}])
def test_neither_or_both(org, body):
    assert org.post(PATH, body, want=400).json["code"] == "generic_error"


@pytest.mark.parametrize("body, loc", [
    ({"spec": []}, ["spec"]),
    ({"spec": {}}, ["spec"]),
    ({"spec": {"webhooks": []}}, ["spec"]),
    ({"specRaw": 1}, ["specRaw"]),
    ({"specRaw": ""}, ["specRaw"]),
    ({"specRaw": "{\"webhooks\": "}, ["specRaw"]),
    ({"specRaw": "webhooks: [\n"}, ["specRaw"]),
    ({"specRaw": "webhooks: &a {x: *a}\n"}, ["specRaw"]),
    ({"specRaw": "webhooks: !!python/object {}\n---\n"}, ["specRaw"]),
    ({"specRaw": "{a: 1}\n---\n{b: 1}\n"}, ["specRaw"]),
    ({"specRaw": "a: " + "[" * 200 + "]" * 200}, ["specRaw"]),
    ({"dryRun": "yes", "spec": {"webhooks": {}}}, ["dryRun"]),
    ({"spec": {"webhooks": {"has space": webhook()}}}, ["spec", "webhooks", "has space"]),
    ({"spec": {"webhooks": {"t": {}}}}, ["spec", "webhooks", "t"]),
    ({"spec": {"webhooks": {"t": 1}}}, ["spec", "webhooks", "t"]),
    ({"spec": {"webhooks": {"t": {"$ref": "#/nothing"}}}}, ["spec", "webhooks", "t"]),
    ({"spec": {"webhooks": {"t": {"$ref": "#/webhooks/t"}}}}, ["spec", "webhooks", "t"]),
    ({"spec": {"webhooks": {"t": webhook({"$ref": "#/nothing"})}}}, ["spec", "webhooks", "t"]),
    ({"spec": {"webhooks": {"t": webhook({"$ref": "other.yaml#/x"})}}}, ["spec", "webhooks", "t"]),
    ({"spec": {"webhooks": {"t": webhook({"type": "no such"})}}}, ["spec", "webhooks", "t"]),
    ({"spec": {"webhooks": {"t": webhook(**{"x-svix-feature-flags": "a"})}}}, ["spec", "webhooks", "t"]),
    ({"spec": {"webhooks": {"t": webhook(**{"x-svix-feature-flags": ["a b"]})}}}, ["spec", "webhooks", "t"]),
])
def test_documents_that_are_refused(org, body, loc):
    detail = org.post(PATH, body, want=422).json["detail"]
    assert detail[0]["loc"] == ["body", *loc]
    assert org.get("/event-type").json["data"] == []


def test_much_out_of_little_is_refused(org):
    """Every webhook would have a copy of all components."""
    components = {"schemas": {f"S{i}": {"description": "x" * 1000} for i in range(200)}}
    everything = {"allOf": [{"$ref": f"#/components/schemas/S{i}"} for i in range(200)]}
    components["schemas"]["All"] = everything
    many = {f"t{i}": webhook({"$ref": "#/components/schemas/All"}) for i in range(500)}
    detail = run(org, spec(components, **many), want=422)["detail"]
    assert "too large together" in detail[0]["msg"]


def test_much_work_out_of_little_is_refused(org):
    """One schema of many parts, named again and again: ten seconds of work in 167 kB, before."""
    components = {"schemas": {"Parts": {"items": [{}] * 19_000}}}
    many = {f"t{i}": webhook({"$ref": "#/components/schemas/Parts"}) for i in range(500)}
    detail = run(org, spec(components, **many), want=422)["detail"]
    assert "too large together" in detail[0]["msg"]
    assert int(detail[0]["loc"][-1][1:]) < 50, "how many were looked at"


def test_many_references_that_end_alike(org):
    """Each looked for a number of its own from the beginning: ten seconds in 218 kB, before."""
    n = 5000
    document = {"c": {f"i{i}": {"x": {"title": str(i)}} for i in range(n)}, "webhooks": {
        "t": webhook({"allOf": [{"$ref": f"#/c/i{i}/x"} for i in range(n)]})}}
    (told,) = run(org, document, dryRun=True)["data"]["to_modify"]
    schema = told["schemas"]["1"]
    taken = [schema["definitions"][part["$ref"].rsplit("/", 1)[1]]["title"] for part in schema["allOf"]]
    assert taken == [str(i) for i in range(n)]


def test_webhooks_are_bounded(org):
    for count, status in ((1000, 200), (1001, 422)):
        run(org, spec(**{f"t{i}": webhook() for i in range(count)}), want=status, dryRun=True)


def test_an_application_may_not(org):
    app = org.new_app()
    token = org.post(f"/auth/app-portal-access/{app}", {}, want=200).json["token"]
    org.post(PATH, {"spec": spec()}, token=token, want=403)
