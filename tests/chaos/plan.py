"""What one seed means: who posts what when, how endpoints behave, what is administered, what breaks.

Everything that is random is drawn here, or from a generator named after the seed and the thing it is
for (`chance`), so that one seed makes one plan. When things happen is the machine's business."""

import base64
import dataclasses
import random

TYPES = ["chaos.a", "chaos.b", "chaos.c.d"]
CHANNELS = ["north", "south", "east"]
TENDER = 0.12  # of the load's time: begin and end are left alone by faults of processes

# Kinds of faults by the word that selects them (--faults).
FAULTS = {
    "kill": ["kill-worker"],
    "stop": ["stop-worker"],
    "supervisor": ["kill-supervisor", "kill-all"],
    "pg": ["pg-terminate", "pg-restart", "pg-kill", "pg-stop"],
    "proxy": [],  # connections of subscribers and of producers: windows, below
}
WINDOW_KINDS = ["delay", "drop", "reset", "half-close", "garbage", "slow", "refuse"]


def chance(*name):
    """A generator of its own for each thing, so that one more draw here changes nothing there."""
    return random.Random("/".join(map(str, name)))


@dataclasses.dataclass
class Options:
    seconds: float = 5.0
    workers: int = 2
    lease: float = 2.0
    faults: tuple = tuple(FAULTS)
    tls: bool = True
    load: float = 1.0  # of the usual


@dataclasses.dataclass
class Endpoint:
    name: str
    config: dict  # as it is posted, without its URL
    segments: list  # [at, behaviour]: what it does from then on
    steady: bool = False  # always well, and left alone
    tls: bool = False
    proxied: bool = False


@dataclasses.dataclass
class Planned:
    """An event to be posted."""

    marker: str
    type: str
    style: str
    size: int
    channels: list
    event_id: str | None = None
    order_key: str | None = None


@dataclasses.dataclass
class Post:
    at: float
    form: str  # single, batch, lines
    events: list
    key: str | None = None  # Idempotency-Key
    tries: int = 1  # when nobody knows what became of it
    timeout: float = 3.0
    again: str | None = None  # afterwards once more: same-key, other-body, same-id
    broken: str | None = None  # what is wrong with it


@dataclasses.dataclass
class Producer:
    name: str
    posts: list
    proxied: bool = False


@dataclasses.dataclass
class Act:
    """Something administered."""

    at: float
    what: str
    endpoint: str | None = None
    fields: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class App:
    name: str
    endpoints: list
    producers: list
    acts: list


@dataclasses.dataclass
class Break:
    """A fault of a process or of PostgreSQL."""

    at: float
    kind: str
    seconds: float = 0.0
    victim: int = 0


@dataclasses.dataclass
class Window:
    """A while in which a share of a link's connections is treated badly."""

    link: str  # hooks, hooks-tls or api
    at: float
    until: float
    share: float
    kinds: list


@dataclasses.dataclass
class Plan:
    seed: int
    seconds: float
    apps: list
    breaks: list
    windows: list


def make_plan(seed, options):
    rng = chance(seed, "shape")
    apps = [make_app(seed, n, options) for n in range(rng.choice([1, 1, 2, 2, 3]))]
    return Plan(seed, options.seconds, apps, make_breaks(seed, options), make_windows(seed, options))


# ---- applications ----


def make_app(seed, number, options):
    name = f"a{number}"
    rng = chance(seed, name)
    endpoints = [make_endpoint(seed, f"{name}e{n}", options) for n in range(rng.randint(1, 4))]
    endpoints.insert(0, steady_endpoint(seed, f"{name}e-steady"))
    if rng.random() < 0.5:
        endpoints.append(ordered_endpoint(seed, f"{name}e-ordered", options))
    producers = [make_producer(seed, f"{name}p{n}", options) for n in range(rng.randint(2, 5))]
    return App(name, endpoints, producers, make_acts(seed, name, endpoints, options))


def secret_of(seed, *name):
    return "whsec_" + base64.b64encode(chance(seed, "secret", *name).randbytes(24)).decode()


def schedule(rng):
    return [round(rng.choice([0.01, 0.05, 0.1, 0.25, 0.5, 1.0]), 3) for _ in range(rng.randint(2, 7))]


def base_config(seed, name, rng):
    return {"secret": secret_of(seed, name), "retrySchedule": schedule(rng),
            "timeoutMs": rng.choice([1500, 2500, 4000]), "headers": {"X-Chaos-Endpoint": name}}


def steady_endpoint(seed, name):
    config = base_config(seed, name, chance(seed, name))
    config.update(retrySchedule=[0.2, 0.5, 1, 1, 1, 1, 1, 1], timeoutMs=10000)
    return Endpoint(name, config, [[0.0, {"kind": "ok"}]], steady=True)


def ordered_endpoint(seed, name, options):
    """Asks for order; where the service does not know the fields it is one more endpoint."""
    rng = chance(seed, name)
    config = base_config(seed, name, rng)
    config["ordering"] = rng.choice(["endpoint", "key"])
    config["headOfLine"] = chance(seed, name, "head").choice(["deadLetter", "block"])
    config["retrySchedule"] = [0.05] * 3 + [0.3] * 8
    return Endpoint(name, config, make_segments(rng, options.seconds, calm=True),
                    proxied=rng.random() < 0.3)


