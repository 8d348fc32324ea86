"""Which engine does the jobs of a run, and what an execution of job_run.asl.json answers.

The answer has one form for every engine, so that whoever adds one changes that machine and nothing
that reads its answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pipeline.run_documents.json_form import JsonDocument

Engine = Literal["spark", "duckdb"]


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
    """Why Spark did a job that DuckDB was to do; null: the job was done as chosen."""
