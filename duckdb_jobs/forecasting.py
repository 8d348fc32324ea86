# ruff: noqa: S608 - names cannot be bound as parameters; they come from a validated contract
"""Forecasting (rows/forecast_run.py) in DuckDB: sums by series and period in, rows of forecasts out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import chain

import duckdb

from contracts import model
from duckdb_jobs.tables.relations import quoted
from rows.forecast_run import Row, Total
from rows.tables import Table

ROWS_PER_STATEMENT = 200


class DuckDbForecasting:
    """Implements rows.forecast_run.ForecastingEngine over relations of DuckDB."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self._database = database

    def name(self, column: str) -> str:
        return quoted(column)

    def newest(self, rows: str, column: str) -> date | None:
        ((found,),) = self._database.execute(
            f"SELECT CAST(max({quoted(column)}) AS DATE) FROM {rows}"
        ).fetchall()
        return found if isinstance(found, date) else None

    def totals(self, rows: str, curated_model: model.CuratedModel) -> list[Total]:
        wanted = curated_model.forecast
        if wanted is None:
            return []
        by = ", ".join(map(quoted, (*wanted.by, curated_model.period_column)))
        statement = f"SELECT {by}, sum({quoted(wanted.of)}) FROM {rows} GROUP BY ALL"
        return [
            Total(key=tuple(key), period=period, amount=amount or Decimal(0))
            for *key, period, amount in self._database.execute(statement).fetchall()
        ]

    def rows(self, rows: str, columns: Sequence[str]) -> list[Row]:
        listed = ", ".join(map(quoted, columns))
        return self._database.execute(f"SELECT {listed} FROM {rows} ORDER BY ALL").fetchall()

    def made(self, table: Table, rows: Sequence[Row]) -> str:
        name = quoted(f"_made_{table.name}")
        columns = ", ".join(
            f"{quoted(column.name)} {column.type.replace('timestamp_ntz', 'timestamp')}"
            for column in table.columns
        )
        self._database.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({columns})")
        one = f"({', '.join('?' for _ in table.columns)})"
        for first in range(0, len(rows), ROWS_PER_STATEMENT):
            some = rows[first : first + ROWS_PER_STATEMENT]
            values = ", ".join(one for _ in some)
            self._database.execute(
                f"INSERT INTO {name} VALUES {values}", list(chain.from_iterable(some))
            )
        return name

    def count_and_sum(self, rows: str, column: str) -> tuple[int, Decimal]:
        ((count, total),) = self._database.execute(
            f"SELECT count(*), sum({quoted(column)}) FROM {rows}"
        ).fetchall()
        return count, total or Decimal(0)
