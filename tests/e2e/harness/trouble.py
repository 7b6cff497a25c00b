"""A daemon under load while its database is in trouble, and what must hold whatever happened."""

import time

import psycopg.conninfo

from .cluster import Cluster
from .daemon import Daemon
from .home import OwnServerHome
from .load import Load, duplicates
from .receiver import Receiver
from .wait import wait_until
from .watch import Watch

# Stated: acceptance and delivery go on so long after the database does, at the latest. Most of it is
# what a busy machine may need; see docs/operations.md for what to expect.
RESUME_S = 30
# No answer takes longer, whatever the database does.
ANSWER_S = 20

UNRESOLVED = """select count(*) from message m
    where not exists (select 1 from attempt a where a.app_id = m.app_id and a.msg_id = m.id and a.status = 0)"""


class Trouble:
    """url: what the daemon connects to instead of the cluster itself (a pooler, a proxy, two hosts)."""

    def __init__(self, cluster=None, url=None, workers=1, **settings):
        self.cluster = cluster or Cluster().start()
        self.began = time.monotonic()
        more = {"lease": "2s", **settings}
        self.daemon = Daemon(workers=workers, home=lambda d: OwnServerHome(d, self.cluster, url), **more)
        self.receiver = Receiver()
        self.load = self.watch = None

    def start(self, **load):
        self.daemon.start()
        api = self.daemon.api()
        self.app = api.new_app()
        api.new_endpoint(self.app, self.receiver.url(), retrySchedule=[0.1, 0.2, 0.5, 1, 1, 1])
        self.watch = Watch(self.daemon)
        self.load = Load(self.daemon, self.app, **{"threads": 4, "pause_s": 0.01, **load})
        self.load.wait(50, 60)
        return self

    # What happens.

    def wait_red(self, *words, deadline_s=30):
        """/readyz is red, for a reason that has one of the words."""
        since = time.monotonic()
        return wait_until(lambda: [r for r in self.watch.reasons(since) if any(w in r for w in words)],
                          deadline_s, f"readyz says {words}; it says {self.watch.reasons()}")

    def resumed(self, since, within_s=RESUME_S):
        """Acceptance, health and delivery are back, counted from `since`; the three times in seconds."""
        wait_until(lambda: self.load.first_accepted(since) is not None, within_s, "acceptance")
        self.load.wait(50, within_s)
        wait_until(lambda: self.watch.ready_after(since) is not None, within_s, "readyz is green")
        last = self.load.accepted[-1]
        self.receiver.wait_ids([last], within_s)
        delivered = min(g.at for g in self.receiver.got() if g.at > since)
        return self.load.first_accepted(since), self.watch.ready_after(since), delivered - since

    # What must hold.

    def judge(self, name, duplicates_max=400, since=None):
        """Ends the load: everything that was accepted has arrived, and nobody was kept waiting."""
        times = self.resumed(since) if since else None
        accepted = self.load.stop()
        self.receiver.wait_ids(accepted, 60)
        self.watch.stop()
        wait_until(self.all_recorded, 60)
        self._assert_stored(accepted)
        twice = duplicates(self.receiver)
        self._report(name, accepted, twice, times)
        assert {a.status for a in self.load.answers} <= {202, 503}, self.daemon.log()[-2000:]
        assert all(a.retry_after for a in self.load.refused())
        assert max(a.seconds for a in self.load.answers) < ANSWER_S
        assert {look.status for look in self.watch.live} == {200}
        assert twice <= duplicates_max

    @property
    def database_name(self):
        return psycopg.conninfo.conninfo_to_dict(self.daemon.home.database_url)["dbname"]

    def all_recorded(self):
        """Whatever is stored has been delivered and this was written down, whoever was told what."""
        return self.cluster.run(UNRESOLVED, dbname=self.database_name) == [(0,)]

    def _assert_stored(self, accepted):
        """In the database that is left in the end, too."""
        wait_until(lambda: self.daemon.api().get(f"/app/{self.app}", want=None).status == 200, 30)
        # Its first reads may still meet a connection that is being left: 503, and tried again.
        stored = {m["id"] for m in wait_until(
            lambda: self.daemon.api().list(f"/app/{self.app}/msg", limit=250), 20, "the messages")}
        missing = set(accepted) - stored
        assert not missing, f"{len(missing)} of {len(accepted)} accepted are not stored: {sorted(missing)[:5]}"

    def _report(self, name, accepted, twice, times):
        slowest = max(a.seconds for a in self.load.answers)
        text = f"{name}: accepted {len(accepted)}, refused {len(self.load.refused())}, broken" \
               f" {self.load.broken}, slowest answer {slowest:.2f} s, duplicates {twice}"
        if times:
            text += "; accepts after {:.2f} s, ready {:.2f} s, delivers {:.2f} s".format(*times)
        print(text, *self.watch.reasons(), sep="\n  ")

    def close(self):
        for part in (self.watch, self.load):
            if part:
                part.stop()
        try:
            self.daemon.close()
        finally:
            self.receiver.stop()
            self.cluster.close()
