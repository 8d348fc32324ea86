"""The page shows, to the cent, what was in the file and what Athena says: three accounts, read three ways.

Other tests of the session may have loaded before, so the file is seen as what the figures grew by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from contracts import model
from sample_data.sales_rows import Span, write_file
from slipway import __main__ as command_line
from slipway import proof
from tests.end_to_end.pipeline import DATASET, Pipeline, money
from tests.page.browser import Browser, browser

UNUSED_SERIAL = 700_000_000  # orders that no other file has
MEASURES = ("revenue", "cost", "profit")
ACCOUNTS = ("Table: sales_records", "Table: sales_by_region_quarter", "Table: sales_by_month_item")


@dataclass(frozen=True, kw_only=True)
class Read:
    """What a person finds on the page. Money by measure."""

    kpis: dict[str, Decimal]
    months: dict[str, Decimal]
    accounts: dict[str, tuple[Decimal, ...]]
    text: str
    console: list[str]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def figure(text: str) -> Decimal:
    return Decimal(text.replace(",", "").replace("\N{MINUS SIGN}", "-"))


def page(chromium: Browser, file: Path) -> Read:
    """Write the page by the command and read it in Chromium."""
    assert command_line.main(["report", "--dataset", DATASET, "--output", str(file)]) == 0
    chromium.look()
    chromium.open(file)
    has_data = chromium.ask("return document.querySelector('.kpis') !== null")
    kpis = {name: figure(chromium.text(f"#kpi-{name} .full")) if has_data else Decimal(0) for name in MEASURES}
    return Read(
        kpis=kpis,
        months={month: figure(revenue) for month, revenue, _ in chromium.rows("#visual-by_month tbody tr")},
        accounts={
            label: tuple(figure(cell) for cell in money_cells)
            for label, _, *money_cells in chromium.rows(
                "[aria-label='Table: Reconciliation in rows and money'] tbody tr"
            )
        },
        text=chromium.text("main"),
        console=chromium.console(),
    )


def athena(pipeline: Pipeline, table: str) -> dict[str, Decimal]:
    sums = ", ".join(f"sum({name})" for name in MEASURES)
    (totals,) = pipeline.ask(f"select {sums} from curated.{table}")
    return dict(zip(MEASURES, map(money, totals), strict=True))


def test_files_athena_and_the_page_agree_to_the_cent(pipeline: Pipeline, chromium: Browser, tmp_path: Path) -> None:
    before = page(chromium, tmp_path / "before.html")
    assert before.console == []

    sent = tmp_path / "for_the_report.csv"
    span = Span(first=date(2021, 1, 1), months=6)
    write_file(sent, rows=1200, span=span, seed="report", first_serial=UNUSED_SERIAL)
    outcome = pipeline.deliver(sent)
    assert outcome.failed_executions == []
    delivered = proof.delivered([sent], model.load(DATASET)).totals
    after = page(chromium, tmp_path / "after.html")

    assert after.kpis == {name: before.kpis[name] + delivered[f"total_{name}"] for name in MEASURES}
    for table in ("sales_by_region_quarter", "sales_by_month_item"):
        assert athena(pipeline, table) == after.kpis
    assert sum(after.months.values()) == after.kpis["revenue"]
    assert [after.accounts[label] for label in ACCOUNTS] == [tuple(after.kpis.values())] * 3
    assert "for_the_report.csv" in after.text
    assert "Reconciled" in after.text
    assert "Does not add up" not in after.text
    assert after.console == []
