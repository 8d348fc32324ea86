"""Every figure on the page is the one that SQL gives over the orders themselves, under every filter."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

import pytest

from dashboards import cube
from dashboards.model import Triage
from dashboards.page_data import PageData
from tests.page.browser import Browser
from tests.page.sample_page import Lake

MEASURES = "count(*), sum(units_sold), sum(total_revenue), sum(total_cost), sum(total_profit)"
QUARTER_START = "date_trunc('quarter', order_date)"


def money(value: Decimal) -> str:
    return f"{value:,.2f}".replace("-", "\N{MINUS SIGN}")


def percent(over: Decimal, under: Decimal) -> str:
    share = (100 * over / under).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return f"{share:,}".replace("-", "\N{MINUS SIGN}") + "\N{NO-BREAK SPACE}%"


def kpis(browser: Browser) -> dict[str, str]:
    """The exact figure of each card."""
    cards = (
        "return [...document.querySelectorAll('.kpi')]"
        + ".map(card => [card.id, card.querySelector('.full').textContent])"
    )
    return {name.removeprefix("kpi-"): text for name, text in browser.ask(cards)}


def expected_kpis(lake: Lake, where: str) -> dict[str, str]:
    totals = lake.totals(where)
    figures = {name: money(totals[name]) for name in ("revenue", "cost", "profit")}
    counts = {name: f"{totals[name]:,}" for name in ("orders", "units")}
    return {**figures, **counts, "margin": percent(totals["profit"], totals["revenue"])}


def table_of(browser: Browser, visual: str) -> list[list[str]]:
    """The cells of a visual's data table, total included, without its head."""
    return browser.rows(f"#visual-{visual} tbody tr, #visual-{visual} tfoot tr")


def choose(browser: Browser, **filters: str) -> None:
    for name, label in filters.items():
        script = """
            const select = document.getElementById(`filter-${arguments[0]}`);
            select.value = [...select.options].find(option => option.textContent === arguments[1]).value;
            select.dispatchEvent(new Event('change'));
        """
        browser.ask(script, name, label)


@pytest.mark.parametrize(
    ("filters", "where"),
    [
        ({}, "true"),
        ({"year": "2023"}, "year(order_date) = 2023"),
        ({"region": "Europe"}, "region = 'Europe'"),
        ({"region": "Asia", "year": "2024"}, "region = 'Asia' and year(order_date) = 2024"),
    ],
)
def test_key_figures_are_those_of_the_orders(
    opened: Browser, lake: Lake, filters: dict[str, str], where: str
) -> None:
    choose(opened, **filters)
    assert kpis(opened) == expected_kpis(lake, where)


def test_clearing_the_filters_brings_every_figure_back(opened: Browser, lake: Lake) -> None:
    choose(opened, region="Europe", item="Meat")
    opened.ask("document.querySelector('#filters button').click()")
    assert kpis(opened) == expected_kpis(lake, "true")
    assert opened.text("#chosen") == "Showing everything"


def test_months_are_those_of_the_orders(opened: Browser, lake: Lake) -> None:
    choose(opened, item="Meat")
    months = lake.ask(
        "select date_trunc('month', order_date), sum(total_revenue), sum(total_profit) "
        "from processed.sales_records where item_type = 'Meat' group by 1 order by 1 desc"
    )
    expected = [
        [f"{month:%b %Y}", money(revenue), money(profit)] for month, revenue, profit in months
    ]
    assert table_of(opened, "by_month") == expected


def test_years_stand_side_by_side_and_months_to_come_are_empty(opened: Browser, lake: Lake) -> None:
    found = {month: figures for month, *figures in table_of(opened, "year_over_year")}
    sums = {
        key: money(total)
        for key, total in lake.ask(
            "select concat(cast(year(order_date) as varchar), '-', cast(month(order_date) as varchar)), "
            "sum(total_revenue) from processed.sales_records group by 1"
        )
    }
    assert list(found) == [f"{date(2024, month, 1):%b}" for month in range(12, 0, -1)]
    assert found["Dec"] == ["–", sums["2023-12"]]
    assert found["Mar"] == [sums["2024-3"], sums["2023-3"]]


