"""What Citus does with a statement, told from its text.

The statement is parsed by PostgreSQL's own grammar (pglast). Columns are followed through common table
expressions and subqueries to the tables they come from, and equalities that must hold join them into
classes; a table whose distribution column shares a class with a parameter is on one known node.

Verdicts:
  coordinator  no distributed table: runs as in PostgreSQL
  one node     every distributed table is bound to one application by a parameter: router query
  spread       INSERT of rows that the coordinator makes: they go from there to their nodes
  all nodes    one task for each shard; the coordinator merges
  refused      against the rules below

Rules (Citus documentation, "SQL Support and Workarounds"; the messages are those of its planner):
  join         distributed tables meet without equality of their distribution columns
  outer        LEFT JOIN of a distributed table to something that is the same on every node
  recurring    correlated subquery on a distributed table, under a FROM without one
  limit        LIMIT or OFFSET in a correlated subquery
  aggregate    aggregate in a correlated subquery, not grouped by the distribution column
  window       window function in a correlated subquery, not partitioned by the distribution column
  lock         FOR UPDATE or FOR SHARE over several shards
  volatile     volatile function in the SET or WHERE of an UPDATE or DELETE of a table that Citus keeps; any
               that is not immutable in a DO UPDATE SET
  key          INSERT that leaves the distribution column out, or UPDATE of it
  function     function of ours in a condition for the nodes that is not distributed to them

The rules are read strictly: what newer releases of Citus can do by fetching all of a table to the
coordinator counts as refused. Nothing here has asked a Citus."""

import pglast
from pglast import ast, enums

from .citus_scope import PARAMETER, Scopes, calls_of


class Verdict:
    def __init__(self, kind, broken=()):
        self.kind, self.broken = kind, sorted(set(broken))

    def __str__(self):
        return " ".join([self.kind, *self.broken])


class Catalogue:
    """What the statements' names mean: placement, columns of tables, functions."""

    def __init__(self, placement, columns, volatile, changing, aggregates, own):
        self.placement, self.columns = placement, columns
        self.volatile, self.changing, self.aggregates, self.own = volatile, changing, aggregates, own

    @classmethod
    def of(cls, placement, db):
        columns = {}
        for table, column in db.execute(
                "select relname::text, attname::text from pg_class c join pg_attribute a on a.attrelid = c.oid"
                " where relnamespace = current_schema()::regnamespace and attnum > 0 and relkind in ('r', 'p')"
                " and not attisdropped order by 1, attnum"):
            columns.setdefault(table, []).append(column)

        def functions(condition):
            return {name for (name,) in db.execute(
                f"select proname::text from pg_proc where {condition}")}

        # A name is volatile if one of its functions is.
        return cls(placement, columns, functions("provolatile = 'v'"), functions("provolatile <> 'i'"),
                   functions("prokind = 'a'"), functions("pronamespace = current_schema()::regnamespace"))


def judge(sql, catalogue):
    statements = pglast.parse_sql(sql)
    assert len(statements) == 1, "one statement"
    return Judge(statements[0].stmt, catalogue).verdict()


