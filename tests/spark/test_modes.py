"""Backfill, replay and corrected records: what is judged again, what stays, and that every row stays accounted for."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from contracts import naming
from contracts.errors import PermanentError
from contracts.model import Contract
from tests.spark.lake import Lake, counts, lines
from tests.spark.orders import HEADER, ORDERS

pytestmark = pytest.mark.push

RUNS = [f"20240501T10000{n}-0000000{n}" for n in range(1, 10)]
OLD: Contract = replace(ORDERS, curated=())


def mended(contract: Contract) -> Contract:
    """Status 'sent' is allowed now, and no amount is above 50."""
    changes = {"status": {"allowed": ("open", "paid", "sent")}, "amount": {"maximum": "50"}}
    columns = (replace(column, **changes.get(column.name, {})) for column in contract.columns)  # type: ignore[arg-type]
    return replace(contract, version="2.0.0", columns=tuple(columns))


@pytest.fixture
def lake(lake: Lake) -> Lake:
    """A lake without curated tables."""
    lake.contract = OLD
    return lake


def published(lake: Lake) -> dict[str, list[tuple[Any, ...]]]:
    """Everything a reader can see, but for which run wrote it."""
    return {
        table.name: lake.rows(
            table, *(column.name for column in table.columns if column.name != "_run_id")
        )
        for table in (lake.processed, lake.quarantine)
    }


def is_reconciled(result: dict[str, Any]) -> bool:
    """The gate's equation, in rows and money."""
    parts = ("loaded", "quarantined", "deduplicated")
    rows = all(
        file["rows_read"] == sum(file[f"rows_{part}"] for part in parts) for file in result["files"]
    )
    money = all(
        Decimal(file["totals"]["read"]["amount"])
        == sum(Decimal(file["totals"][part]["amount"]) for part in parts)
        for file in result["files"]
    )
    return rows and money


def two_files(lake: Lake) -> list[dict[str, Any]]:
    first = ("1,1/2/2024,open,1,1.00,a", "2,1/2/2024,sent,1,2.00,a", "3,2/2/2024,open,1,3.00,a")
    second = ("1,3/2/2024,paid,1,10.00,b", "4,1/2/2024,open,1,99.00,b", "2,,open,1,5.00,b")
    return [lake.put(lines(*first), "1.csv", 1), lake.put(lines(*second), "2.csv", 2)]


@pytest.mark.deep
def test_a_backfill_gives_the_tables_that_the_contract_would_have_given_from_the_start(
    lake: Lake,
) -> None:
    files = two_files(lake)
    for file, run_id in zip(files, RUNS, strict=False):
        lake.run(file, run_id=run_id)
    lake.contract = mended(OLD)
    partial = lake.run(files[0], run_id=RUNS[2], mode="backfill")
    assert counts(partial) == [(3, 2, 0, 1)]  # order 1 loses against the newer file, which stays
    assert lake.rows(lake.processed, "order_id", "_run_id") == [
        (1, RUNS[1]),
        (2, RUNS[2]),
        (3, RUNS[2]),
        (4, RUNS[1]),
    ]
    whole = lake.run(*files, run_id=RUNS[3], mode="backfill")
    assert counts(whole) == [(3, 2, 0, 1), (3, 1, 2, 0)]
    assert is_reconciled(partial)
    assert is_reconciled(whole)
    assert whole["mode"] == "backfill"

    fresh = replace(lake, environment=f"{lake.environment}fresh", results={})
    lake.spark.sql(
        f"CREATE NAMESPACE glue_catalog.{naming.database(fresh.environment, 'processed')}"
    )
    fresh.run(*files, run_id=RUNS[4])
    assert published(lake) == published(fresh)


@pytest.mark.deep
def test_a_replay_judges_refused_rows_again_and_leaves_loaded_ones_alone(lake: Lake) -> None:
    files = two_files(lake)
    for file, run_id in zip(files, RUNS, strict=False):
        lake.run(file, run_id=run_id)
    lake.contract = mended(OLD)
    for run_id in RUNS[2:4]:  # and once more
        result = lake.run(*files, run_id=run_id, mode="replay")
        assert counts(result) == [(3, 2, 0, 1), (3, 2, 1, 0)]
        assert is_reconciled(result)
        assert result["quarantine_by_rule"] == {"order_date.required": 1}
    assert lake.rows(lake.processed, "order_id", "amount", "_run_id") == [
        (1, Decimal("10.00"), RUNS[1]),
        (2, Decimal("2.00"), RUNS[2]),  # refused before, loaded now
        (3, Decimal("3.00"), RUNS[0]),
        (4, Decimal("99.00"), RUNS[1]),  # stays, although the contract would refuse it now
    ]
    assert lake.rows(lake.quarantine, "raw_text") == [("2,,open,1,5.00,b",)]


