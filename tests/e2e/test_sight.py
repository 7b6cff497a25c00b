"""What operators see: metrics, health, logs."""

import json
import pathlib
import re
import signal

from harness.daemon import kill
from harness.wait import wait_until

METRICS = pathlib.Path(__file__).parents[2] / "lib/base/metrics.def"
MARK = "marker-of-a-payload-77123"


def declared():
    """Metric names and types of metrics.def."""
    found = {}
    for kind, name in re.findall(r'^(COUNTER|GAUGE|GAUGE_MAX|GAUGE_EACH|HISTOGRAM)\(\w+, "(\w+)"',
                                 METRICS.read_text(), re.MULTILINE):
        found[name] = {"GAUGE_MAX": "gauge", "GAUGE_EACH": "gauge"}.get(kind, kind.lower())
    return found


def test_every_declared_metric_is_exposed_with_help_and_type(daemon):
    reply = daemon.api().get("//metrics", token=None)
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    text = reply.body.decode()
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    assert types.items() >= declared().items()
    assert {name for name in types.keys() - declared().keys() if not name.startswith("process_")} == {
        "posthorn_build_info"}
    helps = re.findall(r"^# HELP (\w+) \S.*$", text, re.MULTILINE)
    assert sorted(helps) == sorted(types)


def test_exposition_is_well_formed(daemon):
    names = set()
    for line in daemon.api().get("//metrics", token=None).body.decode().splitlines():
        if line.startswith("#"):
            continue
        assert re.fullmatch(r'\w+(\{(\w+="[^"\\]*",?)+\})? (\+Inf|-?[0-9.e+-]+)', line), line
        name = line.rsplit(" ", 1)[0]
        assert name not in names, f"twice: {name}"
        names.add(name)


def test_counters_count(daemon, api, app, receiver):
    """Counters of all workers together: whichever answers."""
    before = api.metrics()
    api.new_endpoint(app, receiver.script("/hook", 500, 200), retrySchedule=[0.05])
    for _ in range(5):
        api.send(app)
    receiver.wait(6)

    def grown():
        now = api.metrics()
        return (now["posthorn_events_accepted_total"] - before["posthorn_events_accepted_total"],
                now['posthorn_attempts_total{outcome="delivered"}']
                - before['posthorn_attempts_total{outcome="delivered"}'],
                now['posthorn_attempts_total{outcome="retry"}']
                - before['posthorn_attempts_total{outcome="retry"}'])

    wait_until(lambda: grown() == (5, 5, 1), what="5 accepted, 5 delivered, 1 retry")
    now = api.metrics()
    assert now["posthorn_attempt_seconds_count"] >= before["posthorn_attempt_seconds_count"] + 6
    assert now['posthorn_attempt_seconds_bucket{le="+Inf"}'] == now["posthorn_attempt_seconds_count"]


def test_health(daemon):
    api = daemon.api()
    assert api.get("//livez", token=None).status == 200
    assert wait_until(lambda: api.get("//readyz", token=None)).status == 200
    assert api.get("/health/ping", token=None, want=204).body == b""
    health = api.get("/health", token=None).json
    assert {part["status"] for part in health.values()} == {"ok"}


def test_what_is_seen_is_only_read(daemon):
    api = daemon.api()
    for path in ("//metrics", "//livez", "//readyz"):
        assert api.call("HEAD", path, token=None, want=200).body == b""
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            refused = api.call(method, path, token=None, want=405)
            assert refused.headers["allow"] == "GET, HEAD" and refused.json["code"] == "method_not_allowed"


def test_readiness_is_red_while_the_database_is_away(start):
    daemon = start(workers=1)
    stopped = daemon.postgres_pids()
    for pid in stopped:
        kill(pid, signal.SIGSTOP)
    try:
        red = wait_until(lambda: (r := daemon.api().get("//readyz", token=None, want=None)).status == 503 and r,
                         30, "readyz is red")
        assert red.body
        assert daemon.api().get("//livez", token=None).status == 200
    finally:
        for pid in stopped:
            kill(pid, signal.SIGCONT)
    wait_until(lambda: daemon.api().get("//readyz", token=None), 30, "readyz is green again")


def secrets_of(daemon):
    """Everything that the daemon keeps to itself: its token, and the contents of its 0600 files."""
    found = {daemon.token}
    for path in (daemon.dir / "dev").iterdir():
        if path.is_file() and path.stat().st_mode & 0o077 == 0 and path.stat().st_size < 4096:
            found.update(word for word in path.read_text(errors="replace").split() if len(word) >= 16)
    return found


def test_logs_hold_no_secrets(start, receiver):
    daemon = start(workers=1, log_level="debug")
    api = daemon.api()
    app = api.new_app()
    endpoint = api.new_endpoint(app, receiver.script("/hook", 500), retrySchedule=[0.05])
    api.put(f"/app/{app}/endpoint/{endpoint}/headers", {"headers": {"Authorization": "Bearer hush-hush-1"}},
            want=204)
    key = api.secret(app, endpoint)
    api.send(app, {"text": MARK})
    api.get("/app", token="eyJ-not-a-token-1234567890", want=401)
    receiver.wait(2)
    wait_until(lambda: api.dead_letters(app))
    assert daemon.stop() == 0
    log = daemon.log()
    assert log
    for secret in {key, key.removeprefix("whsec_"), "hush-hush-1", MARK, "eyJ-not-a-token-1234567890",
                   *secrets_of(daemon)}:
        assert secret not in log, f"in the log: {secret[:6]}…"


def test_secrets_are_files_for_the_owner_alone(daemon):
    token = daemon.dir / "dev/token"
    assert token.stat().st_mode & 0o777 == 0o600


def test_log_lines_are_events(start):
    daemon = start(workers=1)
    assert daemon.stop() == 0
    lines = [line for line in daemon.log().splitlines() if "event=" in line or "level=" in line]
    assert any("supervisor.start" in line for line in lines), daemon.log()[:2000]
    assert any("supervisor.ready" in line for line in lines)


def test_json_logs(start):
    daemon = start(workers=1, log_format="json")
    assert daemon.stop() == 0
    objects = [json.loads(line) for line in daemon.log().splitlines() if line.startswith("{")]
    assert any("supervisor.ready" in map(str, o.values()) for o in objects)
