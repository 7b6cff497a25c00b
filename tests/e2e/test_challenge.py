"""Ownership challenges: nothing is sent to a URL whose owner has not said that it may be."""

import json
import signal
import socket
import threading
import time

import pytest
from harness.api import Unexpected
from harness.daemon import free_port, kill
from harness.names import Names
from harness.receiver import Step
from harness.wait import wait_until

ORIGIN = "posthorn"  # webhook_origin, unless told


def echo(got):
    return json.loads(got.body)["challenge"].encode()


ECHO = Step(body=echo)
CONSENT = {"WebHook-Allowed-Origin": "*"}


def consents(**more):
    return Step(headers={**CONSENT, **{name.replace("_", "-"): value for name, value in more.items()}})


def new(api, app, url, want=201, **fields):
    return api.post(f"/app/{app}/endpoint", {"url": url, **fields}, want=want).json


def get(api, app, endpoint):
    return api.get(f"/app/{app}/endpoint/{endpoint}").json


def verify(api, app, endpoint, want=200, **more):
    return api.post(f"/app/{app}/endpoint/{endpoint}/verify", want=want, **more).json


def assert_verified(endpoint):
    assert endpoint["verification"] == "verified" and endpoint["verifiedAt"], endpoint
    assert endpoint["challengeError"] is None and endpoint["deliveryState"] == "active", endpoint


def assert_unverified(endpoint, why):
    assert endpoint["verification"] == "unverified" and endpoint["verifiedAt"] is None, endpoint
    assert why in endpoint["challengeError"] and endpoint["deliveryState"] == "unverified", endpoint


def only(api, app, receiver, message, path):
    """The message has come to that path; whatever goes elsewhere would have come by then."""
    got = receiver.wait(1, path=path, id=message)[0]
    wait_until(lambda: len(api.attempts(app, message)) == 1)
    return got


# ---- what answers one ----------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [
    Step(body=echo),
    Step(status=202, body=lambda got: b"\r\n " + echo(got) + b"\n"),
    Step(body=lambda got: b"challenge=" + echo(got)),
    Step(body=lambda got: json.dumps({"ok": True, "challenge": echo(got).decode()}).encode()),
], ids=["text", "blanks", "form", "json"])
def test_slack(api, app, receiver, answer):
    url = receiver.script("/hook", answer, 200)
    made = new(api, app, url, challenge="slack", headers={"X-Tenant": "42"})
    assert_verified(made)
    assert made["challenge"] == "slack"
    asked = receiver.got("/hook")[0]
    assert asked.method == "POST" and asked.headers["content-type"] == "application/json"
    body = json.loads(asked.body)
    assert set(body) == {"type", "challenge"} and body["type"] == "url_verification"
    assert len(body["challenge"]) >= 40
    asked.verify(api.secret(app, made["id"]))
    assert asked.id.startswith("msg_") and asked.headers["x-tenant"] == "42"
    message = api.send(app)
    assert only(api, app, receiver, message, "/hook").headers["x-tenant"] == "42"
    assert "webhook-request-origin" not in receiver.wait(1, id=message)[0].headers


def test_slack_in_other_clothes(api, app, receiver):
    """Signed as the endpoint's deliveries are; and no CloudEvent."""
    url = receiver.script("/hook", ECHO, 200)
    made = new(api, app, url, challenge="slack", signatureProfile="github",
               format="cloudevents-structured", secret="of another sender")
    assert_verified(made)
    asked = receiver.got("/hook")[0]
    assert asked.headers["x-github-event"] == "url_verification" and "x-hub-signature-256" in asked.headers
    assert "webhook-signature" not in asked.headers
    assert json.loads(asked.body)["type"] == "url_verification"


