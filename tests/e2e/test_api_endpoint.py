"""/app/{app}/endpoint: where events go."""

import base64
import datetime
import threading
import uuid

import pytest
from harness.lists import check_list
from harness.wait import wait_until

URL = "http://127.0.0.1:4010/hook"
NO_SUCH = ("ep_nothing", "ep_15Mzzzzzzzz", "some-uid")


@pytest.fixture
def types(api):
    """Two event types that there are."""
    made = [f"t.{uuid.uuid4().hex}" for _ in range(2)]
    for name in made:
        api.post("/event-type", {"name": name, "description": ""}, want=201)
    return made


def new(api, app, **fields):
    return api.post(f"/app/{app}/endpoint", {"url": URL, **fields}, want=201).json


def blamed(reply):
    return [item["loc"] for item in reply.json["detail"]]


# One endpoint.


def test_least(api, app):
    made = new(api, app)
    assert made["id"].startswith("ep_") and made["url"] == URL
    assert made["metadata"] == {} and made["description"] == "" and made["version"] == 1
    assert made["disabled"] is False
    for field in ("uid", "eventTypes", "filterTypes", "channels", "throttleRate", "rateLimit",
                  "retrySchedule", "timeoutMs", "maxInFlight", "disabledReason", "ordering", "failingSince",
                  "nextProbeAt"):
        assert made[field] is None, field
    assert made["paused"] is False and made["headOfLine"] == "deadLetter"
    assert made["deliveryState"] == "active" and "waiting" not in made
    assert made["createdAt"] == made["updatedAt"]
    assert api.get(f"/app/{app}/endpoint/{made['id']}").json == made


def test_everything(api, app, types):
    made = new(api, app, uid="u", description="d", version=2, disabled=True, filterTypes=types,
               channels=["north", "a:b+c"], rateLimit=5, metadata={"k": "v"},
               retrySchedule=[0, 0.05, 1, 1.5, 300], timeoutMs=2500, maxInFlight=3,
               paused=True, ordering="key", headOfLine="block",
               secret="whsec_" + "C2FVsBQIhrscChlQIMV+b5sSYspob7oD")
    assert made["eventTypes"] == types == made["filterTypes"]
    assert made["channels"] == ["north", "a:b+c"]
    assert made["throttleRate"] == made["rateLimit"] == 5
    assert made["retrySchedule"] == [0, 0.05, 1, 1.5, 300]
    assert (made["timeoutMs"], made["maxInFlight"], made["version"]) == (2500, 3, 2)
    assert made["disabled"] is True and made["disabledReason"] == "manual"
    assert made["paused"] is True and (made["ordering"], made["headOfLine"]) == ("key", "block")
    assert made["deliveryState"] == "disabled"
    assert api.get(f"/app/{app}/endpoint/u").json == {**made, "waiting": 0}
    assert api.secret(app, "u") == "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@pytest.mark.parametrize("given, stored", [
    ("HTTP://LocalHost:4010", "http://localhost:4010/"),
    ("http://127.0.0.1:4010/A?b=C", "http://127.0.0.1:4010/A?b=C"),
    ("http://0x7f.1:4010/", "http://127.0.0.1:4010/"),
    ("https://Example.COM:443", "https://example.com/"),
])
def test_url_is_kept_in_canonical_form(api, app, given, stored):
    assert new(api, app, url=given)["url"] == stored


@pytest.mark.parametrize("url", ["http://10.1.2.3/", "http://169.254.169.254/latest", "http://[::1]/",
                                 "http://2130706434/", "http://localhost/", "http://a.localhost/"])
def test_addresses_that_no_delivery_may_reach(start, url):
    """Told at once when the URL itself names them."""
    api = start(allow_addresses="").api()
    app = api.new_app()
    reply = api.post(f"/app/{app}/endpoint", {"url": url}, want=422)
    assert blamed(reply) == [["body", "url"]]


