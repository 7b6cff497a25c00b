"""What people read: a line for each seed, the story of what went wrong, the figures of all seeds."""

import collections
import statistics

LATE_S = 0.5  # of this program itself; beyond it the line says so
SHOWN = 5  # problems of a seed with the story of their event
FIELDS = ("what", "outcome", "invoked", "done", "fields", "tries", "message")


def line(result):
    counts, faults = collections.Counter(result["counts"]), result["faults"]
    words = [f"seed {result['seed']:<5}", "ok    " if result["ok"] else "FAILED",
             f"{counts['events']} events ({counts['acknowledged']}/{counts['refused']}/{counts['unknown']})",
             f"{counts['deliveries']} deliveries", f"{counts['duplicates']} dup", f"{counts['dead']} dead"]
    if faults:
        words.append(" ".join(f"{kind}×{n}" for kind, n in sorted(faults.items())))
    if result["recoveries"]:
        words.append(f"recovery {max(s for _, s in result['recoveries']):.1f} s")
    words.append(f"quiet {result['quiet_s']:.1f} s")
    if result.get("late_s", 0) > LATE_S:
        words.append(f"(late {result['late_s']:.1f} s)")
    if not result["ok"]:
        words.append(f"{len(result['problems'])} problems: {result.get('kept', '')}")
    return "  ".join(words)


def explain(result, history):
    """The problems, the first ones with everything that is known of their event."""
    texts = [f"seed {result['seed']}"]
    for n, problem in enumerate(result["problems"]):
        where = " ".join(str(problem[k]) for k in ("marker", "message", "endpoint") if problem.get(k))
        texts.append(f"{problem['kind']}: {problem['text']}  [{where}]")
        if n < SHOWN:
            texts += ["    " + text for text in story(problem, history)]
    return "\n".join(texts) + "\n"


def story(problem, history):
    message, endpoint, marker = (problem.get(k) for k in ("message", "endpoint", "marker"))
    found = []
    for event in history.events:
        if event.marker == marker or (message and event.message == message):
            found.append((event.invoked, f"posted {vars(event)}"))
    for change in history.changes:
        if change.endpoint == endpoint:
            shown = {k: v for k, v in vars(change).items() if k in FIELDS}
            found.append((change.invoked, f"changed {shown}"))
    for records, name in ((history.requests, "received"), (history.attempts, "attempt"),
                          (history.dead, "dead"), (history.manuals, "by hand"), (history.standings, "stands")):
        for r in records:
            if message and r.message == message and endpoint in (None, r.endpoint):
                found.append((getattr(r, "at", getattr(r, "invoked", 1e9)), f"{name} {vars(r)}"))
    for fault in history.faults:
        found.append((fault.start, f"fault {vars(fault)}"))
    return [f"{at:9.3f} {text}" if at < 1e9 else f"          {text}" for at, text in
            sorted(found, key=lambda x: x[0])]


def summary(results):
    """Figures over all seeds, as docs/reliability.md quotes them."""
    counts, faults, kinds = collections.Counter(), collections.Counter(), collections.Counter()
    recoveries, repeated = collections.defaultdict(list), collections.defaultdict(list)
    for result in results:
        counts.update(result["counts"])
        faults.update(result["faults"])
        kinds.update({p["kind"] for p in result["problems"]})
        for kind, seconds in result["recoveries"]:
            recoveries[kind].append(seconds)
        for kind, n in result["duplicates_per_crash"]:
            repeated[kind].append(n)
    every = [s for list in recoveries.values() for s in list]
    return {"seeds": len(results), "failed": [r["seed"] for r in results if not r["ok"]],
            "events": dict(counts), "faults": dict(faults), "seeds_by_problem": dict(kinds),
            "duplicates_per_crash": {kind: spread(list) for kind, list in sorted(repeated.items())},
            "recovery_s": spread(every),
            "recovery_by_fault_s": {kind: spread(list) for kind, list in sorted(recoveries.items())},
            "quiet_s": spread([r["quiet_s"] for r in results if r["quiet_s"] == r["quiet_s"]])}


def spread(values):
    if not values:
        return None
    return {"n": len(values), "p50": round(statistics.median(values), 3), "max": round(max(values), 3)}


def to_text(s):
    events, width = s["events"], 30
    rows = [("seeds", f"{s['seeds']}, failed {len(s['failed'])} {s['failed'] or ''}")]
    rows += [(f"fault {kind}", n) for kind, n in sorted(s["faults"].items())]
    rows += [(name, n) for name, n in sorted(events.items())]
    rows += [(f"seeds with {kind}", n) for kind, n in sorted(s["seeds_by_problem"].items())]
    rows += [(f"duplicates by {kind}", value) for kind, value in s["duplicates_per_crash"].items()]
    rows.append(("recovery, s", s["recovery_s"]))
    rows += [(f"  {kind}", value) for kind, value in s["recovery_by_fault_s"].items()]
    rows.append(("until quiet, s", s["quiet_s"]))
    return "\n".join(f"{name:{width}} {shown(value)}" for name, value in rows)


def shown(value):
    if isinstance(value, dict):
        return f"p50 {value['p50']:g}, max {value['max']:g} (of {value['n']})"
    return value if value is not None else "-"
