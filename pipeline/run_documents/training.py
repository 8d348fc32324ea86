"""What a model of forecasts is trained with: written before the training, read when its answers are judged.

It is also the lineage of the model: which version of which table, until when, under which contract.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import ClassVar

from pipeline.engines import Engine
from pipeline.run_documents.base import RunDocument
from pipeline.run_documents.json_form import JsonDocument


@dataclass(frozen=True, kw_only=True)
class TrainingTable(JsonDocument):
    """A curated table whose series a model is trained with."""

    table: str
    """The curated table."""
    snapshot: int
    """Its version."""
    until: date
    """First day of the last period that is known."""
    season: int
    """Periods of a season."""
    horizon: int
    """Periods ahead."""
    series: int
    """All series."""
    learned: int
    """Those that the model is trained with; the others have a treatment of their own."""


@dataclass(frozen=True, kw_only=True)
class TrainingPlan(RunDocument):
    """What a training has before it: features are in train/, what is to be forecast in transform/."""

    FILE_NAME: ClassVar[str] = "training.json"
    WRITTEN_BY: ClassVar[str] = "train_forecast"

    contract_version: str
    """Version of the contract."""
    tables: tuple[TrainingTable, ...]
    """By their number in the files, from 0."""
    examples: int
    """Rows to learn from, at most: where a whole season is empty there is none."""


@dataclass(frozen=True, kw_only=True)
class FeaturesMade(RunDocument):
    """Which engine made the features of a training, and why it."""

    FILE_NAME: ClassVar[str] = "features.json"
    WRITTEN_BY: ClassVar[str] = "train_forecast"

    engine: Engine
    """The engine that made them, in the end."""
    reason: str
    """Why it was chosen, or took over from another one."""
    size_bytes: int | None
    """Size of the published versions of the curated tables that are forecast; null where DuckDB could not tell."""
    worker_seconds: int | None
    """Seconds that workers of Spark were there, summed over them; null: the engine did not say."""


@dataclass(frozen=True, kw_only=True)
class TrainingVerdict(JsonDocument):
    """How a trained model did in its backtest, beside the methods that it has to beat."""

    WRITTEN_BY: ClassVar[str] = "train_forecast"

    series: int
    """Series that the model was trained with."""
    better: int
    """Those in which it passed the gate and had less error than the other methods."""
    wape: Decimal | None
    """Of the model over these series: absolute errors by absolute values; null where nothing was tested."""
    naive_wape: Decimal | None
    """Of seasonal naive, at the same origins."""
