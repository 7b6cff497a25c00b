"""The command line against scripted answers: arguments, output, exit codes, retries, hostile servers.

Nothing here needs a daemon; that the commands work against a real one is test_commands.py's part."""

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import time

import pytest
from harness.daemon import POSTHORND, SANITIZER, environment, free_port
from harness.fake_api import Answer, FakeApi

BUILD = pathlib.Path(os.environ.get("POSTHORN_BUILD", "build")).resolve()
POSTHORN = next((p for p in (BUILD / "posthorn", BUILD / "cmd/posthorn/posthorn") if p.is_file()),
                BUILD / "posthorn")
ROOT = pathlib.Path(__file__).resolve().parents[2]
TOKEN = "head.body.tail"
OK, USAGE, DATA, MISSING, UNAVAILABLE, SOFTWARE, IO, TEMPORARY, DENIED, CONFIG = (
    0, 64, 65, 66, 69, 70, 74, 75, 77, 78)
APP = {"id": "app_1", "uid": None, "name": "Acme", "throttleRate": 7, "rateLimit": 7, "metadata": {},
       "createdAt": "2026-11-21T09:20:00.123456Z", "updatedAt": "2026-11-21T09:20:00Z"}


@pytest.fixture(scope="module")
def server():
    one = FakeApi()
    yield one
    one.stop()


@pytest.fixture
def cli(server, tmp_path):
    """cli("app", "list"): runs it against the fake server with a token, in an empty home."""
    def run(*arguments, stdin=b"", url=server.url, token=TOKEN, env=None):
        settings = {k: v for k, v in (("url", url), ("token", token)) if v is not None}
        whole = environment(**settings)
        for name in ("http_proxy", "https_proxy", "all_proxy", "XDG_STATE_HOME"):
            whole.pop(name, None)
            whole.pop(name.upper(), None)
        # A state directory without a token: a server of this machine may have left one elsewhere.
        whole.update({"HOME": str(tmp_path), "LC_ALL": "C.UTF-8",
                      "XDG_STATE_HOME": str(tmp_path / "state"), **(env or {})})
        done = subprocess.run([POSTHORN, *arguments], env=whole, input=stdin, capture_output=True,
                              timeout=60, cwd=tmp_path)
        done.out, done.err = done.stdout.decode(), done.stderr.decode()
        assert not SANITIZER.search(done.err), done.err
        assert TOKEN not in done.out + done.err
        return done
    return run


def page(*rows, iterator=None):
    return {"data": list(rows), "iterator": iterator, "done": iterator is None}


def refused(done, code, *words):
    """One line on standard error, nothing of a help text."""
    assert done.returncode == code, (done.returncode, done.err)
    assert done.err.startswith("posthorn: ") and done.err.count("\n") == 1, done.err
    assert "usage" not in done.err
    for word in words:
        assert word in done.err, (word, done.err)


def families():
    """{"app": ["list", …], "send": []} as the overview tells it."""
    shown = subprocess.run([POSTHORN], capture_output=True, text=True, timeout=60).stdout
    section = shown.split("commands:\n")[1].split("\n\n")[0]
    found = {}
    for line in section.splitlines():
        if line[2] != " ":
            found[line.split()[0]] = []
        else:
            found[list(found)[-1]] += line.split()
    found.pop("help", None)
    return found


def commands():
    return [tuple([f, v] if v else [f]) for f, verbs in families().items() for v in verbs or [None]]


# Help.

def test_every_family_is_there():
    wanted = {"app", "endpoint", "operational-webhook", "event-type", "send", "message", "attempt",
              "resend", "polling-endpoint", "poll", "dead-letter", "task", "health", "signature", "token",
              "config"}
    assert set(families()) == wanted
    assert families()["dead-letter"] == ["list", "get", "replay", "discard", "summary"]


def test_help_explains_every_command(cli):
    for command in commands():
        asked = cli("help", *command)
        assert asked.returncode == OK and asked.err == ""
        assert asked.out.startswith("usage: posthorn " + " ".join(command))
        assert "example:\n  posthorn " + " ".join(command) in asked.out
        assert cli(*command, "--help").out == asked.out


def test_help_explains_every_family(cli):
    for family in families():
        asked = cli("help", family)
        assert asked.returncode == OK and "posthorn " + family in asked.out
        assert cli(family, "--help").out == asked.out


def test_version(cli):
    assert re.fullmatch(r"posthorn \d+\.\d+\.\d+\n", cli("--version").out)


def test_manual_page_is_current(cli):
    assert cli("help", "--man").out == (ROOT / "docs/posthorn.1").read_text()


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_manual_page_is_well_formed(cli):
    made = subprocess.run(["groff", "-mdoc", "-ww", "-Tascii"], input=cli("help", "--man").stdout,
                          capture_output=True, timeout=60)
    assert made.returncode == 0 and made.stderr == b""
    plain = re.sub(rb".\x08", b"", made.stdout).decode()
    for command in commands():
        assert " ".join(command) in plain
    assert "--data '{\"amount\": 1.10}'" in plain


@pytest.mark.parametrize("line, words", [
    ("--wrong", ["--wrong"]),
    ("-x", ["-x"]),
    ("endpont list", ["endpont", "did you mean endpoint?"]),
    ("endpoint lsit", ["lsit", "did you mean endpoint list?"]),
    ("endpoint frobnicate", ["rotate-secret"]),
    ("xyzzy", ["posthorn help"]),
    ("help xyzzy", ["posthorn help"]),
    ("endpoint", ["needs one of", "rotate-secret"]),
    ("app get", ["app get needs APP"]),
    ("app get a b", ["takes only APP"]),
    ("app list a", ["no arguments"]),
    ("app list a b c d e", ["too many"]),
    ("app list --limt 3", ["did you mean --limit?"]),
    ("app list --limit", ["--limit needs a value"]),
    ("app list -n", ["-n needs a value"]),
    ("app list --all=yes", ["--all takes no value"]),
    ("app list --limit 0", ["from 1 to 1000000"]),
    ("app list --limit 1e3", ["from 1 to 1000000"]),
    ("app list --limit 99999999999999999999", ["from 1 to 1000000"]),
    ("app list --all --limit 3", ["exclude"]),
    ("app list -o xml", ["table, json or tsv"]),
    ("app list --timeout 0", ["--timeout"]),
    ("app list --url ftp://x", ["http://"]),
    ("app list --url http://user:secret@x", ["token instead"]),
    ("app list --url http://x/?a=b", ["must end"]),
    ("app list --url ://", ["URL"]),
    ("app get ..", ["no id"]),
    ("app get a/b", ["no id"]),
    ("app get a%2fb", ["no id"]),
    ("app update acme", ["nothing to change"]),
    ("app create x --metadata novalue", ["KEY=VALUE"]),
    ("endpoint create a http://x --retry-schedule 5,soon", ["--retry-schedule"]),
    ("endpoint create a http://x --retry-schedule 05", ["--retry-schedule"]),
    ("endpoint create a http://x --header novalue", ["NAME: VALUE"]),
    ("message list a --before yesterday", ["--before", "2h"]),
    ("message list a --before 5y", ["--before"]),
    ("attempt list a", ["--message", "--endpoint"]),
    ("attempt list a --message m --status lost", ["success, pending, fail or sending"]),
    ("send a t", ["--data"]),
    ("signature verify", ["--secret"]),
    ("token create", ["--org"]),
    ("dead-letter replay", ["--all"]),
    ("dead-letter replay a", ["APP and ID"]),
    ("dead-letter replay a b --all", ["not both"]),
    ("dead-letter replay a b --dry-run", ["not both"]),
    ("dead-letter replay --all --app x", ["leave one"]),
    ("dead-letter discard --dry-run", ["--all"]),
    ("config --example --reference", ["exclude"]),
])
def test_wrong_command_lines(cli, server, line, words):
    server.script(Answer(500))
    refused(done := cli(*line.split()), USAGE, *words)
    assert done.out == "" and server.requests == []


