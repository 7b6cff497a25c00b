"""Nobody reaches what is another's: every route of the API's document that names something, asked with names of
another organisation's and of another application's things. What is refused is refused as if it were not there;
nothing of theirs is changed, and nothing of theirs is told."""

import datetime
import json
import re
import uuid

import pytest
from harness.wait import wait_until

REFUSED = (401, 403, 404)
LATER = "attempt_tally"  # the one table that is written some time after what it counts


def ago(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds)).isoformat()


class Tenant:
    """An application with one of everything that has a name. names: {placeholder: [names]}."""

    def __init__(self, api, receiver, org_token, token=None):
        self.api, self.org_token, self.token = api, org_token, token or org_token
        self.mark = "mark" + uuid.uuid4().hex
        self.uid = "own" + uuid.uuid4().hex
        self.hidden = "hidden" + uuid.uuid4().hex  # a header's value that nobody is told
        more = {"description": self.mark, "metadata": {"mark": self.mark}}
        self.post("/event-type", {"name": self.uid, "description": self.mark})
        self.app = self.post("/app", {"name": self.mark, "uid": self.uid})["id"]
        base = f"/app/{self.app}"
        endpoint = self.post(base + "/endpoint", {
            "url": receiver.script(f"/{self.mark}", 200), "uid": self.uid,
            "headers": {"x-mark": self.mark, "authorization": self.hidden}, **more})["id"]
        failing = self.post(base + "/endpoint", {"url": receiver.script(f"/{self.mark}/gone", 500),
                                                 "retrySchedule": [], **more})["id"]
        poller = self.post(base + "/polling-endpoint", {"uid": self.uid, **more})["id"]
        self.post(base + f"/poller/{poller}/consumer/reader/seek", {"after": ago(60)})
        message = self.post(base + "/msg", {"eventType": self.uid, "eventId": self.uid,
                                            "payload": {"mark": self.mark}})["id"]
        letter = wait_until(lambda: self.get(base + "/dead-letter")["data"])[0]["id"]
        attempts = wait_until(lambda: len(found := self.get(base + f"/attempt/msg/{message}")["data"]) == 2
                              and found)
        task = self.post("/dead-letter/discard", {"appId": self.app, "reason": "expired"})["id"]
        wait_until(lambda: self.get(f"/background-task/{task}")["status"] == "finished")
        self.key = self.get(base + f"/endpoint/{endpoint}/secret")["key"]
        place = self.get(base + f"/poller/{poller}")["iterator"]
        self.names = {
            "app": [self.app, self.uid], "endpoint": [endpoint, self.uid], "msg": [message, self.uid],
            "attempt": [one["id"] for one in attempts if one["endpointId"] == endpoint],
            "dead_letter": [letter], "task": [task], "name": [self.uid],
            "polling_endpoint": [poller, self.uid], "sink_id": [poller, self.uid]}
        self.failing = failing
        self.ids = {name for names in self.names.values() for name in names} | {failing}
        self.places = [*self.ids, place, *(one["id"] for one in attempts)]

    def post(self, path, body):
        return self.api.post(path, body, token=self.org_token, want=(200, 201, 202)).json

    def get(self, path):
        return self.api.get(path, token=self.org_token).json

    def own(self, placeholder):
        return "reader" if placeholder == "consumer_id" else self.names[placeholder][0]

    def rows(self, daemon):
        """All that the database has of it."""
        with daemon.database() as db:
            app_id, org = db.execute("select id, org from app where uid = %s", [self.uid]).fetchone()
            columns = db.execute(
                "select c.relname, max(a.attname) filter (where a.attname = 'app_id') from pg_class c"
                " join pg_attribute a on a.attrelid = c.oid and a.attname in ('app_id', 'org')"
                " where c.relkind in ('r', 'p') and not c.relispartition"
                " and c.relnamespace = 'public'::regnamespace group by 1").fetchall()
            found = {"app": db.execute("select to_jsonb(a)::text from app a where id = %s", [app_id]).fetchall()}
            for table, column in columns:
                if table not in ("app", LATER):
                    found[table] = sorted(db.execute(
                        f"select to_jsonb(t)::text from {table} t where {column or 'org'} = %s",
                        [app_id if column else org]).fetchall())
            return found


