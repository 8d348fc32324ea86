"""Maintenance changes how tables lie on disk, and rows only by retention; the next run does no more than before."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from contracts import model, naming
from glue_jobs import care, storage
from glue_jobs.tables.iceberg.tables import IcebergTables
from tests.spark.keeping import CARE, FIRST, NOW, SECOND, THIRD, KeptLake
from tests.spark.lake import Lake

JANUARY, FEBRUARY = "2024-01-01", "2024-02-01"
OLD = 100 * 24 * 60 * 60  # seconds


@pytest.fixture
def kept(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> KeptLake:
    """An empty lake."""
    found = KeptLake(spark=lake.spark, folder=lake.folder, environment=lake.environment)
    found.keep_documents_here(monkeypatch)
    return found


@pytest.mark.deep
def test_joined_files_and_expired_snapshots_change_no_row_and_cost_the_next_run_nothing(
    kept: KeptLake,
) -> None:
    kept.contract = replace(
        kept.contract, maintenance=replace(kept.contract.maintenance, least_snapshots=1)
    )
    kept.scatter(*((number, JANUARY, "10.00") for number in range(1, 6)))
    kept.fill(FIRST, (6, FEBRUARY, "20.00"), (7, "2024-05-01", "50.00"), refused=1)
    before = kept.content()
    result = kept.maintain(NOW + timedelta(days=1000))
    documents = {document["table"]: document for document in result["tables"]}
    assert (documents["orders"]["files_before"], documents["orders"]["files_after"]) == (7, 3)
    assert documents["orders"]["action"] == "maintained"
    assert documents["orders"]["rows_deleted"] == 0
    assert kept.content() == before | {"orders_quarantine": []}  # its record was past its retention
    for table in (kept.processed, kept.quarantine, *map(kept.curated, kept.models)):
        assert kept.spark.sql(f"SELECT * FROM {kept.name(table)}.snapshots").count() == 1

    heads = {document["table"]: document["after"] for document in result["tables"]}
    again = kept.maintain(NOW + timedelta(days=1000))
    assert {document["table"]: document["after"] for document in again["tables"]} == heads
    assert {document["action"] for document in again["tables"]} == {"unchanged"}

    kept.fill(SECOND, (8, "2024-02-09", "1.00"))
    assert kept.recomputed() == {"orders_by_month": [FEBRUARY], "orders_by_quarter": [JANUARY]}
    assert kept.by_month() == {
        JANUARY: Decimal(50),
        FEBRUARY: Decimal(21),
        "2024-05-01": Decimal(50),
    }


def test_rows_leave_by_whole_periods_and_curated_history_stays(kept: KeptLake) -> None:
    retention = replace(kept.contract.retention, processed_days=100, quarantine_days=7)
    kept.contract = replace(kept.contract, retention=retention, history=True)
    orders = [(1, "2023-12-30", "1.00"), (2, JANUARY, "2.00"), (3, "2024-05-01", "3.00")]
    kept.fill(FIRST, *orders, refused=2)
    before = kept.content()
    result = (
        kept.maintain()
    )  # 100 days before 2 May is in January, so that its quarter is not wholly past
    assert kept.orders() == [2, 3]
    assert (
        "orders: 1 rows before 2024-01-01 left; curated periods before it stay." in result["report"]
    )
    assert "orders_history: 1 versions of rows before 2024-01-01 left." in result["report"]
    after, retained = kept.content(), ("orders", "orders_history")
    assert {name: after[name] for name in after if name not in retained} == {
        name: before[name] for name in before if name not in retained
    }
    assert after["orders_history"] == after["orders"]
    (deleting,) = (
        row["summary"]
        for row in kept.spark.sql(f"SELECT * FROM {kept.name(kept.processed)}.snapshots").collect()
        if row["operation"] == "delete"
    )
    assert deleting["deleted-data-files"] == "1"
    assert "added-data-files" not in deleting  # of metadata only

    kept.fill(
        SECOND, (4, "2023-11-05", "9.00"), (5, JANUARY, "4.00")
    )  # the first is late for its period
    assert kept.recomputed() == {"orders_by_month": [JANUARY], "orders_by_quarter": [JANUARY]}
    assert kept.last["models"][0]["kept_periods"] == ["2023-11-01"]
    assert kept.by_month() == {
        "2023-12-01": Decimal(1),
        JANUARY: Decimal(6),
        "2024-05-01": Decimal(3),
    }

    month, quarter = kept.contract.curated
    changed = replace(month, sql=month.sql.replace("sum(amount)", "sum(2 * amount)"), conserves=())
    kept.contract = replace(kept.contract, curated=(changed, replace(quarter, name="added")))
    kept.fill(THIRD)
    assert kept.by_month() == {
        "2023-12-01": Decimal(1),
        JANUARY: Decimal(12),
        "2024-05-01": Decimal(6),
    }
    assert [row[0] for row in kept.rows(kept.curated("added"), "quarter_start")] == [
        date(2024, 1, 1),
        date(2024, 4, 1),
    ]


@pytest.mark.deep
def test_refused_records_leave_when_their_retention_is_over(kept: KeptLake) -> None:
    kept.contract = replace(
        kept.contract, retention=replace(kept.contract.retention, quarantine_days=7)
    )
    kept.fill(FIRST, (1, JANUARY, "1.00"), refused=2)  # received on 1 May
    kept.maintain(NOW + timedelta(days=6))
    assert len(kept.content()["orders_quarantine"]) == 2
    result = kept.maintain(NOW + timedelta(days=7))
    assert kept.content()["orders_quarantine"] == []
    assert "orders_quarantine: 2 records received before 2024-05-02 left." in result["report"]
    assert kept.orders() == [1]


@pytest.mark.deep
def test_rows_do_not_leave_while_a_curated_table_lacks_some_of_them(kept: KeptLake) -> None:
    kept.contract = replace(
        kept.contract, retention=replace(kept.contract.retention, processed_days=1)
    )
    kept.fill(FIRST, (1, JANUARY, "1.00"))
    kept.scatter((2, JANUARY, "5.00"))  # as when a run was killed between two publications
    result = kept.maintain(NOW + timedelta(days=500))
    assert kept.orders() == [1, 2]
    assert "orders_by_month, orders_by_quarter has caught up" in result["report"][0]
    kept.fill(SECOND, (3, "2024-05-01", "3.00"))
    kept.maintain(NOW + timedelta(days=500))
    assert kept.orders() == []
    assert kept.by_month() == {JANUARY: Decimal(6), "2024-05-01": Decimal(3)}


@pytest.mark.deep
def test_only_old_files_that_no_snapshot_knows_are_removed_and_only_below_the_table(
    kept: KeptLake,
) -> None:
    kept.fill(FIRST, (1, JANUARY, "1.00"), refused=1)
    kept.contract = replace(
        kept.contract, retention=replace(kept.contract.retention, quarantine_days=1000)
    )
    before = kept.content()
    places = {
        name: kept.files(table)[0]
        for name, table in (("o", kept.processed), ("q", kept.quarantine))
    }
    strays = [places["o"].with_name(name) for name in ("old.parquet", "young.parquet")]
    for stray in strays:
        shutil.copyfile(places["o"], stray)
    moment = places["o"].stat().st_mtime - OLD
    for file in (strays[0], *places.values()):  # a file that is known stays however old it is
        os.utime(file, (moment, moment))
    result = kept.maintain()  # long before the files were written: nothing is old
    assert [stray.exists() for stray in strays] == [True, True]
    now = NOW.fromtimestamp(strays[1].stat().st_mtime, NOW.tzinfo)
    result = kept.maintain(now)
    assert [stray.exists() for stray in strays] == [False, True]
    assert "orders: 1 files that no snapshot knows were removed." in result["report"]
    for table in (kept.processed, kept.quarantine):
        kept.spark.sql(f"REFRESH TABLE {kept.name(table)}")
    assert kept.content() == before


def test_a_dataset_that_never_ran_has_nothing_to_maintain(kept: KeptLake) -> None:
    assert kept.maintain()["tables"] == []
    assert isinstance(kept.tables, IcebergTables)
    kept.tables.ensure(kept.processed, may_evolve=True)
    (document,) = kept.maintain()["tables"]
    assert (document["table"], document["before"], document["action"]) == (
        "orders",
        None,
        "unchanged",
    )


def test_the_job_reads_its_request_and_writes_what_it_did(
    kept: KeptLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.tables.ensure(kept.processed, may_evolve=True)
    folder = f"s3://processed/runs/orders/{CARE}/"
    kept.documents[folder + "request.json"] = json.dumps(kept.request("maintenance").to_json())
    monkeypatch.setattr(storage, "read_json", lambda uri: json.loads(kept.documents[uri]))
    monkeypatch.setattr(model, "load", lambda dataset: {"orders": kept.contract}[dataset])
    given = {
        "dataset": "orders",
        "run_id": CARE,
        "environment": kept.environment,
        "schema_change": "evolve",
    }
    buckets = {f"{zone}_bucket": zone for zone in ("raw", "processed", "curated")}
    care.main([word for name, value in (given | buckets).items() for word in (f"--{name}", value)])
    document = json.loads(kept.documents[folder + "care.json"])
    assert (document["dataset"], document["run_id"], document["mode"]) == (
        "orders",
        CARE,
        "maintenance",
    )
    assert [table["table"] for table in document["tables"]] == ["orders"]
    assert set(json.loads(kept.documents[folder + "found.json"])["tables"]) == {"orders"}


@pytest.mark.deep
def test_what_a_failed_run_wrote_aside_survives_and_what_was_published_does_not_keep_snapshots(
    kept: KeptLake,
) -> None:
    kept.fill(FIRST, (1, JANUARY, "1.00"))
    kept.tables.start_draft(kept.processed, naming.branch(SECOND))
    kept.tables.delete(kept.processed, naming.branch(SECOND), "order_id = 1")
    kept.tables.start_draft(kept.quarantine, naming.branch(SECOND))
    kept.maintain(NOW + timedelta(days=1000))
    assert kept.tables.head(kept.processed, naming.branch(SECOND)) is not None
    assert kept.tables.head(kept.quarantine, naming.branch(SECOND)) is None
