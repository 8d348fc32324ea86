"""Worker seconds of a job from the JobRun that Glue gives."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline import costs

SECONDS: list[tuple[dict[str, Any], int | None]] = [
    ({"ExecutionTime": 97, "NumberOfWorkers": 2, "WorkerType": "G.1X"}, 194),
    (
        {"ExecutionTime": 97, "NumberOfWorkers": 10, "WorkerType": "G.2X", "DPUSeconds": 500.0},
        250,
    ),
    (
        {
            "ExecutionTime": 97,
            "NumberOfWorkers": 10,
            "WorkerType": "G.025X",
            "DPUSeconds": 10.0,
        },
        40,
    ),
    (
        {"ExecutionTime": 97, "NumberOfWorkers": 2, "WorkerType": "Z.9X", "DPUSeconds": 500.0},
        194,
    ),
    ({"ExecutionTime": 0, "NumberOfWorkers": 2}, 0),
    ({"ExecutionTime": 97}, None),
    ({"NumberOfWorkers": 2}, None),
    ({}, None),
]
JOB_RUNS = [job_run for job_run, _ in SECONDS]


@pytest.mark.parametrize(("job_run", "seconds"), SECONDS)
def test_the_time_of_all_workers_is_read_as_far_as_glue_tells_it(
    job_run: dict[str, Any], seconds: int | None
) -> None:
    assert costs.worker_seconds(job_run) == seconds


@pytest.mark.parametrize("seconds", [194, 0, None])
def test_what_a_job_run_machine_answered_is_taken_as_it_is(seconds: int | None) -> None:
    assert costs.worker_seconds({"engine": "duckdb", "worker_seconds": seconds}) == seconds


def test_only_steps_with_a_known_cost_are_kept() -> None:
    state = {
        "raw_to_processed": {"ExecutionTime": 5, "NumberOfWorkers": 2},
        "processed_to_curated": {},
        "gate": 1,
    }
    assert costs.of_steps(
        state, ("raw_to_processed", "processed_to_curated", "gate", "absent")
    ) == {"raw_to_processed": 10}


def test_what_a_resumed_run_cost_before_is_added_step_by_step() -> None:
    assert costs.added({"a": 1, "b": 2}, {"b": 3, "c": 4}) == {"a": 1, "b": 5, "c": 4}