@pytest.mark.deep
def test_a_row_that_a_replay_lets_in_replaces_an_older_one_that_stands(lake: Lake) -> None:
    files = [
        lake.put(lines("1,1/2/2024,open,1,1.00,a"), "1.csv", 1),
        lake.put(lines("1,2/2/2024,sent,1,2.00,b"), "2.csv", 2),
    ]
    lake.run(*files, run_id=RUNS[0])
    lake.contract = mended(OLD)
    result = lake.run(*files, run_id=RUNS[1], mode="replay")
    assert counts(result) == [(1, 0, 0, 1), (1, 1, 0, 0)]
    assert is_reconciled(result)
    assert lake.rows(lake.processed, "order_id", "amount") == [(1, Decimal("2.00"))]


@pytest.mark.deep
def test_corrected_records_resolve_their_origin_which_no_later_run_loads_beside_them(
    lake: Lake,
) -> None:
    rows = (
        "1,1/2/2024,open,1,1.00,a",
        "2,1/2/2024,sent,1,2.00,a",
        "3,,open,1,3.00,a",
        "4,,open,1,4.00,a",
    )
    origin = lake.put(lines(*rows), "1.csv", 1)
    lake.run(origin, run_id=RUNS[0])
    corrected = lake.put(
        lines("2,why,22,1/2/2024,open,1,2.00,a", "3,why,3,,open,1,3.00,a", header=f"_source_row,_reasons,{HEADER}"),
        "1.csv", 2, replay_of=origin["sha256"],
    )  # fmt: skip
    for run_id in RUNS[1:3]:  # the second as after a crash before the run was closed
        result = lake.run(corrected, run_id=run_id)
        assert counts(result) == [(2, 1, 1, 0)]
        assert result["quarantine_resolved"] == 2
        open_records = [(corrected["sha256"], 2, None), (origin["sha256"], 4, None)]
        resolved = [(origin["sha256"], number, corrected["sha256"]) for number in (2, 3)]
        found = lake.rows(lake.quarantine, "_source_sha256", "_source_row", "resolved_by")
        assert found == sorted([*open_records, *resolved])
    moments = {str(moment) for (moment,) in lake.rows(lake.quarantine, "resolved_at") if moment}
    assert moments == {"2024-05-01 10:00:02"}

    lake.contract = mended(
        OLD
    )  # under which record 2 of the origin would be loaded beside its correction
    for run_id, mode in ((RUNS[3], "replay"), (RUNS[4], "backfill")):
        again = lake.run(origin, run_id=run_id, mode=mode)
        assert counts(again) == [(4, 1, 3, 0)]
        assert is_reconciled(again)
        assert lake.rows(lake.quarantine, "_source_sha256", "_source_row", "resolved_by") == found
        assert lake.rows(lake.processed, "order_id") == [(1,), (22,)]


def test_a_retraction_takes_a_file_out_and_brings_back_what_it_had_replaced(lake: Lake) -> None:
    oldest = lake.put(lines("1,1/2/2024,open,1,1.00,a", "2,1/2/2024,open,1,2.00,a"), "1.csv", 1)
    older = lake.put(lines("2,1/2/2024,paid,1,20.00,b", "3,1/2/2024,open,1,3.00,b"), "2.csv", 2)
    wrong = lake.put(
        lines("1,3/2/2024,paid,1,9.00,x", "2,1/2/2024,paid,1,9.00,x", "3,1/2/2024,open,1,9.00,x",
              "4,5/2/2024,open,1,9.00,x", "5,,open,1,9.00,x"), "3.csv", 3,
    )  # fmt: skip
    newer = lake.put(lines("3,1/2/2024,paid,1,30.00,c"), "4.csv", 4)
    for file, run_id in zip((oldest, older, wrong, newer), RUNS, strict=False):
        lake.run(file, run_id=run_id)
    result = lake.retract(wrong, oldest, older, run_id=RUNS[4])
    assert result["retracted"] == {
        "sha256": wrong["sha256"],
        "rows_taken_out": 3,
        "refusals_taken_out": 1,
        "corrections_reopened": 0,
        "rows_left": 0,
    }
    assert lake.rows(lake.processed, "order_id", "amount") == [
        (1, Decimal("1.00")),  # as the oldest said, in the partition in which it said so
        (2, Decimal("20.00")),
        (3, Decimal("30.00")),  # what came after the retracted file stays
    ]
    assert lake.rows(lake.quarantine, "raw_text") == []
    assert counts(result) == [(2, 1, 0, 1), (2, 1, 0, 1)]
    assert is_reconciled(result)
    effects = [file["effect"] for file in result["files"]]
    assert [(each["rows_new"], each["rows_kept"]) for each in effects] == [(1, 0), (1, 0)]

    again = lake.run(wrong, run_id=RUNS[5])  # sent again, it is loaded like any other file
    assert counts(again) == [(5, 3, 1, 1)]


