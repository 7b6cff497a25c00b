"""The disk of PostgreSQL is full: of its tables, of its log. Refused quickly and truthfully, results are
held, and all goes on when there is room again."""

import subprocess
import time

import psycopg
import pytest
from harness.cluster import Cluster
from harness.home import needs_own_cluster
from harness.small_disk import SmallDisk
from harness.trouble import Trouble

pytestmark = [needs_own_cluster, pytest.mark.serial]


@pytest.fixture
def cluster():
    """A cluster, and what lies below its directory: unmounted before it is removed."""
    one, disks = Cluster(), []
    one.disk = lambda name, megabytes: disks.append(SmallDisk(one.dir / name, megabytes)) or disks[-1]
    yield one
    one.stop_if_running()
    for disk in disks:
        disk.close()
    one.close()


def test_disk_of_the_tables(cluster):
    disk = cluster.disk("tables", 96)
    cluster.start()
    cluster.run(f"create tablespace small owner posthorn location '{disk.path}'")
    cluster.tablespace = "small"
    it = Trouble(cluster)
    try:
        it.start(text="x" * 8000)
        disk.fill()
        it.wait_red("the disk of the database is full", deadline_s=60)
        it.load.wait_refused(20, 60)
        disk.free()
        it.judge("tables' disk full", since=time.monotonic())
    finally:
        it.close()


def test_disk_of_the_write_ahead_log(cluster):
    """PostgreSQL then ends itself (PANIC), and cannot start before there is room."""
    disk = cluster.disk("wal", 96)
    cluster.make()
    subprocess.run(["mv", cluster.data / "pg_wal", disk.path], check=True)
    (cluster.data / "pg_wal").symlink_to(disk.path / "pg_wal")
    cluster.start()
    it = Trouble(cluster)
    try:
        it.start()
        disk.fill()
        for _ in range(10):  # on to segments for which there is no room
            try:
                cluster.run("select pg_switch_wal()", "checkpoint")
            except psycopg.Error:
                break
        it.wait_red("no connection", "starting up or shutting down", deadline_s=60)
        it.load.wait_refused(5, 60)
        cluster.stop_if_running()
        disk.free()
        cluster.start()
        it.judge("log's disk full", since=time.monotonic())
    finally:
        it.close()
