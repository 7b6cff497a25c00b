"""The primary is gone and a standby takes over: by a list of hosts, and behind an address that moves."""

import os
import time

import psycopg.conninfo
import pytest
from harness.cluster import Cluster
from harness.home import needs_own_cluster
from harness.proxy import Proxy
from harness.trouble import Trouble

pytestmark = needs_own_cluster


class Pair:
    """A primary and its synchronous standby: what a commit was acknowledged of is on both."""

    def __init__(self):
        self.primary = Cluster().start()
        self.standby = self.primary.standby()
        self.primary.set(synchronous_standby_names=f"'{self.standby.name}'")
        self.parts = []

    def hosts(self, *ports, **more):
        return psycopg.conninfo.make_conninfo(
            host=",".join("127.0.0.1" for _ in ports), port=",".join(map(str, ports)),
            user="posthorn", **more)

    def proxy(self, to):
        self.parts.append(Proxy(to.port))
        return self.parts[-1]

    def trouble(self, url, **settings):
        it = Trouble(self.primary, url, **settings)
        self.parts.append(it)
        return it.start()

    def take_over(self, it):
        self.standby.promote()
        it.cluster = self.standby
        it.daemon.home.move(self.standby)
        return time.monotonic()

    def close(self):
        for part in reversed(self.parts):
            part.close()
        self.standby.close()
        self.primary.close()


@pytest.fixture
def pair():
    one = Pair()
    yield one
    one.close()


def test_primary_killed_and_standby_promoted(pair):
    """Then the old primary comes back as it was, but read-only: nobody stays with it, with and without a
    word about that in the URL."""
    it = pair.trouble(pair.hosts(pair.primary.port, pair.standby.port), workers=2)
    pair.primary.kill()
    it.wait_red("read-only", "no connection")
    it.load.wait_refused()
    since = pair.take_over(it)
    print("failover: accepts after {:.2f} s, ready {:.2f} s, delivers {:.2f} s".format(*it.resumed(since)))
    pair.primary.settings["default_transaction_read_only"] = "on"
    pair.primary.start()
    pair.standby.terminate()  # everybody has to connect again, and asks the old one first
    it.judge("old primary is back", since=time.monotonic())


def test_connections_to_a_primary_that_became_read_only_are_left(pair):
    """One address, which moves; the connections made before stay where they are, and read what is old."""
    vip = pair.proxy(pair.primary)
    it = pair.trouble(pair.hosts(vip.port), workers=2)
    pair.primary.set(default_transaction_read_only="on")
    it.wait_red("read-only")
    it.load.wait_refused()
    pair.primary.set(synchronous_standby_names="''")
    vip.to = pair.standby.port
    it.judge("25006", since=pair.take_over(it))


def test_primary_falls_silent(pair):
    """Its machine is gone: nothing is refused, nothing answered. The other host gets its turn."""
    gone = pair.proxy(pair.primary)
    it = pair.trouble(pair.hosts(gone.port, pair.standby.port), workers=1)
    gone.silence()
    it.wait_red("does not answer", "no connection", "lease")
    it.load.wait_refused()
    since = pair.take_over(it)
    it.resumed(since)
    it.judge("silent primary", since=since)


def test_network_falls_silent_for_a_while(pair):
    """The connection that a batch was sent on is half open; it is given up, and another one made."""
    only = pair.proxy(pair.primary)
    it = pair.trouble(pair.hosts(only.port))
    only.silence()
    it.wait_red("does not answer", "no connection", "lease")
    it.load.wait_refused()
    only.speak()
    it.judge("silent network", since=time.monotonic())


def test_standby_gone(pair):
    """Commits wait for a standby that is away: nobody waits with them, and nothing is accepted before it is
    certain. No connections pile up meanwhile."""
    it = pair.trouble(pair.hosts(pair.primary.port))
    pair.standby.stop("immediate")
    it.wait_red("does not answer")
    it.load.wait_refused(5)
    # Somebody loses patience: PostgreSQL then says that the commits succeeded.
    before = len(it.load.accepted)
    pair.primary.run("select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'")
    time.sleep(60 if os.environ.get("POSTHORN_TEST_LONG") else 2)
    assert len(it.load.accepted) == before
    most = pair.primary.run("select count(*) from pg_stat_activity where usename = 'posthorn'")[0][0]
    assert most <= 20
    pair.standby.start()
    it.judge(f"standby gone, {most} connections", since=time.monotonic())