def test_https_only(start):
    api = start(https_only="true").api()
    app = api.new_app()
    assert blamed(api.post(f"/app/{app}/endpoint", {"url": "http://example.com"}, want=422)) == [
        ["body", "url"]]
    made = new(api, app, url="https://example.com")
    api.patch(f"/app/{app}/endpoint/{made['id']}", {"url": "http://example.com"}, want=422)


def test_event_types_must_exist(api, app, types):
    for bad in ([types[0], "no.such.type"], ["no.such.type"]):
        reply = api.post(f"/app/{app}/endpoint", {"url": URL, "eventTypes": bad}, want=422)
        assert blamed(reply) == [["body", "eventTypes"]]
    made = new(api, app, eventTypes=types)
    api.patch(f"/app/{app}/endpoint/{made['id']}", {"filterTypes": ["no.such.type"]}, want=422)
    api.delete(f"/event-type/{types[1]}")
    api.patch(f"/app/{app}/endpoint/{made['id']}", {"eventTypes": types}, want=422)
    assert api.get(f"/app/{app}/endpoint/{made['id']}").json["eventTypes"] == types


def test_no_event_types_are_all_of_them(api, app):
    assert new(api, app, filterTypes=[])["eventTypes"] is None


@pytest.mark.parametrize("change, shown", [
    ({"url": "http://127.0.0.1:4011"}, {"url": "http://127.0.0.1:4011/"}),
    ({"description": "other"}, {"description": "other"}),
    ({"uid": "other"}, {"uid": "other"}),
    ({"uid": None}, {"uid": None}),
    ({"version": 9}, {"version": 9}),
    ({"disabled": True}, {"disabled": True, "disabledReason": "manual", "deliveryState": "disabled"}),
    ({"paused": True}, {"paused": True, "deliveryState": "paused"}),
    ({"paused": False}, {}),
    ({"ordering": "endpoint"}, {"ordering": "endpoint"}),
    ({"ordering": "key", "headOfLine": "block"}, {"ordering": "key", "headOfLine": "block"}),
    ({"ordering": None}, {}),
    ({"headOfLine": "block"}, {"headOfLine": "block"}),
    ({"eventTypes": None}, {"eventTypes": None, "filterTypes": None}),
    ({"filterTypes": None}, {"eventTypes": None, "filterTypes": None}),
    ({"channels": ["south"]}, {"channels": ["south"]}),
    ({"channels": None}, {"channels": None}),
    ({"throttleRate": 8}, {"throttleRate": 8, "rateLimit": 8}),
    ({"rateLimit": None}, {"throttleRate": None, "rateLimit": None}),
    ({"metadata": {"x": "y"}}, {"metadata": {"x": "y"}}),
    ({"retrySchedule": [0.25]}, {"retrySchedule": [0.25]}),
    ({"retrySchedule": []}, {"retrySchedule": []}),
    ({"retrySchedule": None}, {"retrySchedule": None}),
    ({"timeoutMs": 200}, {"timeoutMs": 200}),
    ({"timeoutMs": None}, {"timeoutMs": None}),
    ({"maxInFlight": None}, {"maxInFlight": None}),
    ({}, {}),
])
def test_patch_changes_what_it_names(api, app, types, change, shown):
    before = new(api, app, uid="u", description="d", eventTypes=types, channels=["north"],
                 rateLimit=1, metadata={"k": "v"}, retrySchedule=[1], timeoutMs=1000, maxInFlight=2)
    after = api.patch(f"/app/{app}/endpoint/{before['id']}", change, want=200).json
    expected = {**before, **shown}
    assert after.pop("updatedAt") > expected.pop("updatedAt")
    assert after == expected


@pytest.mark.parametrize("field", ["url", "description", "version", "disabled", "paused", "headOfLine"])
def test_patch_refuses_null_where_it_means_nothing(api, app, field):
    made = new(api, app)
    reply = api.patch(f"/app/{app}/endpoint/{made['id']}", {field: None}, want=422)
    assert blamed(reply) == [["body", field]]


