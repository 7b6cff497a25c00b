"""Where the columns of a statement come from, and which of them must be equal.

A statement is a tree of queries. A query has items (what its FROM names, and the table that it writes);
an item is a table, a subquery (a common table expression is one) or something without a table. A key
names a column of a table: two keys of one class are equal in every row."""

from pglast import ast, enums

PARAMETER = "parameter"  # the key of everything that is known before the statement runs


class Item:
    def __init__(self, query, alias, table=None, subquery=None, cte=None, columns=()):
        self.query, self.alias, self.table, self.subquery, self.cte = query, alias, table, subquery, cte
        self._columns = list(columns)

    def columns(self):
        return list(self.subquery.outputs()) if self.subquery else self._columns

    def key(self, column):
        if self.subquery is not None:
            return self.subquery.outputs().get(column) or (id(self), column)
        return (id(self), column)


class Cte:
    def __init__(self, query, materialized):
        self.query, self.materialized, self.uses = query, materialized, 0


class Query:
    """One level: a SELECT, or a statement that writes (then `target` is the table it writes)."""

    def __init__(self, scopes, node, parent):
        self._scopes, self.node, self.parent = scopes, node, parent
        self.items, self.target = [], None
        self.correlated_with = set()  # outer queries whose columns are used here
        self.left_joins = []          # (items that stay, items that may be missing)
        self.conditions = []
        self.aggregates, self.windows = False, []
        self._outputs = None

    def resolve(self, reference):
        """The key of a column, or None (a name of the output, say)."""
        fields = [f.sval for f in reference.fields if isinstance(f, ast.String)]
        query, inside = self, []
        while query is not None:
            for item in query.items:
                if fields[0] == item.alias and len(fields) == 2 or \
                        len(fields) == 1 and fields[0] in item.columns():
                    for one in inside:
                        one.correlated_with.add(query)
                    return item.key(fields[-1])
            inside.append(query)
            query = query.parent
        return None

    def outputs(self):
        """Name → key."""
        if self._outputs is None:
            self._outputs = {}
            for target in getattr(self.node, "returningList", None) or getattr(self.node, "targetList", None) or ():
                self._add_output(target)
        return self._outputs

    def _add_output(self, target):
        value = target.val
        if isinstance(value, ast.ColumnRef) and isinstance(value.fields[-1], ast.A_Star):
            for item in self.items:
                if len(value.fields) == 1 or value.fields[0].sval == item.alias:
                    self._outputs.update((c, item.key(c)) for c in item.columns())
            return
        key = self._scopes.key_of(value, self) or (id(target), "value")
        name = target.name or (value.fields[-1].sval if isinstance(value, ast.ColumnRef) else None)
        self._outputs[name] = key

    def group_columns(self):
        return [k for e in self.node.groupClause or () if (k := self._scopes.key_of(e, self))]

    def partition_columns(self):
        return [k for w in self.windows for e in w.partitionClause or () if (k := self._scopes.key_of(e, self))]


