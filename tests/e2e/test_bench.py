"""posthorn-bench against a server that loses, repeats, forges, alters: each must be seen in its books."""

import base64
import collections
import hashlib
import hmac
import json
import queue
import re
import subprocess
import threading
import time
import urllib.request

import pytest
from harness.daemon import BUILD, SANITIZER, environment
from harness.fake_api import Answer, FakeApi

pytestmark = pytest.mark.serial

BENCH = BUILD / "posthorn-bench"
GOOD, BAD, USAGE, IO = 0, 1, 64, 74


EVENT = re.compile(rb'{"eventType":"posthorn.bench","payload":({[^{}]*})}')


class Service:
    """The API's few routes that a run needs, and deliveries by the rule of `mischief`.

    mischief(number): how the event is treated, an (answer, deliveries) pair: an Answer, and a list of
    functions of (body, signature) that say what a delivery looks like."""

    def __init__(self, mischief):
        self.mischief, self.hooks, self.deleted = mischief, {}, []
        self.jobs, self.keys = queue.SimpleQueue(), collections.Counter()
        self.fake = FakeApi()
        self.fake.script(self.answer)
        threading.Thread(target=self.deliver, daemon=True).start()

    def answer(self, request):
        kind = request.path.rsplit("/", 1)[1]
        if request.method == "DELETE":
            self.deleted.append(kind)
            return Answer(204)
        if kind == "event-type":
            return Answer(409, {"code": "conflict", "detail": "it exists"})
        if kind == "endpoint":
            self.hooks.setdefault(request.path.split("/")[-2], []).append(request.json)
            return Answer(201, {"id": "ep_1"})
        if kind == "msg":
            return self.take(request)
        if kind == "batch":
            return self.take_batch(request)
        return Answer(201, {"id": f"app_{len(self.fake.requests)}"})

    def take(self, request):
        self.keys[request.headers.get("idempotency-key")] += 1
        body = request.body[request.body.index(b'"payload":') + len(b'"payload":'):-1]
        return self.take_event(request.path.split("/")[-2], body)

    def take_batch(self, request):
        assert len(json.loads(request.body)) == len(EVENT.findall(request.body))
        self.keys[request.headers.get("idempotency-key")] += 1
        results = [{"status": self.take_event(request.path.split("/")[-3], body).status}
                   for body in EVENT.findall(request.body)]
        return Answer(202, {"data": [r for r in results if r["status"]]})

    def take_event(self, app, body):
        number = int(json.loads(body)["n"])
        answer, deliveries = self.mischief(number)
        for hook in self.hooks[app]:
            for change in deliveries:
                self.jobs.put((hook, f"msg_{number}", body, change))
        return answer

    def deliver(self):
        while True:
            hook, id, body, change = self.jobs.get()
            stamp = str(int(time.time()))
            key = base64.b64decode(hook["secret"].removeprefix("whsec_"))
            signature = lambda body: "v1," + base64.b64encode(hmac.new(
                key, f"{id}.{stamp}.".encode() + body, hashlib.sha256).digest()).decode()
            body, signature = change(body, signature)
            headers = {"webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": signature}
            request = urllib.request.Request(hook["url"], body, headers, method="POST")
            try:
                urllib.request.urlopen(request, timeout=5).close()
            except OSError:
                pass  # the run is over, or the endpoint fails by script


def plain(body, sign):
    return body, sign(body)


def forged(body, sign):
    return body, sign(body + b"x")


def altered(body, sign):
    body = json.dumps(json.loads(body)).encode()
    return body, sign(body)


def invented(body, sign):
    body = body.replace(json.loads(body)["n"].encode(), b"%016d" % 10**9)
    return body, sign(body)


TAKEN = Answer(202, {"id": "msg_1"})


