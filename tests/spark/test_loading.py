"""raw_to_processed from files to tables: values, quarantine, counts, money, and that a repetition changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from contracts import naming
from tests.spark.lake import Lake, counts, lines
from tests.spark.orders import ORDERS
from tests.spark.table_rules import rule

RUNS = [f"20240501T10000{n}-0000000{n}" for n in range(9)]
FIRST, SECOND, THIRD = RUNS[1:4]
ORIGIN = (
    "_source_sha256",
    "_source_file",
    "_source_row",
    "_received_at",
    "_run_id",
    "_contract_version",
)
CONTENT = ("order_id", "order_date", "status", "quantity", "amount", "note")

BROKEN = [
    ("abc,1/2/2024,open,1,1.00,a", "order_id.type", "order_id: 'abc' is not a whole number"),
    (
        ",1/2/2024,open,1,1.00,a",
        "order_id.required",
        "order_id: no value, but the contract requires one",
    ),
    ("0,1/2/2024,open,1,1.00,a", "order_id.minimum", "order_id: '0' is below the minimum 1"),
    (
        "1,2/30/2024,open,1,1.00,a",
        "order_date.type",
        "order_date: '2/30/2024' is not a date written M/d/yyyy",
    ),
    (
        "1,1/2/1999,open,1,1.00,a",
        "order_date.minimum",
        "order_date: '1/2/1999' is below the minimum 2000-01-01",
    ),
    ("1,1/2/2024,sent,1,1.00,a", "status.allowed", "status: 'sent' is not one of open, paid"),
    ("1,1/2/2024,open,101,1.00,a", "quantity.maximum", "quantity: '101' is above the maximum 100"),
    ("1,1/2/2024,open,1,1.005,a", "amount.type", "amount: '1.005' has more than 2 decimals"),
    ("1,1/2/2024,open,1,1.00,a;b", "note.pattern", r'note: \'a;b\' does not match [A-Za-z ,."\n]*'),
    (
        "1,1/2/2024,open,1,1.00," + "a" * 31,
        "note.max_length",
        f"note: '{'a' * 31}' has more than 30 characters",
    ),
    (
        "1,1/2/2024,paid,1,0.00,a",
        "paid_is_positive",
        "A paid order has an amount; found status 'paid', amount '0.00'",
    ),
    ("1,1/2/2024,open,1,1.00", "row.field_count", "row: 5 fields where the header has 6"),
]


@pytest.fixture
def lake(lake: Lake) -> Lake:
    """A lake without curated tables, which are tested elsewhere."""
    lake.contract = replace(lake.contract, curated=())
    return lake


def tables_as_published(lake: Lake) -> dict[str, list[tuple[Any, ...]]]:
    """Everything a reader can see, but for which run wrote it."""
    return {
        table.name: lake.rows(
            table, *(column.name for column in table.columns if column.name != "_run_id")
        )
        for table in (lake.processed, lake.quarantine)
    }


def test_every_way_to_break_a_row_gives_its_rule_its_reason_and_its_place(lake: Lake) -> None:
    result = lake.run(
        lake.put(lines("7,1/2/2024,paid,1,5.00,fine", *(row for row, _, _ in BROKEN))), run_id=FIRST
    )
    found = lake.rows(lake.quarantine, "_source_row", "rule_ids", "reasons", "raw_text")
    assert found == [
        (number, [rule], [reason.replace("\\'", "'").replace("\\n", "\n")], row)
        for number, (row, rule, reason) in enumerate(BROKEN, start=2)
    ]
    assert counts(result) == [(13, 1, 12, 0)]
    assert result["quarantine_by_rule"] == {rule: 1 for _, rule, _ in BROKEN}
    shown = [(line["rule_id"], line["record"]) for line in result["files"][0]["samples"]]
    assert shown == [(rule, number) for number, (_, rule, _) in enumerate(BROKEN, start=2)]


def test_a_row_that_breaks_several_rules_names_each_once_and_in_order(lake: Lake) -> None:
    result = lake.load(lake.put(lines("x,1/2/2024,sent,1,,a")))
    (row,) = lake.rows(lake.quarantine, "rule_ids", branch=result["branch"])
    assert row == (["order_id.type", "status.allowed", "amount.required"],)


@pytest.mark.deep
def test_dates_after_the_day_of_delivery_are_told_unless_the_contract_allows_them(
    lake: Lake,
) -> None:
    """Files come on 2024-05-01 at 10:00 UTC, which is 2 May in the first time zone."""
    late, fine = "1,5/3/2024,open,1,1.00,a", "2,5/2/2024,open,1,1.00,a"
    files = lake.put(lines(late, fine), "1.csv"), lake.put(lines(fine), "2.csv", 1)
    first, second = lake.load(*files)["files"]
    assert (first["dates_until"], "dates_until" in second) == ("2024-05-03", False)
    lake.contract = replace(lake.contract, dates_after_delivery="allow")
    assert "dates_until" not in lake.load(*files)["files"][0]


@pytest.mark.deep
def test_each_file_shows_the_first_records_of_each_reason(lake: Lake) -> None:
    good, bad = "1,1/2/2024,open,1,1.00,a", "x,1/2/2024,open,1,1.00,a"
    both = "x,1/2/2024,sent,1,1.00,a"
    result = lake.load(
        lake.put(lines(good, both, bad, bad, bad), "1.csv"), lake.put(lines(good), "2.csv", 1)
    )
    first, second = result["files"]
    assert "samples" not in second
    assert [(line["record"], line["reason"]) for line in first["samples"]] == [
        (2, "order_id: 'x' is not a whole number"),
        (3, "order_id: 'x' is not a whole number"),
        (4, "order_id: 'x' is not a whole number"),
        (2, "status: 'sent' is not one of open, paid"),
    ]


def test_a_loaded_row_has_typed_values_and_says_where_it_came_from(lake: Lake) -> None:
    file = lake.put(
        lines(' 7 ,1/2/2024,open,,-1.5,"a, ""b""\nc"', "8,02/29/2024,paid, 3 ,10,"),
        "may.csv",
        minute=7,
    )
    lake.run(file, run_id=FIRST)
    origin = (file["sha256"], "may.csv", datetime(2024, 5, 1, 10, 7, 0, 1), FIRST, "1.0.0")
    columns = (*CONTENT, "_source_row", *(name for name in ORIGIN if name != "_source_row"))
    assert lake.rows(lake.processed, *columns) == [
        (7, date(2024, 1, 2), "open", None, Decimal("-1.50"), 'a, "b"\nc', 1, *origin),
        (8, date(2024, 2, 29), "paid", 3, Decimal("10.00"), None, 2, *origin),
    ]


def test_rows_and_money_of_each_file_are_accounted_for(lake: Lake) -> None:
    first = lake.put(
        lines("1,1/2/2024,open,1,10.00,a", "2,1/2/2024,open,1,20.00,a", "x,1/2/2024,open,1,5.55,a"),
        "1.csv",
        1,
    )
    second = lake.put(
        lines("2,1/2/2024,open,1,21.00,a", "3,1/2/2024,open,1,oops,a", "4,2/2/2024,open,1,40.00,a"),
        "2.csv",
        2,
    )
    empty = lake.put(lines(), "3.csv", 3)
    result = lake.run(first, second, empty, run_id=FIRST)
    assert counts(result) == [(3, 1, 1, 1), (3, 2, 1, 0), (0, 0, 0, 0)]
    assert [
        {name: money["amount"] for name, money in file["totals"].items()}
        for file in result["files"]
    ] == [
        {"read": "35.55", "loaded": "10.00", "quarantined": "5.55", "deduplicated": "20.00"},
        {"read": "61.00", "loaded": "61.00", "quarantined": "0.00", "deduplicated": "0.00"},
        {"read": "0.00", "loaded": "0.00", "quarantined": "0.00", "deduplicated": "0.00"},
    ]
    assert result["observed"] == {"rows_read": 6, "totals": {"amount": "96.55"}}
    assert result["touched_dates"] == {"min": "2024-01-02", "max": "2024-02-02"}
    assert result["bytes_read"] == sum(file["size_bytes"] for file in (first, second, empty))
    assert {name: result[name] for name in ("mode", "table_rules", "schema_changes", "quarantine_resolved")} == {
        "mode": "load", "table_rules": [], "schema_changes": [], "quarantine_resolved": 0,
    }  # fmt: skip
    assert [amount for (amount,) in lake.rows(lake.processed, "amount")] == [
        Decimal(10),
        Decimal(21),
        Decimal(40),
    ]
    name = f"glue_catalog.{lake.processed.database}.{lake.processed.name}"
    assert (
        lake.spark.sql(f"SELECT count(*) FROM {name}.files").collect()[0][0] == 2
    )  # one file per month


def test_warnings_are_counted_and_loaded_and_a_halting_rule_is_reported(lake: Lake) -> None:
    result = lake.load(
        lake.put(
            lines(
                "1,1/2/2024,open,,1.00,a", "2,1/2/2024,open,0,1.00,a", "3,1/2/2024,open,1,900001,a"
            )
        )
    )
    assert counts(result) == [(3, 2, 1, 0)]
    assert result["warnings_by_rule"] == {"has_quantity": 2}
    assert result["halted_by_rule"] == {"amount_is_plausible": 1}
    assert result["quarantine_by_rule"] == {"amount_is_plausible": 1}


def test_the_newest_row_with_a_key_wins_in_the_batch_and_against_the_table(lake: Lake) -> None:
    lake.run(
        lake.put(lines("1,1/2/2024,open,1,1.00,table", "2,1/2/2024,open,1,2.00,table"), "1.csv", 5),
        run_id=FIRST,
    )
    older = lake.put(
        lines("1,1/2/2024,open,1,9.00,older", "3,1/2/2024,open,1,3.00,older"), "2.csv", 4
    )
    newer = lake.put(
        lines(
            "2,1/2/2024,paid,1,7.00,first", "2,1/2/2024,paid,1,8.00,last", "2,,paid,1,9.00,broken"
        ),
        "3.csv",
        6,
    )
    result = lake.run(older, newer, run_id=SECOND)
    assert counts(result) == [(2, 1, 0, 1), (3, 1, 1, 1)]
    assert lake.rows(lake.processed, "order_id", "amount", "note") == [
        (1, Decimal("1.00"), "table"),
        (2, Decimal("8.00"), "last"),
        (3, Decimal("3.00"), "older"),
    ]


def effects(result: dict[str, Any]) -> list[dict[str, int]]:
    """Per file: what its rows did to the table, without what is 0; replaced files by their order in `result`."""
    return [
        {name.removeprefix("rows_"): rows for name, rows in file["effect"].items() if rows}
        for file in result["files"]
    ]


def of(file: dict[str, Any], replaced: int, unchanged: int = 0) -> list[dict[str, Any]]:
    counts = {"rows_replaced": replaced, "rows_unchanged": unchanged}
    return [{"sha256": file["sha256"], **counts}]


@pytest.mark.deep
def test_what_each_file_did_to_the_table_is_counted_by_values_and_by_file(lake: Lake) -> None:
    first = lake.put(
        lines(*(f"{n},{n}/2/2024,open,{'' if n == 3 else 1},{n}.00,a" for n in range(1, 6))),
        "1.csv",
        1,
    )
    assert effects(lake.run(first, run_id=FIRST)) == [{"new": 5}]
    second = lake.put(
        lines(
            "1,1/2/2024,open,1,1.00,a",  # as it was
            "2,2/2/2024,open,1,2.00,b",  # another note
            "3,3/2/2024,open,1,3.00,a",  # a value where there was none
            "4,4/2/2024,open,1,4.0,a",  # gives way to a newer file of the batch
            "6,1/2/2024,open,1,6.00,a",
            "6,1/2/2024,open,1,6.00,a",
            "6,1/2/2024,open,1,6.00,a",
            "7,1/2/2024,open,,7.00,x",
            "7,1/2/2024,open,1,7.00,",
            "8,1/2/2024,open,1,oops,a",
        ),
        "2.csv",
        3,
    )
    third = lake.put(lines("4,4/2/2024,paid,1,4.00,a"), "3.csv", 4)
    late = lake.put(lines("5,5/2/2024,paid,1,5.00,a", "9,5/2/2024,paid,1,9.00,a"), "0.csv", 0)
    result = lake.run(late, second, third, run_id=SECOND)
    assert counts(result) == [(2, 1, 0, 1), (10, 5, 1, 4), (1, 1, 0, 0)]
    assert effects(result) == [
        {"new": 1, "outdated": 1},
        {
            **{"new": 2, "replaced": 2, "unchanged": 1, "outdated": 1},
            **{"repeated_equal": 2, "repeated_different": 1, "replaced_files": of(first, 2, 1)},
        },
        {"replaced": 1, "replaced_files": of(first, 1)},
    ]
    assert lake.rows(lake.processed, "order_id", "_source_file")[0] == (1, "2.csv")
    again = lake.run(second, third, run_id=THIRD, mode="backfill")
    assert effects(again) == [
        {"kept": 5, "outdated": 1, "repeated_equal": 2, "repeated_different": 1},
        {"kept": 1},
    ]


@pytest.mark.deep
def test_repeating_a_batch_gives_the_same_counts_and_changes_nothing(lake: Lake) -> None:
    lake.run(
        lake.put(lines("1,1/2/2024,open,1,1.00,a", "2,1/2/2024,open,1,1.00,a"), "0.csv", 0),
        run_id=THIRD,
    )
    files = [
        lake.put(
            lines(
                "1,3/2/2024,open,1,2.00,b", "x,1/2/2024,open,1,1.00,a", "5,1/2/2024,open,,1.00,a"
            ),
            "1.csv",
            1,
        ),
        lake.put(lines("5,1/2/2024,paid,1,3.00,b", "6,1/2/2024,paid,1,4.00,b"), "2.csv", 2),
    ]
    first = lake.run(*files, run_id=FIRST)
    assert counts(first) == [(3, 1, 1, 1), (2, 2, 0, 0)]
    before = tables_as_published(lake)
    for run_id in (FIRST, SECOND):
        again = lake.run(*files, run_id=run_id)
        assert tables_as_published(lake) == before
        assert counts(again) == counts(first)
        assert effects(again) == [{"kept": 1, "outdated": 1}, {"kept": 2}]
        for part in (
            "observed",
            "quarantine_by_rule",
            "warnings_by_rule",
            "touched_dates",
        ):
            assert again[part] == first[part]


@pytest.mark.deep
def test_a_run_killed_half_way_disturbs_neither_the_tables_nor_the_next_run(lake: Lake) -> None:
    file = lake.put(lines("1,1/2/2024,open,1,1.00,a", "x,1/2/2024,open,1,1.00,a"))
    lake.load(file, run_id=FIRST)  # never published
    assert lake.rows(lake.processed, "order_id") == lake.rows(lake.quarantine, "raw_text") == []
    result = lake.run(file, run_id=SECOND)
    assert counts(result) == [(2, 1, 1, 0)]
    assert lake.rows(lake.processed, "order_id", "_run_id") == [(1, SECOND)]
    for table in (lake.processed, lake.quarantine):
        assert lake.tables.head(table, naming.branch(FIRST)) is None
        assert lake.tables.head(table, naming.branch(SECOND)) is None


@pytest.mark.deep
def test_rows_without_a_date_lie_where_their_file_came_and_move_with_a_later_one(
    lake: Lake,
) -> None:
    """The table is partitioned by arrival; aggregates still find both periods of a moved row."""
    lake.contract = replace(
        lake.contract, partition_column=naming.ARRIVAL_COLUMN, curated=ORDERS.curated
    )
    lake.run(lake.put(lines("1,1/2/2024,open,1,1.00,a", "2,2/2/2024,open,1,2.00,a")), run_id=FIRST)
    june = "2024-06-01T10:00:00.000001+00:00"
    later = lake.put(lines("2,3/2/2024,paid,1,20.00,b", "3,1/2/2024,open,1,4.00,a"), "2.csv")
    result = lake.run({**later, "received_at": june}, run_id=SECOND)
    assert counts(result) == [(2, 2, 0, 0)]
    assert lake.rows(lake.processed, "order_id", "amount", "_received_at") == [
        (1, Decimal("1.00"), datetime(2024, 5, 1, 10, 0, 0, 1)),
        (2, Decimal("20.00"), datetime(2024, 6, 1, 10, 0, 0, 1)),
        (3, Decimal("4.00"), datetime(2024, 6, 1, 10, 0, 0, 1)),
    ]
    assert lake.by_month() == {"2024-01-01": Decimal("5.00"), "2024-03-01": Decimal("20.00")}


@pytest.mark.deep
def test_a_reference_is_looked_up_again_until_what_came_late_is_there(lake: Lake) -> None:
    known = rule("reference", "order_id", reference="parents.order_id", action="warn")
    of_parents = replace(lake.contract, dataset="parents", curated=())
    parents = replace(lake, contract=of_parents, results={})
    lake.contract = replace(lake.contract, table_rules=(known,))

    def measured(number: int, *ids: int) -> str:
        result = lake.run(lake.put(orders(*ids), f"{number}.csv", number), run_id=RUNS[number])
        return str(result["table_rules"][0]["measured"])

    def orders(*ids: int) -> bytes:
        return lines(*(f"{number},1/2/2024,open,1,1.00,a" for number in ids))

    parents.run(lake.put(orders(1), "p1.csv"), run_id=RUNS[0])
    assert measured(1, 1, 2).startswith("1 of 2 rows")
    parents.run(lake.put(orders(2, 3, 4), "p2.csv"), run_id=RUNS[2])
    assert measured(3, 3).startswith("0 of 3 rows")  # what came before is there by now
    assert measured(4, 4).startswith("0 of 1 rows")  # the others are proven
