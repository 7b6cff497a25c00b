"""Operational webhooks: what happens to endpoints and attempts of an organisation, told to those who watch it."""

import itertools
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.api import Api
from harness.faults import Faults
from harness.receiver import Step
from harness.wait import wait_until

NOTICES_ORG = "org_00000000000SvixManagement00"
QUICK = [0.02] * 3 + [0.05]  # five attempts
NUMBERS = itertools.count()
ENDPOINT_TYPES = ["endpoint.created", "endpoint.deleted", "endpoint.disabled", "endpoint.updated"]
ATTEMPT_TYPES = ["message.attempt.exhausted", "message.attempt.failing", "message.attempt.recovered"]


class Watched:
    """An organisation of its own on a daemon, and what is told of it."""

    def __init__(self, daemon, receiver):
        self.daemon, self.receiver = daemon, receiver
        self.org = f"org_watched_{daemon.port}_{next(NUMBERS)}"
        self.api = Api("127.0.0.1", daemon.port, daemon.token_for("--org", self.org))
        self.manager = Api("127.0.0.1", daemon.port, daemon.token_for("--org", NOTICES_ORG))

    def watch(self, *steps, **fields):
        self.app = self.manager.post("/app?get_if_exists=true", {"name": "watches", "uid": self.org}).json["id"]
        url = self.receiver.script("/watch", *(steps or (200,)))
        return self.manager.new_endpoint(self.app, url, **fields)

    def told(self, *types):
        """Bodies in the order of arrival, by types."""
        bodies = [json.loads(got.body) for got in self.receiver.got("/watch")]
        return [b for b in bodies if not types or b["type"] in types]

    def wait(self, *types, count=1):
        wait_until(lambda: len(self.told(*types)) >= count, 40, f"{count} of {types}")
        return self.told(*types)

    def notices(self):
        with self.daemon.database() as db:
            return db.execute("select count(*) from notice where org = %s", (self.org,)).fetchone()[0]


@pytest.fixture
def watched(daemon, receiver):
    return Watched(daemon, receiver)


def known(watched):
    """Every worker knows that somebody watches: a beat tells it. Nothing is on its way afterwards."""
    app = watched.api.new_app()
    endpoint = watched.api.new_endpoint(app, watched.receiver.script("/known", 500), retrySchedule=[])
    sent = []

    def is_told():
        sent.append(watched.api.send(app))
        return len(watched.told("message.attempt.exhausted")) > 3

    wait_until(is_told, 40, "attempts are told")
    watched.api.delete(f"/app/{app}/endpoint/{endpoint}")
    wait_until(lambda: len(watched.api.dead_letters(app)) == len(sent), 20, "all of it is recorded")
    wait_until(lambda: watched.notices() == 0, 20, "all of it is told")


def test_what_becomes_of_an_endpoint(watched):
    watched.watch()
    api = watched.api
    app = api.new_app(uid="customer-7")
    endpoint = api.new_endpoint(app, watched.receiver.url(), uid="orders")
    path = f"/app/{app}/endpoint/{endpoint}"
    body = {"appId": app, "appUid": "customer-7", "endpointId": endpoint, "endpointUid": "orders"}
    assert watched.wait("endpoint.created") == [{"type": "endpoint.created", "data": body}]
    changes = [
        lambda: api.patch(path, {"description": "new"}, want=200),
        lambda: api.put(path, {"url": watched.receiver.url("/other"), "uid": "orders"}, want=200),
        lambda: api.put(path + "/headers", {"headers": {"X-A": "1"}}, want=204),
        lambda: api.patch(path + "/headers", {"headers": {"X-A": None}}, want=204),
        lambda: api.post(path + "/secret/rotate", {}, want=200),
    ]
    for n, change in enumerate(changes, 1):
        change()
        assert watched.wait("endpoint.updated", count=n) == [{"type": "endpoint.updated", "data": body}] * n
    api.delete(path)
    assert watched.wait("endpoint.deleted") == [{"type": "endpoint.deleted", "data": body}]
    wait_until(lambda: watched.notices() == 0, 20, "the notices are gone")
    assert len(watched.told()) == 7


