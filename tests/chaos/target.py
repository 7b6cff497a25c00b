"""The service under test: a daemon of the harness that may be broken, or whatever answers at a URL."""

import datetime
import pathlib
import re
import shutil
import ssl
import subprocess
import tempfile
import time
import urllib.parse

from harness.daemon import SANITIZER, Daemon

from . import wire
from .checker import LAPSED
from .history import Fault

KILLED = "signal 9 (Killed)"
EXIT = re.compile(r'event=worker\.exit .*how="([^"]*)"')
ADOPTED = re.compile(r"^time=(\S+) .*event=slot\.(?:adopt|lost) ", re.MULTILINE)


class Foreign:
    """Anything with the same API. Nothing of it can be killed."""

    daemon = None
    tls = None

    def __init__(self, url, token, receiver_host):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port or 80
        self._token, self.receiver_host = token, receiver_host

    def start(self):
        pass

    def client(self, port=None):
        return wire.Client(self.host, port or self.port, self._token)

    def begin(self):
        pass

    def findings(self):
        return []

    def adoptions(self, _, __):
        return []

    def keep(self, _):
        return None

    def close(self):
        pass


class Own:
    """A daemon of ours, with a certificate authority of its own for receivers that speak TLS."""

    receiver_host = host = "127.0.0.1"

    def __init__(self, options, settings):
        self._options, self._settings = options, settings
        self._certificates = pathlib.Path(tempfile.mkdtemp(prefix="phc-"))
        self._certificates.chmod(0o755)
        self.tls = make_tls(self._certificates, self.host)
        self._mark = 0
        self.daemon = None

    def start(self):
        lease = f"{self._options.lease:g}s"
        self.daemon = Daemon(workers=self._options.workers, lease=lease, stop_timeout="3s",
                             ca_file=self._certificates / "ca.pem", **self._settings).start()
        self.port = self.daemon.port

    def client(self, port=None):
        return wire.Client(self.host, port or self.port, self.daemon.token)

    def begin(self):
        self._mark = len(self.daemon.log())

    def findings(self):
        """What the log says that no fault of ours explains."""
        log = self.daemon.log()[self._mark:]
        found = [f"worker ended: {how}" for how in EXIT.findall(log) if how != KILLED]
        sanitizer = SANITIZER.search(log)
        if sanitizer:
            found.append("sanitizer: " + log[sanitizer.start():][:1500])
        if self.daemon.process.poll() is not None:
            found.append(f"posthornd ended with {self.daemon.process.returncode}")
        return found

    def adoptions(self, zero, lease):
        """Leases that lapsed, whoever's fault it was: `zero` is the monotonic time of the load's begin."""
        wall = time.time() - time.monotonic() + zero
        for stamp in ADOPTED.findall(self.daemon.log()[self._mark:]):
            at = datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp() - wall
            yield Fault(LAPSED, at - lease - 1, at)

    def keep(self, directory):
        """A copy of the log."""
        shutil.copy(self.daemon.log_path, directory / "daemon.log")
        return directory / "daemon.log"

    def close(self):
        try:
            if self.daemon:
                self.daemon.close()
        finally:
            shutil.rmtree(self._certificates, ignore_errors=True)


def make_tls(directory, host):
    """A certificate for the receiver, signed by an authority in ca.pem."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True,
                       stdin=subprocess.DEVNULL, timeout=60)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=chaos authority")
    openssl("req", *key, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=receiver")
    (directory / "extensions").write_text(f"subjectAltName=IP:{host}\n")
    openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2",
            "-extfile", "extensions", "-out", "cert.pem", "-set_serial", "1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    return context
