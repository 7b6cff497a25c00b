"""Receivers that do what no receiver should: one port for each behaviour. A behaviour is a function of a
connection; it may go on for ever, for the client's end of the connection ends it."""

import gzip
import socket
import ssl
import struct
import threading

MINUTE_S = 60.0
OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = OK + b"Content-Length: 0\r\n\r\n"


class Hostile:
    """Serves one behaviour. Counts whole requests that it has read, connections, what it has said unasked,
    and what came on a connection behind its answer."""

    def __init__(self, behaviour, host="127.0.0.1"):
        self.requests = self.connections = self.unasked = self.reused = 0
        self._behaviour = behaviour
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._listener = socket.create_server((host, 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self):
        self._stopping.set()
        self._listener.close()

    def _serve(self):
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection):
        with connection:
            try:
                connection.settimeout(60)
                self._behaviour(self, connection)
            except (OSError, ValueError):
                pass  # the client has had enough

    # What behaviours are made of.

    def read(self, connection):
        """A whole request, or OSError."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += more(connection)
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += more(connection)
        with self._lock:
            self.requests += 1

    def drip(self, connection, data):
        """A byte a minute."""
        for byte in data:
            connection.sendall(bytes([byte]))
            if self._stopping.wait(MINUTE_S):
                return

    def wait(self, connection, seconds=MINUTE_S):
        """Until the client has gone, but no longer than that."""
        connection.settimeout(seconds)
        try:
            while connection.recv(4096):
                self.reused += 1
        except OSError:
            pass


def more(connection):
    data = connection.recv(65536)
    if not data:
        raise ConnectionError
    return data


def for_ever(connection, data):
    block = data * (1 + 16384 // len(data))
    while True:
        connection.sendall(block)


def answers(*parts, endless=None):
    """Reads the request, sends the parts, then the last one for ever; and waits."""
    def behave(receiver, connection):
        receiver.read(connection)
        connection.sendall(b"".join(parts))
        if endless:
            for_ever(connection, endless)
        receiver.wait(connection, 2)
    return behave


def drips(whole, dripped):
    def behave(receiver, connection):
        receiver.read(connection)
        connection.sendall(whole)
        receiver.drip(connection, dripped)
    return behave


def says_nothing(receiver, connection):
    receiver.read(connection)
    receiver.wait(connection)


def reads_nothing(receiver, connection):
    receiver._stopping.wait(MINUTE_S)


def answers_first(receiver, connection):
    connection.sendall(OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nearly")
    receiver.wait(connection)


def closes_in_the_middle(receiver, connection):
    connection.recv(10)


def closes(receiver, connection):
    receiver.read(connection)


def closes_half(receiver, connection):
    receiver.read(connection)
    connection.shutdown(socket.SHUT_WR)
    receiver.wait(connection)


def resets(receiver, connection):
    receiver.read(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def answers_again_later(receiver, connection):
    """Each request is answered, and a moment later comes an answer that nobody has asked for. Whoever
    takes that one for his is told of a delivery that never was: the next request is not read."""
    receiver.read(connection)
    connection.sendall(EMPTY)
    receiver._stopping.wait(0.05)
    connection.sendall(EMPTY)
    receiver.unasked += 1
    receiver._stopping.wait(3)


PLAIN = {  # behaviour: (status, error) of an attempt
    "endless header lines": (answers(OK, endless=b"X-Hostile: yes\r\n"), 0, "answer head too large"),
    "endless header line": (answers(OK, b"X-Hostile: ", endless=b"a"), 0, "answer head too large"),
    "header line of 10 MB": (answers(OK, b"X: ", b"a" * 10_000_000, b"\r\n\r\n"), 0,
                             "answer head too large"),
    "endless interim answers": (answers(endless=b"HTTP/1.1 100 Continue\r\n\r\n"), 0,
                                "answer head too large"),
    "endless status line": (answers(b"HTTP/1.1 200 ", endless=b"O"), 0, "answer head too large"),
    "endless body with a length": (answers(OK, b"Content-Length: 999999999999\r\n\r\n", endless=b"b"),
                                   200, ""),
    "endless body": (answers(OK, b"\r\n", endless=b"b"), 200, ""),
    "endless chunks": (answers(OK, b"Transfer-Encoding: chunked\r\n\r\n", endless=b"1\r\nb\r\n"), 200, ""),
    "endless chunk size": (answers(OK, b"Transfer-Encoding: chunked\r\n\r\n", endless=b"0"), 200, ""),
    "endless chunk extension": (answers(OK, b"Transfer-Encoding: chunked\r\n\r\n5;", endless=b"x"), 200, ""),
    "endless trailers": (answers(OK, b"Transfer-Encoding: chunked\r\n\r\n0\r\n", endless=b"X: y\r\n"), 200, ""),
    "compressed bomb": (answers(OK, b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % 10195,
                                gzip.compress(bytes(10_000_000), 9)[:10195]), 200, ""),
    "length too large": (answers(OK, b"Content-Length: 100\r\n\r\nfive"), 200, ""),
    "length too small": (answers(OK, b"Content-Length: 2\r\n\r\nmuch longer"), 200, ""),
    "negative length": (answers(OK, b"Content-Length: -1\r\n\r\n"), 0, "invalid Content-Length"),
    "length of 2^64": (answers(OK, b"Content-Length: 18446744073709551616\r\n\r\n"), 0,
                       "invalid Content-Length"),
    "two lengths": (answers(OK, b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), 0,
                    "conflicting Content-Length"),
    "length and chunks": (answers(OK, b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
                          200, ""),
    "status line a byte a minute": (drips(b"", OK), 0, "timed out inside the answer"),
    "header a byte a minute": (drips(OK, b"X-Slow: yes\r\n"), 0, "timed out inside the answer"),
    "body a byte a minute": (drips(OK + b"Content-Length: 9\r\n\r\n", b"123456789"), 200, ""),
    "100 after the answer": (answers(EMPTY, b"HTTP/1.1 100 Continue\r\n\r\n"), 200, ""),
    "switches protocols": (answers(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", b"\x81\x05hello"),
                           0, "not an HTTP answer"),
    "never answers": (says_nothing, 0, "timed out waiting for the answer"),
    "never reads": (reads_nothing, 0, "timed out waiting for the answer"),
    "answers before the request": (answers_first, 200, ""),
    "closes in the middle of the request": (closes_in_the_middle, 0, "connection (broken|closed)"),
    "closes": (closes, 0, "connection closed without an answer"),
    "closes half": (closes_half, 0, "connection closed without an answer"),
    "resets": (resets, 0, "connection broken while receiving"),
    "answers twice": (answers(EMPTY, EMPTY), 200, ""),
    "answers again later": (answers_again_later, 200, ""),
    "HTTP/0.9": (answers(b"<html>welcome</html>"), 0, "not an HTTP answer"),
    "HTTP/2": (answers(b"\0\0\x12\x04\0\0\0\0\0" + bytes(18)), 0, "not an HTTP answer"),
    "HTTP/3.0": (answers(b"HTTP/3.0 200 OK\r\n\r\n"), 0, "not an HTTP/1 answer"),
    "NUL in the head": (answers(OK, b"X: a\0b\r\n\r\n"), 0, "NUL in the answer's head"),
    "204 with a body": (answers(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"), 204, ""),
    "304 with a body": (answers(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello"), 304, ""),
    "status 000": (answers(b"HTTP/1.1 000 Nothing\r\n\r\n"), 0, "not an HTTP answer"),
    "status 2000": (answers(b"HTTP/1.1 2000 OK\r\n\r\n"), 0, "not an HTTP answer"),
    "header without a colon": (answers(OK, b"nonsense\r\n\r\n"), 0, "invalid header line"),
}

# ---- TLS ----

HELLO_REQUESTS = b"\x16\x03\x03\x40\x00" + bytes(16384)  # a record of 4096 of them (RFC 5246, 7.4.1.1)


def shakes(data, endless=None):
    """Answers the client's greeting with bytes of its own."""
    def behave(receiver, connection):
        more(connection)
        connection.sendall(data)
        if endless:
            for_ever(connection, endless)
        receiver.wait(connection)
    return behave


