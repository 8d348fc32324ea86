"""Documents of a run as JSON, complete but for what a test says: readers refuse one with a field too few."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pipeline.costs import EnginePrices

PRICES = EnginePrices(
    spark_worker_second_usd=Decimal("0.0001"), duckdb_second_usd=Decimal("0.00004")
)
RUN = {"dataset": "sales_records", "run_id": "20261120T120000-0a1b2c3d"}


def manifest_file(sha256: str, **changes: Any) -> dict[str, Any]:
    """A file of a manifest: one record, received at eight in the morning."""
    plain = {
        "sha256": sha256, "raw_uri": f"s3://raw/{sha256}.csv", "file_name": f"{sha256}.csv",
        "received_at": "2026-11-20T08:00:00.000000Z", "size_bytes": 10, "row_count": 1, "header": ["Region"],
        "has_quotes": False, "replay_of": None,
    }  # fmt: skip
    return {**plain, **changes}


def manifest(*files: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """manifest.json of a load."""
    plain = {**RUN, "mode": "load", "contract_version": "1.0.0", "erased_subjects": []}
    return {**plain, "files": list(files), **changes}


def effect(rows_new: int = 0, **changes: Any) -> dict[str, Any]:
    """What the rows of a file did to the table: nothing but what is given."""
    names = ("replaced", "unchanged", "kept", "repeated_equal", "repeated_different", "outdated")
    plain = {"rows_new": rows_new, **{f"rows_{name}": 0 for name in names}, "replaced_files": []}
    return {**plain, **changes}


def _with_effect(file: dict[str, Any]) -> dict[str, Any]:
    """Loaded rows are new and deduplicated ones repeats of their values, unless the file says otherwise."""
    repeats = file["rows_deduplicated"]
    return {"effect": effect(file["rows_loaded"], rows_repeated_equal=repeats), **file}


def explained(result: dict[str, Any]) -> dict[str, Any]:
    """The result with the effects that its counts have, for a test that has changed the counts."""
    bare = [{name: file[name] for name in file if name != "effect"} for file in result["files"]]
    return {**result, "files": [_with_effect(file) for file in bare]}


def load_result(*files: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """raw_to_processed.json of a load that broke no rule."""
    plain = {
        **RUN, "mode": "load", "contract_version": "1.0.0", "engine": "spark", "branch": "run_r", "snapshots": {},
        "observed": {"rows_read": 0, "totals": {}}, "files": [_with_effect(file) for file in files],
        "quarantine_by_rule": {},
        "warnings_by_rule": {}, "halted_by_rule": {}, "row_rules": [], "table_rules": [],
        "touched_dates": {"min": None, "max": None}, "schema_changes": [], "bytes_read": 0, "quarantine_resolved": 0,
        "duration_seconds": 1.5,
    }  # fmt: skip
    return {**plain, **changes}


def curated_table(name: str, **changes: Any) -> dict[str, Any]:
    """What a run did to a curated table: nothing, unless `changes` say it."""
    untouched = {
        "periods": [],
        "kept_periods": [],
        "rows": 0,
        "totals": {},
        "snapshot": None,
        "before": None,
    }
    return {"name": name, **untouched, **changes}


def curate_result(*models: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """processed_to_curated.json of a run that has published."""
    return {**RUN, "models": list(models), "published": True, "duration_seconds": 1.5, **changes}


def maintained_table(table: str, **changes: Any) -> dict[str, Any]:
    """What maintenance did to a table: 3 rows and 7 files fewer."""
    plain = {
        "table": table, "action": "maintained", "before": 1, "after": 2, "rows_deleted": 3, "files_before": 9,
        "bytes_before": 900, "files_after": 2, "bytes_after": 880,
    }  # fmt: skip
    return {**plain, **changes}


def maintenance_result(*tables: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """care.json."""
    plain = {**RUN, "mode": "maintenance", "tables": list(tables), "duration_seconds": 1.5}
    return {**plain, "report": ["9 files became 2."], **changes}
