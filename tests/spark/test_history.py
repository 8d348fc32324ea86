"""Every delivered version of a record: what the history holds after each kind of run. DuckDB is put to the same."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from contracts.model import Contract
from tests.spark.lake import Lake, counts, lines
from tests.spark.orders import ORDERS
from tests.spark.test_modes import RUNS, mended

KEPT: Contract = replace(ORDERS, curated=(), history=True)
WHERE_FROM = ("_source_file", "_source_row", "_run_id", "_contract_version")
FIRST = lines("1,1/2/2024,open,1,1.00,a", "2,1/2/2024,open,1,2.00,a", "3,,open,1,3.00,a")
SECOND = lines("1,3/2/2024,paid,1,10.00,b", "1,3/2/2024,paid,2,11.00,b", "4,1/2/2024,sent,1,9.00,b")


def two_files(lake: Lake) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two files for a contract that wants a history, which the lake has from now on."""
    lake.contract = KEPT
    return lake.put(FIRST, "1.csv", 1), lake.put(SECOND, "2.csv", 2)


def both_runs(lake: Lake) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both files, each loaded by a run of its own."""
    files = two_files(lake)
    for file, run_id in zip(files, RUNS, strict=False):
        result = lake.run(file, run_id=run_id)
        assert is_accounted_for(result)
    return files


def versions(lake: Lake, *columns: str) -> list[tuple[Any, ...]]:
    return lake.rows(lake.history, "order_id", "amount", *columns)


def is_accounted_for(result: dict[str, Any]) -> bool:
    """The gate's equation: what was accepted of a delivery is in the history."""
    return all(
        file["history"]["rows"] == file["rows_loaded"] + file["rows_deduplicated"]
        and Decimal(file["history"]["totals"]["amount"])
        == sum(Decimal(file["totals"][part]["amount"]) for part in ("loaded", "deduplicated"))
        for file in result["files"]
    )


@pytest.mark.deep
def test_every_accepted_record_of_every_delivery_stays_with_where_it_came_from(lake: Lake) -> None:
    both_runs(lake)
    assert lake.rows(lake.processed, "order_id", "amount") == [
        (1, Decimal("11.00")),
        (2, Decimal("2.00")),
    ]
    assert versions(lake, *WHERE_FROM) == [
        (1, Decimal("1.00"), "1.csv", 1, RUNS[0], "1.0.0"),
        (1, Decimal("10.00"), "2.csv", 1, RUNS[1], "1.0.0"),  # repeated in its own file
        (1, Decimal("11.00"), "2.csv", 2, RUNS[1], "1.0.0"),
        (2, Decimal("2.00"), "1.csv", 2, RUNS[0], "1.0.0"),
    ]


@pytest.mark.deep
def test_a_batch_of_which_a_newer_file_replaces_the_older_keeps_both(lake: Lake) -> None:
    result = lake.run(*two_files(lake), run_id=RUNS[0])
    assert counts(result) == [(3, 1, 1, 1), (3, 1, 1, 1)]
    assert [file["history"]["rows"] for file in result["files"]] == [2, 2]
    assert is_accounted_for(result)
    assert len(versions(lake)) == 4


@pytest.mark.deep
def test_nothing_of_a_run_is_in_the_history_before_it_is_published(lake: Lake) -> None:
    file, _ = two_files(lake)
    lake.load(file, run_id=RUNS[0])
    assert versions(lake) == []  # as after a gate that refuses
    lake.run(file, run_id=RUNS[1])
    assert versions(lake, "_run_id") == [
        (1, Decimal("1.00"), RUNS[1]),
        (2, Decimal("2.00"), RUNS[1]),
    ]


@pytest.mark.deep
def test_a_delivery_is_there_once_however_often_it_is_loaded(lake: Lake) -> None:
    first, second = both_runs(lake)
    before = versions(lake, "_source_file")
    for run_id in (RUNS[1], RUNS[2]):  # the run is tried again, or a later one has its file
        assert is_accounted_for(lake.run(second, run_id=run_id))
        assert versions(lake, "_source_file") == before
    assert is_accounted_for(lake.run(first, second, run_id=RUNS[3]))
    assert versions(lake, "_source_file") == before


@pytest.mark.deep
def test_a_content_that_comes_again_later_is_a_version_of_its_own(lake: Lake) -> None:
    first, _ = both_runs(lake)
    again = first | {"received_at": "2024-05-01T10:03:00.000001+00:00", "file_name": "again.csv"}
    assert is_accounted_for(lake.run(again, run_id=RUNS[2]))
    assert lake.rows(lake.processed, "amount", "_source_file")[0] == (Decimal("1.00"), "again.csv")
    assert [(file, row) for _, _, file, row in versions(lake, "_source_file", "_source_row")] == [
        ("1.csv", 1),
        ("again.csv", 1),
        ("2.csv", 1),
        ("2.csv", 2),
        ("1.csv", 2),
        ("again.csv", 2),
    ]


