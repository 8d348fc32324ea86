"""Values of a metric by period, from what the emulator keeps, with exactly the dimensions that are asked for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from local_cloud.adapters.cloudwatch.alarm import MINUTE, Alarm
from local_cloud.adapters.cloudwatch.clock import Clock
from local_cloud.adapters.cloudwatch.evaluation import range_of
from local_cloud.patching import original

CLOUDWATCH = "ministack.services.cloudwatch"


def record(
    namespace: str,
    metric: str,
    value: float,
    dimensions: Mapping[str, str],
    unit: str = "Count",
    *,
    at: float | None = None,
) -> None:
    """Keep one value, stamped by the machine's clock unless it has a time of its own."""
    key = (namespace, metric, original(CLOUDWATCH, "_dims_key")(dict(dimensions)))
    point = {
        "Timestamp": time.time() if at is None else at,
        "Value": float(value),
        "Unit": unit,
        "Dimensions": dict(dimensions),
    }
    original(CLOUDWATCH, "_metric_bucket")(key).append(point)


def values(alarm: Alarm, clock: Clock) -> tuple[list[float | None], list[float]]:
    """Of each period of the evaluation range its value (None: missing) and its start, the oldest first.

    Periods end with the last whole minute, as in AWS's own notifications, which name the start of each.
    """
    end = clock.now() // MINUTE * MINUTE
    starts = [end - alarm.period * back for back in range(range_of(alarm), 0, -1)]
    points = _points(alarm)
    stamped = [(clock.at(point["Timestamp"]), point) for point in points]
    found = [
        _statistic(alarm, [point for at, point in stamped if start <= at < start + alarm.period])
        for start in starts
    ]
    return found, starts


def _points(alarm: Alarm) -> list[dict[str, Any]]:
    dimensions = original(CLOUDWATCH, "_dims_key")(dict(alarm.dimensions))
    kept = original(CLOUDWATCH, "_metrics").get((alarm.namespace, alarm.metric, dimensions))
    return list(kept or [])


def _statistic(alarm: Alarm, points: list[dict[str, Any]]) -> float | None:
    statistics: dict[str, float] = original(CLOUDWATCH, "_calc_stats")(points)
    return statistics.get(alarm.statistic)
