"""PostgreSQL restarts, hangs, fills up, cancels and refuses: events are refused quickly meanwhile, nothing
accepted is lost, and everything goes on by itself."""

import os
import time

import pytest
from harness.home import needs_own_cluster
from harness.trouble import Trouble
from harness.wait import wait_until

pytestmark = needs_own_cluster

# POSTHORN_TEST_LONG=1: troubles last as long as they may in life, not just as long as it takes to see them.
LONG = bool(os.environ.get("POSTHORN_TEST_LONG"))


@pytest.fixture
def trouble():
    """trouble(…): a daemon on a cluster of its own, under load."""
    made = []

    def make(load=None, **settings):
        made.append(Trouble(**settings))
        return made[-1].start(**(load or {}))

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_restart(trouble, mode):
    it = trouble(workers=2)
    it.cluster.stop(mode)
    it.wait_red("no connection", "starting up or shutting down", "ends connections")
    it.load.wait_refused()
    it.cluster.start()
    it.judge(f"restart -m {mode}", since=time.monotonic())


def test_sessions_are_killed_again_and_again(trouble):
    it = trouble(workers=2)
    end = time.monotonic() + (60 if LONG else 8)
    killed = 0
    while time.monotonic() < end:
        killed += it.cluster.terminate()
        time.sleep(0.05)
    assert killed > 50
    # The outcome of each append that was hit is looked up: nobody is told too much.
    it.judge(f"{killed} sessions killed", duplicates_max=2000, since=time.monotonic())


def test_postgresql_hangs(trouble):
    """Every process of it stands still, as on a machine that is suspended: sockets stay, answers do not
    come."""
    it = trouble(workers=2)
    go_on = it.cluster.pause()
    try:
        it.wait_red("does not answer", "no connection")
        it.load.wait_refused(4)
        began = time.monotonic()
        got = it.daemon.api().get(f"/app/{it.app}", want=None, timeout_s=30)
        assert got.status == 503 and got.headers["Retry-After"] and time.monotonic() - began < 15
        time.sleep(60 if LONG else 4)
        resumed_at = time.monotonic()
    finally:
        go_on()
    it.judge("hang", since=resumed_at)


def put(it, setting, value):
    """A setting of the daemon's role, in force for connections made from now on: all of them."""
    it.cluster.run(f"alter role posthorn set {setting} = {value}")
    it.cluster.terminate()


def lost(it):
    return it.daemon.api().metrics()["posthorn_pg_connections_lost_total"]


def test_settings_that_end_sessions_and_statements(trouble):
    it = trouble()

    # Sessions that may not idle are made again when they are needed, and nobody notices.
    put(it, "idle_in_transaction_session_timeout", "'50ms'")
    put(it, "idle_session_timeout", "'200ms'")
    it.load.wait(20, 60)
    began, before = time.monotonic(), lost(it)
    wait_until(lambda: lost(it) >= before + 10, 30, "sessions end")
    it.load.wait(50, 60)
    it.cluster.run("alter role posthorn reset all")
    assert it.watch.ready_after(began) is not None

    # Somebody holds a lock, and the server does not let us wait for it: that is said.
    for setting, words in (("statement_timeout", "cancels statements"), ("lock_timeout", "lock_timeout")):
        put(it, setting, "'200ms'")
        it.load.wait(20, 60)
        with it.cluster.connect(dbname=it.database_name) as other:
            other.execute("begin")
            other.execute("lock table message in access exclusive mode")
            it.wait_red(words)
            it.load.wait_refused()
        it.resumed(time.monotonic())
        it.cluster.run("alter role posthorn reset all")
    it.cluster.terminate()
    it.judge("settings", since=time.monotonic())


def test_too_few_connections(trouble):
    """53300: others have taken them while ours were lost; then a few are free, for some of the pools."""
    it = trouble(workers=2)
    it.cluster.run("alter role posthorn connection limit 0")
    it.cluster.terminate()
    it.wait_red("too many connections")
    it.load.wait_refused()
    it.cluster.run("alter role posthorn connection limit 3")
    it.wait_red("too many connections", "lease", "recorded")
    it.cluster.run("alter role posthorn connection limit -1")
    it.judge("53300", since=time.monotonic())


def test_recovery(trouble):
    """57P03: the server is there, and starts up for as long as it likes."""
    it = trouble()
    it.cluster.stop("immediate")
    it.cluster.recover_for_ever()
    it.wait_red("is starting up or shutting down")
    it.load.wait_refused()
    it.cluster.end_recovery()
    it.judge("recovery", since=time.monotonic())
