"""Dead letters and the background tasks that act on many of them."""

import datetime
import signal
import threading

import pytest
from harness.daemon import Daemon, alive, kill
from harness.receiver import Step
from harness.wait import wait_until

ORG_ROUTES = [("GET", "/dead-letter"), ("GET", "/dead-letter/summary"), ("POST", "/dead-letter/replay"),
              ("POST", "/dead-letter/discard"), ("GET", "/background-task")]


@pytest.fixture(scope="module")
def daemon():
    """One endpoint has many dead letters here, quickly: without a breaker that would park them."""
    shared = Daemon(workers=2, breaker_failures=0).start()
    yield shared
    shared.close()


def ids(rows):
    return [row["id"] for row in rows]


def bury(api, app, receiver, count=1, path="/dead", status=500, **fields):
    """An endpoint that fails, and its dead letters, newest first."""
    endpoint = api.new_endpoint(app, receiver.script(path, status), retrySchedule=[])
    for _ in range(count):
        api.send(app, **fields)
    rows = wait_until(lambda: (found := api.dead_letters(app, endpoint_id=endpoint))
                      and len(found) == count and found, what=f"{count} dead letters")
    return endpoint, rows


def finished(api, task, status="finished"):
    return wait_until(lambda: (row := api.get(f"/background-task/{task}").json)["status"] == status and row)


def test_what_a_dead_letter_tells(api, app, receiver):
    endpoint = api.new_endpoint(app, receiver.script("/hook", Step(503, body=b"closed")),
                                retrySchedule=[0.02])
    message = api.send(app, b'{"n": 1.10}', event_type="a.b")
    letter = wait_until(lambda: api.dead_letters(app))[0]
    assert letter["id"].startswith("dl_")
    assert {k: letter[k] for k in ("appId", "endpointId", "msgId", "eventType", "reason", "lastStatus",
                                   "attempts")} == {
        "appId": app, "endpointId": endpoint, "msgId": message, "eventType": "a.b",
        "reason": "exhausted", "lastStatus": 503, "attempts": 2}
    assert letter["firstAttemptAt"] <= letter["lastAttemptAt"] and letter["createdAt"]
    assert all(letter[k] is None for k in ("replayedAt", "replayedBy", "discardedAt", "discardedBy"))
    reply = api.get(f"/app/{app}/dead-letter/{letter['id']}")
    assert b'{"n": 1.10}' in reply.body
    assert reply.json["lastResponse"] == "closed"
    assert [a["responseStatusCode"] for a in reply.json["history"]] == [503, 503]
    assert {k: v for k, v in reply.json.items() if k in letter} == letter
    assert letter in api.list("/dead-letter")


def test_lists_and_filters(api, app, receiver):
    one, first = bury(api, app, receiver, path="/one", event_type="a")
    api.patch(f"/app/{app}/endpoint/{one}", {"disabled": True}, want=200)
    two, second = bury(api, app, receiver, path="/two", event_type="b", status=404)
    other = api.new_app()
    _, third = bury(api, other, receiver, path="/three")
    both = ids(second) + ids(first)

    def listed(path=f"/app/{app}/dead-letter", **query):
        return ids(api.list(path, **query))

    assert listed() == listed("/dead-letter", app_id=app) == listed("/dead-letter", appId=app) == both
    assert listed("/dead-letter", app_id=other) == ids(third)
    assert set(both + ids(third)) <= set(listed("/dead-letter"))
    assert listed(endpoint_id=one) == listed("/dead-letter", endpoint_id=one) == ids(first)
    assert listed(event_types="b,c") == ids(second)
    assert listed(status_code_class=400) == ids(second)
    assert listed(reason="exhausted") == both and listed(reason="gone") == []
    assert listed(before=second[0]["createdAt"]) == ids(first)
    assert listed(after=first[0]["createdAt"]) == ids(second)
    api.post(f"/app/{app}/dead-letter/{second[0]['id']}/replay", want=202)
    assert listed(replayed="true") == ids(second)
    fresh = listed(replayed="false")  # by now perhaps the replay's own letter too: it fails as before
    assert fresh[-1:] == ids(first) and ids(second)[0] not in fresh
    api.post(f"/app/{app}/dead-letter/{first[0]['id']}/discard", want=204)
    assert listed(discarded="true") == ids(first)
    api.get("/dead-letter?reason=bad-luck", want=422)
    api.get("/dead-letter?replayed=maybe", want=400)
    api.get("/dead-letter?app_id=app_missing", want=404)
    api.get("/app/app_missing/dead-letter", want=404)


