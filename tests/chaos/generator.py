"""Producers and admins: they do what the plan says and write down what they asked and what came back.

A producer posts one thing after the other. What nobody knows the end of is repeated when the plan says
so, with its Idempotency-Key or eventId, which is what those are for."""

import asyncio
import json
import math

from . import wire
from .history import FAIL, INFO, OK, Change, Event, Manual
from .plan import payload_of
from .receiver import Subscriber, digest_of

NDJSON = {"Content-Type": "application/x-ndjson"}
PAUSE_S = 0.05  # before something is repeated
ADMIN_TRIES = 5


def item_of(event):
    """The JSON of one event, with the payload's bytes as they are planned; and what will be delivered."""
    payload, raw = payload_of(event)
    fields = {"eventType": event.type}
    if event.channels:
        fields["channels"] = event.channels
    if event.event_id:
        fields["eventId"] = event.event_id
    if event.order_key:
        fields["orderingKey"] = event.order_key
    if raw is not None:
        fields["transformationsParams"] = {"rawPayload": raw}
    text = json.dumps(fields).encode()[:-1] + b',"payload":' + payload + b"}"
    return text, raw.encode() if raw is not None else payload


def body_of(post):
    items = [item_of(event)[0] for event in post.events]
    if post.form == "single":
        return items[0]
    return b"\n".join(items) + b"\n" if post.form == "lines" else b"[" + b",".join(items) + b"]"


def broken_body(post):
    event = post.events[0]
    fields = {"eventType": event.type, "payload": {"k": event.marker}, "channels": ["north"]}
    if post.broken == "no-type":
        del fields["eventType"]
    elif post.broken == "bad-type":
        fields["eventType"] = "has space"
    elif post.broken == "no-payload":
        del fields["payload"]
    elif post.broken == "bad-channel":
        fields["channels"] = []
    body = json.dumps(fields).encode()
    return body[:-1] if post.broken == "not-json" else body


def outcome_of(status):
    if status in (200, 201, 202, 204):
        return OK
    return FAIL if 400 <= status < 500 and status not in (408, 429) else INFO


def results_of(answer, form):
    """The result of each event; none when the answer was damaged on its way."""
    try:
        told = answer.json
        if form == "single" or "data" not in told:
            return [{**told, "status": answer.status}]
        return [dict(row) for row in told["data"]]
    except (ValueError, TypeError):
        return []


class Producer:
    def __init__(self, plan, app, app_id, client, history, clock):
        self._plan, self._app, self._app_id, self._client = plan, app, app_id, client
        self._history, self._clock = history, clock
        self._number = 0

    async def run(self, deadline):
        """Until everything is posted or the clock has come to the deadline."""
        for post in self._plan.posts:
            await asyncio.sleep(max(0.0, post.at - self._clock()))
            if self._clock() > deadline:
                break
            await self._post(post)
        self._client.close()

    def _events(self, post):
        events = []
        for planned in post.events:
            digest = digest_of(item_of(planned)[1])
            events.append(self._history.add(Event(
                planned.marker, self._app, planned.type, self._plan.name, self._number, digest,
                planned.channels, planned.event_id, planned.order_key, invoked=self._clock())))
            self._number += 1
        return events

    async def _post(self, post):
        events = self._events(post)
        body = broken_body(post) if post.broken else body_of(post)
        path = f"/api/v1/app/{'app_missing' if post.broken == 'no-app' else self._app_id}/msg"
        path += "" if post.form == "single" else "/batch"
        headers = {**(NDJSON if post.form == "lines" else {}),
                   **({"Idempotency-Key": post.key} if post.key else {})}
        for attempt in range(post.tries):
            if attempt:
                await asyncio.sleep(PAUSE_S * attempt)
            answer = await self._try(path, body, headers, post.timeout)
            self._take(post, events, answer)
            if all(e.outcome != INFO for e in events):
                break
        if post.again and all(e.outcome == OK and e.message for e in events):
            await self._once_more(post, events, path, body, headers)

    async def _try(self, path, body, headers, timeout):
        try:
            return await self._client.ask("POST", path, body, headers, timeout)
        except (OSError, wire.Broken, TimeoutError, ValueError):
            return None

    # ---- what an answer means ----

    def _take(self, post, events, answer):
        now = self._clock()
        for event in events:
            event.tries += 1
        if answer is None or (outcome_of(answer.status) == INFO):
            return
        results = results_of(answer, post.form)
        if len(results) != len(events):  # refused as a whole
            results = results[:1] * len(events) if outcome_of(answer.status) == FAIL else []
        for event, result in zip(events, results):
            self._take_one(event, result, now)

    def _take_one(self, event, result, now):
        outcome = outcome_of(result["status"])
        if event.outcome != INFO or outcome == INFO:
            if event.outcome == OK and outcome == OK and event.message != result.get("id"):
                event.note = f"two ids: {event.message} and {result.get('id')}"
            return
        if outcome == FAIL and result["status"] == 409 and event.tries > 1 and event.event_id:
            # An earlier try was stored after all; which message it is, the list will tell.
            event.outcome, event.done = OK, now
            return
        event.outcome, event.message = outcome, result.get("id")
        event.done = now
        if outcome == FAIL and event.tries > 1:
            event.note = f"refused with {result['status']} at try {event.tries}, unknown before"

    async def _once_more(self, post, events, path, body, headers):
        """Repeats what was acknowledged: nothing new may come of it."""
        if post.again == "other-body":
            body = body.replace(b'"payload"', b'"payload" ', 1)
        elif post.again == "same-id":
            headers = {k: v for k, v in headers.items() if k != "Idempotency-Key"}
        answer = await self._try(path, body, headers, post.timeout)
        if answer is None or outcome_of(answer.status) == INFO:
            return
        want = {"same-key": 202, "other-body": 422, "same-id": 409}[post.again]
        if answer.status != want:
            events[0].note = f"{post.again}: answered {answer.status}, not {want}"
        elif post.again == "same-key":
            results = results_of(answer, post.form)
            if results and [r.get("id") for r in results] != [e.message for e in events]:
                events[0].note = f"same-key: other ids {results}"


