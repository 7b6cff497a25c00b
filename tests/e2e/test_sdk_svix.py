"""The stock Python SDK drives Posthorn unchanged, and its verifier accepts what Posthorn sends."""

import importlib
import json
import uuid

import pytest
from harness import sdk
from harness.wait import wait_until

sdk.need("python")

api_module = importlib.import_module("svix.api")
models = importlib.import_module("svix.models")
webhooks = importlib.import_module("svix.webhooks")
internal = importlib.import_module("svix.exceptions")


@pytest.fixture
def svix(daemon):
    return api_module.Svix(daemon.token, api_module.SvixOptions(server_url=daemon.url))


@pytest.fixture
def sdk_app(svix):
    return svix.application.create(models.ApplicationIn(name="acme", metadata={"tier": "gold"}))


def test_application(svix):
    uid = f"customer-{uuid.uuid4().hex}"
    made = svix.application.create(models.ApplicationIn(name="acme", uid=uid, metadata={"k": "v"}))
    assert svix.application.get(uid).id == made.id
    again = svix.application.get_or_create(models.ApplicationIn(name="other", uid=uid))
    assert (again.id, again.name) == (made.id, "acme")
    changed = svix.application.patch(made.id, models.ApplicationPatch(name="new name"))
    assert (changed.name, changed.metadata, changed.uid) == ("new name", {"k": "v"}, uid)
    assert any(row.id == made.id for row in pages(
        svix.application.list, options=api_module.ApplicationListOptions(limit=50)))
    svix.application.delete(made.id)
    with pytest.raises(internal.HttpError) as refused:
        svix.application.get(uid)
    assert refused.value.status_code == 404 and refused.value.code == "not_found"


def pages(list_function, *arguments, options):
    """Every row of a list call, over all pages."""
    while True:
        page = list_function(*arguments, options)
        yield from page.data
        if page.done:
            return
        options.iterator = page.iterator


def test_event_type(svix):
    name = f"invoice.paid.{uuid.uuid4().hex}"
    made = svix.event_type.create(models.EventTypeIn(name=name, description="paid in full"))
    assert (made.name, made.description, made.archived) == (name, "paid in full", False)
    assert svix.event_type.get(name).name == name
    with pytest.raises(internal.HttpError) as refused:
        svix.event_type.create(models.EventTypeIn(name=name, description="again"))
    assert refused.value.status_code == 409
    svix.event_type.delete(name)


def test_from_endpoint_to_verified_delivery(svix, sdk_app, receiver):
    name = f"user.signup.{uuid.uuid4().hex}"
    svix.event_type.create(models.EventTypeIn(name=name, description=""))
    endpoint = svix.endpoint.create(sdk_app.id, models.EndpointIn(
        url=receiver.url(), event_types=[name], channels=["north"], metadata={"a": "b"}))
    assert endpoint.event_types == [name] and endpoint.channels == ["north"]
    message = svix.message.create(sdk_app.id, models.MessageIn(
        event_type=name, payload={"email": "zoë@example.com"}, channels=["north"]))
    got = receiver.wait(1)[0]
    assert got.id == message.id
    verifier = webhooks.Webhook(svix.endpoint.get_secret(sdk_app.id, endpoint.id).key)
    verifier.verify(got.body, dict(got.headers))
    assert json.loads(got.body) == {"email": "zoë@example.com"}
    with pytest.raises(webhooks.WebhookVerificationError):
        verifier.verify(got.body + b" ", dict(got.headers))

    attempts = wait_until(lambda: svix.message_attempt.list_by_msg(sdk_app.id, message.id).data)
    assert [(a.endpoint_id, a.response_status_code, int(a.status)) for a in attempts] == [
        (endpoint.id, 200, 0)]
    by_endpoint = svix.message_attempt.list_by_endpoint(sdk_app.id, endpoint.id).data
    assert [a.msg_id for a in by_endpoint] == [message.id]
    messages = svix.message_attempt.list_attempted_messages(sdk_app.id, endpoint.id).data
    assert [m.id for m in messages] == [message.id]
    destinations = svix.message_attempt.list_attempted_destinations(sdk_app.id, message.id).data
    assert [d.id for d in destinations] == [endpoint.id]


def test_rotated_secret_verifies_old_and_new(svix, sdk_app, receiver):
    endpoint = svix.endpoint.create(sdk_app.id, models.EndpointIn(url=receiver.url()))
    keys = [svix.endpoint.get_secret(sdk_app.id, endpoint.id).key]
    svix.endpoint.rotate_secret(sdk_app.id, endpoint.id, models.EndpointSecretRotateIn())
    keys.append(svix.endpoint.get_secret(sdk_app.id, endpoint.id).key)
    assert keys[0] != keys[1]
    svix.message.create(sdk_app.id, models.MessageIn(event_type="t", payload={}))
    got = receiver.wait(1)[0]
    for key in keys:
        webhooks.Webhook(key).verify(got.body, dict(got.headers))


