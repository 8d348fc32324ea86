"""What is asked of Athena, and what becomes of the answers."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import sqlglot

from contracts import model
from dashboards import authoring, cube, queries
from dashboards.cube import CubeTooLarge

CONTRACT = model.load("sales_records")
DASHBOARD = authoring.load(Path(__file__).parents[3] / "datasets", CONTRACT)
REGIONS, ITEMS = "sales_by_region_quarter", "sales_by_month_item"
ROW = ("Europe", "Austria", Decimal("1.10"), Decimal("0.10"), Decimal("1.00"), 3, 4)


def test_a_cube_groups_by_all_that_visuals_and_filters_need_and_by_nothing_else() -> None:
    assert DASHBOARD.columns_grouped(REGIONS) == ("quarter_start", "region", "country")
    assert DASHBOARD.columns_grouped(ITEMS) == ("month_start", "item_type")


def test_a_ratio_asks_for_its_two_measures_although_one_is_not_shown() -> None:
    assert [measure.name for measure in DASHBOARD.columns_measured(ITEMS)] == ["revenue", "profit"]


def test_one_query_per_table_in_the_sql_of_athena() -> None:
    assert DASHBOARD.sources == (REGIONS, ITEMS)
    sql = queries.cube_query(DASHBOARD, ITEMS)
    assert sql == (
        'select "month_start", "item_type", sum("revenue") as "revenue", sum("profit") as "profit" '
        'from curated.sales_by_month_item group by "month_start", "item_type" order by "month_start", "item_type"'
    )
    assert sqlglot.parse_one(sql, read="athena")


def test_the_newest_date_is_that_of_the_table_behind_the_curated_one() -> None:
    assert (
        queries.newest_date_query(CONTRACT, ITEMS)
        == 'select max("order_date") from processed.sales_records'
    )


@pytest.mark.parametrize("moment", [date(2024, 7, 1), datetime(2024, 7, 1, tzinfo=UTC)])
def test_dates_travel_as_iso_and_money_as_text(moment: date) -> None:
    built = cube.build(
        DASHBOARD, REGIONS, [(moment, *ROW[:2], Decimal("12345678901234567.89"), *ROW[3:], None)]
    )
    assert built.groups == (("2024-07-01", "Europe", "Austria"),)
    assert built.figures[0][0] == "12345678901234567.89"
    assert built.figures[0][-1] is None


def test_whole_decimals_are_not_written_with_an_exponent() -> None:
    built = cube.build(
        DASHBOARD, ITEMS, [(date(2024, 7, 1), "Meat", Decimal("1E+3"), Decimal("-0.50"))]
    )
    assert built.figures == (("1000", "-0.50"),)


def test_a_float_is_refused_because_its_cents_are_gone() -> None:
    with pytest.raises(TypeError, match=r"found 0\.1; a figure must be a Decimal or an int"):
        cube.build(DASHBOARD, ITEMS, [(date(2024, 7, 1), "Meat", 0.1, Decimal("1"))])


def test_a_missing_group_value_stays_missing() -> None:
    built = cube.build(DASHBOARD, ITEMS, [(date(2024, 7, 1), None, Decimal("1"), float("nan"))])
    assert built.groups == (("2024-07-01", None),)
    assert built.figures == (("1", None),)


def test_group_values_are_embedded_once() -> None:
    rows = [(date(2024, month, 1), "Meat", Decimal(month), Decimal(1)) for month in (1, 2)]
    document = cube.build(DASHBOARD, ITEMS, rows).as_json()
    assert document["groups"] == {
        "month_start": {"values": ["2024-01-01", "2024-02-01"], "at": [0, 1]},
        "item_type": {"values": ["Meat"], "at": [0, 0]},
    }
    assert document["figures"] == {"revenue": ["1", "2"], "profit": ["1", "1"]}


def test_more_groups_than_a_page_can_carry_are_refused_with_what_to_do() -> None:
    row = (date(2024, 7, 1), "Meat", Decimal(1), Decimal(1))
    with pytest.raises(
        CubeTooLarge, match=r"40,001 groups of month_start, item_type; .* remove a dimension"
    ):
        cube.build(DASHBOARD, ITEMS, [row] * 40_001)
