"""PostgreSQL clusters of a test's own: to be restarted, killed, filled up, replicated from, cut off.

The daemon works as the role posthorn, which is no superuser; tests look in as postgres."""

import atexit
import ctypes
import glob
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile

import psycopg
import psycopg.conninfo

from .daemon import SCRATCH, alive, children, free_port, kill
from .wait import wait_until

BIN = pathlib.Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"),
                          key=lambda path: int(path.split("/")[-2]))[-1])
SUPERUSER, ROLE = "postgres", "posthorn"
BECOME = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)

# Small and quick; a crash of the process loses nothing that was written, synced or not.
SETTINGS = {"fsync": "off", "shared_buffers": "32MB", "max_connections": 60, "wal_level": "replica",
            "wal_receiver_status_interval": 1, "unix_socket_directories": "''",
            "log_line_prefix": "'%m %p %a '"}


class Cluster:
    """Made and started by start(); close() ends and removes it. `around` goes before the command line of
    the server: a program that starts it elsewhere, and as the right user."""

    def __init__(self, host="127.0.0.1", around=(), **settings):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="phc-", dir=SCRATCH))
        self.dir.chmod(0o755)
        own(self.dir)
        self.data = self.dir / "data"
        self.host, self.port, self.around = host, free_port(), list(around)
        self.settings = {**SETTINGS, **settings}
        self._become = {} if around else BECOME
        self.tablespace = None
        self.process = None

    # Life.

    def make(self):
        """Its directory; for those who change something in it before the start."""
        if not self.data.exists():
            subprocess.run(["cp", "-a", template(), self.data], check=True)

    def start(self, wait=True):
        self.make()
        options = {**self.settings, "port": self.port, "listen_addresses": f"'{self.host}'"}
        (self.data / "postgresql.auto.conf.test").write_text(
            "".join(f"{name} = {value}\n" for name, value in options.items()))
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*self.around, BIN / "postgres", "-D", self.data,
                 "-c", f"config_file={self._config()}"], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, cwd="/", start_new_session=True,
                preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGQUIT), **self._become)
        if wait:
            wait_until(self.answers, 60, "PostgreSQL answers")
        return self

    def _config(self):
        """The cluster's own configuration, then the test's."""
        path = self.dir / "postgresql.conf"
        path.write_text(f"include '{self.data}/postgresql.conf'\n"
                        f"include '{self.data}/postgresql.auto.conf.test'\n")
        return path

    def stop(self, mode="fast", deadline_s=60):
        signals = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
        self.process.send_signal(signals[mode])
        self.process.wait(deadline_s)

    def kill(self):
        """kill -9 of the server and all that it has started."""
        victims = self.pids()
        for pid in victims:
            kill(pid, signal.SIGKILL)
        self.process.wait(30)
        wait_until(lambda: not any(alive(pid) for pid in victims))

    def pause(self):
        """SIGSTOP: the server hangs, and its sockets stay. Children that it makes meanwhile: none."""
        victims = self.pids()
        for pid in victims:
            kill(pid, signal.SIGSTOP)
        return lambda: [kill(pid, signal.SIGCONT) for pid in victims]

    def pids(self):
        if self.process is None or self.process.poll() is not None:
            return []
        return [self.process.pid, *children(self.process.pid)]

    def stop_if_running(self):
        for pid in self.pids():
            kill(pid, signal.SIGCONT)
        if self.pids():
            self.stop("immediate")

    def close(self):
        self.stop_if_running()
        shutil.rmtree(self.dir, ignore_errors=True)

    # Replication.

    def standby(self, host=None, around=(), **settings):
        """A streaming standby of this cluster, started."""
        other = Cluster(host or self.host, around, **settings)
        subprocess.run([*other.around, BIN / "pg_basebackup", "-D", other.data, "-R", "-X", "stream",
                        "-c", "fast", "-d", self.url(dbname=None, application_name=other.name)],
                       check=True, **other._become)
        return other.start()

    @property
    def name(self):
        """By which synchronous_standby_names knows it."""
        return f"standby{self.port}"

    def recover_for_ever(self):
        """Starts it as a standby of nobody that lets nobody in (57P03)."""
        self.settings["hot_standby"] = "off"
        (self.data / "standby.signal").touch()
        self.start(wait=False)
        wait_until(self._listens, 30, "PostgreSQL listens")

    def _listens(self):
        with socket.create_connection((self.host, self.port), 5):
            return True

    def end_recovery(self):
        """As `pg_ctl promote` does it."""
        (self.data / "promote").touch()
        self.process.send_signal(signal.SIGUSR1)
        wait_until(self.answers, 60)

    def promote(self):
        self.run("select pg_promote(true, 60)")

    # What it shows.

    def url(self, user=SUPERUSER, **more):
        return psycopg.conninfo.make_conninfo(
            host=self.host, port=self.port, user=user, **{"dbname": "postgres", **more})

    def connect(self, **more):
        """As the superuser, with autocommit."""
        return psycopg.connect(self.url(**more), autocommit=True, prepare_threshold=None,
                               connect_timeout=5)

    def run(self, *statements, **more):
        """The rows of the last statement."""
        with self.connect(**more) as db:
            for statement in statements:
                cursor = db.execute(statement)
            return cursor.fetchall() if cursor.description else None

    def answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended with {self.process.returncode}:\n{self.log()[-3000:]}")
        try:
            return bool(self.run("select 1"))
        except psycopg.Error:
            return False

    def set(self, **settings):
        """alter system, in force when it returns."""
        self.run(*[f"alter system set {name} = {value}" for name, value in settings.items()],
                 "select pg_reload_conf()")
        for name, value in settings.items():
            wait_until(lambda: self.run(f"show {name}")[0][0] == str(value).strip("'"), what=name)

    def log(self):
        return (self.dir / "log").read_text(errors="replace")

    def terminate(self):
        """Ends every session of the daemon's role; how many there were."""
        return self.run(f"select count(pg_terminate_backend(pid)) from pg_stat_activity"
                        f" where usename = '{ROLE}'")[0][0]


def own(path):
    if BECOME:
        shutil.chown(path, BECOME["user"], BECOME["group"])


def template():
    """An empty cluster, made once in a run: initdb takes a second or two."""
    if not hasattr(template, "path"):
        parent = pathlib.Path(tempfile.mkdtemp(prefix="phc-template-", dir=SCRATCH))
        atexit.register(shutil.rmtree, parent, True)
        parent.chmod(0o755)
        own(parent)
        path = parent / "data"
        subprocess.run([BIN / "initdb", "-N", "-A", "trust", "-U", SUPERUSER, "-E", "UTF8",
                        "--no-locale", "-D", path], check=True, stdout=subprocess.DEVNULL, cwd="/",
                       **BECOME)
        with open(path / "pg_hba.conf", "a") as access:
            access.write("host all all all trust\n")
        subprocess.run([BIN / "postgres", "--single", "-D", path, "postgres"], cwd="/", check=True,
                       input=f"create role {ROLE} login createdb\n", text=True,
                       stdout=subprocess.DEVNULL, **BECOME)
        template.path = path
    return template.path
