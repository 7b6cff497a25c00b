"""Promises 1 and 2: accepted means delivered, whatever is killed, stopped or restarted."""

import os
import signal
import threading

import pytest
from harness.daemon import alive, kill
from harness.load import Load, duplicates
from harness.receiver import Step
from harness.wait import wait_until

LEASE_S = 1.0


@pytest.fixture
def node(start):
    """node(workers=…): a daemon with a short lease, an application and its endpoint."""
    def make(receiver, workers=2, **settings):
        daemon = start(workers=workers, lease="1s", **settings)
        api = daemon.api()
        app = api.new_app()
        api.new_endpoint(app, receiver.url(), retrySchedule=[0.1, 0.2, 0.5, 1, 1, 1])
        return daemon, app
    return make


@pytest.mark.parametrize("workers", [1, 2])
def test_kill_9_of_a_worker_under_load(node, receiver, workers):
    daemon, app = node(receiver, workers)
    load = Load(daemon, app)
    for _ in range(3):
        load.wait(100)
        victim = wait_until(lambda: len(daemon.worker_pids()) == workers and daemon.worker_pids())[0]
        kill(victim, signal.SIGKILL)
        wait_until(lambda: not alive(victim))
    load.wait(100)
    accepted = load.stop()
    receiver.wait_ids(accepted)
    # In flight and not yet recorded, at each of the three kills.
    assert duplicates(receiver) <= 3 * 200
    assert len(wait_until(lambda: len(daemon.worker_pids()) == workers and daemon.worker_pids())) == workers


def test_stopped_worker_is_replaced_and_does_no_harm_when_it_wakes(node, receiver):
    """SIGSTOP under load, its slots adopted by the other, SIGCONT: fenced, nothing lost."""
    daemon, app = node(receiver, workers=2)
    load = Load(daemon, app)
    load.wait(200)
    before = daemon.api().metrics()["posthorn_slots_adopted_total"]
    victim = wait_until(lambda: len(daemon.worker_pids()) == 2 and daemon.worker_pids())[0]
    kill(victim, signal.SIGSTOP)

    def adopted():
        # A connection may land on the stopped worker's accept queue: ask with a short time-out.
        reply = daemon.api().call("GET", "//metrics", token=None, timeout_s=1)
        line = next(x for x in reply.body.decode().splitlines()
                    if x.startswith("posthorn_slots_adopted_total"))
        return float(line.split()[-1]) > before

    try:
        wait_until(adopted, 30)
    finally:
        kill(victim, signal.SIGCONT)
    load.wait(200)
    receiver.wait_ids(load.stop())


def test_postgresql_killed(node, receiver):
    """Refused with 503 and Retry-After meanwhile; everything accepted arrives; resumes by itself."""
    daemon, app = node(receiver)
    load = Load(daemon, app)
    load.wait(200)
    victim = daemon.postmaster_pid()
    kill(victim, signal.SIGKILL)
    wait_until(lambda: not alive(victim))
    wait_until(lambda: daemon.postmaster_pid() != victim, 60, "another postmaster")
    load.wait(200, 60)
    receiver.wait_ids(load.stop(), 60)


def test_postgresql_restarted_immediately(node, receiver):
    daemon, app = node(receiver)
    load = Load(daemon, app)
    load.wait(200)
    victim = daemon.postmaster_pid()
    kill(victim, signal.SIGQUIT)  # pg_ctl stop -m immediate
    wait_until(lambda: daemon.postmaster_pid() != victim, 60, "another postmaster")
    load.wait(200, 60)
    receiver.wait_ids(load.stop(), 60)


