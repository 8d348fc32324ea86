"""The page's forecast: sums of what is published, a band only where every series has one, and what beat naive."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from contracts import model
from contracts.errors import PermanentError
from dashboards import page_forecast
from dashboards.page_data import Forecast
from slipway import __main__ as command_line
from slipway.commands import forecast as command
from slipway.deployment import Deployment
from slipway.reading import forecasts, lake, ledgers

CONTRACT = model.load("sales_records")
(MODEL,) = CONTRACT.forecast_models
assert MODEL.forecast
WANTED = replace(MODEL.forecast, horizon=2)
MAY, JUNE, JULY = (date(2024, month, 1) for month in (5, 6, 7))
HISTORY = [(date(2024, month, 1), Decimal(month * 1_000_000)) for month in range(1, 6)]


def row(item: str, period: date, value: int, **given: Any) -> tuple[Any, ...]:
    """One row of the answer, with a band of 10 and 20 around the value."""
    amount = Decimal(value)
    told = {
        "lower_80": amount - 10,
        "upper_80": amount + 10,
        "lower_95": amount - 20,
        "upper_95": amount + 20,
        "method": "seasonal_naive",
        "wape": Decimal("0.1234"),
        "mase": Decimal("1.0000"),
        **given,
    }
    return (item, period, amount, *told.values(), MAY)


ROWS = [
    row("Baby Food", JUNE, 100),
    row("Baby Food", JULY, 200),
    row("Meat & more", JUNE, 50, method="holt_winters", wape=None, mase=None),
    row("Meat & more", JULY, 60, method="holt_winters", wape=None, mase=None),
]


def built(rows: list[tuple[Any, ...]] = ROWS) -> Forecast:
    return forecasts.built(WANTED, rows, HISTORY)


def drawn(forecast: Forecast) -> str:
    return str(page_forecast._section(forecast, 0))


def test_points_are_sums_over_all_series_and_the_band_of_the_total_the_sum_of_bands() -> None:
    found = built()
    june, july = found.points
    assert (june.period, june.value, june.lower_80, june.upper_95) == (JUNE, 150, 130, 190)
    assert (july.value, found.trained_through) == (260, MAY)
    assert [(series.name, series.value) for series in found.series] == [
        ("Baby Food", 100),
        ("Meat & more", 50),
    ]


def test_a_series_without_a_band_leaves_the_total_without_one() -> None:
    without = dict.fromkeys(("lower_80", "upper_80", "lower_95", "upper_95"))
    found = built([*ROWS[:3], row("Meat & more", JULY, 60, **without)])
    assert found.points[1].lower_80 is None
    assert 'class="band' not in drawn(found)
    assert "seasonal naive" in drawn(found)


def test_the_page_says_what_is_expected_and_which_series_beat_naive() -> None:
    text = drawn(built())
    assert "1 Jun 2024: 150 expected, between 130 and 170" in text
    assert "1 of 2 series beat seasonal naive" in text
    assert "Meat &amp; more" in text
    assert text.count('class="band') == 2
    assert "12.3 %" in text
    plain = drawn(built(ROWS[:2]))
    assert "no method beat seasonal naive in the backtest" in plain


def test_the_queries_ask_for_what_is_published() -> None:
    database = duckdb.connect()
    columns = [column.name for column in MODEL.columns]
    assert "month_start" in columns
    database.execute("create schema curated")
    database.execute(
        "create table curated.sales_by_month_item as "
        "select (date '2024-05-01' + to_months(m::int))::date as month_start, 'x' as item_type, "
        "1.5 as revenue from range(4) as r(m)"
    )
    sql = forecasts.history_query(MODEL, WANTED, JUNE)
    assert [day for day, _ in database.execute(sql).fetchall()] == [MAY, JUNE]
    wanted = forecasts.forecast_query(MODEL, WANTED)
    assert "curated.sales_by_month_item_forecast" in wanted
    assert wanted.index('"item_type"') < wanted.index('"month_start"') < wanted.index('"value"')


def test_only_the_newest_forecast_is_asked_for_and_only_what_is_over_is_compared() -> None:
    database = duckdb.connect()
    database.execute("create schema curated")
    rows = [
        (name, period, 100, 90, 110, 80, 120, "mean", None, None, trained, actual)
        for name in ("Baby Food", "Meat")
        for period, trained, actual in ((MAY, date(2024, 4, 1), 95), (JUNE, MAY, None))
    ]
    kinds = (
        "item_type, month_start, value, lower_80, upper_80, lower_95, upper_95, method, wape, mase"
    )
    values = ", ".join(
        f"({', '.join('null' if v is None else repr(str(v)) for v in row)})" for row in rows
    )
    database.execute(
        f"create table curated.sales_by_month_item_forecast as select * replace (month_start::date as month_start, "
        f"actual::decimal(9,2) as actual) from (values {values}) as t({kinds}, trained_through, actual)"
    )
    newest = database.execute(forecasts.forecast_query(MODEL, WANTED)).fetchall()
    assert [row[1] for row in newest] == [JUNE, JUNE]
    past = database.execute(forecasts.review_query(MODEL)).fetchall()
    assert [(row[0], row[4]) for row in past] == [(MAY, 95), (MAY, 95)]


PAST = [
    (MAY, Decimal(100), Decimal(90), Decimal(110), Decimal(95)),
    (MAY, Decimal(50), Decimal(45), Decimal(55), Decimal(60)),
    (date(2024, 4, 1), Decimal(10), None, None, Decimal(0)),
]


def test_a_period_that_is_over_is_compared_over_all_series_and_each_with_its_own_band() -> None:
    april, may = forecasts.reviewed(PAST)
    assert (may.period, may.value, may.lower_80, may.upper_80) == (MAY, 150, 135, 165)
    assert (may.actual, may.series, may.inside) == (155, 2, 1)
    assert (april.lower_80, april.actual, april.inside) == (None, 0, 0)


def test_the_page_shows_the_last_forecast_beside_what_came() -> None:
    assert "Last forecast against what came" not in drawn(built())
    text = drawn(replace(built(), reviewed=forecasts.reviewed(PAST)))
    assert "Last forecast against what came" in text
    assert text.index("1 May 2024") < text.index("1 Apr 2024")
    assert "3.2 %" in text
    assert "1 of 2" in text


@pytest.mark.parametrize("reason", ["COLUMN_NOT_FOUND: line 1:2: actual", "NO_PERMISSION: actual"])
def test_a_table_from_before_there_were_comparisons_has_none_and_other_reasons_are_told(
    monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    def refuse(*_: object) -> list[tuple[Any, ...]]:
        raise lake.QueryFailed(reason)

    monkeypatch.setattr(lake, "rows", refuse)
    deployment = Deployment(environment="dev", region="us-east-1", outputs={})
    if reason.startswith("COLUMN"):
        assert forecasts._review_rows(deployment, MODEL) == []
    else:
        with pytest.raises(lake.QueryFailed):
            forecasts._review_rows(deployment, MODEL)


def test_the_command_shows_each_series_and_says_when_there_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = [(replace(built(), reviewed=forecasts.reviewed(PAST)),), ()]
    monkeypatch.setattr(command, "connect", lambda environment: environment)
    monkeypatch.setattr(forecasts, "of_dataset", lambda *_: answers.pop(0))
    assert command_line.main(["forecast", "show", "--dataset", "sales_records"]) == 0
    shown = capsys.readouterr().out
    assert "Meat & more" in shown
    assert "holt_winters" in shown
    assert "last forecast against what came" in shown
    assert command_line.main(["forecast", "show", "--dataset", "sales_records"]) == 1
    assert "the next run makes it" in capsys.readouterr().out


def test_a_dataset_of_which_nothing_is_forecast_is_told_what_to_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = replace(MODEL, forecast=None)
    monkeypatch.setattr(ledgers, "one_contract", lambda _: replace(CONTRACT, curated=(plain,)))
    options = type("Options", (), {"dataset": "sales_records", "environment": "local"})()
    with pytest.raises(PermanentError, match="say `forecast` on a curated table"):
        command.run(options)