def test_options_stand_anywhere(cli, server):
    server.script(page(APP))
    for line in ("-o tsv app list", "app -o tsv list", "app list -o tsv"):
        assert cli(*line.split()).out.startswith("id\t")


def test_too_many_repeats(cli):
    refused(cli("message", "list", "a", *["-t", "x"] * 65), USAGE, "more than 64")


# Output.

def test_table(cli, server):
    server.script(page(APP))
    head, row = cli("app", "list").out.splitlines()
    assert head.split() == ["ID", "UID", "NAME", "THROTTLE", "CREATED"]
    assert row.split() == ["app_1", "-", "Acme", "7", "2026-11-21T09:20:00Z"]


def test_tsv(cli, server):
    server.script(page({**APP, "name": "a\tb\nc\\d"}))
    assert cli("app", "list", "-o", "tsv").out == (
        "id\tuid\tname\tthrottleRate\tcreatedAt\n"
        "app_1\t\ta\\tb\\nc\\\\d\t7\t2026-11-21T09:20:00.123456Z\n")


def test_json_list(cli, server):
    server.script(page(APP, {**APP, "id": "app_2"}))
    assert json.loads(cli("app", "list", "-o", "json").out) == [APP, {**APP, "id": "app_2"}]


@pytest.mark.parametrize("form, out", [("table", "none\n"), ("json", "[]\n"),
                                       ("tsv", "id\tuid\tname\tthrottleRate\tcreatedAt\n")])
def test_empty_list(cli, server, form, out):
    server.script(page())
    assert cli("app", "list", "-o", form).out == out


def test_record(cli, server):
    server.script({**APP, "eventTypes": ["a.b", "c"], "empty": [], "mixed": [1, "x"]})
    shown = dict(line.split(None, 1) for line in cli("app", "get", "acme").out.splitlines())
    assert shown["name"] == "Acme" and shown["uid"] == "-" and shown["eventTypes"] == "a.b,c"
    assert shown["mixed"] == '[1,"x"]' and shown["metadata"] == "{}" and shown["empty"] == "-"
    assert "rateLimit" not in shown
    assert server.requests[0].path == "/api/v1/app/acme"
    assert "rateLimit\t7" in cli("app", "get", "acme", "-o", "tsv").out.splitlines()


def test_numbers_are_shown_as_they_were_sent(cli, server):
    payload = '{"price":1.10,"big":18446744073709551616,"huge":1e999,"z":0,"a":-0.0}'
    server.script('{"id":"msg_1", "payload": ' + payload + "}")
    for form in ("table", "tsv", "json"):
        shown = cli("message", "get", "acme", "msg_1", "-o", form).out
        assert payload in re.sub(r"\s", "", shown)


def test_json_layout(cli, server):
    server.script('{"a":{"b":[ ],"c":{},"d":[1 , 2]},"e":"\\u001b"}')
    assert cli("app", "get", "x", "-o", "json").out == (
        '{\n  "a": {\n    "b": [],\n    "c": {},\n    "d": [\n      1,\n      2\n    ]\n  },\n'
        '  "e": "\\u001b"\n}\n')


def test_full_disk(cli, server):
    server.script(page(*[APP] * 100))
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    with open("/dev/full", "w") as full:
        done = subprocess.run([POSTHORN, "app", "list"], stdout=full, stderr=subprocess.PIPE, timeout=60,
                              env=environment(url=server.url, token=TOKEN), text=True)
    assert done.returncode == IO and "cannot write" in done.stderr


# Pages.

def paged(total, size=250):
    """A list of that many applications; the iterator is the next number."""
    def answer(request):
        start = int(request.query.get("iterator", 0))
        end = min(total, start + min(size, int(request.query["limit"])))
        return Answer(200, page(*({**APP, "id": f"app_{i}"} for i in range(start, end)),
                                iterator=str(end) if end < total else None))
    return answer


def ids(done):
    assert done.returncode == OK, done.err
    return [line.split("\t")[0] for line in done.out.splitlines()[1:]]


@pytest.mark.parametrize("options, rows, limits", [
    ([], 50, ["50"]),
    (["--limit", "3"], 3, ["3"]),
    (["--limit", "260"], 260, ["250", "10"]),
    (["--all"], 600, ["250", "250", "250"]),
])
def test_pages_are_followed(cli, server, options, rows, limits):
    server.script(paged(600))
    assert ids(cli("app", "list", "-o", "tsv", *options)) == [f"app_{i}" for i in range(rows)]
    assert [r.query["limit"] for r in server.requests] == limits


def test_server_with_smaller_pages(cli, server):
    server.script(paged(100, size=7))
    assert len(ids(cli("app", "list", "-o", "tsv", "--limit", "20"))) == 20
    assert len(server.requests) == 3


def test_long_table_is_written_in_parts(cli, server):
    server.script(paged(2500))
    out = cli("app", "list", "--all").out
    assert out.count("app_") == 2500 and out.count("CREATED") == 3


def test_iterator_is_encoded(cli, server):
    server.script(Answer(200, page(APP, iterator="a&b=c d%é")), page(APP))
    assert cli("app", "list", "--all").returncode == OK
    assert server.requests[1].query["iterator"] == "a&b=c d%é"


def test_empty_pages_are_followed(cli, server):
    """A filter that selects little: the server says so page by page."""
    server.script(*(page(iterator=str(n)) for n in range(20)), page(APP))
    listed = cli("app", "list", "--all")
    assert listed.returncode == OK and APP["id"].encode() in listed.stdout
    assert len(server.requests) == 21


@pytest.mark.parametrize("bodies, words", [
    ([page(APP, iterator="x"), page(APP, iterator="x")], ["does not end"]),
    ([page(iterator="x"), page(iterator="x")], ["does not end"]),
    ([{"items": []}], ["no data"]),
    ([{"data": {}}], ["no data"]),
    ([{"data": [1]}], ["row"]),
    ([{"data": [APP, "x"]}], ["row"]),
])
def test_lists_that_lie(cli, server, bodies, words):
    server.script(*bodies)
    refused(cli("app", "list", "--all"), IO, *words)


# What is asked: method, path, query, body.

