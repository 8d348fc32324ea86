"""The accounts as they are really asked for, and each limit of plain numbers; found by a mutation run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas
import pytest

from contracts import model
from slipway.deployment import Deployment
from slipway.reading import independent_count, lake, ledgers, reconciliation, warehouse
from slipway.reading.answers import Answer
from slipway.reading.reconciliation import Line, Reconciliation

CONTRACT = model.load("sales_records")
NAMES = ("total_revenue", "total_cost", "total_profit")
HEADER = ",".join(column.source_name for column in CONTRACT.columns)
DEPLOYMENT = Deployment(environment="local", region="us-east-1", outputs={})
WITH_WAREHOUSE = replace(DEPLOYMENT, outputs={warehouse.WORKGROUP: "w", warehouse.DATABASE: "d"})
Reconcile = Callable[..., Reconciliation]


def run(status: str, loaded: int, amount: str) -> dict[str, Any]:
    """A run that loaded `loaded` rows worth `amount`, refused one of 1.00 and gave up one of 0.50."""
    parts = {"loaded": (loaded, amount), "quarantined": (1, "1.00"), "deduplicated": (1, "0.50")}
    totals = {part: dict.fromkeys(NAMES, money) for part, (_, money) in parts.items()}
    return {
        "status": status,
        "totals": totals,
        **{f"rows_{part}": Decimal(rows) for part, (rows, _) in parts.items()},
    }


def delivery(folder: Path, amounts: list[str]) -> Path:
    """A file with one row per amount, which stands in all money columns."""
    values = [
        [amount if column.name in NAMES else "x" for column in CONTRACT.columns]
        for amount in amounts
    ]
    file = folder / "sales.csv"
    file.write_text(
        "\n".join([HEADER, *(",".join(row) for row in values)]) + "\n", encoding="utf-8"
    )
    return file


@pytest.fixture
def reconcile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reconcile:
    """Reconciles two runs that loaded 2 + 1 rows of 1.00 with what was delivered, as Athena answers."""

    def asked(
        amounts: list[str],
        answers: dict[str, list[Any]],
        copies: dict[str, list[Any]] | None = None,
    ) -> Reconciliation:
        deployment = WITH_WAREHOUSE if copies else DEPLOYMENT
        runs = [run("succeeded", 2, "2.00"), run("failed", 9, "9.00"), run("succeeded", 1, "1.00")]
        known = {
            (id(deployment), sql): pandas.DataFrame([answer], dtype=object)
            for sql, answer in answers.items()
        }
        monkeypatch.setattr(
            ledgers, "runs", lambda *asked: runs if asked == (deployment, "sales_records") else None
        )
        told = {
            (id(deployment), sql): Answer(columns=(), rows=[tuple(row)])
            for sql, row in (copies or {}).items()
        }
        monkeypatch.setattr(lake, "query", lambda whom, sql: known[id(whom), sql])
        monkeypatch.setattr(warehouse, "query", lambda whom, sql: told[id(whom), sql])
        return reconciliation.reconcile(deployment, CONTRACT, [delivery(tmp_path, amounts)])

    return asked


def answers(rows: int, amount: str | None) -> dict[str, list[Any]]:
    """What Athena says, by the very query that it is asked; the second model conserves its columns in another order."""
    money = None if amount is None else Decimal(amount)
    return {
        "select count(*), sum(total_revenue), sum(total_cost), sum(total_profit) from processed.sales_records": [
            rows, money, money, money
        ],
        **of_curated(rows, amount),
    }  # fmt: skip


def of_curated(rows: int, amount: str | None) -> dict[str, list[Any]]:
    """What an engine says of both curated tables, by the very query that it is asked."""
    money = None if amount is None else Decimal(amount)
    query = "select count(*), sum(revenue), sum(cost), sum(profit) from curated."
    return {query + model.name: [rows, money, money, money] for model in CONTRACT.curated}


def test_three_equal_accounts_are_shown_line_by_line(reconcile: Reconcile) -> None:
    found = reconcile(["1.00"] * 5 + ["0.50", "0.50"], answers(3, "3.00"))
    assert found.differences == ()
    assert found.lines == tuple(
        Line(label=label, rows=rows, totals=(Decimal(amount),) * 3)
        for label, rows, amount in (
            ("files, as delivered", 7, "6.00"),
            ("ledger: loaded", 3, "3.00"),
            ("ledger: quarantined", 2, "2.00"),
            ("ledger: deduplicated", 2, "1.00"),
            ("Athena: processed sales_records", 3, "3.00"),
            ("Athena: curated sales_by_region_quarter", None, "3.00"),
            ("Athena: curated sales_by_month_item", None, "3.00"),
        )
    )


def test_an_empty_table_has_nothing_and_differs_in_every_figure(reconcile: Reconcile) -> None:
    found = reconcile(["1.00"] * 5 + ["0.50", "0.50"], answers(0, None))
    assert (
        found.differences[0]
        == "the ledger says 3 rows loaded, Athena: processed sales_records has 0"
    )
    assert found.differences[1:] == tuple(
        f"{name}: the ledger says 3.00, Athena: {table} has {nothing}"
        for name in NAMES
        for table, nothing in (
            ("processed sales_records", "0"),
            ("curated sales_by_region_quarter", "0.00"),
            ("curated sales_by_month_item", "0.00"),
        )
    )


def test_the_copies_in_the_warehouse_are_accounts_of_their_own(reconcile: Reconcile) -> None:
    files, equal = ["1.00"] * 5 + ["0.50", "0.50"], of_curated(3, "3.00")
    found = reconcile(files, answers(3, "3.00"), equal)
    assert found.differences == ()
    assert [line.label for line in found.lines[-2:]] == [
        f"warehouse: curated {model.name}" for model in CONTRACT.curated
    ]
    cheap, short = (
        {**equal, next(iter(equal)): row}
        for row in ([3, *[Decimal("2.99")] * 3], [2, *[Decimal("3.00")] * 3])
    )
    assert reconcile(files, answers(3, "3.00"), cheap).differences == tuple(
        f"{name}: the ledger says 3.00, warehouse: curated sales_by_region_quarter has 2.99"
        for name in NAMES
    )
    assert reconcile(files, answers(3, "3.00"), short).differences == (
        "sales_by_region_quarter has 3 rows in the lake and 2 in the warehouse",
    )


def test_a_model_is_compared_in_the_columns_that_it_conserves_only(
    reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = replace(CONTRACT.curated[0], name="costs", conserves=(("spent", "total_cost"),))
    monkeypatch.setattr(
        "tests.unit.slipway.test_reconciliation_bites.CONTRACT", replace(CONTRACT, curated=(one,))
    )
    asked = {
        **answers(3, "3.00"),
        "select count(*), sum(spent) from curated.costs": [1, Decimal("2.99")],
    }
    found = reconcile(["1.00"] * 5 + ["0.50", "0.50"], asked)
    assert found.lines[-1].totals == (None, Decimal("2.99"), None)
    assert found.differences == (
        "total_cost: the ledger says 3.00, Athena: curated costs has 2.99",
    )


def test_an_account_of_nothing_adds_nothing() -> None:
    """Whoever reads 0 as missing would add a row or a unit of money for it."""
    files, loaded, nothing = (
        Line(label=label, rows=rows, totals=(Decimal(money),))
        for label, rows, money in (
            ("files", 5, "5.00"),
            ("loaded", 5, "5.00"),
            ("deduplicated", 0, "0.00"),
        )
    )
    assert list(reconciliation._differences(["money"], files, [loaded, nothing], [])) == []


def amount(text: str, kind: str) -> Decimal:
    return independent_count._amount(text, replace(CONTRACT.column("total_cost"), type=kind))


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("999.99", "decimal(5,2)", "999.99"),
        ("1000.00", "decimal(5,2)", "0"),
        ("1.999", "decimal(5,2)", "0"),
        ("+1.5", "decimal(5,2)", "1.5"),
        (" -2 ", "decimal(5,2)", "-2"),
        ("1.", "decimal(5,2)", "1"),
        (".5", "decimal(5,2)", "0.5"),
        ("001.9900", "decimal(3,2)", "1.99"),
        (".", "decimal(5,2)", "0"),
        ("", "decimal(5,2)", "0"),
        ("12", "decimal(2,0)", "12"),
        ("1.0", "decimal(2,0)", "1"),
        ("1.5", "decimal(2,0)", "0"),
        ("9" * 38, "bigint", "9" * 38),
        ("9" * 39, "bigint", "0"),
    ],
)
def test_an_amount_is_read_in_every_spelling_that_loses_nothing(
    text: str, kind: str, value: str
) -> None:
    assert amount(text, kind) == Decimal(value)


def test_a_value_over_lines_is_one_value_as_it_was_written() -> None:
    records = independent_count._records('name,text\r\na,"1\r\n2"\r\n')
    assert list(records) == [["name", "text"], ["a", "1\r\n2"]]
