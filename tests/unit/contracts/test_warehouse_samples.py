"""The sample queries of the warehouse: Redshift's SQL over tables that are there, with a question and an answer."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from contracts import model
from contracts.warehouse import statements as warehouse

FOLDER = Path(__file__).resolve().parents[3] / "sql" / "redshift"
QUERIES = sorted(file for dataset in model.datasets() for file in (FOLDER / dataset).glob("*.sql"))
VALUES = {
    "string": "'x' || (n % 3)",
    "date": "DATE '2022-01-01' + INTERVAL (n) MONTH",
    "int": "2022 + n % 3",
}


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Every table of the warehouse, with 36 rows each, one per month."""
    found = duckdb.connect()
    found.execute("CREATE SCHEMA curated")
    for item in (item for name in model.datasets() for item in warehouse.marked(model.load(name))):
        values = [
            f"CAST({VALUES.get(c.type, 'n + 1')} AS {_type(c)}) AS {c.name}" for c in item.columns
        ]
        found.execute(
            f"CREATE TABLE curated.{item.name} AS SELECT {', '.join(values)} FROM range(36) AS rows (n)"
        )
    yield found
    found.close()


def _type(column: model.Column) -> str:
    return "VARCHAR" if column.type == "string" else column.type


def answer(database: duckdb.DuckDBPyConnection, name: str) -> list[dict[str, Any]]:
    """What a query gives, by column."""
    done = database.execute(
        sqlglot.transpile((FOLDER / name).read_text(), read="redshift", write="duckdb")[0]
    )
    names = [column[0] for column in done.description or ()]
    return [dict(zip(names, row, strict=True)) for row in done.fetchall()]


@pytest.mark.parametrize("file", QUERIES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_query_asks_something_of_tables_that_are_there_and_is_answered(
    file: Path, database: duckdb.DuckDBPyConnection
) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.startswith("-- ")
    assert text.partition("\n")[0].rstrip(" .").count("?") == 1
    [tree] = [found for found in sqlglot.parse(text, read="redshift") if found is not None]
    assert tree.find(exp.Command) is None
    tables = {item.name for item in warehouse.marked(model.load(file.parent.name))}
    named = {cte.alias for cte in tree.find_all(exp.CTE)}
    asked = [table for table in tree.find_all(exp.Table) if table.name not in named]
    assert {table.name for table in asked} <= tables
    assert {table.db for table in asked} == {warehouse.TABLES}
    assert tree.find(exp.Order), "an answer without order differs from day to day"
    assert answer(database, f"{file.parent.name}/{file.name}")


def test_there_are_as_many_as_were_promised() -> None:
    names = [file.parent.name for file in QUERIES]
    assert names.count("sales_records") >= 8  # rows, preview, years, and five that an analyst asks
    assert names.count("superstore") >= 3


def test_years_add_up_to_all(database: duckdb.DuckDBPyConnection) -> None:
    years = answer(database, "sales_records/yearly_revenue_and_profit.sql")
    assert [year["order_year"] for year in years] == [2022, 2023, 2024]
    assert sum(year["revenue"] for year in years) == sum(range(1, 37))
    assert {year["margin_percent"] for year in years} == {100}


def test_shares_are_of_all_countries(database: duckdb.DuckDBPyConnection) -> None:
    countries = answer(database, "sales_records/top_countries_of_newest_year.sql")
    assert [row["country"] for row in countries] == ["x2"]  # of 2024, as 2022 + n % 3
    assert countries[0]["share_percent"] == 100


def test_a_month_is_compared_with_the_same_month(database: duckdb.DuckDBPyConnection) -> None:
    months = answer(database, "sales_records/months_against_the_year_before.sql")
    assert len(months) == 24
    assert {row["revenue"] - row["revenue_a_year_before"] for row in months} == {12}


def test_countries_stop_after_four_fifths(database: duckdb.DuckDBPyConnection) -> None:
    rows = answer(database, "sales_records/countries_that_make_most_of_the_profit.sql")
    assert [row["country"] for row in rows] == ["x2", "x1", "x0"]
    assert [round(Decimal(row["percent_so_far"]), 1) for row in rows] == [
        Decimal(text) for text in ("35.1", "68.5", "100.0")
    ]
