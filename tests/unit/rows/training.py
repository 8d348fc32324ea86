"""Histories of several kinds, laid out for a training as if they were those of one table."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pipeline.run_documents import TrainingPlan, TrainingTable
from rows.forecast_run import Known
from rows.forecast_training import LaidOut
from rows.forecasting.features import is_learned
from sample_data.series import histories

UNTIL = date(2024, 4, 1)


def laid_out(*, months: int, each: int, horizon: int = 6, seed: int = 1) -> LaidOut:
    """`each` history of every kind."""
    found = histories(each, months, seed)
    series = {
        (f"{kind} {number:03}",): [Decimal(str(value)) for value in values]
        for number, (kind, values) in enumerate(found)
    }
    table = TrainingTable(
        table="orders_by_month",
        snapshot=1,
        until=UNTIL,
        season=12,
        horizon=horizon,
        series=len(series),
        learned=sum(is_learned(values, 12) for _, values in found),
    )
    plan = TrainingPlan(
        dataset="orders", run_id="training-1", contract_version="1.0.0", tables=(table,), examples=0
    )
    return LaidOut(plan=plan, known=(Known(version=1, until=UNTIL, series=series),))
