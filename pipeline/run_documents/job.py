"""What a job took: the answer of job_run.asl.json, in one form for every engine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

from pipeline.engines import Engine
from pipeline.run_documents.json_form import JsonDocument


@dataclass(frozen=True, kw_only=True)
class BilledResources(JsonDocument):
    """What EMR Serverless billed for a job, added up over its workers."""

    WRITTEN_BY: ClassVar[str] = "job_run"

    vcpu_seconds: int
    """Seconds of one vCPU."""
    memory_gb_seconds: int
    """Seconds of one GB of memory."""
    disk_gb_seconds: int
    """Seconds of one GB of disk, of what a worker has beyond 20 GB."""


@dataclass(frozen=True, kw_only=True)
class JobResult(JsonDocument):
    """What one job of a run took; the state of dataset_run keeps it under the step's result."""

    WRITTEN_BY: ClassVar[str] = "job_run"

    engine: Engine
    """The engine that did the job, in the end."""
    seconds: int | None
    """Seconds that the job took; null: the engine did not say."""
    worker_seconds: int | None
    """Seconds that workers were there, summed over them; null: the engine did not say."""
    size_bytes: int
    """Size of the run's files."""
    fallback: str | None
    """Why Spark on Glue did a job that another engine was to do, as `error: cause`; null: it was done as chosen."""
    billed: BilledResources | None = None
    """What EMR Serverless billed; of other engines there are only worker seconds."""

    @property
    def fallback_sentence(self) -> str:
        """Error and message of the fallback; Lambda gives an object, of which people need the message."""
        error, _, cause = (self.fallback or "").partition(": ")
        try:
            told = json.loads(cause)
        except ValueError:
            told = None
        message = told.get("errorMessage", cause) if isinstance(told, dict) else cause
        return f"{error}: {message}" if message else error
