"""Attempts, and how a message stands at an endpoint."""

import base64
import uuid

import pytest
from harness.daemon import free_port
from harness.receiver import Step
from harness.wait import wait_until

SUCCESS, PENDING, FAIL, SENDING = 0, 1, 2, 3
NEVER = [3600]


def ids(rows):
    return [row["id"] for row in rows]


def wait_attempts(api, app, message, count):
    """The attempts of a message, oldest first, once there are so many."""
    return wait_until(lambda: (rows := api.attempts(app, message)) and len(rows) == count and rows,
                      what=f"{count} attempts")


def deliver(api, app, count=1, attempts=1, **fields):
    """Messages, oldest first, each with so many attempts recorded."""
    made = [api.send(app, **fields) for _ in range(count)]
    for message in made:
        wait_attempts(api, app, message, attempts)
    return made


def walk(api, path, limit):
    """Pages forward to the end, then back to the front: both as lists of ids."""
    page = api.get(f"{path}limit={limit}").json
    forward, back = [ids(page["data"])], []
    while not page["done"]:
        page = api.get(f"{path}limit={limit}&iterator={page['iterator']}").json
        forward.append(ids(page["data"]))
    while True:
        page = api.get(f"{path}limit={limit}&iterator={page['prevIterator']}").json
        if page["data"]:
            back.append(ids(page["data"]))
        if page["done"]:
            return forward, back


def chunks(rows, n):
    return [rows[i:i + n] for i in range(0, len(rows), n)]


# Attempts.

@pytest.mark.parametrize("status", [200, 299, 308, 403, 500])
def test_each_answer_is_one_attempt(api, app, receiver, status):
    api.new_endpoint(app, receiver.script("/hook", Step(status, body=b"so it is")), retrySchedule=[])
    message = api.send(app)
    attempt = wait_attempts(api, app, message, 1)[0]
    assert attempt["responseStatusCode"] == status and attempt["response"] == "so it is"
    assert attempt["status"] == (SUCCESS if status < 300 else FAIL)
    assert attempt["statusText"] == ("success" if status < 300 else "fail")
    assert "nextAttempt" not in attempt


def test_refused_connection_is_code_0_and_says_why(api, app):
    api.new_endpoint(app, f"http://127.0.0.1:{free_port()}/", retrySchedule=[0.05])
    attempts = wait_attempts(api, app, api.send(app), 2)
    assert [a["responseStatusCode"] for a in attempts] == [0, 0]
    assert attempts[0]["response"] == attempts[0]["error"] != ""
    assert attempts[0]["nextAttempt"] and "nextAttempt" not in attempts[1]


def test_answer_that_is_no_text(api, app, receiver):
    api.new_endpoint(app, receiver.script("/hook", Step(200, body=b"\xff\x00\xfe")))
    message = deliver(api, app)[0]
    assert base64.b64decode(api.attempts(app, message)[0]["response"]) == b"\xff\x00\xfe"


def test_expunged_response(api, app, receiver):
    api.new_endpoint(app, receiver.script("/hook", Step(200, body=b"personal")))
    message = deliver(api, app)[0]
    attempt = api.attempts(app, message)[0]
    path = f"/app/{app}/msg/{message}/attempt/{attempt['id']}"
    assert api.get(path).json == attempt
    api.delete(path + "/content")
    assert api.get(path).json["response"] == "EXPUNGED"
    api.delete(f"/app/{app}/msg/{message}/attempt/atmpt_missing/content", want=404)
    other = deliver(api, app)[0]
    api.get(f"/app/{app}/msg/{other}/attempt/{attempt['id']}", want=404)


