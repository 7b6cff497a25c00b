"""Bad input: every refusal is a 4xx with JSON that names the field, and changes nothing."""

import base64
import hashlib
import hmac
import json
import uuid

import pytest

URL = "http://127.0.0.1:9999/"


def body_locations(reply):
    """The fields that a 422 blames, as "eventTypes" or "eventTypes.[0]"."""
    assert reply.status == 422, reply
    details = reply.json["detail"]
    for item in details:
        assert item["msg"] and item["type"] and item["loc"][0] in ("body", "query"), item
    return {".".join(item["loc"][1:]) for item in details}


def assert_error(reply, status, code=None):
    assert reply.status == status, reply
    assert reply.headers["content-type"].startswith("application/json"), reply.headers["content-type"]
    assert reply.json["detail"], reply
    if code:
        assert reply.json["code"] == code, reply


APP = [
    ({}, "name"),
    ({"name": ""}, "name"),
    ({"name": 7}, "name"),
    ({"name": None}, "name"),
    ({"name": "a\u0000b"}, "name"),
    ({"name": "a", "uid": "has space"}, "uid"),
    ({"name": "a", "uid": ""}, "uid"),
    ({"name": "a", "uid": "app_mine"}, "uid"),
    ({"name": "a", "uid": "u" * 257}, "uid"),
    ({"name": "a", "rateLimit": 0}, "rateLimit"),
    ({"name": "a", "rateLimit": -1}, "rateLimit"),
    ({"name": "a", "throttleRate": 1.5}, "throttleRate"),
    ({"name": "a", "metadata": {"k": 1}}, "metadata"),
    ({"name": "a", "metadata": {"k": "a\0b"}}, "metadata"),
    ({"name": "a", "metadata": {"k": "v" * 5000}}, "metadata"),
]
ENDPOINT = [
    ({}, "url"),
    ({"url": ""}, "url"),
    ({"url": "not a url"}, "url"),
    ({"url": "ftp://example.com/"}, "url"),
    ({"url": "file:///etc/passwd"}, "url"),
    ({"url": "http://user:pw@example.com/"}, "url"),
    ({"url": "http://exa mple.com/"}, "url"),
    ({"url": "http://example.com:99999/"}, "url"),
    ({"url": "http://" + "a" * 3000 + ".com/"}, "url"),
    ({"url": 5}, "url"),
    ({"url": URL, "uid": "ep_mine"}, "uid"),
    ({"url": URL, "rateLimit": 0}, "rateLimit"),
    ({"url": URL, "channels": []}, "channels"),
    ({"url": URL, "channels": ["has space"]}, "channels"),
    ({"url": URL, "channels": ["a"] * 11}, "channels"),
    ({"url": URL, "eventTypes": ["no such type"]}, "eventTypes"),
    ({"url": URL, "secret": "w"}, "secret"),
    ({"url": URL, "secret": "whsec_%"}, "secret"),
    ({"url": URL, "secret": "whsec_" + "A" * 8}, "secret"),
    ({"url": URL, "secret": "hwsec_" + "A" * 32}, "secret"),
    ({"url": URL, "retrySchedule": "soon"}, "retrySchedule"),
    ({"url": URL, "retrySchedule": [-1]}, "retrySchedule"),
    ({"url": URL, "retrySchedule": ["1"]}, "retrySchedule"),
    ({"url": URL, "timeoutMs": 0}, "timeoutMs"),
    ({"url": URL, "timeoutMs": 10_000_000}, "timeoutMs"),
    ({"url": URL, "disabled": "yes"}, "disabled"),
]
MESSAGE = [
    ({"payload": {}}, "eventType"),
    ({"eventType": "", "payload": {}}, "eventType"),
    ({"eventType": "has space", "payload": {}}, "eventType"),
    ({"eventType": "t" * 257, "payload": {}}, "eventType"),
    ({"eventType": "t"}, "payload"),
    ({"eventType": "t", "payload": []}, "payload"),
    ({"eventType": "t", "payload": "text"}, "payload"),
    ({"eventType": "t", "payload": None}, "payload"),
    ({"eventType": "t", "payload": {}, "channels": []}, "channels"),
    ({"eventType": "t", "payload": {}, "channels": [1]}, "channels"),
    ({"eventType": "t", "payload": {}, "eventId": "msg_mine"}, "eventId"),
    ({"eventType": "t", "payload": {}, "eventId": "a/b"}, "eventId"),
    ({"eventType": "t", "payload": {}, "payloadRetentionPeriod": 0}, "payloadRetentionPeriod"),
]
EVENT_TYPE = [
    ({"description": "d"}, "name"),
    ({"name": "has space", "description": "d"}, "name"),
    ({"name": "t", "description": 1}, "description"),
    ({"name": "t", "description": "d", "schemas": {"1": {"type": "no such"}}}, "schemas"),
    ({"name": "t", "description": "d", "featureFlag": "has space"}, "featureFlag"),
    ({"name": "t", "description": "d", "featureFlag": ""}, "featureFlag"),
    ({"name": "t", "description": "d", "featureFlag": "f\nb", "featureFlags": ["a"]}, "featureFlag"),
]


