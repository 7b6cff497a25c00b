"""Hostile receivers: each costs its own endpoint, and nothing else."""

import pathlib
import re
import ssl
import threading
import time

import pytest
from harness.certificates import Authority, certificate_text, self_signed
from harness.daemon import Daemon
from harness.hostile import EMPTY, PLAIN, TLS, Hostile, answers, shows
from harness.names import SILENCE, Alias, Names
from harness.receiver import Receiver
from harness.wait import wait_until

pytestmark = pytest.mark.serial

HOST = "hooks-of-acme.com"
EVENTS = 4  # for each of the hostile: below what a breaker takes notice of
TIMEOUT_MS = 3000
HEALTHY_P99_S = 2.0
GROWTH_MAX = 600 << 20  # bytes of a worker, of which its sanitizer keeps 256 MB; an endless answer has more

NAMES = {  # what the name server says: (answers, status, error)
    "thousand": ([[f"127.1.{i // 250}.{i % 250 + 1}" for i in range(1000)]], 200, ""),
    "silent": ([SILENCE], 0, "no answer from the name servers"),
    "garbage": ([b"\x85\x80" + b"\xff" * 40], 0, "(no|bad) answer from the name servers"),
    "loop": ([[Alias("loop." + HOST)]], 0, "the name has no address|name servers|lookup failed"),
    "round": ([[Alias("about." + HOST)]], 0, "the name has no address|name servers|lookup failed"),
    "mixed": ([["127.0.0.1", "10.0.0.1", "169.254.169.254"]], 0, "the address is not allowed"),
    "families": ([["127.0.0.1", "fd00::1"]], 200, ""),
    "nowhere": ([[]], 0, "the name has no address"),
}


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """{behaviour: …} of certificates, and the file of the root that signs the good ones."""
    folder = tmp_path_factory.mktemp("tls")
    root, stranger = Authority("root of tests"), Authority("another root")
    between = Authority("intermediate", root)
    (folder / "roots").write_bytes(certificate_text(root.certificate))

    def issued(name, by=root, host=HOST, **more):
        return by.issue(folder / name, host, **more)

    good = issued("good")
    behaviours = {
        "good": (shows(good), 200, ""),
        "chain": (shows(issued("chain", between, chain=[between.certificate])), 200, ""),
        "TLS 1.2": (shows(good, version=ssl.TLSVersion.TLSv1_2), 200, ""),
        "incomplete chain": (shows(issued("incomplete", between)), 0, "unable to get local issuer"),
        "expired": (shows(issued("expired", begins=-3, ends=-1)), 0, "certificate has expired"),
        "of tomorrow": (shows(issued("tomorrow", begins=1, ends=2)), 0, "certificate is not yet valid"),
        "of another host": (shows(issued("other", host="example.com")), 0, "certificate is for another name"),
        "of a stranger": (shows(issued("stranger", stranger)), 0, "unable to get local issuer"),
        "signs itself": (shows(self_signed(folder / "self", HOST)), 0, "self.signed certificate"),
        "thousands of tickets": (shows(good, tickets=5000), 0, "connection broken"),
        "endless body": (shows(good, answers(EMPTY[:17] + b"\r\n", endless=b"b")), 200, ""),
        "endless head": (shows(good, answers(EMPTY[:17], endless=b"X: y\r\n")), 0, "answer head too large"),
    }
    return folder / "roots", behaviours


class Case:
    """An endpoint of its own application, and what an attempt there has to come to."""

    def __init__(self, api, kind, name, url, receiver, status, error):
        self.name, self.receiver = f"{kind}: {name}", receiver
        self.status, self.error = status, error
        self.app = api.new_app(self.name)
        api.new_endpoint(self.app, url, retrySchedule=[], timeoutMs=TIMEOUT_MS)
        self.messages = []

    def send(self, api):
        self.messages.append(api.send(self.app))

    def wrong(self, api):
        """Each event has had one attempt, and it says what happened. Or why that is not so."""
        for message in self.messages:
            attempts = api.attempts(self.app, message)
            if len(attempts) != 1:
                return f"{self.name}: {len(attempts)} attempts"
            a = attempts[0]
            if a["responseStatusCode"] != self.status or not re.match(self.error, a["error"] or ""):
                return (f"{self.name}: {a['responseStatusCode']} {a['error']!r}"
                        f" at {self.messages.index(message) + 1} of {len(self.messages)}")
        return None


