"""What a job cost: worker seconds, from job_run.asl.json's answer or a JobRun of Glue, and USD at list prices.

With auto-scaling the number of workers is only the upper bound; then Glue gives `DPUSeconds`, which counts each worker
for as long as it was there. Fields are taken as they come: a missing one makes the figure unknown, never the run fail.
Source: Glue API reference, JobRun: ExecutionTime, NumberOfWorkers, WorkerType, DPUSeconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
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


MILLIONTH = Decimal("0.000001")  # of a USD, which the ledger keeps


@dataclass(frozen=True, kw_only=True)
class EnginePrices:
    """USD for a second of one worker of each engine, as the stack takes them from pricing/prices.yaml."""

    spark_worker_second_usd: Decimal
    duckdb_second_usd: Decimal

    def usd(self, seconds: Mapping[str, int], engines: Mapping[str, str]) -> dict[str, Decimal]:
        """USD of each step; a step whose engine is not known ran on Spark, which does most."""
        return {
            step: (self._second(engines.get(step)) * each).quantize(MILLIONTH)
            for step, each in seconds.items()
        }

    def _second(self, engine: str | None) -> Decimal:
        return self.duckdb_second_usd if engine == "duckdb" else self.spark_worker_second_usd


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


def engines_of_steps(state: Mapping[str, Any], steps: tuple[str, ...]) -> dict[str, str]:
    """The engine that did each of `steps`, where the state machine's `state` says so."""
    return {
        step: str(state[step]["engine"])
        for step in steps
        if isinstance(state.get(step), dict) and "engine" in state[step]
    }


def added_usd(earlier: Mapping[str, Any], now: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Both together, step by step, as `added`."""
    steps = {**earlier, **now}
    none = Decimal(0)
    return {step: Decimal(earlier.get(step, none)) + now.get(step, none) for step in steps}


def total_usd(run: Mapping[str, Any]) -> Decimal | None:
    """USD of a run's jobs by its entry in the ledger; None if it was closed before they were kept."""
    kept = run.get("cost_usd")
    return None if kept is None else sum(map(Decimal, kept.values()), Decimal(0))


def sentences(run: Mapping[str, Any]) -> Iterator[str]:
    """What a message says of the cost."""
    total = total_usd(run)
    if total is not None:
        yield f"Cost of the jobs: {total:.4f} USD at list prices; all else (storage, requests, logs) comes on top."
