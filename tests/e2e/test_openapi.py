"""The document of the API: that it is served, that it is right, and that the answers are as it
says, whatever is asked."""

import json
import pathlib
import re
import subprocess

import pytest
from harness import sdk
from harness.daemon import POSTHORND
from harness.wait import wait_until

PYTHON = sdk.OUT / "openapi/venv/bin/python"
HOOKS = sdk.OUT / "openapi/hooks.py"
SEED = 5
EXAMPLES = 4  # made up for each operation, besides the border cases
UNCHECKED = (  # what the document cannot say: which iterators there are, who may have which URL
    "positive_data_acceptance", "missing_required_header", "use_after_free",
    "ensure_resource_availability", "object_level_authorization")


@pytest.fixture(scope="module")
def tool():
    """tool(module, argument, …) runs a module of the judges and returns the process."""
    sdk.need("openapi")
    return lambda *command, **more: subprocess.run([PYTHON, "-m", *command], capture_output=True,
                                                   text=True, timeout=600, **more)


def test_the_document_is_served_without_a_token(api):
    reply = api.get("/openapi.json", token=None)
    assert reply.headers["content-type"] == "application/json"
    assert reply.json["openapi"].startswith("3.1")
    assert reply.json["paths"]["/app/{app}/msg"]["post"]["operationId"] == "v1.message.create"


def test_the_program_prints_the_document(api):
    printed = subprocess.run([POSTHORND, "openapi"], capture_output=True, check=True).stdout
    assert json.loads(printed) == api.get("/openapi.json").json


def test_the_document_is_openapi(api, tool, tmp_path):
    document = tmp_path / "openapi.json"
    document.write_bytes(api.get("/openapi.json").body)
    done = tool("openapi_spec_validator", document)
    assert done.returncode == 0, done.stdout + done.stderr


def things(api, receiver):
    """One of everything that a path can name, and some that may be deleted."""
    spare = [api.new_app() for _ in range(3)]
    app = api.new_app()
    api.post("/event-type", {"name": "document.tested"}, want=(201, 409))
    endpoint = api.new_endpoint(app, receiver.script("/hook", 200))
    failing = api.new_endpoint(app, receiver.script("/gone", 500), retrySchedule=[])
    spare_endpoints = [api.new_endpoint(app, receiver.url(f"/{i}")) for i in range(3)]
    message = api.send(app)
    letter = wait_until(lambda: api.dead_letters(app, endpoint_id=failing))[0]
    attempt = wait_until(lambda: api.attempts(app, message, endpoint_id=endpoint))[0]
    task = api.post("/dead-letter/discard", {"appId": spare[0]}, want=202).json
    poller, *spare_pollers = [
        api.post(f"/app/{app}/polling-endpoint", {}, want=201).json["id"] for _ in range(3)]
    named = {"app": [app], "endpoint": [endpoint, failing], "msg": [message],
             "attempt": [attempt["id"]], "dead_letter": [letter["id"]], "task": [task["id"]],
             "name": ["document.tested"], "polling_endpoint": [poller], "sink_id": [poller],
             "consumer_id": ["reader"]}
    return named, {"app": spare, "endpoint": spare_endpoints, "polling_endpoint": spare_pollers}


FIXED = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 409, 413, 422]

[phases.coverage]
unexpected-methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]

# What is wrong with an item is told in its place.
[[operations]]
include-operation-id = "v1.message.batch"
checks = { negative_data_rejection = { enabled = false } }

