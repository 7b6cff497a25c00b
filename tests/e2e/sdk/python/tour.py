"""tour.py LINE URL TOKEN RECEIVER: what a user of the Python SDK does, from the first call to the last,
with line 1 or 2 of it. Prints a line "step result" for each; an error of the SDK ends it.

A program of its own, because one interpreter cannot hold both lines of the SDK."""

import os
import sys
import time

from svix.api import Svix, SvixOptions
from svix.exceptions import HttpError
from svix.models import (
    AppPortalAccessIn, ApplicationIn, EndpointHeadersIn, EndpointIn, EndpointPatch,
    EndpointSecretRotateIn, EventTypeIn, MessageIn, RecoverIn)

DEADLINE_S = 60


def main(line, url, token, receiver):
    svix = Svix(token, SvixOptions(server_url=url))
    kind = f"tour.{os.getpid()}"
    app = svix.application.create(ApplicationIn(name="tour")).id
    say("application", app)
    say("event-type", svix.event_type.create(EventTypeIn(name=kind, description="of the tour")).name)
    types = {"filter_types": [kind]} if line == "1" else {"event_types": [kind]}
    endpoint = svix.endpoint.create(app, EndpointIn(url=receiver, **types)).id
    say("endpoint", endpoint)
    say("secret", svix.endpoint.get_secret(app, endpoint).key)

    def send(n):
        return svix.message.create(app, MessageIn(event_type=kind, payload={"n": n}))

    def answers(message, count):
        """The status codes of its attempts, oldest first, as soon as there are that many."""
        def enough():
            rows = svix.message_attempt.list_by_msg(app, message).data
            return len(rows) >= count and rows
        return [attempt.response_status_code for attempt in until(enough)][::-1]

    first = send(1)
    say("message", first.id)
    say("by-message", *answers(first.id, 1))
    by_endpoint = svix.message_attempt.list_by_endpoint(app, endpoint).data
    say("by-endpoint", *[attempt.msg_id for attempt in by_endpoint])
    say("messages", *[message.id for message in svix.message.list(app).data])

    wanted = EndpointHeadersIn(headers={"X-Tour": "python", "Authorization": "a secret"})
    set_headers = svix.endpoint.update_headers if line == "1" else svix.endpoint.set_headers
    set_headers(app, endpoint, wanted)
    got = svix.endpoint.get_headers(app, endpoint)
    say("headers", *[f"{name}={value}" for name, value in got.headers.items()], *got.sensitive)

    svix.endpoint.rotate_secret(app, endpoint, EndpointSecretRotateIn())
    say("rotated", svix.endpoint.get_secret(app, endpoint).key)
    svix.message_attempt.resend(app, first.id, endpoint)
    say("resend", *answers(first.id, 2))

    # The receiver says 410 to this one, which disables the endpoint; its owner mends it, and recovers.
    lost = send(2)
    say("lost", *answers(lost.id, 1))
    until(lambda: svix.endpoint.get(app, endpoint).disabled)
    svix.endpoint.patch(app, endpoint, EndpointPatch(disabled=False))
    task = svix.endpoint.recover(app, endpoint, RecoverIn(since=first.timestamp))
    until(lambda: svix.background_task.get(task.id).status == "finished")
    say("recover", *answers(lost.id, 2))

    access = svix.authentication.app_portal_access(app, AppPortalAccessIn())
    portal = Svix(access.token, SvixOptions(server_url=url))
    say("portal", *[row.id for row in portal.endpoint.list(app).data])

    svix.endpoint.delete(app, endpoint)
    svix.application.delete(app)
    svix.event_type.delete(kind)
    try:
        svix.application.get(app)
    except HttpError as error:
        say("deleted", error.status_code, error.code)


def until(condition):
    end = time.monotonic() + DEADLINE_S
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {DEADLINE_S} s")
        time.sleep(0.05)
    return value


def say(step, *result):
    print(step, *result, flush=True)


main(*sys.argv[1:])