@pytest.mark.deep
def test_a_file_with_nothing_beneath_it_is_retracted_without_any_file_being_read(
    lake: Lake,
) -> None:
    kept = lake.put(lines("1,1/2/2024,open,1,1.00,a"), "1.csv", 1)
    wrong = lake.put(lines("2,1/2/2024,open,1,2.00,b", "3,,open,1,3.00,b"), "2.csv", 2)
    lake.run(kept, wrong, run_id=RUNS[0])
    for run_id in RUNS[1:3]:  # the second as after a crash before the run was closed
        result = lake.retract(wrong, run_id=run_id)
        assert (result["files"], result["retracted"]["rows_left"]) == ([], 0)
        assert lake.rows(lake.processed, "order_id") == [(1,)]
        assert lake.rows(lake.quarantine, "raw_text") == []
    lake.retract(kept, run_id=RUNS[3])
    assert lake.rows(lake.processed, "order_id") == []


@pytest.mark.deep
def test_records_that_a_retracted_file_had_corrected_are_open_again(lake: Lake) -> None:
    rows = ("1,1/2/2024,open,1,1.00,a", "2,1/2/2024,sent,1,2.00,a", "3,,open,1,3.00,a")
    origins = [lake.put(lines(*rows), "1.csv", 1), lake.put(lines("7,,open,1,3.00,a"), "2.csv", 2)]
    lake.run(*origins, run_id=RUNS[0])
    corrections = [
        lake.put(
            lines(*corrected, header=f"_source_row,_reasons,{HEADER}"), origin["file_name"], minute,
            replay_of=origin["sha256"],
        )
        for minute, origin, corrected in (
            (3, origins[0], ("2,why,2,1/2/2024,open,1,9.00,a", "3,why,1,1/2/2024,paid,1,9.00,a")),
            (4, origins[1], ("1,why,7,1/2/2024,open,1,9.00,a",)),
        )
    ]  # fmt: skip
    lake.run(*corrections, run_id=RUNS[1])
    open_again = [(origins[0]["sha256"], 2, None), (origins[0]["sha256"], 3, None)]
    resolved = (origins[1]["sha256"], 1, corrections[1]["sha256"])
    result = lake.retract(corrections[0], run_id=RUNS[2])  # its origin is not loaded anew
    assert result["retracted"]["corrections_reopened"] == 2
    found = lake.rows(lake.quarantine, "_source_sha256", "_source_row", "resolved_by")
    assert found == sorted([*open_again, resolved])

    lake.run(corrections[0], run_id=RUNS[3])
    result = lake.retract(corrections[0], origins[0], run_id=RUNS[4])  # it is
    assert counts(result) == [(3, 1, 2, 0)]
    assert lake.rows(lake.quarantine, "_source_sha256", "_source_row", "resolved_by") == found
    assert lake.rows(lake.processed, "order_id", "status") == [(1, "open"), (7, "open")]


def test_a_refused_record_keeps_its_key_as_far_as_it_could_be_read(lake: Lake) -> None:
    """By it people are told that a newer delivery has replaced the record."""
    rows = ("5,,open,1,3.00,a", "six,1/2/2024,open,1,3.00,a", "7,1/2/2024")
    lake.run(lake.put(lines(*rows), "1.csv", 1), run_id=RUNS[0])
    assert sorted(lake.rows(lake.quarantine, "_source_row", "order_id")) == [
        (1, 5),
        (2, None),
        (3, None),
    ]


def test_a_mode_that_no_job_knows_is_refused(lake: Lake) -> None:
    with pytest.raises(
        PermanentError,
        match="mode is 'erasure', expected one of load, backfill, replay, retraction",
    ):
        lake.load(mode="erasure")
