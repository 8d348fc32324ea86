"""Metrics that come from lines of logs: by metric filters, and by lines in the embedded metric format.

Sources: CloudWatch Logs user guide, "Creating metrics from log events using filters"; CloudWatch user guide,
"Specification: Embedded metric format". A value has the time of its line.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local_cloud.adapters.cloudwatch import metrics, patterns
from local_cloud.patching import original, replace

LOGS = "ministack.services.cloudwatch_logs"
MILLIS = 1000
NOT_EMULATED = ("defaultValue", "default_value")
Json = dict[str, Any]
logger = logging.getLogger("slipway.alarms")


@dataclass(frozen=True, kw_only=True)
class Value:
    """One value of a metric; `at` in seconds since 1970."""

    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    value: float
    unit: str
    at: float


def install() -> None:
    """Read every line that reaches a log group, whoever wrote it."""
    original("ministack.app", "_get_module")("logs")
    replace(LOGS, "_fanout_to_subscription_filters", _reading)
    replace(LOGS, "_put_metric_filter", _refusing_unknown)


def _reading(fan_out: Any) -> Any:
    def fanout_to_subscription_filters(group: str, stream: str, events: list[Json]) -> None:
        fan_out(group, stream, events)
        filters = [
            each for (of, _), each in original(LOGS, "_metric_filters").items() if of == group
        ]
        for event in events:
            for each in values(event["message"], event["timestamp"] / MILLIS, filters):
                metrics.record(
                    each.namespace,
                    each.metric,
                    each.value,
                    each.dimensions,
                    each.unit,
                    at=each.at,
                )

    return fanout_to_subscription_filters


def _refusing_unknown(put: Any) -> Any:
    def put_metric_filter(request: Json) -> Any:
        patterns.compiled(str(request.get("filterPattern", "")))
        for transformation in request.get("metricTransformations") or []:
            for name in NOT_EMULATED:
                if transformation.get(name) is not None:
                    raise patterns.NotUnderstood(
                        f"metric filter {request.get('filterName')}: {name} is not emulated"
                    )
        return put(request)

    return put_metric_filter


def values(message: str, at: float, filters: Sequence[Json]) -> Iterator[Value]:
    """What one line gives; a line that is no JSON object gives nothing."""
    try:
        line = json.loads(message)
    except ValueError:
        return
    if not isinstance(line, dict):
        return
    for each in filters:
        if patterns.compiled(each["filterPattern"])(line):
            for transformation in each["metricTransformations"]:
                yield from _filtered(line, at, transformation)
    for directive in (line.get("_aws") or {}).get("CloudWatchMetrics", []):
        yield from _embedded(line, directive)


def _filtered(line: Json, at: float, transformation: Json) -> Iterator[Value]:
    selectors = transformation.get("dimensions") or {}
    dimensions = {name: patterns.selected(line, selector) for name, selector in selectors.items()}
    if None in dimensions.values():
        logger.error("a line has not every dimension of %s: %s", transformation, line)
        return
    value = transformation["metricValue"]
    value = patterns.selected(line, value) if str(value).startswith("$") else value
    yield Value(
        namespace=transformation["metricNamespace"],
        metric=transformation["metricName"],
        dimensions={name: str(each) for name, each in dimensions.items()},
        value=float(value),
        unit=transformation.get("unit", "None"),
        at=at,
    )


def _embedded(line: Json, directive: Json) -> Iterator[Value]:
    at = line["_aws"]["Timestamp"] / MILLIS
    for names in directive["Dimensions"]:
        for metric in directive["Metrics"]:
            given = line[metric["Name"]]
            for value in given if isinstance(given, list) else [given]:
                yield Value(
                    namespace=directive["Namespace"],
                    metric=metric["Name"],
                    dimensions={name: str(line[name]) for name in names},
                    value=float(value),
                    unit=metric.get("Unit", "None"),
                    at=at,
                )
