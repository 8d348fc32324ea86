"""Changes to a statement's tree that keep its meaning: names of results, functions that DuckDB reads differently."""

from __future__ import annotations

import functools

from sqlglot import exp

_CALLED = {
    exp.Sum: "sum",
    exp.Count: "count",
    exp.Avg: "avg",
    exp.Min: "min",
    exp.Max: "max",
    exp.Case: "case",
}


def replace_functions(statement: exp.Expr, *, user: str) -> None:
    """Times without a zone, the database user, LISTAGG, CONCAT and CAST to VARCHAR(n) as Redshift has them."""
    for cast in reversed(list(statement.find_all(exp.Cast))):  # the inner ones first
        _cut(cast)
    for node in list(
        statement.find_all(exp.CurrentTimestamp, exp.CurrentUser, exp.GroupConcat, exp.Concat)
    ):
        if isinstance(node, exp.CurrentTimestamp):
            node.replace(exp.cast(node.copy(), "TIMESTAMP"))
        elif isinstance(node, exp.CurrentUser):
            node.replace(exp.Literal.string(user))
        elif isinstance(
            node, exp.Concat
        ):  # NULL when a part is NULL, where DuckDB leaves the part out
            node.replace(
                functools.reduce(lambda a, b: exp.DPipe(this=a, expression=b), node.expressions)
            )
        elif not node.args.get("separator"):
            node.set(
                "separator", exp.Literal.string("")
            )  # LISTAGG puts nothing between, DuckDB a comma


def _cut(cast: exp.Cast) -> None:
    """A text that is cast to a shorter type loses its end; DuckDB knows no length. Counted in characters here."""
    size = cast.to.expressions[0].name if cast.to.expressions else ""
    if cast.to.is_type(*exp.DataType.TEXT_TYPES) and size.isdigit():
        whole = exp.cast(cast.this.copy(), "VARCHAR")
        cast.replace(exp.Left(this=whole, expression=exp.Literal.number(size)))


def rename(table: exp.Table, registered: str) -> None:
    """The statement goes on calling the table by its own name or alias."""
    called = table.alias or table.name
    for column in table.root().find_all(exp.Column):
        if (
            column.args.get("db")
            and column.table.lower() == table.name.lower()
            and column.text("db").lower() == table.db.lower()
        ):
            column.set("db", None)
    table.set("this", exp.to_identifier(registered, quoted=True))
    table.set("db", None)
    table.set("alias", exp.TableAlias(this=exp.to_identifier(called)))


def name_results(statement: exp.Expr) -> None:
    """Redshift names a result that has no name after its function, or `?column?`."""
    query = statement.unnest()
    while isinstance(query, exp.SetOperation):
        query = query.left
    if not isinstance(query, exp.Select):
        return
    for result in list(query.expressions):
        if isinstance(result, exp.Alias | exp.Column | exp.Star):
            continue
        inner = result.this if isinstance(result, exp.Window | exp.Cast) else result
        name = inner.name if isinstance(inner, exp.Column) else _CALLED.get(type(inner), "?column?")
        result.replace(exp.alias_(result.copy(), name, quoted=True))