class Admin:
    """Makes an application and its endpoints, and changes them under load."""

    def __init__(self, plan, client, history, clock, receiver, url_of):
        self._plan, self.client, self._history, self._clock = plan, client, history, clock
        self._receiver, self._url_of = receiver, url_of
        self.name, self.app_id = plan.name, None
        self.ids, self.deleted = {}, set()  # of endpoints: name → id; names
        self.knows_order = self.knows_pause = False
        self._versions = {}

    # ---- making ----

    async def make(self):
        self.app_id = (await self._must("POST", "/app", {"name": f"chaos {self._plan.name}"}))["id"]
        for endpoint in self._plan.endpoints:
            await self._create(endpoint)

    async def _must(self, method, path, body=None):
        """For what has to be there before the load: repeated until it is done."""
        for _ in range(ADMIN_TRIES):
            outcome, answer = await self._ask(method, path, body)
            if outcome == OK:
                return answer.json
            await asyncio.sleep(0.3)
        raise RuntimeError(f"{method} {path}: {answer and (answer.status, answer.body[:300])}")

    async def _ask(self, method, path, body=None, timeout=5.0):
        try:
            answer = await self.client.ask(method, "/api/v1" + path, body, timeout=timeout)
        except (OSError, wire.Broken, TimeoutError, ValueError):
            return INFO, None
        return outcome_of(answer.status), answer

    def _subscribe(self, endpoint):
        subscriber = Subscriber(self._plan.name, endpoint.name, endpoint.segments)
        subscriber.secrets = [endpoint.config["secret"]]
        subscriber.headers = endpoint.config["headers"]
        return self._url_of(endpoint, self._receiver.subscribe(subscriber))

    async def _create(self, endpoint):
        base = self._subscribe(endpoint)
        config = {**endpoint.config, "url": base + "v0"}
        began = self._clock()
        outcome, answer = await self._ask("POST", f"/app/{self.app_id}/endpoint", config)
        self._versions[endpoint.name] = (base, 0)
        told = {}
        if outcome == OK:
            told = answer.json
            self.ids[endpoint.name] = told["id"]
            self.knows_order |= told.get("ordering") == endpoint.config.get("ordering", 0)
            self.knows_pause |= "paused" in told
        elif endpoint.steady:
            raise RuntimeError(f"no endpoint: {answer and (answer.status, answer.body[:300])}")
        fields = {"url": config["url"], "eventTypes": config.get("eventTypes"),
                  "channels": config.get("channels"), "disabled": config.get("disabled", False),
                  "paused": False, "secret": 0, "retrySchedule": config["retrySchedule"], "deleted": False}
        self._history.facts.setdefault("endpoints", {})[endpoint.name] = {
            "app": self._plan.name, "steady": endpoint.steady, "touched": endpoint.proxied or endpoint.tls,
            "timeoutMs": config["timeoutMs"], "ordering": told.get("ordering"),
            "id": self.ids.get(endpoint.name)}
        self._changed(endpoint.name, "create", began, outcome, fields)

    def _changed(self, name, what, began, outcome, fields):
        self._history.add(Change(self._plan.name, name, what, began, self._clock(), outcome, fields))

    # ---- changing ----

    async def run(self):
        for act in self._plan.acts:
            await asyncio.sleep(max(0.0, act.at - self._clock()))
            await self._do(act)

    async def _do(self, act):
        if act.what == "create":
            await self._create(act.fields["plan"])
        elif act.what in ("resend", "replay", "replay-all"):
            await getattr(self, "_" + act.what.replace("-", "_"))(act)
        elif act.endpoint in self.ids and act.endpoint not in self.deleted:
            await self._change(act)

    async def _change(self, act):
        name = act.endpoint
        path = f"/app/{self.app_id}/endpoint/{self.ids[name]}"
        began = self._clock()
        if act.what == "delete":
            outcome, _ = await self._ask("DELETE", path)
            fields = {"deleted": True}
            if outcome == OK:
                self.deleted.add(name)
        elif act.what == "rotate":
            secrets = self._receiver.subscriber(name).secrets
            secrets.append(act.fields["key"])
            fields = {"secret": len(secrets) - 1}
            outcome, _ = await self._ask("POST", path + "/secret/rotate", act.fields)
        else:
            fields = self._patch_of(act, name)
            if fields is None:
                return
            outcome, _ = await self._ask("PATCH", path, fields)
        self._changed(name, act.what, began, outcome, fields)

    def _patch_of(self, act, name):
        if act.what in ("disable", "enable"):
            return {"disabled": act.what == "disable"}
        if act.what in ("pause", "unpause"):
            return {"paused": act.what == "pause"} if self.knows_pause else None
        if act.what == "move":
            base, version = self._versions[name]
            self._versions[name] = (base, version + 1)
            return {"url": f"{base}v{version + 1}"}
        return dict(act.fields)

    async def resume_all(self):
        """The end of all pauses, for certain."""
        for name, id in self.ids.items():
            if not self.knows_pause or name in self.deleted:
                continue
            began, fields = self._clock(), {"paused": False}
            outcome, answer = await self._ask("PATCH", f"/app/{self.app_id}/endpoint/{id}", fields)
            if outcome == INFO or (outcome == FAIL and answer.status != 404):
                raise RuntimeError(f"{name} cannot be resumed: {answer and answer.body[:200]}")
            self._changed(name, "unpause", began, outcome, fields)

    # ---- by hand ----

    async def _resend(self, act):
        """Of the messages known by now, one that is drawn."""
        known = [e.message for e in self._history.events if e.app == self._plan.name and e.message]
        endpoint = self.ids.get(act.endpoint)
        if not known or not endpoint:
            return
        message = known[int(act.fields["draw"] * len(known))]
        began = self._clock()
        manual = self._history.add(Manual(self._plan.name, "resend", began, math.inf, INFO,
                                          act.endpoint, message))
        manual.outcome, _ = await self._ask(
            "POST", f"/app/{self.app_id}/msg/{message}/endpoint/{endpoint}/resend")
        manual.done = self._clock()

    async def _replay(self, act):
        outcome, answer = await self._ask("GET", f"/app/{self.app_id}/dead-letter?limit=50&replayed=false")
        rows = answer.json["data"] if outcome == OK else []
        if not rows:
            return
        row = rows[int(act.fields["draw"] * len(rows))]
        names = {id: name for name, id in self.ids.items()}
        manual = self._history.add(Manual(self._plan.name, "replay", self._clock(), math.inf, INFO,
                                          names.get(row["endpointId"], row["endpointId"]), row["msgId"]))
        manual.outcome, _ = await self._ask("POST", f"/app/{self.app_id}/dead-letter/{row['id']}/replay")
        manual.done = self._clock()

    async def _replay_all(self, act):
        manual = self._history.add(Manual(self._plan.name, "replay-all", self._clock(), math.inf, INFO))
        manual.outcome, _ = await self._ask("POST", "/dead-letter/replay", {"appId": self.app_id})
        manual.done = self._clock()
