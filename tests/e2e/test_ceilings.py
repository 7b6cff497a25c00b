"""The programs that measure parts of the product alone: that they and their receiver keep right books. How
fast anything is, is not asked."""

import contextlib
import json
import pathlib
import signal
import subprocess

import pytest
from harness.daemon import BUILD, SANITIZER, environment
from harness.home import needs_own_cluster

pytestmark = pytest.mark.serial

TOP = pathlib.Path(__file__).resolve().parents[2]
BENCH = BUILD / "posthorn-bench"
CLIENT = BUILD / "tests/bench/bench_client"


@contextlib.contextmanager
def receiving(*options):
    """posthorn-bench --receive-only: (url, secret, run) and, after it has ended, its report."""
    process = subprocess.Popen(
        [BENCH, "--receive-only", "--processes=", "--output=json", *options], env=environment(),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    report = {}
    try:
        word, *said = process.stderr.readline().split()
        assert word == "receiving"
        yield said, report
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert not SANITIZER.search(err), err
        report.update(json.loads(out), status=process.returncode)
    finally:
        process.kill()
        process.wait()


def client(said, *options):
    url, secret, run = said
    done = subprocess.run(
        [CLIENT, "--url", url, "--secret", secret, "--run", run, "--events", "200", *options],
        env=environment(), capture_output=True, text=True, timeout=60)
    assert not SANITIZER.search(done.stderr), done.stderr
    return done.returncode, json.loads(done.stdout)


@needs_own_cluster
def test_every_part_comes_through():
    done = subprocess.run([TOP / "tests/bench/ceilings", "--smoke"], env=environment(build=BUILD),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not SANITIZER.search(done.stderr), done.stderr
    assert "\nproduct / sum " in done.stdout and "BAD" not in done.stdout


def test_the_receiver_has_the_clients_books():
    with receiving() as (said, report):
        status, part = client(said)
    assert status == 0 and part["done"] == 200 and part["failed"] == 0, part
    assert report["status"] == 0 and report["account"]["received"] == 200, report
    assert report["account"]["signaturesVerified"] == 200 and report["account"]["signaturesWrong"] == 0


def test_requests_that_are_refused_are_told_by_both():
    with receiving("--behaviour=fail=500") as (said, report):
        status, part = client(said)
    assert status == 1 and part["failed"] == 200 and not part["good"], part
    assert report["account"]["received"] == 0 and report["account"]["requests"] == 200


def test_events_of_another_run_are_foreign():
    with receiving() as (said, report):
        client([*said[:2], "0123456789abcdef"])
    assert report["account"]["foreign"] == 200 and report["account"]["received"] == 0
    assert report["status"] == 1


def test_by_https(tmp_path):
    pem = tmp_path / "receiver.pem"
    with receiving(f"--tls={pem}") as (said, report):
        assert said[0].startswith("https://")
        assert client(said, f"--ca-file={pem}")[0] == 0
        untrusted = client(said, "--mode=wrapper")
    assert untrusted[0] == 1 and untrusted[1]["failed"] == 200
    assert report["account"]["requests"] == 200
    assert 0 < report["tls"]["handshakes"] <= 64


def test_sessions_are_resumed(start, tmp_path):
    """A receiver that closes every connection sees few full handshakes: those that begin at once."""
    pem = tmp_path / "receiver.pem"
    pem.touch()
    daemon = start(ca_file=pem)
    done = subprocess.run(
        [BENCH, f"--tls={pem}", "--behaviour=close", "--rate=100", "--duration=2s", "--warmup=0",
         "--processes=", "--output=json"],
        env=environment(url=daemon.url, token=daemon.token), capture_output=True, text=True, timeout=120)
    report = json.loads(done.stdout)
    assert done.returncode == 0, report
    tls = report["tls"]
    assert tls["handshakes"] >= report["account"]["received"] == 200
    assert tls["resumed"] >= 0.9 * tls["handshakes"] and tls["failed"] == 0, tls
