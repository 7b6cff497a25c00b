"""The end of a run: everything is healed, everything moves until nothing moves any more, and the service
is asked what it holds."""

import asyncio
import json
import re
import urllib.parse

from . import wire
from .history import Attempt, Dead, Standing, Stored

SILENCE_S = 0.6  # without a request at the receiver, and without one under way
CLIENTS = 6
ASK_TRIES = 8
SUCCESS, FAIL = 0, 2  # how a message stands
MARKER = re.compile(r"^s\d+-\w+-\d+$")


class Asker:
    """Reads from the API, again and again until there is an answer: a worker may still be starting."""

    def __init__(self, make_client):
        self._free = asyncio.Queue()
        for _ in range(CLIENTS):
            self._free.put_nowait(make_client())

    async def get(self, path, missing=None):
        client = await self._free.get()
        try:
            for n in range(ASK_TRIES):
                try:
                    answer = await client.ask("GET", "/api/v1" + path, timeout=15)
                except (OSError, wire.Broken, TimeoutError, ValueError) as error:
                    answer, last = None, repr(error)
                if answer is not None and answer.status == 200:
                    return answer.json
                if answer is not None and answer.status == 404 and missing is not None:
                    return missing
                last = f"{answer.status} {answer.body[:300]}" if answer else last
                await asyncio.sleep(0.1 * 2 ** n)
            raise RuntimeError(f"GET {path}: {last}")
        finally:
            self._free.put_nowait(client)

    async def list(self, path, **query):
        rows = []
        while True:
            page = await self.get(path + "?" + urllib.parse.urlencode({"limit": 250, **query}),
                                  {"data": [], "done": True, "iterator": None})
            rows += page["data"]
            if page["done"] or not page["iterator"]:
                return rows
            query["iterator"] = page["iterator"]

    async def close(self):
        while not self._free.empty():
            self._free.get_nowait().close()


class Settle:
    def __init__(self, history, clock, receiver, admins, asker):
        self._history, self._clock, self._receiver = history, clock, receiver
        self._admins, self._ask = admins, asker
        self._names = {}  # endpoint's id → name
        self._resolved = set()  # messages, as far as waiting is concerned

    async def resume(self, deadline):
        """Pauses end; repeated while the service starts."""
        for admin in self._admins:
            while True:
                try:
                    await admin.resume_all()
                    break
                except RuntimeError:
                    if self._clock() > deadline:
                        raise
                    await asyncio.sleep(0.3)

    async def wait(self, deadline):
        """Until every pair is resolved and nothing moves. What is left at the deadline, as texts."""
        while True:
            await self._silence(deadline)
            left = await self._tasks_left() or await self._pairs_left()
            if not left and self._is_silent():
                return []
            if self._clock() > deadline:
                return left or ["requests keep coming"]
            await asyncio.sleep(0.3)

    def _is_silent(self):
        return self._receiver.busy == 0 and self._clock() - self._receiver.last_at > SILENCE_S

    async def _silence(self, deadline):
        while not self._is_silent() and self._clock() < deadline:
            await asyncio.sleep(0.05)

    async def _tasks_left(self):
        if not any(m.what == "replay-all" for m in self._history.manuals):
            return []
        rows = await self._ask.list("/background-task")
        return [f"background task {row['id']}: {row['status']}" for row in rows if row["status"] == "running"]

    async def _pairs_left(self):
        """What was resolved when it was looked at once is not asked for again; the checker's facts are
        read anew at the end."""
        left = []
        resent = {(m.message, m.endpoint) for m in self._history.manuals if m.what == "resend"}
        for admin in self._admins:
            dead = {(d.message, d.endpoint) for d in await self._dead(admin)}
            rows = await self._ask.list(f"/app/{admin.app_id}/msg", with_content="false")
            asked = [row["id"] for row in rows if row["id"] not in self._resolved]
            open_pairs = [s for s in await self._all_standings(admin, asked)
                          if s.status != SUCCESS and (s.message, s.endpoint) not in dead
                          and not (s.status == FAIL and (s.message, s.endpoint) in resent)]
            self._resolved |= set(asked) - {s.message for s in open_pairs}
            left += [f"{s.message} at {s.endpoint}: status {s.status}, next {s.next_at}" for s in open_pairs]
        return left

    # ---- what the service holds ----

    async def collect(self):
        for admin in self._admins:
            await self._learn_ids(admin)
            rows = await self._ask.list(f"/app/{admin.app_id}/msg")
            for row in rows:
                self._history.add(Stored(admin.name, row["id"], row["eventType"], row.get("eventId"),
                                         marker_of(row)))
            ids = [row["id"] for row in rows]
            for standing in await self._all_standings(admin, ids):
                self._history.add(standing)
            for attempts in await asyncio.gather(*(self._attempts(admin, id) for id in ids)):
                for attempt in attempts:
                    self._history.add(attempt)
            for dead in await self._dead(admin):
                self._history.add(dead)

    async def _learn_ids(self, admin):
        """Endpoints whose creation was never answered are known by their URL."""
        facts = self._history.facts.setdefault("endpoints", {})
        for row in await self._ask.list(f"/app/{admin.app_id}/endpoint"):
            name = row["url"].split("/")[-2]
            admin.ids.setdefault(name, row["id"])
            if name in facts:
                facts[name]["id"] = row["id"]
        self._names.update({id: name for name, id in admin.ids.items()})

    def _name(self, id):
        return self._names.get(id, id)

    async def _all_standings(self, admin, messages):
        self._names.update({id: name for name, id in admin.ids.items()})
        found = await asyncio.gather(*(self._standings(admin, m) for m in messages))
        return [standing for rows in found for standing in rows]

    async def _standings(self, admin, message):
        rows = await self._ask.list(f"/app/{admin.app_id}/msg/{message}/endpoint")
        return [Standing(message, self._name(row["id"]), row["status"], row.get("nextAttempt"))
                for row in rows]

    async def _attempts(self, admin, message):
        rows = await self._ask.list(f"/app/{admin.app_id}/attempt/msg/{message}", with_content="false")
        return [Attempt(row["id"], message, self._name(row["endpointId"]), row["status"],
                        row["responseStatusCode"], row.get("error"), row["triggerType"] == 1,
                        row.get("responseDurationMs", 0)) for row in sorted(rows, key=lambda r: r["id"])]

    async def _dead(self, admin):
        self._names.update({id: name for name, id in admin.ids.items()})
        rows = await self._ask.list(f"/app/{admin.app_id}/dead-letter")
        return [Dead(row["id"], admin.name, row["msgId"], self._name(row["endpointId"]), row["reason"],
                     row["attempts"], row["replayedAt"] is not None) for row in rows]


def marker_of(row):
    if row.get("eventId") and MARKER.match(row["eventId"]):
        return row["eventId"]
    payload = row.get("payload")
    if isinstance(payload, str):
        try:
            payload = json.loads(payload)
        except ValueError:
            return None
    return payload.get("k") if isinstance(payload, dict) else None