def make_endpoint(seed, name, options):
    rng = chance(seed, name)
    config = base_config(seed, name, rng)
    if rng.random() < 0.4:
        config["eventTypes"] = sorted(rng.sample(TYPES, rng.randint(1, 2)))
    if rng.random() < 0.3:
        config["channels"] = sorted(rng.sample(CHANNELS, rng.randint(1, 2)))
    if rng.random() < 0.15:
        config["maxInFlight"] = rng.choice([1, 2, 5])
    if rng.random() < 0.05:
        config["disabled"] = True
    limit = chance(seed, name, "limit")
    if limit.random() < 0.1:
        config["throttleRate"] = limit.choice([50, 200])
    return Endpoint(name, config, make_segments(rng, options.seconds),
                    tls=options.tls and rng.random() < 0.2, proxied=rng.random() < 0.6)


BEHAVIOURS = [  # weight, maker
    (6, lambda r: {"kind": "ok"}),
    (3, lambda r: {"kind": "slow", "ms": r.choice([5, 30, 100, 300])}),
    (3, lambda r: {"kind": "status", "status": r.choice([500, 500, 400, 404, 503, 502, 429, 301])}),
    (2, lambda r: {"kind": "flaky", "status": r.choice([500, 503]), "share": r.choice([0.1, 0.5, 0.9])}),
    (1, lambda r: {"kind": "later", "status": r.choice([429, 503]), "seconds": 1}),
    (1, lambda r: {"kind": "redirect", "status": r.choice([301, 302, 307, 308])}),
    (1, lambda r: {"kind": "hang"}),
    (2, lambda r: {"kind": "close", "when": r.choice(["at-once", "after-head", "after-body", "reset"])}),
    (2, lambda r: {"kind": "odd", "form": r.choice(ODD)}),
]
GONE = {"kind": "status", "status": 410}
ODD = ["chunked", "until-close", "old-version", "interim", "huge", "cut", "no-content", "not-http",
       "two-lengths", "long-head"]


def make_segments(rng, seconds, calm=False):
    """[[from, behaviour], …], never empty: two of three endpoints misbehave for a while."""
    segments = [[0.0, {"kind": "ok"}]]
    if not calm and rng.random() < 0.33:
        return segments
    makers = [m for weight, m in BEHAVIOURS for _ in range(weight)]
    at = 0.0
    for _ in range(rng.randint(1, 4)):
        segments.append([round(at, 3), rng.choice(makers)(rng)])
        at += rng.uniform(0.1, 0.6) * seconds
        if at > seconds * 0.95:
            break
    if not calm and rng.random() < 0.06:
        segments.append([round(rng.uniform(0.2, 0.9) * seconds, 3), dict(GONE)])
    return sorted(segments, key=lambda s: s[0])


# ---- producers ----


def make_producer(seed, name, options):
    rng = chance(seed, name)
    rate = rng.choice([2, 5, 10, 16]) * options.load
    posts, at, number = [], rng.uniform(0, 0.3), 0
    while at < options.seconds:
        post = make_post(seed, name, rng, at, number)
        posts.append(post)
        number += len(post.events)
        at = round(at + rng.expovariate(rate), 4)
    return Producer(name, posts, chance(seed, name, "proxied").random() < 0.5)


def make_post(seed, name, rng, at, number):
    form = rng.choices(["single", "batch", "lines"], [86, 8, 6])[0]
    count = 1 if form == "single" else rng.choice([1, 2, 5, 20])
    events = [make_event(seed, name, rng, number + i) for i in range(count)]
    post = Post(round(at, 4), form, events, timeout=rng.choice([3.0, 3.0, 3.0, 0.5]))
    if form == "single" and rng.random() < 0.04:
        post.broken = rng.choice(["no-type", "bad-type", "no-payload", "not-json", "bad-channel", "no-app"])
        return post
    if rng.random() < 0.35:
        post.key, post.tries = f"key-{events[0].marker}", rng.choice([2, 4, 6])
    elif form == "single" and events[0].event_id:
        post.tries = rng.choice([1, 3, 5])
    if post.key and rng.random() < 0.15:
        post.again = rng.choice(["same-key", "other-body"])
    elif form == "single" and events[0].event_id and rng.random() < 0.15:
        post.again = "same-id"
    return post


def make_event(seed, name, rng, number):
    marker = f"s{seed}-{name}-{number}"
    style, size = rng.choices(
        [("plain", rng.randint(60, 900)), ("spaced", 0), ("large", int(2 ** rng.uniform(10, 17.6))),
         ("empty", 0), ("raw", rng.choice([1, 2, 30]))], [80, 8, 3, 4, 5])[0]
    event = Planned(marker, rng.choice(TYPES), style, size,
                    sorted(rng.sample(CHANNELS, rng.randint(1, 3))) if rng.random() < 0.4 else [])
    if style in ("empty", "raw") or rng.random() < 0.2:
        event.event_id = marker
    if rng.random() < 0.7:
        event.order_key = f"k{rng.randint(0, 4)}"
    return event


