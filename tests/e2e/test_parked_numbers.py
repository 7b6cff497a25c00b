"""Rows of `parked` become visible in another order than their numbers say: none may be passed over."""

import time

import pytest
from harness.wait import wait_until

ROW = ("insert into parked (app_id, endpoint_id, msg_id, chain, seq, tries, trigger, key)"
       " select m.app_id, h.endpoint_id, m.id, %s, 0, 0, 2, %s from message m, hold h"
       " where m.id = (select max(id) from message) and h.app_id = m.app_id")


@pytest.fixture
def ordered(start, receiver):
    """An ordered endpoint that has got one event."""
    daemon = start(workers=1, lease="1s")
    api = daemon.api()
    app = api.new_app()
    api.new_endpoint(app, receiver.script("/hook", 200), ordering="endpoint")
    receiver.wait_ids([api.send(app)], 20)
    return daemon, api, app


@pytest.mark.parametrize("open_s", [0.5, 3.0])
def test_a_row_that_commits_late_is_delivered(ordered, receiver, open_s):
    daemon, api, app = ordered
    with daemon.database() as late:
        late.autocommit = False
        # Its number is taken now, and it is to be seen when others with higher ones have been read.
        late.execute(ROW, (api_chain(daemon), 7))
        before = len(receiver.got("/hook"))
        begun = time.monotonic()
        sent = 0
        while time.monotonic() - begun < open_s:
            receiver.wait_ids([api.send(app)], 20)
            sent += 1
        assert len(receiver.got("/hook")) == before + sent
        late.commit()
    receiver.wait(before + sent + 1, "/hook", deadline_s=20)
    # And it is done with: nothing comes again.
    receiver.wait_ids([api.send(app)], 20)
    assert len(receiver.got("/hook")) == before + sent + 2


@pytest.mark.parametrize("open_s", [0.3, 0.6, 0.9])
def test_a_row_that_commits_late_and_alone_is_delivered(ordered, receiver, open_s):
    """Nothing has ended since its transaction began: to the snapshots of that while it is as if that had not
    begun (xmax is the number behind the last one that has ended)."""
    daemon, api, app = ordered
    before = len(receiver.got("/hook"))
    with daemon.database() as late:
        late.autocommit = False
        late.execute(ROW, (api_chain(daemon), 7))
        time.sleep(open_s)
        late.commit()
    receiver.wait(before + 1, "/hook", deadline_s=20)


def test_two_rows_of_one_step_are_one_delivery(ordered, receiver):
    daemon, api, app = ordered
    before = len(receiver.got("/hook"))
    chain = api_chain(daemon)
    with daemon.database() as db:
        db.execute(ROW, (chain, 7))
        db.execute(ROW, (chain, 7))
    receiver.wait(before + 1, "/hook", deadline_s=20)
    wait_until(lambda: attempts(daemon, chain) == 1, 10, "its attempt is recorded")
    receiver.wait_ids([api.send(app)], 20)
    assert len(receiver.got("/hook")) == before + 2
    assert attempts(daemon, chain) == 1


def api_chain(daemon):
    """A number that no chain has."""
    with daemon.database() as db:
        return db.execute("select max(id) + 1 from message").fetchone()[0]


def attempts(daemon, chain):
    with daemon.database() as db:
        return db.execute("select count(*) from attempt where chain = %s", (chain,)).fetchone()[0]
