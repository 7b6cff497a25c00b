"""Judges a history: what Jepsen's queue and total-queue checkers ask, and what webhooks add to it.

    lost        acknowledged, and for an endpoint that it matched neither received nor dead
    unexpected  received, and refused before, or not wanted by that endpoint, or stored twice
    damaged     other bytes, another signature, a missing header
    duplicate   received again after an answer of 2xx that nothing disturbed, and no crash explains it
    disagreed   what the service lists is not what the receiver saw
    stuck       still pending when nothing moves any more
    order       received before what was acknowledged earlier had been delivered

What was changed while an event was posted is judged leniently both ways: model.py says what may have
been. Everything else is judged strictly."""

import bisect
import collections
import dataclasses
import math

from .history import FAIL, INFO, OK
from .model import endpoints_of, window_of

CRASH_S = 1.0  # before a crash: results that may not have been recorded yet
NOTICE_S = 3.0  # running deliveries see a change within a second; the rest is for slow machines
STANDING = {0: "success", 1: "pending", 2: "fail", 3: "sending"}
NETWORK = "proxy-"
LAPSED = "lease-lapsed"  # explains duplicates, and is nothing that was done


@dataclasses.dataclass
class Problem:
    kind: str
    text: str
    marker: str | None = None
    message: str | None = None
    endpoint: str | None = None


