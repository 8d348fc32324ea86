"""What a job cost: worker seconds, from job_run.asl.json's answer or a JobRun of Glue, and USD at list prices.

EMR Serverless bills what each worker had of processors, memory and disk, and says so in its JobRun
(`billedResourceUtilization`); a worker second there is that of one with WORKER_VCPUS.

With auto-scaling the number of workers is only the upper bound; then Glue gives `DPUSeconds`, which counts each worker
for as long as it was there. Fields are taken as they come: a missing one makes the figure unknown, never the run fail.
Source: Glue API reference, JobRun: ExecutionTime, NumberOfWorkers, WorkerType, DPUSeconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pipeline.engines import Engine
from pipeline.run_documents import BilledResources

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


SECONDS_PER_HOUR = 60 * 60
MILLIONTH = Decimal("0.000001")  # of a USD, which the ledger keeps
# Of a worker of EMR Serverless, the driver included (stacks/constructs/emr_engine.py).
WORKER_VCPUS, WORKER_MEMORY_GB = 4, 16


@dataclass(frozen=True, kw_only=True)
class EmrPrices:
    """USD that EMR Serverless asks for a second of one vCPU, of one GB of memory, and of one GB of disk beyond 20."""

    emr_vcpu_second_usd: Decimal
    emr_gb_second_usd: Decimal
    emr_disk_gb_second_usd: Decimal

    def usd(self, billed: BilledResources) -> Decimal:
        """USD of what was billed."""
        return (
            billed.vcpu_seconds * self.emr_vcpu_second_usd
            + billed.memory_gb_seconds * self.emr_gb_second_usd
            + billed.disk_gb_seconds * self.emr_disk_gb_second_usd
        )


@dataclass(frozen=True, kw_only=True)
class EnginePrices:
    """USD for a second of one worker of each engine, as the stack takes them from pricing/prices.yaml; `emr` only
    where EMR Serverless is deployed.
    """

    spark_worker_second_usd: Decimal
    duckdb_second_usd: Decimal
    emr: EmrPrices | None = None

    def usd(
        self,
        seconds: Mapping[str, int],
        engines: Mapping[str, str],
        billed: Mapping[str, BilledResources] | None = None,
    ) -> dict[str, Decimal]:
        """USD of each step; a step whose engine is not known ran on Spark, which does most.

        A job of EMR Serverless costs what was `billed` for it, and has no figure where that is not known.
        """
        found: dict[str, Decimal | None] = {
            step: self._seconds(engines.get(step), each) for step, each in seconds.items()
        }
        found |= {
            step: self._billed((billed or {}).get(step))
            for step in engines
            if engines[step] == "emr"
        }
        return {step: usd.quantize(MILLIONTH) for step, usd in found.items() if usd is not None}

    def _seconds(self, engine: str | None, seconds: int) -> Decimal:
        second = self.duckdb_second_usd if engine == "duckdb" else self.spark_worker_second_usd
        return second * seconds

    def _billed(self, billed: BilledResources | None) -> Decimal | None:
        return None if billed is None or self.emr is None else self.emr.usd(billed)


@dataclass(frozen=True, kw_only=True)
class PriceSettings:
    """What a function that ends runs is told of prices; those of EMR Serverless only where it is deployed."""

    spark_worker_second_usd: Decimal
    duckdb_second_usd: Decimal
    emr_vcpu_second_usd: Decimal | None = None
    emr_gb_second_usd: Decimal | None = None
    emr_disk_gb_second_usd: Decimal | None = None

    @property
    def engine_prices(self) -> EnginePrices:
        """The same as prices of engines."""
        vcpu, memory, disk = (
            self.emr_vcpu_second_usd,
            self.emr_gb_second_usd,
            self.emr_disk_gb_second_usd,
        )
        return EnginePrices(
            spark_worker_second_usd=self.spark_worker_second_usd,
            duckdb_second_usd=self.duckdb_second_usd,
            emr=None
            if vcpu is None or memory is None or disk is None
            else EmrPrices(
                emr_vcpu_second_usd=vcpu, emr_gb_second_usd=memory, emr_disk_gb_second_usd=disk
            ),
        )


def worker_seconds(job_run: Mapping[str, Any]) -> int | None:
    """Seconds that workers were there, summed over them; None when the record does not say.

    job_run.asl.json computes the same from a JobRun; a test holds both together.
    """
    if "worker_seconds" in job_run:  # an answer of that machine
        answered = job_run["worker_seconds"]
        return None if answered is None else int(answered)
    if (billed := billed_by_emr(job_run)) is not None:
        return billed.vcpu_seconds // WORKER_VCPUS
    dpu_seconds, per_worker = (
        job_run.get("DPUSeconds"),
        DPU_PER_WORKER.get(job_run.get("WorkerType", "")),
    )
    if dpu_seconds and per_worker:
        return int(dpu_seconds / per_worker)
    seconds, workers = job_run.get("ExecutionTime"), job_run.get("NumberOfWorkers")
    return None if seconds is None or workers is None else int(seconds * workers)


def engine_of(job_run: Mapping[str, Any]) -> Engine | None:
    """The engine that a record of a job is of: EMR Serverless' and Glue's JobRun; None if it is neither's."""
    if "ApplicationId" in job_run and "JobRunId" in job_run:
        return "emr"
    return "spark" if "JobName" in job_run and "Id" in job_run else None


def billed_by_emr(job_run: Mapping[str, Any]) -> BilledResources | None:
    """What EMR Serverless' JobRun says was billed; None when it says nothing.

    job_run.asl.json computes the same from a JobRun; a test holds both together.
    """
    used = job_run.get("BilledResourceUtilization")
    if not isinstance(used, dict) or not used.get("VCPUHour") or "MemoryGBHour" not in used:
        return None  # zeros until it is added up, some seconds after the end
    return BilledResources(
        vcpu_seconds=round(used["VCPUHour"] * SECONDS_PER_HOUR),
        memory_gb_seconds=round(used["MemoryGBHour"] * SECONDS_PER_HOUR),
        disk_gb_seconds=round(used.get("StorageGBHour", 0) * SECONDS_PER_HOUR),
    )


def billed_of_steps(state: Mapping[str, Any], steps: tuple[str, ...]) -> dict[str, BilledResources]:
    """What was billed for the jobs among `steps`, where the state machine's `state` says so."""
    found = {step: state[step].get("billed") for step in steps if isinstance(state.get(step), dict)}
    return {step: BilledResources.from_json(each) for step, each in found.items() if each}


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
