"""What the claim_batch function reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.environment import Limit


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Names of resources, the two limits of a claim, and the sizes up to which DuckDB and above which EMR Serverless
    takes a run; without the latter there is no EMR Serverless.

    `claim_lease_seconds` must be longer than a run can take (both jobs, what is served and some minutes), since
    a run whose lease is over is taken for dead.
    """

    file_ledger: str
    run_ledger: str
    raw_bucket: str
    processed_bucket: str
    max_files_per_run: int
    duckdb_max_rows: Limit
    duckdb_max_megabytes: Limit
    claim_lease_seconds: int
    emr_above_rows: Limit | None = None
    emr_above_megabytes: Limit | None = None
