"""PgBouncer in transaction mode, with fewer server connections than the daemon has pools."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import psycopg
import pytest

from .cluster import BECOME, own
from .daemon import SCRATCH, free_port
from .wait import wait_until

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


class Pooler:
    def __init__(self, cluster, **settings):
        if not PROGRAM:
            pytest.skip("needs pgbouncer")
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="phb-", dir=SCRATCH))
        self.dir.chmod(0o755)
        own(self.dir)
        self.port = free_port()
        options = {"listen_addr": "127.0.0.1", "listen_port": self.port, "unix_socket_dir": "",
                   "pool_mode": "transaction", "auth_type": "any", "max_client_conn": 200,
                   "default_pool_size": 4, "server_login_retry": 1, "logfile": self.dir / "log",
                   "admin_users": "admin", **settings}
        lines = [f"{name} = {value}" for name, value in options.items()]
        (self.dir / "ini").write_text("\n".join([
            "[databases]", f"* = host={cluster.host} port={cluster.port} user=posthorn",
            "[pgbouncer]", *lines, ""]))
        self.start()

    def start(self):
        self.process = subprocess.Popen([PROGRAM, "-q", self.dir / "ini"], cwd="/", **BECOME,
                                        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers, 30, "pgbouncer answers")

    def _answers(self):
        try:
            psycopg.connect(self.url(dbname="postgres"), connect_timeout=5).close()
            return True
        except psycopg.Error:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def url(self, **more):
        return psycopg.conninfo.make_conninfo(host="127.0.0.1", port=self.port, user="posthorn", **more)

    def close(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        shutil.rmtree(self.dir, ignore_errors=True)


def version():
    """(1, 18)"""
    if not PROGRAM:
        return (0, 0)
    shown = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, env=os.environ).stdout
    return tuple(int(n) for n in re.search(r"(\d+)\.(\d+)", shown).groups())
