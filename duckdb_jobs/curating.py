# ruff: noqa: S608 - names cannot be bound as parameters; they come from a validated contract
"""Curating (rows/curation.py) in DuckDB: the model's SQL, the periods of rows, and the sums that both sides share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import duckdb

from contracts import model
from duckdb_jobs.tables.relations import quoted, text
from rows.curation import Comparison
from rows.periods import Unit


class DuckDbCurating:
    """Implements rows.curation.CuratingEngine over relations of DuckDB."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self._database = database

    def name(self, column: str) -> str:
        return quoted(column)

    def computed(self, rows: str, dataset: str, curated_model: model.CuratedModel) -> str:
        self._database.execute(
            f"CREATE OR REPLACE TEMP VIEW {quoted(dataset)} AS SELECT * FROM {rows}"
        )
        columns = ", ".join(
            f"CAST({quoted(column.name)} AS {column.type}) AS {quoted(column.name)}"
            for column in curated_model.columns
        )
        table = quoted(f"_computed_{curated_model.name}")
        self._database.execute(
            f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT {columns} FROM ({curated_model.sql})"
        )
        return table

    def periods(self, rows: str, column: str, unit: Unit) -> Iterable[date]:
        first = f"CAST(date_trunc({text(unit)}, {quoted(column)}) AS DATE)"
        found = self._database.execute(f"SELECT DISTINCT {first} FROM {rows}").fetchall()
        return [row[0] for row in found]

    def comparison(
        self, curated: str, processed: str, curated_model: model.CuratedModel
    ) -> Comparison:
        period, pairs = quoted(curated_model.period_column), curated_model.conserves
        ours = _sums([name for name, _ in pairs])
        theirs = _sums([source for _, source in pairs])
        (left,) = self._database.execute(
            f"SELECT count(*), list_sort(list(DISTINCT {period})){ours} FROM {curated}"
        ).fetchall()
        (right,) = self._database.execute(f"SELECT count(*){theirs} FROM {processed}").fetchall()
        names = [name for name, _ in pairs]
        return Comparison(
            rows=left[0],
            periods=left[1] or [],
            curated=dict(zip(names, left[2:], strict=True)),
            processed=dict(zip(names, right[1:], strict=True)),
        )


def _sums(columns: list[str]) -> str:
    return "".join(f", sum({quoted(column)})" for column in columns)
