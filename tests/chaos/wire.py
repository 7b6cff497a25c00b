"""As much HTTP/1.1 as is needed on both sides, on asyncio's streams: strict, and without magic."""

import asyncio
import json
import socket
import struct

HEAD_MAX = 65536


class Broken(Exception):
    """The peer did not speak HTTP, or stopped in the middle."""


async def read_head(reader):
    """(first line, {lower-case name: value}); Broken at an end in the middle, None at one before."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise Broken("an end within the head") from error
    except asyncio.LimitOverrunError as error:
        raise Broken("a head without end") from error
    lines = raw[:-4].decode("latin-1").split("\r\n")
    fields = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise Broken(f"no header: {line[:80]!r}")
        if name.lower() in fields:
            fields[name.lower()] += ", " + value.strip()
        else:
            fields[name.lower()] = value.strip()
    return lines[0], fields


async def read_body(reader, fields, until_close=False):
    try:
        if fields.get("transfer-encoding", "").lower() == "chunked":
            return await read_chunks(reader)
        if "content-length" in fields:
            return await reader.readexactly(int(fields["content-length"]))
        return await reader.read(-1) if until_close else b""
    except (asyncio.IncompleteReadError, ValueError) as error:
        raise Broken("a body that ends too early") from error


async def read_chunks(reader):
    body = b""
    while True:
        size = int((await reader.readline()).split(b";")[0], 16)
        body += await reader.readexactly(size)
        if await reader.readexactly(2) != b"\r\n":
            raise Broken("a chunk without end")
        if size == 0:
            return body


def reset(writer):
    """Ends a connection with a RST."""
    raw = writer.get_extra_info("socket")
    if raw is not None:
        try:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
    writer.transport.abort()


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """One kept connection to the API. `ask` raises OSError, Broken or TimeoutError: nobody knows then
    whether the request was acted upon."""

    def __init__(self, host, port, token):
        self.host, self.port, self.token = host, port, token
        self._streams = None

    def close(self):
        if self._streams:
            self._streams[1].close()
        self._streams = None

    async def ask(self, method, path, body=None, headers=None, timeout=10.0):
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        try:
            return await asyncio.wait_for(self._ask(method, path, body, headers or {}), timeout)
        except asyncio.TimeoutError as error:
            self.close()
            raise TimeoutError(f"{method} {path}: no answer in {timeout} s") from error
        except BaseException:
            self.close()
            raise

    async def _ask(self, method, path, body, headers):
        if self._streams is None:
            self._streams = await asyncio.open_connection(self.host, self.port, limit=HEAD_MAX)
        reader, writer = self._streams
        fields = {"Host": f"{self.host}:{self.port}", "Authorization": f"Bearer {self.token}"}
        if body is not None:
            fields.update({"Content-Type": "application/json", "Content-Length": str(len(body))})
        elif method not in ("GET", "DELETE"):
            fields["Content-Length"] = "0"
        fields.update(headers)
        head = "".join(f"{k}: {v}\r\n" for k, v in fields.items())
        writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + (body or b""))
        await writer.drain()
        got = await read_head(reader)
        if got is None:
            raise Broken("closed without an answer")
        return await self._answer(reader, *got)

    async def _answer(self, reader, line, fields):
        words = line.split(" ")
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
            raise Broken(f"no answer: {line[:80]!r}")
        body = b"" if words[1] in ("204", "304") else await read_body(reader, fields, until_close=True)
        if fields.get("connection", "").lower() == "close":
            self.close()
        return Answer(int(words[1]), fields, body)
