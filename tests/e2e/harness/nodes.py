"""Several nodes over one database, and producers that know all of them.

The database is that of a --dev daemon whose own processes are put to sleep for good, or one of the server
that the run was given (home.py)."""

import http.client
import itertools
import json
import signal
import threading
import time

from .clock import Clock
from .daemon import Daemon, alive, kill
from .wait import wait_until


class Node(Daemon):
    """A daemon over a database that is another's."""

    def __init__(self, ground, **settings):
        super().__init__(**settings)
        self.home = Guest(ground)

    token = property(lambda self: self.home.ground.token)

    def set_clock(self, ahead_s):
        """From its next start on its clock is so much ahead of the machine's; node.clock sets it."""
        self.clock = Clock(self.dir / "clock", ahead_s)
        self.more_environment = self.clock.environment

    def die(self):
        """kill -9 of the supervisor and its workers, all at once: the machine's end."""
        victims = [self.process.pid, *self.worker_pids()]
        for pid in victims:
            kill(pid, signal.SIGKILL)
        self.process.wait(30)
        wait_until(lambda: not any(alive(pid) for pid in victims), 30, "every process is gone")


class Guest:
    """Where a node keeps nothing."""

    owns_cluster = False
    arguments = []

    def __init__(self, ground):
        self.ground = ground
        self.database_url = ground.home.database_url

    def make(self):
        pass

    drop = make

    @property
    def settings(self):
        return {**self.ground.home.settings, "database_url": self.database_url,
                "allow_addresses": "127.0.0.0/8, ::1/128",
                "jwt_secret_file": self.ground.dir / "dev/jwt_secret"}


class Nodes:
    """Nodes(3, lease="1s", …): running ones. nodes[i] may be stopped, killed and started at will. clocks: for
    each one how many seconds its clock is ahead."""

    def __init__(self, count, workers=1, clocks=(), **settings):
        self.ground = Daemon(workers=1)
        self._asleep = []
        self.list = []
        try:
            self._make_ground()
            for index in range(count):
                self.list.append(Node(self.ground, workers=workers, **settings))
                if clocks:
                    self.list[-1].set_clock(clocks[index])
                self.list[-1].start()
            if clocks:
                self._mint(self.list[min(range(count), key=lambda n: clocks[n])])
        except BaseException:
            self.close()
            raise

    def _make_ground(self):
        if not self.ground.home.owns_cluster:
            self.ground.home.make()
            return
        self.ground.start()
        self._asleep = [self.ground.process.pid, *self.ground.worker_pids()]
        for pid in self._asleep:
            kill(pid, signal.SIGSTOP)
        # Its slots are of no use to it, and free at once.
        with self.ground.database() as db:
            db.execute("update slot set owner = null, dirty = false, epoch = epoch + 1"
                       " where owner is not null")

    def _mint(self, slowest):
        """A token that is valid already by the clock that is most behind."""
        (self.ground.dir / "dev/token").write_text(slowest.token_for())

    def __getitem__(self, index):
        return self.list[index]

    def __len__(self):
        return len(self.list)

    def api(self):
        """Of a node that runs."""
        return next(n for n in self.list if n.process and n.process.poll() is None).api()

    def database(self):
        return self.ground.database()

    def close(self):
        try:
            for node in self.list:
                node.close()
        finally:
            for pid in self._asleep:
                kill(pid, signal.SIGCONT)
            if self.ground.process:
                self.ground.close()
            else:
                self.ground.home.drop()


class Producers:
    """Threads that post one event after the other, to the nodes in turn; what a node refuses or does not
    answer goes to the next one, with the same Idempotency-Key. `headers` of each node are its token's."""

    def __init__(self, nodes, app, threads=6, timeout_s=30, make=lambda number: {}):
        self.accepted = []  # (when it was accepted, message, seconds since its first try)
        self._nodes, self._app, self._timeout_s, self._make = nodes, app, timeout_s, make
        self._token = nodes.ground.token
        self._stop = threading.Event()
        self._lock = threading.Condition()
        self._numbers = itertools.count()
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def _run(self, turn):
        connections = {}
        while not self._stop.is_set():
            number = next(self._numbers)
            begun = time.monotonic()
            message = None
            while message is None:
                turn += 1
                message = self._try(connections, turn % len(self._nodes), number)
                if message is None and self._stop.is_set():
                    return  # never answered: nothing was promised
            now = time.monotonic()
            with self._lock:
                self.accepted.append((now, message, now - begun))
                self._lock.notify_all()

    def _try(self, connections, index, number):
        """The message's id; None when another node has to be asked."""
        body = json.dumps({"eventType": "t", "payload": {"n": number}, **self._make(number)})
        connection = connections.get(index) or http.client.HTTPConnection(
            "127.0.0.1", self._nodes[index].port, timeout=self._timeout_s)
        connections[index] = connection
        try:
            connection.request("POST", f"/api/v1/app/{self._app}/msg", body, {
                "Authorization": f"Bearer {self._token}", "Content-Type": "application/json",
                "Idempotency-Key": f"{self._app}-{number}"})
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            connections.pop(index).close()
            self._stop.wait(0.005)
            return None
        if answer.status == 202:
            return json.loads(text)["id"]
        assert answer.status in (409, 503), (answer.status, text)
        self._stop.wait(0.005)
        return None

    def wait(self, more, deadline_s=60):
        """Until so many more have been accepted."""
        with self._lock:
            goal = len(self.accepted) + more
            assert self._lock.wait_for(lambda: len(self.accepted) >= goal, deadline_s), (
                f"{len(self.accepted)} accepted, {goal} wanted")

    def ids(self):
        with self._lock:
            return [message for _, message, _ in self.accepted]

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        return self.ids()
