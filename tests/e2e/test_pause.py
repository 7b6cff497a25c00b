"""An endpoint that is paused gets nothing and loses nothing; lists and its own state tell the truth of it."""

import http.client
import os
import signal

import pytest
from harness.wait import wait_until

PATH = "/hook"


@pytest.fixture
def node(start):
    """node(workers=…): a daemon with a short lease and its application."""
    def make(workers=2, **settings):
        daemon = start(workers=workers, **{"lease": "1s", **settings})
        api = daemon.api()
        return daemon, api, api.new_app()
    return make


def post(api, app, n, first=0):
    """On a connection for each, so that the workers take turns."""
    return [api.call("POST", f"/app/{app}/msg", {"eventType": "t", "payload": {"n": first + i}}, want=202,
                     headers={"Connection": "close"}).json["id"] for i in range(n)]


def holds(daemon):
    with daemon.database() as db:
        return db.execute("select state, ordered from hold order by endpoint_id").fetchall()


def parked(daemon):
    with daemon.database() as db:
        return db.execute("select count(*) from parked").fetchone()[0]


def change(api, app, endpoint, **fields):
    return api.patch(f"/app/{app}/endpoint/{endpoint}", fields, want=200).json


def got_all(receiver, ids, deadline_s=40):
    wait_until(lambda: {g.id for g in receiver.got(PATH)} >= set(ids), deadline_s, "all of it has arrived")


# Holding.


def test_nothing_goes_out_while_it_is_paused(node, receiver):
    """New events, retries that are due and what a second worker has: all of it waits."""
    daemon, api, app = node(breaker_failures=0)
    endpoint = api.new_endpoint(app, receiver.script(PATH, 500), retrySchedule=[0.8] * 10)
    api.new_endpoint(app, receiver.url("/other"))
    early = post(api, app, 6)
    receiver.wait(6, PATH)
    change(api, app, endpoint, paused=True)
    wait_until(lambda: parked(daemon) >= 6, 20, "the retries are parked")
    before = len(receiver.got(PATH))
    receiver.script(PATH, 200)
    late = post(api, app, 10)
    receiver.wait_ids(late)  # at the other one
    wait_until(lambda: parked(daemon) >= 16, 20, "the events are parked")
    assert len(receiver.got(PATH)) == before
    assert api.dead_letters(app) == []
    change(api, app, endpoint, paused=False)
    got_all(receiver, early + late)
    wait_until(lambda: holds(daemon) == [(0, False)], 20, "the hold is closed")
    assert sorted(g.id for g in receiver.got(PATH)[before:]) == sorted(early + late)


def test_made_paused_it_gets_nothing(node, receiver):
    daemon, api, app = node()
    endpoint = api.new_endpoint(app, receiver.url(PATH), paused=True)
    ids = post(api, app, 5)
    wait_until(lambda: parked(daemon) == 5, 20, "they are parked")
    assert not receiver.got(PATH)
    change(api, app, endpoint, paused=False)
    got_all(receiver, ids)


@pytest.mark.parametrize("end", ["kill", "stop", "worker"])
def test_a_pause_survives(node, receiver, end):
    """kill -9 of everything, a restart, kill -9 of each worker in turn."""
    daemon, api, app = node()
    endpoint = api.new_endpoint(app, receiver.url(PATH), paused=True)
    api.new_endpoint(app, receiver.url("/other"))
    ids = post(api, app, 10)
    wait_until(lambda: parked(daemon) >= 10, 20, "they are parked")
    if end == "kill":
        daemon.kill_all()
        daemon.start()
    elif end == "stop":
        assert daemon.stop() == 0
        daemon.start()
    else:
        for victim in daemon.worker_pids():
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda: victim not in (now := daemon.worker_pids()) and len(now) == 2, 30)
    ids += wait_until(lambda: posted(api, app, 5, 10), 30, "it accepts again")
    receiver.wait_ids(ids, 40)
    wait_until(lambda: parked(daemon) >= len(ids), 20, "all of it is parked")
    assert not receiver.got(PATH)
    assert api.get(f"/app/{app}/endpoint/{endpoint}").json["deliveryState"] == "paused"
    wait_until(lambda: resumed(api, app, endpoint), 30, "it can be resumed")
    got_all(receiver, ids, 60)


def posted(api, app, n, first):
    try:
        return post(api, app, n, first)
    except http.client.HTTPException as error:
        raise OSError from error


def resumed(api, app, endpoint):
    """A worker that has just started may have no slot yet."""
    reply = api.patch(f"/app/{app}/endpoint/{endpoint}", {"paused": False}, want=(200, 503))
    return reply.status == 200


