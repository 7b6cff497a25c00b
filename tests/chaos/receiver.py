"""The subscribers: one server whose paths are endpoints that behave as the plan says, and that writes
down every request and what was answered."""

import asyncio
import base64
import hashlib
import hmac
import math
import time

from . import wire
from .history import Request
from .plan import chance

STAMP_MAX_S = 60
HANG_MAX_S = 30
SEPARATOR = "/hook/"  # /SEED-APP/hook/ENDPOINT/VERSION


def digest_of(body):
    return hashlib.sha256(body).hexdigest()[:16]


class Subscriber:
    """One endpoint as the receiver knows it."""

    def __init__(self, app, name, segments):
        self.app, self.name, self.segments = app, name, segments
        self.secrets = []  # every one that it ever may have had
        self.headers = {}
        self.count = 0

    def behaviour(self, now):
        current = {"kind": "ok"}
        for at, behaviour in self.segments:
            if at <= now:
                current = behaviour
        return current


class Receiver:
    """`peer_of(port)`: the proxied connection that comes from this port, or None."""

    def __init__(self, history, seed, clock, peer_of):
        self._history, self._seed, self._clock, self._peer_of = history, seed, clock, peer_of
        self._subscribers = {}
        self._servers, self._tasks = [], set()
        self.healed = False
        self.strays = []  # requests that no endpoint asked for
        self.last_at = 0.0
        self.busy = 0
        self._ends = []  # (request, proxied connection)

    async def listen(self, host, tls=None):
        server = await asyncio.start_server(self._serve, host, 0, ssl=tls, limit=wire.HEAD_MAX, backlog=512)
        self._servers.append(server)
        return server.sockets[0].getsockname()[1]

    def subscribe(self, subscriber):
        self._subscribers[subscriber.name] = subscriber
        return f"/{self._seed}-{subscriber.app}{SEPARATOR}{subscriber.name}/"

    def subscriber(self, name):
        return self._subscribers.get(name)

    def close(self):
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()

    def settle_ends(self):
        """Writes into each request when its connection was harmed, if it was."""
        for request, peer in self._ends:
            request.last = peer.harmed_at if peer else math.inf

    # ---- a connection ----

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, wire.Broken, asyncio.CancelledError, asyncio.IncompleteReadError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _exchange(self, reader, writer):
        """One request; whether the connection is good for another."""
        got = await wire.read_head(reader)
        if got is None:
            return False
        line, fields = got
        path = line.split(" ")[1]
        subscriber = self._subscriber_of(path)
        now = self._clock()
        behaviour = {"kind": "ok"} if self.healed or not subscriber else subscriber.behaviour(now)
        if behaviour["kind"] == "close" and behaviour["when"] == "after-head":
            return False
        body = await wire.read_body(reader, fields)
        request = self._record(subscriber, line, path, fields, body)
        self._ends.append((request, self._peer_of(writer.get_extra_info("peername")[1])))
        self.busy += 1
        try:
            return await self._answer(writer, request, behaviour, subscriber)
        finally:
            self.busy -= 1

    def _subscriber_of(self, path):
        prefix, _, rest = path.partition(SEPARATOR)
        subscriber = self._subscribers.get(rest.partition("/")[0])
        return subscriber if subscriber and prefix == f"/{self._seed}-{subscriber.app}" else None

    def _record(self, subscriber, line, path, fields, body):
        request = Request(subscriber.app if subscriber else "", subscriber.name if subscriber else "",
                          fields.get("webhook-id", ""), self._clock(), digest_of(body), path, len(body))
        self.last_at = request.at
        if not subscriber:
            self.strays.append(path)
            request.bad.append(f"no endpoint has the path {path}")
        else:
            subscriber.count += 1
            request.keys, request.bad = check(subscriber, line, fields, body)
        return self._history.add(request)

    # ---- its answer ----

    async def _answer(self, writer, request, behaviour, subscriber):
        kind = behaviour["kind"]
        if kind == "ok":
            return await self._plain(writer, request, 200, clean=True)
        if kind == "slow":
            await asyncio.sleep(behaviour["ms"] / 1000)
            return await self._plain(writer, request, 200, clean=True)
        if kind == "status":
            return await self._plain(writer, request, behaviour["status"])
        if kind == "flaky":
            bad = chance(self._seed, request.endpoint, subscriber.count).random() < behaviour["share"]
            return await self._plain(writer, request, behaviour["status"] if bad else 200, clean=not bad)
        if kind == "later":
            return await self._plain(writer, request, behaviour["status"],
                                     {"Retry-After": str(behaviour["seconds"])})
        if kind == "redirect":
            return await self._plain(writer, request, behaviour["status"], {"Location": "/trap"})
        if kind == "hang":
            end = time.monotonic() + HANG_MAX_S
            while not self.healed and time.monotonic() < end:
                await asyncio.sleep(0.05)
            return False
        if kind == "close":
            if behaviour["when"] == "reset":
                wire.reset(writer)
            return False
        return await self._odd(writer, request, behaviour["form"])

    async def _plain(self, writer, request, status, fields=None, body=b"ok", clean=False):
        """`done` is taken before the answer leaves: whatever follows from it is later."""
        head = "".join(f"{k}: {v}\r\n" for k, v in (fields or {}).items())
        request.status, request.clean, request.done = status, clean, self._clock()
        writer.write(f"HTTP/1.1 {status} Chaos\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        return True

    async def _odd(self, writer, request, form):
        """Answers that are unusual (200 all the same) or wrong (no answer at all)."""
        raw, is_answer, keep = ODD[form]
        if is_answer:
            request.status = 204 if form == "no-content" else 200
        request.done = self._clock()
        writer.write(raw)
        await writer.drain()
        return keep


OK_BODY = b"Content-Length: 2\r\n\r\nok"
ODD = {  # bytes, whether it is an answer of 2xx, whether the connection is good for more
    "chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"1\r\no\r\n1;x=y\r\nk\r\n0\r\n\r\n", True, True),
    "until-close": (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", True, False),
    "old-version": (b"HTTP/1.0 200 OK\r\n" + OK_BODY, True, False),
    "interim": (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n" + OK_BODY, True, True),
    "huge": (b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"h" * 300000, True, True),
    "cut": (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nonly this", True, False),
    "no-content": (b"HTTP/1.1 204 No Content\r\n\r\n", True, True),
    "not-http": (b"220 mail.example.com ESMTP\r\n", False, False),
    "two-lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", False, False),
    "long-head": (b"HTTP/1.1 200 OK\r\nX-Long: " + b"l" * 200000 + b"\r\n" + OK_BODY, False, False),
}


# ---- what a delivery has to be (Standard Webhooks 1.0.0) ----


def sign(secret, message, stamp, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message}.{stamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def check(subscriber, line, fields, body):
    """(indexes of the secrets that signed it, what is wrong with it)"""
    bad, message, stamp = [], fields.get("webhook-id", ""), fields.get("webhook-timestamp", "")
    if not line.startswith("POST ") or not line.endswith(" HTTP/1.1"):
        bad.append(f"request line {line[:80]!r}")
    if not message:
        bad.append("no webhook-id")
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > STAMP_MAX_S:
        bad.append(f"webhook-timestamp {stamp!r}")
    for name, value in subscriber.headers.items():
        if fields.get(name.lower()) != value:
            bad.append(f"header {name}: {fields.get(name.lower())!r}")
    given = [s for s in fields.get("webhook-signature", "").split(" ") if s.startswith("v1,")]
    ours = [sign(secret, message, stamp, body) for secret in subscriber.secrets]
    keys = [n for n, signature in enumerate(ours) if signature in given]
    if not keys:
        bad.append("no signature by a secret of this endpoint")
    if [s for s in given if s not in ours]:
        bad.append("a signature by none of this endpoint's secrets")
    return keys, bad
