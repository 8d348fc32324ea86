"""A mart as the runtimes see it: a table computed from the published tables of several datasets.

`contracts.authoring.marts` is the only writer of the compiled JSON. As with contracts, nothing is validated twice here
and nothing has a default.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

from contracts.errors import ContractInvalid
from contracts.model import Column, CuratedModel, Period, Warehouse, warehouse_from_json


@dataclass(frozen=True, kw_only=True)
class MartInput:
    """The columns that a mart reads of a dataset's processed table."""

    dataset: str
    columns: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class MartColumn:
    """A column of a mart; `type` is written as in a contract (contracts.model.Column).

    `max_length` is that of its texts in characters, for which the warehouse makes room; None where none is said.
    """

    name: str
    type: str
    description: str
    required: bool
    max_length: int | None


@dataclass(frozen=True, kw_only=True)
class Conserved:
    """The sum of `column` of the mart equals that of column `source` of the input `dataset`."""

    column: str
    dataset: str
    source: str


@dataclass(frozen=True, kw_only=True)
class MartRule:
    """SQL that must be TRUE in every row of the mart, or nothing of it is published."""

    id: str
    description: str
    expression: str


@dataclass(frozen=True, kw_only=True)
class Mart:
    """One mart. `sql` selects from relations named like the datasets in `inputs`, with the columns listed for each.

    `grain` identifies a row, `period_column` is a date of it: the first day of the row's period. `warehouse` is None
    for a mart that stays in the lake, `dashboard` is whether one is described beside it (dashboards/). It is computed
    by its `schedule` (EventBridge Scheduler, in UTC) if it has one, and where `after_inputs` after runs of its inputs.
    """

    name: str
    version: str
    description: str
    owner: str
    inputs: tuple[MartInput, ...]
    sql: str
    columns: tuple[MartColumn, ...]
    grain: tuple[str, ...]
    period: Period
    period_column: str
    conserves: tuple[Conserved, ...]
    rules: tuple[MartRule, ...]
    warehouse: Warehouse | None
    dashboard: bool
    schedule: str | None
    after_inputs: bool

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets that the mart reads, in the order of its file."""
        return tuple(each.dataset for each in self.inputs)


def as_curated(mart: Mart) -> CuratedModel:
    """The mart as whoever shows curated tables sees it: the same table, whose SQL is none that they run."""
    return CuratedModel(
        name=mart.name,
        description=mart.description,
        sql=mart.sql,
        columns=tuple(_as_column(each, mart) for each in mart.columns),
        grain=mart.grain,
        period=mart.period,
        period_column=mart.period_column,
        source_date=mart.period_column,
        conserves=tuple((each.column, each.source) for each in mart.conserves),
        warehouse=mart.warehouse,
        forecast=None,
    )


def _as_column(column: MartColumn, mart: Mart) -> Column:
    """No value of the grain is ever empty: each run of a mart demands it (rows/marts.py)."""
    return Column(
        name=column.name,
        type=column.type,
        description=column.description,
        source_name=column.name,
        required=column.required or column.name in mart.grain,
        format=None,
        minimum=None,
        maximum=None,
        pattern=None,
        max_length=column.max_length,
        allowed=(),
        control_total=False,
        pii=None,
        data_subject=False,
        absent="clear",
    )


def to_json(mart: Mart) -> str:
    """The compiled text of a mart."""
    return json.dumps(dataclasses.asdict(mart), indent=2, ensure_ascii=False) + "\n"


def from_json(text: str, *, origin: str) -> Mart:
    """A mart from its compiled text. Raises ContractInvalid, naming `origin`, for any other text."""
    try:
        return _mart(json.loads(text))
    except (KeyError, TypeError, ValueError) as error:
        raise ContractInvalid(
            f"{origin} is not a compiled mart: {error!r}; run `make contracts`"
        ) from error


def load(name: str) -> Mart:
    """The compiled mart shipped with this code. Raises ContractInvalid if there is none of this name."""
    file = resources.files("contracts") / "compiled" / "marts" / f"{name}.json"
    if not file.is_file():
        raise ContractInvalid(f"no mart {name!r}; known: {', '.join(names()) or 'none'}")
    return from_json(
        file.read_text(encoding="utf-8"), origin=f"contracts/compiled/marts/{name}.json"
    )


def names() -> tuple[str, ...]:
    """Names of all compiled marts, sorted."""
    folder = resources.files("contracts") / "compiled" / "marts"
    files = [file.name for file in folder.iterdir()] if folder.is_dir() else []
    return tuple(sorted(name.removesuffix(".json") for name in files if name.endswith(".json")))


def _mart(data: dict[str, Any]) -> Mart:
    lists = {
        "inputs": tuple(map(_input, data["inputs"])),
        "columns": tuple(MartColumn(**each) for each in data["columns"]),
        "grain": tuple(data["grain"]),
        "conserves": tuple(Conserved(**each) for each in data["conserves"]),
        "rules": tuple(MartRule(**each) for each in data["rules"]),
        "warehouse": warehouse_from_json(data["warehouse"]),
    }
    return Mart(**{**data, **lists})


def _input(data: dict[str, Any]) -> MartInput:
    return MartInput(**{**data, "columns": tuple(data["columns"])})
