"""Producers' connections and the workers of a node: shared out evenly, moved between requests, and never
at the cost of a request (lib/policy/balance.h, cmd/posthornd/handover.c)."""

import collections
import http.client
import itertools
import json
import signal
import socket
import string
import threading

import pytest
from harness.daemon import alive, kill
from harness.wait import wait_until

pytestmark = pytest.mark.serial

DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
ENDPOINTS = 100
MOVED = 'posthorn_http_connections_moved_total{reason="%s"}'
LABOUR = b'{"eventType":"t","payload":[' + b'1.5,' * 450_000 + b'x]}'
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"


def slot(message):
    """The slot that a message id names: so the worker that took the event."""
    number = 0
    for digit in message.removeprefix("msg_"):
        number = number * 62 + DIGITS.index(digit)
    return number >> 12 & 1023


def fan_out(daemon, receiver):
    """An application each of whose events is as much work as a small batch."""
    api = daemon.api()
    app = api.new_app()
    for number in range(ENDPOINTS):
        api.new_endpoint(app, receiver.url(f"/{number}"))
    return app


class Producer:
    """One connection, one event after the other, and no reconnecting behind the test's back."""

    def __init__(self, daemon, app):
        self._path = f"/api/v1/app/{app}/msg"
        self._headers = {"Authorization": f"Bearer {daemon.token}", "Content-Type": "application/json"}
        self._connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=60)
        self._connection.connect()
        self._connection.auto_open = 0

    def send(self, event_id=None):
        body = {"eventType": "t", "payload": {}, **({"eventId": event_id} if event_id else {})}
        self._connection.request("POST", self._path, json.dumps(body), self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == 202, (answer.status, body)
        return json.loads(body)["id"]

    def labour(self):
        """A request that is work for the worker alone, until it is refused at its very end."""
        self._connection.request("POST", self._path, LABOUR, self._headers)
        answer = self._connection.getresponse()
        answer.read()
        assert answer.status in (400, 422), answer.status

    def close(self):
        self._connection.close()


def raw_post(daemon, app, event_id):
    body = json.dumps({"eventType": "t", "eventId": event_id, "payload": {}})
    return (f"POST /api/v1/app/{app}/msg HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {daemon.token}\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()


def connect(daemon):
    return socket.create_connection(("127.0.0.1", daemon.port), timeout=60)


def read_answers(connection, count):
    """Bodies of so many answers, in order."""
    data, bodies = b"", []
    while len(bodies) < count:
        head, found, rest = data.partition(b"\r\n\r\n")
        if found:
            length = int(next(line.split(b":")[1] for line in head.split(b"\r\n")
                              if line.lower().startswith(b"content-length:")))
            if len(rest) >= length:
                assert head.split(b" ")[1] in (b"200", b"202"), (head, rest[:length])
                bodies.append(rest[:length])
                data = rest[length:]
                continue
        more = connection.recv(65536)
        assert more, f"closed after {len(bodies)} of {count} answers"
        data += more
    assert not data, "an answer too many"
    return bodies


def per_worker(daemon, metric, workers=2):
    now = daemon.api().metrics()
    return [now[f'{metric}{{worker="{n}"}}'] for n in range(workers)]


@pytest.mark.parametrize("connections", [8, 64])
def test_new_connections_are_shared_out_evenly(start, connections):
    daemon = start(workers=2)
    opened = [connect(daemon) for _ in range(connections)]
    for connection in opened:
        connection.sendall(LIVEZ)
        read_answers(connection, 1)
    counts = per_worker(daemon, "posthorn_http_connections")
    assert connections <= sum(counts) <= connections + 2  # and the ones that asked
    assert abs(counts[0] - counts[1]) <= connections * 0.15 + 2, counts
    assert daemon.api().metrics()["posthorn_workers_serving"] == 2
    for connection in opened:
        connection.close()
    wait_until(lambda: sum(per_worker(daemon, "posthorn_http_connections")) <= 2)


@pytest.mark.parametrize("balance", [True, False], ids=["on", "off"])
def test_the_only_producer_keeps_both_workers_busy(start, receiver, balance):
    daemon = start(workers=2, balance=str(balance).lower())
    app = fan_out(daemon, receiver)
    producer = Producer(daemon, app)
    messages = [producer.send(f"e{n}") for n in range(30)]
    assert len(set(messages)) == 30
    shares = collections.Counter(map(slot, messages))
    moved = daemon.api().metrics()[MOVED % "backlog"]
    if balance:
        assert len(shares) == 2 and min(shares.values()) >= 3, shares
        assert moved >= 3
    else:
        assert len(shares) == 1 and moved == 0
    producer.close()
    receiver.wait(30 * ENDPOINTS, deadline_s=60)
    assert len(receiver.got()) == 30 * ENDPOINTS, "an event was taken twice"


def test_busy_connections_among_idle_ones_spread(start):
    """All that are busy happen to be with one worker. They wait for each answer: there is no backlog."""
    daemon = start(workers=2)
    app = daemon.api().new_app()
    by_slot = collections.defaultdict(list)
    for producer in [Producer(daemon, app) for _ in range(16)]:
        by_slot[slot(producer.send())].append(producer)
    assert len(by_slot) == 2
    busy = max(by_slot.values(), key=len)
    over = threading.Event()

    def work(producer):
        while not over.is_set():
            producer.labour()

    threads = [threading.Thread(target=work, args=(producer,)) for producer in busy]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: daemon.api().metrics()[MOVED % "busy"] >= 1, 60)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert len({slot(producer.send()) for producer in busy}) == 2
    assert daemon.api().metrics()[MOVED % "backlog"] == 0


def test_pipelined_requests_are_answered_in_order_while_the_connection_moves(start, receiver):
    daemon = start(workers=2)
    app = fan_out(daemon, receiver)
    with connect(daemon) as connection:
        for group in range(6):
            names = [f"e{group}-{n}" for n in range(5)]
            connection.sendall(b"".join(raw_post(daemon, app, name) for name in names))
            assert [json.loads(b)["eventId"] for b in read_answers(connection, 5)] == names
    assert daemon.api().metrics()[MOVED % "backlog"] >= 1
    receiver.wait(30 * ENDPOINTS, deadline_s=60)
    assert len(receiver.got()) == 30 * ENDPOINTS


def test_a_request_in_the_middle_stays_whole(start, receiver):
    """Its bytes trickle in while the same worker has all the reasons to give connections away."""
    daemon = start(workers=2)
    app = fan_out(daemon, receiver)
    slow = [connect(daemon) for _ in range(4)]
    producer = Producer(daemon, app)
    requests = [raw_post(daemon, app, f"slow{n}") for n in range(4)]
    for piece in range(10):
        for connection, request in zip(slow, requests):
            size = len(request) // 10 + 1
            connection.sendall(request[piece * size:(piece + 1) * size])
        for _ in range(2):
            producer.send()
    for number, connection in enumerate(slow):
        assert json.loads(read_answers(connection, 1)[0])["eventId"] == f"slow{number}"
        connection.close()
    producer.close()
    receiver.wait(24 * ENDPOINTS, deadline_s=60)


def test_kill_9_of_a_worker_that_connections_move_to(start, receiver):
    """A connection on its way to the dead worker is served by its successor, or closed; what was
    answered with 202 is delivered."""
    daemon = start(workers=2, lease="1s")
    app = fan_out(daemon, receiver)
    accepted, number = [], itertools.count()

    def send(producers, count):
        for _ in range(count):
            for k, producer in enumerate(producers):
                try:
                    accepted.append(producer.send(f"e{next(number)}"))
                except (OSError, http.client.HTTPException):
                    producer.close()
                    producers[k] = Producer(daemon, app)

    producers = [Producer(daemon, app) for _ in range(2)]
    for _ in range(3):
        send(producers, 5)
        victim = wait_until(lambda: len(daemon.worker_pids()) == 2 and daemon.worker_pids())[1]
        kill(victim, signal.SIGKILL)
        send(producers, 3)
        wait_until(lambda: not alive(victim))
    send(producers, 3)
    assert len(accepted) >= 40
    receiver.wait_ids(accepted, 60)
    assert daemon.api().metrics()[MOVED % "backlog"] >= 1


def test_a_worker_stands_still_with_connections_on_their_way_to_it(start):
    """They are not its own yet: the other one takes them, and nobody waits for the sleeper."""
    daemon = start(workers=2)
    for _ in range(20):  # one that has been silent for a second, on a machine that is slow, is given nothing
        victim = daemon.worker_pids()[0]
        kill(victim, signal.SIGSTOP)
        try:
            opened = [connect(daemon) for _ in range(8)]
            for connection in opened:
                connection.settimeout(20)
                connection.sendall(LIVEZ)
            for connection in opened:
                read_answers(connection, 1)
                connection.close()
            taken = daemon.api().metrics()[MOVED % "silent"]
        finally:
            kill(victim, signal.SIGCONT)
        if taken:
            return
    pytest.fail("no connection was ever on its way")


def test_idle_connections_survive_the_stop_of_their_worker(start):
    """One worker after the other is asked to stop; the supervisor starts it again. No producer notices."""
    daemon = start(workers=2)
    connections = [connect(daemon) for _ in range(20)]
    for victim in daemon.worker_pids():
        for connection in connections:
            connection.sendall(LIVEZ)
            read_answers(connection, 1)
        kill(victim, signal.SIGTERM)
        wait_until(lambda: not alive(victim), 60)
        wait_until(lambda: daemon.api().metrics()["posthorn_workers_serving"] == 2, 30)
    for connection in connections:
        connection.sendall(LIVEZ)
        read_answers(connection, 1)
        connection.close()
    assert daemon.api().metrics()[MOVED % "stop"] >= 20


def test_a_stop_of_all_closes_idle_connections(start):
    daemon = start(workers=2)
    connections = [connect(daemon) for _ in range(10)]
    for connection in connections:
        connection.sendall(LIVEZ)
        read_answers(connection, 1)
    assert daemon.stop() == 0
    for connection in connections:
        assert connection.recv(1) == b""
        connection.close()
