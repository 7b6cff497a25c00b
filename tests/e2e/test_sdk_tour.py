"""The official SDKs, unmodified, each driving Posthorn from the first call of a user to the last."""

import json

import pytest
from harness import sdk

LINES = [("python", 1), ("python", 2), ("javascript", 1), ("javascript", 2), ("go", 1), ("rust", 2)]
WITH_BOTH_LINES = ("python", "javascript")  # these are told which


@pytest.mark.parametrize("language, line", LINES)
def test_tour(daemon, receiver, language, line):
    url = receiver.url("/tour")
    which = [str(line)] if language in WITH_BOTH_LINES else []
    said = sdk.run(language, "tour", *which, daemon.url, daemon.token, url, line=line)
    steps = dict(text.partition(" ")[::2] for text in said.splitlines())

    first, again = receiver.got("/tour")
    assert steps["message"] == first.id == again.id
    first.verify(steps["secret"])
    again.verify(steps["rotated"], steps["secret"])
    assert steps["rotated"] != steps["secret"]
    assert (again.headers["X-Tour"], again.headers["Authorization"]) == (language, "a secret")
    assert json.loads(first.body) == {"n": 1}

    assert steps["by-message"] == "200" and steps["by-endpoint"] == steps["messages"] == first.id
    assert steps["headers"].lower() == f"x-tour={language} authorization"
    assert steps["resend"] == "200 200"
    assert steps["portal"] == steps["endpoint"]
    assert steps["deleted"] == "404 not_found"
