"""Forecasting in DuckDB: from published orders to a published forecast, also when it ends at any commit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest

from contracts.authoring.forecast_checks import OWN_COLUMNS
from contracts.errors import PermanentError
from contracts.model import Forecast
from duckdb_jobs.forecasting import DuckDbForecasting
from pipeline.run_documents import ForecastRollback, ForecastRolledBack, ForecastTable
from rows import forecast_rollback, forecast_run, table_definitions
from rows.forecast_run import ForecastRun, Total, histories, last_complete
from rows.forecasting.series import VERSION
from rows.tables import Table
from slipway.reading.forecast_history import KeptForecast, kept
from tests.spark.orders import ORDERS
from tests.unit.duckdb_jobs.small_lake import Killed, Order, Side, SmallLake

FIRST, SECOND, THIRD = (f"20240501T10000{n}-0000000{n}" for n in range(1, 4))
MONTHLY = replace(ORDERS.curated[0], forecast=Forecast(of="amount", by=("status",), horizon=3))
TODAY = date(2024, 5, 20)


@pytest.fixture
def lake(tmp_path: Path) -> SmallLake:
    """An empty lake whose table by month is forecast."""
    return SmallLake(tmp_path, contract=replace(ORDERS, curated=(MONTHLY, *ORDERS.curated[1:])))


def target() -> Table:
    return table_definitions.forecast(MONTHLY, "test", None)


def test_authoring_knows_every_column_that_a_table_of_forecasts_has_of_its_own() -> None:
    marked = {*MONTHLY.forecast.by, MONTHLY.period_column} if MONTHLY.forecast else set()
    assert {column.name for column in target().columns} - marked == set(OWN_COLUMNS)


def orders() -> Iterator[Order]:
    """Sixteen months of two kinds of orders, and a few days of the seventeenth."""
    number = 0
    for month in range(16):
        day = f"{2023 + month // 12}-{month % 12 + 1:02}"
        for status, amount in (("open", 100 + month), ("paid", 50.25)):
            number += 1
            yield number, f"{day}-28", status, str(amount)
    yield 900, "2024-05-03", "open", "7.00"


def forecast(lake: SmallLake, run_id: str = FIRST, today: date = TODAY) -> ForecastTable:
    with lake.tables() as tables:
        (found,) = forecast_run.run(
            ForecastRun(
                contract=lake.contract,
                run_id=run_id,
                today=today,
                processed=lake.processed,
                curated=lake.curated,
                forecasts={MONTHLY.name: target()},
                tables=tables,
                engine=DuckDbForecasting(tables.database),
            )
        )
    return found


def published(lake: SmallLake) -> list[tuple[Any, ...]]:
    return lake.rows(
        target(), "status", "month_start", "value", "method", "trained_through", "run_id"
    )


def test_complete_months_are_forecast_by_series_and_the_table_is_as_it_is_defined(
    lake: SmallLake,
) -> None:
    lake.run(FIRST, *orders())
    found = forecast(lake)
    assert (found.table, found.series, found.better_than_naive, found.horizon) == (
        "orders_by_month_forecast", 2, 0, 3,
    )  # fmt: skip
    assert found.trained_through == date(2024, 4, 1)
    assert found.wape == found.naive_wape != None  # noqa: E711 - both, and known
    april, rows = date(2024, 4, 1), published(lake)
    assert rows[:3] == [
        ("open", date(2024, 5, 1), Decimal("104.00"), "seasonal_naive", april, FIRST),
        ("open", date(2024, 6, 1), Decimal("105.00"), "seasonal_naive", april, FIRST),
        ("open", date(2024, 7, 1), Decimal("106.00"), "seasonal_naive", april, FIRST),
    ]
    assert {row[2] for row in rows[3:]} == {Decimal("50.25")}
    with lake.tables() as tables:
        loaded = tables._load(target())
    assert [field.name for field in loaded.schema().fields] == [c.name for c in target().columns]


def test_the_same_again_writes_nothing_and_later_rows_make_another_forecast(
    lake: SmallLake,
) -> None:
    lake.run(FIRST, *orders())
    first = forecast(lake)
    lake.commits.kinds.clear()
    assert forecast(lake, SECOND) == first
    assert lake.commits.kinds == []
    lake.run(SECOND, (901, "2024-05-31", "open", "1.00"))
    again = forecast(lake, SECOND, today=date(2024, 6, 2))
    assert again.trained_through == date(2024, 5, 1)
    rows = published(lake)
    assert {row[5] for row in rows if row[1] > date(2024, 5, 1)} == {SECOND}
    assert len(rows) == 6 + 2  # and what was said of May


def test_a_date_after_today_is_no_reason_to_take_a_period_for_complete(lake: SmallLake) -> None:
    lake.run(FIRST, *orders(), (902, "2031-01-01", "open", "5.00"))
    found = forecast(lake)
    assert found.trained_through == date(2024, 4, 1)
    assert max(row[1] for row in published(lake)) == date(2024, 7, 1)


def compared(lake: SmallLake) -> list[tuple[Any, ...]]:
    """What was said of periods that are over, and what came."""
    rows = lake.rows(
        target(), "status", "month_start", "value", "actual", "trained_through", "run_id"
    )
    return [row for row in rows if row[3] is not None]


def test_the_last_forecast_of_a_period_stays_with_what_came(lake: SmallLake) -> None:
    lake.run(FIRST, *orders())
    forecast(lake)
    assert compared(lake) == []
    lake.run(SECOND, (901, "2024-05-31", "open", "1.00"))
    forecast(lake, SECOND, today=date(2024, 6, 2))
    may, april = date(2024, 5, 1), date(2024, 4, 1)
    said = [
        ("open", may, Decimal("104.00"), Decimal("8.00"), april, FIRST),
        ("paid", may, Decimal("50.25"), Decimal("0.00"), april, FIRST),
    ]
    assert compared(lake) == said
    lake.run(THIRD, (902, "2024-05-30", "open", "2.00"))  # late: what came is what is known now
    forecast(lake, THIRD, today=date(2024, 6, 2))
    assert [row[3] for row in compared(lake)] == [Decimal("10.00"), Decimal("0.00")]
    assert [row[2] for row in compared(lake)] == [row[2] for row in said]


def test_as_many_periods_are_compared_as_are_forecast_and_none_twice(lake: SmallLake) -> None:
    lake.run(FIRST, *orders())
    forecast(lake)
    months = [(n, f"2024-{n:02}-28", "open", "5.00") for n in range(5, 11)]
    for number, day, status, amount in months:
        lake.run(f"202405{number:02}T100000-00000001", (number + 1000, day, status, amount))
        run_id = f"202405{number:02}T100000-00000002"
        lake.run(run_id, (number + 2000, f"2024-{number + 1:02}-01", "open", "1.00"))
        forecast(lake, run_id, today=date(2024, number + 1, 2))
    periods = [(row[0], row[1]) for row in compared(lake)]
    assert len(periods) == len(set(periods))
    assert {period for _, period in periods} == {date(2024, 8 + n, 1) for n in range(3)}
    assert all(row[4] < row[1] for row in compared(lake))  # each was said before it came


def test_a_series_that_is_gone_is_compared_no_more(lake: SmallLake) -> None:
    lake.run(FIRST, *orders())
    forecast(lake)
    moved = [(n, day, "open", amount) for n, day, status, amount in orders() if status == "paid"]
    lake.run(SECOND, *moved, (901, "2024-05-31", "open", "1.00"))
    forecast(lake, SECOND, today=date(2024, 6, 2))
    assert {row[0] for row in compared(lake)} == {"open"}


def roll_back(lake: SmallLake, undone: int, back_to: int) -> ForecastRolledBack:
    wanted = ForecastRollback(
        table=MONTHLY.name, undone=str(undone), back_to=str(back_to), reason="too high"
    )
    with lake.tables() as tables:
        return forecast_rollback.roll_back(tables, target(), wanted)


def listed(lake: SmallLake) -> list[KeptForecast]:
    """What the command lists, from the table's own metadata file."""
    with lake.tables() as tables:
        return list(kept(json.loads(tables._load(target()).metadata.model_dump_json())))