def test_list_by_endpoint_and_its_filters(api, app, receiver):
    uid = uuid.uuid4().hex
    endpoint = api.new_endpoint(app, receiver.url("/a"), uid=uid)
    api.new_endpoint(app, receiver.url("/b"))
    receiver.script("/a", 200, 403, 500)
    north = deliver(api, app, attempts=2, channels=["north"], event_type="a")[0]
    api.patch(f"/app/{app}/endpoint/{endpoint}", {"retrySchedule": []}, want=200)
    fail4 = deliver(api, app, attempts=2, event_type="b")[0]
    fail5 = deliver(api, app, attempts=2, event_type="c")[0]

    def listed(**query):
        return [a["msgId"] for a in api.list(f"/app/{app}/attempt/endpoint/{endpoint}", **query)]

    assert listed() == [fail5, fail4, north]
    assert listed(status=0) == [north] and listed(status=2) == [fail5, fail4] and listed(status=3) == []
    assert listed(status_code_class=400) == [fail4] and listed(status_code_class=0) == []
    assert listed(channel="north") == [north] and listed(tag="none") == []
    for query in ("event_types=a,c", "event_types[]=a&event_types[]=c",
                  "event_types[0]=a&event_types[1]=c"):
        rows = api.get(f"/app/{app}/attempt/endpoint/{uid}?{query}").json["data"]
        assert [a["msgId"] for a in rows] == [fail5, north], query
    api.get(f"/app/{app}/attempt/endpoint/{endpoint}?status=9", want=422)
    api.get(f"/app/{app}/attempt/endpoint/{endpoint}?status_code_class=404", want=422)
    api.get(f"/app/{app}/attempt/endpoint/ep_missing", want=404)


