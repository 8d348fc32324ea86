"""What a job cost: worker seconds, from the answer of job_run.asl.json or from a JobRun of Glue.

With auto-scaling the number of workers is only the upper bound; then Glue gives `DPUSeconds`, which counts each worker
for as long as it was there. Fields are taken as they come: a missing one makes the figure unknown, never the run fail.
Source: Glue API reference, JobRun: ExecutionTime, NumberOfWorkers, WorkerType, DPUSeconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Source: Glue developer guide, "Worker types": data processing units (DPU) of one worker.
DPU_PER_WORKER = {
    "G.025X": 0.25,
    "G.1X": 1,
    "G.2X": 2,
    "G.4X": 4,
    "G.8X": 8,
    "G.12X": 12,
    "G.16X": 16,
    "Standard": 1,
}


def worker_seconds(job_run: Mapping[str, Any]) -> int | None:
    """Seconds that workers were there, summed over them; None when the record does not say.

    job_run.asl.json computes the same from a JobRun; a test holds both together.
    """
    if "worker_seconds" in job_run:  # an answer of that machine
        answered = job_run["worker_seconds"]
        return None if answered is None else int(answered)
    dpu_seconds, per_worker = (
        job_run.get("DPUSeconds"),
        DPU_PER_WORKER.get(job_run.get("WorkerType", "")),
    )
    if dpu_seconds and per_worker:
        return int(dpu_seconds / per_worker)
    seconds, workers = job_run.get("ExecutionTime"), job_run.get("NumberOfWorkers")
    return None if seconds is None or workers is None else int(seconds * workers)


def of_steps(state: Mapping[str, Any], steps: tuple[str, ...]) -> dict[str, int]:
    """Worker seconds of the jobs among `steps` whose record a state machine's `state` holds under the step's name."""
    found = {
        step: worker_seconds(state[step]) for step in steps if isinstance(state.get(step), dict)
    }
    return {step: seconds for step, seconds in found.items() if seconds is not None}


def added(earlier: Mapping[str, Any], now: Mapping[str, int]) -> dict[str, int]:
    """Both together, step by step: a resumed run costs what it cost before and what it costs now."""
    steps = {**earlier, **now}
    return {step: int(earlier.get(step, 0)) + now.get(step, 0) for step in steps}
