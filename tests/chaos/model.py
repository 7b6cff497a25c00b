"""What an endpoint may have been at a time: each field is a register whose writes take a while, and may
or may not have happened when nobody knows (as in Jepsen's models of registers)."""

import json
import math
import typing

from .history import FAIL, OK

UNKNOWN_S = 10.0  # by then, what nobody knows the end of has happened or never will


class Write(typing.NamedTuple):
    invoked: float
    done: float
    sure: bool
    value: object


class Endpoint:
    def __init__(self, app, name, facts):
        self.app, self.name = app, name
        self.steady = facts.get("steady", False)
        self.ordering = facts.get("ordering")
        self.timeout_ms = facts.get("timeoutMs", 0)
        self._writes = {"deleted": [Write(-math.inf, -math.inf, True, "true")]}

    def change(self, change):
        if change.outcome == FAIL:
            return
        sure = change.outcome == OK
        done = change.done if sure else change.done + UNKNOWN_S
        for field, value in change.fields.items():
            self._writes.setdefault(field, []).append(Write(change.invoked, done, sure, json.dumps(value)))

    def gone(self, at):
        """It answered 410: the service disables it, some time from then on."""
        self.write("disabled", Write(at, at + UNKNOWN_S, False, json.dumps(True)))

    def write(self, field, write):
        self._writes.setdefault(field, []).append(write)

    def possible(self, field, since, until):
        """Every value that it may have had at some time between the two."""
        writes = [w for w in self._writes.get(field, []) if w.invoked <= until]
        sure = [w for w in writes if w.sure and w.done <= since]
        latest = max((w.invoked for w in sure), default=-math.inf)
        return [json.loads(text) for text in dict.fromkeys(w.value for w in writes if w.done >= latest)]

    def matches(self, event, since, until):
        """(it must have matched, it may have matched)"""
        deleted = self.possible("deleted", since, until)
        disabled = self.possible("disabled", since, until)
        types = [not t or event.type in t for t in self.possible("eventTypes", since, until)]
        channels = [not c or bool(set(c) & set(event.channels))
                    for c in self.possible("channels", since, until)]
        must = not any(deleted) and not any(disabled) and all(types) and all(channels)
        may = not all(deleted) and not all(disabled) and any(types) and any(channels)
        return must, may


def endpoints_of(history):
    """{name: Endpoint} with everything that was done to them."""
    found = {}
    facts = history.facts.get("endpoints", {})
    for change in history.changes:
        if change.endpoint not in found:
            found[change.endpoint] = Endpoint(change.app, change.endpoint, facts.get(change.endpoint, {}))
        found[change.endpoint].change(change)
    for request in history.requests:
        if request.status == 410 and request.endpoint in found:
            found[request.endpoint].gone(request.done)
    return found


def window_of(event, tries_s=15.0):
    """Between which times an event was matched, if it was stored."""
    return event.invoked, event.done if event.outcome == OK else event.invoked + tries_s