def test_a_forecast_is_taken_back_once_and_the_next_run_makes_a_new_one(lake: SmallLake) -> None:
    lake.run(FIRST, *orders())
    forecast(lake)
    first = published(lake)
    lake.run(SECOND, (901, "2024-05-31", "open", "1.00"))
    forecast(lake, SECOND, today=date(2024, 6, 2))
    newer, older = listed(lake)
    assert (newer.state, newer.run_id, newer.trained_through) == ("published", SECOND, "2024-05-01")
    assert (older.state, older.run_id, older.trained_through) == ("kept", FIRST, "2024-04-01")
    for _ in range(2):  # the second time as after a crash
        done = roll_back(lake, newer.version, older.version)
        assert published(lake) == first
        assert (done.before, done.after) == (str(newer.version), str(older.version))
        assert (done.rows_before, done.rows_after, done.files_after) == (8, 6, 1)
        assert f"of run {FIRST}" in done.report[0]
        assert "Reason: too high" in done.report[0]
    assert [each.state for each in listed(lake)] == ["taken back", "published"]
    forecast(lake, THIRD, today=date(2024, 6, 2))
    assert {row[5] for row in published(lake) if row[1] > date(2024, 5, 1)} == {THIRD}
    assert [each.state for each in listed(lake)] == ["published", "taken back", "kept"]


