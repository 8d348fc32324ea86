"""Maintenance, rollback and erasure, killed at any write and repeated, end as if nobody had disturbed them.

`SLIPWAY_FAULTS=all` tries both sides of every write, `kinds` the first and last of each kind on one side, none a few.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts import naming
from glue_jobs import storage
from glue_jobs.maintenance import run as maintain
from glue_jobs.maintenance.work import MaintenanceRun
from tests.spark.faults import Checkpoint, Killed, Writes, points
from tests.spark.keeping import ANNA, BERTA, CARE, FIRST, NOW, SECOND, THIRD, KeptLake
from tests.spark.lake import Lake

JANUARY, FEBRUARY = "2024-01-01", "2024-02-01"
LATER = NOW + timedelta(days=1000)


@pytest.fixture
def kept(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> KeptLake:
    """An empty lake."""
    found = KeptLake(spark=lake.spark, folder=lake.folder, environment=lake.environment)
    found.keep_documents_here(monkeypatch)
    return found


def maintenance(kept: KeptLake) -> MaintenanceRun:
    """Rows past their retention, small files, old snapshots, an orphan."""
    kept.contract = replace(
        kept.contract, maintenance=replace(kept.contract.maintenance, least_snapshots=1)
    )
    kept.scatter(*((number, JANUARY, "10.00") for number in range(1, 6)))
    kept.fill(FIRST, (6, FEBRUARY, "20.00"), (7, "2021-01-01", "1.00"), refused=1)
    kept.contract = replace(
        kept.contract, retention=replace(kept.contract.retention, processed_days=2000)
    )
    return kept.maintenance_run("maintenance", now=LATER)


def rollback(kept: KeptLake) -> MaintenanceRun:
    """A run, one that is to be rolled back, and what a third wrote aside."""
    kept.fill(FIRST, (1, JANUARY, "10.00"), refused=1)
    before = kept.fill(SECOND, (2, JANUARY, "5.00"), (3, FEBRUARY, "7.00"), refused=1)
    kept.tables.start_draft(kept.processed, naming.branch(THIRD))
    return kept.maintenance_run("rollback", rollback={"runs": [SECOND], "tables": before})


def rollback_to_nothing(kept: KeptLake) -> MaintenanceRun:
    """The first run of all is rolled back."""
    before = kept.fill(FIRST, (1, JANUARY, "10.00"), refused=1)
    return kept.maintenance_run("rollback", rollback={"runs": [FIRST], "tables": before})


def erasure(kept: KeptLake) -> MaintenanceRun:
    """Rows of two persons in tables, snapshots, and the folders of runs."""
    kept.fill(FIRST, (1, JANUARY, "10.00"), refused=1)
    kept.fill(SECOND, (2, JANUARY, "5.00"), (3, FEBRUARY, "7.00"), customer=BERTA, refused=1)
    rows = kept.spark.createDataFrame([(FIRST, ANNA)], "_source_sha256 string, customer string")
    rows.write.parquet(f"{kept.runs_uri}{FIRST}/staged/")
    return kept.maintenance_run("erasure", erasure={"subject": ANNA})


MODES = {
    "maintenance": maintenance,
    "rollback": rollback,
    "rollback to nothing": rollback_to_nothing,
    "erasure": erasure,
}


def job(work: MaintenanceRun) -> dict[str, Any]:
    """The job, as its entry script wires it."""
    result = maintain(work).to_json()
    storage.write_json(f"{work.runs_uri}{CARE}/care.json", result)
    return result


def outcome(kept: KeptLake, result: dict[str, Any]) -> dict[str, Any]:
    """All that must not depend on how often the job was killed."""
    steps = {
        table.name: kept.spark.sql(f"SELECT operation FROM {kept.name(table)}.snapshots").count()
        for table in kept.every
    }
    columns = ((kept.processed, "customer"), (kept.quarantine, "_subject"))
    figures = ("table", "action", "rows_deleted", "files_before", "files_after", "bytes_before")
    return {
        **kept.content(),
        "snapshots": steps if result["mode"] != "rollback" else None,
        "unpublished": kept.unpublished(),
        "of Anna": [kept.in_files(table, ANNA, name) for table, name in columns]
        if result["mode"] == "erasure"
        else None,
        "staged": [str(path) for path in (kept.folder / "runs").rglob("*.parquet")],
        "tables": [{name: document[name] for name in figures} for document in result["tables"]],
        "report": result["report"],
    }


@pytest.mark.parametrize(
    "mode", [pytest.param(one, marks=() if one == "erasure" else pytest.mark.deep) for one in MODES]
)
def test_care_killed_at_any_write_and_repeated_ends_the_same(
    kept: KeptLake, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = MODES[mode](kept)
    start = Checkpoint(kept, tmp_path / "aside")
    writes = Writes()
    writes.watch(monkeypatch)
    expected, kinds = outcome(kept, job(work)), list(writes.kinds)
    print(f"{time.strftime('%X')} {mode}: {len(kinds)} writes: {', '.join(kinds)}", flush=True)
    assert len(kinds) > 5
    tried = 0
    for number, side in points(kinds):
        writes.at, writes.side = 0, side
        start.restore()
        writes.kinds.clear()
        writes.at = number
        with pytest.raises(Killed, match=f"{side} write {number}, "):
            job(work)
        assert outcome(kept, job(work)) == expected, (
            f"killed {side} write {number}, {kinds[number - 1]}"
        )
        tried += 1
        print(
            f"{time.strftime('%X')} killed {side} write {number}, {kinds[number - 1]}", flush=True
        )
    print(f"{mode}: {tried} kills over {len(kinds)} writes")
