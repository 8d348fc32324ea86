"""The sample queries over quality results answer what their first line says; DuckDB runs them, as locally."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot

QUERIES = Path(__file__).resolve().parents[3] / "sql" / "athena" / "sales_records"
COLUMNS = """run_id VARCHAR, rule_id VARCHAR, scope VARCHAR, action VARCHAR, status VARCHAR, rows_checked BIGINT,
    rows_failed BIGINT, measured VARCHAR, expected VARCHAR, contract_version VARCHAR, checked_at TIMESTAMP"""
RESULTS = [
    (
        "r1",
        "profit_is_right",
        "row",
        "quarantine",
        "failed",
        10,
        4,
        "4 rows",
        "0 rows",
        "1.0.0",
        "2026-01-01",
    ),
    (
        "r1",
        "sold_above_cost",
        "row",
        "warn",
        "passed",
        10,
        0,
        "0 rows",
        "0 rows",
        "1.0.0",
        "2026-01-01",
    ),
    (
        "r2",
        "profit_is_right",
        "row",
        "warn",
        "failed",
        20,
        1,
        "1 row",
        "0 rows",
        "1.1.0",
        "2026-02-01",
    ),
    (
        "r2",
        "sold_above_cost",
        "row",
        "warn",
        "failed",
        20,
        9,
        "9 rows",
        "0 rows",
        "1.1.0",
        "2026-02-01",
    ),
    (
        "r2",
        "there_are_orders",
        "table",
        "halt",
        "unproven",
        0,
        0,
        "0 rows",
        "at least 1",
        "1.1.0",
        "2026-02-01",
    ),
    (
        "r2",
        "an_order_is_there_once",
        "table",
        "halt",
        "passed",
        30,
        0,
        "0 rows",
        "0 rows",
        "1.1.0",
        "2026-02-01",
    ),
]


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """The quality table with two runs."""
    connection = duckdb.connect()
    connection.execute(f"CREATE SCHEMA lake; CREATE TABLE lake.sales_records_quality ({COLUMNS})")
    connection.executemany(
        f"INSERT INTO lake.sales_records_quality VALUES ({', '.join('?' * 11)})", RESULTS
    )
    yield connection
    connection.close()


def rows_of(name: str, database: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    text = (QUERIES / f"{name}.sql").read_text(encoding="utf-8").replace("{processed}", "lake")
    (statement,) = sqlglot.transpile(text, read="athena", write="duckdb")
    answer = database.execute(statement)
    return [
        dict(zip([column[0] for column in answer.description], row, strict=True))
        for row in answer.fetchall()
    ]


def test_the_history_counts_runs_and_rows_and_shows_how_each_rule_ended_last(
    database: duckdb.DuckDBPyConnection,
) -> None:
    found = rows_of("quality_history_by_rule", database)
    shown = [
        (row["rule_id"], row["runs"], row["runs_failed"], row["rows_failed"], row["last_status"])
        for row in found
    ]
    assert shown == [
        ("profit_is_right", 2, 2, 5, "failed"),
        ("sold_above_cost", 2, 1, 9, "failed"),
        ("an_order_is_there_once", 1, 0, 0, "passed"),
        ("there_are_orders", 1, 0, 0, "unproven"),
    ]
    assert (found[0]["action"], found[0]["last_measured"], found[0]["rows_checked"]) == (
        "warn",
        "1 row",
        30,
    )
    assert [row["runs_unproven"] for row in found] == [0, 0, 0, 1]


def test_the_failures_of_the_last_run_come_with_what_halts_first(
    database: duckdb.DuckDBPyConnection,
) -> None:
    found = rows_of("quality_failures_of_last_run", database)
    assert [(row["run_id"], row["rule_id"], row["status"]) for row in found] == [
        ("r2", "there_are_orders", "unproven"),
        ("r2", "sold_above_cost", "failed"),
        ("r2", "profit_is_right", "failed"),
    ]
