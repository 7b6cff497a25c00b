"""Producers, and what they were answered."""

import collections
import http.client
import itertools
import threading
import time

from .wait import wait_until


class Answer:
    def __init__(self, status, began, retry_after):
        self.status, self.began, self.retry_after = status, began, retry_after
        self.at = time.monotonic()

    @property
    def seconds(self):
        return self.at - self.began


class Load:
    """Threads that post until stopped, and remember what was accepted. `pause_s`: after each answer."""

    def __init__(self, daemon, app, threads=8, pause_s=0, **fields):
        self.accepted, self.answers = [], []
        self.broken = 0
        self._daemon, self._app, self._pause_s, self._fields = daemon, app, pause_s, fields
        self._stop = threading.Event()
        self._lock = threading.Condition()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _run(self):
        """Refused and broken requests are the producer's to repeat: only answers of 202 count."""
        api = self._daemon.api()
        for number in itertools.count():
            if self._stop.is_set():
                return
            self._post(api, number)
            if self._pause_s:
                self._stop.wait(self._pause_s)

    def _post(self, api, number):
        began = time.monotonic()
        body = {"eventType": "t", "payload": {"n": number, **self._fields}}
        try:
            reply = api.post(f"/app/{self._app}/msg", body, timeout_s=60)
        except (OSError, http.client.HTTPException):
            self.broken += 1
            self._stop.wait(0.02)
            return
        answer = Answer(reply.status, began, reply.headers.get("Retry-After"))
        with self._lock:
            self.answers.append(answer)
            if reply.status == 202:
                self.accepted.append(reply.json["id"])
            self._lock.notify_all()
        if reply.status != 202:
            self._stop.wait(0.02)

    def wait(self, more, deadline_s=30):
        """Until so many more have been accepted."""
        with self._lock:
            goal = len(self.accepted) + more
            assert self._lock.wait_for(lambda: len(self.accepted) >= goal, deadline_s), (
                f"{len(self.accepted)} accepted, {goal} wanted; last: {self.last_statuses()}")

    def wait_refused(self, more=1, deadline_s=30):
        goal = len(self.refused()) + more
        wait_until(lambda: len(self.refused()) >= goal, deadline_s, "refused")

    def last_statuses(self):
        return [answer.status for answer in self.answers[-5:]]

    def refused(self):
        with self._lock:
            return [a for a in self.answers if a.status != 202]

    def first_accepted(self, since):
        """Seconds from `since` to the first answer of 202 to a post that began after it; or None."""
        with self._lock:
            times = [a.at for a in self.answers if a.status == 202 and a.began > since]
        return min(times) - since if times else None

    def gaps(self, since):
        """Seconds between answers of 202 that follow each other."""
        with self._lock:
            times = sorted(a.at for a in self.answers if a.status == 202 and a.at > since)
        return [later - earlier for earlier, later in zip(times, times[1:])]

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        return list(self.accepted)


def duplicates(receiver):
    counts = collections.Counter(g.id for g in receiver.got())
    return sum(n - 1 for n in counts.values())
