"""An endpoint is sent again what it missed: recover, replay-missing, bulk-replay; and examples."""

import collections
import datetime
import signal
import threading
import time

import pytest
from harness.daemon import Daemon, alive, kill
from harness.receiver import Step
from harness.wait import wait_until

KINDS = ["recover", "replay-missing", "bulk-replay"]


@pytest.fixture(scope="module")
def daemon():
    """Outages here are long and leave dead letters: without a breaker that would park what comes."""
    shared = Daemon(workers=2, breaker_failures=0).start()
    yield shared
    shared.close()


def at(seconds):
    """RFC 3339, so many seconds from now."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).isoformat()


def sent(api, app, count, **fields):
    return [api.send(app, **fields) for _ in range(count)]


def start_task(api, app, endpoint, kind, since=-3600, **fields):
    body = {"since": at(since), **fields}
    return api.post(f"/app/{app}/endpoint/{endpoint}/{kind}", body, want=202).json


def finished(api, task, status="finished", deadline_s=60):
    def ended():
        row = api.get(f"/background-task/{task['id']}").json
        assert row["status"] in ("running", status), row
        return row["status"] == status and row
    return wait_until(ended, deadline_s)


def counts(task):
    return task["total"], task["done"], task["failed"]


def settled(api, app, messages, attempts=1):
    """So many attempts of each are on record."""
    for message in messages:
        wait_until(lambda: len(api.attempts(app, message)) >= attempts, 60, f"attempts of {message}")


def received(receiver, path="/hook"):
    """How often each message came."""
    ids = [g.id for g in receiver.got(path)]
    return {id: ids.count(id) for id in ids}


# What failed.


def test_recover_delivers_what_an_outage_missed_and_nothing_else(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/hook", 200), retrySchedule=[])
    before = sent(api, app, 3)
    settled(api, app, before)
    receiver.script("/hook", 503)
    missed = sent(api, app, 7)
    settled(api, app, missed)
    receiver.script("/hook", 200)
    after = sent(api, app, 3)
    settled(api, app, after)
    task = start_task(api, app, endpoint, "recover")
    assert task["id"].startswith("qtask_") and task["task"] == "endpoint.recover"
    assert task["status"] == "running" and task["updatedAt"] and task["appId"] == app
    assert task["data"]["endpointId"] == endpoint
    assert counts(finished(api, task)) == (7, 7, 0)
    settled(api, app, missed, attempts=2)
    assert received(receiver) == {**dict.fromkeys(before + after, 1), **dict.fromkeys(missed, 2)}
    assert [a["triggerType"] for a in api.attempts(app, missed[0])] == [0, 1]
    letters = api.dead_letters(app, endpoint_id=endpoint)
    assert len(letters) == 7 and all(d["replayedAt"] and d["replayedBy"].startswith("org_") for d in letters)
    again = finished(api, start_task(api, app, endpoint, "recover"))
    assert counts(again) == (0, 0, 0), "what has succeeded since was delivered again"


def test_recover_keeps_to_its_time(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/hook", 500), retrySchedule=[])
    stamps = []
    for message in (messages := sent(api, app, 3)):
        stamps.append(api.get(f"/app/{app}/msg/{message}").json["timestamp"])
    settled(api, app, messages)
    receiver.script("/hook", 200)
    body = {"since": stamps[1], "until": stamps[1]}
    task = api.post(f"/app/{app}/endpoint/{endpoint}/recover", body, want=202).json
    # (In one millisecond there may be more than one.)
    assert finished(api, task)["done"] == stamps.count(stamps[1])
    settled(api, app, [messages[1]], attempts=2)
    assert received(receiver)[messages[1]] == 2


def test_recover_leaves_what_is_planned(api, app, receiver):
    """The chain that the event started goes on as planned, besides the one that was started by hand."""
    endpoint = api.new_endpoint(app, receiver.script("/hook", 500), retrySchedule=[3600])
    [message] = sent(api, app, 1)
    settled(api, app, [message])
    receiver.script("/hook", 502)
    assert counts(finished(api, start_task(api, app, endpoint, "recover"))) == (1, 1, 0)
    settled(api, app, [message], attempts=2)
    row = api.get(f"/app/{app}/msg/{message}/endpoint").json["data"][0]
    assert row["statusText"] == "sending" and row["nextAttempt"]
    receiver.script("/hook", 200)
    assert finished(api, start_task(api, app, endpoint, "recover"))["done"] == 1
    settled(api, app, [message], attempts=3)
    assert api.get(f"/app/{app}/msg/{message}/endpoint").json["data"][0]["statusText"] == "success"


def test_recover_is_of_one_endpoint(api, app, receiver):
    one = api.new_endpoint(app, receiver.script("/one", 500), retrySchedule=[])
    api.new_endpoint(app, receiver.script("/two", 500), retrySchedule=[], uid="two")
    messages = sent(api, app, 2)
    settled(api, app, messages, attempts=2)
    receiver.script("/one", 200)
    receiver.script("/two", 200)
    assert counts(finished(api, start_task(api, app, one, "recover"))) == (2, 2, 0)
    receiver.wait(4, "/one")
    assert len(receiver.got("/two")) == 2
    assert counts(finished(api, start_task(api, app, "two", "recover"))) == (2, 2, 0)
    receiver.wait(4, "/two")


def test_payloads_that_are_gone_count_as_failed(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/hook", 500), retrySchedule=[])
    gone, kept = sent(api, app, 2)
    settled(api, app, [gone, kept])
    api.delete(f"/app/{app}/msg/{gone}/content")
    receiver.script("/hook", 200)
    assert counts(finished(api, start_task(api, app, endpoint, "recover"))) == (2, 1, 1)
    settled(api, app, [kept], attempts=2)
    assert received(receiver) == {gone: 1, kept: 2}


def test_recover_over_many_steps(api, app, receiver, daemon):
    """More than a step delivers, and more than a step looks at, with successes between the failures."""
    endpoint = api.new_endpoint(app, receiver.script("/hook", 500), retrySchedule=[])
    missed = sent(api, app, 450)
    receiver.wait_ids(missed)
    settled(api, app, missed[-5:])
    receiver.script("/hook", 200)
    kept = sent(api, app, 50)
    receiver.wait_ids(kept)
    settled(api, app, kept)
    wait_until(lambda: len(api.dead_letters(app)) == 450, 60)
    assert counts(finished(api, start_task(api, app, endpoint, "recover"))) == (450, 450, 0)
    receiver.wait(450 * 2 + 50, deadline_s=60)
    settled(api, app, missed[-5:], attempts=2)
    assert received(receiver) == {**dict.fromkeys(missed, 2), **dict.fromkeys(kept, 1)}


def test_recover_survives_its_worker(start, receiver):
    """kill -9 in the middle: it goes on where it was; nothing is left out, and only what was under way
    at that moment may come twice."""
    daemon = start(workers=1, lease="1s", breaker_failures=0)
    api = daemon.api()
    app = api.new_app()
    endpoint = api.new_endpoint(app, receiver.script("/hook", 500), retrySchedule=[])
    missed = sent(api, app, 60)
    settled(api, app, missed[-3:])
    wait_until(lambda: len(api.dead_letters(app)) == 60, 60)
    receiver.script("/hook", 200)
    kept = sent(api, app, 5)
    settled(api, app, kept)
    task = start_task(api, app, endpoint, "recover", ratePerSecond=20)
    wait_until(lambda: api.get(f"/background-task/{task['id']}").json["done"] >= 10)
    victim = daemon.worker_pids()[0]
    kill(victim, signal.SIGKILL)
    wait_until(lambda: not alive(victim))
    api = daemon.api()
    wait_until(lambda: api.get(f"/background-task/{task['id']}"), 60)
    assert counts(finished(api, task)) == (60, 60, 0)
    wait_until(lambda: all(received(receiver)[id] >= 2 for id in missed), 60)
    with daemon.database() as db:
        chains = db.execute("select count(*), count(distinct msg_id), count(distinct chain) from attempt"
                            " where chain <> 0").fetchone()
    assert chains[1:] == (60, 1), "each was started once, by one task"
    assert all(received(receiver)[id] == 1 for id in kept)


def test_recover_is_paused_and_cancelled(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/hook", 500), retrySchedule=[])
    missed = sent(api, app, 20)
    settled(api, app, missed)
    receiver.script("/hook", 200)
    task = start_task(api, app, endpoint, "recover", ratePerSecond=10)
    path = f"/background-task/{task['id']}"
    assert task["ratePerSecond"] == 10
    wait_until(lambda: api.get(path).json["done"] >= 2)
    paused = api.post(path + "/pause", want=200).json
    assert paused["status"] == "paused" and paused["done"] < 20 and paused["position"]
    api.post(path + "/resume", want=200)
    wait_until(lambda: api.get(path).json["done"] > paused["done"])
    ended = api.post(path + "/cancel", want=200).json
    assert ended["status"] == "canceled" and ended["done"] < 20
    wait_until(lambda: len(receiver.got()) == 20 + ended["done"])


def test_disabled_while_it_runs(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/hook", 500), retrySchedule=[])
    settled(api, app, sent(api, app, 12))
    task = start_task(api, app, endpoint, "recover", ratePerSecond=1)
    wait_until(lambda: api.get(f"/background-task/{task['id']}").json["done"] >= 1)
    api.patch(f"/app/{app}/endpoint/{endpoint}", {"disabled": True}, want=200)
    row = finished(api, task, "failed")
    assert row["done"] < 12 and row["failed"] >= 1


# What was never tried.


def test_missing_is_what_matches_and_was_never_tried(api, app, receiver):
    for name in ("a.b", "c.d"):
        api.post("/event-type", {"name": name, "description": ""}, want=(201, 409))
    early = sent(api, app, 3, event_type="a.b", channels=["one", "two"])
    sent(api, app, 2, event_type="c.d", channels=["one"])
    sent(api, app, 2, event_type="a.b", channels=["three"])
    sent(api, app, 1, event_type="a.b")
    endpoint = api.new_endpoint(app, receiver.script("/hook", 200), eventTypes=["a.b"], channels=["two"])
    late = sent(api, app, 2, event_type="a.b", channels=["two"])
    settled(api, app, late)
    task = start_task(api, app, endpoint, "replay-missing")
    assert task["task"] == "endpoint.replay"
    assert counts(finished(api, task)) == (3, 3, 0)
    settled(api, app, early)
    assert received(receiver) == dict.fromkeys(early + late, 1)
    assert counts(finished(api, start_task(api, app, endpoint, "replay-missing"))) == (0, 0, 0)


def test_missing_is_not_what_waits(api, app, receiver):
    """What is parked for the endpoint, and what failed, is not missing."""
    endpoint = api.new_endpoint(app, receiver.script("/hook", 500), retrySchedule=[3600])
    failed = sent(api, app, 1)
    settled(api, app, failed)
    api.patch(f"/app/{app}/endpoint/{endpoint}", {"paused": True}, want=200)
    sent(api, app, 3)
    wait_until(lambda: api.get(f"/app/{app}/endpoint/{endpoint}").json["waiting"] == 3)
    assert counts(finished(api, start_task(api, app, endpoint, "replay-missing"))) == (0, 0, 0)
    assert counts(finished(api, start_task(api, app, endpoint, "recover"))) == (1, 1, 0)


def test_missing_is_not_what_is_to_come(api, app, receiver):
    soon = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=2)).isoformat()
    api.send(app, deliverAt=soon)
    due = sent(api, app, 1)
    endpoint = api.new_endpoint(app, receiver.script("/hook", 200))
    assert counts(finished(api, start_task(api, app, endpoint, "replay-missing"))) == (1, 1, 0)
    assert [g.id for g in receiver.wait(1)] == due


def test_missing_is_what_died_while_the_endpoint_was_disabled(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/hook", 200), paused=True)
    messages = sent(api, app, 2)
    wait_until(lambda: api.get(f"/app/{app}/endpoint/{endpoint}").json["waiting"] == 2)
    api.patch(f"/app/{app}/endpoint/{endpoint}", {"disabled": True, "paused": False}, want=200)
    wait_until(lambda: len(api.dead_letters(app)) == 2, 60)
    api.patch(f"/app/{app}/endpoint/{endpoint}", {"disabled": False}, want=200)
    assert counts(finished(api, start_task(api, app, endpoint, "replay-missing"))) == (2, 2, 0)
    receiver.wait_ids(messages)
    assert all(d["replayedAt"] for d in api.dead_letters(app))
    assert received(receiver) == dict.fromkeys(messages, 1)


# Two tasks over the same messages.


@pytest.mark.parametrize("kind", ["replay-missing", "recover"])
def test_two_tasks_at_once_deliver_each_message_once(api, app, receiver, kind):
    """No answer comes before both have ended: what one has started is still to be attempted for the other."""
    missing = sent(api, app, 150) if kind == "replay-missing" else []
    endpoint = api.new_endpoint(app, receiver.script("/hook", 500), retrySchedule=[])
    failed = sent(api, app, 150) if kind == "recover" else []
    settled(api, app, failed)
    answers = threading.Event()
    receiver.script("/hook", Step(after=answers))
    tasks = [start_task(api, app, endpoint, kind, ratePerSecond=300) for _ in range(2)]
    done = [finished(api, task)["done"] for task in tasks]
    answers.set()
    assert sum(done) == 150
    wait_until(lambda: sum(received(receiver).values()) == len(missing + failed + failed), 60)
    settled(api, app, missing + failed, attempts=1 if missing else 2)
    assert received(receiver) == {**dict.fromkeys(missing, 1), **dict.fromkeys(failed, 2)}


def test_two_tasks_survive_their_workers_and_each_message_is_started_once(start, receiver):
    daemon = start(workers=2, lease="1s", breaker_failures=0)
    api = daemon.api()
    app = api.new_app()
    missing = sent(api, app, 300)
    endpoint = api.new_endpoint(app, receiver.url("/hook"))
    for _ in range(2):
        start_task(api, app, endpoint, "replay-missing", ratePerSecond=60)

    def progress():
        with daemon.database() as db:
            return db.execute("select sum(done)::int, count(*) filter (where status = 'finished') from task").fetchone()
    wait_until(lambda: progress()[0] >= 30)
    assert progress()[1] == 0
    victims = daemon.worker_pids()
    for victim in victims:
        kill(victim, signal.SIGKILL)
    wait_until(lambda: not any(alive(victim) for victim in victims))
    wait_until(lambda: progress() == (300, 2), 60)
    receiver.wait_ids(missing, 60)

    def started():
        with daemon.database() as db:
            return db.execute("select count(distinct msg_id)::int, count(distinct (msg_id, chain))::int"
                              " from attempt").fetchone()
    wait_until(lambda: started()[0] == 300, 60)
    assert started() == (300, 300), "of a message one task has started a delivery"
    assert set(received(receiver)) == set(missing)


# Many tasks.


def test_slow_tasks_of_one_application_do_not_keep_another_waiting(start, receiver):
    """More than a worker runs at a time, each of which would take minutes."""
    api = start(workers=1, breaker_failures=0).api()
    slow, quick = api.new_app(), api.new_app()
    endpoint = api.new_endpoint(slow, receiver.url("/slow"))
    settled(api, slow, sent(api, slow, 150)[-3:])
    missing = sent(api, quick, 3)
    tasks = [start_task(api, slow, endpoint, "bulk-replay", ratePerSecond=1) for _ in range(9)]

    def begun():
        return sum(api.get(f"/background-task/{task['id']}").json["done"] > 0 for task in tasks)
    wait_until(lambda: begun() >= 8)
    other = api.new_endpoint(quick, receiver.url("/quick"))
    assert finished(api, start_task(api, quick, other, "replay-missing"))["done"] == 3
    receiver.wait_ids(missing)
    assert {api.get(f"/background-task/{task['id']}").json["status"] for task in tasks} == {"running"}


# What a filter selects.


def test_bulk_replay_by_each_filter(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/hook", 200), retrySchedule=[])
    good = sent(api, app, 2, event_type="x.good", channels=["one"])
    settled(api, app, good)
    receiver.script("/hook", 404)
    bad = sent(api, app, 2, event_type="x.bad", tags=["north", "south"])
    settled(api, app, bad)
    receiver.script("/hook", 503)
    worse = sent(api, app, 1, event_type="x.worse", channels=["two", "three"])
    settled(api, app, worse)
    receiver.script("/hook", 200)
    api.patch(f"/app/{app}/endpoint/{endpoint}", {"channels": ["none"]}, want=200)

    tries = collections.Counter(good + bad + worse)

    def replayed(**filters):
        """Ids, once their attempts are recorded: what is under way is left out by the next task."""
        seen = len(receiver.got())
        task = start_task(api, app, endpoint, "bulk-replay", **filters)
        assert task["task"] == "endpoint.bulk-replay"
        assert {k: v for k, v in task["data"].items() if k in filters} == filters
        done = finished(api, task)["done"]
        ids = sorted(g.id for g in receiver.wait(seen + done)[seen:])
        tries.update(ids)
        for msg in ids:
            settled(api, app, [msg], attempts=tries[msg])
        return ids

    assert replayed(status=2, statusCodeClass=500, channel="three") == worse
    assert replayed(eventTypes=["x.bad", "x.other"]) == sorted(bad)
    assert replayed(channel="one") == sorted(good)
    assert replayed(tag="east") == [] and replayed(tag="south") == sorted(bad)
    assert replayed(statusCodeClass=400) == [], "the last answer counts"
    assert replayed(status=2) == []
    assert replayed(status=1) == replayed(status=3) == replayed(status=4) == []
    assert replayed(status=0) == sorted(good + bad + worse)
    assert replayed() == sorted(good + bad + worse)


def test_bulk_replay_of_what_is_still_sending(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/hook", 500), retrySchedule=[3600])
    planned = sent(api, app, 1)
    settled(api, app, planned)
    api.patch(f"/app/{app}/endpoint/{endpoint}", {"retrySchedule": []}, want=200)
    over = sent(api, app, 1)
    settled(api, app, over)
    wait_until(lambda: len(api.dead_letters(app)) == 1, 60)
    receiver.script("/hook", 200)
    assert finished(api, start_task(api, app, endpoint, "bulk-replay", status=3))["done"] == 1
    receiver.wait(2, id=planned[0])
    assert finished(api, start_task(api, app, endpoint, "bulk-replay", status=2))["done"] == 1
    receiver.wait(2, id=over[0])


# What is refused.


@pytest.mark.parametrize("kind, body, field", [
    ("recover", {}, "since"), ("recover", {"since": None}, "since"), ("recover", {"since": 5}, "since"),
    ("recover", {"since": "yesterday"}, "since"), ("recover", {"since": at(-14 * 86400 - 400)}, "since"),
    ("recover", {"since": at(3600)}, "since"), ("recover", {"since": at(-60), "until": at(-120)}, "since"),
    ("recover", {"since": at(-60), "until": "soon"}, "until"),
    ("recover", {"since": at(-60), "ratePerSecond": 0}, "ratePerSecond"),
    ("replay-missing", {}, "since"), ("replay-missing", {"since": at(-14 * 86400 - 400)}, "since"),
    ("bulk-replay", {}, "since"), ("bulk-replay", {"since": at(-14 * 86400 - 400)}, "since"),
    ("bulk-replay", {"since": at(-60), "eventTypes": ["a b"]}, "eventTypes"),
    ("bulk-replay", {"since": at(-60), "eventTypes": ["a"] * 101}, "eventTypes"),
    ("bulk-replay", {"since": at(-60), "channel": "a b"}, "channel"),
    ("bulk-replay", {"since": at(-60), "tag": 5}, "tag"),
    ("bulk-replay", {"since": at(-60), "status": 5}, "status"),
    ("bulk-replay", {"since": at(-60), "status": "fail"}, "status"),
    ("bulk-replay", {"since": at(-60), "statusCodeClass": 404}, "statusCodeClass")])
def test_bad_input(api, app, kind, body, field):
    endpoint = api.new_endpoint(app, "https://example.com/")
    reply = api.post(f"/app/{app}/endpoint/{endpoint}/{kind}", body, want=422).json
    assert reply["detail"][0]["loc"][:2] == ["body", field]


@pytest.mark.parametrize("kind", KINDS)
def test_bounds_and_absence(api, app, receiver, daemon, kind):
    endpoint = api.new_endpoint(app, receiver.url())
    path = f"/app/{app}/endpoint/{endpoint}/{kind}"
    within = {"since": at(-14 * 86400 - 200)}
    assert counts(finished(api, api.post(path, within, want=202).json)) == (0, 0, 0)
    api.post(path, within, want=202, token=daemon.token_for("--app", app))
    early = {"since": at(-40 * 86400), "until": at(-30 * 86400)}
    assert finished(api, api.post(path, early, want=202).json)["done"] == 0
    api.post(f"/app/{app}/endpoint/ep_missing/{kind}", within, want=404)
    other = api.new_app()
    api.post(f"/app/{other}/endpoint/{endpoint}/{kind}", within, want=404)
    api.post(path, within, want=404, token=daemon.token_for("--app", other))
    api.patch(f"/app/{app}/endpoint/{endpoint}", {"disabled": True}, want=200)
    assert api.post(path, within, want=400).json["code"] == "endpoint_disabled"


def test_the_same_key_is_one_task(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.url())
    body, key = {"since": at(-60)}, {"Idempotency-Key": f"k-{time.time_ns()}"}
    path = f"/app/{app}/endpoint/{endpoint}/recover"
    first, second = (api.post(path, body, want=202, headers=key).json for _ in range(2))
    assert first["id"] == second["id"]


# The list of tasks.


def test_task_list(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.url())
    mine = [finished(api, start_task(api, app, endpoint, kind))["id"] for kind in KINDS]

    def listed(**query):
        return [row["id"] for row in api.list("/background-task", **query) if row["id"] in mine]

    assert listed() == mine[::-1] and listed(order="ascending") == mine
    assert listed(task="endpoint.replay") == [mine[1]]
    assert listed(status="finished", task="endpoint.recover") == [mine[0]]
    assert listed(status="running") == listed(task="sdk.generate") == []
    page = api.get("/background-task?limit=1&status=finished").json
    assert len(page["data"]) == 1 and page["iterator"] and page["done"] is False
    assert api.get("/background-task?status=lost", want=422).json["detail"][0]["loc"] == ["query", "status"]


def test_sdks_hear_the_words_they_know(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/hook", 500), retrySchedule=[])
    settled(api, app, sent(api, app, 10))
    task = start_task(api, app, endpoint, "recover", ratePerSecond=1)
    own = api.post("/dead-letter/discard", {"appId": api.new_app()}, want=202).json
    path, sdk = f"/background-task/{task['id']}", {"svix-req-id": "1"}
    for verb, ours, theirs in (("pause", "paused", "running"), ("cancel", "canceled", "failed")):
        assert api.post(f"{path}/{verb}", want=200).json["status"] == ours
        assert api.get(path).json["status"] == ours
        assert api.get(path, headers=sdk).json["status"] == theirs
        rows = api.get(f"/background-task?status={theirs}", headers=sdk).json["data"]
        assert task["id"] in [row["id"] for row in rows]
        rows = api.get(f"/background-task?status={ours}").json["data"]
        assert task["id"] in [row["id"] for row in rows]
    rows = api.get("/background-task?limit=250", headers=sdk).json["data"]
    assert not [row for row in rows if row["task"].startswith("dead_letter.")]
    assert own["id"] in [row["id"] for row in api.list("/background-task")]


# Examples.


def test_ping(api, app, receiver):
    """It goes to this endpoint only, whatever the filters say, as a message like any other."""
    api.post("/event-type", {"name": "other", "description": ""}, want=(201, 409))
    endpoint = api.new_endpoint(app, receiver.script("/one", 200), eventTypes=["other"], channels=["none"])
    api.new_endpoint(app, receiver.script("/all", 200))
    polling = api.post(f"/app/{app}/polling-endpoint", {}, want=201).json["id"]
    reply = api.post(f"/app/{app}/endpoint/{endpoint}/send-example", {"eventType": "svix.ping"}, want=200).json
    assert reply["eventType"] == "svix.ping" and reply["payload"] == {"success": True}
    assert reply["eventId"] is None and reply["channels"] is None and reply["timestamp"]
    [got] = receiver.wait(1, "/one")
    assert got.id == reply["id"] and got.body == b'{"success":true}'
    got.verify(api.secret(app, endpoint))
    assert api.get(f"/app/{app}/msg/{reply['id']}").json["payload"] == {"success": True}
    settled(api, app, [reply["id"]])
    assert [a["endpointId"] for a in api.attempts(app, reply["id"])] == [endpoint]
    assert receiver.got("/all") == [] and api.get(f"/app/{app}/poller/{polling}").json["data"] == []


def test_example_of_a_schema(api, app, receiver):
    name = f"example.{app}"
    endpoint = api.new_endpoint(app, receiver.url())
    path = f"/app/{app}/endpoint/{endpoint}/send-example"
    api.post(path, {"eventType": name}, want=404)
    api.post("/event-type", {"name": name, "description": ""}, want=201)
    assert api.post(path, {"eventType": name}, want=400).json["code"] == "invalid_scheme"
    schemas = b'{"2": {"examples": [{"old": 1}]}, "10": {"type": "object", "examples": [{"n": 1.10}, {"n": 2}]}}'
    body = b'{"description": "", "schemas": ' + schemas + b"}"
    api.put(f"/event-type/{name}", body, want=200)
    assert api.post(path, {"eventType": name}, want=200).json["payload"] == {"n": 1.1}
    assert api.post(path, {"eventType": name, "exampleIndex": 1}, want=200).json["payload"] == {"n": 2}
    assert sorted(g.body for g in receiver.wait(2)) == [b'{"n": 1.10}', b'{"n": 2}']
    reply = api.post(path, {"eventType": name, "exampleIndex": 2}, want=422).json
    assert reply["detail"][0]["loc"] == ["body", "exampleIndex"]


@pytest.mark.parametrize("body, field", [
    ({}, "eventType"), ({"eventType": 5}, "eventType"), ({"eventType": "a b"}, "eventType"),
    ({"eventType": "svix.ping", "exampleIndex": -1}, "exampleIndex"),
    ({"eventType": "svix.ping", "exampleIndex": "one"}, "exampleIndex")])
def test_bad_examples(api, app, body, field):
    endpoint = api.new_endpoint(app, "https://example.com/")
    reply = api.post(f"/app/{app}/endpoint/{endpoint}/send-example", body, want=422).json
    assert reply["detail"][0]["loc"] == ["body", field]


def test_examples_that_go_nowhere(api, app, receiver, daemon):
    ping = {"eventType": "svix.ping"}
    endpoint = api.new_endpoint(app, receiver.url(), disabled=True)
    path = f"/app/{app}/endpoint/{endpoint}/send-example"
    assert api.post(path, ping, want=400).json["code"] == "endpoint_disabled"
    api.post(f"/app/{app}/endpoint/ep_missing/send-example", ping, want=404)
    api.post(f"/app/app_missing/endpoint/{endpoint}/send-example", ping, want=404)
    api.post(path, ping, want=403, token=daemon.token_for("--app", app))
    assert api.get(f"/app/{app}/msg").json["data"] == []
