"""A training on tables: what is laid out, when nothing is, how a model is judged, and that its publication is safe."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest

from contracts.errors import PermanentError, RetryableError, Superseded
from contracts.model import Forecast
from duckdb_jobs.forecasting import DuckDbForecasting
from pipeline.run_documents import ForecastTable, TrainingPlan, TrainingVerdict
from rows import forecast_histories, forecast_run, forecast_training, table_definitions
from rows.forecast_run import ForecastRun, Known
from rows.forecast_training import HEADER, LaidOut, Said, read_said
from rows.tables import Table
from tests.spark.orders import ORDERS
from tests.unit.duckdb_jobs.small_lake import Killed, Order, Side, SmallLake

FIRST, SECOND = (f"20240501T10000{n}-0000000{n}" for n in range(1, 3))
TRAINING, LATER = "training-20240501T110000-aa", "training-20240501T120000-bb"
HORIZON, MONTHS = 3, 60
WANTED = Forecast(of="amount", by=("status",), horizon=HORIZON)
MONTHLY = replace(ORDERS.curated[0], forecast=WANTED)
TODAY = date(2024, 5, 20)
SERIES = {"open": 0, "paid": 1}  # in the order of their keys


@pytest.fixture
def lake(tmp_path: Path) -> SmallLake:
    """Five years of two kinds of orders, with the forecast that the run made."""
    lake = SmallLake(tmp_path, contract=replace(ORDERS, curated=(MONTHLY, *ORDERS.curated[1:])))
    lake.run(FIRST, *orders())
    with_tables(lake, FIRST, forecast_run.run)
    return lake


def target() -> Table:
    return table_definitions.forecast(MONTHLY, "test", None)


def amount(status: str, month: int) -> float:
    """A season that Holt-Winters is slow to follow for `open`, and always the same for `paid`."""
    season = 1 + 0.4 * math.sin(2 * math.pi * month / 12)
    return round((100 + month) * season, 2) if status == "open" else 50.25


def orders() -> Iterator[Order]:
    for month in range(MONTHS):
        day = f"{2019 + (month + 4) // 12}-{(month + 4) % 12 + 1:02}-28"
        for number, status in enumerate(SERIES):
            yield month * 2 + number + 1, day, status, str(amount(status, month))
    yield 900, "2024-05-03", "open", "7.00"


def with_tables(lake: SmallLake, run_id: str, act: Any, *given: Any) -> Any:
    with lake.tables() as tables:
        return act(
            ForecastRun(
                contract=lake.contract,
                run_id=run_id,
                today=TODAY,
                processed=lake.processed,
                curated=lake.curated,
                forecasts={MONTHLY.name: target()},
                tables=tables,
                engine=DuckDbForecasting(tables.database),
            ),
            *given,
        )


def plan_of(lake: SmallLake, training: str = TRAINING) -> TrainingPlan:
    return laid_out(lake, training).plan


def laid_out(lake: SmallLake, training: str = TRAINING) -> LaidOut:
    found: LaidOut = with_tables(lake, training, forecast_training.lay_out)
    return found


def judged(lake: SmallLake, laid: LaidOut, off: float = 1.001) -> TrainingVerdict:
    found: TrainingVerdict = with_tables(
        lake, TRAINING, forecast_training.judge, laid.plan, read_back(laid), said(off)
    )
    return found


def read_back(laid: LaidOut) -> tuple[Known, ...]:
    """The histories as they come back from their file."""
    written = forecast_histories.lines(laid.known)
    return forecast_histories.read(written, laid.plan.tables, {MONTHLY.name: MONTHLY})


def said(off: float = 1.001) -> list[Said]:
    """What a model would say that is wrong by a share, in its backtest and of what is to come."""
    return [
        Said(
            table=0, series=place, moment=moment, step=step,
            amount=off * amount(status, MONTHS + moment + step),
        )
        for status, place in SERIES.items()
        for moment in range(-24, 1)
        for step in range(HORIZON)
    ]  # fmt: skip


def publish(lake: SmallLake, laid: LaidOut, off: float = 1.001) -> ForecastTable:
    given = laid.plan, read_back(laid), said(off)
    (found,) = with_tables(lake, laid.plan.run_id, forecast_training.publish, *given)
    return found


def published(lake: SmallLake) -> list[tuple[Any, ...]]:
    names = ("status", "month_start", "value", "method", "model_version", "run_id")
    return lake.rows(target(), *names)


def test_a_training_learns_from_the_published_version_until_its_last_whole_period(
    lake: SmallLake,
) -> None:
    laid = with_tables(lake, TRAINING, forecast_training.lay_out)
    (table,) = laid.plan.tables
    assert (table.table, table.season, table.horizon) == ("orders_by_month", 12, HORIZON)
    assert (table.until, table.series, table.learned) == (date(2024, 4, 1), 2, 2)
    assert laid.plan.contract_version == ORDERS.version
    lines = list(laid.lines())
    learned = [line for known, line in lines if known]
    assert {len(line) for line in learned} == {len(HEADER)}
    assert len(learned) == laid.plan.examples - 2 * 3  # near the end not every step has come
    asked = [line for known, line in lines if not known]
    assert [(line[1], line[2], line[3]) for line in asked] == [
        (str(place), "0", str(step)) for place in SERIES.values() for step in range(HORIZON)
    ]


def test_a_model_is_published_where_it_is_better_and_says_so_row_by_row(lake: SmallLake) -> None:
    before, laid = published(lake), laid_out(lake)
    verdict = judged(lake, laid)
    assert (verdict.series, verdict.better) == (2, 1)
    assert verdict.wape is not None
    assert verdict.naive_wape is not None
    assert verdict.wape == Decimal("0.0010") < verdict.naive_wape
    found = publish(lake, laid)
    assert (found.series, found.better_than_naive) == (2, 1)
    rows = published(lake)
    assert len(rows) == len(before)
    version = f"{forecast_training.VERSION}/{TRAINING}"
    of_model = [row for row in rows if row[0] == "open"]
    assert [row[3:5] for row in of_model] == [("gradient_boosting", version)] * HORIZON
    expected = [Decimal(str(1.001 * amount("open", MONTHS + step))) for step in range(HORIZON)]
    assert [row[2] for row in of_model] == [each.quantize(Decimal("0.01")) for each in expected]
    others = [[row[:5] for row in table if row[0] == "paid"] for table in (rows, before)]
    assert others[0] == others[1]
    assert {row[3] for row in others[0]} == {"seasonal_naive"}
    assert {row[5] for row in rows} == {TRAINING}


def test_a_model_that_is_not_better_would_change_no_value(lake: SmallLake) -> None:
    before, laid = published(lake), laid_out(lake)
    assert judged(lake, laid, off=1.6).better == 0
    publish(lake, laid, off=1.6)
    assert [row[:5] for row in published(lake)] == [row[:5] for row in before]


def test_the_same_run_again_leaves_what_the_model_says_and_no_second_model_is_trained(
    lake: SmallLake,
) -> None:
    publish(lake, laid_out(lake))
    trained = published(lake)
    with_tables(lake, SECOND, forecast_run.run)
    assert published(lake) == trained
    assert plan_of(lake, LATER).tables == ()
    assert plan_of(lake).tables != ()  # repeated, a training is the one that it was


def test_after_a_newer_run_nothing_of_an_older_training_is_published(lake: SmallLake) -> None:
    before, laid = published(lake), laid_out(lake)
    lake.run(SECOND, (901, "2024-05-30", "open", "1.00"))
    with pytest.raises(Superseded, match="orders_by_month is at version"):
        judged(lake, laid)
    with pytest.raises(Superseded, match="the model was trained with"):
        publish(lake, laid)
    assert published(lake) == before


def test_a_forecast_that_begins_after_the_draft_takes_it_away(
    lake: SmallLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run's own step comes between the draft of a training and its publication."""
    laid = laid_out(lake)
    checked = forecast_training._require_current
    calls: list[str] = []

    def check(work: Any, planned: Any) -> None:
        checked(work, planned)
        calls.append(planned.table)
        if len(calls) == 3:  # once before anything is made, once before the draft, once in it
            lake.run(SECOND, (901, "2024-05-31", "open", "1.00"))
            with_tables(lake, SECOND, forecast_run.run)

    monkeypatch.setattr(forecast_training, "_require_current", check)
    with pytest.raises(RetryableError):
        publish(lake, laid)
    assert {row[5] for row in published(lake)} == {SECOND}


