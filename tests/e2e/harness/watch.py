"""What a load balancer sees: /readyz and /livez, asked again and again."""

import http.client
import threading
import time

INTERVAL_S = 0.1


class Look:
    def __init__(self, status, text):
        self.status, self.text, self.at = status, text, time.monotonic()

    @property
    def wrong(self):
        """The lines that say what stalls."""
        return [line for line in self.text.splitlines() if line.startswith("[-]")]


class Watch:
    def __init__(self, daemon):
        self.ready, self.live = [], []
        self._daemon = daemon
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(INTERVAL_S):
            self.ready.append(self._ask("//readyz"))
            self.live.append(self._ask("//livez"))

    def _ask(self, path):
        """Another connection each time, so that every worker is asked. 0: no answer within 5 s."""
        try:
            reply = self._daemon.api().call("GET", path, token=None, timeout_s=5)
        except (OSError, http.client.HTTPException) as error:
            return Look(0, repr(error))
        return Look(reply.status, reply.body.decode())

    def since(self, at):
        return [look for look in list(self.ready) if look.at > at]

    def reasons(self, since=0.0):
        """Every reason that was given, once."""
        return sorted({line for look in self.since(since) for line in look.wrong})

    def ready_after(self, since):
        """Seconds to the first look from which on all were green; None: the last one was not."""
        green = None
        for look in self.since(since):
            green = (green if green is not None else look.at - since) if look.status == 200 else None
        return green

    def stop(self):
        self._stop.set()
        self._thread.join(30)