@pytest.mark.parametrize("line, method, path, body", [
    ("app create Acme --uid acme --metadata a=b --metadata c=d=e", "POST", "/app",
     {"name": "Acme", "uid": "acme", "metadata": {"a": "b", "c": "d=e"}}),
    ("app update acme --name New --clear uid", "PATCH", "/app/acme", {"name": "New", "uid": None}),
    ("app create Acme --throttle-rate 5", "POST", "/app", {"name": "Acme", "throttleRate": 5}),
    ("app update acme --throttle-rate 9", "PATCH", "/app/acme", {"throttleRate": 9}),
    ("app delete acme", "DELETE", "/app/acme", None),
    ("endpoint create acme https://x/ -t a -t b -c one --disabled --retry-schedule 0.05,1,300"
     " --attempt-timeout-ms 500 --max-in-flight 3 --description d", "POST", "/app/acme/endpoint",
     {"url": "https://x/", "eventTypes": ["a", "b"], "channels": ["one"], "disabled": True,
      "retrySchedule": [0.05, 1, 300], "timeoutMs": 500, "maxInFlight": 3, "description": "d"}),
    ("endpoint update acme main --endpoint-url https://y/", "PATCH", "/app/acme/endpoint/main",
     {"url": "https://y/"}),
    ("endpoint create acme https://x/ --paused --ordering key --head-of-line block --throttle-rate 5",
     "POST", "/app/acme/endpoint",
     {"url": "https://x/", "paused": True, "ordering": "key", "headOfLine": "block", "throttleRate": 5}),
    ("endpoint update acme main --ordering endpoint --head-of-line deadLetter --throttle-rate 9", "PATCH",
     "/app/acme/endpoint/main", {"ordering": "endpoint", "headOfLine": "deadLetter", "throttleRate": 9}),
    ("endpoint update acme main --clear ordering --clear throttleRate", "PATCH", "/app/acme/endpoint/main",
     {"ordering": None, "throttleRate": None}),
    ("endpoint update acme main --signature-profile custom --signature-template header=X-A"
     " --signature-template prefix=sha256= --format cloudevents-binary", "PATCH", "/app/acme/endpoint/main",
     {"signatureProfile": "custom", "signatureTemplate": {"header": "X-A", "prefix": "sha256="},
      "format": "cloudevents-binary"}),
    ("endpoint pause acme main", "PATCH", "/app/acme/endpoint/main", {"paused": True}),
    ("endpoint resume acme main", "PATCH", "/app/acme/endpoint/main", {"paused": False}),
    ("endpoint delete acme main", "DELETE", "/app/acme/endpoint/main", None),
    ("endpoint enable acme main", "PATCH", "/app/acme/endpoint/main", {"disabled": False}),
    ("endpoint disable acme main", "PATCH", "/app/acme/endpoint/main", {"disabled": True}),
    ("endpoint rotate-secret acme main --grace 60 --key whsec_x", "POST",
     "/app/acme/endpoint/main/secret/rotate", {"gracePeriodSeconds": 60, "key": "whsec_x"}),
    ("endpoint rotate-secret acme main", "POST", "/app/acme/endpoint/main/secret/rotate", {}),
    ("endpoint recover acme main --after 2026-01-01T00:00:00Z", "POST", "/app/acme/endpoint/main/recover",
     {"since": "2026-01-01T00:00:00.000000Z"}),
    ("endpoint replay-missing acme main --after 2026-01-01T00:00:00Z --before 2026-01-02T00:00:00Z --rate 9",
     "POST", "/app/acme/endpoint/main/replay-missing",
     {"since": "2026-01-01T00:00:00.000000Z", "until": "2026-01-02T00:00:00.000000Z", "ratePerSecond": 9}),
    ("endpoint bulk-replay acme main --after 2026-01-01T00:00:00Z -t a -t b -c one --status fail", "POST",
     "/app/acme/endpoint/main/bulk-replay",
     {"since": "2026-01-01T00:00:00.000000Z", "eventTypes": ["a", "b"], "channel": "one", "status": 2}),
    ("endpoint bulk-replay acme main --after 2026-01-01T00:00:00Z --tag x --status-class 500", "POST",
     "/app/acme/endpoint/main/bulk-replay",
     {"since": "2026-01-01T00:00:00.000000Z", "tag": "x", "statusCodeClass": 500}),
    ("endpoint send-example acme main svix.ping", "POST", "/app/acme/endpoint/main/send-example",
     {"eventType": "svix.ping"}),
    ("endpoint send-example acme main a.b --example-index 2", "POST", "/app/acme/endpoint/main/send-example",
     {"eventType": "a.b", "exampleIndex": 2}),
    ("operational-webhook create https://x/ -t endpoint.disabled --format none --signature-profile slack"
     " --attempt-timeout-ms 500 --max-in-flight 1", "POST", "/operational-webhook/endpoint",
     {"url": "https://x/", "eventTypes": ["endpoint.disabled"], "format": "none", "signatureProfile": "slack",
      "timeoutMs": 500, "maxInFlight": 1}),
    ("send acme a.b -d {} --retention-days 3", "POST", "/app/acme/msg",
     {"eventType": "a.b", "payload": {}, "payloadRetentionPeriod": 3}),
    ("send acme a.b -d {} --retention-hours 2160 --tag x --tag y", "POST", "/app/acme/msg",
     {"eventType": "a.b", "payload": {}, "payloadRetentionHours": 2160, "tags": ["x", "y"]}),
    ("send acme a.b --raw a=1&b=2", "POST", "/app/acme/msg",
     {"eventType": "a.b", "payload": {}, "transformationsParams": {"rawPayload": "a=1&b=2"}}),
    ("send acme a.b --raw <x/> -d {\"id\":1}", "POST", "/app/acme/msg",
     {"eventType": "a.b", "payload": {"id": 1}, "transformationsParams": {"rawPayload": "<x/>"}}),
    ("attempt expunge acme msg_1 atmpt_1", "DELETE", "/app/acme/msg/msg_1/attempt/atmpt_1/content", None),
    ("event-type create a.b --description d", "POST", "/event-type", {"name": "a.b", "description": "d"}),
    ("event-type create a.b --feature-flag x --feature-flag y --group g --deprecated", "POST", "/event-type",
     {"name": "a.b", "featureFlags": ["x", "y"], "groupName": "g", "deprecated": True}),
    ("event-type update a.b --group g --clear schemas --clear featureFlags", "PATCH", "/event-type/a.b",
     {"groupName": "g", "schemas": None, "featureFlags": None}),
    ("event-type delete a.b", "DELETE", "/event-type/a.b", None),
    ("resend acme msg_1 main", "POST", "/app/acme/msg/msg_1/endpoint/main/resend", {}),
    ("dead-letter replay acme dl_1", "POST", "/app/acme/dead-letter/dl_1/replay", {}),
    ("dead-letter discard acme dl_1", "POST", "/app/acme/dead-letter/dl_1/discard", {}),
    ("dead-letter replay --all", "POST", "/dead-letter/replay", {}),
    ("dead-letter replay --app acme --endpoint ep_1 -t a -t b --reason gone --rate 9 --dry-run"
     " --before 2026-01-01T00:00:00Z --after 2025-01-01T01:00:00+01:00", "POST", "/dead-letter/replay",
     {"appId": "acme", "endpointId": "ep_1", "eventTypes": ["a", "b"], "reason": "gone",
      "ratePerSecond": 9, "dryRun": True, "before": "2026-01-01T00:00:00.000000Z",
      "after": "2025-01-01T00:00:00.000000Z"}),
    ("dead-letter discard --reason deleted", "POST", "/dead-letter/discard", {"reason": "deleted"}),
    ("dead-letter replay --status-class 0", "POST", "/dead-letter/replay", {"statusCodeClass": 0}),
    ("task pause qtask_1", "POST", "/background-task/qtask_1/pause", {}),
    ("task cancel qtask_1", "POST", "/background-task/qtask_1/cancel", {}),
])
def test_changes(cli, server, line, method, path, body):
    server.script({"id": "x_1"})
    done = cli(*line.split())
    assert done.returncode == OK and done.out, done.err
    [asked] = server.requests
    assert (asked.method, asked.path) == (method, "/api/v1" + path)
    assert asked.headers["authorization"] == "Bearer " + TOKEN
    assert ("idempotency-key" in asked.headers) == (method == "POST")
    assert (asked.json if asked.body else None) == body