def test_null_is_the_default_where_clients_may_say_so(api, app):
    """Older SDKs' types of a version and of a grace period have null in them."""
    made = new(api, app, version=None)
    assert made["version"] == 1
    path = f"/app/{app}/endpoint/{made['id']}"
    api.put(path, {"url": URL, "version": 5}, want=200)
    assert api.put(path, {"url": URL, "version": None}, want=200).json["version"] == 1
    api.post(path + "/secret/rotate", {"key": None, "gracePeriodSeconds": None}, want=200)


def test_put_replaces_everything_but_key_and_headers(api, app, types):
    before = new(api, app, uid="u", description="d", disabled=True, eventTypes=types, channels=["c"],
                 rateLimit=1, metadata={"k": "v"}, retrySchedule=[1], timeoutMs=1000, maxInFlight=2,
                 headers={"X-One": "1"})
    key = api.secret(app, "u")
    after = api.put(f"/app/{app}/endpoint/u", {"url": URL + "2", "secret": "whsec_" + "A" * 32},
                    want=200).json
    least = new(api, app, url=URL + "2")
    for field in set(least) - {"id", "createdAt", "updatedAt"}:
        assert after[field] == least[field], field
    assert after["id"] == before["id"] and after["createdAt"] == before["createdAt"]
    assert api.secret(app, after["id"]) == key
    assert api.get(f"/app/{app}/endpoint/{after['id']}/headers").json["headers"] == {"X-One": "1"}


def test_put_takes_headers(api, app):
    """Those that are told replace what was there; a sensitive value is not told again."""
    path = f"/app/{app}/endpoint/with-headers"
    body = {"url": "https://example.com/", "uid": "with-headers"}
    api.put(path, {**body, "headers": {"X-A": "1", "Authorization": "secret"}}, want=201)
    assert api.get(path + "/headers").json == {"headers": {"X-A": "1"}, "sensitive": ["Authorization"]}
    api.put(path, body, want=200)
    assert api.get(path + "/headers").json["headers"] == {"X-A": "1"}
    api.put(path, {**body, "headers": {"X-B": "2"}}, want=200)
    assert api.get(path + "/headers").json == {"headers": {"X-B": "2"}, "sensitive": []}
    api.put(path, {**body, "headers": None}, want=200)
    for name in ("Content-Length", "svix-id", "X-Amz-Date", "bad name"):
        reply = api.put(path, {**body, "headers": {name: "1"}}, want=422).json
        assert reply["detail"][0]["loc"] == ["body", "headers"]
    reply = api.patch(path + "/headers", {"headers": {"X-C": "3"}, "deleteHeaders": ["x-b"]}, want=204)
    assert api.get(path + "/headers").json["headers"] == {"X-C": "3"}
    api.patch(path + "/headers", {"headers": {}, "deleteHeaders": "X-C"}, want=422)


def test_put_keeps_pause_and_order(api, app):
    """An SDK that does not know them may replace an endpoint without ending them."""
    new(api, app, uid="u", paused=True, ordering="key", headOfLine="block")
    after = api.put(f"/app/{app}/endpoint/u", {"url": URL, "uid": "u"}, want=200).json
    assert (after["paused"], after["ordering"], after["headOfLine"]) == (True, "key", "block")
    after = api.put(f"/app/{app}/endpoint/u", {"url": URL, "paused": False, "ordering": None,
                                               "headOfLine": "deadLetter"}, want=200).json
    assert (after["paused"], after["ordering"], after["headOfLine"]) == (False, None, "deadLetter")
    made = api.put(f"/app/{app}/endpoint/other", {"url": URL, "paused": True}, want=201).json
    assert made["paused"] is True and made["deliveryState"] == "paused"


