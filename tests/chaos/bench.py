"""One seed, from its plan to its verdict."""

import asyncio
import collections
import json
import math
import pathlib
import tempfile
import time

from . import checker, plan, report
from .generator import Admin, Producer
from .history import History
from .nemesis import Nemesis
from .proxy import Link
from .receiver import Receiver
from .settle import Asker, Settle

LATE = 1.5  # of the load's planned time: what is not posted by then is left out


class Bench:
    def __init__(self, target, options, seed, settle_s=90.0):
        self._target, self._options, self._settle_s = target, options, settle_s
        self.plan = plan.make_plan(seed, options)
        self.history = History()
        self._zero = time.monotonic()
        self._urls, self._tasks = {}, []

    def clock(self):
        return time.monotonic() - self._zero

    async def run(self):
        """The checker, after all is done."""
        self._target.begin()
        self.history.facts = {"seed": self.plan.seed, "endpoints": {}}
        await self._open()
        try:
            await self._load()
            await self._end()
        finally:
            self._close()
        return checker.check(self.history)

    # ---- the stage ----

    async def _open(self):
        host, seed, windows = self._target.receiver_host, self.plan.seed, self.plan.windows
        self._links = {name: Link(name, seed, windows, self.history, self.clock)
                       for name in ("hooks", "hooks-tls", "api")}
        self._receiver = Receiver(self.history, seed, self.clock, self._peer_of)
        plain = await self._receiver.listen(host)
        self._urls["plain"] = f"http://{host}:{plain}"
        self._urls["hooks"] = f"http://{host}:{await self._links['hooks'].listen(host, host, plain)}"
        if self._target.tls:
            tls = await self._receiver.listen(host, self._target.tls)
            self._urls["hooks-tls"] = f"https://{host}:{await self._links['hooks-tls'].listen(host, host, tls)}"
        self._api_port = await self._links["api"].listen("127.0.0.1", self._target.host, self._target.port)
        self._admins = [Admin(app, self._target.client(), self.history, self.clock, self._receiver, self._url_of)
                        for app in self.plan.apps]
        await self._event_types()
        await asyncio.gather(*(admin.make() for admin in self._admins))

    async def _event_types(self):
        client = self._target.client()
        for name in plan.TYPES:
            await client.ask("POST", "/api/v1/event-type", {"name": name, "description": "chaos"})
        client.close()

    def _peer_of(self, port):
        return self._links["hooks"].by_port.get(port) or self._links["hooks-tls"].by_port.get(port)

    def _url_of(self, endpoint, path):
        kind = "hooks-tls" if endpoint.tls else "hooks" if endpoint.proxied else "plain"
        return self._urls[kind] + path

    # ---- the load ----

    async def _load(self):
        self._begin_now()
        deadline = self.plan.seconds * LATE
        producers = [self._producer(p, admin).run(deadline) for app, admin in zip(self.plan.apps, self._admins)
                     for p in app.producers]
        watch = asyncio.ensure_future(self._watch())
        running = [admin.run() for admin in self._admins] + [link.run() for link in self._links.values()]
        if self._target.daemon:
            self._nemesis = Nemesis(self._target.daemon, self.plan.breaks, self.history, self.clock)
            running.append(self._nemesis.run())
        await asyncio.gather(*producers, *running)
        watch.cancel()

    async def _watch(self):
        """How late this program itself was: where everything is late, little can be said of anybody."""
        while True:
            began = self.clock()
            await asyncio.sleep(0.05)
            late = round(self.clock() - began - 0.05, 3)
            self.history.facts["late_s"] = max(late, self.history.facts.get("late_s", 0))

    def _begin_now(self):
        """The clock starts; what was made before has negative times."""
        offset = self.clock()
        self._zero += offset
        for change in self.history.changes:
            change.invoked -= offset
            change.done -= offset

    def _producer(self, planned, admin):
        client = self._target.client(self._api_port if planned.proxied else None)
        if planned.proxied:
            client.host = "127.0.0.1"
        return Producer(planned, admin.name, admin.app_id, client, self.history, self.clock)

    # ---- the end ----

    async def _end(self):
        healed = self.clock()
        self._receiver.healed = True
        for link in self._links.values():
            link.heal()
        if self._target.daemon:
            await self._nemesis.heal()
        asker = Asker(self._target.client)
        settle = Settle(self.history, self.clock, self._receiver, self._admins, asker)
        deadline = self.clock() + self._settle_s
        await settle.resume(deadline)
        self.history.facts["unsettled"] = await settle.wait(deadline)
        self.history.facts["quiet_s"] = round(self.clock() - healed, 3)
        await settle.collect()
        await asker.close()
        self._receiver.settle_ends()
        self.history.facts["strays"] = self._receiver.strays
        self.history.facts["daemon"] = self._target.findings()
        for fault in self._target.adoptions(self._zero, self._options.lease):
            self.history.add(fault)

    def _close(self):
        self._receiver.close()
        for link in self._links.values():
            link.close()
        for admin in self._admins:
            admin.client.close()


def result_of(bench, verdict):
    """What is reported of a seed, as plain data."""
    faults = collections.Counter()
    for fault in bench.history.faults:
        if fault.kind != checker.LAPSED:
            faults[fault.kind] += fault.hits if fault.kind.startswith("proxy-") else 1
    return {"seed": bench.plan.seed, "ok": not verdict.problems, "counts": dict(verdict.counts),
            "faults": dict(faults), "lapsed": sum(f.kind == checker.LAPSED for f in bench.history.faults),
            "duplicates_per_crash": [(f.kind, verdict.duplicates_of[id(f)]) for f in verdict.crashes
                                     if f.kind != checker.LAPSED or verdict.duplicates_of[id(f)]],
            "recoveries": verdict.recoveries(), "quiet_s": bench.history.facts.get("quiet_s", 0),
            "late_s": bench.history.facts.get("late_s", 0),
            "problems": [vars(p) for p in verdict.problems]}


def run_seed(target, options, seed, keep, settle_s):
    """The result of a seed; what is needed to understand a failure is kept in a directory."""
    bench = Bench(target, options, seed, settle_s)
    try:
        verdict = asyncio.run(bench.run())
        result = result_of(bench, verdict)
    except Exception as error:  # the suite's own failure is one, too
        import traceback
        result = {"seed": seed, "ok": False, "counts": {}, "faults": {}, "recoveries": [], "quiet_s": math.nan,
                  "duplicates_per_crash": [], "lapsed": 0,
                  "problems": [{"kind": "suite", "text": f"{error!r}\n{traceback.format_exc()}"}]}
    if keep or not result["ok"]:
        result["kept"] = str(keep_all(bench, target, result))
    return result


def keep_all(bench, target, result):
    directory = pathlib.Path(tempfile.mkdtemp(prefix=f"chaos-{bench.plan.seed}-"))
    bench.history.write(directory / "history.jsonl")
    (directory / "plan.txt").write_text(plan.to_text(bench.plan) + "\n")
    (directory / "result.json").write_text(json.dumps(result, indent=1))
    (directory / "problems.txt").write_text(report.explain(result, bench.history))
    target.keep(directory)
    return directory
