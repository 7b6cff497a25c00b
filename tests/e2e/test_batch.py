"""Batches: a result for each item, in order; as many events as were accepted, and no other."""

import http.client
import itertools
import json
import queue
import signal
import subprocess
import threading
import uuid

import pytest
from harness.daemon import POSTHORN, alive, environment, kill
from harness.wait import wait_until

NDJSON = {"Content-Type": "application/x-ndjson"}


def event(n=0, **fields):
    return {"eventType": "user.created", "payload": {"n": n}, **fields}


def post(api, app, items, want=202, headers=None, query=""):
    return api.post(f"/app/{app}/msg/batch{query}", items, want=want, headers=headers)


def lines(*items):
    return b"".join((i if isinstance(i, bytes) else json.dumps(i).encode()) + b"\n" for i in items)


def statuses(reply):
    return [result["status"] for result in reply.json["data"]]


def stored(api, app):
    """Messages, oldest first."""
    return sorted(api.list(f"/app/{app}/msg"), key=lambda row: row["id"])


def test_without_a_content_type_a_batch_is_an_array(api, app):
    for kind in (None, "", " ; charset=utf-8"):
        assert statuses(post(api, app, [event()], headers={"Content-Type": kind})) == [202]


# Results


def test_results_in_order_of_the_items(api, app, receiver):
    api.new_endpoint(app, receiver.url())
    reply = post(api, app, [event(0, eventId="a"), event(1, channels=["x"]), event(2)])
    assert (reply.json["accepted"], reply.json["refused"]) == (3, 0)
    results = reply.json["data"]
    assert [set(r) for r in results] == [{"status", "id", "eventId", "eventType", "timestamp"}] * 3
    assert [r["eventId"] for r in results] == ["a", None, None]
    rows = stored(api, app)
    assert [r["id"] for r in results] == [row["id"] for row in rows]
    assert [r["timestamp"] for r in results] == [row["timestamp"] for row in rows]
    assert [row["payload"] for row in rows] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert rows[1]["channels"] == ["x"]
    receiver.wait_ids([r["id"] for r in results])
    assert reply.headers["idempotency-replayed"] is None


BAD = [
    ({"payload": {}}, "eventType"),
    (event(eventType=""), "eventType"),
    (event(eventId="msg_x"), "eventId"),
    (event(channels=[]), "channels"),
    (event(channels=["a", "b c"]), "channels.[1]"),
    (event(tags=["a", ""]), "tags.[1]"),
    (event(payload="x"), "payload"),
    ({"eventType": "t"}, "payload"),
    (event(payloadRetentionPeriod=0), "payloadRetentionPeriod"),
    (event(application="x"), "application"),
    (event(transformationsParams=1), "transformationsParams")]


def test_good_and_bad_items(api, app):
    items = list(itertools.chain.from_iterable((event(i), bad) for i, (bad, _) in enumerate(BAD)))
    reply = post(api, app, items + [event(99)])
    assert statuses(reply) == [202, 422] * len(BAD) + [202]
    for result, (bad, field) in zip(reply.json["data"][1::2], BAD):
        alone = api.post(f"/app/{app}/msg", bad, want=422).json
        assert result == {"status": 422, **alone}
        assert result["detail"][0]["loc"] == ["body", *field.split(".")]
    assert [row["payload"]["n"] for row in stored(api, app)] == [*range(len(BAD)), 99]
    assert (reply.json["accepted"], reply.json["refused"]) == (len(BAD) + 1, len(BAD))


def test_items_that_are_no_objects(api, app):
    reply = post(api, app, [1, event(1), "x", [event(2)], None, {f"k{i}": i for i in range(65)}])
    assert statuses(reply) == [422, 202, 422, 422, 422, 422]
    assert {r["detail"][0]["type"] for r in reply.json["data"] if r["status"] == 422} == {
        "value_error.jsondecode"}
    assert len(stored(api, app)) == 1


def test_only_bad_items(api, app):
    assert statuses(post(api, app, [1, {}])) == [422, 422]


