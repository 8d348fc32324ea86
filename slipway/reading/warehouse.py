"""Ask the warehouse through the Redshift Data API, in the deployment's workgroup and database.

Source: Redshift management guide, "Using the Amazon Redshift Data API"; Data API reference, ExecuteStatement,
DescribeStatement, GetStatementResult, Field and ColumnMetadata.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from contracts.errors import PermanentError
from slipway.deployment import Deployment
from slipway.reading.answers import Answer, Column

POLL_SECONDS = 0.3
PATIENCE_SECONDS = (
    60 * 60
)  # as long as the workgroup lets a query run: max_query_execution_time in stacks/warehouse.py
WORKGROUP, DATABASE = "WarehouseWorkgroupName", "WarehouseDatabaseName"
DENIED = "permission denied"  # in Redshift's message; everybody signs in as themselves and begins without grants
GRANT = (
    '; an administrator gives you access: GRANT USAGE ON SCHEMA curated TO "you"; '
    'GRANT SELECT ON ALL TABLES IN SCHEMA curated TO "you"; SELECT current_user tells your name there'
)
ENDED = ("FINISHED", "FAILED", "ABORTED")
# Redshift's names of types, and the names of the same types in an Answer.
TYPES = {
    "bool": "boolean",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "float",
    "float8": "double",
    "date": "date",
    "timestamp": "timestamp",
}


class NoWarehouse(PermanentError):
    """The deployment has no warehouse."""


class StatementFailed(PermanentError):
    """Redshift refused, failed or gave up a statement."""


def query(deployment: Deployment, sql: str) -> Answer:
    """Rows of one statement.

    Raises NoWarehouse, and StatementFailed with Redshift's own reason.
    """
    workgroup, database = target(deployment)
    client = deployment.client("redshift-data")
    statement = client.execute_statement(WorkgroupName=workgroup, Database=database, Sql=sql)["Id"]
    described = _ended(client, statement)
    if not described.get("HasResultSet"):
        return Answer(columns=(), rows=[])
    pages = list(_pages(client, statement))
    columns = tuple(_column(item) for item in pages[0]["ColumnMetadata"])
    records = [record for page in pages for record in page["Records"]]
    rows = [
        tuple(_value(field, column) for field, column in zip(r, columns, strict=True))
        for r in records
    ]
    return Answer(columns=columns, rows=rows)


def is_there(deployment: Deployment) -> bool:
    """Whether the deployment has a warehouse."""
    return WORKGROUP in deployment.outputs


def target(deployment: Deployment) -> tuple[str, str]:
    """Workgroup and database of the deployment's warehouse; NoWarehouse says how to get one."""
    if not is_there(deployment):
        environment = deployment.environment
        raise NoWarehouse(
            f"environment {environment!r} has no warehouse; set features.warehouse in config/{environment}.yaml and "
            "deploy, or leave out --warehouse to ask Athena"
        )
    return deployment.output(WORKGROUP), deployment.output(DATABASE)


def _ended(client: Any, statement: str) -> dict[str, Any]:
    """DescribeStatement of a statement that is over; one that nobody waits for any more is cancelled."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while (described := client.describe_statement(Id=statement))["Status"] not in ENDED:
            if time.monotonic() > deadline:
                raise StatementFailed(
                    f"no answer after {PATIENCE_SECONDS // 60} minutes; statement {statement}"
                )
            time.sleep(POLL_SECONDS)
    except (KeyboardInterrupt, StatementFailed):
        client.cancel_statement(Id=statement)
        raise
    if described["Status"] != "FINISHED":
        reason = described.get("Error") or f"it was {described['Status'].lower()}"
        raise StatementFailed(
            f"{reason} (statement {statement}){GRANT if DENIED in reason.lower() else ''}"
        )
    return dict(described)


def _pages(client: Any, statement: str) -> Iterator[dict[str, Any]]:
    page = client.get_statement_result(Id=statement)
    yield page
    while token := page.get("NextToken"):
        page = client.get_statement_result(Id=statement, NextToken=token)
        yield page


def _column(item: dict[str, Any]) -> Column:
    kind = item.get("typeName", "").lower()
    if kind == "numeric":
        return Column(name=_name(item), type=f"decimal({item['precision']},{item['scale']})")
    return Column(name=_name(item), type=TYPES.get(kind, "varchar"))


def _name(item: dict[str, Any]) -> str:
    """The name after AS."""
    return str(item.get("label") or item.get("name") or "")


def _value(field: dict[str, Any], column: Column) -> Any:
    """A Field as a plain value; numeric, date and timestamp come as text."""
    if field.get("isNull"):
        return None
    (value,) = (value for name, value in field.items() if name != "isNull")
    if column.is_decimal:
        return Decimal(str(value))
    if column.type == "date":
        return date.fromisoformat(value)
    if column.type == "timestamp":
        return datetime.fromisoformat(value)
    return value