def test_sent_events_are_shown_as_they_are(cli, server):
    """Payload and all: the answer is not asked to leave it out, and then shown as if it were empty."""
    server.script({"id": "msg_1", "payload": {"n": 1}})
    assert "msg_1" in cli("send", "acme", "a.b", "-d", '{"n": 1}').out
    assert server.requests[0].query == {}


@pytest.mark.parametrize("line, cleared", [
    ("app update acme", "endpointChallenge"), ("endpoint update acme main", "retrySchedule"),
    ("operational-webhook update main", "timeoutMs"), ("polling-endpoint update acme erp", "channels"),
    ("event-type update a.b", "featureFlags"),
])
def test_what_can_be_cleared(cli, server, line, cleared):
    server.script()
    for wrong in (cleared + "s", "", cleared.upper(), "uid " + cleared, "createdAt"):
        refused(cli(*line.split(), "--clear", cleared, "--clear", wrong), USAGE, cleared)
    assert server.requests == []
    server.script({"id": "x_1"})
    assert cli(*line.split(), "--clear", cleared).returncode == OK
    assert server.requests[0].json == {cleared: None}
    assert cleared in cli(*line.split(), "--help").out


def members(schemas, name):
    """Of a schema and of those that it consists of."""
    for part in (schemas[name], *schemas[name].get("allOf", [])):
        if "$ref" in part:
            yield from members(schemas, part["$ref"].rsplit("/", 1)[1])
        yield from part.get("properties", {}).items()


@pytest.mark.parametrize("line, schema", [
    ("app", "ApplicationPatch"), ("endpoint", "EndpointPatch"),
    ("polling-endpoint", "PollingEndpointConfigPatch"), ("event-type", "EventTypePatch"),
])
def test_what_can_be_cleared_is_what_may_be_null(cli, line, schema):
    document = json.loads(subprocess.run([POSTHORND, "openapi"], capture_output=True, check=True, timeout=60).stdout)
    nullable = {name for name, told in members(document["components"]["schemas"], schema)
                if "null" in told.get("type", []) or None in told.get("enum", [])}
    help_text = cli(line, "update", "--help").out
    assert set(help_text.split("--clear takes: ")[1].split("\n")[0].split()) == nullable


@pytest.mark.parametrize("line, path, query", [
    ("app list", "/app", {}),
    ("endpoint list acme", "/app/acme/endpoint", {}),
    ("event-type list --archived", "/event-type", {"include_archived": "true"}),
    ("message list acme -t a -t b -c one", "/app/acme/msg",
     {"event_types": "a,b", "channel": "one", "with_content": "false"}),
    ("message list acme --content --before 2026-01-01T00:00:00Z", "/app/acme/msg",
     {"with_content": "true", "before": "2026-01-01T00:00:00.000000Z"}),
    ("attempt list acme --message msg_1 --endpoint ep_1 --status fail", "/app/acme/attempt/msg/msg_1",
     {"status": "2", "endpoint_id": "ep_1"}),
    ("attempt list acme --endpoint ep_1 --status success", "/app/acme/attempt/endpoint/ep_1",
     {"status": "0"}),
    ("attempt list acme --endpoint ep_1 --status-class 500 --tag x --order ascending",
     "/app/acme/attempt/endpoint/ep_1", {"status_code_class": "500", "tag": "x", "order": "ascending"}),
    ("message list acme --order ascending", "/app/acme/msg", {"order": "ascending", "with_content": "false"}),
    ("dead-letter list --reason gone", "/dead-letter", {"reason": "gone"}),
    ("dead-letter list --status-class 400 --replayed false --discarded true --order ascending", "/dead-letter",
     {"status_code_class": "400", "replayed": "false", "discarded": "true", "order": "ascending"}),
    ("dead-letter list --app acme --endpoint ep_1 -t a", "/app/acme/dead-letter",
     {"endpoint_id": "ep_1", "event_types": "a"}),
    ("dead-letter summary --app acme", "/dead-letter/summary", {"app_id": "acme"}),
    ("task list", "/background-task", {}),
    ("task list --status paused", "/background-task", {"status": "paused"}),
    ("task list --task endpoint.recover --order ascending", "/background-task",
     {"task": "endpoint.recover", "order": "ascending"}),
])
def test_lists(cli, server, line, path, query):
    server.script(page({"id": "x_1"}))
    done = cli(*line.split())
    assert done.returncode == OK, done.err
    [asked] = server.requests
    assert asked.method == "GET" and asked.path == "/api/v1" + path
    assert asked.query == {**query, "limit": "50"}


def test_create_or_get(cli, server):
    server.script(APP)
    cli("app", "create", "Acme", "--uid", "acme", "--get-if-exists")
    assert server.requests[0].query == {"get_if_exists": "true"}
    assert server.requests[0].json == {"name": "Acme", "uid": "acme"}


# Batches.


def results(request):
    """202 for each line, but 422 for those that say bad."""
    lines = request.body.decode().splitlines()
    problem = {"status": 422, "detail": [{"loc": ["body"], "msg": "no", "type": "value_error"}]}
    return Answer(202, {"data": [problem if "bad" in line else {"status": 202, "id": f"msg_{line}"}
                                 for line in lines]})


def test_create_batch(cli, server, tmp_path):
    server.script(results)
    (tmp_path / "events").write_bytes(b'1\r\n\n \t\n{ "a": 1.10}\n3\nbad\n5')
    done = cli("message", "create-batch", "acme", "events", "--per-request", "2", "-o", "tsv")
    refused(done, DATA, "1 of 5 events were refused")
    rows = [line.split("\t") for line in done.out.splitlines()]
    assert rows[0][:3] == ["line", "status", "id"]
    assert [row[:2] for row in rows[1:]] == [["1", "202"], ["4", "202"], ["5", "202"], ["6", "422"],
                                            ["7", "202"]]
    assert [r.body for r in server.requests] == [b'1\r\n{ "a": 1.10}\n', b"3\nbad\n", b"5\n"]
    assert {(r.method, r.path, r.headers["content-type"]) for r in server.requests} == {
        ("POST", "/api/v1/app/acme/msg/batch", "application/x-ndjson")}
    assert len({r.headers["idempotency-key"] for r in server.requests}) == 3


