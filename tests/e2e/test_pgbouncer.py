"""Behind PgBouncer in transaction mode every transaction may be on another server connection: nothing
rests on a session."""

import re
import signal
import time

import pytest
from harness.cluster import Cluster
from harness.daemon import kill
from harness.home import needs_own_cluster
from harness.pooler import Pooler, version
from harness.trouble import Trouble
from harness.wait import wait_until

pytestmark = needs_own_cluster


@pytest.fixture
def behind():
    """behind(workers=…, …): a daemon under load behind a pooler."""
    parts = []

    def make(pooler=None, **settings):
        cluster = Cluster().start()
        parts.append(cluster)
        parts.append(Pooler(cluster, **(pooler or {})))
        it = Trouble(cluster, parts[-1].url(), **settings)
        parts.append(it)
        it.pooler = parts[-2]
        return it.start()

    yield make
    for part in reversed(parts):
        part.close()


def test_crash_adoption_and_idempotency(behind):
    it = behind(workers=2, database_prepare="false")
    api = it.daemon.api()

    # The same key is the same event, whichever connection it is stored on.
    body = {"eventType": "t", "payload": {"n": 1}, "eventId": "one"}
    first = [api.post(f"/app/{it.app}/msg", body, headers={"Idempotency-Key": "k1"}, want=202).json["id"]
             for _ in range(8)]
    assert len(set(first)) == 1
    again = api.post(f"/app/{it.app}/msg", {**body, "payload": {"n": 2}})
    assert again.status == 409
    api.post(f"/app/{it.app}/msg/batch", [body, {**body, "eventId": "two"}], want=202)

    # A failing receiver's retries are rows, and read through the pooler.
    other = api.new_endpoint(it.app, it.receiver.script("/flaky", 500, 500, 200), channels=["flaky"],
                             retrySchedule=[0.1, 0.1, 0.1])
    flaky = api.send(it.app, channels=["flaky"])
    it.receiver.wait(3, "/flaky", id=flaky, deadline_s=60)
    wait_until(lambda: [a["status"] for a in api.attempts(it.app, flaky, endpoint_id=other)][-1:] == [0], 30)

    # A worker dies: its slot is adopted.
    adopted = api.metrics()["posthorn_slots_adopted_total"]
    kill(it.daemon.worker_pids()[0], signal.SIGKILL)
    wait_until(lambda: it.daemon.api().metrics()["posthorn_slots_adopted_total"] > adopted, 60)
    it.load.wait(100, 60)
    assert "pg.pooler" not in it.daemon.log()
    it.judge("pgbouncer")


def test_pooler_killed_and_server_restarted(behind):
    it = behind(database_prepare="false")
    it.pooler.kill()
    it.wait_red("no connection")
    it.load.wait_refused()
    it.pooler.start()
    it.resumed(time.monotonic())
    it.cluster.stop("immediate")
    it.wait_red("no connection", "does not answer", "stored", "lease", "recorded")
    it.load.wait_refused()
    it.cluster.start()
    it.judge("pgbouncer killed, server restarted", since=time.monotonic())


def goes_on(load):
    since = time.monotonic()
    load.wait(100, 60)
    return not [a for a in load.refused() if a.at > since]


@pytest.mark.skipif(version() >= (1, 21), reason="knows about prepared statements")
def test_prepared_statements(behind):
    """With a pooler that does not know about them: said once, with the way out, and done without."""
    it = behind(workers=1)
    it.load.wait(100, 60)
    # It takes two sessions that the pooler has exchanged.
    said = wait_until(lambda: re.findall(r"event=pg.pooler .*", it.daemon.log()), 60, "what is said")
    assert all("database_prepare = false" in line for line in said)
    assert len(said) == len({re.search(r"pool=(\w+)", line)[1] for line in said}), "once for each pool"
    wait_until(lambda: goes_on(it.load), 60, "a hundred events and no refusal")  # each pool learns by itself
    print(len(said), said[0])
    it.judge("pgbouncer, database_prepare = true")
