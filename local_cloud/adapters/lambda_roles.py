"""A function runs only under a role that Lambda may assume, and its log is written by that role.

The emulator takes the role's name and asks no trust policy; its log has no permission behind it.
Source: Lambda developer guide, "Defining Lambda function permissions with an execution role".
"""

from __future__ import annotations

import logging
from typing import Any

from local_cloud.adapters import roles
from local_cloud.patching import replace
from local_cloud.settings import ACCOUNT, REGION

LAMBDA = "ministack.services.lambda_svc"
SERVICE = "lambda.amazonaws.com"
LOG_ACTIONS = ("logs:CreateLogStream", "logs:PutLogEvents")
logger = logging.getLogger("slipway.access")


def install() -> None:
    """Stand before each invocation, and before its log."""
    replace(LAMBDA, "_execute_function_dispatch", _assumable)
    replace(LAMBDA, "_emit_lambda_logs", _permitted)


def session_of(function: dict[str, Any]) -> roles.Session:
    """The execution role as Lambda assumes it. Raises roles.AccessDenied."""
    return roles.assume(str(function.get("Role", "")), str(function["FunctionName"]), SERVICE)


def _assumable(execute: Any) -> Any:
    def execute_function_dispatch(func: Any, config: dict[str, Any], *rest: Any) -> dict[str, Any]:
        if roles.enforced():
            try:
                session_of(config)
            except roles.AccessDenied as exc:
                message = f"The role defined for the function cannot be assumed by Lambda: {exc}"
                return {
                    "error": True,
                    "log": "",
                    "body": {"errorType": "AccessDenied", "errorMessage": message},
                }
        result: dict[str, Any] = execute(func, config, *rest)
        return result

    return execute_function_dispatch


def _permitted(emit: Any) -> Any:
    def emit_lambda_logs(func: dict[str, Any], *rest: Any, **named: Any) -> None:
        config = func.get("config") or func
        try:
            if roles.enforced():
                _require_log(config)
        except roles.AccessDenied as exc:
            logger.error("the log of function %s is lost: %s", config.get("FunctionName"), exc)
        else:
            emit(func, *rest, **named)

    return emit_lambda_logs


def _require_log(function: dict[str, Any]) -> None:
    group = (function.get("LoggingConfig") or {}).get(
        "LogGroup"
    ) or f"/aws/lambda/{function['FunctionName']}"
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
    session = session_of(function)
    for action in LOG_ACTIONS:
        roles.require(session, action, f"{arn}:log-stream:invocation")
