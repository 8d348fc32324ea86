"""The Redshift Data API: what botocore's model of `redshift-data` says, over the statements that are kept.

Refused and not emulated: clusters, sessions that outlive a statement, results as CSV, events at a statement's end, and
the calls that list databases, schemas and tables. Source: Redshift Data API reference.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from local_cloud.adapters.redshift import (
    callers as redshift_callers,
)
from local_cloud.adapters.redshift import (
    descriptions as redshift_descriptions,
)
from local_cloud.adapters.redshift import (
    results as redshift_results,
)
from local_cloud.adapters.redshift import (
    serverless as redshift_serverless,
)
from local_cloud.adapters.redshift import (
    sql as redshift_sql,
)
from local_cloud.adapters.redshift.callers import Caller
from local_cloud.adapters.redshift.statements import Part, Statement, cancel, statements, submit

MOST_STATEMENTS = 40
MOST_CHARACTERS = 100_000  # of a statement. Source: Redshift quotas, Data API
MOST_LISTED = 100
NOT_EMULATED = ("ClusterIdentifier", "DbUser", "SessionId", "SessionKeepAliveSeconds")
Answer = tuple[int, dict[str, str], bytes]
_tokens: dict[tuple[str, str], Statement] = {}


class Invalid(Exception):
    """A request that the Data API refuses as ValidationException."""


class Missing(Exception):
    """There is no such statement for this caller."""

    def __init__(self, statement_id: str) -> None:
        super().__init__("Query does not exist.")
        self.statement_id = statement_id


async def handle_request(
    _method: str, _path: str, headers: dict[str, str], body: bytes, _query: Any
) -> Answer:
    """One call, with JSON in and out."""
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    act = _OPERATIONS.get(operation)
    if act is None:
        return _error(
            "ValidationException", f"{operation} is not emulated; there is {', '.join(_OPERATIONS)}"
        )
    request = json.loads(body or b"{}")
    try:
        answer = act(request, redshift_callers.caller_of(headers))
        waited = statements.get(str(answer.get("Id") or request.get("Id", "")).partition(":")[0])
        if "WaitTimeSeconds" in request and waited is not None:
            await asyncio.to_thread(waited.done.wait, int(request["WaitTimeSeconds"]))
            answer = (
                act(request, redshift_callers.caller_of(headers))
                if operation in _LOOKS
                else redshift_descriptions.submitted(waited)
            )
        return _answer(200, answer)
    except (Invalid, ValueError) as exc:
        return _error("ValidationException", str(exc))
    except redshift_serverless.NotFound as exc:
        return _error(
            "ResourceNotFoundException", str(exc), ResourceId=str(request.get("WorkgroupName"))
        )
    except Missing as exc:
        return _error("ResourceNotFoundException", str(exc), ResourceId=exc.statement_id)
    except redshift_callers.AccessDenied as exc:
        return _error("AccessDeniedException", str(exc))


def _execute(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    return _submit(request, caller, [request.get("Sql", "")], batch=False)


def _batch_execute(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    return _submit(request, caller, list(request.get("Sqls", [])), batch=True)


def _submit(
    request: dict[str, Any], caller: Caller, sqls: list[str], *, batch: bool
) -> dict[str, Any]:
    workgroup = redshift_serverless.workgroup_named(_checked(request, sqls))
    token = (caller.owner, str(request.get("ClientToken")))
    earlier = _tokens.get(token) if request.get("ClientToken") else None
    if earlier is not None:
        if _meaning(earlier.request) != _meaning(request):
            raise Invalid(f"ClientToken {token[1]!r} was used with other parameters")
        return redshift_descriptions.submitted(earlier)
    user = redshift_callers.log_in(caller, workgroup, request.get("SecretArn"))
    statement = Statement(
        parts=[],
        workgroup=workgroup,
        database=request["Database"],
        owner=caller.owner,
        owner_user_id=caller.user_id,
        user=user,
        batch=batch,
        mode=request.get("ExecutionMode", "TRANSACTION"),
        parameters={item["name"]: item["value"] for item in request.get("Parameters", [])},
        request=request,
    )
    for number, sql in enumerate(sqls, 1):
        part_id = f"{statement.statement_id}:{number}" if batch else statement.statement_id
        statement.parts.append(Part(part_id=part_id, sql=sql))
    if request.get("ClientToken"):
        _tokens[token] = statement
    submit(statement)
    return redshift_descriptions.submitted(statement)


def _checked(request: dict[str, Any], sqls: list[str]) -> str:
    """The workgroup's name of a request that is well formed."""
    for name in NOT_EMULATED:
        if name in request:
            raise Invalid(
                f"{name} is not emulated; send WorkgroupName, Database and, if need be, SecretArn"
            )
    if request.get("WithEvent") or request.get("ResultFormat", "JSON") != "JSON":
        raise Invalid("WithEvent and results as CSV are not emulated")
    if not request.get("WorkgroupName") or not request.get("Database"):
        raise Invalid("WorkgroupName and Database are needed")
    if not 1 <= len(sqls) <= MOST_STATEMENTS:
        raise Invalid(f"Sqls has {len(sqls)} statements; a batch has 1 to {MOST_STATEMENTS}")
    if any(not sql.strip() or len(sql) > MOST_CHARACTERS for sql in sqls):
        raise Invalid(f"a statement has 1 to {MOST_CHARACTERS} characters")
    given = {item["name"] for item in request.get("Parameters", [])}
    used = set().union(*(redshift_sql.parameter_names(sql) for sql in sqls))
    if given - used:
        raise Invalid(
            f"Parameters list contains unused parameters. Unused parameters: {sorted(given - used)}"
        )
    if used - given:
        raise Invalid(f"Parameters are missing: {sorted(used - given)}")
    return str(request["WorkgroupName"])