@pytest.mark.parametrize("answer, why", [
    (Step(body=b"ok"), "does not repeat"),
    (Step(body=b""), "does not repeat"),
    (Step(body=lambda got: echo(got) + b"x"), "does not repeat"),
    (Step(body=lambda got: echo(got)[::-1]), "does not repeat"),
    (Step(status=404, body=echo), "404"),
    (Step(status=500, body=echo), "500"),
    (Step(body=lambda got: b" " * 100000 + echo(got)), "too long"),
    (Step(body=lambda got: b'{"challenge":' * 5000), "too long"),
    (Step(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"), "broke off"),
    (Step(raw=b"SSH-2.0-OpenSSH\r\n"), "not an HTTP answer"),
    (Step(reset=True), "connection"),
], ids=["other", "nothing", "more", "backwards", "404", "500", "huge", "deep", "short", "ssh", "reset"])
def test_slack_wrong(api, app, receiver, answer, why):
    assert_unverified(new(api, app, receiver.script("/hook", answer), challenge="slack"), why)


def test_redirects_are_not_followed(api, app, receiver):
    """Neither challenge: the owner of the other URL was not asked."""
    receiver.script("/elsewhere", Step(headers=CONSENT, body=b"{}"))
    away = Step(status=307, headers={"Location": receiver.url("/elsewhere"), **CONSENT}, body=b"")
    url = receiver.script("/hook", away)
    assert_unverified(new(api, app, url, challenge="slack"), "307")
    assert_unverified(new(api, app, url, challenge="cloudevents"), "redirect")
    assert not receiver.got("/elsewhere") and len(receiver.got("/hook")) == 2


def test_silent(api, app, receiver):
    """The endpoint's own timeout bounds it; nothing at all listens; a slow one that answers in time."""
    began = time.monotonic()
    url = receiver.script("/hook", Step(hang=True))
    assert_unverified(new(api, app, url, challenge="slack", timeoutMs=300), "timed out")
    assert time.monotonic() - began < 60
    assert_unverified(new(api, app, f"http://127.0.0.1:{free_port()}/", challenge="slack"), "refused")
    answers = threading.Event()
    threading.Timer(0.5, answers.set).start()
    assert_verified(new(api, app, receiver.script("/slow", Step(after=answers, body=echo)), challenge="slack"))


@pytest.mark.parametrize("answer, rate", [
    (Step(headers=CONSENT), None),
    (Step(status=405, headers={**CONSENT, "Allow": "POST"}), None),
    (Step(headers={"webhook-allowed-origin": "PostHorn"}), None),
    (consents(WebHook_Allowed_Rate="*"), None),
    (consents(WebHook_Allowed_Rate="120"), 2),
    (consents(WebHook_Allowed_Rate="179"), 2),
], ids=["any", "405", "name", "any rate", "rate", "part of a rate"])
def test_cloudevents(api, app, receiver, answer, rate):
    url = receiver.script("/hook?key=1%2F2", answer, 200)
    made = new(api, app, url, challenge="cloudevents", headers={"Authorization": "Bearer x"})
    assert_verified(made)
    assert made["allowedRate"] == rate and made["throttleRate"] is None
    asked = receiver.got()[0]
    assert asked.method == "OPTIONS" and asked.path == "/hook?key=1%2F2" and asked.body == b""
    assert asked.headers["webhook-request-origin"] == ORIGIN and asked.headers["authorization"] == "Bearer x"
    for name in ("content-length", "content-type", "webhook-id", "webhook-request-callback"):
        assert name not in asked.headers


@pytest.mark.parametrize("answer, why", [
    (Step(), "no WebHook-Allowed-Origin"),
    (Step(headers={"WebHook-Allowed-Origin": "eventemitter.example.com"}), "another origin"),
    (Step(headers={"WebHook-Allowed-Origin": ""}), "another origin"),
    (Step(headers={"WebHook-Allowed-Origin": "*" + " " * 10 + "x" * 5000}), "another origin"),
    (Step(raw=b"HTTP/1.1 200 OK\r\nWebHook-Allowed-Origin: *\r\nwebhook-allowed-origin: *\r\n"
              b"Content-Length: 0\r\n\r\n"), "another origin"),
    (Step(status=503, headers=CONSENT), "5xx"),
    (consents(WebHook_Allowed_Rate="59"), "less than 60"),
    (consents(WebHook_Allowed_Rate="many"), "neither a number"),
    (Step(headers={"WebHook-Allowed-Rate": "120"}), "no WebHook-Allowed-Origin"),
    (Step(body=b"WebHook-Allowed-Origin: *"), "no WebHook-Allowed-Origin"),
    (Step(raw=b"HTTP/1.1 103 Early\r\nWebHook-Allowed-Origin: *\r\n\r\nHTTP/1.1 200 OK\r\n"
              b"Content-Length: 0\r\n\r\n"), "no WebHook-Allowed-Origin"),
], ids=["none", "other", "empty", "long", "twice", "503", "slow", "words", "rate alone", "body", "early"])
def test_cloudevents_refused(api, app, receiver, answer, why):
    assert_unverified(new(api, app, receiver.script("/hook", answer), challenge="cloudevents"), why)


def test_the_origin_goes_with_every_delivery(api, app, receiver):
    """Usual ones, CloudEvents, others' signatures; retries and replays are the same requests."""
    paths = {"/usual": {}, "/event": {"format": "cloudevents-binary"},
             "/theirs": {"signatureProfile": "stripe", "secret": "x"}}
    for path, fields in paths.items():
        url = receiver.script(path, Step(headers=CONSENT), 500, 200)
        new(api, app, url, challenge="cloudevents", retrySchedule=[0.05], **fields)
    message = api.send(app)
    for path in paths:
        receiver.wait(3, path=path)
        asked, *deliveries = receiver.got(path)
        assert asked.method == "OPTIONS" and [d.method for d in deliveries] == ["POST", "POST"]
        assert [d.headers["webhook-request-origin"] for d in deliveries] == [ORIGIN] * 2
        assert {d.id for d in deliveries} == {message}
    usual = receiver.got("/usual")[1]
    assert "webhook-signature" in usual.headers and "svix-id" in usual.headers
    assert receiver.got("/event")[1].headers["ce-id"] == message


def test_the_rate_is_kept(api, app, receiver):
    """A replacement by somebody who does not know of it leaves it standing."""
    url = receiver.script("/hook", consents(WebHook_Allowed_Rate="60"), 200)
    made = new(api, app, url, challenge="cloudevents", throttleRate=1000)
    assert (made["allowedRate"], made["throttleRate"]) == (1, 1000)
    put = api.put(f"/app/{app}/endpoint/{made['id']}", {"url": url}, want=200).json
    assert (put["allowedRate"], put["throttleRate"]) == (1, None)
    began = time.monotonic()
    messages = [api.send(app) for _ in range(4)]
    receiver.wait_ids(messages)
    assert time.monotonic() - began > 1.5  # four, of which one may be there at once


# ---- what an unverified endpoint gets ------------------------------------------------------------


def test_unverified_gets_nothing(api, app, receiver):
    receiver.script("/hook", 200, ECHO, 200)
    made = new(api, app, receiver.url("/hook"), challenge="slack")
    place = f"/app/{app}/endpoint/{made['id']}"
    assert_unverified(made, "does not repeat")
    new(api, app, receiver.url("/other"))
    before = api.send(app)
    only(api, app, receiver, before, "/other")
    assert len(receiver.got("/hook")) == 1
    explained, = [e for e in api.list(f"/app/{app}/msg/{before}/explain") if e["endpointId"] == made["id"]]
    assert (explained["state"], explained["reason"]) == ("notMatched", "unverified")
    since = {"since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))}
    for path, body in ((f"/app/{app}/msg/{before}/endpoint/{made['id']}/resend", {}),
                       (f"{place}/recover", since), (f"{place}/replay-missing", since),
                       (f"{place}/send-example", {"eventType": "svix.ping"})):
        assert api.post(path, body, want=400).json["code"] == "endpoint_unverified", path
    assert_unverified(get(api, app, made["id"]), "does not repeat")
    assert_verified(verify(api, app, made["id"]))
    after = api.send(app)
    receiver.wait(1, path="/hook", id=after)
    assert not receiver.got("/hook", id=before)
    message = api.post(f"/app/{app}/msg/{before}/endpoint/{made['id']}/resend", want=202)
    receiver.wait(1, path="/hook", id=before)


def test_every_worker_knows(daemon, api, app, receiver):
    """Whichever worker takes the event: what was told to one holds for all."""
    made = new(api, app, receiver.script("/hook", ECHO, 200), challenge="slack")
    apis = [daemon.api() for _ in range(4)]
    messages = [one.send(app) for one in apis for _ in range(3)]
    receiver.wait_ids(messages)
    api.delete(f"/app/{app}/endpoint/{made['id']}")


# ---- changes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields, blamed", [({"url": "/new"}, "url"), ({"challenge": "cloudevents"}, "challenge")],
                         ids=["url", "kind"])
@pytest.mark.parametrize("method", ["patch", "put"])
def test_refused_change(api, app, receiver, method, fields, blamed):
    """It keeps what it has, and its events, when the other place does not answer."""
    old, name = receiver.script("/old", ECHO, 200), f"{method}-{blamed}"
    made = new(api, app, old, challenge="slack", uid=name)
    change = {"url": receiver.script("/new", 200) if blamed == "url" else old, "description": "new", "uid": name}
    if blamed == "challenge":
        change["challenge"] = "cloudevents"
    reply = getattr(api, method)(f"/app/{app}/endpoint/{name}", change, want=422).json
    assert reply["detail"][0]["loc"] == ["body", blamed] and "challenge failed" in reply["detail"][0]["msg"]
    kept = get(api, app, name)
    assert_verified(kept)
    assert (kept["url"], kept["description"], kept["challenge"]) == (old, "", "slack")
    assert kept["updatedAt"] == made["updatedAt"]
    only(api, app, receiver, api.send(app), "/old")


def test_change(api, app, receiver):
    made = new(api, app, receiver.script("/old", ECHO, 200), challenge="slack")
    place = f"/app/{app}/endpoint/{made['id']}"
    moved = api.patch(place, {"url": receiver.script("/new", ECHO, 200)}, want=200).json
    assert_verified(moved)
    assert moved["verifiedAt"] > made["verifiedAt"]
    only(api, app, receiver, api.send(app), "/new")
    # Nothing else asks again, the same URL once more included.
    count = len(receiver.got())
    for change in ({"description": "x"}, {"url": receiver.url("/new")}, {"challenge": "slack"}, {"disabled": False}):
        assert api.patch(place, change, want=200).json["verifiedAt"] == moved["verifiedAt"]
    assert len(receiver.got()) == count
    # To be rid of it is nothing to be asked for, where the application asks for none.
    free = api.patch(place, {"challenge": None}, want=200).json
    assert [free[name] for name in ("challenge", "verification", "verifiedAt")] == [None] * 3
    assert len(receiver.got()) == count
    only(api, app, receiver, api.send(app), "/new")


def test_unverified_changes(api, app, receiver):
    """What gets no events may be changed to what does not answer either; each with its own reason."""
    made = new(api, app, receiver.script("/a", 404), challenge="slack")
    place = f"/app/{app}/endpoint/{made['id']}"
    assert_unverified(made, "404")
    assert_unverified(api.patch(place, {"url": receiver.script("/b", 401)}, want=200).json, "401")
    assert_unverified(api.patch(place, {"challenge": "cloudevents"}, want=200).json, "no WebHook")
    receiver.script("/b", Step(headers=CONSENT), 200)
    changed = api.put(place, {"url": receiver.url("/b"), "description": "again"}, want=200).json
    assert changed["verification"] == "unverified"  # nothing that calls for a challenge
    assert_verified(verify(api, app, made["id"]))


def test_sdk_that_does_not_know_it(api, app, receiver):
    made = new(api, app, receiver.script("/hook", ECHO, 200), challenge="slack", uid="known")
    put = api.put(f"/app/{app}/endpoint/known", {"url": receiver.url("/hook"), "uid": "known"}, want=200).json
    assert (put["challenge"], put["verifiedAt"]) == ("slack", made["verifiedAt"])
    made = api.put(f"/app/{app}/endpoint/other", {"url": receiver.script("/b", 404), "challenge": "slack"},
                   want=201).json
    assert_unverified(made, "404")


def test_verify(api, app, receiver):
    """An outage does not stop deliveries: who was verified stays so."""
    free = new(api, app, receiver.url("/free"))
    assert (free["challenge"], free["verification"]) == (None, None)
    assert verify(api, app, free["id"], want=400)["code"] == "no_challenge"
    verify(api, app, "nobody", want=404)
    made = new(api, app, receiver.script("/hook", ECHO, 503, ECHO, 200), challenge="slack")
    failed = verify(api, app, made["id"])
    assert (failed["verification"], failed["verifiedAt"]) == ("verified", made["verifiedAt"])
    assert "503" in failed["challengeError"] and failed["deliveryState"] == "active"
    again = verify(api, app, made["id"])
    assert_verified(again)
    assert again["verifiedAt"] > made["verifiedAt"]
    receiver.wait(1, path="/hook", id=api.send(app))


def test_fields(api, app):
    for value in ("github", "", 1, ["slack"], {"kind": "slack"}):
        reply = new(api, app, "http://127.0.0.1:4010/", want=422, challenge=value)
        assert reply["detail"][0]["loc"] == ["body", "challenge"]
        reply = api.post("/app", {"name": "x", "endpointChallenge": value}, want=422).json
        assert reply["detail"][0]["loc"] == ["body", "endpointChallenge"]
    # Nobody is asked anything for what is refused, or for an application that is not there.
    new(api, "nobody", "http://127.0.0.1:4010/", want=404, challenge="slack")


# ---- applications --------------------------------------------------------------------------------


def test_application(api, receiver):
    app = api.new_app()
    old = new(api, app, receiver.url("/old"))
    assert api.get(f"/app/{app}").json["endpointChallenge"] is None
    assert api.patch(f"/app/{app}", {"endpointChallenge": "slack"}, want=200).json["endpointChallenge"] == "slack"
    assert api.put(f"/app/{app}", {"name": "acme"}, want=200).json["endpointChallenge"] == "slack"
    assert get(api, app, old["id"])["challenge"] is None  # those that are there keep what they have
    only(api, app, receiver, api.send(app), "/old")
    token = api.post(f"/auth/app-portal-access/{app}", {}, want=200).json["token"]
    api.patch(f"/app/{app}", {"endpointChallenge": None}, token=token, want=403)

    def portal(method, path, body, want):
        return api.call(method, f"/app/{app}/endpoint{path}", body, token=token, want=want).json

    for fields in ({}, {"challenge": None}):
        assert_unverified(portal("POST", "", {"url": receiver.script("/a", 404), **fields}, 201), "404")
    made = portal("POST", "", {"url": receiver.script("/a", Step(headers=CONSENT), 200),
                               "challenge": "cloudevents"}, 201)
    assert_verified(made)
    refused = portal("PATCH", f"/{made['id']}", {"challenge": None}, 422)
    assert refused["detail"][0]["loc"] == ["body", "challenge"]
    # The old one may stay where it is, but not move without an answer.
    portal("PATCH", f"/{old['id']}", {"description": "x"}, 200)
    assert portal("PATCH", f"/{old['id']}", {"url": receiver.script("/b", 404)}, 422)["detail"][0]["loc"] == [
        "body", "url"]
    moved = portal("PATCH", f"/{old['id']}", {"url": receiver.script("/b", ECHO, 200)}, 200)
    assert_verified(moved)
    assert moved["challenge"] == "slack"
    assert api.patch(f"/app/{app}", {"endpointChallenge": None}, want=200).json["endpointChallenge"] is None
    assert get(api, app, old["id"])["challenge"] == "slack"
    assert portal("PATCH", f"/{old['id']}", {"challenge": None}, 200)["challenge"] is None


# ---- races and ends ------------------------------------------------------------------------------


def in_background(function, *args, **named):
    result = {}

    def run():
        try:
            result["value"] = function(*args, **named)
        except Exception as error:  # the test looks at it
            result["error"] = error

    thread = threading.Thread(target=run)
    thread.start()
    return thread, result


def test_answer_for_another_url(api, app, receiver):
    """The answer to a challenge counts for the URL that gave it: the endpoint has another one by then."""
    go = threading.Event()
    made = new(api, app, receiver.script("/a", 404, Step(after=go, body=echo)), challenge="slack")
    thread, result = in_background(verify, api, app, made["id"])
    receiver.wait(2, path="/a")
    moved = api.patch(f"/app/{app}/endpoint/{made['id']}", {"url": receiver.script("/b", 404)}, want=200).json
    assert_unverified(moved, "404")
    go.set()
    thread.join()
    assert_unverified(result["value"], "404")
    assert result["value"]["url"] == receiver.url("/b")
    assert_unverified(get(api, app, made["id"]), "404")


def test_change_over_another_change(api, app, receiver):
    """Both wait for an answer: what is stored last is what answered it."""
    go = threading.Event()
    made = new(api, app, receiver.script("/old", ECHO, 200), challenge="slack")
    place = f"/app/{app}/endpoint/{made['id']}"
    receiver.script("/slow", Step(after=go, body=echo), 200)
    thread, result = in_background(api.patch, place, {"url": receiver.url("/slow")}, want=200)
    receiver.wait(1, path="/slow")
    changed = api.patch(place, {"challenge": "cloudevents", "url": receiver.script("/new", Step(headers=CONSENT), 200)},
                        want=200).json
    assert_verified(changed)
    go.set()
    thread.join()
    # /slow has answered the other kind of challenge.
    end = result["value"].json
    assert (end["url"], end["challenge"], end["verification"]) == (
        receiver.url("/slow"), "cloudevents", "unverified")


def test_caller_goes_away(daemon, api, app, receiver):
    """The outcome is stored all the same; nothing is read from what is gone (sanitizers)."""
    go = threading.Event()
    receiver.script("/hook", Step(after=go, body=echo), 200)
    body = json.dumps({"url": receiver.url("/hook"), "challenge": "slack", "uid": "orphan"}).encode()
    connection = socket.create_connection((api.host, api.port))
    connection.sendall(f"POST /api/v1/app/{app}/endpoint HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.token}"
                       f"\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    receiver.wait(1, path="/hook")
    connection.close()
    go.set()
    wait_until(lambda: api.get(f"/app/{app}/endpoint/orphan", want=(200, 404)).status == 200)
    assert_verified(get(api, app, "orphan"))


def test_bound(start, receiver):
    """So many are under way in a worker and no more; a stop does not wait for their answers."""
    daemon = start(stop_timeout="1s")
    api = daemon.api()
    app = api.new_app()
    receiver.script("/hook", Step(hang=True))
    threads = [in_background(new, daemon.api(), app, receiver.url("/hook"), (201, 503), challenge="slack",
                             timeoutMs=5000) for _ in range(64)]
    receiver.wait(64, path="/hook", deadline_s=60)
    reply = api.post(f"/app/{app}/endpoint", {"url": receiver.url("/hook"), "challenge": "slack"}, want=503)
    assert reply.json["code"] == "unavailable" and int(reply.headers["Retry-After"]) >= 1
    new(api, app, receiver.url("/free"))  # who is not challenged is not concerned
    for thread, _ in threads:
        thread.join()
    metrics = api.metrics()
    assert metrics['posthorn_challenges_total{result="failed"}'] == 64
    assert metrics['posthorn_challenges_total{result="verified"}'] == 0
    logged = [line for line in daemon.log().splitlines() if "challenge.fail" in line]
    assert 1 <= len(logged) < 64 and "timed out" in logged[0]
    assert_unverified([e for e in api.list(f"/app/{app}/endpoint") if e["challenge"]][0], "timed out")
    # A worker that is stopped, or dies, in the middle: nothing is stored.
    count = len(api.list(f"/app/{app}/endpoint"))
    hanging, result = in_background(new, daemon.api(), app, receiver.url("/hook"), None, challenge="slack", uid="dies")
    receiver.wait(65, path="/hook")
    kill(daemon.worker_pids()[0], signal.SIGKILL)
    hanging.join()
    assert "error" in result or result["value"]["code"] == "unavailable"
    wait_until(lambda: reachable(daemon), 60)
    assert len(daemon.api().list(f"/app/{app}/endpoint")) == count
    made = new(daemon.api(), app, receiver.script("/good", ECHO, 200), challenge="slack", uid="dies")
    assert_verified(made)


def reachable(daemon):
    try:
        return daemon.api().get("//readyz", token=None, want=(200, 503)).status == 200
    except (OSError, Unexpected):
        return False


def test_address_policy(start, receiver):
    """The address is judged when it is known: a name that leads to where nothing may go is not asked."""
    names = Names({"hook.hooks-of-acme.com": [["127.0.0.1"]]})
    try:
        api = start(allow_addresses="127.0.0.2/32", dns_servers=names.server).api()
        app = api.new_app()
        new(api, app, receiver.url("/hook"), want=422, challenge="slack")
        for kind in ("slack", "cloudevents"):
            url = f"http://hook.hooks-of-acme.com:{receiver.port}/hook"
            assert_unverified(new(api, app, url, challenge=kind), "not allowed")
        assert not receiver.connections
    finally:
        names.stop()


# ---- the command line ----------------------------------------------------------------------------


def test_command_line(daemon, api, receiver):
    uid = f"line-{time.monotonic_ns()}"
    done = daemon.run("app", "create", "acme", "--uid", uid, "--endpoint-challenge", "cloudevents", "-o", "json")
    assert done.returncode == 0 and json.loads(done.stdout)["endpointChallenge"] == "cloudevents", done.stderr
    done = daemon.run("app", "update", uid, "--clear", "endpointChallenge", "-o", "json")
    assert done.returncode == 0 and json.loads(done.stdout)["endpointChallenge"] is None, done.stderr
    url = receiver.script("/hook", 404, 404, ECHO, 200)
    done = daemon.run("endpoint", "create", uid, url, "--uid", "main", "--challenge", "slack", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert_unverified(json.loads(done.stdout), "404")
    done = daemon.run("endpoint", "verify", uid, "main", "-o", "json")
    assert done.returncode == 69 and "unverified: the answer's status is 404" in done.stderr
    assert_unverified(json.loads(done.stdout), "404")
    done = daemon.run("endpoint", "verify", uid, "main", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert_verified(json.loads(done.stdout))
    done = daemon.run("endpoint", "update", uid, "main", "--challenge", "cloudevents")
    assert done.returncode != 0 and "challenge failed" in done.stderr
