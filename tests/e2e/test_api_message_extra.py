"""What few messages have: tags, a time of delivery, a payload that is to be forgotten early."""

import datetime
import json
import uuid

import pytest
from harness.clock import Clock
from harness.daemon import Daemon
from harness.wait import wait_until


def ahead(**delta):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)).isoformat()


def post(api, app, want=202, **fields):
    reply = api.post(f"/app/{app}/msg", {"eventType": "t", "payload": {"a": 1}, **fields}, want=want)
    return reply.json


def field_of(refused):
    return refused["detail"][0]["loc"]


def ids(rows):
    return [row["id"] for row in rows]


# Tags.


def test_tags_come_back_and_filter(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.url())
    both = post(api, app, tags=["blue", "a, b", "ö✓", "blue"])
    red = post(api, app, tags=["red"])
    none = post(api, app, tags=[])
    assert both["tags"] == ["blue", "a, b", "ö✓"] and red["tags"] == ["red"] and "tags" not in none
    assert api.get(f"/app/{app}/msg/{both['id']}").json == both
    receiver.wait_ids([both["id"], red["id"], none["id"]])
    lists = [(f"/app/{app}/msg", "id"), (f"/app/{app}/endpoint/{endpoint}/msg", "id"),
             (f"/app/{app}/attempt/endpoint/{endpoint}", "msgId")]
    for path, name in lists:
        wait_until(lambda: len(api.list(path)) == 3, 20, "all is recorded")
        assert [r[name] for r in api.list(path, tag="blue")] == [both["id"]], path
        assert [r[name] for r in api.list(path, tag="a, b")] == [both["id"]], path
        assert [r[name] for r in api.list(path, tag="red", limit=1)] == [red["id"]], path
        assert api.list(path, tag="blu") == [] and api.list(path, tag="blue,red") == [], path
    assert len(api.attempts(app, both["id"], tag="blue")) == 1
    assert api.attempts(app, both["id"], tag="red") == []
    listed = api.list(f"/app/{app}/attempt/endpoint/{endpoint}", tag="red", with_msg="true")
    assert listed[0]["msg"]["tags"] == ["red"]


@pytest.mark.parametrize("tags, item", [
    ("blue", []), ([str(n) for n in range(33)], []),
    ([1], ["[0]"]), ([""], ["[0]"]), (["a", "x" * 129], ["[1]"]), (["a\x1fb"], ["[0]"]), (["a\nb"], ["[0]"])])
def test_tags_that_are_none(api, app, tags, item):
    assert field_of(post(api, app, 422, tags=tags)) == ["body", "tags", *item]


def test_a_repetition_tells_the_same(api, app):
    key = {"Idempotency-Key": f"extra-{app}"}
    body = {"eventType": "t", "payload": {}, "tags": ["x"], "deliverAt": ahead(hours=3),
            "payloadRetentionHours": 5, "channels": ["c"], "eventId": "e-1"}
    first = api.post(f"/app/{app}/msg", body, headers=key, want=202)
    again = api.post(f"/app/{app}/msg", body, headers=key, want=202)
    assert again.json == first.json and again.headers["idempotency-replayed"] == "true"
    assert first.json["tags"] == ["x"] and first.json["deliverAt"].endswith("Z")


# A time of delivery.


@pytest.mark.parametrize("ahead_by", [{"seconds": 20}, {"hours": 24, "minutes": 5}], ids=str)
def test_times_too_near_and_too_far(api, app, ahead_by):
    assert field_of(post(api, app, 422, deliverAt=ahead(**ahead_by))) == ["body", "deliverAt"]


@pytest.mark.parametrize("value", ["2020-01-01T00:00:00Z", "soon", 5, True])
def test_times_that_are_none(api, app, value):
    assert field_of(post(api, app, 422, deliverAt=value)) == ["body", "deliverAt"]


