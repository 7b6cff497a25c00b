"""What happened, as the checker needs it: plain records that can be written to a file and read again.

Times are seconds of one monotonic clock, from the beginning of the load. An outcome is Jepsen's:
  ok    it was done
  fail  it was refused for certain: it has not happened and will not
  info  nobody knows (no answer, a broken one, 5xx): it may have happened, at any time from then on
"""

import dataclasses
import json
import math

OK, FAIL, INFO = "ok", "fail", "info"


@dataclasses.dataclass
class Event:
    """One event and every try to post it. `marker` is ours: the service's id may never be learned."""

    marker: str
    app: str
    type: str
    producer: str
    number: int  # of its producer: the order in which it posts
    digest: str  # of the bytes to be delivered
    channels: list = dataclasses.field(default_factory=list)
    event_id: str | None = None
    order_key: str | None = None
    invoked: float = 0.0  # first try
    done: float = math.inf  # the answer that decided; never, of info
    outcome: str = INFO
    message: str | None = None  # its id, once told
    tries: int = 0
    note: str = ""  # what was answered that should not have been


@dataclasses.dataclass
class Change:
    """Something done to an endpoint. `fields` are what it has from then on (and no others change); of a
    deletion {"deleted": true}."""

    app: str
    endpoint: str
    what: str
    invoked: float
    done: float
    outcome: str
    fields: dict


@dataclasses.dataclass
class Manual:
    """A resend, or a replay of a dead letter. endpoint or message None: of whatever was dead then."""

    app: str
    what: str
    invoked: float
    done: float
    outcome: str
    endpoint: str | None = None
    message: str | None = None


@dataclasses.dataclass
class Request:
    """What the receiver got and what it answered."""

    app: str
    endpoint: str  # by its path
    message: str
    at: float
    digest: str
    path: str = ""
    size: int = 0
    keys: list = dataclasses.field(default_factory=list)  # names of those whose signature is there
    bad: list = dataclasses.field(default_factory=list)  # what is wrong with it
    status: int = 0  # answered; 0: no answer
    done: float = math.inf
    clean: bool = False  # a plain answer, at once, on a connection that nothing was done to
    last: float = math.inf  # when its connection was harmed, if it was


@dataclasses.dataclass
class Fault:
    """kind: of the process, PostgreSQL or the network. `hits`: what it did, e.g. connections."""

    kind: str
    start: float
    end: float
    hits: int = 1
    note: str = ""


@dataclasses.dataclass
class Attempt:
    """As the service lists it."""

    id: str
    message: str
    endpoint: str
    status: int
    code: int
    error: str | None
    manual: bool
    duration_ms: int = 0


@dataclasses.dataclass
class Standing:
    """How a message stands at an endpoint, as the service says."""

    message: str
    endpoint: str
    status: int
    next_at: str | None = None


@dataclasses.dataclass
class Stored:
    """A message that the service lists."""

    app: str
    id: str
    type: str
    event_id: str | None
    marker: str | None  # found in its payload


@dataclasses.dataclass
class Dead:
    id: str
    app: str
    message: str
    endpoint: str
    reason: str
    attempts: int
    replayed: bool = False


RECORDS = {c.__name__: c for c in (Event, Change, Manual, Request, Fault, Attempt, Standing, Stored, Dead)}


class History:
    """Lists of records by kind, and a few facts about the run."""

    def __init__(self):
        self.facts = {}
        self.events, self.changes, self.manuals, self.requests = [], [], [], []
        self.faults, self.attempts, self.standings, self.stored, self.dead = [], [], [], [], []
        self._lists = {Event: self.events, Change: self.changes, Manual: self.manuals,
                       Request: self.requests, Fault: self.faults, Attempt: self.attempts,
                       Standing: self.standings, Stored: self.stored, Dead: self.dead}

    def add(self, record):
        self._lists[type(record)].append(record)
        return record

    def write(self, path):
        with open(path, "w", encoding="utf-8") as out:
            out.write(json.dumps({"facts": self.facts}) + "\n")
            for kind, records in self._lists.items():
                for record in records:
                    out.write(json.dumps({kind.__name__: dataclasses.asdict(record)}) + "\n")

    @classmethod
    def read(cls, path):
        history = cls()
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                (name, fields), = json.loads(line).items()
                if name == "facts":
                    history.facts = fields
                else:
                    history.add(RECORDS[name](**fields))
        return history