@pytest.fixture
def bench():
    """bench(mischief, "--rate", …): exit status, report and service."""
    services = []

    def run(mischief, *options, url=None):
        services.append(Service(mischief))
        env = environment(url=url(services[-1]) if callable(url) else url or services[-1].fake.url,
                          token="head.body.tail")
        done = subprocess.run(
            [BENCH, "--duration=300ms", "--warmup=0", "--drain=500ms", "--connections=4", "--rate=100",
             "--processes=", "--output=json", *options],
            env=env, capture_output=True, text=True, timeout=60)
        assert not SANITIZER.search(done.stderr), done.stderr
        return done.returncode, json.loads(done.stdout or "null"), services[-1]

    yield run
    for service in services:
        service.fake.stop()


def every_fifth(answer, deliveries, otherwise=(TAKEN, [plain])):
    return lambda number: (answer, deliveries) if number % 5 == 2 else otherwise


def test_a_good_server(bench):
    status, report, service = bench(lambda number: (TAKEN, [plain]), "--apps=3", "--endpoints=2",
                                    "--idempotency-key")
    books = report["account"]
    assert status == GOOD and report["good"], report
    assert books["sent"] == books["accepted"] == 30
    assert books["deliveries"] == books["received"] == books["signaturesVerified"] == 60
    assert books["missing"] == books["duplicates"] == books["unexpected"] == 0
    assert report["acceptUs"]["count"] == 30 and report["receiptUs"]["instant"]["count"] == 60
    assert 0 < report["acceptUs"]["p50"] <= report["acceptUs"]["p99"] <= report["acceptUs"]["max"]
    assert sum(point["received"] for point in report["course"]) <= 60
    assert len(service.keys) == 30 and None not in service.keys and len(service.deleted) == 3


@pytest.mark.parametrize("treatment, status, seen", [
    (every_fifth(TAKEN, []), BAD, {"missing": 6, "received": 24, "accepted": 30}),
    (every_fifth(TAKEN, [plain, plain]), GOOD, {"duplicates": 6, "received": 30, "missing": 0}),
    (every_fifth(TAKEN, [forged]), BAD, {"signaturesWrong": 6, "signaturesVerified": 30}),
    (every_fifth(TAKEN, [altered]), BAD, {"altered": 6, "received": 30, "signaturesWrong": 0}),
    (every_fifth(TAKEN, [plain, invented]), BAD, {"unexpected": 6, "received": 30}),
    (every_fifth(Answer(422, {"detail": "no"}), []), GOOD,
     {"refused": 6, "accepted": 24, "firstRefusal": '422 {"detail": "no"}'}),
    (every_fifth(Answer(400), [plain]), BAD, {"refused": 6, "unexpected": 6}),
    (every_fifth(Answer(drop=True), []), GOOD, {"unknown": 6, "unknownReceived": 0}),
    (every_fifth(Answer(drop=True), [plain]), GOOD, {"unknown": 6, "unknownReceived": 6}),
    (lambda number: (Answer(503), []), BAD, {"refused": 30, "accepted": 0}),
], ids=["lost", "twice", "forged", "altered", "invented", "refused", "refused and delivered", "reset",
        "reset and delivered", "nothing accepted"])
def test_mischief(bench, treatment, status, seen):
    exit_status, report, _ = bench(treatment)
    assert {key: report["account"][key] for key in seen} == seen
    assert exit_status == status and report["good"] == (status == GOOD)


BATCHES = ["--batch=3", "--rate=300", "--idempotency-key"]


def test_batches(bench):
    status, report, service = bench(lambda number: (TAKEN, [plain]), "--apps=2", *BATCHES)
    books = report["account"]
    assert status == GOOD and report["setting"]["batch"] == 3, report
    assert books["sent"] == books["accepted"] == books["received"] == 90
    assert report["acceptUs"]["count"] == 30 and report["receiptUs"]["instant"]["count"] == 90
    assert len(service.keys) == 30 and set(service.keys.values()) == {1}