def test_create_batch_from_standard_input(cli, server):
    for words in ([], ["-"]):
        server.script(results)
        done = cli("message", "create-batch", "acme", *words, "--idempotency-key", "k", "-o", "json",
                   stdin=b"1\n2\n" * 300)
        assert done.returncode == OK and done.err == ""
        assert [row["line"] for row in json.loads(done.out)] == list(range(1, 601))
        assert [r.headers["idempotency-key"] for r in server.requests] == ["k-1", "k-2"]
    server.script(results)
    assert cli("message", "create-batch", "acme", "-o", "json", stdin=b"\n\n").out == "[]\n"
    assert server.requests == []


def test_create_batch_sends_large_lines_soon(cli, server):
    server.script(results)
    done = cli("message", "create-batch", "acme", stdin=(b"x" * 400_000 + b"\n") * 5)
    assert done.returncode == OK and [len(r.body) for r in server.requests] == [800_002, 800_002, 400_001]


def test_create_batch_that_ends_early(cli, server):
    server.script(results, Answer(413, {"code": "payload_too_large", "detail": "too many"}))
    done = cli("message", "create-batch", "acme", "--per-request", "2", "-o", "json", stdin=b"1\n2\n3\n4\n")
    refused(done, DATA, "lines 3 to 4", "too many")
    assert [row["line"] for row in json.loads(done.out)] == [1, 2]
    server.script(Answer(202, {"data": [{"status": 503, "code": "unavailable", "detail": "busy"}]}))
    refused(cli("message", "create-batch", "acme", stdin=b"1\n"), UNAVAILABLE, "1 of 1")
    refused(cli("message", "create-batch", "acme", "/nowhere/events"), IO, "/nowhere/events")


@pytest.mark.parametrize("answer", [
    {}, {"data": {}}, {"data": []}, {"data": [{}]}, {"data": [1]}, {"data": [{"status": "202"}]}, "[]"])
def test_create_batch_with_a_strange_answer(cli, server, answer):
    server.script(answer)
    refused(cli("message", "create-batch", "acme", stdin=b"1\n"), IO, "line")