def test_the_oldest_go_first_and_new_ones_are_not_held_up(node, receiver):
    daemon, api, app = node(drain_rate=20)
    endpoint = api.new_endpoint(app, receiver.url(PATH), paused=True)
    old = post(api, app, 120)
    wait_until(lambda: parked(daemon) >= 120, 30, "they are parked")
    change(api, app, endpoint, paused=False)
    receiver.wait(10, PATH, deadline_s=30)
    fresh = post(api, app, 1)[0]
    receiver.wait(id=fresh, deadline_s=20)
    assert set(old) - {g.id for g in receiver.got(PATH)}, "nothing was left to be overtaken"
    got_all(receiver, old, 60)
    # By how many it is late; a few are on their way together.
    order = [old.index(g.id) for g in receiver.got(PATH) if g.id in old]
    assert max(i - n for i, n in enumerate(order)) < 64


def test_what_was_accepted_during_the_change_arrives(node, receiver):
    """Paused and resumed again and again under load: each event arrives, none twice."""
    daemon, api, app = node()
    endpoint = api.new_endpoint(app, receiver.url(PATH))
    ids = []
    for turn in range(10):
        change(api, app, endpoint, paused=True)
        ids += post(api, app, 6)
        change(api, app, endpoint, paused=False)
        ids += post(api, app, 3)
    got_all(receiver, ids, 60)
    wait_until(lambda: holds(daemon) == [(0, False)], 30, "the hold is closed")
    assert len(receiver.got(PATH)) == len(ids)


# The row of `hold`.


def test_the_hold_follows_the_endpoint(node, receiver):
    daemon, api, app = node(workers=1)
    endpoint = api.new_endpoint(app, receiver.url(PATH))
    assert holds(daemon) == []
    assert change(api, app, endpoint, description="x")["deliveryState"] == "active" and holds(daemon) == []
    assert change(api, app, endpoint, paused=True)["deliveryState"] == "paused"
    assert holds(daemon) == [(3, False)]
    change(api, app, endpoint, ordering="key")
    assert holds(daemon) == [(3, True)]
    change(api, app, endpoint, ordering=None)
    assert holds(daemon) == [(3, False)]
    assert change(api, app, endpoint, paused=False)["deliveryState"] == "draining"
    wait_until(lambda: holds(daemon) == [(0, False)], 20, "nothing was left to be drained")
    assert change(api, app, endpoint, ordering="endpoint")["deliveryState"] == "active"
    assert holds(daemon) == [(0, True)]
    # What is parked in its order is to be drained.
    assert change(api, app, endpoint, ordering=None)["deliveryState"] == "draining"
    wait_until(lambda: holds(daemon) == [(0, False)], 20, "nothing was left to be drained")


def test_enabling_tries_again(node, receiver):
    """An endpoint that was disabled while its breaker was open is not held by that any more."""
    daemon, api, app = node(workers=1, probe_min="60s", probe_max="60s")
    endpoint = api.new_endpoint(app, receiver.script(PATH, 500), retrySchedule=[3600])
    post(api, app, 30)
    path = f"/app/{app}/endpoint/{endpoint}"
    wait_until(lambda: api.get(path).json["deliveryState"] == "failing", 20, "the breaker is open")
    told = api.get(path).json
    assert told["failingSince"] < told["nextProbeAt"] and told["waiting"] > 0
    with daemon.database() as db:  # as if the keeper had not seen yet that it is disabled
        db.execute("update endpoint set disabled = true, disabled_reason = 'failing'")
        assert api.get(path).json["deliveryState"] == "disabled"
        assert api.get(path).json["disabledReason"] == "failing"
        receiver.script(PATH, 200)
        told = change(api, app, endpoint, disabled=False)
        assert told["deliveryState"] == "draining" and told["failingSince"] is None
        # That it is enabled again says nothing of one that was not disabled.
        wait_until(lambda: holds(daemon) == [(0, False)], 20, "it has been drained")
        db.execute("update hold set state = 1, failing_since = now(), probe_at = now() + interval '1 hour'")
        assert change(api, app, endpoint, disabled=False)["deliveryState"] == "failing"
        assert change(api, app, endpoint, ordering="key", disabled=False)["deliveryState"] == "failing"


def test_only_under_a_slot_that_is_held(node, receiver):
    """Whose slot is lost is nobody's keeper: 503, and nothing is changed. Other changes need no slot."""
    daemon, api, app = node(workers=1, lease="60s")
    endpoint = api.new_endpoint(app, receiver.url(PATH))
    path = f"/app/{app}/endpoint/{endpoint}"
    with daemon.database() as db:
        db.execute("update slot set epoch = epoch + 1 where owner is not null")
        for fields in ({"paused": True}, {"ordering": "key"}, {"paused": True, "description": "y"}):
            api.patch(path, fields, want=503)
        api.post(f"/app/{app}/endpoint", {"url": receiver.url(), "paused": True}, want=503)
        assert holds(daemon) == []
        change(api, app, endpoint, description="x")
        told = change(api, app, endpoint, disabled=False)
        assert (told["paused"], told["ordering"], told["description"]) == (False, None, "x")
        assert db.execute("select count(*) from endpoint").fetchone()[0] == 1