def cases(table):
    return pytest.mark.parametrize("body, field", table, ids=[f"{f}-{i}" for i, (_, f) in enumerate(table)])


def assert_blames(reply, field):
    assert any(loc == field or loc.startswith(field + ".") for loc in body_locations(reply)), reply


@cases(APP)
def test_bad_application(api, body, field):
    assert_blames(api.post("/app", body), field)


@cases(ENDPOINT)
def test_bad_endpoint(api, app, body, field):
    assert_blames(api.post(f"/app/{app}/endpoint", body), field)
    assert api.list(f"/app/{app}/endpoint") == []


@cases(MESSAGE)
def test_bad_message(api, app, body, field):
    assert_blames(api.post(f"/app/{app}/msg", body), field)
    assert api.list(f"/app/{app}/msg") == []


@cases(EVENT_TYPE)
def test_bad_event_type(api, body, field):
    assert_blames(api.post("/event-type", body), field)


@pytest.mark.parametrize("path, body, place", [
    ("/app/{app}/endpoint", {"url": URL, "eventTypes": ["ok", "has space"]}, "eventTypes.[1]"),
    ("/app/{app}/endpoint", {"url": URL, "filterTypes": [1]}, "filterTypes.[0]"),
    ("/app/{app}/endpoint", {"url": URL, "channels": ["a", "b", "c d"]}, "channels.[2]"),
    ("/app/{app}/endpoint", {"url": URL, "retrySchedule": [1, "2"]}, "retrySchedule.[1]"),
    ("/app/{app}/polling-endpoint", {"eventTypes": [""]}, "eventTypes.[0]"),
    ("/app/{app}/msg", {"eventType": "t", "payload": {}, "channels": ["a", "b c"]}, "channels.[1]"),
    ("/app/{app}/msg", {"eventType": "t", "payload": {}, "channels": ["a", None]}, "channels.[1]"),
    ("/app/{app}/msg", {"eventType": "t", "payload": {}, "tags": ["a", "b", ""]}, "tags.[2]"),
    ("/app/{app}/msg", {"eventType": "t", "payload": {}, "tags": [1, "a"]}, "tags.[0]"),
    ("/event-type", {"name": "t", "description": "", "featureFlags": ["a", "b c"]}, "featureFlags.[1]"),
    ("/auth/app-portal-access/{app}", {"capabilities": ["ViewBase", "No"]}, "capabilities.[1]"),
    ("/auth/app/{app}/expire-all", {"sessionIds": ["a b"]}, "sessionIds.[0]"),
])
def test_the_item_of_a_list_is_blamed(api, app, path, body, place):
    assert body_locations(api.post(path.format(app=app), body)) == {place}


MB = 1 << 20
LARGEST = 2 * MB  # body_max
NOT_JSON = [b"", b"{", b"nonsense", b'{"a":1,}', b"{'a':1}", b'{"a":NaN}', b'{"name":"\xff\xfe"}',
            b'{"name":"\xed\xa0\x80"}', b'{"name":"a"} x', b"[" * 100_000, b'{"a":' * 100_000,
            b"\xef\xbb\xbf{}", b'{"name":"a\nb"}', b"\x00"]


