"""Operational webhooks: what the service does to an endpoint is told to whoever watches its organisation."""

import json

import pytest
from harness.api import Api
from harness.receiver import Step
from harness.wait import wait_until

NOTICES_ORG = "org_00000000000SvixManagement00"
WATCHED = "org_posthorn"


@pytest.fixture
def node(start):
    return start(workers=2, lease="1s", probe_min="100ms", probe_max="300ms", disable_after="2s")


def watch(daemon, url):
    """The application that gets the notices of the daemon's own organisation."""
    manager = Api("127.0.0.1", daemon.port, daemon.token_for("--org", NOTICES_ORG))
    app = manager.post("/app", {"name": "watches", "uid": WATCHED}, want=201).json["id"]
    manager.post(f"/app/{app}/endpoint", {"url": url}, want=201)
    return manager, app


def about(receiver, endpoint, event_type):
    """What has been told of an endpoint."""
    told = [json.loads(got.body) for got in receiver.got("/watch")]
    return [t for t in told if t["data"]["endpointId"] == endpoint and t["type"] == event_type]


def notices(daemon):
    with daemon.database() as db:
        return db.execute("select count(*) from notice").fetchone()[0]


@pytest.mark.parametrize("answer,reason", [(410, "gone"), (500, "failing")])
def test_a_disabled_endpoint_is_told(node, receiver, answer, reason):
    watch(node, receiver.script("/watch", 200))
    api = node.api()
    app = api.new_app(uid="customer-7")
    ep = api.new_endpoint(app, receiver.script("/hook", answer), uid="orders")
    for _ in range(1 if answer == 410 else 30):
        api.send(app)
    told = wait_until(lambda: about(receiver, ep, "endpoint.disabled"), 30, "it is told")[0]
    since = told["data"].pop("failSince")
    assert since.endswith("Z")
    assert told["data"] == {"appId": app, "appUid": "customer-7", "endpointId": ep,
                            "endpointUid": "orders", "reason": reason}
    wait_until(lambda: notices(node) == 0, 20, "the notice is gone")
    assert len(about(receiver, ep, "endpoint.disabled")) == 1


def test_two_workers_tell_it_once(node, receiver):
    """Both read the same notices; the eventId makes one event of each."""
    watch(node, receiver.script("/watch", 200))
    with node.database() as db:
        db.execute("insert into notice (org, event_type, app_id, endpoint_id)"
                   " select %s, 'endpoint.disabled', 1, n from generate_series(1, 120) n", (WATCHED,))
    wait_until(lambda: notices(node) == 0, 30, "the notices are gone")
    receiver.wait(120, "/watch", deadline_s=30)
    told = [json.loads(g.body)["data"]["endpointId"] for g in receiver.got("/watch")]
    assert len(told) == len(set(told)) == 120


def test_without_a_watcher_nothing_piles_up(node, receiver):
    api = node.api()
    app = api.new_app()
    ep = api.new_endpoint(app, receiver.script("/hook", Step(status=410)))
    api.send(app)
    wait_until(lambda: api.get(f"/app/{app}/endpoint/{ep}").json["disabled"], 20, "it is disabled")
    wait_until(lambda: notices(node) == 0, 20, "the notice is gone")


def test_a_crash_before_it_is_told(node, receiver):
    """Disabling and its notice are one statement: neither is lost without the other."""
    watch(node, receiver.script("/watch", 200))
    api = node.api()
    app = api.new_app()
    ep = api.new_endpoint(app, receiver.script("/hook", 410))
    lock = node.database()
    lock.autocommit = False
    lock.execute("lock table notice in exclusive mode")  # the statement waits in its middle
    api.send(app)
    receiver.wait(1, "/hook")
    node.kill_all()
    node.start()
    api = node.api()
    if not api.get(f"/app/{app}/endpoint/{ep}").json["disabled"]:
        api.send(app)  # it answers 410 once more
    wait_until(lambda: about(receiver, ep, "endpoint.disabled"), 30, "it is told")
