"""/stats/usage: background tasks that count by application."""

import datetime
import uuid

import pytest
from harness.api import Api
from harness.wait import wait_until


@pytest.fixture
def org(daemon):
    token = daemon.token_for("--org", "org_" + uuid.uuid4().hex[:27])
    return Api("127.0.0.1", daemon.port, token)


def ago(**how):
    return (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(**how)).isoformat()


def window(**more):
    return {"since": ago(days=1), "until": ago(seconds=0), **more}


def finished(org, task):
    path = f"/background-task/{task['id']}"
    wait_until(lambda: org.get(path).json["status"] == "finished", 60)
    return org.get(path).json


def used(org, body):
    task = org.post("/stats/usage/app", body, want=202).json
    assert (task["status"], task["task"]) == ("running", "application.stats")
    return task, finished(org, task)["data"]["appStats"]


def test_attempts_of_applications(org, receiver):
    busy, idle = org.new_app(uid="busy"), org.new_app()
    org.new_endpoint(busy, receiver.url())
    org.new_endpoint(busy, receiver.url())
    for _ in range(3):
        org.send(busy)
    wanted = [{"appId": busy, "appUid": "busy", "messageDestinations": 6},
              {"appId": idle, "appUid": None, "messageDestinations": 0}]
    # The tally is behind the attempts.
    wait_until(lambda: used(org, window())[1] == wanted, 90)
    task, rows = used(org, window(appIds=["busy", "nobody", idle, "app_nothing"]))
    assert rows == wanted
    assert task["unresolvedAppIds"] == ["nobody", "app_nothing"]
    assert used(org, {"since": ago(days=3), "until": ago(days=2)})[1][0]["messageDestinations"] == 0


def test_many_applications(org):
    """More than a step takes."""
    made = [org.new_app() for _ in range(205)]
    task, rows = used(org, window())
    assert task["unresolvedAppIds"] == []
    assert [row["appId"] for row in rows] == sorted(made)
    row = org.get(f"/background-task/{task['id']}").json
    assert (row["total"], row["done"]) == (205, 205)


def test_event_types_of_applications(org):
    for name in ("a", "b", "c"):
        org.post("/event-type", {"name": name, "description": ""}, want=201)
    some, every, none = (org.new_app() for _ in range(3))
    org.new_endpoint(some, "https://example.com/1", eventTypes=["b", "a"])
    org.new_endpoint(some, "https://example.com/2", eventTypes=["c", "b"])
    org.new_endpoint(every, "https://example.com/3")
    gone = org.new_endpoint(every, "https://example.com/4", eventTypes=["a"])
    org.delete(f"/app/{every}/endpoint/{gone}")
    task = org.call("PUT", "/stats/usage/event-types", want=202).json
    assert task["task"] == "event-type.aggregate"
    assert finished(org, task)["data"]["event_types"] == [
        {"appId": app, "appUid": None, "explicitlySubscribedEventTypes": types, "hasCatchAllEndpoint": all_}
        for app, types, all_ in ((some, ["a", "b", "c"], False), (every, [], True), (none, [], False))]


def test_an_organisation_sees_its_own(org, api):
    api.new_app(uid="theirs." + uuid.uuid4().hex)
    task, rows = used(org, window())
    assert rows == []
    api.get(f"/background-task/{task['id']}", want=404)


@pytest.mark.parametrize("body, loc", [
    ({}, "since"), ({"since": "yesterday", "until": "now"}, "since"),
    ({"since": ago(days=1), "until": ago(days=-1)}, "until"),
    ({"since": ago(days=1), "until": ago(days=2)}, "since"),
    ({"since": ago(days=93), "until": ago(days=0)}, "since"),
    (window(appIds=[]), "appIds"), (window(appIds=["x"] * 1001), "appIds"),
    (window(appIds=["nobody"]), "appIds"), (window(appIds="x"), "appIds"),
])
def test_what_is_refused(org, body, loc):
    detail = org.post("/stats/usage/app", body, want=422).json["detail"]
    assert detail[0]["loc"] == ["body", loc]


def test_an_application_may_not(org):
    token = org.post(f"/auth/app-portal-access/{org.new_app()}", {}, want=200).json["token"]
    org.post("/stats/usage/app", window(), token=token, want=403)
    org.call("PUT", "/stats/usage/event-types", token=token, want=403)


def test_the_sdk_reads_it(org, daemon):
    svix = pytest.importorskip("svix.api")
    models = pytest.importorskip("svix.models")
    client = svix.Svix(org.token, svix.SvixOptions(server_url=f"http://127.0.0.1:{daemon.port}"))
    app = org.new_app()
    made = client.statistics.aggregate_app_stats(models.AppUsageStatsIn(
        since=datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1),
        until=datetime.datetime.now(datetime.timezone.utc), app_ids=[app, "nobody"]))
    assert made.unresolved_app_ids == ["nobody"]
    made = client.statistics.aggregate_event_types()
    wait_until(lambda: client.background_task.get(made.id).status.value == "finished", 60)
    assert client.background_task.get(made.id).data["event_types"][0]["appId"] == app
    imported = client.event_type.import_openapi(models.EventTypeImportOpenApiIn(
        spec={"webhooks": {"a": {"post": {}}}}, dry_run=True)).data
    assert imported.modified == [] and [t.name for t in imported.to_modify] == ["a"]
