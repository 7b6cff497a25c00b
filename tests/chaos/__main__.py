"""Plans made from seeds, faults while they run, and a checker for what is left.

One line for each seed, then figures over all. What is needed to understand a failure is kept in a
directory: plan, history, the story of the events in question, the daemon's log."""

import argparse
import json
import logging
import multiprocessing
import os
import queue
import signal
import sys

from . import checker, plan, report
from .history import History


def parse(argv):
    p = argparse.ArgumentParser(prog="tests/chaos/run", description=__doc__)
    p.add_argument("--seeds", default="1-10", help="1-200, or 3,7,9 (default %(default)s)")
    p.add_argument("--seconds", type=float, default=5.0, help="of load for each seed (default %(default)s)")
    p.add_argument("--jobs", type=int, default=2, help="seeds at a time, each on a daemon of its own")
    p.add_argument("--workers", type=int, default=2, help="of each daemon")
    p.add_argument("--lease", type=float, default=2.0, help="of the daemon, in seconds")
    p.add_argument("--load", type=float, default=1.0, help="times the usual rate")
    p.add_argument("--faults", default=",".join(plan.FAULTS), help="of %(default)s; none: an empty text")
    p.add_argument("--settle", type=float, default=90.0, help="seconds until everything must be quiet")
    p.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="an option of the daemon")
    p.add_argument("--url", help="another server with the same API: nothing is killed then")
    p.add_argument("--token", default=os.environ.get("POSTHORN_TOKEN", ""))
    p.add_argument("--receiver-host", default="127.0.0.1", help="where --url reaches the receiver")
    p.add_argument("--plan", action="store_true", help="print what the seeds mean, and do nothing")
    p.add_argument("--check", metavar="HISTORY", help="judge a history that was kept")
    p.add_argument("--keep", action="store_true", help="keep histories and logs of good seeds, too")
    p.add_argument("--json", metavar="FILE", help="results and figures")
    return p.parse_args(argv)


def seeds_of(text):
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def options_of(args):
    faults = [word for word in args.faults.split(",") if word]
    for word in faults:
        if word not in plan.FAULTS:
            raise SystemExit(f"tests/chaos/run: no such fault: {word}")
    if os.environ.get("POSTHORN_TEST_DATABASE_URL"):  # a server that is not ours to kill
        faults = [word for word in faults if word != "pg"]
    if args.url:
        faults = [word for word in faults if word == "proxy"]
    return plan.Options(args.seconds, args.workers, args.lease, tuple(faults), not args.url, args.load)


def quiet_loop():
    """asyncio tells of every write to a connection that was reset: here that is the point."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)


def work(args, options, seeds, results):
    """One process: takes seeds until there are none, on one daemon as long as all goes well."""
    from . import bench, target
    quiet_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which the daemon would inherit
    settings = dict(pair.split("=", 1) for pair in args.set)
    current = None
    while (seed := seeds.get()) is not None:
        try:
            if current is None:
                current = (target.Foreign(args.url, args.token, args.receiver_host) if args.url
                           else target.Own(options, settings))
                current.start()
            result = bench.run_seed(current, options, seed, args.keep, args.settle)
            results.put(result)
            if not result["ok"]:
                current = close(current, results, seed, quietly=True)
        except Exception as error:
            results.put(failed(seed, f"{error!r}"))
            current = close(current, results, seed, quietly=True)
    close(current, results, "stop")


def close(current, results, seed, quietly=False):
    try:
        if current:
            current.close()
    except Exception as error:
        if not quietly:
            results.put(failed(seed, f"the daemon's end: {error}"))


def failed(seed, text):
    return {"seed": seed, "ok": False, "counts": {}, "faults": {}, "recoveries": [], "quiet_s": 0.0, "lapsed": 0,
            "duplicates_per_crash": [], "problems": [{"kind": "suite", "text": text}]}


def drain(seeds, todo, jobs):
    """An end on request: what runs comes to its end, nothing else begins, or counts as missing."""
    try:
        while True:
            seed = seeds.get_nowait()
            if seed is not None:
                todo.remove(seed)
    except queue.Empty:
        for _ in range(jobs):
            seeds.put(None)


def run(args, options, say=print):
    """Results of all seeds, in the order in which they end."""
    seeds, results, todo = multiprocessing.Queue(), multiprocessing.Queue(), list(seeds_of(args.seeds))
    jobs = max(1, min(args.jobs, len(todo)))
    for seed in todo + [None] * jobs:
        seeds.put(seed)
    processes = [multiprocessing.Process(target=work, args=(args, options, seeds, results)) for _ in range(jobs)]
    for process in processes:
        process.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: drain(seeds, todo, jobs))
    found = []
    while any(p.is_alive() for p in processes) or not results.empty():
        try:
            result = results.get(timeout=0.5)
        except queue.Empty:
            continue
        found.append(result)
        say(report.line(result))
        for problem in result["problems"][:3]:
            say(f"    {problem['kind']}: {problem['text']}")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    missing = set(todo) - {r["seed"] for r in found}
    return found + [failed(seed, "never ended") for seed in sorted(missing)]


def main(argv):
    args = parse(argv)
    if args.check:
        verdict = checker.check(History.read(args.check))
        for p in verdict.problems:
            print(f"{p.kind}: {p.text}  [{p.marker} {p.message} {p.endpoint}]")
        return 1 if verdict.problems else 0
    options = options_of(args)
    if args.plan:
        for seed in seeds_of(args.seeds):
            print(plan.to_text(plan.make_plan(seed, options)))
        return 0
    results = run(args, options, lambda text: print(text, flush=True))
    figures = report.summary(results)
    print(report.to_text(figures))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as out:
            json.dump({"summary": figures, "seeds": results}, out, indent=1)
    return 1 if figures["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