@pytest.mark.parametrize("fields, blame", [
    ({"paused": "yes"}, "paused"), ({"paused": 1}, "paused"), ({"paused": None}, "paused"),
    ({"ordering": "none"}, "ordering"), ({"ordering": "Key"}, "ordering"), ({"ordering": ""}, "ordering"),
    ({"ordering": 1}, "ordering"), ({"ordering": ["key"]}, "ordering"),
    ({"headOfLine": "deadletter"}, "headOfLine"), ({"headOfLine": True}, "headOfLine"),
    ({"headOfLine": None}, "headOfLine"),
])
def test_holding_that_is_none(api, app, fields, blame):
    made = new(api, app)
    path = f"/app/{app}/endpoint/{made['id']}"
    for reply in (api.post(f"/app/{app}/endpoint", {"url": URL, **fields}, want=422),
                  api.put(path, {"url": URL, **fields}, want=422), api.patch(path, fields, want=422)):
        assert blamed(reply) == [["body", blame]]
    assert api.get(path).json == made


@pytest.mark.parametrize("path", NO_SUCH)
def test_put_makes_what_is_not_there(api, app, path):
    made = api.put(f"/app/{app}/endpoint/{path}", {"url": URL}, want=201).json
    assert made["id"] != path and made["uid"] is None
    assert api.secret(app, made["id"]).startswith("whsec_")


def test_uids(api, app):
    first, second = new(api, app, uid="one"), new(api, app, uid="two")
    api.post(f"/app/{app}/endpoint", {"url": URL, "uid": "one"}, want=409)
    api.patch(f"/app/{app}/endpoint/two", {"uid": "one"}, want=409)
    api.put(f"/app/{app}/endpoint/two", {"url": URL, "uid": "one"}, want=409)
    api.delete(f"/app/{app}/endpoint/one")
    assert api.patch(f"/app/{app}/endpoint/two", {"uid": "one"}, want=200).json["id"] == second["id"]
    api.get(f"/app/{app}/endpoint/{first['id']}", want=404)
    other = api.new_app()
    new(api, other, uid="one")


def test_other_applications_endpoints_are_not_there(api, app):
    made = new(api, app, uid="one")
    other = api.new_app()
    for name in (made["id"], "one", *NO_SUCH):
        path = f"/app/{other}/endpoint/{name}"
        api.get(path, want=404)
        api.patch(path, {"description": "x"}, want=404)
        api.call("DELETE", path, want=404)
        api.get(path + "/secret", want=404)
        api.post(path + "/secret/rotate", {}, want=404)
        api.get(path + "/headers", want=404)
        api.put(path + "/headers", {"headers": {}}, want=404)
        api.patch(path + "/headers", {"headers": {}}, want=404)
        api.get(path + "/stats", want=404)
        api.get(path + "/attempt-stats", want=404)
    assert api.get(f"/app/{app}/endpoint/one").json == made


def test_endpoints_of_no_application(api):
    for app in ("app_nothing", "app_15Mzzzzzzzz", "no-such-uid"):
        api.get(f"/app/{app}/endpoint", want=404)
        api.post(f"/app/{app}/endpoint", {"url": URL}, want=404)
        api.put(f"/app/{app}/endpoint/x", {"url": URL}, want=404)


def test_list(api, app):
    assert api.get(f"/app/{app}/endpoint").json == {"data": [], "iterator": None, "done": True}
    made = [new(api, app, uid=f"u{i}")["id"] for i in range(10)]
    check_list(api, f"/app/{app}/endpoint", made, default="descending")
    api.delete(f"/app/{app}/endpoint/{made[4]}")
    assert [row["id"] for row in api.list(f"/app/{app}/endpoint")] == (made[:4] + made[5:])[::-1]


# The catalogue version: events are matched under it.