class Judge:
    def __init__(self, statement, catalogue):
        self._catalogue = catalogue
        self._placement = catalogue.placement
        self._scopes = Scopes(statement, catalogue.columns, catalogue.aggregates)
        self._broken = set()

    def verdict(self):
        queries = self._scopes.queries
        for query in queries:
            self._check_writes(query)
        tables = [item for query in queries for item in query.items if self._is_table(item)]
        if self._broken:
            return Verdict("refused", self._broken)
        if not tables:
            return Verdict("coordinator")
        if all(self._class_of(t) == self._scopes.find(PARAMETER) for t in tables) and self._local_apart(queries):
            return Verdict("one node")
        for query in queries:
            self._check_reads(query)
        if self._broken:
            return Verdict("refused", self._broken)
        readers = [item for item in tables if item is not item.query.target]
        inserts = [q for q in queries if isinstance(q.node, ast.InsertStmt) and self._is_table(q.target)]
        if inserts and not readers and all(q.target for q in inserts) and \
                len(inserts) == len(tables):
            return Verdict("spread")
        return Verdict("all nodes")

    def _local_apart(self, queries):
        """The coordinator can evaluate what is local beforehand."""
        return not any(
            query.correlated_with or any(self._deep(other) for other in query.items)
            for query in queries for item in query.items if item.table in self._placement.local)

    def _is_table(self, item):
        """Itself a distributed table."""
        return item is not None and item.table in self._placement.distributed

    def _class_of(self, item):
        return self._scopes.find(item.key(self._placement.distributed[item.table][0]))

    # Writing.

    def _check_writes(self, query):
        target = query.target
        if target is None or target.table not in self._placement.distributed and \
                target.table not in self._placement.reference:
            return
        if isinstance(query.node, (ast.UpdateStmt, ast.DeleteStmt)):
            written = (getattr(query.node, "targetList", None), query.node.whereClause)
            if calls_of(written) & self._catalogue.volatile:
                self._broken.add("volatile")
        elif query.node.onConflictClause:
            if calls_of(query.node.onConflictClause.targetList) & self._catalogue.changing:
                self._broken.add("volatile")
        if self._is_table(target):
            key = self._placement.distributed[target.table][0]
            written = {c.name for c in (getattr(query.node, "cols", None) or ())}
            set_columns = {c.name for c in (getattr(query.node, "targetList", None) or ())}
            if isinstance(query.node, ast.InsertStmt) and key not in written:
                self._broken.add("key")
            if isinstance(query.node, ast.UpdateStmt) and key in set_columns:
                self._broken.add("key")

    # Reading.

    def _spread_over_nodes(self, item):
        """A distributed table, or what can be planned as a part of the same task: a subquery of one that
        keeps rows of a shard in that shard."""
        if self._is_table(item):
            return [item]
        if item.subquery is None or item.cte and (item.cte.uses > 1 or item.cte.materialized):
            return []
        inner = item.subquery
        if inner.target is not None or not isinstance(inner.node, ast.SelectStmt) or \
                inner.node.limitCount or inner.node.limitOffset or inner.node.op != enums.SetOperation.SETOP_NONE:
            return []
        found = [t for i in inner.items for t in self._spread_over_nodes(i)]
        if inner.windows and not self._grouped(inner, inner.partition_columns(), found):
            return []
        if (inner.aggregates or inner.node.groupClause) and not self._grouped(inner, inner.group_columns(), found):
            return []
        return found

    def _grouped(self, query, columns, tables):
        classes = {self._class_of(t) for t in tables}
        return any(self._scopes.find(c) in classes for c in columns)

    def _check_reads(self, query):
        tables = {id(t): t for item in query.items if not (item is query.target and
                  isinstance(query.node, ast.InsertStmt)) for t in self._spread_over_nodes(item)}.values()
        if len({self._class_of(t) for t in tables}) > 1:
            self._broken.add("join")
        if tables and getattr(query.node, "lockingClause", None):
            self._broken.add("lock")
        for left, right in query.left_joins:
            kept = [t for item in left for t in self._spread_over_nodes(item)]
            joined = [t for item in right for t in self._deep(item)]
            if joined and not kept:
                self._broken.add("outer")
        if tables:
            ours = {n for part in query.conditions for n in calls_of(part)} & self._catalogue.own
            if ours - self._placement.functions:
                self._broken.add("function")
        if query.correlated_with:
            self._check_correlated(query)

    def _deep(self, item):
        """The distributed tables anywhere below an item that is not planned on its own."""
        if item.subquery is not None and item.subquery.correlated_with:
            return [t for i in item.subquery.items for t in self._deep(i)]
        return self._spread_over_nodes(item)

    def _check_correlated(self, query):
        inner = [t for item in query.items for t in self._deep(item)]
        if not inner:
            return
        outer = [t for o in query.correlated_with for item in o.items for t in self._spread_over_nodes(item)
                 if not (item is o.target and isinstance(o.node, ast.InsertStmt))]
        classes = {self._class_of(t) for t in inner}
        if not outer:
            self._broken.add("recurring")
        elif not classes <= {self._class_of(t) for t in outer}:
            self._broken.add("join")
        if query.node.limitCount or query.node.limitOffset:
            self._broken.add("limit")
        if query.aggregates and not self._grouped(query, query.group_columns(), inner):
            self._broken.add("aggregate")
        if query.windows and not self._grouped(query, query.partition_columns(), inner):
            self._broken.add("window")
