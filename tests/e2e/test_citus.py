"""The schema and the statements against the rules of Citus, for deploy/citus/distribute.sql.

Citus itself takes no part: the tables are asked of PostgreSQL's catalogue, the statements are parsed
(harness/citus.py, harness/citus_rules.py). The bad tables and statements below prove that it can fail."""

import pathlib
import re

import psycopg
import pytest

pytest.importorskip("pglast", reason="Debian's python3-pglast is not installed")

from harness import citus  # noqa: E402
from harness.citus_rules import Catalogue, judge  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
STATEMENTS = sorted((HERE.parents[1] / "lib/store/sql").glob("*.sql"))
LISTED = HERE / "citus_statements.txt"


@pytest.fixture(scope="module")
def placement():
    return citus.Placement(citus.DISTRIBUTE.read_text())


@pytest.fixture
def db(daemon):
    """What a test changes is undone."""
    with psycopg.connect(daemon.home.database_url, prepare_threshold=None) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def catalogue(placement, db):
    return Catalogue.of(placement, db)


def either_way(sql):
    """Without alternatives, {this|that}: which order a list has is all the same here."""
    return re.sub(r"\{([^{|}\n]*)\|[^{|}\n]*\}", r"\1", sql)


def listed():
    """Name → verdict, of citus_statements.txt."""
    lines = [line.split("#")[0].split("--")[0].split() for line in LISTED.read_text().splitlines()]
    lines = [(words[0], " ".join(words[1:])) for words in lines if words]
    assert len(lines) == len(dict(lines)), "a statement is listed twice"
    assert {verdict for _, verdict in lines} <= {"one node", "spread", "all nodes", "refused"}
    return dict(lines)


# The product.


def test_every_table_can_be_where_it_is_put(placement, db):
    assert placement.table_problems(db) == []


def test_distribution_is_sql(db):
    """The calls, with functions of the same names in the place of the extension's."""
    if db.execute("select 1 from pg_extension where extname = 'citus'").fetchone():
        pytest.skip("this is a Citus")
    for signature in ("create_distributed_table(regclass, text, colocate_with text default 'default')",
                      "create_distributed_function(regprocedure)"):
        db.execute(f"create function {signature} returns void language sql as ''")
    body = citus.DISTRIBUTE.read_text().replace("\nbegin;", "").replace("\ncommit;", "")
    db.execute(body)


def test_every_statement_is_judged(catalogue):
    verdicts = {path.stem: judge(either_way(path.read_text()), catalogue) for path in STATEMENTS}
    assert len(verdicts) > 80
    expected = listed()
    wrong = [f"{name}: {verdicts.get(name, 'no such statement')}, listed as {expected.get(name, 'coordinator')}"
             for name in sorted({*verdicts, *expected})
             if name not in verdicts or verdicts[name].kind != expected.get(name, "coordinator")]
    assert not wrong, f"see {LISTED.name}"


def test_the_way_of_an_event_and_its_success_is_spread(catalogue):
    """Whatever else is refused today: these may never be."""
    for name in ("message_append", "attempt_append_facts", "retry_append"):
        assert listed()[name] == "spread"


# The check.


@pytest.mark.parametrize("change, problem", [
    ("create table stray (id bigint)", "stray: not in distribute.sql"),
    ("alter table app rename to apps", "app: in distribute.sql and not in the schema"),
    ("create unique index bad on attempt (id, msg_id)", "attempt: unique index bad without app_id"),
    ("alter table retry add foreign key (slot) references slot", "retry: foreign key retry_slot_fkey"),
    ("alter table retry add column no bigserial", "retry: default of no calls nextval, which is volatile"),
    ("alter table attempt drop constraint attempt_pkey; alter table attempt alter column app_id drop not null",
     "attempt: app_id may be null"),
    ("create trigger bad after insert on message for each row execute function suppress_redundant_updates_trigger()",
     "message: trigger bad"),
    ("create rule bad as on delete to retry do instead nothing", "retry: rule bad"),
    ("alter table message enable row level security", "message: row security"),
    ("alter table retry add column at timestamptz default clock_timestamp()",
     "retry: default of at calls clock_timestamp, which is volatile"),
    ("alter table retry rename column app_id to app", "retry: has no column app_id"),
])
def test_bad_tables_are_found(placement, db, change, problem):
    db.execute("set constraints all immediate")
    db.execute(change)
    assert problem in placement.table_problems(db)


