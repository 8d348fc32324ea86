# ruff: noqa: S608 - names cannot be bound as parameters; they come from a validated mart
"""Marts (rows/marts.py) in DuckDB: the mart's SQL over its inputs, its rules, and the figures that both sides share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from contracts.marts import Mart
from duckdb_jobs.tables.relations import quoted, text


class DuckDbMarts:
    """Implements rows.marts.MartEngine over relations of DuckDB."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self._database = database

    def computed(self, inputs: Mapping[str, str], mart: Mart) -> str:
        for each in mart.inputs:
            listed = ", ".join(map(quoted, each.columns))
            self._database.execute(
                f"CREATE OR REPLACE TEMP VIEW {quoted(each.dataset)} AS SELECT {listed} FROM {inputs[each.dataset]}"
            )
        columns_of_mart = ", ".join(
            f"CAST({quoted(column.name)} AS {column.type}) AS {quoted(column.name)}"
            for column in mart.columns
        )
        table = quoted(f"_computed_{mart.name}")
        self._database.execute(
            f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT {columns_of_mart} FROM ({mart.sql})"
        )
        return table

    def changed_periods(self, before: str, after: str, mart: Mart) -> list[date]:
        period = quoted(mart.period_column)
        old, new = (f"SELECT {_columns(mart)} FROM {rows}" for rows in (before, after))
        found = self._database.execute(
            f"SELECT DISTINCT {period} FROM (({old} EXCEPT ALL {new}) UNION ALL ({new} EXCEPT ALL {old})) ORDER BY 1"
        ).fetchall()
        return [row[0] for row in found]

    def within(self, mart: Mart, periods: list[date]) -> str:
        listed = ", ".join(f"DATE {text(each.isoformat())}" for each in periods)
        return f"{quoted(mart.period_column)} IN ({listed})" if periods else "FALSE"

    def where(self, rows: str, condition: str) -> str:
        return f"(SELECT * FROM {rows} AS t WHERE {condition})"

    def total(self, rows: str, column: str) -> Decimal | None:
        found = self._one(f"SELECT sum({quoted(column)}) FROM {rows}")
        return None if found is None else Decimal(found)

    def count(self, rows: str) -> int:
        return int(self._one(f"SELECT count(*) FROM {rows}"))

    def repeated(self, rows: str, columns: tuple[str, ...]) -> int:
        listed = ", ".join(map(quoted, columns))
        times = f"SELECT count(*) AS times FROM {rows} GROUP BY {listed} HAVING count(*) > 1"
        return int(self._one(f"SELECT coalesce(sum(times), 0) FROM ({times})"))

    def breaking(self, rows: str, mart: Mart) -> dict[str, int]:
        demands = _demands(mart)
        counts = ", ".join(f"count(*) FILTER (({each}) IS NOT TRUE)" for each in demands.values())
        (found,) = self._database.execute(f"SELECT {counts} FROM {rows}").fetchall()
        return {what: number for what, number in zip(demands, found, strict=True) if number}

    def _one(self, query: str) -> Any:
        ((found,),) = self._database.execute(query).fetchall()
        return found


def _columns(mart: Mart) -> str:
    return ", ".join(quoted(column.name) for column in mart.columns)


def _demands(mart: Mart) -> dict[str, str]:
    """A condition that each row must meet, by what it says."""
    period = quoted(mart.period_column)
    first = f"{period} = CAST(date_trunc({text(mart.period)}, {period}) AS DATE)"
    needed = {column.name for column in mart.columns if column.required} | set(mart.grain)
    return {
        f"{mart.period_column} is the first day of its {mart.period}": first,
        **{
            f"{column.name} is never empty": f"{quoted(column.name)} IS NOT NULL"
            for column in mart.columns
            if column.name in needed
        },
        **{f"rule {rule.id} ({rule.description})": rule.expression for rule in mart.rules},
    }
