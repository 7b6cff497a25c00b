"""Hostile bytes through the real front: refused with JSON, the connection closed, and it goes on."""

import json
import re
import socket

import pytest
from harness.wait import wait_until

HOST = b"Host: localhost\r\n"
REFUSED = {
    "bare-lf": b"GET /livez HTTP/1.1\n" + HOST.replace(b"\r", b"") + b"\n",
    "no-host": b"GET /livez HTTP/1.1\r\n\r\n",
    "two-hosts": b"GET /livez HTTP/1.1\r\n" + HOST * 2 + b"\r\n",
    "space-before-colon": b"GET /livez HTTP/1.1\r\n" + HOST + b"X-A : 1\r\n\r\n",
    "folded": b"GET /livez HTTP/1.1\r\n" + HOST + b"X-A: 1\r\n  2\r\n\r\n",
    "nul-in-value": b"GET /livez HTTP/1.1\r\n" + HOST + b"X-A: a\0b\r\n\r\n",
    "nul-in-target": b"GET /li\0vez HTTP/1.1\r\n" + HOST + b"\r\n",
    "bad-version": b"GET /livez HTTP/3.0\r\n" + HOST + b"\r\n",
    "no-version": b"GET /livez\r\n\r\n",
    "unknown-method": b"BREW /livez HTTP/1.1\r\n" + HOST + b"\r\n",
    "tls-hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n",
    "two-lengths": b"POST /api/v1/app HTTP/1.1\r\n" + HOST
                   + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "equal-lengths": b"POST /api/v1/app HTTP/1.1\r\n" + HOST
                     + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "signed-length": b"POST /api/v1/app HTTP/1.1\r\n" + HOST + b"Content-Length: +2\r\n\r\n{}",
    "length-list": b"POST /api/v1/app HTTP/1.1\r\n" + HOST + b"Content-Length: 2, 2\r\n\r\n{}",
    "huge-length": b"POST /api/v1/app HTTP/1.1\r\n" + HOST
                   + b"Content-Length: 99999999999999999999\r\n\r\n{}",
    "length-and-chunked": b"POST /api/v1/app HTTP/1.1\r\n" + HOST
                          + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "gzip-coding": b"POST /api/v1/app HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n",
    "chunked-twice": b"POST /api/v1/app HTTP/1.1\r\n" + HOST
                     + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "bad-chunk-size": b"POST /api/v1/app HTTP/1.1\r\n" + HOST
                      + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "chunk-overrun": b"POST /api/v1/app HTTP/1.1\r\n" + HOST
                     + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx\r\n0\r\n\r\n",
    "long-line": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "long-head": b"GET /livez HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * 40_000 + b"\r\n\r\n",
    "many-fields": b"GET /livez HTTP/1.1\r\n" + HOST + b"X-A: 1\r\n" * 1000 + b"\r\n",
}


def exchange(daemon, *pieces, end=False):
    """Sends the pieces and returns everything until the server closes."""
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=30) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            if end:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before the end: what it said may still be there
        answer = b""
        try:
            while data := connection.recv(65536):
                answer += data
        except ConnectionResetError:
            pass
        return answer


def statuses(answers):
    """Status codes of all answers in the bytes of a connection."""
    return re.findall(rb"HTTP/1\.1 (\d{3}) [A-Z]", answers)


def assert_serves(daemon):
    assert daemon.api().get("//livez", token=None).status == 200


@pytest.mark.parametrize("request_bytes", REFUSED.values(), ids=REFUSED.keys())
def test_refused_with_json_and_closed(daemon, request_bytes):
    answer = exchange(daemon, request_bytes)
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    assert status in (400, 405, 411, 413, 414, 417, 431, 501, 505), head
    assert b"connection: close" in head.lower()
    assert b"content-type: application/json" in head.lower()
    assert json.loads(body)["detail"]
    assert len(statuses(answer)) == 1, "the rest was taken for another request"
    assert_serves(daemon)


def test_split_at_every_byte(daemon):
    request = b"GET /livez HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    for at in range(1, len(request)):
        assert b" 200 " in exchange(daemon, request[:at], request[at:]).split(b"\r\n")[0]


def test_pipelined_requests_are_answered_in_order(daemon):
    one = b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n"
    missing = b"GET /missing HTTP/1.1\r\n" + HOST + b"\r\n"
    last = b"GET /livez HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    answer = exchange(daemon, one + missing + last)
    assert statuses(answer) == [b"200", b"404", b"200"]


def test_smuggled_request_is_not_served(daemon):
    inner = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
    outer = (b"POST /api/v1/app HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n" % (5 + len(inner))
             + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner)
    assert len(statuses(exchange(daemon, outer))) == 1


def test_chunked_body(daemon, app):
    body = b'{"eventType":"t","payload":{"a":1.10}}'
    chunks = b"".join(b"%x\r\n%c\r\n" % (1, byte) for byte in body) + b"0\r\n\r\n"
    head = (f"POST /api/v1/app/{app}/msg HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Authorization: Bearer {daemon.token}\r\nTransfer-Encoding: chunked\r\n\r\n").encode()
    assert b" 202 " in exchange(daemon, head, chunks).split(b"\r\n")[0]


def test_expect_100_continue(daemon):
    body = b'{"name":"a"}'
    head = (f"POST /api/v1/app HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Authorization: Bearer {daemon.token}\r\nExpect: 100-continue\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=30) as connection:
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert connection.recv(65536).startswith(b"HTTP/1.1 201 ")


def test_half_requests_that_end(daemon):
    whole = b"POST /api/v1/app HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\n{"
    for at in (1, 10, 30, len(whole)):
        exchange(daemon, whole[:at], end=True)
    assert_serves(daemon)


def test_clients_that_vanish_while_they_wait(daemon, app):
    request = (f"POST /api/v1/app/{app}/msg HTTP/1.1\r\nHost: localhost\r\n"
               f"Authorization: Bearer {daemon.token}\r\nContent-Length: 32\r\n\r\n").encode()
    for _ in range(100):
        with socket.create_connection(("127.0.0.1", daemon.port)) as connection:
            connection.sendall(request + b'{"eventType":"t","payload":{ } }')
    assert_serves(daemon)


def test_many_idle_connections_do_not_stop_others(start):
    daemon = start(http_connections_max=50)
    idle = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(100)]
    try:
        wait_until(lambda: daemon.api().get("//livez", token=None))
    finally:
        for connection in idle:
            connection.close()


def test_browser_preflight(daemon):
    answer = exchange(daemon, b"OPTIONS /api/v1/app HTTP/1.1\r\n" + HOST + b"Origin: http://portal.example\r\n"
                      b"Access-Control-Request-Method: POST\r\n"
                      b"Access-Control-Request-Headers: authorization,content-type\r\n"
                      b"Connection: close\r\n\r\n").lower()
    assert answer.split(b" ")[1] in (b"200", b"204")
    assert b"access-control-allow-origin: " in answer
    assert b"authorization" in answer and b"access-control-allow-methods: " in answer
