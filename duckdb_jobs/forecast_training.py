"""Training of a model of forecasts on DuckDB: its files are laid out, its answers judged and published. Wiring only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from contracts import model
from contracts.errors import Superseded
from duckdb_jobs.engine import engine
from duckdb_jobs.forecast import opened
from duckdb_jobs.tables.iceberg_tables import DuckDbTables
from pipeline.job_arguments import CuratingArguments
from pipeline.run_documents import ForecastServed, TrainingPlan, TrainingVerdict
from rows import forecast_histories, forecast_training, table_definitions
from rows.forecast_run import Known
from rows.forecast_training import HEADER
from rows.tables import Table


def sizes(given: CuratingArguments) -> dict[str, int]:
    """Bytes of the published version of each curated table that is forecast, as its manifests count them.

    No data file is read. A table that is not there yet, or has nothing published, has 0. Raises NeedsSpark when a
    table is one that this engine does not read.
    """
    contract = model.load(given.dataset)
    with engine(contract) as started:
        return {
            each.name: _size(
                started.tables,
                table_definitions.curated(each, given.environment, given.curated_bucket),
            )
            for each in contract.forecast_models
        }


def _size(tables: DuckDbTables, table: Table) -> int:
    head = tables.head(table) if tables.exists(table) else None
    return 0 if head is None else tables.figures(table, head).bytes


def lay_out(
    given: CuratingArguments, to_learn: Path, to_forecast: Path, histories: Path
) -> TrainingPlan:
    """What the model learns from (CSV with a header), what it is to forecast (without), and the histories themselves.

    Raises PermanentError when that is too much, NeedsSpark when the engine cannot read the tables.
    """
    with opened(given) as work:
        laid_out = forecast_training.lay_out(work)
    with to_learn.open("w") as learned, to_forecast.open("w") as asked:
        learned.write(",".join(HEADER) + "\n")
        for is_known, line in laid_out.lines():
            (learned if is_known else asked).write(",".join(line) + "\n")
    with histories.open("w") as written:
        written.writelines(f"{line}\n" for line in forecast_histories.lines(laid_out.known))
    return laid_out.plan


def judge(
    given: CuratingArguments, plan: TrainingPlan, histories: Iterable[str], backtest: Iterable[str]
) -> TrainingVerdict:
    """The verdict on a model by the lines of its backtest. Raises Superseded, and as rows.forecast_training.judge."""
    known = _known(given, plan, histories)
    with opened(given) as work:
        return forecast_training.judge(work, plan, known, forecast_training.read_said(backtest))


def publish(
    given: CuratingArguments, plan: TrainingPlan, histories: Iterable[str], said: Iterable[str]
) -> ForecastServed:
    """Publish by the lines of backtest and forecast. Raises as rows.forecast_training.publish."""
    known = _known(given, plan, histories)
    with opened(given) as work:
        tables = forecast_training.publish(work, plan, known, forecast_training.read_said(said))
    return ForecastServed(served="forecast", tables=tables)


def _known(
    given: CuratingArguments, plan: TrainingPlan, histories: Iterable[str]
) -> tuple[Known, ...]:
    """Raises Superseded when the contract no longer has a table of the plan forecast."""
    models = {each.name: each for each in model.load(given.dataset).forecast_models}
    for table in plan.tables:
        if table.table not in models:
            raise Superseded(f"{table.table} is not forecast any more")
    return forecast_histories.read(histories, plan.tables, models)
