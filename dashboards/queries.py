"""The SQL of a dashboard: one query per curated table, grouped by all that its visuals and filters need.

The answer (a cube) is small, because curated tables are, and every figure of every visual under every filter can be
computed from it exactly. `curated.` and `processed.` are spelled out by who runs the query.
"""

from __future__ import annotations

from contracts.model import Contract
from dashboards.model import Dashboard


def cube_query(dashboard: Dashboard, source: str) -> str:
    """Trino SQL for a table's cube: first the columns grouped by, then the measures under their names."""
    groups = [quoted(column) for column in dashboard.columns_grouped(source)]
    figures = [
        f"{measure.aggregation}({quoted(str(measure.column))}) as {quoted(measure.name)}"
        for measure in dashboard.columns_measured(source)
    ]
    by = f" group by {', '.join(groups)} order by {', '.join(groups)}" if groups else ""
    return f"select {', '.join([*groups, *figures])} from curated.{source}{by}"  # noqa: S608 - names were checked against the contract


def newest_date_query(contract: Contract, source: str) -> str:
    """Trino SQL for the newest date in what a curated table is computed from."""
    dates = {model.name: model.source_date for model in contract.curated}
    return f"select max({quoted(dates[source])}) from processed.{contract.dataset}"  # noqa: S608 - as above


def newest_period_query(source: str, column: str) -> str:
    """Trino SQL for the first day of the newest period of a mart."""
    return f"select max({quoted(column)}) from curated.{source}"  # noqa: S608 - as above


def quoted(name: str) -> str:
    """A column name that may be a word of SQL, as Trino quotes it."""
    return f'"{name}"'
