"""The official SDKs, unmodified, each driving Posthorn from the first call of a user to the last."""

import contextlib
import json

import pytest
from harness import sdk

LINES = [("python", 1), ("python", 2), ("javascript", 1), ("javascript", 2), ("go", 1), ("rust", 2),
         ("java", 1)]
WITH_BOTH_LINES = ("python", "javascript")  # these are told which


@pytest.mark.parametrize("language, line", LINES)
def test_tour(daemon, receiver, language, line):
    url = receiver.script("/tour", 200, 200, 410, 200)
    which = [str(line)] if language in WITH_BOTH_LINES else []
    said = sdk.run(language, "tour", *which, daemon.url, daemon.token, url, line=line)
    steps = dict(text.partition(" ")[::2] for text in said.splitlines())

    first, again, lost, recovered = receiver.got("/tour")
    assert steps["message"] == first.id == again.id and lost.id == recovered.id
    first.verify(steps["secret"])
    verify_one_of(again, [steps["rotated"], steps["secret"]], [steps["secret"]])
    assert steps["rotated"] != steps["secret"]
    assert (again.headers["X-Tour"], again.headers["Authorization"]) == (language, "a secret")
    assert [json.loads(got.body) for got in (first, lost)] == [{"n": 1}, {"n": 2}]

    assert steps["by-message"] == "200" and steps["by-endpoint"] == steps["messages"] == first.id
    assert steps["headers"].lower() == f"x-tour={language} authorization"
    assert steps["resend"] == "200 200"
    assert (steps["lost"], steps["recover"]) == ("410", "410 200")
    assert steps["portal"] == steps["endpoint"]
    assert steps["deleted"] == "404 not_found"


def verify_one_of(got, *choices):
    """The first that verifies: a rotation is known to all parts of the server a moment later."""
    for secrets in choices[:-1]:
        with contextlib.suppress(AssertionError):
            return got.verify(*secrets)
    return got.verify(*choices[-1])
