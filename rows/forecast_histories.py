"""Histories of series as lines of JSON: read once when a training is laid out, by whichever engine has room for the
table, and read again by those who judge and publish, which need not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import assert_never

from contracts.errors import PermanentError
from contracts.model import Column, CuratedModel
from pipeline.run_documents import TrainingTable
from rows.forecast_run import Key, Known


def lines(known: Iterable[Known]) -> Iterator[str]:
    """Every series with the number of its table, its key, and its values: all as text, so that nothing is rounded."""
    for number, each in enumerate(known):
        for key, values in each.series.items():
            texts = [None if part is None else str(part) for part in key]
            yield json.dumps([number, texts, [str(value) for value in values]])


def read(
    written: Iterable[str], tables: Sequence[TrainingTable], models: Mapping[str, CuratedModel]
) -> tuple[Known, ...]:
    """What `lines` were written of, by the number of its table; `models` are those of the contract by their name.

    Raises PermanentError where a line is not of this form, or a table has not as many series as the plan says.
    """
    series: list[dict[Key, Sequence[Decimal]]] = [{} for _ in tables]
    for place, line in enumerate(written, start=1):
        try:
            number, texts, values = json.loads(line)
            columns = _columns(models[tables[number].table])
            key = tuple(_value(*pair) for pair in zip(columns, texts, strict=True))
            series[number][key] = [Decimal(value) for value in values]
        except (ValueError, TypeError, LookupError, InvalidOperation) as error:
            raise PermanentError(
                f"line {place} of the histories is {line.strip()[:80]!r}, expected [table, key, values]"
            ) from error
    for table, found in zip(tables, series, strict=True):
        if len(found) != table.series:
            raise PermanentError(
                f"the histories of {table.table} have {len(found)} series, and its plan has {table.series}"
            )
    return tuple(
        Known(version=table.snapshot, until=table.until, series=found)
        for table, found in zip(tables, series, strict=True)
    )


def _columns(model: CuratedModel) -> list[Column]:
    return [model.column(name) for name in model.forecast.by] if model.forecast else []


def _value(column: Column, text: str | None) -> object:
    """The value of a key as an engine gives it."""
    if text is None:
        return None
    match column.kind:
        case "string":
            return text
        case "int" | "bigint":
            return int(text)
        case "decimal":
            return Decimal(text)
        case "date":
            return date.fromisoformat(text)
        case "timestamp":
            return datetime.fromisoformat(text)
        case "boolean":
            return {"True": True, "False": False}[text]
        case unknown:
            assert_never(unknown)
