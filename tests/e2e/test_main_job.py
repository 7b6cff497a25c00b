"""The main job: an event posted once reaches its subscribers, or the dead letters, and comes back."""

import email.utils
import time

import pytest
from harness.receiver import Step
from harness.wait import wait_until

SUCCESS, PENDING, FAIL, SENDING = 0, 1, 2, 3
FAST = [0.05, 0.05]


def statuses(api, app, message):
    return [a["responseStatusCode"] for a in api.attempts(app, message)]


def wait_statuses(api, app, message, *wanted):
    """The recorded attempts of the message are these, oldest first."""
    wait_until(lambda: statuses(api, app, message) == list(wanted), what=f"attempts {wanted}")


def wait_dead_letter(api, app, **fields):
    """The one dead letter of the application."""
    rows = wait_until(lambda: api.dead_letters(app), what="a dead letter")
    assert len(rows) == 1
    assert {k: rows[0][k] for k in fields} == fields
    return rows[0]


def test_delivered_once_signed_with_the_bytes(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.url())
    message = api.send(app, b'{"n": 1}')
    got = receiver.wait(1)[0]
    assert got.body == b'{"n": 1}'
    assert got.id == message
    assert got.headers["content-type"] == "application/json"
    got.verify(api.secret(app, endpoint))
    for twin in ("id", "timestamp", "signature"):
        assert got.headers[f"svix-{twin}"] == got.headers[f"webhook-{twin}"]
    wait_statuses(api, app, message, 200)
    assert len(receiver.got()) == 1


