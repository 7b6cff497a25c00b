"""What all routes share: tokens, CORS, methods, health, Idempotency-Key."""

import threading
import uuid

import pytest
from harness.api import Api
from harness.keys import age_keys

BASE = {"name": "a"}


def portal(api, app, **body):
    return api.post(f"/auth/app-portal-access/{app}", body, want=200).json


# Tokens.


def test_application_tokens(api, app):
    other = api.new_app()
    api.patch(f"/app/{app}", {"uid": app[4:]}, want=200)
    api.patch(f"/app/{other}", {"uid": other[4:]}, want=200)
    token = portal(api, app)["token"]
    for name in (app, app[4:]):
        assert api.get(f"/app/{name}", token=token).json["id"] == app
        api.get(f"/app/{name}/endpoint", token=token)
    for name in (other, other[4:], "app_nothing", "nothing"):
        api.get(f"/app/{name}", token=token, want=404)
        api.get(f"/app/{name}/endpoint", token=token, want=404)
        api.post(f"/app/{name}/endpoint", {"url": "http://127.0.0.1:4010"}, token=token, want=404)
    for method, path in (("GET", "/app"), ("POST", "/app"), ("PUT", f"/app/{app}"),
                         ("PATCH", f"/app/{app}"), ("DELETE", f"/app/{app}"),
                         ("POST", f"/auth/app-portal-access/{app}")):
        refused = api.call(method, path, BASE, token=token, want=403)
        assert refused.json["code"] == "insufficient access"
    made = api.post(f"/app/{app}/endpoint", {"url": "http://127.0.0.1:4010"}, token=token, want=201)
    api.delete(f"/app/{app}/endpoint/{made.json['id']}", token=token)


def test_application_token_of_another_organisation(api, app, daemon):
    org = "org_" + uuid.uuid4().hex[:27]
    theirs = Api("127.0.0.1", daemon.port, daemon.token_for("--org", org))
    token = portal(theirs, theirs.new_app())["token"]
    api.get(f"/app/{app}", token=token, want=404)


def test_portal_access(api, app):
    for path in ("app-portal-access", "dashboard-access"):
        access = api.call("POST", f"/auth/{path}/{app}", want=200).json
        assert access["token"] and access["url"].startswith("http")
        assert api.get(f"/app/{app}", token=access["token"]).json["id"] == app
    api.post("/auth/app-portal-access/app_nothing", {}, want=404)
    portal(api, app, expiry=3600, featureFlags=["a", "b"], readOnly=False, capabilities=None)
    for bad in ({"expiry": 3599}, {"expiry": 604801}, {"featureFlags": ["has space"]},
                {"featureFlags": "a"}, {"readOnly": 1}, {"capabilities": ["Everything"]}):
        reply = api.post(f"/auth/app-portal-access/{app}", bad, want=422)
        assert reply.json["detail"][0]["loc"][:2] == ["body", *bad]


def test_portal_access_makes_the_application(api):
    uid = uuid.uuid4().hex
    path = f"/auth/app-portal-access/{uid}"
    api.post(path, {}, want=404)
    missing = api.post(path, {"application": {"name": "a"}}, want=422)
    assert missing.json["detail"][0]["type"] == "application_uid_missing"
    mismatch = api.post(path, {"application": {"name": "a", "uid": "other"}}, want=422)
    assert mismatch.json["detail"][0]["type"] == "application_uid_mismatch"
    bad = api.post(path, {"application": {"name": 1, "uid": uid}}, want=422)
    assert bad.json["detail"][0]["loc"] == ["body", "application", "name"]
    for none in ("a", ["a"], True):
        bad = api.post(path, {"application": none}, want=422)
        assert [p["loc"] for p in bad.json["detail"]] == [["body", "application"]]
    token = portal(api, uid, application={"name": "made", "uid": uid})["token"]
    made = api.get(f"/app/{uid}", token=token).json
    assert made["name"] == "made"
    portal(api, uid, application={"name": "ignored", "uid": uid})
    assert api.get(f"/app/{uid}").json == made


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer "])
def test_scheme_of_the_token(api, scheme):
    api.get("/app", token=None, headers={"Authorization": f"{scheme} {api.token}"})


def test_refusal_says_how(api):
    refused = api.get("/app", token=None, want=401)
    assert refused.headers["www-authenticate"] == "Bearer"
    assert refused.json == {"code": "authentication_failed", "detail": "Invalid token"}


# Methods and paths.