def test_age_is_a_time_before_now(cli, server):
    server.script(page())
    cli("message", "list", "acme", "--after", "2h")
    asked = server.requests[0].query["after"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", asked)
    import calendar
    age = time.time() - calendar.timegm(time.strptime(asked[:19], "%Y-%m-%dT%H:%M:%S"))
    assert 7200 <= age < 7300


def test_headers_of_an_endpoint(cli, server):
    server.script(Answer(204), {"headers": {"X-A": "1"}, "sensitive": ["Authorization"]})
    done = cli("endpoint", "headers", "acme", "main", "--header", "X-A:  b: c ", "--unset-header", "X-B")
    assert done.returncode == OK and "Authorization" in done.out
    assert [r.method for r in server.requests] == ["PATCH", "GET"]
    assert server.requests[0].json == {"headers": {"X-A": "b: c", "X-B": None}}


@pytest.mark.parametrize("line, words", [
    ("recover acme main", "--after"), ("replay-missing acme main", "--after"),
    ("bulk-replay acme main --after 1h -c a -c b", "--channel"),
    ("bulk-replay acme main --after 1h --status lost", "--status")])
def test_replays_that_are_none(cli, server, line, words):
    server.script(Answer(500))
    refused(cli("endpoint", *line.split()), USAGE, words)
    assert server.requests == []


def test_forbidden_header_is_refused_before_it_is_sent(cli, server):
    server.script(Answer(500))
    secret = "v" * 20
    done = cli("endpoint", "create", "acme", "http://x", "--header", "Content-Length: " + secret)
    refused(done, DATA, "Content-Length")
    done = cli("endpoint", "headers", "acme", "main", "--header", "X-A: a\nB: " + secret)
    refused(done, DATA, "X-A")
    assert secret not in done.err and server.requests == []


def test_secret_of_an_endpoint(cli, server, tmp_path):
    server.script({"key": "whsec_abc"})
    assert cli("endpoint", "secret", "acme", "main").out == "whsec_abc\n"
    assert json.loads(cli("endpoint", "secret", "acme", "main", "-o", "json").out) == {"key": "whsec_abc"}
    (tmp_path / "secret").write_text("whsec_file\n")
    cli("endpoint", "create", "acme", "http://x", "--secret", "@secret")
    assert server.requests[-1].json["secret"] == "whsec_file"


def test_schemas_travel_byte_for_byte(cli, server, tmp_path):
    (tmp_path / "s.json").write_text('{"1": {"maximum": 1.10}}')
    server.script({"name": "a"})
    assert cli("event-type", "create", "a", "--schemas", "@s.json").returncode == OK
    assert b'{"1": {"maximum": 1.10}}' in server.requests[0].body


def test_an_import_sends_the_file_as_it_is(cli, server, tmp_path):
    (tmp_path / "api.yaml").write_text("webhooks:\n  a: {}\n")
    server.script({"data": {"modified": ["a"]}})
    assert cli("event-type", "import", "api.yaml", "--dry-run", "--replace-all").returncode == OK
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/api/v1/event-type/import/openapi")
    assert request.json == {"specRaw": "webhooks:\n  a: {}\n", "dryRun": True, "replaceAll": True}


# What the API takes, and no option has by its own name: why.
OTHERWISE = {
    "eventTypes": "filterTypes", "throttleRate": "rateLimit", "payload": "data", "featureFlags": "featureFlag",
    "--data": "payload", "--raw": "transformationsParams", "--schemas": "schemas", "--unset-header": "deleteHeaders",
    "--after, --before": "since until", "--status": "status", "--content": "with_content", "--limit": "limit",
    "a word of the command": "eventType event_type spec specRaw",
    "one by one": "ids", "counts of all applications, by hand": "appIds", "of its message": "with_msg",
    "made with app create": "application", "create revives, delete archives": "archived",
    "says nothing any more": "version",
}


def resolve(value, whole):
    return functools.reduce(dict.__getitem__, value["$ref"][2:].split("/"), whole) if "$ref" in value else value


def fields_of(schema, whole):
    schema = resolve(schema, whole)
    parts = [s for k in ("allOf", "anyOf", "oneOf") for s in schema.get(k, [])] + [schema.get("items", {})]
    return set(schema.get("properties", {})).union(*(fields_of(s, whole) for s in parts if s))


def test_every_field_of_the_api_has_an_option():
    posthornd = POSTHORN.parent / "posthornd"
    posthornd = posthornd if posthornd.is_file() else POSTHORN.parents[1] / "posthornd" / "posthornd"
    whole = json.loads(subprocess.run([posthornd, "openapi"], capture_output=True, check=True).stdout)
    taken = {name for names in OTHERWISE.values() for name in names.split()}
    for row in re.findall(r"^X\((.*), \"", (ROOT / "cmd/posthorn/flags.def").read_text(), re.M):
        taken.update(re.findall(r'"([^"]*)"', row)[-2:])
    missing = set()
    for path, operations in whole["paths"].items():
        for method, operation in operations.items():
            names = {p["name"] for p in map(lambda p: resolve(p, whole), operation.get("parameters", []))
                     if p["in"] == "query"}
            for media in operation.get("requestBody", {}).get("content", {}).values():
                names |= fields_of(media["schema"], whole)
            missing |= {(method, path, name) for name in names - taken}
    assert not missing


def test_an_import_of_no_file_names_it(cli):
    assert cli("event-type", "import", "no.yaml").err.startswith("posthorn: cannot open no.yaml: ")


def test_an_event_type_is_archived_unless_expunged(cli, server):
    server.script(Answer(204, b""), Answer(204, b""))
    assert cli("event-type", "delete", "a.b").out == "archived\n"
    assert cli("event-type", "delete", "a.b", "--expunge").out == "deleted\n"
    assert [r.raw_path for r in server.requests] == ["/api/v1/event-type/a.b", "/api/v1/event-type/a.b?expunge=true"]


def test_stats_of_an_endpoint(cli, server):
    counts = {"success": 2, "fail": 1, "canceled": 0}
    server.script(counts, counts)
    assert cli("endpoint", "stats", "acme", "main").out.split() == ["success", "2", "fail", "1", "canceled", "0"]
    cli("endpoint", "stats", "acme", "main", "--after", "2026-01-01T00:00:00Z", "--before", "2026-01-02T00:00:00Z")
    path = "/api/v1/app/acme/endpoint/main/attempt-stats"
    assert [r.raw_path for r in server.requests] == [
        path, path + "?since=2026-01-01T00%3A00%3A00.000000Z&until=2026-01-02T00%3A00%3A00.000000Z"]


# send.

ODD = b'{ "b" :1.10,\t"a": 18446744073709551616, "e": "\\u00e9\xc3\xa9" }'


@pytest.mark.parametrize("way", ["argument", "file", "stdin"])
def test_payload_travels_byte_for_byte(cli, server, tmp_path, way):
    server.script(Answer(202, {"id": "msg_1", "eventType": "a.b"}))
    (tmp_path / "p.json").write_bytes(ODD + b"\n")
    data = {"argument": ODD.decode(), "file": "@p.json", "stdin": "-"}[way]
    done = cli("send", "acme", "a.b", "--data", data, "--event-id", "e1", "-c", "x", "-c", "y",
               stdin=ODD + b"\n")
    assert done.returncode == OK, done.err
    asked = server.requests[0]
    assert b'"payload":' + ODD + b"}" in asked.body
    assert asked.json["eventId"] == "e1" and asked.json["channels"] == ["x", "y"]
    assert asked.json["eventType"] == "a.b" and asked.query == {}


@pytest.mark.parametrize("data, words", [
    ("", ["not JSON"]), ("{", ["line 1"]), ("{}x", ["not JSON"]), ('{"a":1,}', ["line 1"]),
    ('{},"eventId":"injected"', ["not JSON"]), ("[]", ["object"]), ("1", ["object"]),
    ('{"a":\n\n nope}', ["line 3"]), ("@/nowhere", ["/nowhere"]), ("@/", ["/"]),
    ('{"a":"' + "\\ud800" + '"}', ["not JSON"]), ("{" * 400, ["not JSON"])])
def test_payload_that_is_none(cli, server, data, words):
    server.script(Answer(500))
    done = cli("send", "acme", "a.b", "--data", data)
    refused(done, IO if data.startswith("@") else DATA, *words)
    assert server.requests == []


def test_payload_that_is_too_large(cli, server):
    server.script(Answer(500))
    refused(cli("send", "acme", "a.b", "--data", "@/dev/zero"), DATA, "/dev/zero", "larger")
    assert server.requests == []


# Retries and idempotency.

FAILURES = [Answer(503, {"code": "unavailable", "detail": "x"}), Answer(500, b"{}"), Answer(drop=True),
            Answer(502, b"<html>")]


@pytest.mark.parametrize("failure", FAILURES, ids=["503", "500", "drop", "502"])
def test_one_retry_with_the_same_key(cli, server, failure):
    server.script(failure, Answer(202, {"id": "msg_1"}))
    assert cli("send", "acme", "a", "--data", "{}").returncode == OK
    first, second = server.requests
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.body == second.body


@pytest.mark.parametrize("failure", FAILURES, ids=["503", "500", "drop", "502"])
def test_only_one_retry(cli, server, failure):
    server.script(failure)
    assert cli("app", "list").returncode in (UNAVAILABLE, SOFTWARE)
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 404, 409, 413, 422, 429, 501])
def test_no_retry_of_what_will_not_change(cli, server, status):
    server.script(Answer(status, {"code": "x", "detail": "y"}))
    assert cli("send", "acme", "a", "--data", "{}").returncode != OK
    assert len(server.requests) == 1


def test_keys_differ_and_can_be_given(cli, server):
    server.script(Answer(202, {"id": "msg_1"}))
    for _ in range(2):
        cli("send", "acme", "a", "--data", "{}")
    cli("send", "acme", "a", "--data", "{}", "--idempotency-key", "mine")
    keys = [r.headers["idempotency-key"] for r in server.requests]
    assert keys[2] == "mine" and len(set(keys)) == 3 and all(len(k) >= 30 for k in keys[:2])


def test_key_that_would_break_the_header(cli, server):
    server.script(Answer(202, {}))
    refused(cli("send", "a", "b", "--data", "{}", "--idempotency-key", "x\r\nX-Evil: 1"), USAGE,
            "idempotency key")
    assert server.requests == []


def test_delete_whose_answer_was_lost(cli, server):
    server.script(Answer(drop=True), Answer(404, {"code": "not_found", "detail": "x"}))
    assert cli("app", "delete", "acme").returncode == OK
    server.script(Answer(404, {"code": "not_found", "detail": "x"}))
    assert cli("app", "delete", "acme").returncode == MISSING


def test_no_second_wait_after_a_timeout(cli, server):
    def slow(_):
        time.sleep(3)
        return Answer(200, APP)
    server.script(slow)
    refused(cli("app", "list", "--timeout", "1"), UNAVAILABLE, server.url, "within 1 s")
    assert len(server.requests) == 1


# Errors.