[parameters]
"""


def configuration(named, spare):
    """schemathesis.toml: mostly names of what there is, and other ones now and then."""
    lines = [f'hooks = "{HOOKS}"']
    lines += [f"[checks.{check}]\nenabled = false" for check in UNCHECKED]
    lines.append(FIXED)
    lines += [f'"path.{name}" = {{ dictionary = "{name}", probability = 0.9 }}' for name in named]
    for name, values in {**named, **{f"spare-{k}": v for k, v in spare.items()}}.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}"]
    for name, path in (("app", "/app/{app}"), ("endpoint", "/app/{app}/endpoint/{endpoint}"),
                       ("polling_endpoint", "/app/{app}/polling-endpoint/{polling_endpoint}")):
        lines += ["[[operations]]", f'include-name = "DELETE {path}"', "[operations.parameters]",
                  f'"path.{name}" = {{ dictionary = "spare-{name}" }}']
    return "\n".join(lines) + "\n"


def test_answers_are_as_the_document_says(api, daemon, receiver, tool, tmp_path):
    (tmp_path / "schemathesis.toml").write_text(configuration(*things(api, receiver)))
    done = tool("schemathesis.cli", "run", daemon.url + "/api/v1/openapi.json",
                "--header", f"Authorization: Bearer {daemon.token}",
                "--phases", "examples,coverage,fuzzing",
                "--max-examples", str(EXAMPLES), "--seed", str(SEED), "--no-shrink",
                "--continue-on-failure", "--suppress-health-check", "all", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_not_offered_says_so(api):
    """Each route of which docs/compatibility.md says 501, below a path that exists or not."""
    page = pathlib.Path(__file__).parents[2] / "docs/compatibility.md"
    rows = re.findall(r"^\| `([A-Z]+) (/\S*)` \| 501 \|", page.read_text(), re.MULTILINE)
    assert len(rows) > 20
    for method, path in rows:
        target = "/" + path if path.startswith("/ingest/") else path
        reply = api.call(method, re.sub(r"\{\w+\}", "nothing", target), {})
        assert (reply.status, reply.json["code"]) == (501, "not_implemented"), (method, path, reply)


# Bodies that no schema describes.

BROKEN = {
    "nothing": b"",
    "blanks": b" ",
    "cut": b'{"name": "a',
    "two": b"{} {}",
    "no UTF-8": b'{"name": "\xff\xfe", "eventType": "\xff"}',
    "an overlong sequence": b'{"name": "\xc0\x80", "eventType": "\xc0\x80"}',
    "half a pair": b'{"name": "\\ud800", "eventType": "\\ud800"}',
    "a NUL": b'{"name": \x00}',
    "a key with NUL": b'{"a\\u0000b": 1}',
    "100000 levels": b'{"a":' + b"[" * 100_000,
    "a long number": b'{"n": ' + b"9" * 100_000 + b"}",
    "a text": b'"text"',
    "null": b"null",
    "1e999": b'{"n": 1e999, "payload": 1e999}',
    "a key of a megabyte": b'{"' + b"k" * (1 << 20) + b'": 1}',
    "many members": b"{" + b",".join(b'"%d":1' % n for n in range(50_000)) + b"}",
}
HOSTILE = ["a\0b", "\u202e\uffff", 2**63, -(2**63), 2**64, 1.5e308, "x" * 70_000, [[]] * 300,
           {"": {"": {"": None}}}, [None], True, "\U0001f4a9" * 300]


def bodies_taken(document):
    """(method, path with values, the members that a body may have) of each route with one."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                yield method.upper(), path, members(document, content["application/json"]["schema"])


def members(document, schema):
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    names = set(schema.get("properties", {}))
    for part in schema.get("allOf", []):
        names |= members(document, part)
    return names


def check_refusal(reply, what):
    """An error of the closed set, with a body that says where; or it was taken after all."""
    assert reply.status in (200, 201, 202, 204, 400, 404, 409, 413, 422), (what, reply)
    if reply.status == 422:
        for problem in reply.json["detail"]:
            assert problem["loc"][0] in ("body", "query", "header") and problem["msg"], (what, reply)
    elif reply.status >= 400:
        assert reply.json["code"] and reply.json["detail"], (what, reply)


def test_hostile_bodies_are_refused(api, app, receiver):
    api.post("/event-type", {"name": "hostile.tested"}, want=(201, 409))
    there = {"{app}": app, "{endpoint}": api.new_endpoint(app, receiver.url()),
             "{name}": "hostile.tested"}
    for method, path, names in bodies_taken(api.get("/openapi.json").json):
        target = path
        for placeholder, value in there.items():
            target = target.replace(placeholder, value)
        target = re.sub(r"\{\w+\}", "nothing", target)
        for what, body in BROKEN.items():
            check_refusal(api.call(method, target, body), f"{method} {path}: {what}")
        assert api.call(method, target, b" " * (2 << 20) + b"{}").status == 413, path
        for value in HOSTILE:
            check_refusal(api.call(method, target, dict.fromkeys(names, value)),
                          f"{method} {path}: {value!r:.40} everywhere")
        api.get("/health/ping", want=204)
