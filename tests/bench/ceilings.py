#!/usr/bin/env python3
"""ceilings.py DIRECTORY: the table of tests/bench/ceilings, from what its parts left in the directory.

Exit status 1 when a part lost or refused an event, or is missing."""

import json
import os
import pathlib
import sys

PARTS = [  # file, title, does it count in the sum?
    ("client", "client: lib/http/client", False),
    ("client-bare", "client: libcurl alone", False),
    ("client-tls", "client: https, kept connections", False),
    ("client-tls-close", "client: https, closed each time", False),
    ("front-null", "front: answers at once", False),
    ("front-api", "front: API, null ingest", True),
    *((f"append-{mode}-{n}", f"append: {title}, batches of {n}", n == 64 and mode != "keyed")
      for mode, title in (("message", "events"), ("keyed", "events with keys"), ("attempt", "attempts"))
      for n in (16, 64, 256)),
    ("sender", "sender: null record", True),
]
ROW = "{:<40}{:>9}{:>16}{:>17}{:>17}{:>8}  {}"


class Cpu:
    """Microseconds of CPU time an event."""

    def __init__(self, user=0.0, system=0.0):
        self.user, self.system = user, system

    def __add__(self, other):
        return Cpu(self.user + other.user, self.system + other.system)

    @property
    def both(self):
        return self.user + self.system

    def __str__(self):
        return f"{self.user:.1f} + {self.system:.1f}" if self.both else ""


class Measured:
    """What a part or the product used: itself, PostgreSQL, and the load beside it."""

    def __init__(self, rate, own=Cpu(), postgres=Cpu(), load=Cpu(), good=True, remark=""):
        self.rate, self.own, self.postgres, self.load = rate, own, postgres, load
        self.good, self.remark = good, remark

    @property
    def all(self):
        return (self.own + self.postgres + self.load).both

    def print(self, title):
        print(ROW.format(title, f"{self.rate:.0f}", str(self.own), str(self.postgres), str(self.load),
                         f"{self.all:.1f}", self.remark if self.good else f"BAD {self.remark}").rstrip())


def program_cpu(group):
    return Cpu(group["userUs"], group["systemUs"])


def load_cpu(report, name="load"):
    group = report["cpu"][name]
    return Cpu(group["userUsPerEvent"], group["systemUsPerEvent"])


def is_whole(part, receiver):
    """The receiver took exactly the events that the part sent."""
    books = receiver["account"]
    return (receiver["good"] and books["received"] == books["sent"] == books["requests"] == part["done"]
            and books["signaturesVerified"] == part["done"])


def read(directory, name):
    """A part with one line of its own, and its receiver's report if it had one; or a report alone."""
    part = json.loads((directory / f"{name}.json").read_text())
    if "cpu" in part:
        own = "posthornd" if "posthornd" in part["cpu"] else "bench_front"
        postgres = load_cpu(part, "postgres") if "postgres" in part["cpu"] else Cpu()
        accepted = part["account"]["accepted"] == part["account"]["sent"]
        rate = part["receivedPerSecond"] or part["acceptedPerSecond"]
        return Measured(rate, load_cpu(part, own), postgres, load_cpu(part), part["good"] and accepted)
    measured = Measured(part["perSecond"], program_cpu(part["own"]),
                        program_cpu(part.get("postgres", {"userUs": 0, "systemUs": 0})), good=part["good"])
    receiver_path = directory / f"{name}.receiver.json"
    if receiver_path.exists():
        receiver = json.loads(receiver_path.read_text())
        measured.load = load_cpu(receiver)
        measured.good = measured.good and is_whole(part, receiver)
        if tls := receiver.get("tls"):
            measured.remark = f"{tls['resumed']} of {tls['handshakes']} handshakes resumed"
    return measured


def quotient(a, b):
    """A run that is short may have seen no tick of the clock of a process."""
    return f"{a / b:.2f}" if b else "-"


def main():
    directory = pathlib.Path(sys.argv[1])
    print("CPU: us an event, user + system. Load: generator and receiver.")
    print(ROW.format("", "events/s", "itself", "PostgreSQL", "load", "all", ""))
    parts = {}
    for name, title, _ in PARTS:
        parts[name] = read(directory, name)
        parts[name].print(title)
    total = Measured(0)
    for name, _, counts in PARTS:
        if counts:
            total.own += parts[name].own
            total.postgres += parts[name].postgres
            total.load += parts[name].load
    total.rate = os.cpu_count() * 1e6 / total.all if total.all else 0
    total.remark = f"rate if {os.cpu_count()} cores did nothing else"
    product = read(directory, "product")
    print()
    total.print("sum of parts (API, 64, 64, sender)")
    product.print("product, 1 worker, 64 connections")
    ratios = ((product.rate, total.rate), (product.own.both, total.own.both),
              (product.postgres.both, total.postgres.both), (product.load.both, total.load.both),
              (product.all, total.all))
    print(ROW.format("product / sum", *(quotient(a, b) for a, b in ratios), "").rstrip())
    return 0 if all(m.good for m in [*parts.values(), product]) else 1


sys.exit(main())
