"""Mistakes in what a contract has forecast."""

from __future__ import annotations

from tests.unit.contracts.cases.base import C, Case

MARK = "{of: spent, by: [], horizon: 6}"
PROPERTY = "schema[1].customProperties[7].value"


def mark(value: str, field: str, message: str) -> Case:
    """A mark with one mistake."""
    return C(MARK, value, f"{PROPERTY}{field}", message)


CASES: dict[str, Case] = {
    "forecast_of_an_unknown_column": mark(
        "{of: spend, by: [], horizon: 6}", ".of", "unknown column 'spend'; did you mean 'spent'?"
    ),
    "forecast_of_what_may_not_add_up": mark(
        "{of: visits, by: [], horizon: 6}",
        ".of",
        "found 'visits', which the model does not conserve, so it may not add up; expected one of spent",
    ),
    "forecast_by_an_unknown_column": mark(
        "{of: spent, by: [kind], horizon: 6}", ".by[0]", "unknown column 'kind'; known: "
    ),
    "forecast_by_its_periods": mark(
        "{of: spent, by: [month_start], horizon: 6}",
        ".by[0]",
        "found 'month_start', the periods themselves",
    ),
    "forecast_by_periods_named_as_its_own_column": C(
        "value: month_start\n",
        "value: wape\n",
        "schema[1].customProperties[3].value",
        "'wape' is a column of every table of forecasts; choose another name for it",
    ),
    "forecast_by_what_is_no_key": mark(
        "{of: spent, by: [visits], horizon: 6}",
        ".by[0]",
        "found 'visits', which is no primaryKey of the model",
    ),
    "forecast_by_a_column_twice": mark(
        "{of: spent, by: [visits, visits], horizon: 6}", ".by", "'visits' is listed 2 times"
    ),
    "forecast_too_far_ahead": mark(
        "{of: spent, by: [], horizon: 60}", ".horizon", "found 60; expected at most 36"
    ),
    "forecast_without_a_horizon": mark("{of: spent, by: []}", ".horizon", "is missing"),
    "forecast_mark_without_value": mark(
        "null", "", "found nothing; write {of: COLUMN, by: [COLUMN], horizon: 6}"
    ),
    "forecast_of_a_format_that_is_not_written": C(
        "value: iceberg",
        "value: delta",
        PROPERTY,
        "tables of format delta are not forecast: DuckDB makes forecasts and does not write them",
        at=MARK,
    ),
    "forecast_beside_a_table_of_its_name": C(
        "name: visits_by_month",
        "name: visits_forecast",
        "schema[1].name",
        "names that end with _forecast belong to forecast tables",
    ),
}