def test_one_item_and_none(api, app):
    assert statuses(post(api, app, [event()])) == [202]
    for body, headers in ((b"[]", None), (b" [ ] ", None), (b"", NDJSON), (b"\n \r\n", NDJSON)):
        assert post(api, app, body, headers=headers).json == {"accepted": 0, "refused": 0, "data": []}
    assert len(stored(api, app)) == 1


def test_event_ids(api, app):
    api.send(app, eventId="old")
    reply = post(api, app, [event(i, eventId=id) for i, id in enumerate(["old", "a", "b", "a", "a"])])
    assert statuses(reply) == [409, 202, 202, 409, 409]
    assert reply.json["data"][0]["code"] == "conflict"
    assert [row["payload"] for row in stored(api, app)[1:]] == [{"n": 1}, {"n": 2}]
    assert statuses(post(api, app, [event(eventId="b"), event(eventId="c")])) == [409, 202]


def test_escapes_raw_payload_and_old_names(api, app, receiver):
    api.new_endpoint(app, receiver.url())
    body = (rb'[{"event\u0054ype":"a\u002eb","data":{"x":"\/"},"tags":["t"]},'
            rb'{"eventType":"t","payload":{},"transformationsParams":{"rawPayload":"<a>\n\u00e9"}}]')
    ids = [r["id"] for r in post(api, app, body).json["data"]]
    receiver.wait_ids(ids)
    assert receiver.got(id=ids[0])[0].body == rb'{"x":"\/"}'
    assert receiver.got(id=ids[1])[0].body == "<a>\né".encode()


# Bytes

PAYLOADS = [
    b'{"amount":1.10}', b'{"n":18446744073709551616,"m":1E+2}', b'{"z":1,"a":2,"z":3}',
    b'{ "a" :\t1 ,\r  "b": [ 1 ,2 ] }', rb'{"slash":"\/","u":"\u00e9\ud83c\udf89"}',
    '{"name":"Zoë 🎉"}'.encode(), rb'{"a":"}]\\\"}{[,"}', b"{}", b'{"a":' * 50 + b"1" + b"}" * 50]


@pytest.mark.parametrize("form", ["array", "lines", "crlf"])
def test_payloads_are_the_producers_bytes(api, app, receiver, form):
    api.new_endpoint(app, receiver.url())
    items = [b'{"eventType":"t", "payload" : ' + p + b"}" for p in PAYLOADS]
    if form == "array":
        reply = post(api, app, b" [ " + b" ,\n".join(items) + b" ] ")
    else:
        reply = post(api, app, (b"\n" if form == "lines" else b"\r\n").join(items), headers=NDJSON)
    ids = [r["id"] for r in reply.json["data"]]
    receiver.wait_ids(ids)
    assert [receiver.got(id=id)[0].body for id in ids] == PAYLOADS


# Lines


@pytest.mark.parametrize("type", [
    "application/x-ndjson", "Application/X-NDJSON; charset=utf-8", "application/ndjson",
    "application/jsonl"])
def test_lines(api, app, type):
    body = b"\r\n\n" + lines(event(0)) + b" \t\r\n" + json.dumps(event(1)).encode() + b"\r\n\r\n" + (
        json.dumps(event(2)).encode())
    assert statuses(post(api, app, body, headers={"Content-Type": type})) == [202] * 3
    assert [row["payload"]["n"] for row in stored(api, app)] == [0, 1, 2]


def test_lines_that_are_broken_spoil_only_themselves(api, app):
    body = lines(event(0), b"garbage", event(1), b'{"eventType":"t"', b"[]", event(2)) + b'{"trailing'
    reply = post(api, app, body, headers=NDJSON)
    assert statuses(reply) == [202, 422, 202, 422, 422, 202, 422]
    assert reply.json["data"][3]["detail"][0] == {
        "loc": ["body"], "msg": "invalid JSON at byte 16: ',' or '}' is expected",
        "type": "value_error.jsondecode"}
    assert len(stored(api, app)) == 3


# Refused as a whole


