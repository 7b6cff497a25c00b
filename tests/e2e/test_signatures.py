"""What deliveries are signed with: Standard Webhooks with both kinds of keys, and rotation between them.
Signatures are checked by the libraries of others, never by Posthorn's own code."""

import base64

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

URL = "http://127.0.0.1:4010/hook"


def b64(data):
    return base64.b64encode(data).decode()


def pair(n):
    """(seed, public half) of the n-th key pair of these tests."""
    seed = bytes([n]) * 32
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return seed, public


def whsk(n):
    return "whsk_" + b64(b"".join(pair(n)))


def whpk(n):
    return "whpk_" + b64(pair(n)[1])


def whsec(n):
    return "whsec_" + b64(bytes([n]) * 24)


def signatures(got):
    """[(version, base 64 text)] of a delivery."""
    given = got.headers["webhook-signature"]
    assert given == got.headers["svix-signature"]
    return [tuple(entry.split(",", 1)) for entry in given.split(" ")]


def signed_by(got, public, signature):
    content = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
    try:
        key.verify(base64.b64decode(signature, validate=True), content)
    except InvalidSignature:
        return False
    return True


def rotate(api, app, endpoint, key=None, want=200, **more):
    body = dict(more, **({"key": key} if key else {}))
    return api.post(f"/app/{app}/endpoint/{endpoint}/secret/rotate", body, want=want).json


def delivered(api, app, receiver, payload=None):
    message = api.send(app, payload)
    return receiver.wait(1, id=message)[0]


@pytest.mark.parametrize("given", [whsk(1), "whsk_" + b64(pair(1)[0])], ids=["pair", "seed"])
def test_a_pair_signs(api, app, receiver, given):
    endpoint = api.new_endpoint(app, receiver.url(), secret=given)
    assert api.secret(app, endpoint) == whpk(1)  # and nothing of the private half
    for payload in (None, {"text": "Zoë 🎉" * 4000}):
        got = delivered(api, app, receiver, payload)
        (version, signature), = signatures(got)
        assert version == "v1a"
        assert signed_by(got, whpk(1), signature) and not signed_by(got, whpk(2), signature)
        got.body += b" "
        assert not signed_by(got, whpk(1), signature)


@pytest.mark.parametrize("secret", [
    "whsk_", "whsk_%", "whsk_" + b64(bytes(31)), "whsk_" + b64(bytes(33)), "whsk_" + b64(bytes(65)),
    "whsk_" + b64(pair(1)[0] + pair(2)[1]), whpk(1), "whsk_" + whsk(1)[5:].rstrip("="),
    "hwsec_" + whsec(1)[6:]])
def test_what_is_no_pair(api, app, secret):
    reply = api.post(f"/app/{app}/endpoint", {"url": URL, "secret": secret}, want=422)
    assert reply.json["detail"][0]["loc"] == ["body", "secret"]
    assert secret[5:] == "" or secret not in reply.body.decode()
    endpoint = api.new_endpoint(app, URL)
    before = api.secret(app, endpoint)
    reply = api.post(f"/app/{app}/endpoint/{endpoint}/secret/rotate", {"key": secret}, want=422)
    assert reply.json["detail"][0]["loc"] == ["body", "key"]
    assert api.secret(app, endpoint) == before


def test_rotation_between_kinds(api, app, receiver):
    """Every valid key signs, whatever its kind, the current one first and the others after it."""
    endpoint = api.new_endpoint(app, receiver.url(), secret=whsec(1))
    assert rotate(api, app, endpoint, whsk(2)) == {"key": whpk(2)}
    assert rotate(api, app, endpoint, whsec(3)) == {"key": whsec(3)}
    got = delivered(api, app, receiver)
    assert [version for version, _ in signatures(got)] == ["v1", "v1a", "v1"]
    assert signed_by(got, whpk(2), signatures(got)[1][1])
    symmetric = got.verified_by([whsec(3), whsec(1)])
    assert symmetric == [f"v1,{signature}" for version, signature in signatures(got) if version == "v1"]

    assert rotate(api, app, endpoint, whsk(4), gracePeriodSeconds=0) == {"key": whpk(4)}
    got = delivered(api, app, receiver)
    assert [version for version, _ in signatures(got)] == ["v1a", "v1a", "v1"]  # whsec(3) has gone at once
    assert signed_by(got, whpk(4), signatures(got)[0][1])
    assert signed_by(got, whpk(2), signatures(got)[1][1])


def test_generated_pairs(start, receiver):
    daemon = start(default_signature="ed25519")
    api = daemon.api()
    app = api.new_app()
    endpoint = api.new_endpoint(app, receiver.url())
    first = api.secret(app, endpoint)
    second = rotate(api, app, endpoint)["key"]
    assert first != second and first.startswith("whpk_") and second.startswith("whpk_")
    got = delivered(api, app, receiver)
    assert [signed_by(got, public, signature) for public, (_, signature)
            in zip((second, first), signatures(got), strict=True)] == [True, True]
    # Whoever brings a key has the kind that he brings.
    given = api.new_endpoint(app, URL, secret=whsec(1))
    assert api.secret(app, given) == whsec(1)


@pytest.mark.parametrize("agent, status", [
    ("svix-libs/1.99.1/kotlin", 204), ("svix-libs/2.6.2/java", 204), ("svix-libs/2.7.0/csharp", 200),
    ("svix-libs/2.10.0/go", 200), ("svix-libs/3.0.0/rust", 200), ("svix-libs/x/go", 200), ("curl/8", 200)])
def test_answer_of_a_rotation(api, app, agent, status):
    """SDKs before 2.7 know no answer to a rotation, and those of C#, Java and Kotlin fail for any body."""
    endpoint = api.new_endpoint(app, URL)
    reply = api.post(f"/app/{app}/endpoint/{endpoint}/secret/rotate", {"key": whsec(1)}, want=status,
                     headers={"User-Agent": agent})
    assert (reply.json == {"key": whsec(1)}) if status == 200 else reply.body == b""
    assert api.secret(app, endpoint) == whsec(1)
