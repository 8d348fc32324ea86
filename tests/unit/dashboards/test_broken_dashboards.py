"""Every mistake in a dashboard gets one message with its line; the table is also the list of what is checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts import model
from contracts.authoring.problems import Problem
from dashboards import authoring
from dashboards.__main__ import main

CONTRACT = model.load("sales_records")
GOOD = (Path(__file__).parents[3] / "datasets" / "sales_records" / "dashboard.yaml").read_text(
    encoding="utf-8"
)
FIRST_BAR = "sections[1].visuals[0]"


@dataclass(frozen=True)
class Case:
    """Replace `old` by `new`; the message must stand at the line of `at` (by default of `new`)."""

    old: str
    new: str
    field: str
    message: str
    at: str | None = None


C = Case
MEASURE = "  units: {label: Units, format: integer, aggregation: sum, column: units}"
REGION = "  region: {label: Region, columns: {sales_by_region_quarter: region}}"
MONTH = "  month: {label: Month, part: month, columns: {sales_by_month_item: month_start}}"
CASES = {
    "missing_title": C(
        "title: Sales records\n",
        "",
        "title",
        "'title' is missing; add it",
        at="description: Orders",
    ),
    "unknown_field": C(
        "kpis:\n",
        "kpi_color: red\nkpis:\n",
        "kpi_color",
        "unknown field 'kpi_color'",
        at="kpi_color",
    ),
    "not_a_mapping": C("filters: [year, region, item]", "filters: year", "filters", "found 'year'"),
    "duplicate_key": C(
        "title: Sales records\n",
        "title: A\ntitle: B\n",
        "title",
        "duplicate key 'title'",
        at="title: B",
    ),
    "measure_without_column": C(
        MEASURE, "  units: {label: U, format: integer}", "measures.units", "give either column"
    ),
    "measure_that_is_both": C(
        MEASURE,
        "  units: {label: U, format: integer, aggregation: sum, column: units, numerator: cost, denominator: revenue}",
        "measures.units",
        "give either column and aggregation, or numerator and denominator",
    ),
    "measure_with_half_a_ratio": C(
        MEASURE,
        "  units: {label: U, format: percent, numerator: cost}",
        "measures.units",
        "give either column",
    ),
    "aggregation_that_does_not_add_up": C(
        MEASURE,
        "  units: {label: U, format: integer, aggregation: count_distinct, column: units}",
        "measures.units.aggregation",
        "found 'count_distinct'; expected 'sum', 'min' or 'max'",
    ),
    "triage_the_wrong_way_round": C(
        MEASURE,
        MEASURE[:-1] + ", triage: {better: higher, good: 10, poor: 20}}",
        "measures.units.triage",
        "good is 10 and poor 20, but higher is better; exchange them",
    ),
    "triage_of_an_unknown_direction": C(
        MEASURE,
        MEASURE[:-1] + ", triage: {better: more, good: 20, poor: 10}}",
        "measures.units.triage.better",
        "found 'more'; expected 'higher' or 'lower'",
    ),
    "comparison_with_something_else": C(
        "  period: quarter",
        "  against: last_week\n  period: quarter",
        "kpis.against",
        "found 'last_week'; expected 'year_before' or 'period_before'",
        at="against: last",
    ),
    "column_in_percent": C(
        MEASURE,
        "  units: {label: U, format: percent, aggregation: sum, column: units}",
        "measures.units.format",
        "only a ratio of two measures",
    ),
    "ratio_as_integer": C(
        "format: percent, numerator: profit",
        "format: integer, numerator: profit",
        "measures.margin.format",
        "a ratio is 'percent', 'decimal' or 'money'",
    ),
    "ratio_of_an_unknown": C(
        "numerator: profit, ",
        "numerator: profits, ",
        "measures.margin.numerator",
        "did you mean 'profit'?",
    ),
    "ratio_of_a_ratio": C(
        "  units: {label: Units, format: integer, aggregation: sum, column: units}",
        "  units: {label: U, format: percent, numerator: margin, denominator: revenue}",
        "measures.units.numerator",
        "'margin' is a ratio itself",
    ),
    "measure_of_an_unknown_column": C(
        "aggregation: sum, column: revenue}",
        "aggregation: sum, column: revenues}",
        "measures.revenue.column",
        "no curated table has a column 'revenues'; did you mean 'revenue'?",
    ),
    "measure_of_another_table": C(
        "profit: {label: Profit, format: money, aggregation: sum, column: profit}",
        "profit: {label: Profit, format: integer, aggregation: max, column: order_year}",
        "sections[0].visuals[0].measures[1]",
        "table 'sales_by_month_item' has no column 'order_year'",
        at="measures: [revenue, profit]",
    ),
    "money_in_whole_numbers": C(
        MEASURE,
        "  units: {label: U, format: money, aggregation: sum, column: units}",
        "kpis.measures[5]",
        "sales_by_region_quarter.units is bigint; format money needs a decimal",
        at="measures: [revenue, cost, profit, margin, orders, units]",
    ),
    "count_of_decimals": C(
        "revenue: {label: Revenue, format: money",
        "revenue: {label: Revenue, format: integer",
        "kpis.measures[0]",
        "is decimal(18,2); format integer needs int or bigint",
        at="measures: [revenue, cost, profit, margin, orders, units]",
    ),
    "measure_called_strangely": C(
        MEASURE, MEASURE.replace("units:", "Units sold:", 1), "measures.Units sold", "found"
    ),
    "dimension_in_an_unknown_table": C(
        REGION,
        "  region: {label: Region, columns: {sales_by_region: region}}",
        "dimensions.region.columns.sales_by_region",
        "unknown curated table 'sales_by_region'; did you mean 'sales_by_region_quarter'?",
    ),
    "dimension_of_an_unknown_column": C(
        REGION,
        "  region: {label: Region, columns: {sales_by_region_quarter: regoin}}",
        "dimensions.region.columns.sales_by_region_quarter",
        "did you mean 'region'?",
    ),
    "part_of_a_text": C(
        REGION,
        "  region: {label: Region, part: year, columns: {sales_by_region_quarter: region}}",
        "dimensions.region.columns.sales_by_region_quarter",
        "is string, part is 'year'; only a date has parts",
    ),
    "date_without_a_part": C(
        MONTH,
        "  month: {label: Month, columns: {sales_by_month_item: month_start}}",
        "dimensions.month.columns.sales_by_month_item",
        "a date needs a part",
    ),
    "months_of_quarters": C(
        MONTH,
        "  month: {label: Month, part: month, columns: {sales_by_region_quarter: quarter_start}}",
        "dimensions.month.columns.sales_by_region_quarter",
        "keeps one row per quarter, so its quarter_start has no month",
    ),
    "grouping_by_money": C(
        REGION,
        "  region: {label: Region, columns: {sales_by_region_quarter: revenue}}",
        "dimensions.region.columns.sales_by_region_quarter",
        "group by text or whole numbers",
    ),
    "unknown_filter": C(
        "[year, region, item]", "[year, regions]", "filters[1]", "did you mean 'region'?"
    ),
    "filter_twice": C(
        "[year, region, item]", "[year, year]", "filters[1]", "'year' is listed twice; remove one"
    ),
    "kpis_of_an_unknown_table": C(
        "kpis:\n  source: sales_by_region_quarter",
        "kpis:\n  source: sales",
        "kpis.source",
        "unknown curated table 'sales'",
        at="source: sales\n",
    ),
    "kpis_compared_by_region": C(
        "  period: quarter ",
        "  period: region ",
        "kpis.period",
        "expected a dimension with part month or quarter",
    ),
    "kpis_compared_by_what_the_table_lacks": C(
        "  period: quarter ",
        "  period: month ",
        "kpis.period",
        "has no column in table 'sales_by_region_quarter'",
    ),
    "unknown_kind": C(
        "kind: bar\n        title: Revenue by region",
        "kind: pie\n        title: Revenue by region",
        f"{FIRST_BAR}.kind",
        "found 'pie'; known: bar, line, table",
        at="kind: pie",
    ),
    "id_twice": C(
        "id: by_quarter",
        "id: by_region",
        "sections[1].visuals[1].id",
        "'by_region' is used 2 times",
        at="id: by_region\n        kind: line",
    ),
    "id_that_is_no_name": C(
        "id: by_item", "id: by-item", "sections[2].visuals[0].id", "expected lower-case letters"
    ),
    "unknown_measure": C(
        "measures: [revenue, margin]",
        "measures: [revenu]",
        f"{FIRST_BAR}.measures[0]",
        "unknown measure 'revenu'; did you mean 'revenue'?",
    ),
    "measure_twice": C(
        "measures: [revenue, margin]",
        "measures: [revenue, revenue]",
        f"{FIRST_BAR}.measures[1]",
        "'revenue' is listed twice",
    ),
    "unknown_dimension": C(
        "category: region",
        "category: regoin",
        f"{FIRST_BAR}.category",
        "unknown dimension 'regoin'",
    ),
    "dimension_of_another_table": C(
        "category: region",
        "category: item",
        f"{FIRST_BAR}.category",
        "dimension 'item' has no column in table 'sales_by_region_quarter'",
    ),
    "line_over_regions": C(
        "x: quarter", "x: region", "sections[1].visuals[1].x", "expected a dimension with a part"
    ),
    "series_of_two_measures": C(
        "        series: year\n        measures: [revenue]",
        "        series: year\n        measures: [revenue, profit]",
        "sections[0].visuals[1].measures",
        "a line chart with series shows one",
        at="measures: [revenue, profit]\n        limit",
    ),
    "limit_without_series": C(
        "        series: year\n",
        "",
        "sections[0].visuals[1].limit",
        "only series are limited",
        at="        limit: 4",
    ),
    "limit_of_zero": C("limit: 4", "limit: 0", "sections[0].visuals[1].limit", "found 0"),
    "sorted_by_what_is_not_shown": C(
        "sort: {by: revenue, descending: true}",
        "sort: {by: profit}",
        f"{FIRST_BAR}.sort.by",
        "'profit' is not shown by this visual",
    ),
    "table_without_dimensions": C(
        "dimensions: [year]", "dimensions: []", "sections[3].visuals[0].dimensions", "found []"
    ),
    "section_without_visuals": C(
        "  - title: Over time\n",
        "  - title: Empty\n  - title: Over time\n",
        "sections[0].visuals",
        "'visuals' is missing; add it",
        at="  - title: Empty",
    ),
}


def test_a_mistake_in_a_measure_is_told_once_however_often_it_is_used(tmp_path: Path) -> None:
    found = problems(tmp_path, GOOD.replace("sum, column: revenue}", "sum, column: revenues}"))
    assert [problem.field for problem in found] == ["measures.revenue.column"]
    wrong_kind = problems(
        tmp_path, GOOD.replace("label: Revenue, format: money", "label: Revenue, format: integer")
    )
    assert [problem.field for problem in wrong_kind] == [
        "kpis.measures[0]",
        "sections[0].visuals[0].measures[0]",
    ]


def problems(tmp_path: Path, text: str) -> list[Problem]:
    file = tmp_path / "datasets" / "sales_records" / "dashboard.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    found, dashboard = authoring.check_file(file, CONTRACT)
    assert (dashboard is None) == bool(found)
    return found


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_mistake_is_told_with_its_line_and_field(case: Case, tmp_path: Path) -> None:
    assert case.old in GOOD
    text = GOOD.replace(case.old, case.new, 1)
    line = text[: text.index(case.at or case.new)].count("\n") + 1
    found = [problem for problem in problems(tmp_path, text) if problem.field == case.field]
    assert [(problem.file, problem.line) for problem in found] == [
        ("datasets/sales_records/dashboard.yaml", line)
    ]
    assert case.message in found[0].message


def test_all_mistakes_are_told_at_once_in_order_of_lines(tmp_path: Path) -> None:
    text = GOOD.replace("title: Sales records", "titel: Sales records").replace(
        "[year, region, item]", "[years]"
    )
    text = (
        text.replace("kind: bar", "kind: pie", 1)
        .replace("x: quarter", "x: region")
        .replace("limit: 4", "limit: 0")
    )
    found = problems(tmp_path, text)
    assert {"titel", "title", "filters[0]", f"{FIRST_BAR}.kind", "sections[1].visuals[1].x"} < {
        p.field for p in found
    }
    assert [problem.line for problem in found] == sorted(problem.line for problem in found)


def test_what_is_no_text_and_what_is_no_yaml_is_told(tmp_path: Path) -> None:
    file = tmp_path / "dashboard.yaml"
    file.write_bytes(b"title: \xff")
    assert "byte 7 is not UTF-8" in authoring.check_file(file, CONTRACT)[0][0].message
    file.write_text("title: [", encoding="utf-8")
    assert "not valid YAML" in authoring.check_file(file, CONTRACT)[0][0].message


def test_a_dataset_without_dashboard_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(
        authoring.DashboardInvalid,
        match=r"'sales_records' has no dashboard; write .*dashboard\.yaml",
    ):
        authoring.load(tmp_path, CONTRACT)


def test_loading_a_broken_dashboard_raises_all_its_mistakes(tmp_path: Path) -> None:
    problems(tmp_path, GOOD.replace("limit: 4", "limit: 0").replace("id: by_item", "id: by-item"))
    with pytest.raises(
        authoring.DashboardInvalid, match=r"2 mistakes in a dashboard\n(.*\n)*.*by-item"
    ):
        authoring.load(tmp_path / "datasets", CONTRACT)


def test_every_dashboard_of_the_repository_is_valid(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0, capsys.readouterr().err