@pytest.mark.push
def test_a_backfill_reads_every_delivery_of_its_files_anew(lake: Lake) -> None:
    first, second = both_runs(lake)
    again = second | {"received_at": "2024-05-01T10:03:00.000001+00:00", "file_name": "again.csv"}
    lake.run(again, run_id=RUNS[2])
    lake.contract = mended(KEPT)  # under which order 4 is accepted
    assert is_accounted_for(lake.run(again, run_id=RUNS[3], mode="backfill"))
    assert versions(lake, *WHERE_FROM) == [
        (1, Decimal("1.00"), "1.csv", 1, RUNS[0], "1.0.0"),
        (1, Decimal("10.00"), "2.csv", 1, RUNS[3], "2.0.0"),
        (1, Decimal("10.00"), "again.csv", 1, RUNS[3], "2.0.0"),
        (1, Decimal("11.00"), "2.csv", 2, RUNS[3], "2.0.0"),
        (1, Decimal("11.00"), "again.csv", 2, RUNS[3], "2.0.0"),
        (2, Decimal("2.00"), "1.csv", 2, RUNS[0], "1.0.0"),
        (4, Decimal("9.00"), "2.csv", 3, RUNS[3], "2.0.0"),
        (4, Decimal("9.00"), "again.csv", 3, RUNS[3], "2.0.0"),
    ]
    assert is_accounted_for(lake.run(first, again, run_id=RUNS[4], mode="backfill"))
    assert {version for *_, version in versions(lake, *WHERE_FROM)} == {"2.0.0"}


@pytest.mark.deep
def test_a_replay_adds_what_it_lets_in_and_leaves_the_rest(lake: Lake) -> None:
    first, second = both_runs(lake)
    before = versions(lake, *WHERE_FROM)
    lake.contract = mended(KEPT)
    assert is_accounted_for(lake.run(first, second, run_id=RUNS[2], mode="replay"))
    added = (4, Decimal("9.00"), "2.csv", 3, RUNS[2], "2.0.0")
    outdated = [row for row in before if row[1] in (Decimal("1.00"), Decimal("10.00"))]
    # Those that no row of the table stands for were judged anew; the others are as they were.
    anew = [(*row[:4], RUNS[2], "2.0.0") for row in outdated]
    assert versions(lake, *WHERE_FROM) == sorted(
        [added, *anew, *(row for row in before if row not in outdated)]
    )


@pytest.mark.deep
def test_a_retraction_takes_every_version_of_the_file_out(lake: Lake) -> None:
    first, second = both_runs(lake)
    again = second | {"received_at": "2024-05-01T10:03:00.000001+00:00"}
    lake.run(again, run_id=RUNS[2])
    result = lake.retract(again, first, run_id=RUNS[3])
    assert result["retracted"]["versions_taken_out"] == 4
    assert result["retracted"]["rows_left"] == 0
    assert is_accounted_for(result)
    assert versions(lake, "_source_file") == [
        (1, Decimal("1.00"), "1.csv"),
        (2, Decimal("2.00"), "1.csv"),
    ]


def test_a_value_that_a_row_keeps_from_another_delivery_is_no_version(lake: Lake) -> None:
    note = next(column for column in KEPT.columns if column.name == "note")
    kept = tuple(c if c != note else replace(note, absent="keep") for c in KEPT.columns)
    lake.contract = replace(KEPT, columns=kept)
    full = lake.put(lines("1,1/2/2024,open,1,1.00,a"), "1.csv", 1)
    short_header = "Order ID,Order Date,Status,Quantity,Amount"
    short = lake.put(lines("1,1/2/2024,paid,1,2.00", header=short_header), "2.csv", 2)
    lake.run(full, run_id=RUNS[0])
    lake.run(short, run_id=RUNS[1])
    assert lake.rows(lake.processed, "amount", "note") == [(Decimal("2.00"), "a")]
    delivered = [(1, Decimal("1.00"), "a"), (1, Decimal("2.00"), None)]
    assert versions(lake, "note") == delivered
    assert is_accounted_for(lake.run(short, run_id=RUNS[2], mode="replay"))
    assert versions(lake, "note") == delivered  # the row stands, with a value of another delivery


@pytest.mark.deep
def test_versions_that_hold_a_value_in_an_earlier_form_are_counted_until_a_backfill(
    lake: Lake,
) -> None:
    lake.contract, lake.pii_key = KEPT, b"a key that nobody may ever see, at least 32 bytes"
    first = lake.put(lines("1,1/2/2024,open,1,1.00,a"), "1.csv", 1)
    lake.run(first, run_id=RUNS[0])
    hashed = (replace(c, pii="hash") if c.name == "note" else c for c in KEPT.columns)
    lake.contract = replace(KEPT, version="2.0.0", columns=tuple(hashed))
    second = lake.put(lines("1,3/2/2024,paid,1,2.00,b"), "2.csv", 2)
    found = lake.run(second, run_id=RUNS[1])["table_rules"]
    assert [(each["rule_id"], each["action"], each["status"]) for each in found] == [
        ("note.protection", "warn", "passed"),  # the newer row replaced the one in clear
        ("note.history_protection", "warn", "failed"),
    ]
    told = "1 of 2 rows of the history hold note in the form of an earlier contract"
    assert found[1]["measured"] == told
    found = lake.run(first, run_id=RUNS[2], mode="backfill")["table_rules"]
    assert [each["status"] for each in found] == ["passed", "passed"]
    assert {len(note) for (note,) in lake.rows(lake.history, "note")} == {64}  # tokens


@pytest.mark.deep
def test_without_the_mark_there_is_no_history_and_one_that_is_there_only_loses(lake: Lake) -> None:
    first, second = both_runs(lake)
    before = versions(lake)
    lake.contract = replace(KEPT, history=False)
    third = lake.put(lines("9,1/2/2024,open,1,9.00,a"), "3.csv", 3)
    result = lake.run(third, run_id=RUNS[2])
    assert lake.history.name not in result["snapshots"]
    assert "history" not in result["files"][0]
    assert versions(lake) == before
    assert lake.retract(second, first, run_id=RUNS[3])["retracted"]["rows_left"] == 0
    assert versions(lake) == []