class Pair:
    """A message at an endpoint."""

    def __init__(self):
        self.requests, self.attempts, self.dead, self.manuals = [], [], [], []
        self.standing = None

    @property
    def received(self):
        """Answered with 2xx, in order."""
        return sorted((r for r in self.requests if r.status // 100 == 2), key=lambda r: r.done)

    @property
    def first_clean(self):
        return next((r for r in self.received if is_clean(r)), None)


def is_clean(request):
    return request.clean and request.last == math.inf


class Checker:
    def __init__(self, history):
        self.h = history
        self.problems = []
        self.counts = collections.Counter()
        self.endpoints = endpoints_of(history)
        self.events = {e.marker: e for e in history.events}
        self.stored = collections.defaultdict(list)
        self.by_message = {}
        self.pairs = collections.defaultdict(Pair)
        self.crashes = sorted((f for f in history.faults if not f.kind.startswith(NETWORK)),
                              key=lambda f: (f.kind == LAPSED, f.start))
        self.duplicates_of = collections.Counter()  # fault → how many
        self._index()

    def _index(self):
        h = self.h
        for s in h.stored:
            self.stored[s.marker].append(s)
            if s.marker in self.events:
                self.by_message[s.id] = self.events[s.marker]
        for records, name in ((h.requests, "requests"), (h.attempts, "attempts"), (h.dead, "dead")):
            for record in records:
                getattr(self.pairs[record.message, record.endpoint], name).append(record)
        for s in h.standings:
            self.pairs[s.message, s.endpoint].standing = s
        bulk = {m.app: m for m in h.manuals if m.what == "replay-all" and m.outcome != FAIL}
        for m in h.manuals:
            if m.message and m.outcome != FAIL:
                self.pairs[m.message, m.endpoint].manuals.append(m)
        for d in h.dead:  # a replay of all may have been of any that was dead
            if d.app in bulk:
                self.pairs[d.message, d.endpoint].manuals.append(bulk[d.app])

    def problem(self, kind, text, event=None, message=None, endpoint=None):
        self.problems.append(Problem(kind, text, event and event.marker, message, endpoint))

    def run(self):
        self._check_run()
        for event in self.h.events:
            self._check_stored(event)
        for marker, rows in self.stored.items():
            if marker not in self.events:
                self.problem("unexpected", f"a message that nobody posted: {rows[0]}", None, rows[0].id)
        for request in self.h.requests:
            self._check_request(request)
        for message, event in self.by_message.items():
            for endpoint in self.endpoints.values():
                if endpoint.app == event.app:
                    self._check_pair(event, message, endpoint, self.pairs[message, endpoint.name])
        for endpoint in self.endpoints.values():
            if endpoint.ordering in ("endpoint", "key"):
                self._check_order(endpoint)
        self._count()
        return self.problems

    def _check_run(self):
        for text in self.h.facts.get("unsettled", []):
            self.problem("stuck", text, message=text.split(" ")[0])
        for text in self.h.facts.get("strays", []):
            self.problem("unexpected", f"a request to {text}, where no endpoint is")
        for text in self.h.facts.get("daemon", []):
            self.problem("daemon", text)

    # ---- what was stored ----

    def _check_stored(self, event):
        rows = self.stored.get(event.marker, [])
        if event.note:
            self.problem("answer", event.note, event)
        if event.outcome == OK and not rows:
            self.problem("lost", "acknowledged, and not among the messages", event, event.message)
        elif event.outcome == OK and event.message and event.message not in [s.id for s in rows]:
            self.problem("lost", f"acknowledged as {event.message}, stored as {rows[0].id}", event)
        elif event.outcome == FAIL and rows:
            self.problem("unexpected", "refused, and stored all the same", event, rows[0].id)
        if len(rows) > 1:
            self.problem("unexpected", f"stored {len(rows)} times", event, rows[0].id)

    # ---- each request ----

    def _check_request(self, r):
        event = self.by_message.get(r.message)
        where = {"message": r.message, "endpoint": r.endpoint}
        for text in r.bad:
            self.problem("damaged", text, event, **where)
        if not event:
            self.problem("unexpected", "a request for a message that is not stored", None, **where)
            return
        if r.app and r.app != event.app:
            self.problem("unexpected", f"received by {r.app}, posted to {event.app}", event, **where)
        if r.digest != event.digest:
            self.problem("damaged", f"body of {r.size} bytes is {r.digest}, not {event.digest}", event, **where)
        endpoint = self.endpoints.get(r.endpoint)
        if endpoint and r.last == math.inf and not self._crash_in(r.at - NOTICE_S, r.at):
            self._check_wanted(endpoint, r, event)

    def _check_wanted(self, endpoint, r, event):
        """A change that was answered long enough ago is known to every worker."""
        since = r.at - NOTICE_S
        for field, text in (("deleted", "is deleted"), ("disabled", "is disabled"), ("paused", "is paused")):
            values = endpoint.possible(field, since, r.at)
            if values and all(values):
                self.problem("unexpected", f"a request at {r.at:.3f} to an endpoint that {text}", event,
                             r.message, r.endpoint)
        urls = endpoint.possible("url", since, r.at)
        if r.path and not any(url.endswith(r.path) for url in urls):
            self.problem("unexpected", f"a request to {r.path}; it has moved to {urls}", event, r.message,
                         r.endpoint)
        secrets = endpoint.possible("secret", since, r.at)
        if len(secrets) == 1 and secrets[0] not in r.keys:
            self.problem("damaged", f"signed by {r.keys}, not by secret {secrets[0]}", event, r.message,
                         r.endpoint)

    def _crash_in(self, since, until):
        """A crash whose while, with what it makes late, touches the two times."""
        return next((f for f in self.crashes if f.start <= until and f.end + NOTICE_S >= since), None)

    # ---- each message at each endpoint ----

    def _check_pair(self, event, message, endpoint, pair):
        must, may = endpoint.matches(event, *window_of(event))
        where = (event, message, endpoint.name)
        by_hand = bool(pair.manuals)
        if must and not pair.standing:
            self.problem("lost", "it matched, and is not planned for this endpoint", *where)
        elif not may and not by_hand and (pair.standing or pair.requests):
            self.problem("unexpected", "the endpoint did not want it", *where)
        elif pair.requests and not pair.standing:
            self.problem("unexpected", "received, and never planned", *where)
        if not (must or pair.standing):
            return
        self.counts["pairs"] += 1
        self._check_end(pair, where)
        self._check_dead(event, endpoint, pair, where)
        self._check_listed(pair, where)
        self._check_duplicates(pair, where)

    def _check_end(self, pair, where):
        status = pair.standing.status if pair.standing else None
        if not pair.received and not pair.dead and not (pair.manuals and pair.attempts):
            self.problem("lost", f"neither received nor dead: {STANDING.get(status, status)}", *where)
        elif status == 0 and not pair.received:
            self.problem("disagreed", "listed as a success, and never received with 2xx", *where)
        elif status in (1, 3):
            self.problem("stuck", f"{STANDING[status]}, next {pair.standing.next_at}", *where)
        open_ones = [d for d in pair.dead if not d.replayed]
        if pair.dead and not open_ones and not any(a.status == 0 for a in pair.attempts):
            self.problem("lost", "its dead letter was replayed, and nothing came of it", *where)
        wanted = sum(m.what == "resend" and m.outcome == OK for m in pair.manuals)
        if sum(a.manual for a in pair.attempts) < wanted and not self._closed(where[2], pair.manuals[0].invoked):
            self.problem("lost", f"{wanted} resends were accepted, fewer were tried", *where)

    def _closed(self, name, since):
        """The endpoint may have been disabled or deleted at some time since."""
        endpoint = self.endpoints[name]
        return any(endpoint.possible("disabled", since, math.inf)) or any(
            endpoint.possible("deleted", since, math.inf))

    def _check_dead(self, event, endpoint, pair, where):
        since = event.invoked
        for d in pair.dead:
            if d.reason == "exhausted":
                least = min(map(len, endpoint.possible("retrySchedule", since, math.inf)), default=0) + 1
                if d.attempts < least and not pair.manuals:
                    self.problem("disagreed", f"exhausted after {d.attempts} attempts of {least}", *where)
            elif d.reason == "gone":
                if not any(r.status == 410 for r in pair.requests):
                    self.problem("disagreed", "gone, and 410 was never answered", *where)
            elif d.reason in ("disabled", "deleted"):
                if not any(endpoint.possible(d.reason, since, math.inf)):
                    self.problem("disagreed", f"dead as {d.reason}, which it never was", *where)
            elif d.reason != "expired":
                self.problem("disagreed", f"dead as {d.reason}", *where)
        clean = pair.first_clean
        if pair.dead and clean and not (pair.manuals or self._explains(clean.done) or self._late(pair)):
            self.problem("disagreed", f"received at {clean.done:.3f}, and dead all the same", *where)

    def _check_listed(self, pair, where):
        """Each listed answer was given; each undisturbed answer is listed, crashes apart."""
        listed = collections.Counter(a.code for a in pair.attempts if a.code)
        given = collections.Counter(r.status for r in pair.requests if r.status)
        for code in listed:
            if listed[code] > given[code]:
                self.problem("disagreed", f"{listed[code]} attempts with {code} are listed, {given[code]} "
                             "were answered", *where)
        sure = collections.Counter(r.status for r in pair.requests if r.status and r.last == math.inf
                                   and not self._explains(r.done) and not self._late(pair))
        for code in sure:
            if sure[code] > listed[code]:
                self.problem("disagreed", f"{sure[code]} answers with {code} are not listed: {listed[code]}",
                             *where)

    def _late(self, pair):
        """An answer may have come too late for an attempt that ended at its deadline."""
        endpoint = self.endpoints.get(pair.attempts[0].endpoint) if pair.attempts else None
        limit = 0.9 * (endpoint.timeout_ms if endpoint else 1000)
        return any(a.code == 0 and a.duration_ms >= limit for a in pair.attempts)

    def _check_duplicates(self, pair, where):
        received = pair.received
        extra = max(0, len(received) - 1 - len(pair.manuals))
        clean = pair.first_clean
        after = [r for r in pair.requests if clean and r.at > clean.done] if not pair.manuals else []
        self.counts["deliveries"] += len(received)
        self.counts["duplicates"] += extra
        if not after:
            self.counts["duplicates, connection harmed"] += extra
            return
        fault = self._explains(clean.done)
        if fault:
            self.duplicates_of[id(fault)] += extra
            self.counts["duplicates, crash"] += extra
        elif self._late(pair):
            self.counts["duplicates, answer late"] += extra
        else:
            self.problem("duplicate", f"received again at {after[0].at:.3f}, answered {clean.status} at "
                         f"{clean.done:.3f}, and nothing crashed", *where)

    def _explains(self, at):
        """The crash by which a result of that time may have been lost."""
        return next((f for f in self.crashes if f.start - CRASH_S <= at <= f.end + CRASH_S
                     or (f.kind.startswith("pg") and f.start - CRASH_S <= at <= f.end + NOTICE_S)), None)

    # ---- order ----

    def _check_order(self, endpoint):
        """A acknowledged before B was posted: A's first success comes before B's first request."""
        groups = collections.defaultdict(list)
        for message, event in self.by_message.items():
            pair = self.pairs.get((message, endpoint.name))
            if event.app != endpoint.app or not pair or pair.manuals or not pair.requests:
                continue
            if endpoint.ordering == "endpoint" or event.order_key:
                key = event.order_key if endpoint.ordering == "key" else None
                groups[key].append((event, message, pair))
        for key, members in groups.items():
            self._check_line(endpoint, key, members)

    def _check_line(self, endpoint, key, members):
        before = sorted(((e.done, p.received[0].done, m) for e, m, p in members
                         if e.outcome == OK and p.received and not p.dead))
        done = [d for d, _, _ in before]
        latest, so_far = [], (-math.inf, None)
        for _, success, message in before:
            so_far = max(so_far, (success, message), key=lambda x: x[0])
            latest.append(so_far)
        for event, message, pair in members:
            n = bisect.bisect_left(done, event.invoked)
            first = min(r.at for r in pair.requests)
            if n and latest[n - 1][0] > first:
                self.problem("order", f"first request at {first:.3f}, before {latest[n - 1][1]} was delivered "
                             f"at {latest[n - 1][0]:.3f} (key {key})", event, message, endpoint.name)
            self.counts["ordered"] += 1

    # ---- figures ----

    def _count(self):
        outcomes = collections.Counter(e.outcome for e in self.h.events)
        self.counts.update({"events": len(self.h.events), "acknowledged": outcomes[OK],
                            "refused": outcomes[FAIL], "unknown": outcomes[INFO],
                            "requests": len(self.h.requests),
                            "dead": len(self.h.dead), "resent or replayed": len(self.h.manuals),
                            "changes": len(self.h.changes)})
        self.counts["recovered"] = sum(e.outcome == INFO and bool(self.stored.get(e.marker))
                                       for e in self.h.events)

    def recoveries(self):
        """For each crash the seconds until events were accepted again and everything that had been
        accepted before was with its (well-behaved) endpoint."""
        found = []
        for fault in (f for f in self.crashes if f.kind != LAPSED):
            accepted = [e.done for e in self.h.events if e.outcome == OK and e.invoked >= fault.start]
            late = [pair.received[0].done for (message, name), pair in self.pairs.items()
                    if name in self.endpoints and self.endpoints[name].steady and pair.received
                    and message in self.by_message and self.by_message[message].done <= fault.start
                    and pair.received[0].done > fault.start]
            ends = ([min(accepted)] if accepted else []) + late
            if ends:
                found.append((fault.kind, round(max(ends) - fault.start, 3)))
        return found


def check(history):
    checker = Checker(history)
    checker.run()
    return checker