def test_it_is_not_delivered_before(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.url())
    late = post(api, app, deliverAt=ahead(minutes=10))
    result = api.call("POST", f"/app/{app}/msg/batch", [{"eventType": "t", "payload": {"n": 2},
                                                        "deliverAt": ahead(hours=23)}], want=202).json
    assert result["accepted"] == 1
    now = [post(api, app)["id"] for _ in range(3)]
    receiver.wait_ids(now)
    row = api.get(f"/app/{app}/msg/{late['id']}/explain").json["data"][0]
    assert (row["state"], row["next"], row["attempts"]) == ("scheduled", late["deliverAt"], 0)
    assert {r["endpointId"] for r in [row]} == {endpoint}
    assert late["id"] not in {g.id for g in receiver.got()}
    assert api.get(f"/app/{app}/msg/{late['id']}").json["deliverAt"] == late["deliverAt"]


@pytest.fixture
def aged(tmp_path):
    """A daemon whose clock the test sets."""
    clock = Clock(tmp_path / "clock")
    tmp_path.chmod(0o755)
    daemon = Daemon(workers=2, lease="1s")
    daemon.more_environment = clock.environment
    daemon.start()
    yield daemon, clock
    daemon.close()


def test_it_survives_a_crash_and_comes_at_its_time(aged, receiver):
    daemon, clock = aged
    api = daemon.api()
    app = api.new_app()
    for path in ("/one", "/two"):
        api.new_endpoint(app, receiver.url(path))
    ordered = api.new_endpoint(app, receiver.url("/ordered"), ordering="endpoint")
    polled = f"/app/{app}/poller/" + api.post(f"/app/{app}/polling-endpoint", {}, want=201).json["id"]
    made = [api.call("POST", f"/app/{app}/msg", {"eventType": "t", "payload": {"n": n}, "deliverAt": ahead(hours=2)},
                     want=202, headers={"Connection": "close"}).json["id"] for n in range(6)]
    daemon.kill_all()
    daemon.start()
    api = daemon.api()
    soon = api.send(app)
    receiver.wait_ids([soon])
    assert {g.id for g in receiver.got()} == {soon}, "recovery leaves them alone"
    assert ids(api.get(polled).json["data"]) == [soon]
    clock.set(2 * 3600 + 5)
    wait_until(lambda: all({g.id for g in receiver.got(p)} >= set(made) for p in ("/one", "/two", "/ordered")),
               60, "all of them are delivered")
    assert sorted(g.id for g in receiver.got("/one")) == sorted([soon, *made]), "and once"
    assert sorted(ids(api.get(polled).json["data"])) == sorted([soon, *made]), "polled, too"
    wait_until(lambda: [a["status"] for a in api.attempts(app, made[0])] == [0, 0, 0], 20)
    assert api.get(f"/app/{app}/endpoint/{ordered}").json["deliveryState"] == "active"


def test_it_follows_the_schedule_when_it_fails(aged, receiver):
    daemon, clock = aged
    api = daemon.api()
    app = api.new_app()
    api.new_endpoint(app, receiver.script("/hook", 500, 500, 200), retrySchedule=[0.1, 0.1])
    made = post(api, app, deliverAt=ahead(minutes=90))["id"]
    clock.set(90 * 60 + 5)
    got = receiver.wait(3, "/hook", deadline_s=60)
    assert {g.id for g in got} == {made} and len({g.body for g in got}) == 1


def test_a_key_gets_the_first_answer_when_the_time_has_come(aged):
    daemon, clock = aged
    api = daemon.api()
    app = api.new_app()
    path, key = f"/app/{app}/msg", {"Idempotency-Key": "k"}
    body = {"eventType": "t", "payload": {"n": 1}, "deliverAt": ahead(hours=2)}
    first = api.post(path, body, headers=key, want=202)
    batch = api.post(path + "/batch", [body], headers=key, want=202).json
    clock.set(2 * 3600 + 5)
    wait_until(lambda: api.post(path, {**body, "payload": {}}).status == 422, 30, "its time has come")
    again = api.post(path, body, headers=key, want=202)
    assert (again.body, again.headers["idempotency-replayed"]) == (first.body, "true")
    again = api.post(path + "/batch", [body], headers=key, want=202).json
    assert again["data"][0]["id"] == batch["data"][0]["id"]
    refused = api.post(path, body, headers={"Idempotency-Key": "other"}, want=422).json
    assert field_of(refused) == ["body", "deliverAt"]
    row = api.post(path + "/batch", [body, {**body, "eventId": "never"}], want=202).json["data"]
    assert [(r["status"], r["detail"][0]["loc"]) for r in row] == [(422, ["body", "deliverAt"])] * 2