def test_without_postgresql_ingest_says_so_quickly(node, receiver):
    """The postmaster stands still: answers come within the deadline, not never."""
    daemon, app = node(receiver, workers=1)
    daemon.api().send(app)
    receiver.wait(1)
    stopped = daemon.postgres_pids()
    for pid in stopped:
        kill(pid, signal.SIGSTOP)
    try:
        health = daemon.api().call("GET", "//livez", token=None, timeout_s=10)
        assert health.status == 200
    finally:
        for pid in stopped:
            kill(pid, signal.SIGCONT)
    message = wait_until(lambda: daemon.api().send(app), 30)
    receiver.wait(1, id=message)


def test_kill_9_of_everything(node, receiver):
    daemon, app = node(receiver)
    load = Load(daemon, app)
    load.wait(300)
    daemon.kill_all()
    accepted = load.stop()
    daemon.start()
    receiver.wait_ids(accepted, 60)
    api = daemon.api()
    wait_until(lambda: all(api.attempts(app, m)[-1]["status"] == 0 for m in accepted[-20:]), 30)


def test_kill_9_with_retries_pending(node, receiver):
    """A retry that was scheduled before the crash comes after it."""
    daemon, app = node(receiver, workers=1)
    receiver.script("/later", 500, 200)
    api = daemon.api()
    api.new_endpoint(app, receiver.url("/later"), retrySchedule=[5])
    message = api.send(app)
    wait_until(lambda: len([a for a in api.attempts(app, message) if a["status"] == 2]) == 1)
    daemon.kill_all()
    daemon.start()
    receiver.wait(2, "/later", id=message, deadline_s=60)


def test_kill_9_between_a_failure_and_the_heartbeat_after_it(start, receiver):
    """The retry rows are younger than the marks that the slot's owner stored last."""
    daemon = start(workers=1, lease="4s")
    api = daemon.api()
    app = api.new_app()
    for round in range(3):
        path = f"/round{round}"
        count = 10
        receiver.script(path, *[500] * count, 200)
        endpoint = api.new_endpoint(app, receiver.url(path), retrySchedule=[2, 2, 2])
        messages = [api.send(app) for _ in range(count)]
        wait_until(lambda: all(api.attempts(app, m) for m in messages))
        daemon.kill_all()
        daemon.start()
        api = daemon.api()
        receiver.wait(2 * count, path, deadline_s=30)
        api.delete(f"/app/{app}/endpoint/{endpoint}")


def test_kill_9_in_the_middle_of_an_attempt(node, receiver):
    """The answer never arrived: the attempt is made again, with the same id."""
    daemon, app = node(receiver, workers=1)
    gate = threading.Event()
    receiver.script("/slow", Step(200, after=gate), 200)
    daemon.api().new_endpoint(app, receiver.url("/slow"))
    message = daemon.api().send(app)
    receiver.wait(1, "/slow")
    kill(daemon.worker_pids()[0], signal.SIGKILL)
    receiver.wait(2, "/slow", id=message, deadline_s=60)
    gate.set()


def test_graceful_stop_finishes_what_is_under_way(node, receiver):
    """No duplicate, nothing lost, and the next start has nothing to wait for."""
    daemon, app = node(receiver)
    load = Load(daemon, app)
    load.wait(300)
    stopper = threading.Thread(target=daemon.stop)
    stopper.start()
    stopper.join(60)
    assert daemon.process.returncode == 0
    accepted = load.stop()
    daemon.start()
    receiver.wait_ids(accepted)
    assert duplicates(receiver) == 0


def test_stop_leaves_no_process(node, receiver):
    daemon, _ = node(receiver)
    all_pids = [daemon.process.pid, *daemon.worker_pids(), *daemon.postgres_pids()]
    assert len(all_pids) > 4
    assert daemon.stop() == 0
    wait_until(lambda: not any(alive(pid) for pid in all_pids))


def test_supervisor_killed_takes_its_workers_along(node, receiver):
    daemon, _ = node(receiver)
    workers = daemon.worker_pids()
    os.kill(daemon.process.pid, signal.SIGKILL)
    daemon.process.wait(10)
    wait_until(lambda: not any(alive(pid) for pid in workers), 60, "workers are gone")
    daemon.start()
