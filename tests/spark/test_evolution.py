"""Tables and headers of an earlier contract: what may change by itself; the rest is refused with what to type."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from contracts.errors import ContractInvalid
from contracts.model import Column, Contract
from rows import evolution, table_definitions
from rows.tables import Table
from tests.spark.lake import Lake, counts, lines
from tests.spark.orders import ORDERS, column

pytestmark = pytest.mark.push

FIRST, SECOND, THIRD = (f"20240501T10000{n}-0000000{n}" for n in (1, 2, 3))
OLD: Contract = replace(ORDERS, curated=(), rules=())


def changed(*removed: str, added: tuple[Column, ...] = (), **kinds: str) -> Contract:
    """OLD without some columns, with new ones before the last, and with some of another type."""
    columns = [
        replace(column, type=kinds.get(column.name, column.type))
        for column in OLD.columns
        if column.name not in removed
    ]
    return replace(OLD, version="2.0.0", columns=(*columns[:-1], *added, columns[-1]))


WIDER = changed(added=(column("colour"),), quantity="bigint", amount="decimal(10,2)")


def existing(contract: Contract) -> dict[str, str]:
    return {column.name: column.type for column in table(contract).columns}


def table(contract: Contract) -> Table:
    return table_definitions.processed(contract, "test", None)


def test_what_loses_nothing_is_carried_out_and_rows_of_before_are_read_as_what_they_are_now(
    lake: Lake,
) -> None:
    lake.contract = OLD
    lake.run(
        lake.put(lines("1,1/2/2024,open,7,1.00,a", "x,1/2/2024,open,7,1.00,a"), "1.csv", 1),
        run_id=FIRST,
    )
    lake.contract = replace(WIDER, schema_change="strict")
    file = lake.put(
        lines("2,1/2/2024,red,open,99,12345678.99,b", "1,1/3/2024,,paid,8,2.00,b",
              header="Order ID,Order Date,Colour,Status,Quantity,Amount,Note"), "2.csv", 2)  # fmt: skip
    with pytest.raises(
        ContractInvalid,
        match=r"'colour' string is added; column 'quantity' is widened.*`slipway backfi",
    ):
        lake.load(file, run_id=SECOND)
    lake.contract, lake.schema_change = WIDER, "strict"  # the stricter of the two
    with pytest.raises(ContractInvalid, match="each is safe, but schemaChange"):
        lake.load(file, run_id=SECOND)
    assert lake.rows(lake.quarantine, "raw_text") == [("x,1/2/2024,open,7,1.00,a",)]
    lake.schema_change = "evolve"
    result = lake.run(file, run_id=SECOND)
    assert counts(result) == [(2, 2, 0, 0)]
    assert result["schema_changes"] == [
        "orders: column 'colour' string is added",
        "orders: column 'quantity' is widened from int to bigint",
        "orders: column 'amount' is widened from decimal(8,2) to decimal(10,2)",
    ]
    assert lake.tables.read(lake.processed).columns == [
        column.name for column in lake.processed.columns
    ]
    assert lake.rows(lake.processed, "order_id", "quantity", "amount", "colour") == [
        (1, 8, Decimal("2.00"), None),  # an old row, replaced
        (2, 99, Decimal("12345678.99"), "red"),
    ]
    without = lake.put(
        lines("3,1/2/2024,open,1,3.00,c"), "3.csv", 3
    )  # a partner who has not changed yet
    assert lake.run(without, run_id=THIRD)["schema_changes"] == []
    assert lake.rows(lake.processed, "order_id", "colour") == [(1, None), (2, "red"), (3, None)]


@pytest.mark.deep
def test_a_backfill_evolves_a_strict_table_and_reads_files_of_before(lake: Lake) -> None:
    lake.contract = OLD
    file = lake.put(lines("1,1/2/2024,open,7,1.00,a", "2,1/2/2024,open,7,1.00,a"))
    lake.run(file, run_id=FIRST)
    lake.contract = replace(WIDER, schema_change="reject")
    result = lake.run(file, run_id=SECOND, mode="backfill")
    assert counts(result) == [(2, 2, 0, 0)]
    assert len(result["schema_changes"]) == 3
    assert lake.rows(lake.processed, "order_id", "order_date", "colour", "_contract_version") == [
        (1, date(2024, 1, 2), None, "2.0.0"),
        (2, date(2024, 1, 2), None, "2.0.0"),
    ]


@pytest.mark.parametrize(
    ("contract", "sentence"),
    [
        (
            changed(quantity="string"),
            "column 'quantity' is int in the table and string in the contract",
        ),
        (
            changed(amount="decimal(8,3)"),
            "column 'amount' is decimal(8,2) in the table and decimal(8,3) in the contract",
        ),
        (
            changed(amount="decimal(10,3)"),
            "column 'amount' is decimal(8,2) in the table and decimal(10,3)",
        ),
        (
            changed(amount="decimal(7,2)"),
            "column 'amount' is decimal(8,2) in the table and decimal(7,2)",
        ),
        (
            changed(order_id="int"),
            "column 'order_id' is bigint in the table and int in the contract",
        ),
        (
            changed(order_date="timestamp"),
            "column 'order_date' is date in the table and timestamp_ntz",
        ),
        (changed("note"), "column 'note' is string in the table and not in the contract"),
        (
            changed(added=(column("colour", required=True),)),
            "column 'colour' string is new and required",
        ),
    ],
)
def test_what_would_lose_or_invent_values_is_refused_with_column_types_and_command(
    contract: Contract, sentence: str
) -> None:
    found = evolution.differences(existing(OLD), table(contract))
    with pytest.raises(ContractInvalid) as refused:
        evolution.require_safe("orders", found, may_evolve=True)
    assert sentence in str(refused.value)
    assert "`slipway contract diff OLD NEW`" in str(refused.value)


def test_columns_in_another_order_are_moved_one_by_one() -> None:
    wanted = replace(OLD, columns=(OLD.columns[5], *OLD.columns[:5]))
    found = evolution.differences(existing(OLD), table(wanted))
    assert [(difference.sentence, difference.is_safe) for difference in found] == [
        ("the columns are put into the order of the contract", True)
    ]
    assert list(evolution.moves(list(existing(OLD)), table(wanted))) == [("note", None)]
    assert evolution.differences(existing(OLD), table(OLD)) == []


def test_a_table_partitioned_otherwise_is_refused(lake: Lake) -> None:
    lake.tables.ensure(lake.processed, may_evolve=True)
    lake.contract = replace(ORDERS, partition_transform="day")
    with pytest.raises(
        ContractInvalid,
        match="partitioned by order_date_month, and the contract wants order_date_day",
    ):
        lake.tables.ensure(lake.processed, may_evolve=True)