def test_pages(api, app, receiver):
    _, rows = bury(api, app, receiver, count=5)
    for path in (f"/app/{app}/dead-letter?", f"/dead-letter?app_id={app}&"):
        first = api.get(f"{path}limit=2").json
        second = api.get(f"{path}limit=2&iterator={first['iterator']}").json
        last = api.get(f"{path}limit=2&iterator={second['iterator']}").json
        assert ids(first["data"] + second["data"] + last["data"]) == ids(rows)
        assert [p["done"] for p in (first, second, last)] == [False, False, True]
        back = api.get(f"{path}limit=2&iterator={last['prevIterator']}").json
        assert ids(back["data"]) == ids(second["data"])


def test_summary(api, app, receiver):
    endpoint, rows = bury(api, app, receiver, count=3)
    api.post(f"/app/{app}/dead-letter/{rows[0]['id']}/discard", want=204)
    summary = api.get(f"/dead-letter/summary?app_id={app}").json
    assert summary["data"] == [{"appId": app, "endpointId": endpoint, "reason": "exhausted",
                                "count": 3, "open": 2}]
    assert summary["done"] is True


def test_replay_once(api, app, receiver, daemon):
    _, (letter,) = bury(api, app, receiver)
    path = f"/app/{app}/dead-letter/{letter['id']}"
    receiver.script("/dead", 200)
    api.post(path + "/replay", want=202, token=daemon.token_for("--app", app))
    assert receiver.wait(2)[1].id == letter["msgId"]
    row = api.get(path).json
    assert row["replayedAt"] and row["replayedBy"] == app
    assert api.post(path + "/replay", want=409).json["code"] == "conflict"
    assert api.post(path + "/discard", want=409).json["code"] == "conflict"
    wait_until(lambda: [a["triggerType"] for a in api.attempts(app, letter["msgId"])] == [0, 1])
    assert len(receiver.got()) == 2


def test_replay_that_fails_is_another_dead_letter(api, app, receiver):
    _, (letter,) = bury(api, app, receiver)
    api.post(f"/app/{app}/dead-letter/{letter['id']}/replay", want=202)
    rows = wait_until(lambda: (found := api.dead_letters(app)) and len(found) == 2 and found)
    assert rows[0]["id"] != letter["id"] and rows[0]["msgId"] == letter["msgId"]
    assert rows[0]["replayedAt"] is None and rows[0]["attempts"] == 1


def test_discard(api, app, receiver):
    _, (letter,) = bury(api, app, receiver)
    path = f"/app/{app}/dead-letter/{letter['id']}"
    api.post(path + "/discard", want=204)
    row = api.get(path).json
    assert row["discardedAt"] and row["discardedBy"].startswith("org_")
    api.post(path + "/replay", want=409)
    assert len(receiver.got()) == 1


def test_what_cannot_be_replayed(api, app, receiver):
    endpoint, (gone, kept) = bury(api, app, receiver, count=2)
    replay = f"/app/{app}/dead-letter/{{}}/replay"
    api.delete(f"/app/{app}/msg/{gone['msgId']}/content")
    assert api.post(replay.format(gone["id"]), want=400).json["code"] == "missing_payload"
    assert api.get(f"/app/{app}/dead-letter/{gone['id']}").json["payload"] == {"expired": True}
    api.patch(f"/app/{app}/endpoint/{endpoint}", {"disabled": True}, want=200)
    assert api.post(replay.format(kept["id"]), want=400).json["code"] == "endpoint_disabled"
    api.delete(f"/app/{app}/endpoint/{endpoint}")
    assert api.post(replay.format(kept["id"]), want=400).json["code"] == "endpoint_deleted"
    assert all(row["replayedAt"] is None for row in api.dead_letters(app))
    other = api.new_app()
    api.post(f"/app/{other}/dead-letter/{kept['id']}/replay", want=404)
    api.post(f"/app/{app}/dead-letter/dl_missing/replay", want=404)


