"""The engines that can do the jobs of a run; each is one task of state_machines/job_run.asl.json."""

from __future__ import annotations

from typing import Literal

Engine = Literal["spark", "duckdb", "emr"]
TITLES: dict[Engine, str] = {"spark": "Spark", "duckdb": "DuckDB", "emr": "EMR Serverless"}
