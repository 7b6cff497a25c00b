"""Tokens of an application: what they may do, and that they can be revoked on every worker, for good."""

import base64
import json

import pytest
from harness.api import Api
from harness.wait import wait_until

WEEK_S = 604800
CAPABILITIES = ["ViewBase", "ViewEndpointSecret", "ManageEndpointSecret", "ManageTransformations",
                "CreateAttempts", "ManageEndpoint"]


def portal(api, app, **asked):
    return api.post(f"/auth/app-portal-access/{app}", asked, want=200).json["token"]


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def status(daemon, token, path, method="GET", body=None):
    """Over a connection of its own: either worker may get it."""
    return Api("127.0.0.1", daemon.port, token).call(method, path, body).status


def is_void(daemon, app, token):
    """For both workers: many connections in a row are refused."""
    return all(status(daemon, token, f"/app/{app}") == 401 for _ in range(12))


def is_good(daemon, app, token):
    return all(status(daemon, token, f"/app/{app}") == 200 for _ in range(12))


# How long it lives.

def test_a_week_is_the_default(api, app):
    for route in ("app-portal-access", "dashboard-access"):
        said = claims(api.post(f"/auth/{route}/{app}", {}, want=200).json["token"])
        assert said["exp"] - said["iat"] == WEEK_S


@pytest.mark.parametrize("expiry,want", [(3600, 200), (WEEK_S, 200), (3599, 422), (WEEK_S + 1, 422), (None, 200),
                                         ("3600", 422)])
def test_expiry(api, app, expiry, want):
    reply = api.post(f"/auth/app-portal-access/{app}", {"expiry": expiry}, want=want)
    if want == 200:
        said = claims(reply.json["token"])
        assert said["exp"] - said["iat"] == (expiry or WEEK_S)


# What it may do.

@pytest.fixture
def things(api, app, receiver):
    """Paths of an application: what needs which capability."""
    endpoint = api.new_endpoint(app, receiver.url())
    message = api.send(app)
    receiver.wait(1)
    base = f"/app/{app}/endpoint/{endpoint}"
    return {
        ("GET", f"/app/{app}"): {"ViewBase"},
        ("GET", f"/app/{app}/endpoint"): {"ViewBase"},
        ("GET", base): {"ViewBase"},
        ("GET", base + "/headers"): {"ViewBase"},
        ("GET", base + "/stats"): {"ViewBase"},
        ("GET", base + "/attempt-stats"): {"ViewBase"},
        ("GET", f"/app/{app}/msg"): {"ViewBase"},
        ("GET", f"/app/{app}/msg/{message}"): {"ViewBase"},
        ("GET", f"/app/{app}/attempt/msg/{message}"): {"ViewBase"},
        ("GET", f"/app/{app}/dead-letter"): {"ViewBase"},
        ("GET", "/event-type"): {"ViewBase"},
        ("GET", base + "/secret"): {"ViewEndpointSecret", "ManageEndpointSecret", "ManageEndpoint"},
        ("POST", base + "/secret/rotate"): {"ManageEndpointSecret", "ManageEndpoint"},
        ("POST", f"/app/{app}/endpoint"): {"ManageEndpoint"},
        ("PUT", base): {"ManageEndpoint"},
        ("PATCH", base): {"ManageEndpoint"},
        ("PUT", base + "/headers"): {"ManageEndpoint"},
        ("PATCH", base + "/headers"): {"ManageEndpoint"},
        ("POST", f"/app/{app}/msg/{message}/endpoint/{endpoint}/resend"): {"CreateAttempts"},
        ("POST", f"/app/{app}/dead-letter/dlq_none/replay"): {"CreateAttempts"},
        ("DELETE", f"/app/{app}/endpoint/ep_none"): {"ManageEndpoint"},
    }


def check_each(api, things, token, may):
    for (method, path), needed in things.items():
        reply = api.call(method, path, {} if method in ("POST", "PUT", "PATCH") else None, token=token)
        if needed & may:
            assert reply.status not in (401, 403), (method, path, reply)
        else:
            assert reply.status == 403, (method, path, reply)
            assert all(name in reply.json["detail"] for name in needed), reply


@pytest.mark.parametrize("more", [None, *CAPABILITIES[1:]])
def test_each_capability(api, app, things, more):
    asked = ["ViewBase"] + ([more] if more else [])
    token = portal(api, app, capabilities=asked)
    assert claims(token)["capabilities"] == asked
    check_each(api, things, token, set(asked))


def test_without_capabilities_everything(api, app, things):
    for token in (portal(api, app), portal(api, app, capabilities=None, readOnly=False)):
        check_each(api, things, token, set(CAPABILITIES))


def test_read_only(api, app, things):
    check_each(api, things, portal(api, app, readOnly=True), {"ViewBase"})
    token = portal(api, app, readOnly=True, capabilities=CAPABILITIES)
    check_each(api, things, token, {"ViewBase", "ViewEndpointSecret"})