@pytest.mark.parametrize(
    ("visual", "order"), [("top_countries", "desc"), ("bottom_countries", "asc")]
)
def test_top_and_bottom_are_those_of_the_orders(
    opened: Browser, lake: Lake, visual: str, order: str
) -> None:
    choose(opened, year="2023")
    ranking = lake.ask(
        "select country, sum(total_profit) as profit, sum(total_revenue) from processed.sales_records "
        f"where year(order_date) = 2023 group by 1 order by profit {order}, country limit 10"
    )
    expected = [
        [country, money(profit), percent(profit, revenue)] for country, profit, revenue in ranking
    ]
    assert table_of(opened, visual) == expected
    names = opened.ask(
        f"return [...document.querySelectorAll('#visual-{visual} .bar-name')].map(n => n.textContent)"
    )
    assert names == [row[0] for row in expected]


def test_the_table_of_countries_ends_with_the_total_of_all(opened: Browser, lake: Lake) -> None:
    choose(opened, region="Europe")
    rows = lake.ask(
        f"select country, {MEASURES} from processed.sales_records where region = 'Europe' group by 1"
    )
    total = lake.ask(f"select {MEASURES} from processed.sales_records where region = 'Europe'")
    cells = {row[0]: row[1:] for row in table_of(opened, "countries")}
    assert cells.pop("Total") == ["", *written(total[0])]
    assert cells == {country: ["Europe", *written(tuple(figures))] for country, *figures in rows}


def written(figures: tuple[Any, ...]) -> list[str]:
    orders, units, revenue, cost, profit = figures
    return [
        f"{orders:,}",
        f"{units:,}",
        money(revenue),
        money(cost),
        money(profit),
        percent(profit, revenue),
    ]


def test_a_filter_that_a_table_does_not_have_is_said_and_not_applied(opened: Browser) -> None:
    before = table_of(opened, "by_item")
    choose(opened, region="Europe")
    assert table_of(opened, "by_item") == before
    assert opened.text("#visual-by_item .scope") == "not by region"
    assert opened.text("#visual-by_region .scope") == "Europe"


def test_changes_compare_complete_quarters_only(opened: Browser, lake: Lake) -> None:
    words = opened.text("#kpi-comparison")
    assert words == "Change: Q1 to Q3 2024 against Q1 to Q3 2023, complete quarters only."
    now = lake.totals("order_date between date '2024-01-01' and date '2024-09-30'")["revenue"]
    before = lake.totals("order_date between date '2023-01-01' and date '2023-09-30'")["revenue"]
    share = (100 * (now - before) / before).quantize(Decimal("0.1"), ROUND_HALF_UP)
    shown = opened.text("#kpi-revenue .change")
    assert shown == f"{share:+}".replace("-", "\N{MINUS SIGN}") + "\N{NO-BREAK SPACE}%"


def test_the_newest_complete_quarter_is_compared_with_the_one_before_where_that_is_asked(
    data: PageData, lake: Lake, open_with: Callable[..., Browser]
) -> None:
    kpis_of = dataclasses.replace(data.dashboard.kpis, against="period_before")
    opened = open_with(dashboard=dataclasses.replace(data.dashboard, kpis=kpis_of))
    words = opened.text("#kpi-comparison")
    assert words == "Change: Q3 2024 against Q2 2024, complete quarters only."
    now, before = (
        lake.totals(f"{QUARTER_START} = date '{first}'")["revenue"]
        for first in ("2024-07-01", "2024-04-01")
    )
    share = (100 * (now - before) / before).quantize(Decimal("0.1"), ROUND_HALF_UP)
    shown = opened.text("#kpi-revenue .change")
    assert shown == f"{share:+}".replace("-", "\N{MINUS SIGN}") + "\N{NO-BREAK SPACE}%"
    choose(opened, year="2023")
    assert opened.text("#kpi-comparison").startswith("Change: Q4 2023 against Q3 2023")
    choose(opened, year="2024")
    assert opened.text("#kpi-comparison").startswith("Change: Q3 2024 against Q2 2024")


