"""The database is not ready when the service starts."""

import subprocess
import threading

import pytest
from harness.cluster import Cluster
from harness.daemon import POSTHORND, Daemon, environment
from harness.home import OwnServerHome, needs_own_cluster
from harness.wait import wait_until

pytestmark = needs_own_cluster


@pytest.fixture
def cluster():
    one = Cluster().start()
    yield one
    one.close()


def test_recovering_database_is_waited_for(cluster):
    """57P03: as after a power failure of the machine, when both start at once."""
    daemon = Daemon(home=lambda d: OwnServerHome(d, cluster))
    daemon.home.make()
    cluster.stop("immediate")
    cluster.recover_for_ever()
    starter = threading.Thread(target=daemon.start)
    starter.start()
    wait_until(lambda: cluster.log().count("not accepting connections") >= 3, 30, "it asks again")
    assert daemon.process.poll() is None
    cluster.end_recovery()
    starter.join(60)
    app = daemon.api().new_app()
    daemon.api().send(app)
    daemon.close()


def test_database_without_free_connections(cluster):
    """53300: said, and left to the service manager, which tries again."""
    cluster.run("alter role posthorn connection limit 0")
    done = subprocess.run([POSTHORND], capture_output=True, text=True, timeout=60, env=environment(
        database_url=cluster.url(user="posthorn"), jwt_secret="s" * 32, listen="127.0.0.1:0"))
    assert done.returncode == 69 and "too many connections" in done.stderr