def test_attempt_tells_what_happened(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/hook", Step(201, body=b"thanks")))
    message = api.send(app)
    wait_statuses(api, app, message, 201)
    attempt = api.attempts(app, message)[0]
    assert attempt["msgId"] == message and attempt["endpointId"] == endpoint
    assert attempt["url"] == receiver.url()
    assert (attempt["status"], attempt["statusText"]) == (SUCCESS, "success")
    assert attempt["response"] == "thanks"
    assert attempt["triggerType"] == 0
    assert 0 <= attempt["responseDurationMs"] < 30_000
    one = api.get(f"/app/{app}/msg/{message}/attempt/{attempt['id']}").json
    assert one["id"] == attempt["id"] and one["response"] == "thanks"
    by_endpoint = api.list(f"/app/{app}/attempt/endpoint/{endpoint}")
    assert [a["id"] for a in by_endpoint] == [attempt["id"]]


def test_every_endpoint_that_matches_and_no_other(api, app, receiver):
    for name in ("user.created", "user.deleted"):
        api.post("/event-type", {"name": name, "description": ""}, want=(201, 409))
    api.new_endpoint(app, receiver.url("/all"))
    api.new_endpoint(app, receiver.url("/created"), filterTypes=["user.created"])
    api.new_endpoint(app, receiver.url("/deleted"), filterTypes=["user.deleted"])
    api.new_endpoint(app, receiver.url("/channel"), channels=["north"])
    api.new_endpoint(app, receiver.url("/disabled"), disabled=True)
    first = api.send(app)
    second = api.send(app, channels=["north"])
    receiver.wait(2, "/all")
    receiver.wait(2, "/created")
    receiver.wait(1, "/channel")
    wait_until(lambda: len(api.attempts(app, first)) == 2 and len(api.attempts(app, second)) == 3)
    assert [g.id for g in receiver.got("/channel")] == [second]
    assert not receiver.got("/deleted") and not receiver.got("/disabled")


def test_failure_is_retried_with_the_same_id(api, app, receiver):
    api.new_endpoint(app, receiver.script("/hook", 500, 503, 200), retrySchedule=[0.05, 0.05, 0.05])
    message = api.send(app)
    got = receiver.wait(3)
    assert {g.id for g in got} == {message}
    wait_statuses(api, app, message, 500, 503, 200)
    assert [a["status"] for a in api.attempts(app, message)] == [FAIL, FAIL, SUCCESS]
    destination = api.list(f"/app/{app}/msg/{message}/endpoint")[0]
    assert destination["status"] == SUCCESS and not destination.get("nextAttempt")


def test_between_attempts_the_message_is_sending(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/hook", 500), retrySchedule=[3600])
    message = api.send(app)
    wait_statuses(api, app, message, 500)
    row = wait_until(lambda: api.list(f"/app/{app}/endpoint/{endpoint}/msg")[0])
    assert (row["status"], row["statusText"]) == (SENDING, "sending")
    assert row["nextAttempt"] > row["timestamp"]


@pytest.mark.parametrize("step", [Step(reset=True), Step(raw=b"HTTP/9.9 no\r\n\r\n"), Step(raw=b"")],
                         ids=["reset", "garbage", "nothing"])
def test_broken_transport_is_a_failure_with_code_0(api, app, receiver, step):
    api.new_endpoint(app, receiver.script("/hook", step, step, step, step, 200), retrySchedule=[0.05] * 5)
    message = api.send(app)
    wait_until(lambda: SUCCESS in [a["status"] for a in api.attempts(app, message)])
    failed = [a for a in api.attempts(app, message) if a["status"] == FAIL]
    assert failed and {a["responseStatusCode"] for a in failed} == {0}


def test_redirect_is_not_followed(api, app, receiver):
    elsewhere = receiver.url("/elsewhere")
    api.new_endpoint(app, receiver.script("/hook", Step(308, {"Location": elsewhere})), retrySchedule=[])
    message = api.send(app)
    wait_statuses(api, app, message, 308)
    wait_dead_letter(api, app, reason="exhausted")
    assert not receiver.got("/elsewhere")


def test_hanging_endpoint_times_out(api, app, receiver):
    api.new_endpoint(app, receiver.script("/hook", Step(hang=True)), retrySchedule=[], timeoutMs=300)
    message = api.send(app)
    wait_statuses(api, app, message, 0)
    attempt = api.attempts(app, message)[0]
    assert attempt["status"] == FAIL and attempt["responseDurationMs"] >= 300


def test_hanging_endpoint_does_not_delay_another(api, app, receiver):
    api.new_endpoint(app, receiver.script("/black-hole", Step(hang=True)), timeoutMs=30_000)
    api.new_endpoint(app, receiver.url("/other"))
    for _ in range(200):
        api.send(app)
    receiver.wait(200, "/other", deadline_s=15)


def test_exhausted_becomes_a_dead_letter_and_replay_delivers(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/hook", 500), retrySchedule=FAST)
    message = api.send(app, b'{"amount": 1.10}')
    letter = wait_dead_letter(api, app, reason="exhausted", endpointId=endpoint, msgId=message,
                              attempts=3, eventType="user.created")
    wait_statuses(api, app, message, 500, 500, 500)
    assert len(receiver.got()) == 3
    detail = api.get(f"/app/{app}/dead-letter/{letter['id']}").json
    assert detail["payload"] == {"amount": 1.10}

    receiver.script("/hook", 200)
    api.post(f"/app/{app}/dead-letter/{letter['id']}/replay", want=(200, 202))
    got = receiver.wait(4)[-1]
    assert got.id == message and got.body == b'{"amount": 1.10}'
    wait_statuses(api, app, message, 500, 500, 500, 200)
    wait_until(lambda: api.get(f"/app/{app}/dead-letter/{letter['id']}").json["replayedAt"])


def test_dead_letter_discarded_is_not_sent(api, app, receiver):
    api.new_endpoint(app, receiver.script("/hook", 500), retrySchedule=[])
    message = api.send(app)
    letter = wait_dead_letter(api, app)
    api.post(f"/app/{app}/dead-letter/{letter['id']}/discard", want=(200, 204))
    wait_until(lambda: api.get(f"/app/{app}/dead-letter/{letter['id']}").json["discardedAt"])
    assert statuses(api, app, message) == [500]


def test_replay_in_bulk_is_a_task_with_progress(api, app, receiver):
    api.new_endpoint(app, receiver.script("/hook", 500), retrySchedule=[])
    messages = [api.send(app) for _ in range(20)]
    wait_until(lambda: len(api.dead_letters(app)) == 20)
    counted = api.post("/dead-letter/replay", {"appId": app, "dryRun": True}, want=(200, 202)).json
    assert counted["total"] == 20
    receiver.script("/hook", 200)
    task = api.post("/dead-letter/replay", {"appId": app}, want=202).json["id"]
    wait_until(lambda: api.get(f"/background-task/{task}").json["status"] == "finished")
    for message in messages:
        wait_statuses(api, app, message, 500, 200)


def test_410_disables_the_endpoint(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/hook", 410), retrySchedule=FAST)
    message = api.send(app)
    wait_until(lambda: api.get(f"/app/{app}/endpoint/{endpoint}").json["disabled"])
    wait_dead_letter(api, app, reason="gone", msgId=message)
    api.send(app)
    other = api.new_endpoint(app, receiver.url("/other"))
    api.send(app)
    receiver.wait(1, "/other")
    assert other and len(receiver.got("/hook")) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_retry_after_in_seconds_is_honoured(api, app, receiver, status):
    api.new_endpoint(app, receiver.script("/hook", Step(status, {"Retry-After": "2"}), 200),
                     retrySchedule=[0.05])
    message = api.send(app)
    first, second = receiver.wait(2)
    assert second.at - first.at >= 1.9
    wait_statuses(api, app, message, status, 200)


def test_retry_after_as_a_date_is_honoured(api, app, receiver):
    date = email.utils.formatdate(time.time() + 3, usegmt=True)
    api.new_endpoint(app, receiver.script("/hook", Step(503, {"Retry-After": date}), 200),
                     retrySchedule=[0.05])
    api.send(app)
    first, second = receiver.wait(2)
    assert second.at - first.at >= 1.0


def test_resend_sends_again_and_keeps_the_schedule(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/hook", 500, 200), retrySchedule=[3600])
    message = api.send(app)
    wait_statuses(api, app, message, 500)
    api.post(f"/app/{app}/msg/{message}/endpoint/{endpoint}/resend", want=202)
    wait_statuses(api, app, message, 500, 200)
    assert [a["triggerType"] for a in api.attempts(app, message)] == [0, 1]
    assert {g.id for g in receiver.got()} == {message}


def test_failed_resend_does_not_cancel_the_retry(api, app, receiver):
    gate = Step(200)
    endpoint = api.new_endpoint(app, receiver.script("/hook", 500, 500, gate), retrySchedule=[2])
    message = api.send(app)
    wait_statuses(api, app, message, 500)
    api.post(f"/app/{app}/msg/{message}/endpoint/{endpoint}/resend", want=202)
    wait_statuses(api, app, message, 500, 500, 200)
    assert [a["triggerType"] for a in api.attempts(app, message)] == [0, 1, 0]


def test_paused_endpoint_holds_its_events(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.url(), paused=True)
    api.new_endpoint(app, receiver.url("/other"))
    messages = [api.send(app) for _ in range(5)]
    receiver.wait(5, "/other")
    assert not receiver.got("/hook")
    api.patch(f"/app/{app}/endpoint/{endpoint}", {"paused": False}, want=200)
    assert sorted(g.id for g in receiver.wait(5, "/hook")) == sorted(messages)


def test_what_was_just_registered_is_what_matches(api, app, receiver):
    """Promise 8, on a connection for each request so that workers take turns."""
    for turn in range(10):
        path = f"/turn{turn}"
        endpoint = api.call("POST", f"/app/{app}/endpoint", {"url": receiver.url(path)}, want=201,
                            headers={"Connection": "close"}).json["id"]
        message = api.call("POST", f"/app/{app}/msg", {"eventType": "t", "payload": {}}, want=202,
                           headers={"Connection": "close"}).json["id"]
        receiver.wait(1, path, id=message)
        api.call("DELETE", f"/app/{app}/endpoint/{endpoint}", want=204,
                 headers={"Connection": "close"})
        late = api.call("POST", f"/app/{app}/msg", {"eventType": "t", "payload": {}}, want=202,
                        headers={"Connection": "close"}).json["id"]
        assert not receiver.got(path, id=late)


def test_rotation_signs_with_both_keys(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.url())
    old = api.secret(app, endpoint)
    api.post(f"/app/{app}/endpoint/{endpoint}/secret/rotate", {}, want=200)
    new = api.secret(app, endpoint)
    assert new != old and new.startswith("whsec_")
    api.send(app)
    receiver.wait(1)[0].verify(old, new)


def test_rotation_without_grace_signs_with_the_new_key_alone(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.url())
    api.post(f"/app/{app}/endpoint/{endpoint}/secret/rotate", {"gracePeriodSeconds": 0}, want=200)
    api.send(app)
    receiver.wait(1)[0].verify(api.secret(app, endpoint))


def test_custom_headers_are_sent_as_written(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.url())
    api.put(f"/app/{app}/endpoint/{endpoint}/headers", {"headers": {"X-Team-Name": "blue"}}, want=204)
    api.send(app)
    assert "X-Team-Name: blue" in str(receiver.wait(1)[0].headers)


def test_idempotency_key_gives_the_first_answer_again(api, app, receiver):
    api.new_endpoint(app, receiver.url())
    key = {"Idempotency-Key": "order-17"}
    body = {"eventType": "t", "payload": {"a": 1}}
    first = api.post(f"/app/{app}/msg", body, headers=key, want=202)
    again = api.post(f"/app/{app}/msg", body, headers=key, want=202)
    assert again.json == first.json
    other = api.post(f"/app/{app}/msg", {"eventType": "t", "payload": {"a": 2}}, headers=key)
    assert other.status == 422
    last = api.send(app)
    receiver.wait(1, id=last)
    assert len(receiver.got(id=first.json["id"])) == 1