@pytest.mark.parametrize(
    ("better", "said"),
    [
        ("higher", {"A": "Good", "B": "Watch", "C": "Watch", "D": "Poor", "E": "Poor"}),
        ("lower", {"A": "Watch", "B": "Watch", "C": "Good", "D": "Good", "E": "Good"}),
    ],
)
def test_figures_are_judged_by_what_they_are_and_not_as_they_are_rounded(
    data: PageData,
    open_with: Callable[..., Browser],
    better: Literal["higher", "lower"],
    said: dict[str, str],
) -> None:
    """25 is good and 10 not poor where higher is better; 24.99 is shown as 25.0, and is neither."""
    good, poor = ("25", "10.0") if better == "higher" else ("10.0", "25")
    margin = dataclasses.replace(
        data.dashboard.measure("margin"), triage=Triage(better=better, good=good, poor=poor)
    )
    measures = [margin if m.name == "margin" else m for m in data.dashboard.measures]
    dashboard = dataclasses.replace(data.dashboard, measures=tuple(measures))
    profits = {"A": "25.00", "B": "24.99", "C": "10.00", "D": "9.99", "E": "-1.00"}
    rows = [
        (date(2024, 1, 1), name, Decimal("100.00"), Decimal(profit))
        for name, profit in profits.items()
    ]
    items = cube.build(dashboard, "sales_by_month_item", rows)
    opened = open_with(dashboard=dashboard, cubes=(data.cubes[0], items))
    found = {row[0]: row[2] for row in table_of(opened, "by_item")}
    assert {name: cell.split()[-1] for name, cell in found.items()} == said
    assert found["B"].startswith("25.0\N{NO-BREAK SPACE}%")
    tones = opened.ask(
        "return [...document.querySelectorAll('#visual-by_item .verdict')].map(node => node.className)"
    )
    assert {tone.split()[1] for tone in tones} == {word.lower() for word in said.values()}
    assert opened.text("#kpi-margin .verdict") in ("Good", "Watch", "Poor")
    assert opened.text("#kpi-revenue .verdict") == ""
    assert opened.console() == []


def test_a_quarter_that_has_only_begun_is_drawn_and_said_to_be_open(opened: Browser) -> None:
    assert (
        opened.ask("return document.querySelectorAll('#visual-by_quarter path.open').length") == 3
    )
    words = opened.text("#visual-by_quarter .words")
    assert "Q3 2024; highest" in words
    assert words.endswith("Dashed: Q4 2024, of which only a part is known.")


def test_cents_survive_beyond_what_a_float_can_hold(
    data: PageData, open_with: Callable[..., Browser]
) -> None:
    large = Decimal("90071992547409931.07")  # 2 to the 53 and more, in cents by far
    rows = [(date(2024, 1, 1), "Europe", "Malta", large, large, Decimal("-0.01"), 1, 1)] * 3
    regions = cube.build(data.dashboard, "sales_by_region_quarter", rows)
    opened = open_with(cubes=(regions, data.cubes[1]))
    assert kpis(opened)["revenue"] == "270,215,977,642,229,793.21"
    assert kpis(opened)["profit"] == "\N{MINUS SIGN}0.03"
    assert kpis(opened)["margin"] == "0.0\N{NO-BREAK SPACE}%"


def test_losses_are_drawn_to_the_left_of_zero(
    data: PageData, open_with: Callable[..., Browser]
) -> None:
    items = [("Good", Decimal("30.00")), ("Bad", Decimal("-10.00"))]
    rows = [(date(2024, 1, 1), name, Decimal("100.00"), profit) for name, profit in items]
    opened = open_with(
        cubes=(data.cubes[0], cube.build(data.dashboard, "sales_by_month_item", rows))
    )
    script = """
        return [...document.querySelectorAll('#visual-profit_by_item .bar-track')].map(track => {
            const [whole, mark] = [track, track.firstChild].map(node => node.getBoundingClientRect());
            return [mark.left - whole.left, mark.width].map(length => Math.round(100 * length / whole.width));
        });
    """
    assert opened.ask(script) == [[25, 75], [0, 25]]
    assert (
        opened.ask("return document.querySelectorAll('#visual-profit_by_item .loss').length") == 1
    )


