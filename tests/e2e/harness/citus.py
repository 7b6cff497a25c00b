"""The tables of deploy/citus/distribute.sql, and what Citus demands of them, asked of a migrated database.

Rules: Citus documentation, "Cluster Management and DDL" and "SQL Support and Workarounds": a unique or
primary key of a distributed table holds its distribution column; foreign keys go to co-located or to
reference tables; triggers, rules, row security, inheritance and exclusion constraints without the column
are not for distributed tables; values of sequences would have to come from the coordinator."""

import pathlib
import re

import pglast

DISTRIBUTE = pathlib.Path(__file__).resolve().parents[3] / "deploy/citus/distribute.sql"
KEY = "app_id"


class Placement:
    """Where each table is: `distributed` (table → column and table it is co-located with),
    `reference`, `local`; and the functions that every node has."""

    def __init__(self, sql):
        self.distributed, self.reference, self.functions = {}, set(), set()
        self.local = set(re.findall(r"local table: (\w+)", sql))
        self.problems = []
        for statement in pglast.parse_sql(sql):
            if isinstance(statement.stmt, pglast.ast.SelectStmt):
                self._take(*call_of(statement.stmt))
        self.problems += [f"{table} has two places" for table in self._twice()]

    def _take(self, name, arguments, named):
        if name == "create_reference_table":
            self.reference.add(arguments[0])
        elif name == "create_distributed_table":
            self.distributed[arguments[0]] = (arguments[1], named.get("colocate_with"))
        elif name == "create_distributed_function":
            self.functions.add(arguments[0].split("(")[0])
        else:
            self.problems.append(f"no known call: {name}")

    def _twice(self):
        return (self.local & self.reference) | (set(self.distributed) & (self.local | self.reference))

    def tables(self):
        return self.local | self.reference | set(self.distributed)

    def table_problems(self, db):
        """Everything that keeps the tables of a database from their places."""
        found = list(self.problems)
        actual = {name for (name,) in db.execute(TABLES)}
        found += [f"{t}: not in {DISTRIBUTE.name}" for t in sorted(actual - self.tables())]
        found += [f"{t}: in {DISTRIBUTE.name} and not in the schema" for t in sorted(self.tables() - actual)]
        lead = next(iter(self.distributed), None)
        for table, (column, beside) in self.distributed.items():
            if column != KEY or beside != (None if table == lead else lead):
                found.append(f"{table}: distributed by {column} beside {beside}, not by {KEY} beside {lead}")
        for table, what in db.execute(UNFIT, {"key": KEY, "distributed": list(self.distributed),
                                              "known": [*self.distributed, *self.reference]}):
            found.append(f"{table}: {what}")
        return found


def call_of(select):
    """select f('a', 'b', name => 'c') as ('f', ['a', 'b'], {'name': 'c'})"""
    call = select.targetList[0].val
    positional, named = [], {}
    for argument in call.args or ():
        if isinstance(argument, pglast.ast.NamedArgExpr):
            named[argument.name] = argument.arg.val.sval
        else:
            positional.append(argument.val.sval)
    return call.funcname[-1].sval, positional, named


# Tables that are no partitions.
TABLES = """select relname::text from pg_class
    where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p') and not relispartition"""

# Partitions are looked at as well: what they inherit may be added to one of them alone.
UNFIT = r"""
with t as (
    select c.oid, c.relname::text as name, c.relkind, c.relrowsecurity, c.relispartition, k.attnum as key
    from pg_class c
    left join pg_inherits i on i.inhrelid = c.oid
    join pg_class root on root.oid = coalesce(i.inhparent, c.oid)
    left join pg_attribute k on k.attrelid = c.oid and k.attname = %(key)s and not k.attisdropped
    where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
        and root.relname = any(%(distributed)s)
)
select name, 'has no column ' || %(key)s from t where key is null
union all
select name, %(key)s || ' may be null' from t join pg_attribute a on a.attrelid = t.oid and a.attnum = t.key
    where not a.attnotnull
union all
select name, 'unique index ' || i.indexrelid::regclass || ' without ' || %(key)s
    from t join pg_index i on i.indrelid = t.oid
    where (i.indisunique or i.indisexclusion) and key is not null
        and not key = any(i.indkey[0:i.indnkeyatts - 1])
union all
select name, 'foreign key ' || conname from t join pg_constraint c on c.conrelid = t.oid
    join pg_class f on f.oid = c.confrelid
    where contype = 'f' and not (f.relname = any(%(known)s) and key = any(conkey))
union all
select name, 'foreign key ' || conname || ' from ' || conrelid::regclass
    from t join pg_constraint c on c.confrelid = t.oid where contype = 'f'
        and not exists (select 1 from t o where o.oid = c.conrelid)
union all
select name, 'trigger ' || tgname from t join pg_trigger g on g.tgrelid = t.oid where not tgisinternal
union all
select name, 'rule ' || rulename from t join pg_rewrite r on r.ev_class = t.oid
union all
select name, 'row security' from t where relrowsecurity
union all
select name, 'identity: ' || attname from t join pg_attribute a on a.attrelid = t.oid
    where a.attidentity <> ''
union all
select name, 'default of ' || attname || ' calls ' || proname || ', which is volatile'
    from t join pg_attrdef d on d.adrelid = t.oid
    join pg_attribute a on a.attrelid = t.oid and a.attnum = d.adnum
    join (select distinct proname::text from pg_proc where provolatile = 'v') v
        on pg_get_expr(d.adbin, d.adrelid) ~ ('\m' || proname || '\(')
union all
select name, 'partitions of partitions' from t where relispartition and relkind = 'p'
union all
select name, 'inherits, and is no partition' from t join pg_inherits i on i.inhrelid = t.oid
    where not relispartition
order by 1, 2"""