def test_every_change_makes_a_new_version_of_the_application(start):
    daemon = start()
    api = daemon.api()
    app = api.new_app()
    made = new(api, app)["id"]
    path = f"/app/{app}/endpoint/{made}"
    changes = [
        lambda: api.patch(path, {"description": "x"}, want=200),
        lambda: api.put(path, {"url": URL}, want=200),
        lambda: api.post(path + "/secret/rotate", {}, want=200),
        lambda: api.put(path + "/headers", {"headers": {"X-One": "1"}}, want=204),
        lambda: api.patch(path + "/headers", {"headers": {"X-One": None}}, want=204),
        lambda: new(api, app),
        lambda: api.delete(path),
        lambda: api.patch(f"/app/{app}", {"name": "b"}, want=200),
        lambda: api.delete(f"/app/{app}"),
    ]
    with daemon.database() as db:
        def version():
            return db.execute("select version from app").fetchone()[0]

        for change in changes:
            before = version()
            change()
            assert version() == before + 1


def test_urls_are_numbered(start):
    """An attempt names the URL it went to by its number."""
    daemon = start()
    api = daemon.api()
    app = api.new_app()
    path = f"/app/{app}/endpoint/" + new(api, app, url="http://127.0.0.1:4010/1")["id"]
    for url in ("/2", "/2", "/3"):
        api.patch(path, {"url": "http://127.0.0.1:4010" + url}, want=200)
    api.patch(path, {"description": "the same url"}, want=200)
    with daemon.database() as db:
        rows = db.execute("select no, url from endpoint_url order by no").fetchall()
        assert rows == [(n, f"http://127.0.0.1:4010/{n}") for n in (1, 2, 3)]
        assert db.execute("select url_no from endpoint").fetchall() == [(3,)]


# Keys.


def key_of(n):
    return "whsec_" + base64.b64encode(bytes([n]) * 24).decode()


def test_key_is_made(api, app):
    keys = {api.secret(app, new(api, app)["id"]) for _ in range(3)}
    assert len(keys) == 3
    assert {len(base64.b64decode(key.removeprefix("whsec_"), validate=True)) for key in keys} == {24}


@pytest.mark.parametrize("size, status", [(23, 422), (24, 201), (75, 201), (76, 422)])
def test_size_of_keys(api, app, size, status):
    key = "whsec_" + base64.b64encode(b"k" * size).decode()
    reply = api.post(f"/app/{app}/endpoint", {"url": URL, "secret": key}, want=status)
    if status == 422:
        assert blamed(reply) == [["body", "secret"]] and key not in reply.body.decode()


def test_rotation(api, app):
    path = f"/app/{app}/endpoint/" + new(api, app, secret=key_of(1))["id"]
    api.post(path + "/secret/rotate", {"key": key_of(2)}, want=200)
    assert api.get(path + "/secret").json == {"key": key_of(2)}
    api.call("POST", path + "/secret/rotate", want=200)  # no body at all: a key is made
    assert api.get(path + "/secret").json["key"] not in (key_of(1), key_of(2))
    for bad in ({"key": "whsec_short"}, {"key": key_of(3), "gracePeriodSeconds": -1},
                {"gracePeriodSeconds": 604801}, {"gracePeriodSeconds": "soon"}):
        api.post(path + "/secret/rotate", bad, want=422)


def test_only_so_many_old_keys(start):
    daemon = start()
    api = daemon.api()
    app = api.new_app()
    path = f"/app/{app}/endpoint/" + new(api, app)["id"] + "/secret"
    for n in range(10):
        api.post(path + "/rotate", {"key": key_of(n)}, want=200)
    refused = api.post(path + "/rotate", {"key": key_of(10)}, want=400)
    assert refused.json["code"] == "limit_reached"
    assert api.get(path).json["key"] == key_of(9)
    with daemon.database() as db:
        db.execute("update endpoint set old_secrets_until[1] = now() - interval '1 second'")
        api.post(path + "/rotate", {"key": key_of(10)}, want=200)
        kept = db.execute("select old_secrets, old_secrets_until from endpoint").fetchone()
        # The first of all has gone, the one before last is the newest old one.
        assert [bytes(key) for key in kept[0]] == [bytes([n]) * 24 for n in range(10)]
        assert len(kept[1]) == 10
    api.post(path + "/rotate", {"key": key_of(11)}, want=400)