def test_what_was_published_meanwhile_is_not_taken_back_unseen(lake: SmallLake) -> None:
    lake.run(FIRST, *orders())
    forecast(lake)
    (seen,) = listed(lake)
    lake.run(SECOND, (901, "2024-05-31", "open", "1.00"))
    forecast(lake, SECOND, today=date(2024, 6, 2))
    before, newest = published(lake), listed(lake)[0].version
    with pytest.raises(
        PermanentError, match=rf"the published forecast is {newest}, not 7: another"
    ):
        roll_back(lake, 7, 8)
    with pytest.raises(
        PermanentError, match=rf"no forecast 8 .*keeps {newest}, {seen.version}; .*--history"
    ):
        roll_back(lake, newest, 8)
    assert published(lake) == before


def test_a_version_says_what_its_forecast_was_made_from_and_how_good_it_was(
    lake: SmallLake,
) -> None:
    lake.run(FIRST, *orders())
    told = forecast(lake)
    with lake.tables() as tables:
        curated = tables.head(lake.curated[MONTHLY.name])
    (one,) = listed(lake)
    assert one.curated_version == str(curated)
    assert (one.contract_version, one.model_version) == (lake.contract.version, VERSION)
    assert one.methods == {"seasonal_naive": 2}
    assert (one.wape, one.naive_wape) == (str(told.wape), str(told.naive_wape))


def test_nothing_complete_is_said_and_no_table_is_needed(lake: SmallLake) -> None:
    assert forecast(lake).series == 0
    lake.run(FIRST, (1, "2024-05-03", "open", "7.00"))
    assert (forecast(lake).series, forecast(lake).wape) == (0, None)


def test_killed_before_or_after_any_commit_and_repeated_gives_the_same_table(
    lake: SmallLake, tmp_path: Path
) -> None:
    lake.run(FIRST, *orders())
    lake.keep(tmp_path / "aside")
    lake.commits.kinds.clear()
    forecast(lake)
    expected, commits = published(lake), len(lake.commits.kinds)
    assert commits >= 3
    for number in range(1, commits + 1):
        for side in get_args(Side):
            lake.restore(tmp_path / "aside")
            lake.commits.kinds.clear()
            lake.commits.at, lake.commits.side = number, side
            with pytest.raises(Killed):
                forecast(lake)
            lake.commits.at = 0
            forecast(lake)
            assert published(lake) == expected, (number, side)


def test_too_many_series_are_refused_with_what_to_change(
    lake: SmallLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.run(FIRST, *orders())
    monkeypatch.setattr(forecast_run, "MOST_SERIES", 1)
    with pytest.raises(PermanentError, match=r"has 2 series, .*name fewer columns in `by`"):
        forecast(lake)


def test_a_history_begins_with_its_first_period_and_has_nothing_where_no_row_is() -> None:
    days = [date(2024, month, 1) for month in range(1, 6)]
    totals = [
        Total(key=("b",), period=days[1], amount=Decimal(3)),
        Total(key=("b",), period=days[3], amount=Decimal(4)),
        Total(key=("b",), period=days[4], amount=Decimal(9)),
        Total(key=("a",), period=days[0], amount=Decimal(1)),
    ]
    assert histories(totals, "month", days[3]) == {("a",): [1, 0, 0, 0], ("b",): [3, 0, 4]}
    assert histories(totals[2:3], "month", days[3]) == {}


@pytest.mark.parametrize(
    ("newest", "day", "unit", "expected"),
    [
        (date(2024, 2, 1), date(2024, 2, 29), "month", date(2024, 2, 1)),
        (date(2024, 2, 1), date(2024, 2, 28), "month", date(2024, 1, 1)),
        (date(2024, 1, 1), date(2024, 3, 30), "quarter", date(2023, 10, 1)),
        (date(2024, 1, 1), date(2024, 12, 31), "year", date(2024, 1, 1)),
        (date(2024, 1, 1), None, "month", date(2024, 1, 1)),
    ],
)
def test_a_period_is_complete_when_the_data_reach_its_last_day(
    newest: date, day: date | None, unit: Any, expected: date
) -> None:
    assert last_complete(newest, day, unit) == expected
