"""read_database_url: lists of the log come from there, everything else from the database itself."""

import subprocess

import psycopg.conninfo
import pytest
from harness.daemon import POSTHORND, Daemon, environment
from harness.home import needs_own_cluster
from harness.wait import wait_until

# Another database of the daemon's own PostgreSQL stands in for the standby.
pytestmark = needs_own_cluster


@pytest.fixture
def with_replica():
    """with_replica(dbname, options): a daemon that reads lists from that database of its own server."""
    made = []

    def start(dbname, options="", **settings):
        daemon = Daemon(**settings)
        made.append(daemon)
        daemon.settings["read_database_url"] = psycopg.conninfo.make_conninfo(
            daemon.home.database_url, dbname=dbname, options=options)
        return daemon.start()

    yield start
    for one in made:
        one.close()


def test_lists_come_from_the_replica_and_the_rest_does_not(with_replica, receiver):
    """The other database is made when the daemon runs, and stays empty: a replica far behind."""
    daemon = with_replica("behind")
    api = daemon.api()
    app = api.new_app()
    endpoint = api.new_endpoint(app, receiver.script("/hook", 410))
    message = api.send(app)
    lists = [f"/app/{app}/msg", f"/app/{app}/attempt/endpoint/{endpoint}", f"/app/{app}/attempt/msg/{message}",
             f"/app/{app}/endpoint/{endpoint}/msg", f"/app/{app}/msg/{message}/endpoint",
             f"/app/{app}/msg/{message}/attempt", f"/app/{app}/msg/{message}/endpoint/{endpoint}/attempt",
             f"/app/{app}/dead-letter"]
    wait_until(lambda: api.get(f"/app/{app}/dead-letter").json["data"])
    for path in lists:
        assert api.get(path).json["data"], f"not there yet, so the database is asked: {path}"
    with daemon.database() as db:
        db.execute("create database behind")
    subprocess.run([POSTHORND, "migrate"], check=True, stdout=subprocess.DEVNULL, timeout=60,
                   env=environment(database_url=daemon.settings["read_database_url"]))
    for path in lists:
        wait_until(lambda: api.get(path, want=None).status == 404, what=f"{path} asks the replica")
    assert api.get("/dead-letter").json["data"] == [] and api.get("/dead-letter/summary").json["data"] == []
    assert api.get(f"/app/{app}/msg/{message}").json["id"] == message
    assert [e["id"] for e in api.list(f"/app/{app}/endpoint")] == [endpoint]
    assert [a["id"] for a in api.list("/app")] == [app]


def test_lists_are_read_only(with_replica, receiver):
    """As a standby demands."""
    daemon = with_replica("posthorn", "-c default_transaction_read_only=on")
    api = daemon.api()
    app = api.new_app()
    endpoint = api.new_endpoint(app, receiver.script("/hook", 410))
    message = api.send(app)
    letter = wait_until(lambda: api.list(f"/app/{app}/dead-letter"))[0]
    with daemon.database() as db:
        names = [n for (n,) in db.execute("select application_name from pg_stat_activity")]
    assert names.count("posthorn read") == 4
    for path in (f"/app/{app}/msg?limit=1", f"/app/{app}/attempt/endpoint/{endpoint}?order=ascending",
                 f"/app/{app}/attempt/msg/{message}", f"/app/{app}/endpoint/{endpoint}/msg",
                 f"/app/{app}/msg/{message}/endpoint", "/dead-letter?endpoint_id=" + endpoint,
                 "/dead-letter/summary"):
        assert api.get(path).json["data"], path
    assert letter["id"]


def test_replica_that_goes_away(with_replica, receiver):
    """Its lists then come from the database; it is used again when it is back."""
    daemon = with_replica("other")
    api = daemon.api()
    app = api.new_app()
    with daemon.database() as db:
        db.execute("create database other template template0")
        wait_until(lambda: api.get(f"/app/{app}/msg", want=None).status == 500, what="the empty one is asked")
        db.execute("drop database other with (force)")
        wait_until(lambda: api.get(f"/app/{app}/msg", want=None).status == 200, what="the database is asked")
        db.execute("create database other template template0")
        wait_until(lambda: api.get(f"/app/{app}/msg", want=None).status == 500, what="the empty one is asked")


def test_bad_url_is_refused_without_being_told():
    done = subprocess.run([POSTHORND], capture_output=True, text=True, timeout=60, env=environment(
        database_url="host=/nowhere", jwt_secret="s" * 32, read_database_url="postgresql://u:hush@[::/x"))
    assert done.returncode == 78 and "read_database_url" in done.stderr and "hush" not in done.stderr
    shown = subprocess.run([POSTHORND, "config"], capture_output=True, text=True, timeout=60, env=environment(
        read_database_url="postgresql://u:hush@h/d"))
    assert shown.returncode == 0 and "host='h'" in shown.stdout and "hush" not in shown.stdout
