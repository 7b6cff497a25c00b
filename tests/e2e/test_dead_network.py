"""Packets to and from PostgreSQL are dropped without a word: TCP has to find out, and be made to."""

import os
import time

import pytest
from harness.cluster import Cluster
from harness.home import needs_own_cluster
from harness.network import Network
from harness.trouble import Trouble
from harness.wait import wait_until

pytestmark = [needs_own_cluster, pytest.mark.serial]
OPEN = 'posthorn_pg_connections{state="open"}'
LONG = bool(os.environ.get("POSTHORN_TEST_LONG"))


@pytest.fixture
def network():
    one = Network()
    yield one
    one.close()


def test_packets_are_dropped(network):
    it = Trouble(Cluster(host=network.server, around=network.around).start())
    try:
        it.start()
        network.silence()
        it.wait_red("does not answer", "no connection", "lease")
        it.load.wait_refused()
        if LONG:  # keepalives end those that nobody uses as well: 25 s (conninfo.c)
            wait_until(lambda: it.daemon.api().metrics()["posthorn_pg_connections"] == 0, 60)
        network.speak()
        it.judge("packets dropped", since=time.monotonic())
    finally:
        it.close()