@pytest.mark.parametrize("body,place", [
    (b"", "byte 0"), (b"{}", "byte 0"), (b"null", "byte 0"), (b"[", "byte 1"),
    (b'[{"eventType":"t","payload":{}},', "byte 32"), (b'[{"eventType":"t","payload":{}}', "byte 31"),
    (b'[{"eventType":"t","payload":{}},]', "byte 32"),
    (b'[{"eventType":"t","payload":{}}]x', "byte 32"),
    (b'[{"eventType":"t","payload":{}} {"eventType":"t","payload":{}}]', "byte 32"),
    (b'[{"eventType":"t","payload":{}},{"eventType":"t","payload":{"a":"\xff"}}]', "byte 65"),
    (lines(event(), event()), "byte 0")])
def test_no_array_nothing_accepted(api, app, body, place):
    detail = post(api, app, body, want=422).json["detail"][0]
    assert detail["loc"] == ["body"] and f"at {place}: " in detail["msg"], detail
    assert stored(api, app) == []


def test_too_many_items_and_too_large(start):
    daemon = start(batch_max=5, body_max="4k")
    api = daemon.api()
    app = api.new_app()
    assert statuses(post(api, app, [event(i) for i in range(5)])) == [202] * 5
    for body, headers in (([event(i) for i in range(6)], None), (lines(*[event()] * 6), NDJSON),
                          ([1] * 6, None), ([event(pad="x" * 4096)], None)):
        assert post(api, app, body, want=413, headers=headers).json["code"] == "payload_too_large"
    assert len(stored(api, app)) == 5


def test_who_may_and_where(api, app, daemon):
    post(api, "app_missing", [event(), {}], want=404)
    post(api, "app_missing", b"[", want=422)
    assert api.post(f"/app/{app}/msg/batch", [event()], token=None).status == 401
    token = daemon.token_for("--app", app)
    assert api.post(f"/app/{app}/msg/batch", [event()], token=token).status == 403
    assert api.get(f"/app/{app}/msg/batch", want=(404, 405))
    assert stored(api, app) == []


def test_an_application_that_the_batch_brings(api):
    uid = "uid-" + uuid.uuid4().hex
    brings = event(1, application={"name": "brought", "uid": uid})
    assert statuses(post(api, uid, [event(0), brings, event(2)])) == [202] * 3
    assert api.get(f"/app/{uid}").json["name"] == "brought"
    assert len(stored(api, uid)) == 3
    post(api, uid, [event(0), event(1, application={"name": "x", "uid": "other"})], want=422)
    assert len(stored(api, uid)) == 3


# Hostile bodies

MB = 1 << 20
HOSTILE = {
    "300 levels": b'{"eventType":"t","payload":' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"}",
    "100000 levels": b'{"eventType":"t","payload":' + b"[" * 100_000,
    "a NUL in a text": b'{"eventType":"t","payload":{"a":"\x00"}}',
    "a NUL between": b'{"eventType":"t",\x00"payload":{}}',
    "an escaped NUL": rb'{"eventType":"t\u0000","payload":{}}',
    "no UTF-8": b'{"eventType":"t","payload":{"a":"\xff\xfe"}}',
    "overlong UTF-8": b'{"eventType":"t","payload":{"a":"\xc0\xaf"}}',
    "a lone surrogate": rb'{"eventType":"t","payload":{"a":"\ud800"}}',
    "truncated": b'{"eventType":"t","payload":{"a":',
    "truncated in a text": b'{"eventType":"t","payload":{"a":"b',
    "truncated in an escape": b'{"eventType":"t","payload":{"a":"\\u12',
    "text behind it": b'{"eventType":"t","payload":{}}}',
    "a key of 1 MiB for a type": b'{"' + b"k" * MB + b'":1}',
}


