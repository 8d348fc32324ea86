"""One ingestion: the dataset's SQL by the embedded Athena under the data source's role, its columns compared, counted.

Error types are those of the QuickSight API reference, ErrorInfo.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from local_cloud.adapters import roles
from local_cloud.adapters.athena import statements as athena
from local_cloud.adapters.athena.sql import QueryRefused
from local_cloud.adapters.athena.tables import Caller
from local_cloud.settings import ACCOUNT, REGION, ServerSettings

# What a column of a dataset takes. Source: QuickSight API reference, InputColumn; user guide, supported data types.
TAKES = {
    "STRING": ("varchar", "char", "string"),
    "INTEGER": ("tinyint", "smallint", "integer", "int", "bigint"),
    "DECIMAL": ("decimal", "double", "float", "real"),
    "BOOLEAN": ("boolean",),
    "DATETIME": ("date", "timestamp"),
}
# What QuickSight does with a workgroup. Source: QuickSight user guide, "Running queries as an IAM role".
NEEDED = ("athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults")
logger = logging.getLogger("slipway.quicksight")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data source over Athena."""

    arn: str
    role_arn: str
    workgroup: str


class TypesDiffer(Exception):
    """A column of the table has another type than the dataset says."""


def ingest(
    settings: ServerSettings, data_set: dict[str, Any], source: Source, ingestion: dict[str, Any]
) -> None:
    """Run it and write its end into `ingestion`."""
    try:
        rows = _rows(settings, data_set, source)
    except roles.AccessDenied as exc:
        _fail(ingestion, "PERMISSION_DENIED", exc)
    except TypesDiffer as exc:
        _fail(ingestion, "COLUMN_TYPE_MISMATCH", exc)
    except QueryRefused as exc:
        denied, missing = (
            str(exc).startswith("Access denied"),
            str(exc).startswith("TABLE_NOT_FOUND"),
        )
        _fail(
            ingestion,
            "PERMISSION_DENIED"
            if denied
            else "SQL_TABLE_NOT_FOUND"
            if missing
            else "SQL_EXCEPTION",
            exc,
        )
    except (
        Exception
    ) as exc:  # a thread of its own: what goes wrong must end the ingestion, not only the thread
        _fail(ingestion, "INTERNAL_SERVICE_ERROR", exc)
        raise
    else:
        counts = {"RowsIngested": rows, "RowsDropped": 0, "TotalRowsInDataset": rows}
        ingestion |= {"RowInfo": counts, "IngestionStatus": "COMPLETED"}


def _fail(ingestion: dict[str, Any], kind: str, exc: Exception) -> None:
    logger.info("ingestion %s failed: %s", ingestion["IngestionId"], exc)
    ingestion |= {"ErrorInfo": {"Type": kind, "Message": str(exc)}, "IngestionStatus": "FAILED"}


def _rows(settings: ServerSettings, data_set: dict[str, Any], source: Source) -> int:
    """How many rows the dataset has now."""
    name = f"quicksight-{data_set['DataSetId']}"
    session = roles.assume(source.role_arn, name, "quicksight.amazonaws.com", source_arn=source.arn)
    workgroup = f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/{source.workgroup}"
    for action in NEEDED:
        roles.require(session, action, workgroup)
    caller = Caller(
        access_key_id=session.access_key_id,
        secret_access_key=session.secret_access_key,
        session_token=session.session_token,
    )
    [table] = data_set["PhysicalTableMap"].values()
    [definition] = table.values()
    result = athena.run_statement(
        settings, sql_of(definition), definition.get("Schema", "default"), caller=caller
    )
    _compare(definition, result)
    return len(result["rows"])


def sql_of(definition: dict[str, Any]) -> str:
    """The SQL of a dataset: its own, or what QuickSight asks of a table."""
    if "SqlQuery" in definition:
        return str(definition["SqlQuery"])
    columns = ", ".join(f'"{column["Name"]}"' for column in definition["InputColumns"])
    return f'SELECT {columns} FROM "{definition["Schema"]}"."{definition["Name"]}"'  # noqa: S608 - of a template


def _compare(definition: dict[str, Any], result: dict[str, Any]) -> None:
    """Raises TypesDiffer naming every column that the dataset could not hold."""
    columns = definition.get("InputColumns") or definition["Columns"]
    types = dict(zip(result["columns"], result["column_types"], strict=True))
    wrong = [
        f"{column['Name']} is {types.get(column['Name'], 'missing')}, the dataset takes {column['Type']}"
        for column in columns
        if not str(types.get(column["Name"], "")).lower().startswith(TAKES[column["Type"]])
    ]
    if wrong:
        raise TypesDiffer("; ".join(wrong))