@pytest.mark.parametrize("status, body, code, words", [
    (404, {"code": "not_found", "detail": "Entity not found"}, MISSING, ["Entity not found (not_found)"]),
    (409, {"code": "conflict", "detail": "uid taken"}, DATA, ["uid taken"]),
    (401, {"code": "authentication_failed", "detail": "Invalid token"}, DENIED,
     ["Invalid token", "posthornd --dev"]),
    (403, {"code": "insufficient access", "detail": "no"}, DENIED, ["no"]),
    (422, {"detail": [{"loc": ["body", "eventTypes", "[0]"], "msg": "no such type", "type": "v"}]},
     DATA, ["eventTypes[0]: no such type"]),
    (422, {"detail": [{"loc": ["body", "a", "b"], "msg": "x"}, {"loc": ["query", "limit"], "msg": "y"}]},
     DATA, ["a.b: x; query limit: y"]),
    (422, {"detail": [{"loc": ["body", "list", 3], "msg": "x"}]}, DATA, ["list[3]: x"]),
    (422, {"detail": [{"loc": None}, 7, "x", None]}, DATA, ["not accepted"]),
    (422, {"detail": {}}, DATA, ["status 422"]),
    (413, {"code": "payload_too_large", "detail": "2 MB at most"}, DATA, ["2 MB"]),
    (429, {"code": "rate_limited", "detail": "slow down"}, TEMPORARY, ["slow down"]),
    (400, {"code": "limit_reached", "detail": "ten keys"}, UNAVAILABLE, ["ten keys"]),
    (501, {"code": "not_implemented", "detail": "no"}, UNAVAILABLE, ["no"]),
    (500, {}, SOFTWARE, ["status 500"]),
    (503, {"code": "unavailable", "detail": "database"}, UNAVAILABLE, ["database"]),
    (502, b"<html>bad gateway</html>", UNAVAILABLE, ["status 502"]),
    (404, b"", MISSING, ["status 404"]),
    (418, b"[]", DATA, ["status 418"]),
    (302, b"", IO, ["redirects are not followed"]),
    (400, {"code": 5, "detail": ["x"]}, DATA, []),
    (400, {"detail": "d" * 100000}, DATA, ["status 400"]),
    (400, {"detail": "d" * 1000}, DATA, ["dddd"]),
])
def test_errors_of_the_api(cli, server, status, body, code, words):
    server.script(Answer(status, body, headers={"Location": "/elsewhere"} if status == 302 else {}))
    done = cli("app", "get", "acme")
    refused(done, code, *words)
    assert done.out == "" and len(done.err) < 400
    assert not any(r.path == "/elsewhere" for r in server.requests)


def test_connection_refused(cli):
    url = f"http://127.0.0.1:{free_port()}"
    refused(cli("app", "list", url=url), UNAVAILABLE, url, "posthornd --dev", "--url")


def test_unknown_host(cli):
    refused(cli("app", "list", url="http://nowhere.invalid"), UNAVAILABLE, "nowhere.invalid")


def test_not_http_at_all(cli):
    import socket
    import threading
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def speak():
            for _ in range(2):
                with listener.accept()[0] as peer:
                    peer.sendall(b"SSH-2.0-\x1b[31mx\r\n")
        threading.Thread(target=speak, daemon=True).start()
        done = cli("app", "list", url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    refused(done, UNAVAILABLE)
    assert "\x1b" not in done.err


# Tokens.

def test_no_token(cli, server):
    server.script(page(APP))
    refused(cli("app", "list", token=None), DENIED, "--token-file", "POSTHORN_TOKEN")
    assert server.requests == []


def test_where_the_token_comes_from(cli, server, tmp_path):
    server.script(page(APP))
    state = tmp_path / ".local/state/posthorn"
    state.mkdir(parents=True)
    (state / "token").write_text("of.the.dev\n")
    (tmp_path / "file").write_text("  of.a.file \n\n")
    xdg = tmp_path / "xdg/posthorn"
    xdg.mkdir(parents=True)
    (xdg / "token").write_text("of.xdg.state")
    ways = [(dict(env={"XDG_STATE_HOME": ""}), [], "of.the.dev"),
            (dict(env={"XDG_STATE_HOME": str(tmp_path / "xdg")}), [], "of.xdg.state"),
            (dict(env={"POSTHORN_TOKEN": "of.the.env"}), [], "of.the.env"),
            (dict(env={"POSTHORN_TOKEN": "of.the.env"}), ["--token-file", "file"], "of.a.file"),
            (dict(), ["--token-file", "file", "--token", "of.a.flag"], "of.a.flag")]
    for settings, options, token in ways:
        done = cli("app", "list", *options, token=None, **settings)
        assert done.returncode == OK, done.err
        assert server.requests[-1].headers["authorization"] == "Bearer " + token
        assert token not in done.out + done.err


@pytest.mark.parametrize("url", ["http://hooks.example.com", "http://127.0.0.1.example.com", "http://10.0.0.1",
                                 "http://127.evil.example"])
def test_token_of_the_development_mode_stays_on_this_machine(cli, server, tmp_path, url):
    server.script(page(APP))
    state = tmp_path / ".local/state/posthorn"
    state.mkdir(parents=True)
    (state / "token").write_text("of.the.dev\n")
    refused(cli("app", "list", token=None, url=url,
                env={"http_proxy": server.url, "XDG_STATE_HOME": ""}), DENIED)
    assert server.requests == []


@pytest.mark.parametrize("text", ["", "   \n", "a b", "a\nX-Evil: 1", "a\x00b", "a" * 9000, "\x1b[0m"])
def test_token_that_is_none(cli, server, tmp_path, text):
    server.script(page(APP))
    (tmp_path / "file").write_text(text)
    done = cli("app", "list", "--token-file", "file")
    assert done.returncode in (USAGE, DATA) and server.requests == []
    assert "Evil" not in done.err and "\x1b" not in done.err


def test_wrong_token_is_never_shown(cli, server):
    server.script(Answer(401, {"code": "authentication_failed", "detail": "Invalid token"}))
    refused(cli("app", "list"), DENIED, "Invalid token")  # the fixture looks for the token


def test_token_create(cli):
    key = {"POSTHORN_JWT_SECRET": "k" * 32}
    made = cli("token", "create", "--org", "org_main", token=None, url=None, env=key)
    assert made.returncode == OK and re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", made.out)
    refused(cli("token", "create", "--org", "main", env=key), DATA)
    refused(cli("token", "create", "--org", "org_main", token=None, url=None), CONFIG, "JWT_SECRET")


# Hostile servers.

EVIL = "\x1b[2J\x1b]0;x\x07\x9b31m\x7f\u202e\u2028\ufeff\r\n\tend"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2028\ufeff]")


@pytest.mark.parametrize("form", ["table", "tsv", "json"])
@pytest.mark.parametrize("ascii_json", [True, False], ids=["escaped", "raw"])
def test_control_characters_never_reach_the_terminal(cli, server, form, ascii_json):
    app = {**APP, "name": EVIL, EVIL: EVIL, "metadata": {EVIL: [EVIL]}}
    for body, line in ((page(app), ["app", "list"]), (app, ["app", "get", "x"])):
        server.script(json.dumps(body, ensure_ascii=ascii_json).encode())
        done = cli(*line, "-o", form)
        assert done.returncode == OK and "end" in done.out, done.err
        assert not RAW.search(done.out), repr(RAW.search(done.out))
    if form == "json":
        assert json.loads(done.out) == app