def test_whose_it_is(api, app):
    whose = api.get("/auth/whoami").json
    assert whose == {"envId": claims(api.token)["sub"], "permissionSource": "SvixJwt"}
    assert api.get("/auth/whoami", token=portal(api, app)).json == {**whose, "appId": app}
    token = portal(api, app, readOnly=True, sessionId="user-7")
    assert api.get("/auth/whoami", token=token).json == {**whose, "appId": app, "sessionId": "user-7"}
    api.get("/auth/whoami", token=None, want=401)
    api.post(f"/auth/app/{app}/expire-all", want=204)
    wait_until(lambda: api.call("GET", "/auth/whoami", token=token).status == 401)


@pytest.mark.parametrize("asked", [
    {"capabilities": []}, {"capabilities": ["ManageEndpoint"]}, {"capabilities": ["ViewBase", "Everything"]},
    {"capabilities": "ViewBase"}, {"capabilities": [1]}, {"readOnly": "yes"}, {"sessionId": "a b"},
    {"sessionId": ""}, {"sessionId": "x" * 129}, {"featureFlags": ["a b"]}])
def test_what_is_refused(api, app, asked):
    problems = api.post(f"/auth/app-portal-access/{app}", asked, want=422).json["detail"]
    assert [p["loc"][:2] for p in problems] == [["body", next(iter(asked))]]


def test_all_limits_at_once_are_a_token_or_a_refusal(api, app):
    flags = ["f" * 10] + [f"flag-{n}" for n in range(40)]
    asked = {"capabilities": CAPABILITIES, "sessionId": "s" * 128, "featureFlags": flags}
    reply = api.post(f"/auth/app-portal-access/{app}", asked)
    assert reply.status in (200, 422), reply
    if reply.status == 200:
        api.get(f"/app/{app}", token=reply.json["token"])


# Revoking.

def test_expire_all(daemon, api, app):
    old, session = portal(api, app), portal(api, app, sessionId="user-7")
    other = portal(api, api.new_app())
    assert is_good(daemon, app, old)
    api.post(f"/auth/app/{app}/expire-all", {}, want=204)
    new = portal(api, app)
    wait_until(lambda: is_void(daemon, app, old), 20, "known to every worker")
    assert is_void(daemon, app, session)
    assert is_good(daemon, app, new)
    assert status(daemon, other, "/event-type") == 200
    assert status(daemon, old, "/event-type") == 401
    assert api.get(f"/app/{app}", token=old, want=401).json["code"] == "authentication_failed"


def test_expire_all_again_and_again(daemon, api, app):
    """Each voids what was made before it, whatever second they fall into."""
    tokens = []
    for _ in range(5):
        tokens.append(portal(api, app))
        api.post(f"/auth/app/{app}/expire-all", {}, want=204)
    new = portal(api, app)
    for token in tokens:
        wait_until(lambda t=token: is_void(daemon, app, t), 20)
    assert is_good(daemon, app, new)
    with daemon.database() as db:
        rows = db.execute("select count(*) from token_void v join app a on a.id = v.app_id where v.app_id ="
                          " (select app_id from token_void order by id desc limit 1)").fetchone()[0]
    assert rows == 1, "what the last one covers is gone"


def test_expire_all_of_an_application_that_rests(daemon, api, app):
    """Every worker has it in memory, and has not been told of a change for long."""
    token = portal(api, app)
    with daemon.database() as db:
        assert db.execute("update app set changed_at = now() - interval '1 hour' where id = ("
                          "select id from app order by id desc limit 1)").rowcount == 1
    assert is_good(daemon, app, token)
    api.post(f"/auth/app/{app}/expire-all", {}, want=204)
    wait_until(lambda: is_void(daemon, app, token), 20, "known to every worker")


def test_expire_sessions(daemon, api, app):
    seven, eight = portal(api, app, sessionId="user-7"), portal(api, app, sessionId="user-8")
    plain = portal(api, app)
    api.post(f"/auth/app/{app}/expire-all", {"sessionIds": ["user-7", "user-9"]}, want=204)
    again = portal(api, app, sessionId="user-7")
    wait_until(lambda: is_void(daemon, app, seven), 20)
    for token in (eight, plain, again):
        assert is_good(daemon, app, token)


def test_expire_later(daemon, api, app):
    token, session = portal(api, app), portal(api, app, sessionId="s")
    api.post(f"/auth/app/{app}/expire-all", {"expiry": 3600}, want=204)
    assert is_good(daemon, app, token)
    api.post(f"/auth/app/{app}/expire-all", {"expiry": 1, "sessionIds": ["s"]}, want=204)
    wait_until(lambda: is_void(daemon, app, session), 30)
    assert is_good(daemon, app, token)


@pytest.mark.parametrize("asked,field", [({"expiry": -1}, "expiry"), ({"expiry": WEEK_S + 1}, "expiry"),
                                         ({"sessionIds": ["a b"]}, "sessionIds"), ({"sessionIds": "s"}, "sessionIds"),
                                         ({"sessionIds": [f"s{n}" for n in range(51)]}, "sessionIds")])
def test_expire_all_refuses(api, app, asked, field):
    problems = api.post(f"/auth/app/{app}/expire-all", asked, want=422).json["detail"]
    assert [p["loc"][:2] for p in problems] == [["body", field]]


