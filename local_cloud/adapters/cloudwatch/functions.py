"""Invocations of functions as metrics: counted where every invocation passes, whoever invoked it.

The emulator counts those of the Invoke API alone, and counts throttled ones as invocations. Source: Lambda developer
guide, "Types of metrics for Lambda functions": a throttled request is neither an invocation nor an error.
"""

from __future__ import annotations

import time
from typing import Any

from local_cloud.adapters.cloudwatch import metrics
from local_cloud.patching import original, replace

LAMBDA = "ministack.services.lambda_svc"
NAMESPACE = "AWS/Lambda"
MILLIS = 1000
Json = dict[str, Any]


def install() -> None:
    """Count every invocation once."""
    original("ministack.app", "_get_module")("lambda")
    replace(LAMBDA, "_emit_lambda_metrics", lambda _: lambda *_args, **_named: None)
    replace(LAMBDA, "_execute_function_dispatch", _counting)
    replace(LAMBDA, "_acquire_execution_slot", _counting_refusals)


def _counting(dispatch: Any) -> Any:
    def execute_function_dispatch(function: Json, config: Json, *rest: Any) -> Json:
        started = time.monotonic()
        result: Json = dispatch(function, config, *rest)
        if result.get("throttle"):
            _record(config, "Throttles", 1)
            return result
        _record(config, "Invocations", 1)
        _record(config, "Errors", int(bool(result.get("error"))))
        _record(config, "Throttles", 0)
        _record(config, "Duration", (time.monotonic() - started) * MILLIS, "Milliseconds")
        return result

    return execute_function_dispatch


def _counting_refusals(acquire: Any) -> Any:
    def acquire_execution_slot(function: Json, config: Json) -> Any:
        slot, limit = acquire(function, config)
        if slot is None:
            _record(config, "Throttles", 1)
        return slot, limit

    return acquire_execution_slot


def _record(config: Json, metric: str, value: float, unit: str = "Count") -> None:
    metrics.record(NAMESPACE, metric, value, {"FunctionName": config["FunctionName"]}, unit)
