"""Raw files of one run into the processed table and its quarantine, on branches that nobody reads yet; on DuckDB.

The steps and the figures of glue_jobs/loading, which tests hold equal row for row. Every record is in one table of
DuckDB, so nothing is written aside.
"""

from duckdb_jobs.loading.run import run
from duckdb_jobs.loading.work import LoadRun

__all__ = ["LoadRun", "run"]