def test_expire_all_is_the_organisations(api, app):
    api.post(f"/auth/app/{app}/expire-all", {}, token=portal(api, app), want=403)
    api.post("/auth/app/app_nobody/expire-all", {}, want=404)
    api.post(f"/auth/app/{app}/expire-all", None, want=204)


def test_there_is_a_limit(api, app):
    for batch in range(20):
        sessions = [f"s-{batch}-{n}" for n in range(50)]
        api.post(f"/auth/app/{app}/expire-all", {"sessionIds": sessions}, want=204)
    refused = api.post(f"/auth/app/{app}/expire-all", {"sessionIds": ["one-more"]}, want=400).json
    assert refused["code"] == "limit_reached"
    api.post(f"/auth/app/{app}/expire-all", {}, want=204)
    api.post(f"/auth/app/{app}/expire-all", {"sessionIds": ["one-more"]}, want=204)


def test_logout(daemon, api, app):
    token, other = portal(api, app, sessionId="s"), portal(api, app, sessionId="t", readOnly=True)
    assert status(daemon, token, "/auth/logout", "POST", {}) == 204
    wait_until(lambda: is_void(daemon, app, token), 20)
    assert status(daemon, token, "/auth/logout", "POST", {}) == 401
    assert is_good(daemon, app, other)
    assert status(daemon, other, "/auth/logout", "POST") == 204, "whatever it may do besides"
    wait_until(lambda: is_void(daemon, app, other), 20)


def test_tokens_of_one_second_are_not_one(daemon, api, app):
    """Made alike, for two people: one of them leaves."""
    tokens = [portal(api, app) for _ in range(10)]
    assert len(set(tokens)) == 10
    assert status(daemon, tokens[0], "/auth/logout", "POST") == 204
    wait_until(lambda: is_void(daemon, app, tokens[0]), 20)
    assert all(is_good(daemon, app, token) for token in tokens[1:])


def test_logout_of_an_organisation(api):
    assert "organisation" in api.post("/auth/logout", {}, want=400).json["detail"]
    api.post("/auth/logout", {}, token=None, want=401)
    api.get("/app?limit=1")


def test_tokens_that_others_made(daemon, api, app):
    """With our key and without a version: their second decides, and at a doubt they are void."""
    def foreign():
        return daemon.token_for("--org", "org_posthorn", "--app", app)

    old = foreign()
    assert is_good(daemon, app, old)
    api.post(f"/auth/app/{app}/expire-all", {}, want=204)
    wait_until(lambda: is_void(daemon, app, old), 20)
    wait_until(lambda: is_good(daemon, app, foreign()), 20, "one of a later second")
    assert is_void(daemon, app, old)


def test_a_token_of_a_deleted_application(daemon, api, app):
    token = portal(api, app)
    assert status(daemon, token, "/event-type") == 200
    api.delete(f"/app/{app}")
    wait_until(lambda: all(status(daemon, token, "/event-type") == 404 for _ in range(12)), 20)


def test_it_survives_everything(start):
    """kill -9 of all of it, the database included; and a worker that has never seen the application."""
    node = start(workers=2, lease="1s")
    api = node.api()
    app = api.new_app()
    expired, gone, good = portal(api, app, sessionId="s"), portal(api, app), portal(api, app)
    api.post(f"/auth/app/{app}/expire-all", {"sessionIds": ["s"]}, want=204)
    assert status(node, gone, "/auth/logout", "POST") == 204
    node.kill_all()
    node.start()
    assert is_void(node, app, expired) and is_void(node, app, gone), "at once"
    assert is_good(node, app, good)


def test_what_all_have_outlived_is_forgotten(start):
    """By housekeeping, in several steps; what a token may still hang on stays, unless its application goes."""
    daemon = start()
    api = daemon.api()
    app, other = api.new_app(), api.new_app()
    eternal = portal(api, app)
    for one in (app, other):
        api.post(f"/auth/app/{one}/expire-all", {}, want=204)
    api.post(f"/auth/app/{app}/expire-all", {"sessionIds": ["s"]}, want=204)
    with daemon.database() as db:
        ids = "select app_id from token_void where scope = '' order by id"
        first, second = [row[0] for row in db.execute(ids)]
        db.execute("insert into token_void (app_id, scope, version, void_from, forget_at)"
                   " select %s, 's' || n, 1, now(), now() - n * interval '1 second' from generate_series(1, 1200) n",
                   (first,))

    def rows(of):
        with daemon.database() as db:
            return sorted(r[0] for r in db.execute("select scope from token_void where app_id = %s", (of,)))

    assert len(rows(first)) == 1202
    daemon.stop()
    daemon.start()
    wait_until(lambda: len(rows(first)) == 2, 30, "the old ones are gone")
    assert rows(first) == ["", "ss"] and rows(second) == [""]
    assert is_void(daemon, app, eternal)
    daemon.api().delete(f"/app/{app}", want=204)
    assert rows(first) == [] and rows(second) == [""]