def test_control_characters_in_errors(cli, server):
    for body in ({"code": EVIL, "detail": EVIL}, {"detail": [{"loc": ["body", EVIL], "msg": EVIL}]}):
        server.script(Answer(422, json.dumps(body, ensure_ascii=False).encode()))
        done = cli("app", "list")
        assert done.returncode == DATA and done.err.count("\n") == 1
        assert not RAW.search(done.err.rstrip("\n"))


def test_control_characters_in_arguments(cli):
    done = cli("app", "get", EVIL)
    assert done.returncode == USAGE and not RAW.search(done.err.rstrip("\n"))
    done = cli("\x1b[31mxyzzy")
    assert done.returncode == USAGE and not RAW.search(done.err.rstrip("\n"))


@pytest.mark.parametrize("body", [
    b"", b"[]", b"null", b"7", b'"x"', b"{", b"{}{}", b'{"a":1}x', b"\xff\xfe", b'{"a":"\xff"}',
    b'{"a":"\x00"}', b"<html>", b'{"a":' * 300 + b"1" + b"}" * 300,
    b"{" + b",".join(b'"k%d":1' % i for i in range(100)) + b"}"], ids=range(14))
def test_answers_that_make_no_sense(cli, server, body):
    server.script(body)
    refused(cli("app", "get", "acme"), IO)
    refused(cli("app", "list"), IO)


def test_answer_that_is_cut(cli, server):
    server.script(Answer(200, b'{"id":"app_1"', claim=1000))
    refused(cli("app", "get", "acme"), UNAVAILABLE)
    assert len(server.requests) == 2


def test_answer_that_is_too_large(cli, server):
    server.script(Answer(200, b'{"a":"' + b"x" * (65 << 20) + b'"}'))
    refused(cli("app", "get", "acme"), IO, "larger")
    assert len(server.requests) == 1


def test_deep_answer_is_not_blown_up(cli, server):
    body = b'{"a":' + b"[" * 250 + b",".join([b"1"] * 10000) + b"]" * 250 + b"}"
    server.script(body)
    done = cli("app", "get", "acme", "-o", "json")
    assert done.returncode == OK and len(done.out) < 30 * len(body)


# Health, dead letters, signatures.

def test_health(cli, server):
    good = {"database": {"status": "ok"}, "queue": {"status": "ok"}}
    server.script(good)
    assert cli("health", token=None).returncode == OK
    assert "authorization" not in server.requests[0].headers
    server.script(Answer(500, {"database": {"status": "error"}}))
    done = cli("health", token=None)
    refused(done, UNAVAILABLE, "not healthy", "500")
    assert "error" in done.out


LETTER = {"id": "dl_1", "appId": "app_1", "endpointId": "ep_1", "msgId": "msg_1", "eventType": "a.b",
          "reason": "exhausted", "lastStatus": 503, "lastError": "timeout", "attempts": 9,
          "firstAttemptAt": "2026-11-20T09:20:00Z", "lastAttemptAt": "2026-11-21T09:20:00Z",
          "createdAt": "2026-11-21T09:20:00Z", "replayedAt": None, "replayedBy": None,
          "discardedAt": None, "discardedBy": None}


def test_dead_letters(cli, server):
    server.script(page(LETTER))
    head, row = cli("dead-letter", "list").out.splitlines()
    assert row.split() == ["dl_1", "app_1", "ep_1", "a.b", "exhausted", "9", "503",
                           "2026-11-21T09:20:00Z", "-", "-", "timeout"]
    server.script(Answer(202, {"id": "qtask_1", "status": "running", "task": "x", "total": 5}))
    assert "qtask_1" in cli("dead-letter", "replay", "--app", "acme").out
    server.script({"count": 5})
    assert cli("dead-letter", "replay", "--all", "--dry-run").out.split() == ["count", "5"]
    server.script(Answer(202, {}), Answer(204))
    assert cli("dead-letter", "replay", "acme", "dl_1").out == "accepted\n"
    assert cli("dead-letter", "discard", "acme", "dl_1").out == "accepted\n"


VECTOR = {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
          "timestamp": "1614265330", "body": '{"test": 2432232314}', "tolerance": "0",
          "signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}


def verify(cli, stdin=b"", **changes):
    options = {**VECTOR, **changes}
    return cli("signature", "verify", *(x for k, v in options.items() for x in ("--" + k, v)),
               token=None, url="http://127.0.0.1:1", stdin=stdin)


def test_signature(cli, tmp_path):
    assert verify(cli).out == "valid\n"
    assert verify(cli, signature="v1a,xx v1,wrong " + VECTOR["signature"]).returncode == OK
    (tmp_path / "secret").write_text(VECTOR["secret"] + "\n")
    (tmp_path / "body").write_text(VECTOR["body"])
    assert verify(cli, secret="@secret", body="@body").returncode == OK
    assert verify(cli, body="-", stdin=VECTOR["body"].encode()).returncode == OK


# The same, signed with a key pair: what the secret holder makes, whoever has the public half verifies.
PAIR = {"secret": "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6K"
                  "vg==",
        "public": "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
        "signature": "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TB"
                     "Ag=="}


@pytest.mark.parametrize("key, signature", [
    (VECTOR["secret"], VECTOR["signature"]), (PAIR["secret"], PAIR["signature"])])
def test_making_a_signature(cli, key, signature):
    options = [x for name in ("id", "timestamp", "body") for x in ("--" + name, VECTOR[name])]
    made = cli("signature", "sign", "--secret", key, *options, token=None, url="http://127.0.0.1:1")
    assert made.out == signature + "\n"


def test_signature_of_a_pair(cli):
    for secret in (PAIR["secret"], PAIR["public"]):
        assert verify(cli, secret=secret, signature=PAIR["signature"]).out == "valid\n"
        assert verify(cli, secret=secret, signature="v1,x " + PAIR["signature"]).returncode == OK
        for changes in ({"id": "msg_x"}, {"body": "{}"}, {"signature": VECTOR["signature"]}):
            done = verify(cli, **{"secret": secret, "signature": PAIR["signature"], **changes})
            refused(done, DATA, "no signature matches")
    refused(verify(cli, secret="whpk_AAAA", signature=PAIR["signature"]), DATA, "public key")


@pytest.mark.parametrize("changes, words", [
    ({"body": '{"test":2432232314}'}, ["no signature matches"]),
    ({"id": "msg_x"}, ["no signature matches"]),
    ({"timestamp": "1614265331"}, ["no signature matches"]),
    ({"secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}, ["no signature matches"]),
    ({"secret": "MfKQ9r8GKYqrTwjUPD8ILPZI!"}, []),
    ({"signature": ""}, ["no signature matches"]),
    ({"signature": VECTOR["signature"][3:]}, ["no signature matches"]),
    ({"signature": VECTOR["signature"][:-1]}, ["no signature matches"]),
    ({"tolerance": "300"}, ["old", "--tolerance 0"]),
])
def test_signature_that_is_wrong(cli, changes, words):
    done = verify(cli, **changes)
    refused(done, DATA, *words)
    assert VECTOR["secret"] not in done.err and changes.get("secret", "-no-") not in done.err
