"""Ask Athena through awswrangler, in the deployment's workgroup."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from numbers import Number
from typing import TYPE_CHECKING, Any

from contracts import naming
from contracts.errors import PermanentError
from slipway.deployment import Deployment
from slipway.reading.answers import Answer, Column

if TYPE_CHECKING:
    import pandas

# A text literal is matched first, as a whole, so that nothing inside it is taken for a table.
ZONE_REFERENCE = re.compile(r"'(?:[^']|'')*'|\b(raw|processed|curated)\.(?=[A-Za-z_\"])")
WORKGROUP = "WorkgroupName"
# An account may ask 100 times a second (GetQueryExecution; Athena endpoints and quotas). awswrangler's own second is
# longer than most queries here take.
POLL_SECONDS = 0.2
NO_TABLE = "TABLE_NOT_FOUND"  # begins Athena's reason; Trino documentation, StandardErrorCode


class QueryFailed(PermanentError):
    """Athena refused, failed or cancelled a query."""


def with_databases(sql: str, environment: str) -> str:
    """Spell out the zone shorthands: `curated.t` becomes `slipway_<environment>_curated.t`, but not inside a text."""

    def spelled(found: re.Match[str]) -> str:
        zone: Any = found.group(
            1
        )  # one of naming.Zone by the pattern, or nothing for a text literal
        return f"{naming.database(environment, zone)}." if zone else found.group()

    return ZONE_REFERENCE.sub(spelled, sql)


def literal(text: str) -> str:
    """`text` as a text literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def texts(values: Iterable[str]) -> str:
    """Text literals for an `in (...)`; an empty list matches nothing."""
    return ", ".join(literal(value) for value in values) or "null"


def in_workgroup(deployment: Deployment, workgroup: str | None) -> Deployment:
    """The deployment with its queries in another workgroup, such as a team's, whose scan limit then holds."""
    if workgroup is None:
        return deployment
    return replace(deployment, outputs=deployment.outputs | {WORKGROUP: workgroup})


def query(deployment: Deployment, sql: str) -> pandas.DataFrame:
    """Rows of one SELECT, with decimals as Decimal.

    Raises QueryFailed with Athena's own reason.
    """
    import awswrangler

    try:
        return awswrangler.athena.read_sql_query(
            sql=with_databases(sql, deployment.environment),
            database=naming.database(deployment.environment, "curated"),
            workgroup=deployment.output(WORKGROUP),
            ctas_approach=False,
            unload_approach=False,
            athena_query_wait_polling_delay=POLL_SECONDS,
        )
    except awswrangler.exceptions.QueryFailed as error:
        raise QueryFailed(str(error)) from error
    except awswrangler.exceptions.QueryCancelled as error:
        raise QueryFailed(
            f"cancelled: {error}; ask for fewer columns or a shorter period"
        ) from error


def answer(deployment: Deployment, sql: str) -> Answer:
    """Rows of one SELECT with the types that Athena declares.

    Raises QueryFailed with Athena's own reason.
    """
    found = query(deployment, sql)
    execution = found.query_metadata["QueryExecutionId"]  # awswrangler's attribute
    described = deployment.client("athena").get_query_results(
        QueryExecutionId=execution, MaxResults=1
    )
    columns = described["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    return Answer(columns=tuple(_column(column) for column in columns), rows=plain(found))


def _column(info: dict[str, Any]) -> Column:
    kind = (
        f"decimal({info['Precision']},{info['Scale']})"
        if info["Type"] == "decimal"
        else info["Type"]
    )
    return Column(name=info["Name"], type=kind)


def rows(deployment: Deployment, sql: str) -> list[tuple[Any, ...]]:
    """The answer as plain tuples, null as None."""
    return plain(query(deployment, sql))


def rows_if_loaded(deployment: Deployment, sql: str) -> list[tuple[Any, ...]]:
    """The answer as plain tuples; none when the table is not there, as before a dataset's first run."""
    try:
        return rows(deployment, sql)
    except QueryFailed as error:
        if NO_TABLE not in str(error):
            raise
        return []


def columns_if_loaded(deployment: Deployment, table: str) -> set[str]:
    """The columns of a table; none when it is not there, as before a dataset's first run."""
    try:
        return set(query(deployment, f"select * from {table} limit 0").columns)  # noqa: S608 - a table of a contract
    except QueryFailed as error:
        if NO_TABLE not in str(error):
            raise
        return set()


def plain(answer: pandas.DataFrame) -> list[tuple[Any, ...]]:
    """The rows of an answer as plain tuples, null as None."""
    frame = answer.astype(object)
    return list(frame.where(frame.notna(), None).itertuples(index=False, name=None))


def is_figure(values: pandas.Series) -> bool:
    """Whether a column holds numbers, Decimal included."""
    present = values.dropna()
    return len(present) > 0 and isinstance(present.iloc[0], Number)