class Scopes:
    """All queries of a statement, outermost first, and the classes of their keys."""

    def __init__(self, statement, columns, aggregates):
        self.queries = []
        self._columns, self._aggregates, self._leader = columns, aggregates, {}
        self._build(statement, None, {})

    # Classes.

    def find(self, key):
        while self._leader.get(key, key) != key:
            key = self._leader[key]
        return key

    def _unite(self, one, other):
        if one is not None and other is not None and self.find(one) != self.find(other):
            # The parameter leads its class.
            one, other = sorted((self.find(one), self.find(other)), key=lambda k: k == PARAMETER)
            self._leader[one] = other

    def key_of(self, expression, query):
        while isinstance(expression, ast.TypeCast):
            expression = expression.arg
        if isinstance(expression, (ast.ParamRef, ast.A_Const)):
            return PARAMETER
        if isinstance(expression, ast.ColumnRef) and not isinstance(expression.fields[-1], ast.A_Star):
            return query.resolve(expression)
        return None

    # Building.

    def _build(self, node, parent, ctes):
        query = Query(self, node, parent)
        self.queries.append(query)
        ctes = dict(ctes)
        for one in node.withClause.ctes if node.withClause else ():
            body = self._build(one.ctequery, parent, ctes)
            ctes[one.ctename] = Cte(
                body, one.ctematerialized == enums.CTEMaterialize.CTEMaterializeAlways)
        if isinstance(node, ast.SelectStmt):
            self._build_select(query, ctes)
        elif isinstance(node, ast.InsertStmt):
            self._build_insert(query, ctes)
        else:
            self._add_target(query)
            sources = node.fromClause if isinstance(node, ast.UpdateStmt) else node.usingClause
            self._add_sources(query, sources, ctes)
        self._add_condition(query, getattr(node, "whereClause", None), ctes)
        for name in ("targetList", "returningList", "groupClause", "havingClause", "sortClause",
                     "limitCount", "limitOffset", "onConflictClause"):
            self._walk(getattr(node, name, None), query, ctes)
        return query

    def _build_select(self, query, ctes):
        for side in (query.node.larg, query.node.rarg):
            if side is not None:
                query.items.append(Item(query, None, subquery=self._build(side, query.parent, ctes)))
        self._add_sources(query, query.node.fromClause, ctes)
        self._walk(query.node.valuesLists, query, ctes)

    def _build_insert(self, query, ctes):
        self._add_target(query)
        source = self._build(query.node.selectStmt, query.parent, ctes)
        if source.node.valuesLists:
            keys = [self.key_of(value, source) for value in source.node.valuesLists[0]]
        elif any(isinstance(getattr(t.val, "fields", (None,))[-1], ast.A_Star) for t in source.node.targetList):
            keys = source.outputs().values()
        else:
            keys = [self.key_of(target.val, source) for target in source.node.targetList]
        for column, key in zip(query.node.cols or (), keys):
            self._unite(query.target.key(column.name), key)

    def _add_target(self, query):
        query.target = self._add_item(query, query.node.relation, {})[0]

    def _add_sources(self, query, sources, ctes):
        for source in sources or ():
            self._add_source(query, source, ctes)

    def _add_source(self, query, source, ctes):
        """Returns the items that it is made of."""
        if isinstance(source, ast.JoinExpr):
            left = self._add_source(query, source.larg, ctes)
            right = self._add_source(query, source.rarg, ctes)
            if source.jointype == enums.JoinType.JOIN_LEFT:
                query.left_joins.append((left, right))
            elif source.jointype != enums.JoinType.JOIN_INNER:
                query.left_joins += [(left, right), (right, left)]
            self._add_condition(query, source.quals, ctes)
            return left + right
        if isinstance(source, ast.RangeVar):
            return self._add_item(query, source, ctes)
        if isinstance(source, ast.RangeSubselect):
            inner = self._build(source.subquery, query, ctes)
            item = Item(query, source.alias.aliasname, subquery=inner)
        else:
            assert isinstance(source, ast.RangeFunction), source
            self._walk(source.functions, query, ctes)
            alias = source.alias
            names = [c.sval for c in alias.colnames or ()] if alias else []
            item = Item(query, alias and alias.aliasname, columns=names or [alias and alias.aliasname])
        query.items.append(item)
        return [item]

    def _add_item(self, query, relation, ctes):
        alias = relation.alias.aliasname if relation.alias else relation.relname
        cte = ctes.get(relation.relname)
        if cte:
            cte.uses += 1
            item = Item(query, alias, subquery=cte.query, cte=cte)
        else:
            item = Item(query, alias, relation.relname, columns=self._columns.get(relation.relname, ()))
        query.items.append(item)
        return [item]

    def _add_condition(self, query, condition, ctes):
        if condition is None:
            return
        query.conditions.append(condition)
        self._walk(condition, query, ctes)
        for left, right in equalities(condition):
            self._unite(self.key_of(left, query), self.key_of(right, query))

    def _walk(self, node, query, ctes):
        """Looks into expressions: outer columns, subqueries, aggregates, windows."""
        for part in nodes(node):
            if isinstance(part, ast.SubLink):
                self._build(part.subselect, query, ctes)
            elif isinstance(part, ast.ColumnRef) and isinstance(part.fields[-1], ast.String):
                query.resolve(part)
            elif isinstance(part, ast.FuncCall) and part.over:
                query.windows.append(part.over)
            elif isinstance(part, ast.FuncCall) and part.funcname[-1].sval in self._aggregates:
                query.aggregates = True


def nodes(tree):
    """Every node of an expression, not those of its subqueries."""
    if isinstance(tree, (tuple, list)):
        for part in tree:
            yield from nodes(part)
    elif isinstance(tree, ast.Node):
        yield tree
        for name in tree:
            if not isinstance(tree, ast.SubLink) or name == "testexpr":
                yield from nodes(getattr(tree, name))


def calls_of(tree):
    """Names of the functions that an expression calls, those of its subqueries included."""
    if isinstance(tree, (tuple, list)):
        return {n for part in tree for n in calls_of(part)}
    if not isinstance(tree, ast.Node):
        return set()
    own = {tree.funcname[-1].sval} if isinstance(tree, ast.FuncCall) else set()
    return own | {n for name in tree for n in calls_of(getattr(tree, name))}


def equalities(condition):
    """Pairs that a condition, a conjunction, demands to be equal."""
    if isinstance(condition, ast.BoolExpr) and condition.boolop == enums.BoolExprType.AND_EXPR:
        return [pair for part in condition.args for pair in equalities(part)]
    if isinstance(condition, ast.A_Expr) and condition.kind == enums.A_Expr_Kind.AEXPR_OP \
            and condition.name[-1].sval == "=":
        return [(condition.lexpr, condition.rexpr)]
    return []
