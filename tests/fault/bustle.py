"""A service in which everything goes on at once: events that are stored, repeated, delivered, retried, given
up and replayed, calls, names that are looked up, an endpoint that says 410. And what must be true of
it when it is over, whatever has failed meanwhile."""

import http.client
import itertools
import threading

from harness.api import Api
from harness.daemon import Daemon
from harness.faults import Faults
from harness.names import Names
from harness.receiver import Receiver
from harness.wait import Late, wait_until

HOST = "hooks-of-acme.com"
PRODUCERS = 3
HELD = {"/unsteady": {}, "/ordered": {"ordering": "endpoint"}, "/throttled": {"throttleRate": 50}, "/paused": {}}
TROUBLE = (OSError, http.client.HTTPException, AssertionError, ValueError, KeyError)


class Bustle:
    def __init__(self, **settings):
        self.receiver = Receiver()
        self.receiver.cycle("/flaky", 500, 200)
        self.receiver.cycle("/dead", 500, 200)
        self.receiver.script("/gone", 410)
        self.receiver.cycle("/unsteady", *[500] * 8, *[200] * 60)
        self._names = Names({HOST: [["127.0.0.1"]]}, ttl_s=1)
        quick = {"lease": "1s", "breaker_failures": 5, "probe_min": "100ms", "probe_max": "300ms"}
        self.daemon = Daemon(workers=2, dns_servers=self._names.server, **quick, **settings)
        self.faults = Faults(self.daemon.dir)
        self.daemon.settings.update(self.faults.settings)
        self.problems = []
        self.accepted = {}  # message → application
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = []

    # Beginning and end.

    def start(self):
        self.daemon.start()
        api = self.daemon.api()
        self.app, self.side = api.new_app("main"), api.new_app("side")
        schedule = [0.2] * 10 + [1] * 20
        self.endpoints = [
            api.new_endpoint(self.app, self.receiver.url("/fine"), retrySchedule=schedule),
            api.new_endpoint(self.app, self.receiver.url("/flaky"), retrySchedule=schedule),
        ]
        named = f"http://{HOST}:{self.receiver.port}"
        api.new_endpoint(self.side, named + "/named", retrySchedule=schedule)
        api.new_endpoint(self.side, named + "/dead", retrySchedule=[])
        for path, more in HELD.items():
            made = api.new_endpoint(self.side, self.receiver.url(path), retrySchedule=schedule, **more)
            self.paused = made if path == "/paused" else None
        self.gone = api.new_endpoint(self.side, named + "/gone", retrySchedule=[])
        self._watch()
        for target in [self._produce] * PRODUCERS + [self._repeat, self._side, self._enable, self._replay,
                                                 self._pause]:
            self._threads.append(threading.Thread(target=self._run, args=(target,), daemon=True))
            self._threads[-1].start()
        return self

    def _watch(self):
        """Somebody is told what becomes of endpoints: there are notices."""
        token = self.daemon.token_for("--org", "org_00000000000SvixManagement00")
        manager = Api("127.0.0.1", self.daemon.port, token)
        app = manager.new_app(uid="org_posthorn")
        manager.new_endpoint(app, self.receiver.url("/watch"), eventTypes=["endpoint.disabled"])

    def _run(self, step):
        """Everybody tries again: with a new connection, after whatever trouble."""
        api = self.daemon.api()
        for number in itertools.count():
            if self._stop.is_set():
                return
            try:
                step(api, number)
            except TROUBLE:
                api = self.daemon.api()
                self._stop.wait(0.02)

    def quiet(self):
        """No more events, and no more trouble; those that have been accepted go on."""
        self._stop.set()
        for path in ("/flaky", "/unsteady"):
            self.receiver.script(path, 200)
        for thread in self._threads:
            thread.join(40)
        wait_until(lambda: self.daemon.api().patch(
            f"/app/{self.side}/endpoint/{self.paused}", {"paused": False}).status == 200, 40, "resumed")

    def close(self):
        self._stop.set()
        try:
            self.daemon.close()
        finally:
            self.receiver.stop()
            self._names.stop()

    # What goes on.

    def _accept(self, app, reply):
        if reply.status == 202:
            with self._lock:
                self.accepted[reply.json["id"]] = app

    def _produce(self, api, number):
        event = {"eventType": "t", "payload": {"n": number}}
        self._accept(self.app, api.post(f"/app/{self.app}/msg", event, timeout_s=10))
        self._stop.wait(0.01)

    def _repeat(self, api, number):
        """The same request twice: the second one asks why it was not stored."""
        key = {"Idempotency-Key": f"{threading.get_ident()}-{number}"}
        event = {"eventType": "t", "payload": {"again": number}}
        ids = set()
        for _ in range(2):
            reply = api.post(f"/app/{self.app}/msg", event, headers=key, timeout_s=10)
            self._accept(self.app, reply)
            ids |= {reply.json["id"]} if reply.status == 202 else set()
        if len(ids) > 1:
            self.problems.append(f"one key, two events: {ids}")
        self._stop.wait(0.02)

    def _side(self, api, number):
        event = {"eventType": "t", "payload": {"side": number}}
        self._accept(self.side, api.post(f"/app/{self.side}/msg", event, timeout_s=10))
        self._stop.wait(0.05)

    def _enable(self, api, number):
        api.patch(f"/app/{self.side}/endpoint/{self.gone}", {"disabled": False}, timeout_s=10)
        self._stop.wait(0.05)

    def _replay(self, api, number):
        api.post("/dead-letter/replay", {"appId": self.side}, timeout_s=10)
        self._stop.wait(0.2)

    def _pause(self, api, number):
        api.patch(f"/app/{self.side}/endpoint/{self.paused}", {"paused": number % 2 == 0}, timeout_s=10)
        self._stop.wait(0.3 if number % 2 == 0 else 1.5)

    # What must be true.

    def more(self, count=10, deadline_s=40):
        """So many more events have been accepted."""
        goal = len(self.accepted) + count
        wait_until(lambda: len(self.accepted) >= goal, deadline_s, f"{count} more events")

    def is_ready(self):
        """Both workers: requests go to either."""
        return all(self.daemon.api().call("GET", "//readyz", token=None, timeout_s=5).status == 200
                   for _ in range(4))

    def recovered(self, deadline_s=40):
        wait_until(lambda: len(self.daemon.worker_pids()) == 2, deadline_s, "two workers")
        wait_until(self.is_ready, deadline_s, "/readyz is green")

    def _answered(self, path):
        """Ids of the events that a path has answered with 200."""
        return {got.id for got in self.receiver.got(path) if got.answered == 200}

    def nothing_is_lost(self, deadline_s=90):
        """Each accepted event was answered with 200 where that is to be had, and that is on record."""
        self.recovered()
        self.more(50)
        self.quiet()
        assert not self.problems, self.problems
        main = {m for m, app in self.accepted.items() if app == self.app}
        side = {m for m, app in self.accepted.items() if app == self.side}
        side_paths = ["/named", *HELD]
        for path, wanted in [("/fine", main), ("/flaky", main), *((path, side) for path in side_paths)]:
            try:
                wait_until(lambda: not wanted - self._answered(path), deadline_s)
            except Late as late:
                raise Late(self._missing(path, wanted)) from late
        wait_until(lambda: self._on_record() >= 2 * len(main), deadline_s, "every delivery is on record")

    def _missing(self, path, wanted):
        """What the service says of events that a path has not answered with 200."""
        missing = sorted(wanted - self._answered(path))
        api, text = self.daemon.api(), [f"{len(missing)} of {len(wanted)} events at {path}"]
        for message in missing[:3]:
            text.append(message)
            text += [f"  {a['timestamp']} {a['responseStatusCode']} {a['error']} next {a.get('nextAttempt')}"
                     for a in api.attempts(self.accepted[message], message) if a["url"].endswith(path)]
        with self.daemon.database() as db:
            for what in ("hold", "retry where due > now() - interval '5 min' order by due desc limit 5",
                         "dead_letter order by id desc limit 5"):
                text += [f"{what}: {row}" for row in db.execute(f"select * from {what}")]
            text.append(f"parked: {db.execute('select count(*) from parked').fetchone()}")
        return "\n".join(text)

    def _on_record(self):
        """Pairs of event and endpoint of the main application with a success."""
        with self.daemon.database() as db:
            return db.execute(
                "select count(distinct (msg_id, endpoint_id)) from attempt"
                " where status = 0 and app_id = (select id from app where name = 'main')").fetchone()[0]
