"""Sessions that hold snapshots and locks for long: a forgotten psql, a dump. Nobody waits for them."""

import time

import pytest
from harness.home import needs_own_cluster
from harness.trouble import Trouble

pytestmark = [needs_own_cluster, pytest.mark.serial]

# A day of long ago, as partitions_ahead() would have made it then.
OLD_DAY = """do $$
declare start timestamptz := '2020-01-01 00:00Z';
begin
    create table message_p20200101t0000 (like message including all);
    execute format('alter table message attach partition message_p20200101t0000 for values from (%s) to (%s)',
        partition_bound('id', 86400, start), partition_bound('id', 86400, start + interval '1 day'));
end $$"""
EXPIRE = "select partition_expire('90 days', '1 day')"


@pytest.fixture
def trouble():
    one = Trouble()
    yield one.start()
    one.close()


def test_readers_that_stay(trouble):
    it = trouble
    db = it.database_name
    it.cluster.run(OLD_DAY, dbname=db)
    it.cluster.run("alter table message_p20200101t0000 owner to posthorn", dbname=db)
    with it.cluster.connect(dbname=db) as snapshot, it.cluster.connect(dbname=db) as reader:
        snapshot.execute("begin isolation level repeatable read")
        snapshot.execute("select count(*) from slot")
        reader.execute("begin")
        reader.execute("select count(*) from message")  # ACCESS SHARE on it and all its parts
        began = time.monotonic()
        for _ in range(10):
            assert it.cluster.run("set statement_timeout = '10s'", EXPIRE, dbname=db, user="posthorn") == [(None,)]
            it.load.wait(20)
        took = time.monotonic() - began
        gaps = it.load.gaps(since=began)
        print(f"10 rounds of housekeeping in {took:.1f} s, longest gap between two answers {max(gaps):.2f} s")
        assert max(gaps) < 5
        assert not it.load.refused()
        # An hour of that is measured in tests/bench (an old snapshot); here it has to work at all.
        assert it.watch.ready_after(began) is not None
    assert it.cluster.run(EXPIRE, dbname=db, user="posthorn") == [("message_p20200101t0000",)]
    it.judge("readers", since=time.monotonic())