# What lists tell.


def standing(api, app, message, endpoint):
    rows = api.list(f"/app/{app}/msg/{message}/endpoint")
    row = next(row for row in rows if row["id"] == endpoint)
    return row["status"], row.get("nextAttempt", "none")


def attempted(api, app, endpoint):
    return {row["id"]: (row["status"], row.get("nextAttempt", "none"))
            for row in api.list(f"/app/{app}/endpoint/{endpoint}/msg")}


def test_what_is_parked_is_pending(node, receiver):
    daemon, api, app = node()
    endpoint = api.new_endpoint(app, receiver.script(PATH, 500), retrySchedule=[0.5])
    tried = post(api, app, 1)[0]
    receiver.wait(1, PATH)
    change(api, app, endpoint, paused=True)
    fresh = post(api, app, 1)[0]
    wait_until(lambda: parked(daemon) == 2, 20, "both are parked")
    assert standing(api, app, fresh, endpoint) == (1, "none")
    assert standing(api, app, tried, endpoint) == (3, None)
    assert attempted(api, app, endpoint) == {tried: (3, None)}
    assert api.get(f"/app/{app}/endpoint/{endpoint}").json["waiting"] == 2
    assert api.dead_letters(app) == []
    receiver.script(PATH, 200)
    change(api, app, endpoint, paused=False)
    wait_until(lambda: standing(api, app, fresh, endpoint) == (0, "none"), 20)
    wait_until(lambda: standing(api, app, tried, endpoint) == (0, "none"), 20)
    assert attempted(api, app, endpoint) == {tried: (0, "none"), fresh: (0, "none")}
    wait_until(lambda: api.get(f"/app/{app}/endpoint/{endpoint}").json["waiting"] == 0
               if holds(daemon) != [(0, False)] else True, 20)


def test_what_is_parked_behind_a_breaker_names_the_probe(node, receiver):
    daemon, api, app = node(probe_min="60s", probe_max="60s")
    endpoint = api.new_endpoint(app, receiver.script(PATH, 500), retrySchedule=[0.3])
    ids = post(api, app, 30)
    path = f"/app/{app}/endpoint/{endpoint}"
    wait_until(lambda: api.get(path).json["deliveryState"] == "failing", 20, "the breaker is open")
    wait_until(lambda: parked(daemon) >= 5, 20)
    probe = api.get(path).json["nextProbeAt"]

    def tried():
        """Whose retry is parked, all of them."""
        with daemon.database() as db:
            waits = db.execute("""select count(distinct p.msg_id) from parked p join attempt a
                on a.app_id = p.app_id and a.msg_id = p.msg_id where p.seq > a.seq""").fetchone()[0]
        found = [m for m, s in attempted(api, app, endpoint).items() if s == (3, probe)]
        return len(found) == waits > 0 and found

    for message in wait_until(tried, 20):
        assert standing(api, app, message, endpoint) == (3, probe)
    untried = set(ids) - set(attempted(api, app, endpoint))
    assert all(standing(api, app, message, endpoint) == (1, "none") for message in untried)


def test_disabled_or_deleted_what_was_parked_has_failed(node, receiver):
    daemon, api, app = node()
    one = api.new_endpoint(app, receiver.url(PATH), paused=True)
    two = api.new_endpoint(app, receiver.url(PATH), paused=True)
    message = post(api, app, 1)[0]
    wait_until(lambda: parked(daemon) == 2, 20, "both are parked")
    change(api, app, one, disabled=True)
    api.delete(f"/app/{app}/endpoint/{two}")
    assert standing(api, app, message, two) == (2, "none")
    wait_until(lambda: len(api.dead_letters(app)) == 1, 30, "what is deleted ends")
    # The pause goes on to hold what waits for the other one.
    assert standing(api, app, message, one) == (1, "none")
    change(api, app, one, paused=False)
    assert standing(api, app, message, one) == (2, "none")
    wait_until(lambda: len(api.dead_letters(app)) == 2, 30, "both are dead letters")
    letters = api.dead_letters(app)
    assert {(x["endpointId"], x["reason"]) for x in letters} == {(one, "disabled"), (two, "deleted")}
    # They were given up without being read; they say what they were all the same.
    assert {x["eventType"] for x in letters} == {"t"}
    # A replay waits as well, and is no failure.
    change(api, app, one, disabled=False, paused=True)
    letter = next(x["id"] for x in letters if x["endpointId"] == one)
    api.post(f"/app/{app}/dead-letter/{letter}/replay", {}, want=202)
    wait_until(lambda: standing(api, app, message, one) == (3, None), 20, "the replay is parked")
    assert not receiver.got(PATH)
    change(api, app, one, paused=False)
    wait_until(lambda: standing(api, app, message, one) == (0, "none"), 30)