def copy_endpoints(db, endpoint_uid, n):
    """Straight into the database, where making them one by one would take long."""
    columns = [row[0] for row in db.execute("select attname from pg_attribute where attrelid = 'endpoint'::regclass"
                                            " and attnum > 0 and not attisdropped and attgenerated = ''"
                                            " and attname not in ('id', 'uid')")]
    names = ", ".join(columns)
    db.execute(f"insert into endpoint (id, uid, {names}) select e.id + k, e.uid || '-' || k, {names} from endpoint e,"
               f" generate_series(1, {n}) k where e.uid = %s", (endpoint_uid,))


def test_an_application_takes_its_endpoints_with_it(watched):
    watched.watch(filterTypes=["endpoint.deleted"])
    api, n = watched.api, 250
    app = api.new_app(uid="customer-8")
    api.new_endpoint(app, watched.receiver.url(), uid=watched.org)
    gone = api.new_endpoint(app, watched.receiver.url(), uid="gone-before")
    api.delete(f"/app/{app}/endpoint/{gone}")
    with watched.daemon.database() as db:
        copy_endpoints(db, watched.org, n)
    api.delete(f"/app/{app}", want=204)
    api.delete(f"/app/{app}", want=404)  # once
    told = watched.wait("endpoint.deleted", count=n + 2)
    assert {b["data"]["endpointUid"] for b in told} == {"gone-before", watched.org,
                                                         *(f"{watched.org}-{k}" for k in range(1, n + 1))}
    assert all(b["data"]["appId"] == app and b["data"]["appUid"] == "customer-8" for b in told)
    wait_until(lambda: watched.notices() == 0, 20, "the notices are gone")
    assert len(watched.told()) == n + 2