@pytest.fixture
def world(daemon, api, receiver):
    """(whom it happens to, {who: who tries}): a stranger has another organisation's token, a neighbour one of
    another application, and an operator is the organisation's own, and takes two of its applications for one."""
    def organisation():
        return daemon.token_for("--org", "org_" + uuid.uuid4().hex[:27])

    token = organisation()
    victim, operator = Tenant(api, receiver, token), Tenant(api, receiver, token)
    neighbour = Tenant(api, receiver, token)
    neighbour.token = api.post(f"/auth/app-portal-access/{neighbour.app}", {}, token=token, want=200).json["token"]
    return victim, {"stranger": Tenant(api, receiver, organisation()), "neighbour": neighbour,
                    "operator": operator}


# What a route is told besides its path, for what it takes.
BODIES = {
    "AppPortalAccessIn": {}, "ApplicationIn": {"name": "a"}, "ApplicationPatch": {"name": "a"},
    "ApplicationTokenExpireIn": {}, "BulkExpungeContentsIn": {"ids": ["nothing"]},
    "BulkReplayIn": {"since": ago(600)}, "DashboardAccessIn": {}, "EndpointHeadersIn": {"headers": {}},
    "EndpointHeadersPatchIn": {"headers": {"x-a": "b"}}, "EndpointIn": {"url": "http://127.0.0.1:8077/"},
    "EndpointPatch": {"description": "a", "paused": True}, "EndpointSecretRotateIn": {},
    "EndpointUpdate": {"url": "http://127.0.0.1:8077/"}, "EventExampleIn": {"eventType": "svix.ping"},
    "EventTypePatch": {"description": "a"}, "EventTypeUpdate": {"description": "a"},
    "MessageBatchIn": [{"eventType": "a", "payload": {}}],
    "MessageIn": {"eventType": "a", "payload": {}}, "MessagePrecheckIn": {"eventType": "a"},
    "PollingEndpointConfigIn": {}, "PollingEndpointConfigPatch": {"description": "a"},
    "PollingEndpointConsumerSeekIn": {"after": ago(60)}, "RecoverIn": {"since": ago(600)},
    "ReplayIn": {"since": ago(600)}, "": None,
}


def routes(document):
    """(method, path, placeholders, names of query parameters, body) of each."""
    for path, item in document["paths"].items():
        placeholders = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        for method, operation in item.items():
            told = [p["$ref"].split("/query.")[1].split(".")[0] for p in operation.get("parameters", [])
                    if "/query." in p["$ref"]]
            content = operation.get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema", {}).get("$ref", "/")
            yield method.upper(), path, placeholders, told, schema.rsplit("/", 1)[1]


def crossings(placeholders, victim, one):
    """Their names in the places of a path: in every place, in every one but the application's, and in one where the
    others are our own."""
    named = [p for p in placeholders if p != "consumer_id"]
    for form in (0, 1):
        foreign = {p: victim.names[p][form % len(victim.names[p])] for p in named}
        below = {p: name for p, name in foreign.items() if p != "app"}
        for theirs in [{p: name} for p, name in foreign.items()] + [foreign] + [below] * (len(below) > 1):
            yield {p: theirs.get(p) or one.own(p) for p in placeholders}


def is_allowed(who, method, path, given, victim):
    """What a caller may do with these names: they are its own as well."""
    if who == "stranger":
        return False
    if "{name}" in path:
        return who == "operator" or method == "GET"  # the organisation's; applications read them
    if who == "neighbour":
        return False
    theirs = [value in victim.ids or value == "reader" for value in given.values()]
    # An operator may make something in either application.
    return "{task}" in path or all(theirs) or (method == "PUT" and given["app"] in victim.ids)


def check_untold(reply, what, victim, asked):
    """Nothing of theirs is in the answer but what the question had of it."""
    for secret in {victim.mark, victim.hidden, victim.key, *victim.ids}:
        assert secret in asked or secret.encode() not in reply.body, (what, reply)


def ask(api, method, target, body, token):
    if method == "GET":
        target += "?eventType=a"  # what one route wants to know, and the others do not
        if "/consumer/" in target:
            target += f"&iterator={2**63 - 1}.0"  # its place is stored, where it is ahead
    return api.call(method, target, body if method in ("POST", "PUT", "PATCH") else None, token=token)