def payload_of(event):
    """(bytes of the member "payload", raw text to be sent in their place or None)"""
    if event.style == "empty":
        return b"{}", None
    if event.style == "raw":
        return b"{}", ("x" * event.size)
    if event.style == "spaced":
        return (b'{ "k" :\t"%s", "n":1.10 , "big":18446744073709551616, "z":1,"a":[ 1,2e+2 ],"u":"\\u00e9\\/" }'
                % event.marker.encode()), None
    head = b'{"k":"%s","pad":"' % event.marker.encode()
    return head + b"p" * max(0, event.size - len(head) - 2) + b'"}', None


# ---- administration ----


def make_acts(seed, name, endpoints, options):
    rng = chance(seed, name, "acts")
    acts, fickle, made = [], [e for e in endpoints if not e.steady], 0
    for _ in range(rng.choice([0, 2, 4, 8])):
        at = round(rng.uniform(0.05, 0.95) * options.seconds, 3)
        what = rng.choices(["create", "filter", "disable", "enable", "delete", "pause", "unpause", "rotate",
                            "move", "schedule", "resend", "replay", "replay-all"],
                           [3, 3, 3, 3, 1, 3, 2, 3, 2, 1, 4, 3, 1])[0]
        if what == "create":
            new = make_endpoint(seed, f"{name}e-new{made}", options)
            made += 1
            acts.append(Act(at, what, new.name, {"plan": new}))
            fickle.append(new)
        elif what in ("replay", "replay-all"):
            acts.append(Act(at, what, None, {"draw": rng.random()}))
        elif what == "resend":
            acts.append(Act(at, what, rng.choice(endpoints).name, {"draw": rng.random()}))
        elif fickle:
            acts.append(Act(at, what, rng.choice(fickle).name, change_of(seed, rng, what)))
            if what == "pause":
                acts.append(Act(round(at + rng.uniform(0.1, 1.5), 3), "unpause", acts[-1].endpoint))
    return sorted(acts, key=lambda a: a.at)


def change_of(seed, rng, what):
    if what == "filter":
        return {"eventTypes": sorted(rng.sample(TYPES, rng.randint(1, 3))) if rng.random() < 0.8 else None}
    if what == "schedule":
        return {"retrySchedule": schedule(rng)}
    if what == "rotate":
        return {"key": secret_of(seed, "rotated", rng.random())}
    return {}


# ---- faults ----


def make_breaks(seed, options):
    """Mostly one, sometimes three; a quarter of the seeds has none: there duplicates are not allowed."""
    rng = chance(seed, "breaks")
    kinds = [k for word in options.faults for k in FAULTS[word]]
    if not kinds:
        return []
    breaks = []
    for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
        at = rng.uniform(TENDER, 1 - TENDER) * options.seconds
        kind = rng.choice(kinds)
        seconds = {"stop-worker": rng.uniform(0.3, 2.0) * options.lease,
                   "pg-stop": rng.uniform(0.3, 2.5)}.get(kind, 0.0)
        breaks.append(Break(round(at, 3), kind, round(seconds, 3), rng.randint(0, 1000)))
    return sorted(breaks, key=lambda b: b.at)


def make_windows(seed, options):
    if "proxy" not in options.faults:
        return []
    rng = chance(seed, "windows")
    windows = []
    for _ in range(rng.choice([0, 1, 2, 2, 3])):
        at = rng.uniform(0.0, 0.8) * options.seconds
        until = at + rng.uniform(0.05, 0.4) * options.seconds
        windows.append(Window(rng.choice(["hooks", "hooks", "hooks-tls", "api"]), round(at, 3), round(until, 3),
                              rng.choice([0.05, 0.3, 0.8, 1.0]),
                              sorted(rng.sample(WINDOW_KINDS, rng.randint(1, 4)))))
    return windows


def to_text(plan):
    """For people: --plan."""
    lines = [f"seed {plan.seed}: {plan.seconds:g} s"]
    for app in plan.apps:
        events = sum(len(post.events) for p in app.producers for post in p.posts)
        lines.append(f"  {app.name}: {len(app.producers)} producers, {events} events")
        for e in app.endpoints:
            shown = {k: v for k, v in e.config.items() if k not in ("secret", "headers")}
            marks = " ".join(w for w in ("steady", "tls", "proxied") if getattr(e, w))
            lines.append(f"    {e.name} {marks} {shown}")
            lines += [f"      {at:7.3f} {behaviour}" for at, behaviour in e.segments]
        lines += [f"      {a.at:7.3f} {a.what} {a.endpoint or ''} "
                  f"{ {k: v for k, v in a.fields.items() if k != 'plan'} or ''}" for a in app.acts]
    lines += [f"  {b.at:7.3f} {b.kind} {b.seconds or ''}" for b in plan.breaks]
    lines += [f"  {w.at:7.3f}-{w.until:.3f} {w.link}: {w.share:.0%} of {', '.join(w.kinds)}"
              for w in plan.windows]
    return "\n".join(lines)
