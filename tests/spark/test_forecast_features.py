"""Features of a training made by Spark are those that the function makes: of the same tables, to the last character."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from contracts import naming
from contracts.model import Forecast
from duckdb_jobs.forecasting import DuckDbForecasting
from glue_jobs import features, storage
from glue_jobs.histories import SparkHistories
from pipeline.training_files import HISTORIES_FILE, ROWS_FILE, TRAIN, TRANSFORM
from rows import forecast_histories, forecast_training, table_definitions
from rows.forecast_run import HistoryRun
from rows.forecast_training import HEADER, LaidOut
from tests.spark.lake import Lake, second_engine
from tests.spark.orders import ORDERS, column

TODAY, MONTHS = date(2024, 5, 20), 40
BY = ("status", "shop", "opened", "is_open", "price", "seen_at")
MODEL = replace(
    ORDERS.curated[0],
    columns=(
        column("month_start", "date"),
        column("status"),
        column("shop", "bigint"),
        column("opened", "date"),
        column("is_open", "boolean"),
        column("price", "decimal(8,2)"),
        column("seen_at", "timestamp"),
        column("orders", "bigint"),
        column("amount", "decimal(18,2)"),
    ),
    grain=("month_start", *BY),
    forecast=Forecast(of="amount", by=BY, horizon=3),
)
CONTRACT = replace(ORDERS, curated=(MODEL,))
SEEN = datetime(2024, 2, 29, 23, 59, 59, 123456)
TOLD = (7, date(2024, 2, 29), True, Decimal("1.50"), SEEN)
# Keys that an engine, CSV, JSON or an order of texts could take for another one.
HOSTILE = (None, "None", "", " ", 'a,"b"', "line\nbreak", "Ä\N{SNOWMAN}", "null", "10", "9")


def month(back: int) -> date:
    """The first day of a month, so many before April 2024, the last whole one."""
    number = 2024 * 12 + 3 - back
    return date(number // 12, number % 12 + 1, 1)


def season(back: int, of: random.Random) -> Decimal:
    size = 100 + 40 * math.sin(math.pi * back / 6) + of.gauss(0, 5)
    return Decimal(str(round(size, 2)))


def rows() -> Iterator[tuple[Any, ...]]:
    """Rows of the curated table; many of a series and period, which are added up."""
    of = random.Random(7)
    for status in HOSTILE:
        for back in range(MONTHS):
            yield month(back), status, *TOLD, 1, season(back, of)
            if back % 5 == 0:
                yield month(back), status, *TOLD, 1, Decimal("-0.01")
    for name, value, shop in (
        ("gap", lambda back: season(back, of) if back % 7 else None, 1),
        ("negative", lambda back: season(back, of) - 100, 1),
        ("new", lambda back: season(back, of) if back < 5 else None, 1),
        ("ended", lambda back: season(back, of) if back > 12 else None, 1),
        ("rare", lambda back: season(back, of) if back % 9 == 0 else None, 1),
        ("absurd", lambda back: season(back, of) * (10**9 if back == 3 else 1), 1),
        ("nothing", lambda _: Decimal(0), 1),
        ("no shop", lambda back: season(back, of), None),
    ):
        for back in range(MONTHS):
            if (amount := value(back)) is not None:
                yield month(back), name, shop, None, False, None, None, 1, amount
    yield month(3), "gap", 1, None, False, None, None, 1, None  # an amount that nobody knows
    for late in (date(2024, 5, 1), date(2031, 1, 1)):  # a month that is not over, and a mistake
        yield late, "gap", 1, None, False, None, None, 1, Decimal("5.00")


@pytest.fixture
def filled(lake: Lake) -> Lake:
    """A processed table that reaches into May, and the curated table of these rows, published."""
    lake.contract = CONTRACT
    lake.load(
        lake.put(b"Order ID,Order Date,Status,Quantity,Amount,Note\n1,5/3/2024,open,1,1.00,a\n")
    )
    ((run_id, loaded),) = lake.results.items()
    tables, table = lake.tables, lake.curated(MODEL.name)
    head = loaded["snapshots"][lake.processed.name]["after"]
    tables.publish(lake.processed, naming.branch(run_id), head)
    types = ", ".join(f"{one.name} {one.type}" for one in table.columns)
    frame = lake.spark.createDataFrame(list(rows()), types)
    tables.ensure(table, may_evolve=True)
    tables.start_draft(table, "hostile")
    tables.replace(table, "hostile", frame, "TRUE", {})
    tables.publish(table, "hostile", tables.head(table, "hostile") or 0)
    return lake


def laid_out(lake: Lake, tables: Any, engine: Any) -> LaidOut:
    forecast = table_definitions.forecast(MODEL, lake.environment, None)
    given: HistoryRun[Any] = HistoryRun(
        contract=CONTRACT,
        run_id="training-20240520T100000-aa",
        today=TODAY,
        processed=lake.processed,
        curated={MODEL.name: lake.curated(MODEL.name)},
        forecasts={MODEL.name: forecast},
        tables=tables,
        engine=engine,
    )
    return forecast_training.lay_out(given)


@pytest.fixture
def by_function(filled: Lake) -> LaidOut:
    with second_engine(filled) as tables:
        return laid_out(filled, tables, DuckDbForecasting(tables.database))


@pytest.fixture
def by_spark(filled: Lake) -> LaidOut:
    return laid_out(filled, filled.tables, SparkHistories())


def test_both_engines_lay_out_the_same_plan_series_and_lines_which_come_back_from_their_file(
    by_function: LaidOut, by_spark: LaidOut
) -> None:
    (table,) = by_spark.plan.tables
    assert (table.until, table.series, table.learned) == (date(2024, 4, 1), 18, 14)
    assert by_spark == by_function
    series = by_spark.known[0].series
    statuses = [key[0] for key in series]
    assert statuses[0] is None  # before the text that looks like it
    assert list(series) == list(by_function.known[0].series)
    assert list(by_spark.lines()) == list(by_function.lines())
    written = forecast_histories.lines(by_spark.known)
    back = forecast_histories.read(written, by_spark.plan.tables, {MODEL.name: MODEL})
    assert back == by_spark.known
    assert list(back[0].series) == list(series)


def test_workers_write_the_functions_files_line_by_line(
    filled: Lake, by_function: LaidOut, by_spark: LaidOut, tmp_path: Path, monkeypatch: Any
) -> None:
    folder = tmp_path / "training"

    def write_text(uri: str, lines: Any) -> None:
        path = Path(urlsplit(uri).path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(lines), encoding="utf-8")

    monkeypatch.setattr(storage, "write_text", write_text)
    monkeypatch.setattr(features, "SERIES_PER_TASK", 4)
    (folder / TRAIN).mkdir(parents=True)
    (folder / TRAIN / ROWS_FILE).write_text("of an attempt of the function that had no time\n")
    features.write(filled.spark, by_spark, f"file://{folder}/")
    wanted = list(by_function.lines())
    files = sorted((folder / TRAIN).glob("*.csv"))
    assert len(files) == 4  # 14 series
    parts = [file.read_text("utf-8").splitlines() for file in files]
    assert {part[0] for part in parts} == {",".join(HEADER)}
    learned = [",".join(line) for is_known, line in wanted if is_known]
    assert [line for part in parts for line in part[1:]] == learned
    asked = [",".join(line) for is_known, line in wanted if not is_known]
    assert (folder / TRANSFORM / ROWS_FILE).read_text("utf-8").splitlines() == asked
    histories = (folder / HISTORIES_FILE).read_text("utf-8").split("\n")
    assert histories[:-1] == list(forecast_histories.lines(by_function.known))