@pytest.mark.parametrize("body", NOT_JSON, ids=range(len(NOT_JSON)))
def test_not_json(api, app, body):
    for path in ("/app", f"/app/{app}/msg", f"/app/{app}/endpoint"):
        reply = api.call("POST", path, body)
        assert reply.status in (400, 422) and reply.json["detail"], reply


@pytest.mark.parametrize("body", [b"[]", b"1", b'"text"', b"null", b"true"])
def test_json_but_no_object(api, body):
    reply = api.call("POST", "/app", body)
    assert reply.status in (400, 422) and reply.json["detail"], reply


def test_unknown_fields_are_ignored(api):
    api.post("/app", {"name": "a", "someday": {"deep": [1]}}, want=201)


def test_too_large(api, app):
    body = b'{"eventType":"t","payload":{"x":"' + b"a" * (8 << 20) + b'"}}'
    reply = api.call("POST", f"/app/{app}/msg", body, headers={"Connection": "close"})
    assert_error(reply, 413, "payload_too_large")


@pytest.mark.parametrize("size, status", [(LARGEST - 1, 202), (LARGEST, 202), (LARGEST + 1, 413)])
def test_the_largest_body(api, app, size, status):
    head, tail = b'{"eventType":"t","payload":{"x":"', b'"}}'
    body = head + b"a" * (size - len(head) - len(tail)) + tail
    api.call("POST", f"/app/{app}/msg?with_content=false", body, want=status)


@pytest.mark.parametrize("depth, status", [(64, 202), (250, 202), (300, 422), (100_000, 422)])
def test_nesting(api, app, depth, status):
    for opening, closing in ((b'{"a":', b"}"), (b"[", b"]")):
        value = opening * depth + b"1" + closing * depth
        api.call("POST", f"/app/{app}/msg", b'{"eventType":"t","payload":{"x":' + value + b"}}", want=status)


def test_keys_of_a_megabyte_and_by_the_thousand(api, app):
    for key in (b'"%s":1' % (b"k" * MB), b",".join(b'"k%d":1' % n for n in range(100_000))):
        body = b'{"eventType":"t","payload":{' + key + b"}}"
        assert body[28:-2] in api.call("POST", f"/app/{app}/msg", body, want=202).body
    api.call("POST", f"/app/{app}/msg", b'{"eventType":"t","%s":1,"payload":{}}' % (b"k" * MB), want=202)


@pytest.mark.parametrize("method, path", [
    ("GET", "/nothing"), ("POST", "/app/x/y/z"), ("GET", "/app//endpoint"), ("GET", "//"),
    ("GET", "//api/v2/app"), ("GET", "//favicon.ico"), ("GET", "/app/%00"), ("GET", "/app/%zz"),
    ("GET", "/app/..%2f..%2fetc")])
def test_unknown_route(api, method, path):
    reply = api.call(method, path, {} if method == "POST" else None)
    assert reply.status in (400, 404), reply
    assert reply.json["detail"], reply


@pytest.mark.parametrize("method, path", [("PUT", "/app"), ("DELETE", "/app"), ("POST", "/health")])
def test_unknown_method(api, method, path):
    assert_error(api.call(method, path, {}), 405)


@pytest.mark.parametrize("path", ["/stream", "/ingest/api/v1/source", "/app/{app}/integration"])
def test_families_that_are_not_offered(api, app, path):
    reply = api.get(path.format(app=app), want=None)
    assert reply.status in (404, 501) and reply.json["detail"]


def test_both_slash_forms(api, app, receiver):
    for slash in ("", "/"):
        assert api.get(f"/app/{app}{slash}").json["id"] == app
        api.post("/app" + slash, {"name": "a"}, want=201)
        api.post(f"/app/{app}/msg{slash}", {"eventType": "t", "payload": {}}, want=202)
        api.get("/health/ping" + slash, want=204, token=None)
        assert api.get(f"/app{slash}?limit=1").json["data"]
    assert api.get(f"/app/{app}//", want=None).status in (400, 404)