@pytest.mark.parametrize("line", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bodies(api, app, line):
    """As an event, in an array, as a line among good ones: refused with words, stored never."""
    alone = api.call("POST", f"/app/{app}/msg", line, want=422)
    assert alone.json["detail"][0]["loc"][0] == "body" and len(alone.body) < 1000
    good = json.dumps(event(1)).encode()
    array = post(api, app, b"[" + good + b"," + line + b"]", want=(202, 422))
    if array.status == 202:  # a good document, whose item is none
        assert statuses(array) == [202, 422]
    assert len(array.body) < 2000
    among = post(api, app, lines(good, line, good), headers=NDJSON)
    assert statuses(among) == [202, 422, 202] and len(among.body) < 2000
    assert {json.dumps(m["payload"]) for m in stored(api, app)} == {'{"n": 1}'}


def test_hostile_but_good(api, app, receiver):
    """64 levels and a key of 1 MiB are JSON, and delivered byte for byte."""
    api.new_endpoint(app, receiver.url())
    deep = b'{"a":' * 64 + b"1" + b"}" * 64
    wide = b'{"' + b"k" * MB + b'":1}'
    for payload in (deep, wide):
        line = b'{"eventType":"t","payload":' + payload + b"}"
        for reply in (post(api, app, b"[" + line + b"]"), post(api, app, lines(line), headers=NDJSON)):
            assert statuses(reply) == [202]
            receiver.wait_ids([reply.json["data"][0]["id"]])
            assert receiver.got(id=reply.json["data"][0]["id"])[0].body == payload


def test_too_large(daemon, app):
    """Over 2 MB: refused by its length alone, by what comes without one, and the connection is no trap."""
    line = b'{"eventType":"t","payload":{"x":"' + b"y" * 900_000 + b'"}}\n'
    for headers in (NDJSON, {"Content-Type": "application/json"}):
        reply = daemon.api().call("POST", f"/app/{app}/msg/batch", line * 3, want=413, headers=headers)
        assert reply.json["code"] == "payload_too_large"
    assert stored(daemon.api(), app) == []


# Idempotency-Key


def test_the_same_request_again(api, app, receiver):
    api.new_endpoint(app, receiver.url())
    key = {"Idempotency-Key": uuid.uuid4().hex}
    items = [event(0, eventId="a"), {}, event(1), event(2, eventId="a")]
    first = post(api, app, items, headers=key)
    assert statuses(first) == [202, 422, 202, 409]
    again = post(api, app, items, headers=key)
    assert again.headers["idempotency-replayed"] == "true"
    assert statuses(again) == statuses(first)
    for one, other in zip(first.json["data"], again.json["data"]):
        assert other == ({**one, "replayed": True} if one["status"] == 202 else one)
    assert len(stored(api, app)) == 2
    ids = [r["id"] for r in first.json["data"] if r["status"] == 202]
    receiver.wait_ids(ids)
    last = api.send(app)
    receiver.wait(1, id=last)
    assert len(receiver.got()) == 3
    assert post(api, app, items, headers={"Idempotency-Key": "k" * 257}, want=400)


def test_another_request_with_the_key(api, app):
    key = {"Idempotency-Key": uuid.uuid4().hex}
    items = [event(0), event(1)]
    post(api, app, items, headers=key)
    for other in (items[:1], items + [event(2)], [event(0), event(7)], items[::-1], [{}, *items]):
        detail = post(api, app, other, want=422, headers=key).json["detail"][0]
        assert detail["loc"] == ["header", "idempotency-key"]
    assert len(stored(api, app)) == 2
    second = api.new_app()
    assert statuses(post(api, second, items, headers=key)) == [202, 202]
    assert api.post(f"/app/{app}/msg", event(0), headers=key, want=202).headers[
        "idempotency-replayed"] is None


def test_the_same_request_many_times_at_once(api, app, daemon):
    key = {"Idempotency-Key": uuid.uuid4().hex}
    items = [event(i) for i in range(50)]
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(post(daemon.api(), app, items, headers=key)))
               for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({tuple(r["id"] for r in reply.json["data"]) for reply in replies}) == 1
    assert len(replies) == 6 and len(stored(api, app)) == 50


# The command


