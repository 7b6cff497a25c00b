"""Idempotency-Key across workers, nodes and restarts, and at the edge of a bucket of keys."""

import threading
import time
import uuid

import pytest
from harness.home import needs_own_cluster
from harness.keys import age_keys
from harness.nodes import Nodes

BUCKET_S = 6 * 3600


@pytest.fixture(scope="module")
def at_the_edge():
    """Two nodes; by the clock of one the next bucket has begun."""
    edge = (int(time.time()) // BUCKET_S + 1) * BUCKET_S - int(time.time())
    nodes = Nodes(2, clocks=[edge - 400, edge + 400])
    yield nodes
    nodes.close()


def at_once(nodes, call):
    """call(api) of every node at the same moment; the replies."""
    barrier, replies = threading.Barrier(len(nodes)), []

    def ask(node):
        api = node.api()
        api.get("/health/ping", want=204)
        barrier.wait()
        replies.append(call(api))

    threads = [threading.Thread(target=ask, args=(node,)) for node in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return replies


@pytest.mark.parametrize("fields", [{}, {"tags": ["x"]}, {"eventId": "mine"}], ids=["plain", "tags", "eventId"])
def test_at_the_edge_of_a_bucket_one_key_makes_one_message(at_the_edge, fields):
    app = at_the_edge.api().new_app()
    for n in range(40):
        key = {"Idempotency-Key": uuid.uuid4().hex}
        more = {k: f"{v}-{n}" if isinstance(v, str) else v for k, v in fields.items()}
        body = {"eventType": "t", "payload": {"n": n}, **more}
        replies = at_once(at_the_edge, lambda api: api.post(f"/app/{app}/msg", body, headers=key, want=202))
        assert len({reply.body for reply in replies}) == 1, n
        again = at_the_edge.api().post(f"/app/{app}/msg", body, headers=key, want=202)
        assert again.body == replies[0].body
    with at_the_edge.database() as db:
        assert db.execute("select count(*) from message where event_type = 't' and app_id ="
                          " (select max(id) from app)").fetchone()[0] == 40
        assert db.execute("select count(distinct bucket) from idempotency where msg_id is not null"
                          ).fetchone()[0] == 2


def test_at_the_edge_an_event_id_is_taken_once(at_the_edge):
    app = at_the_edge.api().new_app()
    body = {"eventType": "t", "payload": {}, "eventId": "once"}
    replies = at_once(at_the_edge, lambda api: api.post(f"/app/{app}/msg", body))
    assert sorted(reply.status for reply in replies) == [202, 409]


def test_at_the_edge_other_requests_are_done_once(at_the_edge):
    for n in range(10):
        key = {"Idempotency-Key": uuid.uuid4().hex}
        replies = at_once(at_the_edge, lambda api: api.post("/app", {"name": f"edge {n}"}, headers=key))
        assert {reply.status for reply in replies} <= {201, 409}
        assert len({r.json["id"] for r in replies if r.status == 201}) == 1


@pytest.mark.parametrize("fields", [{}, {"eventId": "mine"}, {"tags": ["x"]}], ids=["plain", "eventId", "tags"])
def test_an_events_key_of_the_bucket_before(api, daemon, fields):
    app = api.new_app(uid=uuid.uuid4().hex)
    body, key = {"eventType": "t", "payload": {}, **fields}, {"Idempotency-Key": uuid.uuid4().hex}
    first = api.post(f"/app/{app}/msg", body, headers=key, want=202)
    uid = api.get(f"/app/{app}").json["uid"]
    with daemon.database() as db:
        app_id = db.execute("select id from app where uid = %s", [uid]).fetchone()[0]
        assert age_keys(db, app_id) == 1
        # Its name alone would tell them apart, too.
        db.execute("delete from message_uid where app_id = %s", [app_id])
    again = api.post(f"/app/{app}/msg", body, headers=key, want=202)
    assert (again.body, again.headers["idempotency-replayed"]) == (first.body, "true")
    assert len(api.list(f"/app/{app}/msg")) == 1


def test_keys_survive_a_restart(start):
    """Two workers, all of it killed and started again: the first answers are told, also with fewer fields asked."""
    daemon = start(workers=2)
    api = daemon.api()
    app = api.new_app()
    endpoint = api.new_endpoint(app, "http://127.0.0.1:4010", paused=True)
    requests = [
        (f"/app/{app}/msg", {"eventType": "t", "payload": {"x": 1}, "channels": ["c"]}),
        (f"/app/{app}/msg", {"eventType": "t", "payload": {"x": 2}, "eventId": "named", "tags": ["y"]}),
        (f"/app/{app}/msg/batch", [{"eventType": "t", "payload": {"x": 3}}]),
        (f"/app/{app}/endpoint", {"url": "http://127.0.0.1:4011"}),
        (f"/app/{app}/endpoint/{endpoint}/secret/rotate", {}),
        ("/app", {"name": "b"}),
    ]
    keys = [{"Idempotency-Key": uuid.uuid4().hex} for _ in requests]

    def ask(api, n, body=None):
        """On a connection of its own, so that the workers take turns."""
        path, first = requests[n]
        return api.call("POST", path, body or first, headers={**keys[n], "Connection": "close"})

    first = [ask(api, n) for n in range(len(requests))]
    assert [reply.status for reply in first] == [202, 202, 202, 201, 200, 201]
    daemon.kill_all()
    daemon.start()
    api = daemon.api()
    for n, before in enumerate(first):
        for _ in range(4):
            again = ask(api, n)
            assert again.status == before.status and again.headers["idempotency-replayed"] == "true", again
            if "batch" in requests[n][0]:
                assert again.json["data"][0]["id"] == before.json["data"][0]["id"]
            else:
                assert again.body == before.body
        other = requests[n][1]
        other = [*other, *other] if isinstance(other, list) else {**other, "metadata": {"a": "b"}}
        assert ask(api, n, other).json["detail"][0]["loc"] == ["header", "idempotency-key"]
    assert len(api.list(f"/app/{app}/msg")) == 3 and len(api.list("/app")) == 2


def kept(daemon):
    with daemon.database() as db:
        return [row[0] for row in db.execute("select answer from idempotency where answer <> ''")]


def test_no_key_is_kept_with_an_answer(daemon, api, app, receiver):
    """The repetition answers what the first request did, and the table does not have it."""
    endpoint = api.new_endpoint(app, receiver.url())
    mine, secret = {"Idempotency-Key": uuid.uuid4().hex}, f"/app/{app}/endpoint/{endpoint}/secret"
    first = api.post(f"{secret}/rotate", {}, headers=mine, want=200)
    assert first.json["key"] == api.get(secret).json["key"]
    for _ in range(2):
        again = api.post(f"{secret}/rotate", {}, headers=mine, want=200)
        assert again.body == first.body and again.headers["idempotency-replayed"] == "true"
        api.post(f"{secret}/rotate", {}, want=200)  # the key is another one meanwhile
    portal = f"/auth/app-portal-access/{app}"
    token = api.post(portal, {}, headers=mine, want=200)
    assert api.post(portal, {}, headers=mine, want=200).body == token.body
    answers = kept(daemon)
    assert any(answer.startswith("sealed:") for answer in answers)
    for hidden in (first.json["key"], token.json["token"]):
        assert not any(hidden in answer for answer in answers)
    # Another key opens nothing: it is another request.
    assert api.post(portal, {}, headers={"Idempotency-Key": uuid.uuid4().hex}, want=200).body != token.body


@needs_own_cluster
def test_a_changed_server_key_cannot_open_what_was_kept(start):
    daemon = start(jwt_secret="the first secret of them")
    app = daemon.api().new_app()
    mine = {"Idempotency-Key": uuid.uuid4().hex}
    daemon.api().post(f"/auth/app-portal-access/{app}", {}, headers=mine, want=200)
    daemon.stop()
    daemon.settings["jwt_secret"] = "the second secret of them"
    daemon.start()
    refused = daemon.api().post(f"/auth/app-portal-access/{app}", {}, headers=mine, want=409).json
    assert "cannot be read any more" in refused["detail"]
