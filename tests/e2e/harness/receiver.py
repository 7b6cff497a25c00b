"""A subscriber: an HTTP server on loopback that follows a script and remembers what it got."""

import base64
import hashlib
import hmac
import http.server
import os
import socket
import struct
import threading
import time

from .wait import Late


class Got:
    """A request as it arrived: header names as sent, the body's bytes."""

    def __init__(self, path, headers, body, peer, method="POST"):
        self.path, self.body, self.peer, self.method = path, body, peer, method
        self.headers = headers
        self.answered = None  # the status of the step that answers it
        self.at = time.monotonic()

    @property
    def id(self):
        return self.headers["webhook-id"]

    def verify(self, *secrets, tolerance_s=300):
        """Standard Webhooks, written from the specification: one v1 signature for each secret."""
        wanted = set(self.verified_by(secrets, tolerance_s))
        given = self.headers["webhook-signature"].split(" ")
        assert len(given) == len(set(given)) and wanted == set(given), (wanted, given)

    def verified_by(self, secrets, tolerance_s=300):
        """The v1 signatures that these secrets make of it, in their order."""
        stamp = self.headers["webhook-timestamp"]
        assert stamp == str(int(stamp)), stamp
        assert abs(time.time() - int(stamp)) < tolerance_s, stamp
        signed = f"{self.id}.{stamp}.".encode() + self.body
        made = []
        for secret in secrets:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
            digest = hmac.new(key, signed, hashlib.sha256).digest()
            made.append("v1," + base64.b64encode(digest).decode())
        return made


class Step:
    """What one request to a path is answered with. `after`: a threading.Event to wait for first. A body may be
    a function of the request."""

    def __init__(self, status=200, headers=None, body=b"", after=None, hang=False, reset=False,
                 close=False, raw=None):
        self.status, self.headers, self.body = status, headers or {}, body
        self.after, self.hang, self.reset, self.close, self.raw = after, hang, reset, close, raw


class Receiver:
    """Paths without a script answer 200. A script is a list of steps or statuses: one for each
    request, the last for all that follow."""

    def __init__(self, host="127.0.0.1", port=0):
        self._changed = threading.Condition()
        self._got, self._scripts = [], {}
        self.connections = 0
        self._stopping = threading.Event()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        server_class = type("Server", (_Server,), {"address_family": family})
        self._server = server_class((host, port), _Handler)
        self._server.receiver = self
        self.port = self._server.server_address[1]
        self.base = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def url(self, path="/hook"):
        return self.base + path

    def script(self, path, *steps):
        """Replaces the script of a path and returns the URL."""
        steps = [Step(status=s) if isinstance(s, int) else s for s in steps]
        with self._changed:
            self._scripts[path] = steps
        return self.url(path)

    def cycle(self, path, *steps):
        """A script that begins again at its end."""
        url = self.script(path, *steps)
        with self._changed:
            self._scripts[path] = _Cycle(self._scripts[path])
        return url

    def got(self, path=None, id=None):
        """Requests so far, in order of arrival."""
        with self._changed:
            return [g for g in self._got if path in (None, g.path) and id in (None, g.id)]

    def wait(self, count=1, path=None, id=None, deadline_s=15.0):
        """At least `count` requests, waited for."""
        with self._changed:
            ok = self._changed.wait_for(lambda: len(self.got(path, id)) >= count, deadline_s)
        found = self.got(path, id)
        if not ok:
            raise Late(f"{len(found)} of {count} requests to {path or 'any path'} in {deadline_s} s")
        return found

    def wait_ids(self, ids, deadline_s=30.0):
        """Each of the message ids has been received at least once."""
        wanted = set(ids)
        with self._changed:
            ok = self._changed.wait_for(lambda: wanted <= {g.id for g in self._got}, deadline_s)
        if not ok:
            missing = wanted - {g.id for g in self.got()}
            raise Late(f"{len(missing)} of {len(wanted)} never received: {sorted(missing)[:5]}")

    def stop(self):
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()

    # The handler's side.

    def _record(self, got):
        """Remembers a request and returns the step that answers it."""
        with self._changed:
            self._got.append(got)
            self._changed.notify_all()
            steps = self._scripts.get(got.path) or [Step()]
            step = steps.pop(0) if len(steps) > 1 else steps[0]
            got.answered = step.status
            return step

    def _connected(self):
        with self._changed:
            self.connections += 1
            self._changed.notify_all()


class _Cycle(list):
    def pop(self, index):
        step = super().pop(index)
        self.append(step)
        return step


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def get_request(self):
        connection = super().get_request()
        self.receiver._connected()
        return connection

    def handle_error(self, request, client_address):
        """Peers that vanish are part of the tests."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self):
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        got = Got(self.path, self.headers, body, self.client_address, self.command)
        step = receiver._record(got)
        if step.after:
            step.after.wait(60)
        if step.hang:
            receiver._stopping.wait(120)
            self.close_connection = True
        elif step.reset:
            self._reset()
        elif step.raw is not None:
            self.wfile.write(step.raw)
            self.close_connection = True
        else:
            self._answer(step, step.body(got) if callable(step.body) else step.body)

    do_GET = do_PUT = do_OPTIONS = do_POST

    def _answer(self, step, body):
        self.send_response(step.status)
        for name, value in step.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        if step.close:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _reset(self):
        """A RST instead of an answer."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        os.close(self.connection.detach())

    def log_message(self, *_):
        pass
