"""Endpoints whose subscribers do not speak Standard Webhooks: signatures as GitHub, Stripe, Shopify and
Slack make them, as a template says, and CloudEvents. The verifiers here are written from what those
providers document for receivers."""

import base64
import hashlib
import hmac
import json
import re
import time

import pytest

URL = "http://127.0.0.1:4010/hook"
TEXT = "It's a Secret to Everybody"  # a secret that another sender had given out
WHSEC = "whsec_" + base64.b64encode(b"k" * 24).decode()
WHSK = "whsk_" + base64.b64encode(b"s" * 32).decode()
BODY = b'{"text":"Zo\xc3\xab", "n": 1.0}'  # as the producer writes it


def mac(secret, content, hash="sha256"):
    return hmac.new(secret.encode(), content, hash)


def recent(stamp):
    return stamp == str(int(stamp)) and abs(time.time() - int(stamp)) < 300


def github(got, secret):
    return hmac.compare_digest("sha256=" + mac(secret, got.body).hexdigest(),
                               got.headers["X-Hub-Signature-256"])


def stripe(got, secret):
    fields = [pair.split("=", 1) for pair in got.headers["Stripe-Signature"].split(",")]
    stamp, = [value for key, value in fields if key == "t"]
    wanted = mac(secret, stamp.encode() + b"." + got.body).hexdigest()
    return recent(stamp) and wanted in [value for key, value in fields if key == "v1"]


def shopify(got, secret):
    return got.headers["X-Shopify-Hmac-Sha256"] == base64.b64encode(mac(secret, got.body).digest()).decode()


def slack(got, secret):
    stamp = got.headers["X-Slack-Request-Timestamp"]
    wanted = "v0=" + mac(secret, b"v0:" + stamp.encode() + b":" + got.body).hexdigest()
    return recent(stamp) and got.headers["X-Slack-Signature"] == wanted


VERIFY = {"github": github, "stripe": stripe, "shopify": shopify, "slack": slack}


def new(api, app, url=URL, want=201, **fields):
    return api.post(f"/app/{app}/endpoint", {"url": url, **fields}, want=want).json


def blamed(reply):
    return [item["loc"] for item in reply["detail"]]


def delivered(api, app, receiver, **more):
    message = api.send(app, BODY, **more)
    return receiver.wait(1, id=message)[0]


@pytest.mark.parametrize("secret", [TEXT, WHSEC], ids=["text", "whsec"])
@pytest.mark.parametrize("profile", VERIFY)
def test_providers(api, app, receiver, profile, secret):
    made = new(api, app, receiver.url(), signatureProfile=profile, secret=secret)
    assert made["signatureProfile"] == profile and made["signatureTemplate"] is None
    assert api.secret(app, made["id"]) == secret
    got = delivered(api, app, receiver, event_type="a.b")
    assert got.body == BODY
    assert VERIFY[profile](got, secret) and not VERIFY[profile](got, secret + "x")
    assert got.headers["webhook-timestamp"] == str(int(got.headers["webhook-timestamp"]))
    for name in ("webhook-signature", "svix-signature", "svix-id"):
        assert name not in got.headers
    if profile == "github":
        assert (got.headers["X-GitHub-Event"], got.headers["X-GitHub-Delivery"]) == ("a.b", got.id)


def test_rotation_under_a_profile(api, app, receiver):
    """Where there is room for more than one signature, old keys sign, too; else the current one alone."""
    both = new(api, app, receiver.url("/stripe"), signatureProfile="stripe", secret="old")["id"]
    one = new(api, app, receiver.url("/slack"), signatureProfile="slack", secret="old")["id"]
    for endpoint in (both, one):
        path = f"/app/{app}/endpoint/{endpoint}/secret/rotate"
        assert api.post(path, {"key": "new"}, want=200).json == {"key": "new"}
        assert blamed(api.post(path, {"key": WHSK}, want=422).json) == [["body", "key"]]
    message = api.send(app)
    got = receiver.wait(1, "/stripe", id=message)[0]
    assert stripe(got, "new") and stripe(got, "old")
    assert re.fullmatch(r"t=\d+,v1=[0-9a-f]{64},v1=[0-9a-f]{64}", got.headers["Stripe-Signature"])
    got = receiver.wait(1, "/slack", id=message)[0]
    assert slack(got, "new") and not slack(got, "old")


def test_template(api, app, receiver):
    template = {"header": "X-Acme-Signature", "algorithm": "sha512", "encoding": "base64",
                "prefix": "v1:", "content": "{id}.{timestamp}.{body}", "separator": " ",
                "timestampHeader": "X-Acme-Time", "idHeader": "X-Acme-Id", "typeHeader": "X-Acme-Type"}
    made = new(api, app, receiver.url(), signatureProfile="custom", signatureTemplate=template,
               secret=TEXT)
    assert made["signatureProfile"] == "custom" and made["signatureTemplate"] == template
    path = f"/app/{app}/endpoint/{made['id']}"
    api.post(path + "/secret/rotate", {"key": "other"}, want=200)
    got = delivered(api, app, receiver, event_type="a.b")
    stamp = got.headers["X-Acme-Time"]
    assert recent(stamp) and got.headers["X-Acme-Id"] == got.id
    assert got.headers["X-Acme-Type"] == "a.b"
    content = f"{got.id}.{stamp}.".encode() + BODY
    assert got.headers["X-Acme-Signature"] == " ".join(
        "v1:" + base64.b64encode(mac(key, content, "sha512").digest()).decode() for key in ("other", TEXT))

    api.patch(path, {"signatureProfile": "github"}, want=200)
    assert github(delivered(api, app, receiver), "other")
    # SDKs replace endpoints without knowing of profiles.
    kept = api.put(path, {"url": receiver.url()}, want=200).json
    assert kept["signatureProfile"] == "github" and kept["signatureTemplate"] is None