def test_the_command(api, app, daemon, tmp_path):
    payload = b'{ "amount" : 1.10 }'
    file = tmp_path / "events.ndjson"
    file.write_bytes(b'{"eventType":"t","payload":' + payload + b"}\n\n{}\n" + lines(event(2)))
    call = [POSTHORN, "message", "create-batch", app, file, "-o", "json", "--idempotency-key", "k"]
    env = environment(url=f"http://127.0.0.1:{daemon.port}", token=daemon.token)
    first, again = (subprocess.run(call, env=env, capture_output=True, text=True, timeout=60)
                    for _ in range(2))
    assert first.returncode == again.returncode == 65 and "1 of 3 events were refused" in first.stderr
    rows = json.loads(first.stdout)
    assert [(row["line"], row["status"]) for row in rows] == [(1, 202), (3, 422), (4, 202)]
    assert [row.get("id") for row in json.loads(again.stdout)] == [row.get("id") for row in rows]
    assert [row["id"] for row in stored(api, app)] == [rows[0]["id"], rows[2]["id"]]
    assert payload in api.get(f"/app/{app}/msg/{rows[0]['id']}").body


# Promises


def test_an_endpoint_made_just_before_gets_all(api, app, receiver):
    for round in range(5):
        api.new_endpoint(app, receiver.url(f"/{round}"))
        ids = [r["id"] for r in post(api, app, [event(i) for i in range(20)]).json["data"]]
        receiver.wait_ids(ids)
        wait_until(lambda: {g.id for g in receiver.got(f"/{round}")} >= set(ids))


def test_kill_9_loses_nothing_accepted(start, receiver):
    daemon = start(workers=2, lease="1s")
    api = daemon.api()
    app = api.new_app()
    api.new_endpoint(app, receiver.url(), retrySchedule=[0.1, 0.2, 0.5, 1, 1, 1])
    accepted, stop, changed = [], threading.Event(), threading.Condition()

    def produce(name):
        own = daemon.api()
        for n in itertools.count():
            key = {"Idempotency-Key": f"{name}-{n}"}
            while not stop.is_set():
                try:
                    reply = post(own, app, [event(i) for i in range(40)], want=None, headers=key)
                except (OSError, http.client.HTTPException):
                    stop.wait(0.02)
                    continue
                if reply.status == 202:
                    with changed:
                        accepted.extend(r["id"] for r in reply.json["data"] if r["status"] == 202)
                        changed.notify_all()
                    if set(statuses(reply)) == {202}:
                        break
            if stop.is_set():
                return

    threads = [threading.Thread(target=produce, args=(i,), daemon=True) for i in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        with changed:
            goal = len(accepted) + 800
            assert changed.wait_for(lambda: len(accepted) >= goal, 60)
        victim = wait_until(lambda: len(daemon.worker_pids()) == 2 and daemon.worker_pids())[0]
        kill(victim, signal.SIGKILL)
        wait_until(lambda: not alive(victim))
    stop.set()
    for thread in threads:
        thread.join(30)
    receiver.wait_ids(accepted, 60)


def test_when_nothing_can_be_stored_the_request_fails(start):
    """PostgreSQL stands still: the append under way waits for it, a batch behind it does not."""
    daemon = start(workers=1)
    api = daemon.api()
    app = api.new_app()
    post(api, app, [event()])
    answers = queue.SimpleQueue()
    items = [{}] + [event()] * 600  # more than an append takes
    stopped = daemon.postgres_pids()
    for pid in stopped:
        kill(pid, signal.SIGSTOP)
    try:
        for _ in range(2):
            threading.Thread(target=lambda: answers.put(post(daemon.api(), app, items, want=None)),
                             daemon=True).start()
        refused = answers.get(timeout=20)
    finally:
        for pid in stopped:
            kill(pid, signal.SIGCONT)
    assert refused.status == 503 and refused.headers["retry-after"]
    assert refused.json["code"] == "unavailable"
    late = answers.get(timeout=30)
    assert late.status in (202, 503)
    wait_until(lambda: post(api, app, [event()], want=None).status == 202)
