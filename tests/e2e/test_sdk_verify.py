"""The reference libraries of Standard Webhooks accept what Posthorn sends, through a rotation of the
secret, and nothing else."""

import pytest
from harness import sdk
from harness.receiver import Receiver
from harness.wait import wait_until

LANGUAGES = ("python", "javascript", "go", "rust")
PAYLOAD = '{"greeting":"grüß dich","n":[1.0,2e3]}'.encode()


class Subscription:
    """An endpoint with a secret before and one after its rotation."""

    def __init__(self, api, receiver, grace_s):
        self._api, self._receiver = api, receiver
        self._app = api.new_app()
        self._path = f"/{self._app}"
        endpoint = api.new_endpoint(self._app, receiver.url(self._path))
        self.old = api.secret(self._app, endpoint)
        self.before = self.deliver()
        api.post(f"/app/{self._app}/endpoint/{endpoint}/secret/rotate",
                 {"gracePeriodSeconds": grace_s}, want=200)
        self.new = api.secret(self._app, endpoint)

    def deliver(self):
        """(headers, body) of a message as the receiver got them."""
        message = self._api.send(self._app, PAYLOAD)
        got = self._receiver.wait(1, self._path, message)[0]
        return dict(got.headers), got.body


def signatures(delivery):
    return delivery[0]["webhook-signature"].split(" ")


@pytest.fixture(scope="module")
def deliveries(daemon):
    """(secret, delivery, whether that is to be accepted), by what it shows."""
    receiver = Receiver()
    api = daemon.api()
    long, short = Subscription(api, receiver, 3600), Subscription(api, receiver, 1)
    overlap = long.deliver()
    after = wait_until(lambda: [d for d in [short.deliver()] if len(signatures(d)) == 1], 60)[0]
    receiver.stop()
    headers, body = overlap
    changed = headers, body.replace(b"dich", b"mich")
    other_time = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)}, body
    other_id = {**headers, "webhook-id": headers["webhook-id"] + "0"}, body
    return {
        "before the rotation": (long.old, long.before, True),
        "before it, the new secret": (long.new, long.before, False),
        "overlap, the old secret": (long.old, overlap, True),
        "overlap, the new secret": (long.new, overlap, True),
        "afterwards, the old secret": (short.old, after, False),
        "afterwards, the new secret": (short.new, after, True),
        "a changed body": (long.new, changed, False),
        "another timestamp": (long.new, other_time, False),
        "another id": (long.new, other_id, False),
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_reference_library(deliveries, language):
    cases = [(secret, *delivery) for secret, delivery, _ in deliveries.values()]
    said = dict(zip(deliveries, sdk.verdicts(language, cases), strict=True))
    assert said == {name: "accepted" if accepted else "refused"
                    for name, (_, _, accepted) in deliveries.items()}