def test_method_not_allowed_names_those_that_are(api):
    refused = api.call("DELETE", "/app", want=405)
    assert {m.strip() for m in refused.headers["allow"].split(",")} == {"GET", "HEAD", "POST"}
    assert refused.json["code"] == "method_not_allowed"


def test_head(api, app):
    for path in ("/health", f"/app/{app}"):
        reply = api.call("HEAD", path, want=200)
        assert reply.body == b"" and int(reply.headers["content-length"]) > 2
    api.call("HEAD", "/health/ping", want=204, token=None)
    api.call("HEAD", "/nothing", want=404)


def test_health(api):
    for path in ("/health", "/health/"):
        parts = api.get(path, token=None).json
        assert parts == {part: {"status": "ok"} for part in ("database", "queue", "cache")}


def test_encoded_path(api):
    uid = "a.b-" + uuid.uuid4().hex
    app = api.new_app(uid=uid)
    encoded = "".join("%%%02X" % byte for byte in uid.encode())
    assert api.get(f"/app/{encoded}").json["id"] == app
    for bad in ("%", "%1", "%gg", "%00", "%ff", "%c0%80"):
        api.get(f"/app/{bad}", want=400)
        api.get(f"/app?iterator={bad}", want=400)


@pytest.mark.parametrize("path", [
    "/ingest/api/v1/source", "/stream", "/environment/export",
    "/connector", "/app/x/integration", "/app/x/integration/y/key",
    "/auth/stream/x"])
def test_families_that_are_not_offered(api, path):
    assert api.call("POST", path, {}, want=501).json["code"] == "not_implemented"


# Bounds.


def test_a_body_of_an_object_is_bounded(api):
    """One that is within the bound of all bodies, and would be parsed whole."""
    for size, status in ((500 << 10, 422), (600 << 10, 413)):
        assert api.call("POST", "/app", b'{"name": "%s"}' % (b"a" * size)).status == status


def test_pages_are_bounded(api):
    for limit, status in ((250, 200), (251, 422)):
        for path in ("/app", "/event-type", "/dead-letter", "/background-task"):
            api.get(f"{path}?limit={limit}", want=status)


# Browsers.


def test_preflight(api):
    asked = "authorization,content-type,svix-req-id"
    reply = api.call("OPTIONS", "/app", token=None, want=204, headers={
        "Origin": "https://portal.example.com", "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": asked})
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["access-control-allow-headers"] == asked
    assert reply.headers["access-control-max-age"] == "600"
    allowed = {m.strip() for m in reply.headers["access-control-allow-methods"].split(",")}
    assert {"GET", "POST", "PUT", "PATCH", "DELETE"} <= allowed


@pytest.mark.parametrize("asked", ["a" * 2000, "x: y", "a;b", "ä"])
def test_preflight_mirrors_only_names(api, asked):
    reply = api.call("OPTIONS", "/app", token=None, want=204, headers={
        "Access-Control-Request-Headers": asked.encode("utf-8")})
    assert "authorization" in reply.headers["access-control-allow-headers"]
    assert asked not in reply.headers["access-control-allow-headers"]


def test_every_answer_may_be_read_by_browsers(api):
    for reply in (api.get("/app"), api.get("/nothing", want=404), api.get("/app", token=None, want=401),
                  api.get("/health/ping", want=204), api.call("DELETE", "/app", want=405),
                  # refused before the API sees it
                  api.get("/app?" + "x" * 10_000, want=414), api.call("TRACE", "/app", want=405),
                  api.post("/app", b" " * (3 << 20), want=413)):
        assert reply.headers["access-control-allow-origin"] == "*"


# Idempotency-Key.


def keyed(api, key, body=BASE, path="/app", **more):
    return api.post(path, body, headers={"Idempotency-Key": key}, **more)


@pytest.fixture(scope="module")
def fresh_api(daemon):
    """A client of an organisation whose keys nobody has used."""
    org = "org_" + uuid.uuid4().hex[:27]
    return Api("127.0.0.1", daemon.port, daemon.token_for("--org", org))


def test_key_gives_the_first_answer_again(api):
    key = uuid.uuid4().hex
    first = keyed(api, key, want=201)
    for path in ("/app", "/app/"):
        again = keyed(api, key, path=path, want=201)
        assert again.body == first.body
    assert keyed(api, uuid.uuid4().hex, want=201).json["id"] != first.json["id"]