def test_rotations_at_once_lose_no_key(start):
    daemon = start(workers=2)
    api = daemon.api()
    app = api.new_app()
    path = f"/app/{app}/endpoint/" + new(api, app, secret=key_of(0))["id"] + "/secret/rotate"
    threads = [threading.Thread(target=api.post, args=(path, {"key": key_of(n)}), kwargs={"want": 200})
               for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with daemon.database() as db:
        secret, old = db.execute("select secret, old_secrets from endpoint").fetchone()
    assert sorted(bytes(key)[0] for key in [secret, *old]) == list(range(9))


# Headers.


def test_headers(api, app):
    path = f"/app/{app}/endpoint/" + new(api, app, headers={"X-One": "1"})["id"] + "/headers"
    assert api.get(path).json == {"headers": {"X-One": "1"}, "sensitive": []}
    api.put(path, {"headers": {"X-Two": "2", "Authorization": "Bearer x", "x-api-key": "k"}}, want=204)
    assert api.get(path).json == {"headers": {"X-Two": "2"}, "sensitive": ["Authorization", "x-api-key"]}
    api.patch(path, {"headers": {"X-Three": "3", "x-two": None}}, want=204)
    api.patch(path, {"headers": {"AUTHORIZATION": "Bearer y"}}, want=204)
    assert api.get(path).json == {"headers": {"X-Three": "3"}, "sensitive": ["x-api-key", "AUTHORIZATION"]}
    api.patch(path, {"deleteHeaders": ["X-API-Key", "not-there"], "headers": {"A": "b"}}, want=204)
    assert api.get(path).json == {"headers": {"X-Three": "3", "A": "b"}, "sensitive": ["AUTHORIZATION"]}
    api.put(path, {"headers": {}}, want=204)
    assert api.get(path).json == {"headers": {}, "sensitive": []}


@pytest.mark.parametrize("body", [
    {}, {"headers": None}, {"headers": []}, {"headers": {"X": 1}}, {"headers": {"X": None}},
    {"headers": {"X-A": "1", "x-a": "2"}}, {"headers": {"X-Svix-Id": "1"}},
    {"headers": {f"X-{n}": "1" for n in range(65)}}])
def test_headers_that_are_none(api, app, body):
    made = new(api, app, headers={"X-One": "1"})["id"]
    reply = api.put(f"/app/{app}/endpoint/{made}/headers", body, want=422)
    assert blamed(reply)[0] == ["body", "headers"]
    assert api.get(f"/app/{app}/endpoint/{made}/headers").json["headers"] == {"X-One": "1"}


@pytest.mark.parametrize("method, path, body", [
    ("POST", "", lambda many: {"url": URL, "headers": many}),
    ("PUT", "/{made}", lambda many: {"url": URL, "headers": many}),
    ("PUT", "/{made}/headers", lambda many: {"headers": many}),
    ("PATCH", "/{made}/headers", lambda many: {"headers": many}),
    ("PATCH", "/{made}/headers", lambda many: {"deleteHeaders": [1] * len(many)})])
def test_too_many_headers_are_not_even_looked_at(api, app, method, path, body):
    """Each is compared with all the others: 20 000 of them held a worker up for ten seconds."""
    made = new(api, app)["id"]
    many = body({f"no name {n}": "" for n in range(20_000)})
    reply = api.call(method, f"/app/{app}/endpoint" + path.format(made=made), many, want=422)
    assert blamed(reply) == [["body", [*many][-1]]]


def test_a_patch_may_replace_all_headers(api, app):
    path = f"/app/{app}/endpoint/" + new(api, app, headers={f"A-{n}": "1" for n in range(64)})["id"] + "/headers"
    told = {f"A-{n}": None for n in range(64)} | {f"B-{n}": "2" for n in range(64)}
    api.patch(path, {"headers": told}, want=204)
    assert sorted(api.get(path).json["headers"]) == sorted(f"B-{n}" for n in range(64))
    told = {f"B-{n}": None for n in range(63)} | {f"C-{n}": "2" for n in range(64)}
    assert blamed(api.patch(path, {"headers": told}, want=422)) == [["body", "headers"]]


def test_patches_of_headers_at_once_lose_nothing(start):
    daemon = start(workers=2)
    api = daemon.api()
    app = api.new_app()
    path = f"/app/{app}/endpoint/" + new(api, app)["id"] + "/headers"
    threads = [threading.Thread(target=api.patch, args=(path, {"headers": {f"X-{n}": "1"}}),
                                kwargs={"want": 204}) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(api.get(path).json["headers"]) == ["X-0", "X-1", "X-2", "X-3"]


# Statistics.


def stamp(**delta):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_stats_of_nothing(api, app):
    path = f"/app/{app}/endpoint/" + new(api, app)["id"] + "/stats"
    nothing = {"success": 0, "pending": 0, "sending": 0, "fail": 0, "canceled": 0}
    assert api.get(path).json == nothing
    assert api.get(f"{path}?since={stamp(days=-28)}&until={stamp()}").json == nothing
    for bad in (f"since={stamp(days=-29)}", f"until={stamp(hours=1)}",
                f"since={stamp()}&until={stamp(days=-1)}"):
        assert api.get(f"{path}?{bad}", want=400).json["code"] == "invalid_range"
    api.get(path + "?since=yesterday", want=400)


def test_stats_count_attempts(api, app, receiver):
    endpoint = new(api, app, url=receiver.script("/hook", 200, 200, 500))["id"]
    path = f"/app/{app}/endpoint/{endpoint}/stats"
    for _ in range(5):
        api.send(app)
    wait_until(lambda: (found := api.get(path).json)["success"] == 2 and found["fail"] == 3)
    ended = path.replace("/stats", "/attempt-stats")
    assert api.get(f"{ended}?since={stamp(hours=-1)}").json == {"success": 2, "fail": 3, "canceled": 0}
    assert api.get(f"{ended}?since={stamp(days=-29)}", want=400).json["code"] == "invalid_range"
    # Whole hours: the one in which the stretch ends counts.
    assert api.get(f"{path}?since={stamp()}&until={stamp()}").json["success"] in (0, 2)
    assert api.get(f"{path}?until={stamp(hours=-1)}").json["success"] == 0


def test_stats_are_of_whole_hours(start):
    daemon = start()
    api = daemon.api()
    app = api.new_app()
    path = f"/app/{app}/endpoint/" + new(api, app)["id"] + "/stats"
    with daemon.database() as db:
        db.execute("""
            insert into attempt_tally (app_id, endpoint_id, day, origin, attempts, success, fail)
            select e.app_id, e.id, day::date, origin, sum(10 ^ h),
                tally_hours(array_agg(extract(hour from at)::int), array_agg((10 ^ h)::bigint)),
                tally_hours(array_agg(extract(hour from at)::int), array_agg((3 * 10 ^ h)::bigint))
            from endpoint e, generate_series(0, 3) as h, generate_series(1, 2) as origin,
                lateral (select date_trunc('hour', now() at time zone 'UTC') - h * interval '1 hour' as at) t,
                lateral (select date_trunc('day', at) as day) d
            group by e.app_id, e.id, day, origin""")
    hour = datetime.datetime.now(datetime.timezone.utc).replace(minute=0, second=0, microsecond=0)

    def counts(since, until):
        def at(h):
            return (hour + datetime.timedelta(hours=h)).strftime("%Y-%m-%dT%H:%M:%SZ")
        found = api.get(f"{path}?since={at(since)}&until={at(until)}").json
        return found["success"], found["fail"]

    assert counts(-3, 0) == (2220, 6660)
    assert counts(-2.5, -0.5) == (2220, 6660)
    assert counts(-2, -1) == (200, 600)
    assert counts(-1.5, -1.2) == (200, 600)
    assert counts(-1, -1) == (0, 0)