# Payloads that are forgotten.


def test_a_payload_is_forgotten_at_its_time(daemon, api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/fail", 500), retrySchedule=[3600])
    kept = post(api, app, payloadRetentionPeriod=1)["id"]
    made = post(api, app, payloadRetentionHours=1)["id"]
    receiver.wait_ids([kept, made])
    with daemon.database() as db:
        number = "(select id from message where (extra).forget_at < now() + interval '61 minutes'" \
                 " and (extra).forget_at > now() + interval '50 minutes' order by id desc limit 1)"
        assert db.execute(f"select count(*) from payload_expiry where msg_id = {number}").fetchone()[0] == 1
        db.execute("update message set extra.forget_at = now() where id = " + number)
    assert api.get(f"/app/{app}/msg/{made}").json["payload"] == {"expired": True}
    assert api.get(f"/app/{app}/msg/{kept}").json["payload"] == {"a": 1}
    payloads = {m["id"]: m["payload"] for m in api.list(f"/app/{app}/msg")}
    assert payloads == {made: {"expired": True}, kept: {"a": 1}}
    assert api.list(f"/app/{app}/attempt/msg/{made}", with_msg="true")[0]["msg"]["payload"] == {"expired": True}
    refused = api.post(f"/app/{app}/msg/{made}/endpoint/{endpoint}/resend", want=400)
    assert refused.json["code"] == "missing_payload"


def test_a_payload_that_is_over_is_nowhere(daemon, api, receiver):
    """From its time on, though its bytes are there until housekeeping has removed them."""
    mark, uid, key = uuid.uuid4().hex, uuid.uuid4().hex, {"Idempotency-Key": "k"}
    app = api.new_app(uid=uid)
    endpoint = api.new_endpoint(app, receiver.script("/dead", 500), retrySchedule=[])
    paused = api.new_endpoint(app, receiver.url("/paused"), paused=True)
    poller = api.post(f"/app/{app}/polling-endpoint", {}, want=201).json["id"]
    body = {"eventType": "t", "payload": {"mark": mark}, "payloadRetentionHours": 1}
    made = api.post(f"/app/{app}/msg", body, headers=key, want=202).json["id"]
    letter = wait_until(lambda: api.dead_letters(app, endpoint_id=endpoint))[0]["id"]
    lists = [f"/app/{app}/msg/{made}", f"/app/{app}/msg", f"/app/{app}/msg?order=ascending",
             f"/app/{app}/attempt/msg/{made}?with_msg=true", f"/app/{app}/endpoint/{endpoint}/msg",
             f"/app/{app}/endpoint/{endpoint}/msg?order=ascending",
             f"/app/{app}/attempt/endpoint/{endpoint}?with_msg=true",
             f"/app/{app}/attempt/endpoint/{endpoint}?with_msg=true&order=ascending",
             f"/app/{app}/dead-letter/{letter}", f"/app/{app}/poller/{poller}"]
    wait_until(lambda: api.get(lists[3]).json["data"])
    for path in lists:
        assert mark.encode() in api.get(path).body, path
    with daemon.database() as db:
        db.execute("update message set extra.forget_at = now() where app_id ="
                   " (select id from app where uid = %s)", [uid])
    for path in lists:
        told = api.get(path)
        assert mark.encode() not in told.body and made.encode() in told.body, path
    assert b"its payload is gone" in api.get(f"/app/{app}/msg/{made}/explain").body
    again = api.post(f"/app/{app}/msg", body, headers=key, want=202)
    assert again.json["id"] == made and mark.encode() not in again.body
    for path in (f"/app/{app}/msg/{made}/endpoint/{endpoint}/resend", f"/app/{app}/dead-letter/{letter}/replay"):
        assert api.post(path, want=400).json["code"] == "missing_payload"
    tasks = [("/dead-letter/replay", {"appId": app}),
             (f"/app/{app}/endpoint/{endpoint}/recover", {"since": ahead(hours=-1)})]
    for path, filters in tasks:
        task = api.post(path, filters, want=202).json["id"]
        done = wait_until(lambda t=task: (row := api.get(f"/background-task/{t}").json)["status"] != "running" and row)
        assert (done["done"], done["failed"]) == (0, 1), path
    api.patch(f"/app/{app}/endpoint/{paused}", {"paused": False}, want=200)
    wait_until(lambda: "waiting" not in api.get(f"/app/{app}/endpoint/{paused}").json)
    later = api.send(app)
    receiver.wait(1, "/paused", id=later)
    receiver.wait(1, "/dead", id=later)
    assert [got.id for got in receiver.got("/paused")] == [later]
    assert [got.id for got in receiver.got("/dead")] == [made, later]


def test_housekeeping_removes_what_is_over(start):
    """By itself, soon after a start."""
    daemon = start()
    api = daemon.api()
    app = api.new_app()
    post(api, app, payloadRetentionHours=1)
    kept = post(api, app, payloadRetentionHours=3)["id"]
    with daemon.database() as db:
        db.execute("update payload_expiry set forget_at = forget_at - interval '2 hours'")
        db.execute("update message set extra.forget_at = (extra).forget_at - interval '2 hours'")
        daemon.stop()
        daemon.start()
    with daemon.database() as db:
        wait_until(lambda: db.execute("select count(payload) from message").fetchone()[0] == 1, 60, "it is removed")
    assert daemon.api().get(f"/app/{app}/msg/{kept}").json["payload"] == {"a": 1}


def test_what_is_forgotten_is_removed_and_once(start):
    """In order of time, behind a mark; a message that is no more does no harm."""
    daemon = start(workers=1)
    api = daemon.api()
    app = api.new_app()
    for n in range(5):
        post(api, app, payloadRetentionHours=1 + n)
    plain = post(api, app)["id"]
    with daemon.database() as db:
        def bytes_left():
            return db.execute("select count(payload) from message").fetchone()[0]

        assert db.execute("select payload_expire(10)").fetchone()[0] == 0 and bytes_left() == 6
        db.execute("update payload_expiry set forget_at = forget_at - interval '3 hours 1 minute'")
        db.execute("insert into payload_expiry values (now() - interval '2 minutes', 1, 1)")
        assert [db.execute("select payload_expire(3)").fetchone()[0] for _ in range(3)] == [3, 1, 0]
        assert bytes_left() == 3
        db.execute("update payload_expiry set forget_at = forget_at - interval '1 day'")
        assert db.execute("select payload_expire(10)").fetchone()[0] == 0
    assert api.get(f"/app/{app}/msg/{plain}").json["payload"] == {"a": 1}


@pytest.mark.parametrize("fields, name", [
    ({"payloadRetentionPeriod": 0}, "payloadRetentionPeriod"),
    ({"payloadRetentionPeriod": 91}, "payloadRetentionPeriod"),
    ({"payloadRetentionHours": 2161}, "payloadRetentionHours"),
    ({"payloadRetentionHours": "1"}, "payloadRetentionHours"),
    ({"payloadRetentionHours": 1.5}, "payloadRetentionHours"),
    ({"payloadRetentionPeriod": 1, "payloadRetentionHours": 1}, "payloadRetentionHours"),
    ({"payloadRetentionHours": 1, "deliverAt": ahead(hours=2)}, "deliverAt"),
])
def test_retention_that_is_none(api, app, fields, name):
    assert field_of(post(api, app, 422, **fields)) == ["body", name]


def test_messages_without_them_have_nothing_of_it(daemon, api, app):
    """The hot path's row: no column more, no row elsewhere."""
    made = post(api, app, tags=None, deliverAt=None, payloadRetentionHours=None)
    assert not {"tags", "deliverAt"} & set(made)
    with daemon.database() as db:
        assert db.execute("select count(*) from message where extra is not null and event_type = 'plain'"
                          ).fetchone()[0] == 0
        columns = db.execute("select count(*) from pg_attribute where attrelid = 'message'::regclass"
                             " and attnum > 0").fetchone()[0]
    assert columns == 8, "the bitmap of nulls fits into a row's header"
    assert json.dumps(made)
