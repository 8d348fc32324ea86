"""Files, Athena, the warehouse and the page agree to the cent: four accounts, each read its own way.

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
from slipway.reading import independent_count, warehouse
from tests.end_to_end.pipeline import DATASET, Pipeline, money
from tests.page.browser import Browser, browser

pytestmark = pytest.mark.push

UNUSED_SERIAL = 700_000_000  # orders that no other file has
MEASURES = ("revenue", "cost", "profit")
TABLES = ("sales_by_region_quarter", "sales_by_month_item")
ACCOUNTS = (
    *(f"Table: {name}" for name in ("sales_records", *TABLES)),
    *(f"Warehouse: {name}" for name in TABLES),
)


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
    kpis = {
        name: figure(chromium.text(f"#kpi-{name} .full")) if has_data else Decimal(0)
        for name in MEASURES
    }
    return Read(
        kpis=kpis,
        months={
            month: figure(revenue)
            for month, revenue, _ in chromium.rows("#visual-by_month tbody tr")
        },
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


def in_warehouse(pipeline: Pipeline, table: str) -> dict[str, Decimal]:
    sums = ", ".join(f"sum({name})" for name in MEASURES)
    (totals,) = warehouse.query(pipeline.deployment, f"select {sums} from curated.{table}").rows
    return dict(zip(MEASURES, totals, strict=True))


def test_files_athena_warehouse_and_page_agree_to_the_cent(
    pipeline: Pipeline, chromium: Browser, tmp_path: Path
) -> None:
    before = page(chromium, tmp_path / "before.html")
    assert before.console == []

    sent = tmp_path / "for_the_report.csv"
    span = Span(first=date(2021, 1, 1), months=6)
    write_file(sent, rows=1200, span=span, seed="report", first_serial=UNUSED_SERIAL)
    outcome = pipeline.deliver(sent)
    assert outcome.failed_executions == []
    delivered = independent_count.delivered([sent], model.load(DATASET)).totals
    after = page(chromium, tmp_path / "after.html")

    assert after.kpis == {name: before.kpis[name] + delivered[f"total_{name}"] for name in MEASURES}
    for table in TABLES:
        assert athena(pipeline, table) == in_warehouse(pipeline, table) == after.kpis
    assert sum(after.months.values()) == after.kpis["revenue"]
    assert [after.accounts[label] for label in ACCOUNTS] == [tuple(after.kpis.values())] * len(
        ACCOUNTS
    )
    assert "for_the_report.csv" in after.text
    assert "Reconciled" in after.text
    assert "Does not add up" not in after.text
    assert after.console == []


def test_a_cent_that_somebody_changed_in_the_warehouse_is_on_the_page_until_a_load_mends_it(
    pipeline: Pipeline, chromium: Browser, tmp_path: Path
) -> None:
    table, revenue = TABLES[1], athena(pipeline, TABLES[1])["revenue"]
    ((month, item),) = warehouse.query(
        pipeline.deployment,
        f"select month_start, item_type from curated.{table} order by 1, 2 limit 1",
    ).rows
    one_row = f"month_start = date '{month}' and item_type = '{item}'"
    warehouse.query(
        pipeline.deployment, f"update curated.{table} set revenue = revenue + 0.01 where {one_row}"
    )
    changed = page(chromium, tmp_path / "changed.html")
    assert "Does not add up" in changed.text
    assert f"Warehouse: {table} has" in changed.text
    assert f"{revenue + Decimal('0.01'):,} of total_revenue" in changed.text

    assert command_line.main(["warehouse", "load", DATASET]) == 0
    mended = page(chromium, tmp_path / "mended.html")
    assert "Does not add up" not in mended.text
    assert in_warehouse(pipeline, table)["revenue"] == revenue
