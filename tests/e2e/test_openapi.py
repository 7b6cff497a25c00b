"""The document of the API: that it is served, and that it is right."""

import json
import subprocess

from harness.daemon import POSTHORND


def test_the_document_is_served_without_a_token(api):
    reply = api.get("/openapi.json", token=None)
    assert reply.headers["content-type"] == "application/json"
    assert reply.json["openapi"].startswith("3.1")
    assert reply.json["paths"]["/app/{app}/msg"]["post"]["operationId"] == "v1.message.create"


def test_the_program_prints_the_document(api):
    printed = subprocess.run([POSTHORND, "openapi"], capture_output=True, check=True).stdout
    assert json.loads(printed) == api.get("/openapi.json").json