def test_content_of_attempts(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/hook", Step(200, body=b"thanks")))
    message = deliver(api, app, event_type="t")[0]
    for path in (f"/app/{app}/attempt/endpoint/{endpoint}", f"/app/{app}/attempt/msg/{message}"):
        bare = api.list(path)[0]
        assert bare["response"] == "thanks" and "msg" not in bare
        assert api.list(path, with_content="false")[0]["response"] == ""
        full = api.list(path, with_msg="true")[0]["msg"]
        assert (full["id"], full["eventType"], full["payload"]) == (message, "t", {"hello": "world"})
        assert api.list(path, with_msg="true", with_content="false")[0]["msg"]["payload"] == {}


def test_list_by_message_and_its_filters(api, app, receiver):
    good = api.new_endpoint(app, receiver.url("/good"), uid="good")
    bad = api.new_endpoint(app, receiver.script("/bad", 500), retrySchedule=[])
    message = deliver(api, app, attempts=2)[0]
    path = f"/app/{app}/attempt/msg/{message}"
    assert [a["endpointId"] for a in api.list(path, status=2)] == [bad]
    assert [a["endpointId"] for a in api.list(path, status_code_class=200)] == [good]
    assert [a["endpointId"] for a in api.list(path, endpoint_id="good")] == [good]
    assert [a["endpointId"] for a in api.list(path, endpoint_id=bad)] == [bad]
    assert api.list(path, endpoint_id="nobody") == [] and api.list(path, channel="x") == []
    assert ids(api.list(f"/app/{app}/msg/{message}/attempt")) == ids(api.list(path))
    older = api.list(f"/app/{app}/msg/{message}/endpoint/{bad}/attempt")
    assert [a["endpointId"] for a in older] == [bad]
    api.get(f"/app/{app}/msg/{message}/endpoint/nobody/attempt", want=404)
    api.delete(f"/app/{app}/endpoint/{bad}")
    assert ids(api.list(f"/app/{app}/msg/{message}/endpoint/{bad}/attempt")) == ids(older)
    api.get(f"/app/{app}/attempt/msg/msg_missing", want=404)


# Pages.

def test_pages_by_endpoint_forward_and_back(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.url())
    deliver(api, app, count=7)
    path = f"/app/{app}/attempt/endpoint/{endpoint}"
    everything = ids(api.list(path))
    assert everything == sorted(everything, reverse=True) and len(everything) == 7
    forward, back = walk(api, path + "?", 3)
    assert forward == chunks(everything, 3)
    assert [x for page in back[::-1] for x in page] == everything[:6]


def test_pages_by_message_forward_and_back(api, app, receiver):
    api.new_endpoint(app, receiver.script("/hook", 500), retrySchedule=[0.02] * 6)
    message = deliver(api, app, attempts=7)[0]
    path = f"/app/{app}/attempt/msg/{message}"
    everything = ids(api.list(path))
    forward, back = walk(api, path + "?", 2)
    assert forward == chunks(everything, 2)
    assert [x for page in back[::-1] for x in page] == everything[:6]


def test_between_two_times(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.url())
    for _ in range(6):
        deliver(api, app)
    path = f"/app/{app}/attempt/endpoint/{endpoint}"
    rows = api.list(path)
    stamps = [a["timestamp"] for a in rows]
    assert len(set(stamps)) == 6, "the deliveries waited for each other"
    for low in range(6):
        for high in range(low, 6):
            inside = rows[low + 1:high]
            forward, _ = walk(api, f"{path}?before={stamps[low]}&after={stamps[high]}&", 2) if inside else ([[]], 0)
            assert [x for page in forward for x in page] == ids(inside)
    assert ids(api.list(path, before=stamps[2])) == ids(rows[3:])
    assert ids(api.list(path, after=stamps[2], limit=1)) == ids(rows[:2])
    page = api.get(f"{path}?limit=2&iterator={rows[1]['id']}&after={stamps[3]}").json
    assert ids(page["data"]) == [rows[2]["id"]] and page["done"]


# Messages of an endpoint.

def test_messages_that_an_endpoint_was_sent(api, app, receiver):
    uid = uuid.uuid4().hex
    endpoint = api.new_endpoint(app, receiver.url(), uid=uid)
    other = api.new_endpoint(app, receiver.url("/other"), channels=["elsewhere"])
    first = deliver(api, app, channels=["north"], event_type="a")[0]
    second = deliver(api, app, event_type="b")[0]

    def listed(which=endpoint, **query):
        return ids(api.list(f"/app/{app}/endpoint/{which}/msg", **query))

    assert listed() == listed(uid) == [second, first] and listed(other) == []
    assert listed(channel="north") == [first] and listed(event_types="b") == [second]
    assert listed(status=0) == [second, first] and listed(status=2) == []
    row = api.list(f"/app/{app}/endpoint/{endpoint}/msg")[0]
    assert (row["status"], row["statusText"], row["payload"]) == (SUCCESS, "success", {"hello": "world"})
    assert "nextAttempt" not in row
    assert api.list(f"/app/{app}/endpoint/{endpoint}/msg", with_content="false")[0]["payload"] == {}
    forward, back = walk(api, f"/app/{app}/endpoint/{endpoint}/msg?", 1)
    assert (forward, back) == ([[second], [first]], [[second]])


def test_failed_messages_are_not_sending(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/hook", 500), retrySchedule=[])
    message = deliver(api, app)[0]
    path = f"/app/{app}/endpoint/{endpoint}/msg"
    assert ids(api.list(path, status=FAIL)) == [message] and api.list(path, status=SENDING) == []


def test_messages_between_attempts_are_sending(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/hook", 500), retrySchedule=NEVER)
    message = deliver(api, app)[0]
    path = f"/app/{app}/endpoint/{endpoint}/msg"
    row = api.list(path, status=SENDING)[0]
    assert row["id"] == message and row["statusText"] == "sending"
    assert row["nextAttempt"] > row["timestamp"]
    assert api.list(path, status=FAIL) == []


def test_success_after_failure_is_success(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/hook", 500, 200), retrySchedule=[0.05])
    deliver(api, app, attempts=2)
    path = f"/app/{app}/endpoint/{endpoint}/msg"
    assert [m["statusText"] for m in api.list(path)] == ["success"]
    assert api.list(path, status=SENDING) == [] and api.list(path, status=FAIL) == []


@pytest.mark.parametrize("end", ["disable", "delete"])
def test_nothing_is_sending_to_an_endpoint_that_ended(api, app, receiver, end):
    endpoint = api.new_endpoint(app, receiver.script("/hook", 500), retrySchedule=NEVER)
    message = deliver(api, app)[0]
    if end == "disable":
        api.patch(f"/app/{app}/endpoint/{endpoint}", {"disabled": True}, want=200)
    else:
        api.delete(f"/app/{app}/endpoint/{endpoint}")
    for row in (api.list(f"/app/{app}/endpoint/{endpoint}/msg")[0],
                api.list(f"/app/{app}/msg/{message}/endpoint")[0]):
        assert row["statusText"] == "fail" and "nextAttempt" not in row


# Endpoints of a message.

def test_endpoints_that_a_message_was_sent_to(api, app, receiver):
    made = [api.new_endpoint(app, receiver.url(f"/{i}"), metadata={"k": "v"}) for i in range(6)]
    message = deliver(api, app, attempts=6)[0]
    later = api.new_endpoint(app, receiver.url("/later"))
    path = f"/app/{app}/msg/{message}/endpoint"
    rows = api.list(path)
    assert ids(rows) == made and later not in ids(rows)
    assert {row["statusText"] for row in rows} == {"success"} and "metadata" not in rows[0]
    assert {"version", "filterTypes", "eventTypes", "rateLimit", "url"} <= rows[0].keys()
    api.delete(f"/app/{app}/endpoint/{made[2]}")
    assert ids(api.list(path)) == made
    assert [row["deleted"] for row in api.list(path)] == [False, False, True, False, False, False]
    forward, back = walk(api, path + "?", 4)
    assert forward == chunks(made, 4) and back == [made[:4]]
    assert ids(api.list(path, order="descending")) == made[::-1]
    api.get(f"/app/{app}/msg/msg_missing/endpoint", want=404)


def test_endpoint_of_a_message_that_waits_is_pending(api, app, receiver):
    api.new_endpoint(app, receiver.script("/hook", Step(hang=True)), timeoutMs=30_000)
    message = api.send(app)
    receiver.wait(1)
    row = api.list(f"/app/{app}/msg/{message}/endpoint")[0]
    assert (row["status"], row["statusText"]) == (PENDING, "pending")


def test_message_without_endpoints(api, app):
    assert api.list(f"/app/{app}/msg/{api.send(app)}/endpoint") == []


# Resends.

def test_resend_reaches_an_endpoint_that_did_not_match(api, app, receiver):
    message = api.send(app, eventId="by-name")
    endpoint = api.new_endpoint(app, receiver.url(), channels=["none"], uid="later")
    api.post(f"/app/{app}/msg/by-name/endpoint/later/resend", want=202)
    got = receiver.wait(1)[0]
    assert got.id == message
    attempt = wait_attempts(api, app, message, 1)[0]
    assert (attempt["triggerType"], attempt["endpointId"]) == (1, endpoint)
    assert ids(api.list(f"/app/{app}/msg/{message}/endpoint")) == [endpoint]


def test_resend_that_fails_is_one_attempt(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/hook", 200, 500, 200), retrySchedule=[0.02])
    message = deliver(api, app)[0]
    api.post(f"/app/{app}/msg/{message}/endpoint/{endpoint}/resend", want=202)
    wait_attempts(api, app, message, 2)
    sentinel = deliver(api, app)[0]
    assert len(receiver.got(id=message)) == 2 and len(receiver.got(id=sentinel)) == 1
    assert api.list(f"/app/{app}/msg/{message}/endpoint")[0]["statusText"] == "success"
    assert api.dead_letters(app) == []


def test_resend_refusals(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.url())
    message = deliver(api, app)[0]
    path = f"/app/{app}/msg/{message}/endpoint"
    api.post(f"{path}/ep_missing/resend", want=404)
    api.post(f"/app/{app}/msg/msg_missing/endpoint/{endpoint}/resend", want=404)
    api.patch(f"/app/{app}/endpoint/{endpoint}", {"disabled": True}, want=200)
    assert api.post(f"{path}/{endpoint}/resend", want=400).json["code"] == "endpoint_disabled"
    api.delete(f"/app/{app}/endpoint/{endpoint}")
    api.post(f"{path}/{endpoint}/resend", want=404)
    assert len(receiver.got()) == 1
