"""Maintenance of many datasets on one schedule: Glue refuses what is more than ten runs of a job at once.

The retries are those of the state machine's file. Without a window some are refused for good as soon as there are
eleven datasets; with the window of stacks/orchestration.py none of them is.
"""

from __future__ import annotations

import heapq
import json
from pathlib import Path
from random import Random

import pytest

from stacks.constructs.spark_job import CONCURRENT_RUNS
from stacks.orchestration import LONGEST_WINDOW, window_minutes

ROOT = Path(__file__).parents[2]
CARE = json.loads((ROOT / "state_machines" / "dataset_care.asl.json").read_text())["States"]["Care"]
MINUTE = 60
MAINTENANCE_SECONDS = 5 * MINUTE
SEEDS = 40


def refused_for_good(datasets: int, window: int, seed: int) -> int:
    """How many of the jobs were never taken, of those that begin within `window` minutes."""
    [retry] = [
        one for one in CARE["Retry"] if "Glue.ConcurrentRunsExceededException" in one["ErrorEquals"]
    ]
    waits = [
        min(retry["IntervalSeconds"] * retry["BackoffRate"] ** n, retry["MaxDelaySeconds"])
        for n in range(retry["MaxAttempts"])
    ]
    random = Random(seed)
    starts = [(random.uniform(0, window * MINUTE), number, 0) for number in range(datasets)]
    heapq.heapify(starts)
    running: list[float] = []  # when each ends
    refused = 0
    while starts:
        now, number, attempts = heapq.heappop(starts)
        while running and running[0] <= now:
            heapq.heappop(running)
        if len(running) < CONCURRENT_RUNS:
            heapq.heappush(running, now + MAINTENANCE_SECONDS)
        elif attempts < len(waits):
            pause = random.uniform(0, waits[attempts])  # JitterStrategy FULL
            heapq.heappush(starts, (now + pause, number, attempts + 1))
        else:
            refused += 1
    return refused


def test_ten_datasets_need_no_window() -> None:
    assert window_minutes(CONCURRENT_RUNS) == 0
    assert not any(refused_for_good(CONCURRENT_RUNS, 0, seed) for seed in range(SEEDS))


@pytest.mark.parametrize(("datasets", "least"), [(11, 1), (50, 30 * SEEDS), (1_000, 900 * SEEDS)])
def test_without_a_window_maintenance_of_more_is_refused(datasets: int, least: int) -> None:
    assert sum(refused_for_good(datasets, 0, seed) for seed in range(SEEDS)) >= least


@pytest.mark.parametrize("datasets", [11, 50, 200, 900])
def test_within_its_window_the_maintenance_of_hardly_any_is_refused(datasets: int) -> None:
    refused = sum(
        refused_for_good(datasets, window_minutes(datasets), seed) for seed in range(SEEDS)
    )
    assert refused <= datasets * SEEDS / 10_000


def test_a_window_is_never_longer_than_a_day() -> None:
    assert window_minutes(5_000) == LONGEST_WINDOW