def test_the_standard_again(api, app, receiver):
    made = new(api, app, receiver.url(), signatureProfile="stripe")
    secret = api.secret(app, made["id"])
    assert secret.startswith("whsec_")
    assert stripe(delivered(api, app, receiver), secret)
    for back in ("standard", None):
        changed = api.patch(f"/app/{app}/endpoint/{made['id']}", {"signatureProfile": back}, want=200)
        assert changed.json["signatureProfile"] == "standard"
        got = delivered(api, app, receiver)
        got.verify(secret)
        assert "Stripe-Signature" not in got.headers


@pytest.mark.parametrize("fields, loc", [
    ({"signatureProfile": "gitlab"}, "signatureProfile"),
    ({"signatureProfile": 1}, "signatureProfile"),
    ({"signatureProfile": "custom"}, "signatureTemplate"),
    ({"signatureProfile": "custom", "signatureTemplate": "x"}, "signatureTemplate"),
    ({"signatureProfile": "custom", "signatureTemplate": {}}, "signatureTemplate"),
    ({"signatureProfile": "custom", "signatureTemplate": {"header": "Host"}}, "signatureTemplate"),
    ({"signatureProfile": "custom", "signatureTemplate": {"header": "X", "content": "x"}},
     "signatureTemplate"),
    ({"signatureProfile": "custom", "signatureTemplate": {"header": "X", "more": "x" * 5000}},
     "signatureTemplate"),
    ({"signatureProfile": "github", "signatureTemplate": {"header": "X"}}, "signatureTemplate"),
    ({"signatureTemplate": {"header": "X"}}, "signatureTemplate"),
    ({"signatureProfile": "github", "secret": WHSK}, "secret"),
    ({"signatureProfile": "github", "secret": "x" * 120}, "secret"),
    ({"signatureProfile": "github", "secret": ""}, "secret"),
    ({"secret": TEXT}, "secret"),
    ({"format": "xml"}, "format"),
])
def test_what_is_refused(api, app, fields, loc):
    assert ["body", loc] in blamed(new(api, app, want=422, **fields))


@pytest.mark.parametrize("before, after", [
    ({"signatureProfile": "github", "secret": TEXT}, "standard"), ({"secret": WHSK}, "github")])
def test_keys_that_do_not_go_with_a_profile(api, app, before, after):
    """The profile stays until there is a key that signs under the new one."""
    path = f"/app/{app}/endpoint/" + new(api, app, **before)["id"]
    refused = api.patch(path, {"signatureProfile": after, "description": "x"}, want=422).json
    assert blamed(refused) == [["body", "signatureProfile"]]
    assert api.get(path).json["description"] == ""
    api.post(path + "/secret/rotate", {"key": WHSEC}, want=200)
    assert api.patch(path, {"signatureProfile": after}, want=200).json["signatureProfile"] == after


@pytest.mark.parametrize("profile", ["standard", "github"])
@pytest.mark.parametrize("mode", ["cloudevents-binary", "cloudevents-structured"])
def test_cloudevents(api, receiver, mode, profile):
    app = api.new_app()
    made = new(api, app, receiver.url(), format=mode, signatureProfile=profile, secret=WHSEC)
    assert made["format"] == mode
    got = delivered(api, app, receiver, event_type="a.b")
    about = {"specversion": "1.0", "id": got.id, "source": f"/app/{app}", "type": "a.b"}
    accepted = api.get(f"/app/{app}/msg/{got.id}").json["timestamp"]
    if mode == "cloudevents-binary":
        assert got.body == BODY and got.headers["content-type"] == "application/json"
        seen = {name[3:].lower(): value for name, value in got.headers.items()
                if name.lower().startswith("ce-")}
        assert "datacontenttype" not in seen
    else:
        assert got.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
        seen = json.loads(got.body)
        assert seen.pop("datacontenttype") == "application/json"
        assert seen.pop("data") == json.loads(BODY) and BODY in got.body
    assert seen.pop("time")[:19] == accepted[:19]
    assert seen == about
    if profile == "standard":
        got.verify(WHSEC)
    else:
        assert github(got, WHSEC)
    again = api.patch(f"/app/{app}/endpoint/{made['id']}", {"format": "none"}, want=200).json
    assert again["format"] == "none"
    got = delivered(api, app, receiver)
    assert got.body == BODY and "ce-id" not in got.headers


def test_source_of_cloudevents(start, receiver):
    daemon = start(cloudevents_source='https://events.example/100% "ours"')
    api = daemon.api()
    app = api.new_app(uid="acme-1")
    new(api, app, receiver.url("/binary"), format="cloudevents-binary")
    new(api, app, receiver.url("/structured"), format="cloudevents-structured")
    message = api.send(app)
    got = receiver.wait(1, "/binary", id=message)[0]
    assert got.headers["ce-source"] == "https://events.example/100%25%20%22ours%22/app/acme-1"
    got = receiver.wait(1, "/structured", id=message)[0]
    assert json.loads(got.body)["source"] == 'https://events.example/100% "ours"/app/acme-1'
