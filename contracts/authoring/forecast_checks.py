"""What must hold for a curated table that is forecast."""

from __future__ import annotations

from collections import Counter

from contracts.authoring.parsed import ParsedContract, ParsedTable
from contracts.authoring.problems import Path, did_you_mean
from contracts.authoring.profile import CuratedProperties, ForecastProperty
from contracts.authoring.yaml_lines import Document
from contracts.model import TableFormat

WRITTEN_BY_FORECASTS: tuple[TableFormat, ...] = ("iceberg",)  # the small engine writes nothing else
# What a table of forecasts has besides the period and the columns that it is forecast by.
OWN_COLUMNS = (
    *("value", "lower_80", "upper_80", "lower_95", "upper_95"),
    *("method", "wape", "mase", "trained_through", "model_version", "run_id", "actual"),
)


def check_format(contract: ParsedContract) -> None:
    """A mark on an aggregate whose format forecasts are not written in."""
    custom = contract.processed.custom if contract.processed else None
    if custom is None or custom.table_format in WRITTEN_BY_FORECASTS:
        return
    for table in contract.curated:
        if path := table.custom_paths.get("forecast"):
            message = (
                f"tables of format {custom.table_format} are not forecast: DuckDB makes forecasts and does not write "
                "them; write tableFormat: iceberg, or remove the property forecast"
            )
            contract.document.problem(path, message)


def check_table(table: ParsedTable[CuratedProperties], document: Document) -> None:
    """Mistakes in the property `forecast` of a model."""
    path = table.custom_paths.get("forecast")
    if path is None or table.custom is None:
        return
    mark = table.custom.forecast
    if mark is None:
        message = (
            "found nothing; write {of: COLUMN, by: [COLUMN], horizon: 6}, or remove the property"
        )
        document.problem(path, message)
        return
    _check_value(mark, table, table.custom, path, document)
    if table.custom.period_column in OWN_COLUMNS:
        document.problem(
            table.custom_paths["periodColumn"], _own_column(table.custom.period_column)
        )
    for index, name in enumerate(mark.by):
        if wrong := _wrong_series(name, table, table.custom):
            document.problem((*path, "by", index), wrong)
    for name, count in Counter(mark.by).items():
        if count > 1:
            message = f"{name!r} is listed {count} times; a series is told apart by it once"
            document.problem((*path, "by"), message)


def _check_value(
    mark: ForecastProperty,
    table: ParsedTable[CuratedProperties],
    custom: CuratedProperties,
    path: Path,
    document: Document,
) -> None:
    if mark.of not in table.names:
        document.problem(
            (*path, "of"), f"unknown column {mark.of!r}; {did_you_mean(mark.of, table.names)}"
        )
    elif mark.of not in custom.conserves:
        known = ", ".join(custom.conserves)
        message = f"found {mark.of!r}, which the model does not conserve, so it may not add up; expected one of {known}"
        document.problem((*path, "of"), message)


def _wrong_series(
    name: str, table: ParsedTable[CuratedProperties], custom: CuratedProperties
) -> str | None:
    """Why a column cannot tell series apart."""
    if name not in table.names:
        return f"unknown column {name!r}; {did_you_mean(name, table.names)}"
    if name == custom.period_column:
        return (
            f"found {name!r}, the periods themselves; name columns that are alike in every period"
        )
    column = table.column(name)
    if column and not column.spec.primary_key:
        return f"found {name!r}, which is no primaryKey of the model; a series is told apart by its grain"
    if name in OWN_COLUMNS:
        return _own_column(name)
    return None


def _own_column(name: str) -> str:
    return f"{name!r} is a column of every table of forecasts; choose another name for it"