@pytest.mark.parametrize("who", ["stranger", "neighbour", "operator"])
def test_paths(daemon, api, world, who):
    victim, others = world
    one = others[who]
    before = victim.rows(daemon)
    asked = 0
    every = routes(api.get("/openapi.json", token=None).json)
    for method, path, placeholders, _, schema in sorted(every, key=lambda r: r[0] == "PUT"):
        if not placeholders or path.startswith("/operational-webhook"):
            continue
        for given in crossings(placeholders, victim, one):
            if is_allowed(who, method, path, given, victim):
                continue
            target = path.format(**given)
            reply = ask(api, method, target, BODIES[schema], one.token)
            what = f"{method} {target}"
            # What a PUT does not find it makes, as the caller's own.
            made = method == "PUT" and reply.status in (200, 201)
            assert reply.status in REFUSED or made, (what, reply)
            check_untold(reply, what, victim, target)
            asked += 1
    assert asked > 100
    after = victim.rows(daemon)
    if who == "operator":  # whose application it is as well: it may be looked into, which counts as a change
        for rows in (before, after):
            rows["app"] = [re.sub(r'"(version|changed_at)": [^,}]*', "", row) for row, in rows["app"]]
    assert after == before


def test_paths_lead_somewhere(api, world):
    """The same with the owner's names: so it was for whose they were that the others were refused."""
    victim, _ = world
    every = [r for r in routes(api.get("/openapi.json", token=None).json)
             if r[2] and not r[1].startswith("/operational-webhook")]
    for method, path, placeholders, _, schema in sorted(every, key=lambda r: (r[0] != "GET", r[0] == "DELETE",
                                                                              -len(r[1]))):
        for form in (0, 1) if method == "GET" else (0,):
            given = {p: victim.names.get(p, ["reader"])[form % len(victim.names.get(p, "-"))] for p in placeholders}
            reply = ask(api, method, path.format(**given), BODIES[schema], victim.token)
            assert reply.status < 300 or reply.status in (400, 409), (method, path, given, reply)


def test_secrets(daemon, api, world):
    """Keys and withheld headers are in no answer, to whomever, but in those of the routes that are for keys; and
    these need a right of their own. The log has none of it."""
    victim, _ = world
    reader = api.post(f"/auth/app-portal-access/{victim.app}", {"readOnly": True}, token=victim.token, want=200)
    tokens = [victim.token, reader.json["token"]]
    every = sorted(routes(api.get("/openapi.json", token=None).json), key=lambda r: (r[0] != "GET", r[0] == "DELETE"))
    for method, path, placeholders, _, schema in every:
        if path.startswith("/operational-webhook") or not placeholders:
            continue
        target = path.format(**{p: victim.own(p) for p in placeholders})
        for token in reversed(tokens):
            reply = ask(api, method, target, BODIES[schema], token)
            assert victim.hidden.encode() not in reply.body, (method, path)
            if token != victim.token and "/secret" in path:
                assert reply.status == 403, (method, path, reply)
            if token != victim.token or "/secret" not in path:
                assert victim.key.encode() not in reply.body, (method, path)
    for secret in (victim.hidden, victim.key, *tokens):
        assert secret not in daemon.log()


def test_operational_webhooks(daemon, api, receiver, world):
    """Endpoints that nobody's application has: an organisation's own, and not those of another one."""
    victim, others = world
    made = api.post("/operational-webhook/endpoint", {"url": receiver.url("/o"), "description": victim.mark,
                                                      "uid": victim.uid}, token=victim.token, want=201).json["id"]
    victim.ids.add(made)
    for method, path, placeholders, _, schema in routes(api.get("/openapi.json", token=None).json):
        if not path.startswith("/operational-webhook") or not placeholders:
            continue
        for name in (made, victim.uid):
            for base in ("/operational-webhook/endpoint", f"/app/{others['stranger'].app}/endpoint"):
                target = base + path.format(endpoint=name).removeprefix("/operational-webhook/endpoint")
                reply = ask(api, method, target, BODIES[schema], others["stranger"].token)
                assert reply.status in REFUSED or method == "PUT", (method, target, reply)
                check_untold(reply, f"{method} {target}", victim, target)
            reply = ask(api, method, path.format(endpoint=name), BODIES[schema], others["neighbour"].token)
            assert reply.status == 403, (method, path, reply)
    told = api.get(f"/operational-webhook/endpoint/{made}", token=victim.token).json
    assert told["description"] == victim.mark