def test_missing_figures_are_dashes_and_missing_names_are_said(
    data: PageData, open_with: Callable[..., Browser]
) -> None:
    rows = [
        (date(2024, 1, 1), None, Decimal("5.00"), None),
        (date(2024, 3, 1), "Meat", Decimal("1.00"), Decimal(1)),
    ]
    opened = open_with(
        cubes=(data.cubes[0], cube.build(data.dashboard, "sales_by_month_item", rows))
    )
    assert table_of(opened, "by_item") == [
        ["(none)", "5.00", "–"],
        ["Meat", "1.00", "100.0\N{NO-BREAK SPACE}%"],
    ]
    months = [row[:2] for row in table_of(opened, "by_month")]
    assert months == [["Mar 2024", "1.00"], ["Feb 2024", "0.00"], ["Jan 2024", "5.00"]]
    assert opened.console() == []


def test_no_filter_leaves_a_stale_figure_where_nothing_matches(
    data: PageData, open_with: Callable[..., Browser]
) -> None:
    before = dataclasses.replace(
        data.cubes[1], groups=(("2020-05-01", "Meat"),), figures=data.cubes[1].figures[:1]
    )
    opened = open_with(cubes=(data.cubes[0], before))
    choose(opened, year="2020")
    assert kpis(opened)["revenue"] == "–"
    assert table_of(opened, "by_region") == []
    assert opened.text("#visual-by_region .words") == "Nothing matches these filters."
    assert opened.console() == []


def test_a_measure_without_any_figure_is_left_out_of_its_chart(
    data: PageData, open_with: Callable[..., Browser]
) -> None:
    rows = [(date(2024, month, 1), "Meat", Decimal(month), None) for month in (1, 2)]
    opened = open_with(
        cubes=(data.cubes[0], cube.build(data.dashboard, "sales_by_month_item", rows))
    )
    names = "return [...document.querySelectorAll('#visual-by_month .name')].map(name => name.textContent)"
    assert opened.ask(names) == ["Revenue"]
    assert opened.console() == []


def test_greatest_values_are_not_added_up(
    data: PageData, open_with: Callable[..., Browser]
) -> None:
    greatest = tuple(
        dataclasses.replace(m, aggregation="max") if m.name == "revenue" else m
        for m in data.dashboard.measures
    )
    dashboard = dataclasses.replace(data.dashboard, measures=greatest)
    rows = [
        (date(2024, 1, 1), item, Decimal(worth), Decimal(0))
        for item, worth in (("Meat", "7.00"), ("Fruits", "9.00"))
    ]
    opened = open_with(
        dashboard=dashboard,
        cubes=(data.cubes[0], cube.build(dashboard, "sales_by_month_item", rows)),
    )
    assert table_of(opened, "year_over_year")[-1] == ["Jan", "9.00"]
    assert opened.text("#visual-year_over_year .words") == "2024."


def test_a_year_that_is_not_over_is_open(data: PageData, open_with: Callable[..., Browser]) -> None:
    yearly = dataclasses.replace(data.dashboard.visuals[0], x="year")
    section = dataclasses.replace(data.dashboard.sections[0], visuals=(yearly,))
    opened = open_with(dashboard=dataclasses.replace(data.dashboard, sections=(section,)))
    assert opened.text("#visual-by_month .words").endswith(
        "Dashed: 2024, of which only a part is known."
    )
    assert [row[0] for row in table_of(opened, "by_month")] == ["2024", "2023"]


def test_the_first_year_is_compared_with_nothing(opened: Browser) -> None:
    choose(opened, year="2023")
    assert opened.text("#kpi-comparison") == ""
    assert opened.text("#kpi-revenue .change") == ""


def test_fractions_of_cents_are_added_up_before_they_are_rounded(
    data: PageData, open_with: Callable[..., Browser]
) -> None:
    ratio = tuple(
        dataclasses.replace(m, format="decimal") if m.is_ratio else m
        for m in data.dashboard.measures
    )
    dashboard = dataclasses.replace(data.dashboard, measures=ratio)
    worth = [("2297200.8503", "4.0000"), ("0.0050", "0.0000"), ("0.0050", "-0.0050")]
    rows = [
        (date(2024, 1, 1), "Meat", Decimal(revenue), Decimal(profit)) for revenue, profit in worth
    ]
    opened = open_with(
        dashboard=dashboard,
        cubes=(data.cubes[0], cube.build(dashboard, "sales_by_month_item", rows)),
    )
    assert table_of(opened, "by_month") == [["Jan 2024", "2,297,200.86", "4.00"]]
    assert table_of(opened, "by_item") == [["Meat", "2,297,200.86", "0.00"]]
