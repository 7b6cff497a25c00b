"""old_names.py URL TOKEN RECEIVER: the names of fields that only the SDK's first line has; prints what it
saw as JSON.

A program of its own, because one interpreter cannot hold both lines of the SDK."""

import json
import sys

from svix.api import (
    ApplicationIn, EndpointIn, EndpointUpdate, EventTypeIn, MessageIn, Svix, SvixOptions)
from svix.exceptions import HttpError


def main(url, token, receiver):
    svix = Svix(token, SvixOptions(server_url=url))
    app = svix.application.create(ApplicationIn(name="first line", rate_limit=1000))
    try:
        svix.event_type.create(EventTypeIn(name="v1.event", description="of the first line"))
    except HttpError as error:
        assert error.status_code == 409, error
    endpoint = svix.endpoint.create(
        app.id, EndpointIn(url=receiver, version=1, filter_types=["v1.event"]))
    replaced = svix.endpoint.update(
        app.id, endpoint.id, EndpointUpdate(url=receiver, version=2, filter_types=["v1.event"]))
    message = svix.message.create(app.id, MessageIn(event_type="v1.event", payload={"n": 1}))
    print(json.dumps({
        "app": app.id,
        "rate_limit": app.rate_limit,
        "endpoint": endpoint.id,
        "version": replaced.version,
        "filter_types": replaced.filter_types,
        "secret": svix.endpoint.get_secret(app.id, endpoint.id).key,
        "message": message.id,
        "dashboard": svix.authentication.dashboard_access(app.id).token,
        "endpoints": [e.id for e in svix.endpoint.list(app.id).data],
        "event_type": svix.event_type.get("v1.event").name,
    }))


main(*sys.argv[1:])
