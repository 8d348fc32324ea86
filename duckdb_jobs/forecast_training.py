"""Training of a model of forecasts on DuckDB: its files are laid out, its answers judged and published. Wiring only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from duckdb_jobs.forecast import opened
from pipeline.job_arguments import CuratingArguments
from pipeline.run_documents import ForecastServed, TrainingPlan, TrainingVerdict
from rows import forecast_training
from rows.forecast_training import HEADER


def lay_out(given: CuratingArguments, to_learn: Path, to_forecast: Path) -> TrainingPlan:
    """What the model learns from (CSV with a header) and what it is to forecast (without), in two files.

    Raises PermanentError when that is too much, NeedsSpark when the engine cannot read the tables.
    """
    with opened(given) as work:
        laid_out = forecast_training.lay_out(work)
        with to_learn.open("w") as learned, to_forecast.open("w") as asked:
            learned.write(",".join(HEADER) + "\n")
            for is_known, line in laid_out.lines():
                (learned if is_known else asked).write(",".join(line) + "\n")
    return laid_out.plan


def judge(given: CuratingArguments, plan: TrainingPlan, backtest: Iterable[str]) -> TrainingVerdict:
    """The verdict on a model by the lines of its backtest. Raises Superseded, and as rows.forecast_training.judge."""
    with opened(given) as work:
        return forecast_training.judge(work, plan, forecast_training.read_said(backtest))


def publish(given: CuratingArguments, plan: TrainingPlan, said: Iterable[str]) -> ForecastServed:
    """Publish by the lines of backtest and forecast. Raises as rows.forecast_training.publish."""
    with opened(given) as work:
        tables = forecast_training.publish(work, plan, forecast_training.read_said(said))
    return ForecastServed(served="forecast", tables=tables)
