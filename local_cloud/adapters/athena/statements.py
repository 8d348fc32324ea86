"""Athena over the lake: Trino SQL on Iceberg tables, views and files, with the workgroup's settings enforced.

What a statement does and how its results are stored is ours; the API around it is the emulator's. CREATE VIEW and
DROP VIEW really change the catalog, CREATE EXTERNAL TABLE and DROP TABLE are the emulator's, everything else that
would write is refused.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from typing import Any
from urllib.parse import urlparse

import duckdb
import pyarrow as pa
from sqlglot import exp
from sqlglot.errors import SqlglotError

from local_cloud.adapters.athena import sql as athena_sql
from local_cloud.adapters.athena import values as athena_values
from local_cloud.adapters.athena.sql import QueryRefused, TableName
from local_cloud.adapters.athena.tables import Caller, Workspace, current_caller
from local_cloud.patching import original, replace
from local_cloud.settings import ACCOUNT, REGION, ServerSettings

ATHENA = "ministack.services.athena"
GLUE = "ministack.services.glue"
REASON_LIMIT = 2000
FIRST_REFUSAL = 400
Result = dict[str, Any]
_tokens: dict[str, tuple[dict[str, Any], Any]] = {}  # request and answer of each
_tokens_lock = threading.Lock()
logger = logging.getLogger("slipway.athena")


class ScanLimitExceeded(Exception):
    """A query would read more than its workgroup allows."""


def install(settings: ServerSettings) -> None:
    """Replace how statements are run and results stored; complete what workgroups forget."""
    replace(ATHENA, "_execute_query", lambda _: _executor(settings))
    replace(ATHENA, "_start_query_execution", _in_workgroup)
    replace(ATHENA, "_start_query_execution", _once_for_a_token)
    replace(ATHENA, "_get_query_results", _with_exact_types)
    replace(ATHENA, "_get_workgroup", _with_defaults)


def _executor(settings: ServerSettings) -> Any:
    async def execute(
        query_id: str, query: str, database: str, ddl: Any, _catalog: str | None = None
    ) -> None:
        execution = original(ATHENA, "_executions")[query_id]
        execution["Status"]["State"] = "RUNNING"
        started = time.monotonic()
        try:
            if ddl is not None:
                result = original(ATHENA, "_run_ddl")(ddl, database)
            else:
                result = await asyncio.to_thread(
                    run_statement, settings, query, database, _scan_limit(execution)
                )
            execution["_results"] = {"columns": result["columns"], "rows": result["rows"]}
            execution["_column_types"] = result.get("column_types", [])
            execution["Statistics"]["DataScannedInBytes"] = result.get("bytes_scanned", 0)
            await asyncio.to_thread(_save_results, query_id)
            execution["Status"]["State"] = "SUCCEEDED"
        except ScanLimitExceeded as exc:
            execution["Status"] |= {"State": "CANCELLED", "StateChangeReason": str(exc)}
        except Exception as exc:  # noqa: BLE001 -- a failed execution is where Athena reports every cause
            logger.info("Athena query %s failed: %s", query_id, exc)
            execution["Status"] |= {"State": "FAILED", "StateChangeReason": str(exc)[:REASON_LIMIT]}
        elapsed = int((time.monotonic() - started) * 1000)
        execution["Statistics"] |= {
            "EngineExecutionTimeInMillis": elapsed,
            "TotalExecutionTimeInMillis": elapsed,
        }
        execution["Status"]["CompletionDateTime"] = int(time.time())

    return execute


def _scan_limit(execution: dict[str, Any]) -> int | None:
    workgroup = original(ATHENA, "_workgroups")[execution["WorkGroup"]]
    limit = (workgroup.get("Configuration") or {}).get("BytesScannedCutoffPerQuery")
    return None if limit is None else int(limit)


def run_statement(
    settings: ServerSettings,
    query: str,
    database: str,
    scan_limit: int | None = None,
    *,
    caller: Caller | None = None,
) -> Result:
    """Columns, types and rows (as text) of one statement, read as `caller`, or else as whoever asks.

    Raises:
        QueryRefused: with Athena's error name and what to change.
    """
    statement = athena_sql.parse(query)
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        workspace = Workspace(
            connection=connection, caller=caller or current_caller(), endpoint=settings.endpoint
        )
        try:
            if isinstance(statement, exp.Create) and statement.kind == "VIEW":
                return _create_view(workspace, statement, database)
            if isinstance(statement, exp.Drop) and statement.kind == "VIEW":
                return _drop_view(workspace, statement, database)
            if not isinstance(statement, exp.Query):
                verb = query.split(maxsplit=1)[0].upper()
                raise QueryRefused(
                    f"NOT_SUPPORTED: {verb} is not emulated; queries, CREATE VIEW, DROP VIEW, CREATE "
                    "EXTERNAL TABLE and DROP TABLE are. Tables are written by the Spark jobs"
                )
            return _select(workspace, statement, database, scan_limit)
        except (duckdb.Error, SqlglotError) as exc:
            raise QueryRefused(f"{_error_name(exc)}: {str(exc).splitlines()[0]}") from exc


def _select(
    workspace: Workspace, statement: exp.Query, database: str, scan_limit: int | None
) -> Result:
    workspace.prepare(athena_sql.qualify(statement, database))
    if scan_limit is not None and workspace.bytes_scanned > scan_limit:
        raise ScanLimitExceeded(
            f"Bytes scanned limit was exceeded: {workspace.bytes_scanned} bytes, the workgroup allows {scan_limit}"
        )
    sql = athena_sql.to_duckdb(statement, workspace.schema)
    workspace.connection.execute(
        "SET enable_external_access = false"
    )  # SQL names tables, never files of this machine
    columns = workspace.columns(sql)
    data: pa.Table = workspace.connection.execute(sql).to_arrow_table()
    rows = zip(
        *(column.to_pylist() for column in data.columns), strict=True
    )  # by position: names may repeat
    return {
        "columns": [name for name, _ in columns],
        "column_types": [athena_values.result_type(kind) for _, kind in columns],
        "rows": [[athena_values.text(value) for value in row] for row in rows],
        "bytes_scanned": workspace.bytes_scanned,
    }


def _create_view(workspace: Workspace, statement: exp.Create, database: str) -> Result:
    name = _view_name(statement, database)
    body = statement.expression
    sql = body.sql(dialect="athena")
    workspace.prepare(athena_sql.qualify(body, database))
    columns = workspace.columns(athena_sql.to_duckdb(body, workspace.schema))
    kinds = [(column, athena_values.result_type(kind).presto) for column, kind in columns]
    table = {
        "Name": name.table,
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "ViewOriginalText": athena_sql.view_text(sql, database, kinds),
        "ViewExpandedText": "/* Presto View */",
        "StorageDescriptor": {
            "Columns": [{"Name": n, "Type": k.replace("varchar", "string")} for n, k in kinds]
        },
    }
    exists = f"{name.database}/{name.table}" in original(GLUE, "_tables")
    if exists and not statement.args.get("replace"):
        raise QueryRefused(f"View already exists: '{athena_sql.CATALOG}.{name}'")
    verb = "Update" if exists else "Create"
    workspace.caller.require(f"glue:{verb}Table", _table_arn(name))
    _glue(f"_{verb.lower()}_table", {"DatabaseName": name.database, "TableInput": table})
    return {"columns": [], "column_types": [], "rows": []}


def _drop_view(workspace: Workspace, statement: exp.Drop, database: str) -> Result:
    name = _view_name(statement, database)
    if f"{name.database}/{name.table}" in original(GLUE, "_tables"):
        workspace.caller.require("glue:DeleteTable", _table_arn(name))
        _glue("_delete_table", {"DatabaseName": name.database, "Name": name.table})
    elif not statement.args.get("exists"):
        raise QueryRefused(f"View '{athena_sql.CATALOG}.{name}' does not exist")
    return {"columns": [], "column_types": [], "rows": []}


def _view_name(statement: exp.Expr, database: str) -> TableName:
    table = statement.find(exp.Table)  # the first one named is the view itself
    if table is None:
        raise QueryRefused("SYNTAX_ERROR: the view has no name")
    return TableName(database=(table.db or database).lower(), table=table.name.lower())


def _table_arn(name: TableName) -> str:
    return f"arn:aws:glue:{REGION}:{ACCOUNT}:table/{name.database}/{name.table}"


def _glue(operation: str, request: dict[str, Any]) -> None:
    status, _, body = original(GLUE, operation)(request)
    if status >= 400:
        raise QueryRefused(f"FAILED: Glue answered {json.loads(body)}")


def _error_name(exc: Exception) -> str:
    names = {
        "BinderException": "COLUMN_NOT_FOUND" if "column" in str(exc).lower() else "SYNTAX_ERROR",
        "CatalogException": "FUNCTION_NOT_FOUND",
        "ConversionException": "INVALID_CAST_ARGUMENT",
        "OutOfRangeException": "NUMERIC_VALUE_OUT_OF_RANGE",
    }
    return names.get(type(exc).__name__, "GENERIC_USER_ERROR")


def _once_for_a_token(start: Any) -> Any:
    """A token that came before is answered with the execution that it began; with another query it is refused.

    Source: Athena API reference, StartQueryExecution, ClientRequestToken.
    """

    def start_query_execution(data: dict[str, Any]) -> Any:
        token = data.get("ClientRequestToken")
        if token is None:
            return start(data)
        with _tokens_lock:
            known, answer = _tokens.get(token, (data, None))
            if known != data:
                message = "Idempotent parameters do not match"
                return original(ATHENA, "error_response_json")(
                    "InvalidRequestException", message, 400
                )
            if answer is None:
                answer = start(data)
                if answer[0] < FIRST_REFUSAL:
                    _tokens[token] = (data, answer)
        return answer

    return start_query_execution


def _in_workgroup(start: Any) -> Any:
    """A workgroup's own settings win over the request's unless it says otherwise, as in Athena."""

    def start_query_execution(data: dict[str, Any]) -> Any:
        name = data.get("WorkGroup", "primary")
        workgroup = original(ATHENA, "_workgroups").get(name)
        if workgroup is None:
            message = f"WorkGroup {name} is not found."
            return original(ATHENA, "error_response_json")("InvalidRequestException", message, 400)
        settings = workgroup.get("Configuration") or {}
        requested = (data.get("ResultConfiguration") or {}).get("OutputLocation")
        configured = (settings.get("ResultConfiguration") or {}).get("OutputLocation")
        enforced = settings.get("EnforceWorkGroupConfiguration", True)
        location = configured if (enforced and configured) or not requested else requested
        if location:
            data = data | {"ResultConfiguration": {"OutputLocation": location.rstrip("/") + "/"}}
        return start(data)

    return start_query_execution


def _save_results(query_id: str) -> None:
    """Results as Athena's CSV: every value quoted, NULL as nothing, beside a .metadata object."""
    execution = original(ATHENA, "_executions")[query_id]
    results = execution["_results"]
    lines = [results["columns"], *results["rows"]] if results["columns"] else []
    content = "".join(",".join(map(_quoted, line)) + "\n" for line in lines)
    location = urlparse(execution["ResultConfiguration"]["OutputLocation"])
    key = location.path.lstrip("/")
    current_caller().require("s3:PutObject", f"arn:aws:s3:::{location.netloc}/{key}")
    types = execution.get("_column_types") or []
    metadata = json.dumps(dict(zip(results["columns"], types, strict=False)))
    for name, body in ((key, content), (f"{key}.metadata", metadata)):
        response = original("ministack.services.s3", "_put_object")(
            location.netloc, name, body.encode(), {}
        )
        if response[0] >= 400:
            raise QueryRefused(
                f"results could not be written to s3://{location.netloc}/{name}: {response[2]!r}"
            )