def test_key_works_on_every_worker(daemon):
    key = uuid.uuid4().hex
    ids = set()
    for _ in range(8):  # a connection each: the workers share them out
        ids.add(keyed(daemon.api(), key, want=201).json["id"])
    assert len(ids) == 1


def test_key_with_another_body(api):
    key = uuid.uuid4().hex
    keyed(api, key, want=201)
    for body, path in (({"name": "b"}, "/app"), (BASE, "/app?get_if_exists=true")):
        refused = keyed(api, key, body, path, want=422)
        assert refused.json["detail"][0]["loc"] == ["header", "idempotency-key"]


def test_key_is_of_one_caller_and_one_path(api, app, daemon):
    key = uuid.uuid4().hex
    first = keyed(api, key, want=201).json["id"]
    other = Api("127.0.0.1", daemon.port, daemon.token_for("--org", "org_" + uuid.uuid4().hex[:27]))
    assert keyed(other, key, want=201).json["id"] != first
    keyed(api, key, {"name": key, "description": ""}, "/event-type", want=201)


def test_key_is_of_one_token(api, app):
    """An application's caller is none of the organisation's, though both have the path."""
    key, path = uuid.uuid4().hex, f"/app/{app}/polling-endpoint"
    token = portal(api, app)["token"]
    made = [keyed(api, key, {}, path, token=one, want=201).json["id"] for one in ("", token, "", token)]
    assert made[0] != made[1] and made[:2] == made[2:]


def test_key_of_a_refused_request_is_free_again(api):
    key, uid = uuid.uuid4().hex, uuid.uuid4().hex
    keyed(api, key, {"name": 1}, want=422)
    taken = api.new_app(uid=uid)
    keyed(api, key, {"name": "a", "uid": uid}, want=409)
    api.delete(f"/app/{taken}")
    made = keyed(api, key, {"name": "a", "uid": uid}, want=201)
    assert keyed(api, key, {"name": "a", "uid": uid}, want=201).body == made.body


def test_key_replays_answers_without_a_body(api, app):
    endpoint = api.new_endpoint(app, "http://127.0.0.1:4010")
    path, key = f"/app/{app}/endpoint/{endpoint}/secret/rotate", uuid.uuid4().hex
    sdk = {"User-Agent": "svix-libs/2.0.0/python", "Idempotency-Key": key}  # which gets none
    api.post(path, {}, headers=sdk, want=204)
    rotated = api.secret(app, endpoint)
    again = api.post(path, {}, headers=sdk, want=204)
    assert again.body == b"" and api.secret(app, endpoint) == rotated


@pytest.mark.parametrize("size, status", [(0, 400), (1, 201), (256, 201), (257, 400)])
def test_size_of_keys(fresh_api, size, status):
    keyed(fresh_api, "k" * size, want=status)


def test_key_on_other_methods_means_nothing(api, app):
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    assert api.patch(f"/app/{app}", {"name": "x"}, headers=headers).json["name"] == "x"
    assert api.patch(f"/app/{app}", {"name": "y"}, headers=headers).json["name"] == "y"


def test_requests_at_once_with_one_key_make_one_thing(api):
    key, replies = uuid.uuid4().hex, []
    body = {"name": "a", "metadata": {"key": key}}

    def ask():
        replies.append(keyed(api, key, body))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = {reply.json["id"] for reply in replies if reply.status == 201}
    assert len(made) == 1 and {reply.status for reply in replies} <= {201, 409}
    assert keyed(api, key, body, want=201).json["id"] in made


def test_claim_left_by_a_dead_process(start):
    """A claim without an answer holds its key for a minute, then somebody else may have it."""
    daemon = start()
    api = daemon.api()
    key = uuid.uuid4().hex
    keyed(api, key, want=201)
    with daemon.database() as db:
        db.execute("update idempotency set status = null, answer = null")
        assert keyed(api, key, want=409).json["code"] == "conflict"
        db.execute("update idempotency set created_at = now() - interval '61 s'")
        again = keyed(api, key, want=201)
        assert keyed(api, key, want=201).body == again.body
        assert db.execute("select count(*) from app").fetchone()[0] == 2


def test_key_of_the_bucket_before_is_remembered(start):
    daemon = start(idempotency_ttl="6h")
    api = daemon.api()
    key = uuid.uuid4().hex
    first = keyed(api, key, want=201)
    with daemon.database() as db:
        assert age_keys(db) == 1
        assert keyed(api, key, want=201).body == first.body