def test_many_at_once_replay_each_once(api, app, receiver, daemon):
    """Ten operators press the button for the same dead letter."""
    _, (letter,) = bury(api, app, receiver)
    receiver.script("/dead", 200)
    statuses = []

    def press():
        statuses.append(daemon.api().post(f"/app/{app}/dead-letter/{letter['id']}/replay").status)

    threads = [threading.Thread(target=press) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [202] + [409] * 9
    wait_until(lambda: len(api.attempts(app, letter["msgId"])) == 2)
    assert len(receiver.got()) == 2


# In bulk.

def test_replay_what_a_filter_selects(api, app, receiver):
    one, _ = bury(api, app, receiver, count=4, path="/one", event_type="a")
    api.patch(f"/app/{app}/endpoint/{one}", {"channels": ["closed"]}, want=200)
    bury(api, app, receiver, count=3, path="/two", event_type="b")
    asked = {"appId": app, "endpointId": one, "eventTypes": ["a"], "reason": "exhausted",
             "statusCodeClass": 500, "after": "2021-01-01T00:00:00Z"}
    counted = api.post("/dead-letter/replay", {**asked, "dryRun": True}, want=200).json
    assert counted == {"dryRun": True, "count": 4, "total": 4, "more": False}
    receiver.script("/one", 200)
    task = api.post("/dead-letter/replay", asked, want=202).json
    assert task["id"].startswith("qtask_") and task["task"] == "dead_letter.replay"
    assert (task["status"], task["total"], task["appId"]) == ("running", 4, app)
    done = finished(api, task["id"])
    assert (done["total"], done["done"], done["failed"]) == (4, 4, 0)
    assert done["data"]["eventTypes"] == ["a"] and done["by"].startswith("org_")
    receiver.wait(8, "/one")
    assert len(api.dead_letters(app, replayed="true")) == 4
    assert len(receiver.got("/two")) == 3
    assert api.post("/dead-letter/replay", {**asked, "dryRun": True}).json["count"] == 0
    assert task["id"] in ids(api.list("/background-task"))


def test_replay_leaves_what_cannot_be_delivered(api, app, receiver):
    _, rows = bury(api, app, receiver, count=3)
    api.delete(f"/app/{app}/msg/{rows[1]['msgId']}/content")
    receiver.script("/dead", 200)
    task = api.post("/dead-letter/replay", {"appId": app}, want=202).json["id"]
    done = finished(api, task)
    assert (done["done"], done["failed"]) == (2, 1)
    assert ids(api.dead_letters(app, replayed="false")) == [rows[1]["id"]]


def test_discard_in_bulk(api, app, receiver):
    bury(api, app, receiver, count=5)
    task = api.post("/dead-letter/discard", {"appId": app}, want=202).json
    assert task["task"] == "dead_letter.discard"
    assert finished(api, task["id"])["done"] == 5
    assert len(api.dead_letters(app, discarded="true")) == 5 and len(receiver.got()) == 5


def test_bulk_bigger_than_a_step(api, app, receiver):
    bury(api, app, receiver, count=450)
    receiver.script("/dead", 200)
    task = api.post("/dead-letter/replay", {"appId": app}, want=202).json["id"]
    assert finished(api, task)["done"] == 450
    receiver.wait(900, deadline_s=30)


def test_paced_paused_resumed_cancelled(api, app, receiver):
    bury(api, app, receiver, count=40)
    receiver.script("/dead", 200)
    task = api.post("/dead-letter/replay", {"appId": app, "ratePerSecond": 10}, want=202).json
    path = f"/background-task/{task['id']}"
    assert task["ratePerSecond"] == 10
    wait_until(lambda: api.get(path).json["done"] >= 3)
    paused = api.post(path + "/pause", want=200).json
    assert paused["status"] == "paused" and paused["done"] < 40
    assert api.post(path + "/pause", want=200).json["done"] == paused["done"]
    resumed = api.post(path + "/resume", want=200).json
    assert resumed["status"] == "running"
    wait_until(lambda: api.get(path).json["done"] > paused["done"])
    ended = api.post(path + "/cancel", want=200).json
    assert ended["status"] == "canceled" and ended["done"] < 40
    for verb in ("pause", "resume"):
        assert api.post(f"{path}/{verb}", want=409).json["code"] == "conflict"
    assert len(api.dead_letters(app, replayed="true")) == ended["done"]


def test_a_rate_is_kept_to(api, app, receiver):
    bury(api, app, receiver, count=10)
    task = api.post("/dead-letter/replay", {"appId": app, "ratePerSecond": 5}, want=202).json["id"]
    done = wait_until(lambda: (row := api.get(f"/background-task/{task}").json)["status"] == "finished" and row, 60)
    started, ended = (datetime.datetime.fromisoformat(done[at].replace("Z", "+00:00"))
                      for at in ("createdAt", "updatedAt"))
    assert (ended - started).total_seconds() > 1.5


@pytest.mark.parametrize("body, field", [
    ({"eventTypes": ["a"] * 101}, "eventTypes"),
    ({"appId": 5}, "appId"), ({"endpointId": []}, "endpointId"), ({"eventTypes": "a"}, "eventTypes"),
    ({"eventTypes": ["a b"]}, "eventTypes"), ({"reason": "x"}, "reason"),
    ({"statusCodeClass": 404}, "statusCodeClass"), ({"before": "soon"}, "before"),
    ({"endpointId": "ep_nonsense"}, "endpointId"), ({"endpointId": ""}, "endpointId"),
    ({"endpoint_id": "ep_nonsense"}, "endpoint_id"),
    ({"after": 7}, "after"), ({"ratePerSecond": 0}, "ratePerSecond"), ({"dryRun": "yes"}, "dryRun")])
def test_bad_filter(api, body, field):
    for verb in ("replay", "discard"):
        reply = api.post(f"/dead-letter/{verb}", body, want=422).json
        assert reply["detail"][0]["loc"] == ["body", field]


def test_a_filter_that_selects_nothing_does_not_select_everything(api, app, receiver):
    """Not even where its endpoint's name is mistyped, or written as the lists write it."""
    endpoint, rows = bury(api, app, receiver, count=2)
    other = api.new_endpoint(app, receiver.url())
    for wrong in ("ep_nonsense", ""):
        api.post("/dead-letter/discard", {"appId": app, "endpointId": wrong}, want=422)
    for selected in ({"endpointId": other}, {"endpoint_id": other}, {"endpointId": "nobody"},
                     {"event_types": ["another"]}, {"status_code_class": 400}):
        task = api.post("/dead-letter/discard", {"app_id": app, **selected}, want=202).json
        assert finished(api, task["id"])["done"] == 0, selected
    assert ids(api.dead_letters(app, discarded="false")) == ids(rows)
    task = api.post("/dead-letter/discard", {"app_id": app, "endpoint_id": endpoint}, want=202).json
    assert finished(api, task["id"])["done"] == 2


def test_what_is_to_come_is_not_meant(api, app):
    task = api.post("/dead-letter/discard", {"appId": app, "before": "2200-01-01T00:00:00Z"}, want=202).json
    assert int(task["data"]["before"][:4]) <= int(task["createdAt"][:4]) + 1
    assert finished(api, task["id"])["done"] == 0


def test_application_of_a_filter_must_exist(api):
    gone = api.new_app()
    api.delete(f"/app/{gone}")
    for app in ("nobody", "app_nobody", gone):
        api.post("/dead-letter/replay", {"appId": app}, want=404)
    for app in ("nobody", "app_nobody"):
        for path in ("/dead-letter", "/dead-letter/summary"):
            api.get(f"{path}?app_id={app}", want=404)
    assert api.get(f"/dead-letter/summary?app_id={gone}").json["data"] == []


def test_operators_only(api, app, daemon):
    token = daemon.token_for("--app", app)
    for method, path in ORG_ROUTES:
        assert api.call(method, path, {} if method == "POST" else None, token=token).status == 403
    assert api.list(f"/app/{app}/dead-letter") == []
    api.get(f"/app/{app}/dead-letter", token=token)


def test_other_organisations_see_nothing(api, app, receiver, daemon):
    _, (letter,) = bury(api, app, receiver)
    task = api.post("/dead-letter/discard", {"appId": app, "dryRun": False}, want=202).json["id"]
    other = daemon.token_for("--org", "org_" + "3" * 27)
    assert api.get("/dead-letter", token=other).json["data"] == []
    assert api.get("/background-task", token=other).json["data"] == []
    api.get(f"/background-task/{task}", token=other, want=404)
    api.post(f"/background-task/{task}/cancel", token=other, want=404)
    counted = api.post("/dead-letter/replay", {"dryRun": True}, token=other, want=200).json
    assert counted["count"] == 0
    api.get(f"/app/{app}/dead-letter/{letter['id']}", token=other, want=404)


def test_task_survives_its_worker(start, receiver):
    """kill -9 in the middle of a replay: it goes on where it was, and each goes out at least once."""
    daemon = start(workers=1, lease="1s", breaker_failures=0)
    api = daemon.api()
    app = api.new_app()
    _, rows = bury(api, app, receiver, count=60)
    receiver.script("/dead", 200)
    task = api.post("/dead-letter/replay", {"appId": app, "ratePerSecond": 20}, want=202).json["id"]
    wait_until(lambda: api.get(f"/background-task/{task}").json["done"] >= 10)
    victim = daemon.worker_pids()[0]
    kill(victim, signal.SIGKILL)
    wait_until(lambda: not alive(victim))
    done = wait_until(lambda: (row := daemon.api().get(f"/background-task/{task}").json)["status"]
                      == "finished" and row, 40)
    assert (done["total"], done["done"], done["failed"]) == (60, 60, 0)
    for row in rows:
        receiver.wait(2, id=row["msgId"], deadline_s=30)
