"""A thin client of the API: bytes in, bytes out, one connection a thread."""

import http.client
import json
import threading
import urllib.parse


class Reply:
    """An answer. `json` parses the body, which every answer but 204 has to have."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:400]!r}>"


class Unexpected(AssertionError):
    """An answer with another status than the test wanted."""


class Api:
    def __init__(self, host, port, token):
        self.host, self.port, self.token = host, port, token
        self._local = threading.local()

    def call(self, method, path, body=None, headers=None, token="", want=None, timeout_s=30):
        """One request to /api/v1 + path (a path with a leading '//' is taken as it is, less one).

        body: bytes are sent as they are, anything else as JSON. token: "" the organisation's, None
        none at all. headers: besides those, or in their place; None takes one away. want: the
        status (or statuses) that alone is not an Unexpected."""
        target = path[1:] if path.startswith("//") else "/api/v1" + path
        sent = {"Content-Type": "application/json"} if body is not None else {}
        token = self.token if token == "" else token
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        sent.update(headers or {})
        sent = {name: value for name, value in sent.items() if value is not None}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        reply = self._exchange(method, target, body, sent, timeout_s)
        wanted = (want,) if isinstance(want, int) else want
        if wanted and reply.status not in wanted:
            raise Unexpected(f"{method} {target}: {reply!r}, wanted {wanted}")
        return reply

    def _exchange(self, method, target, body, headers, timeout_s):
        """A kept connection may have been closed by the server meanwhile: then, and only when no
        byte of an answer has come, a second try goes out on a fresh one."""
        kept = getattr(self._local, "connection", None)
        self._local.connection = None
        if kept:
            try:
                reply = self._once(kept, method, target, body, headers)
                self._local.connection = kept
                return reply
            except (http.client.RemoteDisconnected, ConnectionError):
                kept.close()
        fresh = http.client.HTTPConnection(self.host, self.port, timeout=timeout_s)
        reply = self._once(fresh, method, target, body, headers)
        self._local.connection = fresh
        return reply

    @staticmethod
    def _once(connection, method, target, body, headers):
        try:
            connection.request(method, target, body=body, headers=headers)
        except BrokenPipeError:
            pass  # refused before its end: the answer says why
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())

    def get(self, path, want=200, **more):
        return self.call("GET", path, want=want, **more)

    def post(self, path, body=None, want=None, **more):
        return self.call("POST", path, body if body is not None else {}, want=want, **more)

    def put(self, path, body, want=None, **more):
        return self.call("PUT", path, body, want=want, **more)

    def patch(self, path, body, want=None, **more):
        return self.call("PATCH", path, body, want=want, **more)

    def delete(self, path, want=204, **more):
        return self.call("DELETE", path, want=want, **more)

    def list(self, path, **query):
        """Every object of a list, over all its pages."""
        rows, iterator = [], None
        while True:
            asked = dict(query, **({"iterator": iterator} if iterator else {}))
            page = self.get(path + ("?" + urllib.parse.urlencode(asked) if asked else "")).json
            rows += page["data"]
            iterator = page["iterator"]
            if page["done"] or not iterator:
                return rows

    # The few calls that nearly every test makes.

    def new_app(self, name="acme", **fields):
        return self.post("/app", {"name": name, **fields}, want=201).json["id"]

    def new_endpoint(self, app, url, **fields):
        return self.post(f"/app/{app}/endpoint", {"url": url, **fields}, want=201).json["id"]

    def send(self, app, payload=None, event_type="user.created", **fields):
        """Posts an event. A payload of bytes is put into the request as it is."""
        payload = {"hello": "world"} if payload is None else payload
        if isinstance(payload, bytes):
            rest = json.dumps({"eventType": event_type, **fields})[:-1].encode()
            body = rest + b', "payload": ' + payload + b"}"
        else:
            body = {"eventType": event_type, "payload": payload, **fields}
        return self.post(f"/app/{app}/msg", body, want=202).json["id"]

    def attempts(self, app, message, **query):
        """Attempts of a message, oldest first."""
        rows = self.list(f"/app/{app}/attempt/msg/{message}", **query)
        return sorted(rows, key=lambda row: row["id"])

    def dead_letters(self, app, **query):
        return self.list(f"/app/{app}/dead-letter", **query)

    def secret(self, app, endpoint):
        return self.get(f"/app/{app}/endpoint/{endpoint}/secret").json["key"]

    def metrics(self):
        """{'name{labels}': value} of /metrics."""
        values = {}
        for line in self.get("//metrics", token=None).body.decode().splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name] = float(value)
        return values
