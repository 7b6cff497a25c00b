"""Where a daemon keeps its data: below --dev, with a PostgreSQL of its own; or, when
POSTHORN_TEST_DATABASE_URL names a server, in a database that is made there for it and dropped again.

Around that, in the environment as well:
  POSTHORN_TEST_SETTINGS        "name=value …": options that every daemon gets, under a test's own
  POSTHORN_TEST_DATABASE_SETUP  a program, called with "make URL" after the migrations of a database
                                and with "drop URL" before its end (a cluster's other nodes)
"""

import fcntl
import os
import secrets
import shutil
import subprocess

import psycopg
import psycopg.conninfo
import pytest

SERVER_URL = os.environ.get("POSTHORN_TEST_DATABASE_URL")
SETUP = os.environ.get("POSTHORN_TEST_DATABASE_SETUP")
SETTINGS = dict(word.split("=", 1) for word in os.environ.get("POSTHORN_TEST_SETTINGS", "").split())

needs_own_cluster = pytest.mark.skipif(
    SERVER_URL is not None, reason="about the PostgreSQL of --dev; this run has a server given")


def new_home(daemon):
    return ServerHome(daemon, SERVER_URL) if SERVER_URL else DevHome(daemon)


class DevHome:
    """The directory of --dev holds all there is. It starts as a copy of one that was made once: what is
    young in it is its key and its token."""

    owns_cluster = True
    arguments = property(lambda self: [f"--dev={self._daemon.dir}/dev"])
    settings = {}

    def __init__(self, daemon):
        self._daemon = daemon

    def make(self):
        """PostgreSQL's directory as a first start leaves it; what is secret is made by the start."""
        if not (self._daemon.dir / "dev").exists():
            (self._daemon.dir / "dev").mkdir()
            subprocess.run(["cp", "-a", template(type(self._daemon)), self._daemon.dir / "dev/postgres"],
                           check=True)

    def drop(self):
        pass

    @property
    def database_url(self):
        return f"host={self._daemon.dir}/dev/run user=posthorn dbname=posthorn"

    def postmaster_pid(self):
        files = list((self._daemon.dir / "dev").glob("*/postmaster.pid"))
        assert len(files) == 1, f"no postmaster.pid below {self._daemon.dir}/dev"
        return int(files[0].read_text().split("\n", 1)[0])


class EmptyHome(DevHome):
    """For those who want to see a first start, with all that it does."""

    def make(self):
        pass


def template(make_daemon):
    """Made once for a build, whoever comes first: a first start takes seconds."""
    build = make_daemon.PROGRAM.parent
    stamp = f"{os.path.getmtime(make_daemon.PROGRAM.resolve()):.6f}"
    path = build / f"dev-template/{stamp}"
    with open(build / "dev-template.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            shutil.rmtree(path.parent, ignore_errors=True)
            path.parent.mkdir()
            daemon = make_daemon(home=EmptyHome).start()
            daemon.stop()
            subprocess.run(["cp", "-a", daemon.dir / "dev/postgres/.", path], check=True)
            daemon.close()
    return path


class ServerHome:
    """A database of the given server; key and token lie where --dev would have put them."""

    owns_cluster = False
    arguments = []

    def __init__(self, daemon, url):
        self._daemon = daemon
        self._server = url
        self._made = False
        self.database_url = psycopg.conninfo.make_conninfo(
            url, dbname="posthorn_e2e_" + secrets.token_hex(6))

    def make(self):
        """Once: a daemon that is started again finds what it has left."""
        if self._made:
            return
        self._made = True
        directory = self._daemon.dir / "dev"
        directory.mkdir()
        private_file(directory / "jwt_secret", secrets.token_hex(32))
        self._on_server("create database")
        self._posthornd("migrate")
        self._setup("make")
        private_file(directory / "token", self._posthornd("token"))

    def drop(self):
        if not self._made:
            return
        self._setup("drop")
        self._on_server("drop database", "with (force)")

    @property
    def settings(self):
        # Loopback is what --dev allows.
        return {"database_url": self.database_url, "allow_addresses": "127.0.0.0/8, ::1/128",
                "jwt_secret_file": self._daemon.dir / "dev/jwt_secret", **SETTINGS}

    def postmaster_pid(self):
        pytest.skip("needs a PostgreSQL that it may kill; this run has a server given")

    def _on_server(self, before, behind=""):
        name = psycopg.conninfo.conninfo_to_dict(self.database_url)["dbname"]
        with psycopg.connect(self._server, autocommit=True, prepare_threshold=None) as server:
            server.execute(f"{before} {name} {behind}")

    def _posthornd(self, command):
        return self._daemon.posthornd(command).stdout.strip()

    def _setup(self, what):
        if SETUP:
            subprocess.run([SETUP, what, self.database_url], stdin=subprocess.DEVNULL, check=True,
                           timeout=120)


class OwnServerHome(ServerHome):
    """A database in a cluster of the test's own (cluster.py), as its ordinary role. url: what the daemon
    is told instead of the cluster's address."""

    def __init__(self, daemon, cluster, url=None):
        super().__init__(daemon, cluster.url(user="posthorn"))
        self._cluster, self._url = cluster, url

    @property
    def settings(self):
        if not self._url:
            return super().settings
        name = psycopg.conninfo.conninfo_to_dict(self.database_url)["dbname"]
        return {**super().settings,
                "database_url": psycopg.conninfo.make_conninfo(self._url, dbname=name)}

    def drop(self):
        """The cluster goes as a whole."""

    def move(self, cluster):
        """Another cluster has the database now."""
        name = psycopg.conninfo.conninfo_to_dict(self.database_url)["dbname"]
        self._cluster, self.database_url = cluster, cluster.url(user="posthorn", dbname=name)

    def postmaster_pid(self):
        return self._cluster.process.pid

    def _on_server(self, before, behind=""):
        if self._cluster.tablespace:
            behind += f" tablespace {self._cluster.tablespace}"
        super()._on_server(before, behind)


def private_file(path, text):
    path.touch(0o600)
    path.write_text(text + "\n")