def _meaning(request: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name != "WaitTimeSeconds"}


def _own(request: dict[str, Any], caller: Caller) -> Statement:
    """Only the identity that ran a statement sees it. Source: Redshift management guide, Data API considerations."""
    statement = statements.get(str(request["Id"]).partition(":")[0])
    if statement is None or statement.owner != caller.owner:
        raise Missing(str(request["Id"]))
    return statement


def _part(request: dict[str, Any], statement: Statement) -> Part | None:
    _, _, number = str(request["Id"]).partition(":")
    if not number:
        return None if statement.batch else statement.parts[0]
    found = next((part for part in statement.parts if part.part_id == request["Id"]), None)
    if found is None:
        raise Missing(str(request["Id"]))
    return found


def _describe(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    statement = _own(request, caller)
    return redshift_descriptions.described(statement, _part(request, statement))


def _result(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    statement = _own(request, caller)
    part = _part(request, statement)
    if part is None:
        raise Invalid(
            f"{request['Id']} is a batch; ask for the result of a sub-statement, such as {request['Id']}:1"
        )
    ended = statement.done.is_set() if statement.batch else part.status == "FINISHED"
    if part.outcome is None or not part.has_result or not ended:
        raise Missing(f"{request['Id']}: Query does not have result. It is {part.status}")
    first = int(request.get("NextToken", 0))
    rows = part.outcome.rows[first : first + redshift_results.PAGE_ROWS]
    answer = {
        "Records": [redshift_results.record(row) for row in rows],
        "ColumnMetadata": part.columns,
        "TotalNumRows": len(part.outcome.rows),
    }
    after = first + len(rows)
    return answer | ({"NextToken": str(after)} if after < len(part.outcome.rows) else {})


def _cancel(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    statement = _own(request, caller)
    if not cancel(statement):
        raise Invalid(
            f"Could not cancel a query that is already in {statement.status} state with ID: {request['Id']}"
        )
    return {"Status": True}


def _list(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    wanted = request.get("Status", "FINISHED")  # "By default, only finished statements are shown"
    name = request.get("StatementName", "")
    session_only = request.get("RoleLevel") is False
    found = [
        statement
        for statement in reversed(statements.values())
        if statement.owner == caller.owner
        and (not session_only or statement.owner_user_id == caller.user_id)
        and wanted in ("ALL", statement.status)
        and str(statement.request.get("StatementName", "")).startswith(name)
        and request.get("WorkgroupName", statement.workgroup.name) == statement.workgroup.name
        and request.get("Database", statement.database) == statement.database
    ]
    first, most = int(request.get("NextToken", 0)), int(request.get("MaxResults") or MOST_LISTED)
    answer: dict[str, Any] = {
        "Statements": [
            redshift_descriptions.listed(statement) for statement in found[first : first + most]
        ]
    }
    return answer | ({"NextToken": str(first + most)} if first + most < len(found) else {})


def _answer(status: int, body: dict[str, Any]) -> Answer:
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(body).encode()


def _error(code: str, message: str, **more: str) -> Answer:
    return _answer(400, {"__type": code, "Message": message, "message": message} | more)


_OPERATIONS: dict[str, Callable[[dict[str, Any], Caller], dict[str, Any]]] = {
    "ExecuteStatement": _execute,
    "BatchExecuteStatement": _batch_execute,
    "DescribeStatement": _describe,
    "GetStatementResult": _result,
    "CancelStatement": _cancel,
    "ListStatements": _list,
}
_LOOKS = ("DescribeStatement",)