def test_an_endpoint_made_while_its_application_goes(watched):
    """Whoever comes first: an endpoint that has been made is told of when it goes."""
    watched.watch(filterTypes=["endpoint.deleted"])
    app = watched.api.new_app(uid="customer-9")
    watched.api.new_endpoint(app, watched.receiver.url(), uid=watched.org)
    with watched.daemon.database() as other, watched.daemon.database() as looker, ThreadPoolExecutor() as pool:
        with other.transaction():  # as endpoint_create.sql does it
            other.execute("update app set version = version + 1 where uid = 'customer-9' and org = %s", (watched.org,))
            copy_endpoints(other, watched.org, 1)
            deleting = pool.submit(lambda: Api("127.0.0.1", watched.daemon.port, watched.api.token)
                                   .call("DELETE", f"/app/{app}"))
            wait_until(lambda: looker.execute("select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                                              " and query like '%%deleted_at%%'").fetchone()[0], 20, "it waits")
        assert deleting.result().status == 204
    told = watched.wait("endpoint.deleted", count=2)
    assert {b["data"]["endpointUid"] for b in told} == {watched.org, f"{watched.org}-1"}


def test_nobody_watches_an_application_go(daemon, api, app, receiver):
    api.new_endpoint(app, receiver.url(), uid=f"unwatched-{daemon.port}")
    api.delete(f"/app/{app}", want=204)
    with daemon.database() as db:
        assert db.execute("select count(*) from notice where endpoint_uid = %s",
                          (f"unwatched-{daemon.port}",)).fetchone() == (0,)


def test_what_did_not_happen_is_not_told(watched):
    watched.watch()
    app = watched.api.new_app()
    path = f"/app/{app}/endpoint/ep_nobody"
    watched.api.patch(path, {"disabled": True}, want=404)
    watched.api.delete(path, want=404)
    watched.api.post(path + "/secret/rotate", {}, want=404)
    endpoint = watched.api.new_endpoint(app, watched.receiver.url())
    watched.wait("endpoint.created")
    assert [b["data"]["endpointId"] for b in watched.told()] == [endpoint]
    assert watched.told()[0]["data"]["appUid"] is None


def test_they_are_signed(watched):
    endpoint = watched.watch()
    app = watched.api.new_app()
    watched.api.new_endpoint(app, watched.receiver.url())
    got = watched.receiver.wait(1, "/watch")[0]
    got.verify(watched.manager.secret(watched.app, endpoint))


def test_they_are_tried_again(watched):
    watched.watch(500, 500, 200, retrySchedule=[0.05] * 5)
    app = watched.api.new_app()
    watched.api.new_endpoint(app, watched.receiver.url())
    got = watched.receiver.wait(3, "/watch")
    assert len({g.id for g in got}) == 1 and len({g.body for g in got}) == 1


def failing(watched, *steps, **fields):
    """An event whose attempts are answered like that: application, endpoint, message."""
    app = watched.api.new_app(uid="shop")
    endpoint = watched.api.new_endpoint(app, watched.receiver.script("/hook", *steps), retrySchedule=QUICK, **fields)
    return app, endpoint, watched.api.send(app, eventId="paid-1")


def expected(watched, what, app, endpoint, message, number):
    attempt = watched.api.attempts(app, message)[number - 1]
    return {"type": what, "data": {
        "appId": app, "appUid": "shop", "endpointId": endpoint, "endpointUid": "till",
        "msgId": message, "msgEventId": "paid-1",
        "lastAttempt": {"id": attempt["id"], "responseStatusCode": attempt["responseStatusCode"],
                        "timestamp": attempt["timestamp"]}}}


def test_failing_then_exhausted(watched):
    watched.watch(eventTypes=ATTEMPT_TYPES)
    known(watched)
    of = failing(watched, 500, 503, 404, 502, 418, uid="till")
    wait_until(lambda: any(b["data"]["msgId"] == of[2] for b in watched.told("message.attempt.exhausted")), 40)
    told = [b for b in watched.told() if b["data"]["msgId"] == of[2]]
    told.sort(key=lambda b: b["type"], reverse=True)
    assert told == [expected(watched, "message.attempt.failing", *of, 4),
                    expected(watched, "message.attempt.exhausted", *of, 5)]
    assert told[0]["data"]["lastAttempt"]["responseStatusCode"] == 502


def test_failing_then_recovered(watched):
    watched.watch(eventTypes=ATTEMPT_TYPES)
    known(watched)
    of = failing(watched, 500, 500, 500, 500, 200, uid="till")
    wait_until(lambda: watched.told("message.attempt.recovered"), 40)
    told = [b for b in watched.told() if b["data"]["msgId"] == of[2]]
    told.sort(key=lambda b: b["type"])
    assert told == [expected(watched, "message.attempt.failing", *of, 4),
                    expected(watched, "message.attempt.recovered", *of, 5)]


def test_a_success_at_the_fourth_attempt_is_not_told(watched):
    watched.watch(eventTypes=ATTEMPT_TYPES)
    known(watched)
    app, _, message = failing(watched, 500, 500, 500, 200)
    wait_until(lambda: len(watched.api.attempts(app, message)) == 4, 20)
    wait_until(lambda: watched.notices() == 0, 20)
    assert not [b for b in watched.told() if b["data"]["msgId"] == message]


def test_without_a_watcher_nothing_is_written(start, receiver):
    """Not a row, and no statement: the table is locked, and recording does not wait for it."""
    watched = Watched(start(workers=1), receiver)
    watched.watch(disabled=True)
    app, _, first = failing(watched, 500, 500, 500, 500, 200)  # by then it is known that nobody watches
    wait_until(lambda: watched.api.attempts(app, first)[-1]["status"] == 0, 30)
    watched.api.new_endpoint(app, receiver.script("/never", 500), retrySchedule=QUICK)
    with watched.daemon.database() as lock:
        lock.autocommit = False
        lock.execute("lock table notice in exclusive mode")
        watched.api.send(app)
        wait_until(lambda: watched.api.dead_letters(app), 20, "it is given up")
        lock.rollback()
    assert watched.notices() == 0


def test_nothing_is_told_of_those_who_are_told(watched):
    """An operational endpoint that fails: its own organisation is watched, and hears nothing of it."""
    manager = watched.manager
    own = manager.post("/app?get_if_exists=true", {"name": "loop", "uid": NOTICES_ORG}).json["id"]
    loop = manager.new_endpoint(own, watched.receiver.script("/loop", 200))
    watched.watch(Step(status=500), retrySchedule=[0.02] * 4)
    app = watched.api.new_app()
    watched.api.new_endpoint(app, watched.receiver.url())
    wait_until(lambda: manager.dead_letters(watched.app), 30, "what is told is given up")
    with watched.daemon.database() as db:
        assert db.execute("select count(*) from notice where org = %s", (NOTICES_ORG,)).fetchone()[0] == 0
    assert not watched.receiver.got("/loop")
    manager.delete(f"/app/{own}/endpoint/{loop}")


def test_their_event_types_exist(watched):
    names = [t["name"] for t in watched.manager.list("/event-type")]
    assert set(ENDPOINT_TYPES + ATTEMPT_TYPES) <= set(names)


def test_what_could_not_be_stored_is_told_later(start, receiver, tmp_path):
    """A notice goes when its event is stored, and not when that has failed."""
    faults = Faults(tmp_path)
    watched = Watched(start(workers=1, **faults.settings), receiver)
    watched.watch()
    app = watched.api.new_app()
    faults.set("APPEND_SUBMIT", "error", every=1)
    endpoint = watched.api.new_endpoint(app, receiver.url())
    failed, read = faults.hits("APPEND_SUBMIT"), faults.hits("NOTICE_READ_SUBMIT")
    wait_until(lambda: faults.hits("APPEND_SUBMIT") >= failed + 2 and faults.hits("NOTICE_READ_SUBMIT") >= read + 2,
               30, "it is read and refused again")
    assert watched.notices() == 1 and watched.told() == []
    faults.clear("APPEND_SUBMIT")
    assert watched.wait("endpoint.created")[0]["data"]["endpointId"] == endpoint
    wait_until(lambda: watched.notices() == 0, 20, "the notice is gone")


def test_a_crash_between_recording_and_telling(start, receiver):
    """The notice is of the transaction that gives a delivery up. Events cannot be stored, so that it stays one;
    then everything dies."""
    watched = Watched(start(workers=1, lease="1s"), receiver)
    watched.watch(eventTypes=ATTEMPT_TYPES)
    known(watched)
    app = watched.api.new_app(uid="shop")
    url = receiver.script("/hook", 500)
    endpoint = watched.api.new_endpoint(app, url, uid="till", retrySchedule=[8])
    wait_until(lambda: watched.notices() == 0, 20, "its creation is told")
    message = watched.api.send(app)
    receiver.wait(1, "/hook")
    lock = watched.daemon.database()
    lock.autocommit = False
    lock.execute("lock table message in exclusive mode")
    assert len(receiver.got("/hook")) == 1, "the lock came too late"
    wait_until(lambda: len(watched.api.attempts(app, message)) == 2, 30, "it is recorded")
    wait_until(lambda: watched.api.call("GET", "//readyz", token=None).status == 503, 30, "an append has failed")
    watched.daemon.kill_all()
    receiver.script("/hook", 200)
    assert not [b for b in watched.told() if b["data"]["msgId"] == message]
    watched.daemon.start()
    wait_until(lambda: [b for b in watched.told() if b["data"]["msgId"] == message], 40, "it is told")
    wait_until(lambda: watched.notices() == 0, 20)
    told = [b for b in watched.told() if b["data"]["msgId"] == message]
    assert [b["data"]["endpointId"] for b in told] == [endpoint]


# Their routes: endpoints of the application that watches the organisation.

BASE = "/operational-webhook/endpoint"


def test_an_endpoint_from_its_creation_to_its_deletion(watched):
    api = watched.api
    assert api.get(BASE).json["data"] == []
    made = api.post(BASE, {"url": watched.receiver.url("/watch"), "uid": "pager", "headers": {"X-A": "1"},
                           "eventTypes": ["endpoint.deleted"], "metadata": {"team": "7"}}, want=201).json
    assert made["uid"] == "pager" and made["eventTypes"] == ["endpoint.deleted"]
    assert api.get(f"{BASE}/pager").json["id"] == made["id"]
    assert [e["id"] for e in api.list(BASE)] == [made["id"]]
    changed = api.put(f"{BASE}/pager", {"url": watched.receiver.url("/watch"), "uid": "pager"}, want=200).json
    assert changed["id"] == made["id"] and changed["eventTypes"] is None
    assert api.patch(f"{BASE}/pager", {"description": "x"}, want=200).json["description"] == "x"
    assert api.get(f"{BASE}/pager/headers").json["headers"] == {"X-A": "1"}
    api.put(f"{BASE}/pager/headers", {"headers": {"X-B": "2"}}, want=204)
    old = api.get(f"{BASE}/pager/secret").json["key"]
    api.post(f"{BASE}/pager/secret/rotate", {"gracePeriodSeconds": 60}, want=(200, 204))
    new = api.get(f"{BASE}/pager/secret").json["key"]
    app = api.new_app()
    api.new_endpoint(app, watched.receiver.url())
    got = watched.receiver.wait(1, "/watch")[0]
    assert got.headers["X-B"] == "2" and json.loads(got.body)["type"] == "endpoint.created"
    got.verify(old, new)
    api.delete(f"{BASE}/pager")
    api.get(f"{BASE}/pager", want=404)
    assert api.list(BASE) == []


def test_put_makes_the_first_one(watched):
    made = watched.api.put(f"{BASE}/pager", {"url": watched.receiver.url("/watch")}, want=201).json
    assert [e["id"] for e in watched.api.list(BASE)] == [made["id"]]


def test_organisations_do_not_see_each_other(watched, receiver):
    other = Watched(watched.daemon, receiver)
    made = watched.api.post(BASE, {"url": receiver.url("/watch"), "uid": "pager"}, want=201).json
    assert other.api.get(BASE).json["data"] == []
    for name in ("pager", made["id"]):
        other.api.get(f"{BASE}/{name}", want=404)
        other.api.delete(f"{BASE}/{name}", want=404)
    assert watched.api.list("/app") == []


def test_an_idempotency_key_is_its_organisations(watched, receiver):
    other = Watched(watched.daemon, receiver)
    key = {"Idempotency-Key": "the-same"}
    body = {"url": receiver.url("/watch")}
    first = watched.api.post(BASE, body, want=201, headers=key).json["id"]
    assert watched.api.post(BASE, body, want=201, headers=key).json["id"] == first
    assert other.api.post(BASE, body, want=201, headers=key).json["id"] != first


def test_an_application_token_is_refused(watched):
    app = watched.api.new_app()
    token = watched.api.post(f"/auth/app-portal-access/{app}", {}, want=200).json["token"]
    for method, path in (("GET", BASE), ("POST", BASE), ("GET", f"{BASE}/x"), ("GET", f"{BASE}/x/secret")):
        watched.api.call(method, path, token=token, want=403)


def test_an_unknown_event_type_is_refused(watched):
    watched.api.post(BASE, {"url": watched.receiver.url(), "eventTypes": ["user.created"]}, want=422)
