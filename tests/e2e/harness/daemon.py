"""The daemon under test: the built posthornd in a directory of its own, in --dev mode unless the run has a
server given (home.py)."""

import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

import psycopg

from .api import Api
from .home import new_home
from .wait import wait_until

BUILD = pathlib.Path(os.environ.get("POSTHORN_BUILD", "build-test")).resolve()
SCRATCH = os.environ.get("POSTHORN_TEST_SCRATCH", "/tmp")  # where directories of tests are made
POSTHORND = BUILD / "posthornd"
POSTHORN = BUILD / "posthorn"
SANITIZER = re.compile(r"ERROR: (Address|Leak)Sanitizer|runtime error:|SUMMARY: \w+Sanitizer")


def free_port():
    """One that stays free until it is bound, and while what listens there is restarted: of those that the
    kernel gives to nobody who does not ask for them, and of a turn that differs from process to process."""
    for _ in range(TURN):
        free_port.turn = (free_port.turn + 1) % TURN
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", FIRST_PORT + free_port.turn))
                return FIRST_PORT + free_port.turn
            except OSError:
                pass
    raise RuntimeError("every port is taken")


FIRST_PORT, TURN = 10000, 20000
free_port.turn = random.randrange(TURN)


def environment(**settings):
    """Nothing of the caller's POSTHORN_ settings, and sanitizers that stop at the first finding."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("POSTHORN_")}
    env["UBSAN_OPTIONS"] = "halt_on_error=1:print_stacktrace=1"
    env["ASAN_OPTIONS"] = "abort_on_error=0:detect_stack_use_after_return=1"
    env.update({f"POSTHORN_{k.upper()}": str(v) for k, v in settings.items()})
    return env


class Daemon:
    """Daemon(workers=2, lease="1s", …): keyword arguments are options of posthornd (underscores). home: what
    makes the place of its data instead of home.new_home."""

    PROGRAM = POSTHORND

    def __init__(self, workers=1, flags=(), home=None, **settings):
        # Short, because Unix socket paths are; open, because PostgreSQL is another user's under root.
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="phe-", dir=SCRATCH))
        self.dir.chmod(0o755)
        self.port = free_port()
        self.workers, self.flags, self.settings = workers, list(flags), settings
        self.log_path = self.dir / "log"
        self.home = (home or new_home)(self)
        self.more_environment = {}
        self.process = None
        self.ready_line = None

    # Life.

    def start(self, deadline_s=60.0):
        self.home.make()
        argv = [POSTHORND, *self.home.arguments, "--listen", f"127.0.0.1:{self.port}",
                "--workers", str(self.workers), *self.flags]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                argv, cwd="/", start_new_session=True,
                env=environment(**{**self.home.settings, **self.settings}) | self.more_environment,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        lines = []
        reader = threading.Thread(target=self._read_stdout, args=(self.process.stdout, lines))
        reader.daemon = True
        reader.start()
        wait_until(lambda: any("http://" in line for line in lines) or self._must_run(),
                   deadline_s, "the line that says it is ready")
        self.ready_line = next(line for line in lines if "http://" in line)
        return self

    @staticmethod
    def _read_stdout(stream, lines):
        for line in stream:
            lines.append(line.decode().rstrip("\n"))

    def _must_run(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"posthornd ended with {self.process.returncode}:\n{self.log()[-4000:]}")
        return False

    def stop(self, deadline_s=60.0):
        """A graceful stop; returns the exit status."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(deadline_s)
        return self.process.returncode

    def kill_all(self):
        """kill -9 of the supervisor, its workers and its PostgreSQL, all at once."""
        victims = self._all_pids()
        for pid in victims:
            kill(pid, signal.SIGKILL)
        self.process.wait(30)
        wait_until(lambda: not any(alive(pid) for pid in victims), 30, "every process is gone")

    def _all_pids(self):
        postgres = self.postgres_pids() if self.home.owns_cluster else []
        return [self.process.pid, *self.worker_pids(), *postgres]

    def close(self):
        """Ends whatever is left and judges the log; the directory stays when something is wrong."""
        status = None
        try:
            status = self.stop()
        except subprocess.TimeoutExpired:
            for pid in self._all_pids():
                kill(pid, signal.SIGKILL)
        finding = SANITIZER.search(self.log())
        assert status is not None, f"posthornd did not stop: {self.log_path}"
        assert not finding, f"a sanitizer's report in {self.log_path}:\n{self.log()[finding.start():][:3000]}"
        assert status in (0, -signal.SIGKILL), f"exit status {status}: {self.log_path}"
        self.home.drop()
        shutil.rmtree(self.dir, ignore_errors=True)

    # What it shows.

    @property
    def token(self):
        return (self.dir / "dev/token").read_text().strip()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def api(self):
        return Api("127.0.0.1", self.port, self.token)

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def database(self):
        """A connection to its database, with autocommit."""
        return psycopg.connect(self.home.database_url, autocommit=True, prepare_threshold=None)

    def worker_pids(self):
        """Children of the supervisor that run the same program."""
        own = os.path.realpath(POSTHORND)
        return [pid for pid in children(self.process.pid) if executable(pid) == own]

    def postmaster_pid(self):
        """Skips the test where the daemon has no PostgreSQL of its own."""
        return self.home.postmaster_pid()

    def postgres_pids(self):
        try:
            postmaster = self.postmaster_pid()
        except (AssertionError, ValueError):
            return []
        return [postmaster, *children(postmaster)] if alive(postmaster) else []

    def token_for(self, *flags):
        """Another token of this daemon's key."""
        return self.posthornd("token", *flags).stdout.strip()

    def posthornd(self, command, *flags):
        """One of the program's commands, with what it needs to know of this daemon's data."""
        return subprocess.run([POSTHORND, command, *self.home.arguments, *flags],
                              env=environment(**self.home.settings) | self.more_environment,
                              capture_output=True, text=True,
                              check=True, timeout=120)

    def run(self, *arguments, **more):
        """The command line, as an operator of this daemon runs it."""
        env = environment(url=self.url, token=self.token)
        return subprocess.run([POSTHORN, *arguments], env=env, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=30, **more)


def kill(pid, signal_number):
    try:
        os.kill(pid, signal_number)
    except ProcessLookupError:
        pass


def alive(pid):
    """Runs, and is not a zombie."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def children(parent):
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state, ppid = stat.read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(ppid) == parent and state not in "ZX":
            found.append(int(stat.parent.name))
    return sorted(found)


def executable(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return None