@pytest.fixture(scope="module")
def scene(tls):
    roots, certificates = tls
    table = {f"{name}.{HOST}": given for name, (given, *_) in NAMES.items()}
    table[HOST] = [["127.0.0.1"]]
    table[f"about.{HOST}"] = [[Alias(f"round.{HOST}")]]
    names = Names(table)
    daemon = Daemon(workers=1, allow_addresses="127.0.0.0/8", dns_servers=names.server, ca_file=roots,
                    attempt_timeout=f"{TIMEOUT_MS}ms").start()
    api, cases = daemon.api(), []

    def add(kind, name, behaviour, status, error, host="127.0.0.1", scheme="http"):
        receiver = Hostile(behaviour, host="0.0.0.0")
        cases.append(Case(api, kind, name, f"{scheme}://{host}:{receiver.port}/", receiver, status, error))

    for name, case in PLAIN.items():
        add("http", name, *case)
    for name, case in {**TLS, **certificates}.items():
        add("tls", name, *case, host=HOST, scheme="https")
    for name, (_, *expected) in NAMES.items():
        add("name", name, answers(EMPTY), *expected, host=f"{name}.{HOST}")
    yield daemon, cases
    daemon.close()
    names.stop()
    for case in cases:
        case.receiver.stop()


class Healthy:
    """An endpoint that answers at once, and how long its deliveries take meanwhile."""

    def __init__(self, daemon):
        self._daemon, self.receiver = daemon, Receiver()
        api = daemon.api()
        self._app = api.new_app("healthy")
        api.new_endpoint(self._app, self.receiver.url())
        self._sent = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        api = self._daemon.api()
        while not self._stop.wait(0.02):
            at = time.monotonic()
            self._sent[api.send(self._app)] = at

    def delays(self):
        """Seconds from the producer's request to the receiver's, sorted."""
        self._stop.set()
        self._thread.join(30)
        self.receiver.wait_ids(self._sent)
        came = {}
        for got in self.receiver.got():
            came.setdefault(got.id, got.at)
        self.receiver.stop()
        return sorted(came[m] - at for m, at in self._sent.items())


def resident(daemon):
    """Bytes, of the largest worker."""
    pages = [int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in daemon.worker_pids()]
    return max(pages) * 4096


def test_all_at_once(scene):
    daemon, cases = scene
    api = daemon.api()
    worker = daemon.worker_pids()
    before = resident(daemon)
    healthy = Healthy(daemon)
    for _ in range(EVENTS):
        for case in cases:
            case.send(api)
    largest = before
    wrong = {}

    def settled():
        nonlocal largest
        largest = max(largest, resident(daemon))
        wrong.clear()
        wrong.update({case.name: text for case in cases if (text := case.wrong(api))})
        return not any("0 attempts" in text for text in wrong.values())

    wait_until(settled, 60, "every event has had its attempt")
    delays = healthy.delays()
    assert not wrong, "\n".join(wrong.values())
    assert daemon.worker_pids() == worker, "a worker died"
    assert len(delays) > 100 and delays[len(delays) * 99 // 100] < HEALTHY_P99_S, delays[-10:]
    assert largest - before < GROWTH_MAX, (before, largest)


def test_nothing_unasked_is_an_answer(scene):
    """What a receiver sends on top of an answer belongs to no delivery: each event that counts as
    delivered was read by it."""
    daemon, cases = scene
    api = daemon.api()
    for case in cases:
        if case.name not in ("http: answers twice", "http: answers again later", "http: 204 with a body",
                             "http: 100 after the answer", "http: length too small"):
            continue
        read = case.receiver.requests
        for _ in range(10):
            case.send(api)
            wait_until(lambda: len(api.attempts(case.app, case.messages[-1])) == 1)
            if case.name == "http: answers again later":
                wait_until(lambda: case.receiver.unasked == case.receiver.requests)
        assert case.wrong(api) is None
        assert case.receiver.requests == read + 10, case.name
        assert case.receiver.reused == 0, case.name
