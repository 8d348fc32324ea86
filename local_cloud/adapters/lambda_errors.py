"""A failed function's error carries the name that Lambda gives it, by which state machines decide to retry.

The emulator calls every failure Runtime.HandlerError. Lambda's Python runtime reports the class name of the exception,
and Runtime.ExitError when the process ended. Source: Lambda developer guide, "Lambda function errors in Python" and
"Troubleshoot invocation issues"; Step Functions developer guide, "Handling errors", Lambda's custom errors.
"""

from __future__ import annotations

import re
from typing import Any

from local_cloud.patching import replace

LAMBDA = "ministack.services.lambda_svc"
UNNAMED = "Runtime.HandlerError"
PROCESS_ENDED = ("Worker process died", "Worker returned no response")
_TRACEBACK = "Traceback (most recent call last):"
_EXCEPTION = re.compile(r"^(?:[A-Za-z_]\w*\.)*([A-Za-z_]\w*)(?::|$)")


def install() -> None:
    """Name the errors of Python functions."""
    replace(LAMBDA, "_execute_function_warm", _named)


def error_type(message: str, log: str) -> str:
    """The name of a failure, from its message and the log with the traceback."""
    if message.startswith(PROCESS_ENDED) or "Broken pipe" in message:
        return "Runtime.ExitError"
    last = log.rpartition(_TRACEBACK)[2].splitlines() if _TRACEBACK in log else []
    named = (_EXCEPTION.match(line) for line in last if line and not line.startswith(" "))
    return next((found.group(1) for found in named if found), UNNAMED)


def _named(execute: Any) -> Any:
    def execute_function_warm(func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        result: dict[str, Any] = execute(func, event, request_id)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict) and body.get("errorType") == UNNAMED:
            body["errorType"] = error_type(
                str(body.get("errorMessage")), str(result.get("log", ""))
            )
        return result

    return execute_function_warm