def token(secret=b"not the server's secret", algorithm="HS256", **claims):
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    head = part(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    signed = head + b"." + part(json.dumps(claims).encode())
    return (signed + b"." + part(hmac.new(secret, signed, hashlib.sha256).digest())).decode()


def forged(good):
    """Tokens made from a good one that must not pass."""
    head, claims, signature = good.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    return {
        "empty": "", "word": "nonsense", "two-dots": "..", "no-signature": f"{head}.{claims}.",
        "alg-none": f"{none}.{claims}.", "alg-none-signed": f"{none}.{claims}.{signature}",
        "flipped": f"{head}.{claims}.{flipped}", "longer": good + "A", "fourth-part": good + ".x",
        "other-key": token(sub="org_23rb8YdGqMT0qIzpgGwdXfHirMu"),
        "huge": "a" * 7000, "blank": good.replace(".", " ."),
    }


@pytest.mark.parametrize("kind", forged("a.b.cc").keys())
def test_forged_token(api, kind):
    bad = {"Authorization": "Bearer " + forged(api.token)[kind]}
    assert_error(api.get("/app", token=None, headers=bad, want=None), 401, "authentication_failed")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic dXNlcjpwdw=="},
                                     {"Authorization": "Bearer"}, {"Authorization": ""}])
def test_no_token(api, headers):
    assert_error(api.get("/app", token=None, headers=headers, want=None), 401, "authentication_failed")


def test_other_organisations_token_sees_nothing(api, app, daemon):
    """Signed with the same key, for another organisation."""
    other = daemon.token_for("--org", "org_" + "2" * 27)
    assert_error(api.get(f"/app/{app}", token=other, want=None), 404, "not_found")
    assert api.get("/app", token=other).json["data"] == []


def test_application_token_reaches_its_own_application(api, app, daemon):
    other = api.new_app("other")
    own = daemon.token_for("--app", app)
    assert api.get(f"/app/{app}", token=own).json["id"] == app
    assert_error(api.get(f"/app/{other}", token=own, want=None), 404, "not_found")
    assert_error(api.post("/app", {"name": "a"}, token=own), 403)
    assert_error(api.post(f"/app/{app}/msg", {"eventType": "t", "payload": {}}, token=own), 403)


def test_missing_things(api, app):
    for path in ("/app/app_missing", f"/app/{app}/endpoint/ep_missing", f"/app/{app}/msg/msg_missing",
                 "/event-type/missing", f"/app/{app}/dead-letter/dl_missing", "/background-task/x"):
        assert_error(api.get(path, want=None), 404, "not_found")


def test_conflicts(api, app):
    uid = uuid.uuid4().hex
    api.post("/app", {"name": "a", "uid": uid}, want=201)
    assert_error(api.post("/app", {"name": "b", "uid": uid}), 409, "conflict")
    api.post(f"/app/{app}/msg", {"eventType": "t", "payload": {}, "eventId": uid}, want=202)
    again = api.post(f"/app/{app}/msg", {"eventType": "t", "payload": {}, "eventId": uid})
    assert_error(again, 409)
    api.post("/event-type", {"name": uid, "description": ""}, want=201)
    assert_error(api.post("/event-type", {"name": uid, "description": ""}), 409, "event_type_exists")


@pytest.mark.parametrize("query, status", [
    ("limit=0", 422), ("limit=-1", 422), ("limit=x", 400), ("limit=99999999999999999999", 400),
    ("iterator=nonsense", 422), ("order=sideways", (400, 422))])
def test_bad_page(api, query, status):
    reply = api.get("/app?" + query, want=None)
    assert reply.status in (status if isinstance(status, tuple) else (status,)), reply
    assert reply.json["detail"]


@pytest.mark.parametrize("name", ["Content-Length", "Transfer-Encoding", "User-Agent", "svix-id",
                                  "webhook-signature", "bad name", "x\r\ny", ""])
def test_headers_that_may_not_be_set(api, app, name):
    endpoint = api.new_endpoint(app, URL)
    reply = api.put(f"/app/{app}/endpoint/{endpoint}/headers", {"headers": {name: "v"}})
    assert body_locations(reply)


def test_header_values_cannot_split_the_request(api, app):
    endpoint = api.new_endpoint(app, URL)
    for value in ("a\r\nX-Evil: 1", "a\nb", "a\u0000b", "v" * 5000):
        reply = api.put(f"/app/{app}/endpoint/{endpoint}/headers", {"headers": {"X-Ok": value}})
        assert body_locations(reply), value