def test_killed_before_or_after_any_commit_and_repeated_gives_the_same_table(
    lake: SmallLake, tmp_path: Path
) -> None:
    laid = laid_out(lake)
    lake.keep(tmp_path / "aside")
    lake.commits.kinds.clear()
    publish(lake, laid)
    expected, commits = published(lake), len(lake.commits.kinds)
    assert commits >= 3
    for number in range(1, commits + 1):
        for side in get_args(Side):
            lake.restore(tmp_path / "aside")
            lake.commits.kinds.clear()
            lake.commits.at, lake.commits.side = number, side
            with pytest.raises(Killed):
                publish(lake, laid)
            lake.commits.at = 0
            assert publish(lake, laid).series == 2
            assert published(lake) == expected, (number, side)


def test_too_much_to_learn_from_is_refused_with_what_to_change(
    lake: SmallLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecast_training, "MOST_EXAMPLES", 215)
    wanted = r"would give 216 examples .*name fewer columns in `by`"
    with pytest.raises(PermanentError, match=wanted):
        plan_of(lake)


def test_what_a_model_says_is_read_strictly() -> None:
    assert list(read_said(["0,1,-3,2,12.5\n", "\n"])) == [
        Said(table=0, series=1, moment=-3, step=2, amount=12.5)
    ]
    for line in ("0,1,-3,12.5", "0,1,-3,2,x", "a,1,-3,2,1"):
        with pytest.raises(PermanentError, match=r"line 1 of .*expected table,series"):
            list(read_said([line]))
    with pytest.raises(PermanentError, match="line 2 of what the model said has the amount nan"):
        list(read_said(["0,0,0,0,1.0", "0,0,0,1,nan"]))