def closes_greeted(receiver, connection):
    more(connection)


def shakes_slowly(receiver, connection):
    more(connection)
    receiver.drip(connection, b"\x16\x03\x03\x00\x7a\x02")


def shows(path, then=answers(EMPTY), tickets=2, version=None):
    """A proper handshake with the certificate of a file; all over again for each connection."""
    def behave(receiver, connection):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        context.num_tickets = tickets
        if version:
            context.maximum_version = version
        with context.wrap_socket(connection, server_side=True) as shaken:
            then(receiver, shaken)
    return behave


TLS = {
    "silent": (reads_nothing, 0, "timed out in the TLS handshake"),
    "slow": (shakes_slowly, 0, "timed out in the TLS handshake"),
    "closes": (closes_greeted, 0, "TLS handshake failed: connection closed"),
    "alert": (shakes(b"\x15\x03\x03\x00\x02\x02\x28"), 0, "TLS handshake failed: .*handshake failure"),
    "no TLS": (shakes(EMPTY), 0, "TLS handshake failed: wrong version number"),
    "greets for ever": (shakes(b"", endless=HELLO_REQUESTS), 0, "TLS handshake failed: it does not end"),
    "garbage": (shakes(b"\x16\x03\x03\xff\xff" + bytes(65535)), 0, "TLS handshake failed: "),
}
