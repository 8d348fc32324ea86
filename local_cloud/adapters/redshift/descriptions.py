"""Statements as the answers of the Data API show them. Source: Redshift Data API reference."""

from __future__ import annotations

import json
from typing import Any

from local_cloud.adapters.redshift.statements import Part, Statement


def submitted(statement: Statement) -> dict[str, Any]:
    """As ExecuteStatement and BatchExecuteStatement answer."""
    return {
        "Id": statement.statement_id,
        "CreatedAt": statement.parts[0].created_at,
        "Database": statement.database,
        "DbUser": statement.user.name,
        "DbGroups": [],
        "WorkgroupName": statement.workgroup.name,
        "Status": statement.status,
        "RedshiftPid": statement.pid,
        "HasResultSet": any(part.has_result for part in statement.parts),
    } | ({"SecretArn": statement.request["SecretArn"]} if "SecretArn" in statement.request else {})


def described(statement: Statement, part: Part | None) -> dict[str, Any]:
    """As DescribeStatement shows one part, or a batch whole when `part` is None."""
    of_all = {
        "Database": statement.database,
        "DbUser": statement.user.name,
        "WorkgroupName": statement.workgroup.name,
        "RedshiftPid": statement.pid,
        "ResultFormat": "JSON",
    }
    names = {"SecretArn": "SecretArn", "Parameters": "QueryParameters"}
    of_all |= {
        shown: statement.request[sent] for sent, shown in names.items() if sent in statement.request
    }
    return of_all | (_of_part(part) if part is not None else _of_batch(statement))


def _of_batch(statement: Statement) -> dict[str, Any]:
    failed = next((part.error for part in statement.parts if part.error), None)
    shown = {
        "Id": statement.statement_id,
        "Status": statement.status,
        "CreatedAt": statement.parts[0].created_at,
        "UpdatedAt": max(part.updated_at for part in statement.parts),
        "Duration": sum(part.duration_nanos for part in statement.parts),
        "HasResultSet": any(part.has_result for part in statement.parts),
        "ResultRows": -1,
        "ResultSize": -1,
        "ExecutionMode": statement.mode,
        "SubStatements": [_of_part(part) for part in statement.parts],
    }
    return shown | ({"Error": failed} if failed and statement.status == "FAILED" else {})


def _of_part(part: Part) -> dict[str, Any]:
    outcome = part.outcome
    return {
        "Id": part.part_id,
        "Status": part.status,
        "QueryString": part.sql,
        "CreatedAt": part.created_at,
        "UpdatedAt": part.updated_at,
        "Duration": part.duration_nanos,
        "HasResultSet": part.has_result,
        "ResultRows": outcome.row_count if outcome is not None else -1,
        "ResultSize": len(json.dumps(outcome.rows, default=str))
        if outcome is not None and outcome.columns
        else 0,
        "RedshiftQueryId": part.query_id,
    } | ({"Error": part.error} if part.error else {})


def listed(statement: Statement) -> dict[str, Any]:
    """As ListStatements shows it."""
    shown: dict[str, Any] = {
        "Id": statement.statement_id,
        "Status": statement.status,
        "CreatedAt": statement.parts[0].created_at,
        "UpdatedAt": max(part.updated_at for part in statement.parts),
        "IsBatchStatement": statement.batch,
        "ResultFormat": "JSON",
    }
    if "StatementName" in statement.request:
        shown["StatementName"] = statement.request["StatementName"]
    if statement.batch:
        return shown | {"QueryStrings": [part.sql for part in statement.parts]}
    return shown | {"QueryString": statement.parts[0].sql}
