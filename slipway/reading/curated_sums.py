"""Rows and conserved money of curated tables, asked in the same words of the lake and of the warehouse."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from contracts.model import Contract, CuratedModel
from slipway.deployment import Deployment
from slipway.reading import lake, warehouse

Ask = Callable[[str], Iterable[Sequence[Any]]]


@dataclass(frozen=True, kw_only=True)
class Sums:
    """What an engine says of one table: its rows, and its money by the processed column that it conserves."""

    rows: int
    totals: dict[str, Decimal]

    def in_order(self, names: Iterable[str]) -> tuple[Decimal | None, ...]:
        """The totals of these processed columns, None where the table keeps no such figure."""
        return tuple(self.totals.get(name) for name in names)


def in_lake(deployment: Deployment, model: CuratedModel) -> Sums:
    """By Athena."""
    return _sums(lambda sql: lake.rows(deployment, sql), model)


def in_warehouse(deployment: Deployment, model: CuratedModel) -> Sums:
    """By the warehouse. Raises StatementFailed, where the table was not loaded yet too."""
    return _sums(lambda sql: warehouse.query(deployment, sql).rows, model)


def loaded_models(deployment: Deployment, contract: Contract) -> list[CuratedModel]:
    """The models that this deployment loads into a warehouse; none where it has no warehouse."""
    if not warehouse.is_there(deployment):
        return []
    return [model for model in contract.curated if model.warehouse]


def _sums(ask: Ask, model: CuratedModel) -> Sums:
    columns = "".join(f", sum({column})" for column, _ in model.conserves)
    ((rows, *totals),) = ask(f"select count(*){columns} from curated.{model.name}")  # noqa: S608 - contract names
    sources = [source for _, source in model.conserves]
    return Sums(rows=int(rows), totals=dict(zip(sources, map(_money, totals), strict=True)))


def _money(value: Any) -> Decimal:
    return Decimal("0.00") if value is None else Decimal(str(value))