@pytest.mark.parametrize("treatment, status, seen", [
    (every_fifth(TAKEN, []), BAD, {"missing": 18, "received": 72, "accepted": 90}),
    (every_fifth(Answer(503), []), GOOD, {"refused": 18, "accepted": 72, "received": 72}),
    (every_fifth(Answer(422), [plain]), BAD, {"refused": 18, "unexpected": 18}),
    # A result is lacking: which of the three it is cannot be told, so it is the last.
    (every_fifth(Answer(0), []), BAD, {"unknown": 18, "accepted": 72}),
], ids=["lost", "refused", "refused and delivered", "no result"])
def test_mischief_with_batches(bench, treatment, status, seen):
    exit_status, report, _ = bench(treatment, *BATCHES)
    assert {key: report["account"][key] for key in seen} == seen
    assert exit_status == status and report["good"] == (status == GOOD)


def test_unmatched(bench):
    """Endpoints that want another event type: whatever comes is one too many."""
    status, report, service = bench(lambda number: (TAKEN, []), "--unmatched", "--batch=3", "--rate=300")
    wanted = {tuple(hook["filterTypes"]) for hooks in service.hooks.values() for hook in hooks}
    assert status == GOOD and report["account"]["deliveries"] == 0, report
    assert wanted == {("posthorn.bench.unmatched",)}
    status, report, _ = bench(every_fifth(TAKEN, [plain], (TAKEN, [])), "--unmatched")
    assert status == BAD and report["account"]["unexpected"] == 6


def test_endpoints_that_fail_by_script_are_not_missed(bench):
    status, report, _ = bench(lambda number: (TAKEN, [plain]), "--apps=2", "--behaviour=instant,fail=500")
    books = report["account"]
    assert status == GOOD, report
    assert books["deliveries"] == books["received"] == books["failingByScript"] == 15
    assert books["requests"] == 30


def test_latency_counts_from_when_an_event_was_due(bench):
    """One connection, and a server that stops for a moment: the events due meanwhile are late."""
    def slow(number):
        if number == 5:
            time.sleep(0.2)
        return TAKEN, [plain]
    status, report, _ = bench(slow, "--connections=1")
    assert status == GOOD, report
    assert report["acceptUs"]["p50"] > 20_000 and report["acceptUs"]["max"] >= 200_000


def test_an_answer_that_never_comes(bench):
    def stuck(number):
        if number == 1:
            time.sleep(2)
        return TAKEN, [plain]
    status, report, _ = bench(stuck, "--timeout=300ms")
    assert status == GOOD and report["account"]["unknown"] == 1


def test_a_picture(bench, tmp_path):
    status, _, _ = bench(lambda number: (TAKEN, [plain]), f"--svg={tmp_path}/run.svg")
    picture = (tmp_path / "run.svg").read_text()
    assert status == GOOD and picture.startswith("<svg") and picture.endswith("</svg>\n")


def test_several_nodes(bench):
    """What one node is told, all know; the producers' connections are spread over them."""
    other = FakeApi()

    def both(service):
        other.script(service.answer)
        return f"{service.fake.url},{other.url}"

    status, report, service = bench(lambda number: (TAKEN, [plain]), url=both)
    other.stop()
    posted = [sum(r.path.endswith("/msg") for r in fake.requests) for fake in (service.fake, other)]
    assert status == GOOD and report["account"]["received"] == 30 == sum(posted)
    assert min(posted) > 0 and not any("event-type" in r.path for r in other.requests)


def test_no_server(bench):
    assert bench(None, url="http://127.0.0.1:1")[0] == IO


@pytest.mark.parametrize("option", ["--rate=x", "--rate=-1", "--verify=1.1", "--verify=.5", "--duration=0",
                                    "--behaviour=sleepy", "--behaviour=slow", "--behaviour=instant:0",
                                    "--behaviour=fail=200", "--payload-bytes=10", "--conections=4",
                                    "--keep=yes", "--output=xml", "--url=ftp://x",
                                    "--url=http://127.0.0.1:1,ftp://x", "--url=http://127.0.0.1:1,",
                                    "--url=http://127.0.0.1:1/a,http://127.0.0.1:1/b",
                                    "--batch=2 --with-content", "more"])
def test_usage(bench, option):
    assert bench(None, *option.split())[:2] == (USAGE, None)