def test_bad_placements_are_found(db):
    sql = citus.DISTRIBUTE.read_text()
    for good, bad, problem in (
            ("'retry', 'app_id'", "'retry', 'msg_id'", "retry: distributed by msg_id beside message"),
            ("('retry', 'app_id', colocate_with => 'message')", "('retry', 'app_id')",
             "retry: distributed by app_id beside None"),
            ("local table: task\n", "local table: retry\n", "retry has two places")):
        assert good in sql
        problems = citus.Placement(sql.replace(good, bad)).table_problems(db)
        assert any(p.startswith(problem) for p in problems), problems


@pytest.mark.parametrize("sql, verdict", [
    # What is allowed.
    ("select id from app where org = $1::text", "coordinator"),
    ("select * from message where app_id = $1::int8 and id < $2::int8 order by id desc limit 5", "one node"),
    ("select * from message m join attempt t on t.app_id = m.app_id and t.msg_id = m.id where m.app_id = $1",
     "one node"),
    ("with m as (select * from message where app_id = $1) select (select count(*) from attempt t"
     " where t.app_id = m.app_id and t.msg_id = m.id limit 1) from m", "one node"),
    ("select count(*) from dead_letter where org = $1::text", "all nodes"),
    ("select * from message m join attempt t on t.app_id = m.app_id and t.msg_id = m.id", "all nodes"),
    ("select * from retry r where not exists (select 1 from attempt a where a.app_id = r.app_id"
     " and a.msg_id = r.msg_id)", "all nodes"),
    ("select * from unnest($1::int8[]) as i(id) join message m on m.id = i.id", "all nodes"),
    ("insert into retry (app_id, slot) select a, s from unnest($1::int8[], $2::int2[]) as i(a, s)", "spread"),
    ("delete from idempotency where app_id = $1::int8 and key = $2::bytea", "one node"),
    # What breaks one rule.
    ("select * from message m join attempt t on t.msg_id = m.id", "refused join"),
    ("select * from message m, attempt t where m.id = t.msg_id and (m.app_id = t.app_id or m.id > 7)", "refused join"),
    ("select * from retry r where exists (select 1 from attempt a where a.msg_id = r.msg_id)", "refused join"),
    ("select * from app p left join message m on m.app_id = p.id", "refused outer"),
    ("select i.id from unnest($1::int8[]) as i(id) where exists (select 1 from message m where m.id = i.id)",
     "refused recurring"),
    ("select * from retry r where exists (select 1 from attempt a where a.app_id = r.app_id"
     " and a.msg_id = r.msg_id offset 0)", "refused limit"),
    ("select * from message m, lateral (select * from attempt t where t.app_id = m.app_id limit 1) x",
     "refused limit"),
    ("select (select max(seq) from attempt t where t.app_id = m.app_id and t.msg_id = m.id) from message m",
     "refused aggregate"),
    ("select * from message m, lateral (select row_number() over (order by id) from attempt t"
     " where t.app_id = m.app_id) x", "refused window"),
    ("select * from dead_letter where org = $1 order by id limit 1 for update", "refused lock"),
    ("update dead_letter set replayed_at = clock_timestamp() where org = $1", "refused volatile"),
    ("delete from message where random() < 0.5", "refused volatile"),
    ("insert into idempotency (app_id, key) values ($1, $2) on conflict (app_id, key, bucket)"
     " do update set created_at = now()", "refused volatile"),
    ("insert into retry (slot) select s from unnest($1::int2[]) as i(s)", "refused key"),
    ("update retry set app_id = $1 where app_id = $2", "refused key"),
    ("select * from message where partition_start(event_type) > now()", "refused function"),
])
def test_rules(catalogue, sql, verdict):
    assert str(judge(sql, catalogue)) == verdict