def _quoted(value: str | None) -> str:
    return "" if value is None else '"' + value.replace('"', '""') + '"'


def _with_exact_types(get: Any) -> Any:
    """The emulator describes every decimal as decimal(38,0), which clients take at its word."""

    def get_query_results(data: dict[str, Any]) -> Any:
        execution = original(ATHENA, "_executions").get(data.get("QueryExecutionId"))
        types = list((execution or {}).get("_column_types") or [])
        if not any(isinstance(kind, athena_values.ResultType) for kind in types):
            return get(data)
        status, headers, body = get(data)
        answer = json.loads(body)
        described = answer.get("ResultSet", {}).get("ResultSetMetadata", {}).get("ColumnInfo", [])
        for column, kind in zip(described, types, strict=False):
            column |= {"Precision": kind.precision, "Scale": kind.scale}
        return status, headers, json.dumps(answer).encode()

    return get_query_results


def _with_defaults(get: Any) -> Any:
    def get_workgroup(data: dict[str, Any]) -> Any:
        workgroup = original(ATHENA, "_workgroups").get(data.get("WorkGroup"))
        if workgroup is not None:
            workgroup.setdefault("Configuration", {}).setdefault(
                "EnforceWorkGroupConfiguration", True
            )
        return get(data)

    return get_workgroup