def test_endpoint_life(svix, sdk_app, receiver):
    endpoint = svix.endpoint.create(sdk_app.id, models.EndpointIn(url=receiver.url(), description="d"))
    changed = svix.endpoint.patch(sdk_app.id, endpoint.id, models.EndpointPatch(disabled=True))
    assert changed.disabled and changed.description == "d"
    replaced = svix.endpoint.upsert(sdk_app.id, endpoint.id,
                                    models.EndpointUpsertIn(url=receiver.url("/two")))
    assert replaced.url == receiver.url("/two") and not replaced.disabled
    svix.endpoint.set_headers(sdk_app.id, endpoint.id, models.EndpointHeadersIn(
        headers={"X-One": "1", "Authorization": "secret"}))
    headers = svix.endpoint.get_headers(sdk_app.id, endpoint.id)
    assert headers.headers == {"X-One": "1"} and [h.lower() for h in headers.sensitive] == ["authorization"]
    assert [e.id for e in svix.endpoint.list(sdk_app.id).data] == [endpoint.id]
    svix.endpoint.delete(sdk_app.id, endpoint.id)
    assert svix.endpoint.list(sdk_app.id).data == []


def test_resend(svix, sdk_app, receiver):
    endpoint = svix.endpoint.create(sdk_app.id, models.EndpointIn(url=receiver.url()))
    message = svix.message.create(sdk_app.id, models.MessageIn(event_type="t", payload={}))
    receiver.wait(1)
    svix.message_attempt.resend(sdk_app.id, message.id, endpoint.id)
    assert {g.id for g in receiver.wait(2)} == {message.id}


def test_messages_in_pages(svix, sdk_app):
    made = [svix.message.create(sdk_app.id, models.MessageIn(event_type="t", payload={})).id
            for _ in range(5)]
    rows = pages(svix.message.list, sdk_app.id, options=api_module.MessageListOptions(limit=2))
    assert [m.id for m in rows] == made[::-1]


def test_refusals_arrive_as_the_sdks_exceptions(svix, sdk_app):
    with pytest.raises(internal.HTTPValidationError) as refused:
        svix.endpoint.create(sdk_app.id, models.EndpointIn(url="ftp://example.com"))
    assert refused.value.status_code == 422
    with pytest.raises(internal.HttpError) as missing:
        svix.endpoint.get(sdk_app.id, "ep_missing")
    assert missing.value.status_code == 404


def test_app_portal_token_reaches_its_application_only(svix, sdk_app, daemon, receiver):
    access = svix.authentication.app_portal_access(sdk_app.id, models.AppPortalAccessIn())
    portal = api_module.Svix(access.token, api_module.SvixOptions(server_url=daemon.url))
    made = portal.endpoint.create(sdk_app.id, models.EndpointIn(url=receiver.url()))
    assert portal.endpoint.get(sdk_app.id, made.id).id == made.id
    other = svix.application.create(models.ApplicationIn(name="other"))
    with pytest.raises(internal.HttpError) as refused:
        portal.endpoint.list(other.id)
    assert refused.value.status_code == 404
    with pytest.raises(internal.HttpError) as refused:
        portal.application.create(models.ApplicationIn(name="mine"))
    assert refused.value.status_code == 403


def test_old_names_of_the_first_line(daemon, receiver):
    """svix 1.x, which sends and expects names of fields that are others now."""
    done = sdk.run("python", "old_names", daemon.url, daemon.token, receiver.url(), line=1)
    seen = json.loads(done)
    got = receiver.wait(1)[0]
    assert got.id == seen["message"] and json.loads(got.body) == {"n": 1}
    got.verify(seen["secret"])
    assert seen["rate_limit"] == 1000 and seen["filter_types"] == ["v1.event"]
    assert seen["endpoints"] == [seen["endpoint"]] and seen["event_type"] == "v1.event"
    assert seen["dashboard"].count(".") == 2


def test_replays_and_their_tasks(svix, sdk_app, receiver, api):
    """Also while an operator has paused one of them, and dead letters have tasks of their own."""
    import datetime

    endpoint = svix.endpoint.create(sdk_app.id, models.EndpointIn(
        url=receiver.url(), headers={"X-Tenant": "acme"}))
    since = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    started = [
        svix.endpoint.recover(sdk_app.id, endpoint.id, models.RecoverIn(since=since)),
        svix.endpoint.replay_missing(sdk_app.id, endpoint.id, models.ReplayIn(since=since)),
        svix.endpoint.bulk_replay(sdk_app.id, endpoint.id, models.BulkReplayIn(since=since, event_types=["a"])),
    ]
    assert [str(one.task) for one in started] == ["endpoint.recover", "endpoint.replay", "endpoint.bulk-replay"]
    for one in started:
        wait_until(lambda one=one: str(svix.background_task.get(one.id).status) == "finished", 60)
        assert svix.background_task.get(one.id).data["endpointId"] == endpoint.id
    api.post("/dead-letter/discard", {"appId": sdk_app.id}, want=202)
    listed = list(pages(svix.background_task.list, options=api_module.BackgroundTaskListOptions(limit=50)))
    assert {one.id for one in started} <= {row.id for row in listed}
    sent = svix.endpoint.send_example(sdk_app.id, endpoint.id, models.EventExampleIn(event_type="svix.ping"))
    [got] = receiver.wait(1)
    assert got.id == sent.id and got.headers["X-Tenant"] == "acme"
    svix.endpoint.patch_headers(sdk_app.id, endpoint.id, models.EndpointHeadersPatchIn(
        headers={"X-New": "1"}, delete_headers=["x-tenant"]))
    assert svix.endpoint.get_headers(sdk_app.id, endpoint.id).headers == {"X-New": "1"}