def test_queries(daemon, api, world):
    """Iterators, and names in a query: pages begin there, and are the caller's own all the same."""
    victim, others = world
    before = victim.rows(daemon)
    for method, path, placeholders, told, _ in routes(api.get("/openapi.json", token=None).json):
        for query in {"iterator", "endpoint_id", "app_id"} & set(told):
            for who, one in others.items():
                if who == "operator" and not placeholders:
                    continue  # lists of the organisation, which has it
                for name in victim.places:
                    for sign in ("", "-") if query == "iterator" else ("",):
                        target = path.format(**{p: one.own(p) for p in placeholders}) + f"?{query}={sign}{name}"
                        reply = api.call(method, target, token=one.token)
                        assert reply.status in (200, 400, 403, 404, 422), (who, target, reply)
                        if who == "neighbour" and path == "/event-type":
                            continue  # its organisation's: everybody reads them
                        check_untold(reply, f"{who}: {target}", victim, target)
    assert victim.rows(daemon) == before


def test_event_types(daemon, api, world):
    """Of another organisation: neither deleted, nor archived by an import, nor there to be named."""
    victim, others = world
    token = others["stranger"].token
    before = victim.rows(daemon)
    for query in ("", "?expunge=true"):
        api.delete(f"/event-type/{victim.uid}{query}", token=token, want=404)
    spec = {"openapi": "3.1.0", "webhooks": {"one.more": {"post": {"description": "a"}}}}
    api.post("/event-type/import/openapi", {"spec": spec, "replaceAll": True}, token=token, want=200)
    body = {"url": "http://127.0.0.1:8077/", "eventTypes": [victim.uid]}
    api.post(f"/app/{others['stranger'].app}/endpoint", body, token=token, want=422)
    assert victim.rows(daemon) == before


def test_lists_of_the_organisation(api, world):
    """All of their pages."""
    victim, others = world
    for method, path, placeholders, told, _ in routes(api.get("/openapi.json", token=None).json):
        if placeholders or "iterator" not in told or path.startswith("/operational-webhook"):
            continue
        page, more = {"done": False}, ""
        while not page["done"]:
            reply = api.get(f"{path}?limit=250{more}", token=others["stranger"].token)
            check_untold(reply, path, victim, "")
            page = reply.json
            more = f"&iterator={page.get('iterator')}"
            page.setdefault("done", True)


def test_bodies(daemon, api, world):
    """Names in a body."""
    victim, others = world
    stranger, neighbour, operator = (others[who] for who in ("stranger", "neighbour", "operator"))
    before = victim.rows(daemon)
    for one in (stranger, operator):
        reply = api.post(f"/app/{one.app}/msg/bulk-expunge", {"ids": victim.names["msg"]}, token=one.token, want=200)
        assert set(reply.json["results"].values()) == {"not-found"}, reply
    for app in victim.names["app"]:
        for what in ("replay", "discard"):
            for more in ({}, {"dryRun": True}):
                reply = api.post(f"/dead-letter/{what}", {"appId": app, **more}, token=stranger.token, want=404)
                check_untold(reply, what, victim, app)
        usage = {"since": ago(7200), "until": ago(3600), "appIds": [app, stranger.app]}
        reply = api.post("/stats/usage/app", usage, token=stranger.token, want=202).json
        assert reply["unresolvedAppIds"] == [app]
    api.post("/app", {"name": "a", "uid": victim.uid}, token=stranger.token, want=201)
    tasks = []
    for endpoint in (*victim.names["endpoint"], victim.failing):
        filters = {"endpointId": endpoint}
        assert api.post("/dead-letter/replay", {**filters, "dryRun": True}, token=stranger.token).json["count"] == 0
        tasks += [api.post(f"/dead-letter/{what}", filters, token=stranger.token, want=202).json["id"]
                  for what in ("replay", "discard")]
    own = api.post("/dead-letter/replay", {"appId": operator.app}, token=operator.token, want=202).json["id"]
    wait_until(lambda: api.get(f"/background-task/{own}", token=operator.token).json["status"] == "finished")
    for task in tasks:
        wait_until(lambda t=task: api.get(f"/background-task/{t}", token=stranger.token).json["status"] == "finished")
    assert victim.rows(daemon) == before


def test_the_rows_are_all_there(daemon, world):
    """What the others compare is not empty."""
    victim, _ = world
    rows = victim.rows(daemon)
    for table in ("app", "endpoint", "message", "attempt", "dead_letter", "polling_endpoint", "poll_consumer",
                  "task", "event_type"):
        assert rows.get(table), table
    assert victim.mark in json.dumps(rows)
