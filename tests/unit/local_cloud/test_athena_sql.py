"""Athena's dialect gives Athena's answers on DuckDB."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from local_cloud.adapters.athena import sql as athena_sql
from local_cloud.adapters.athena.sql import QueryRefused, TableName

SCHEMA = {
    "db": {
        "t": {
            "id": "INTEGER",
            "amount": "DECIMAL(18,2)",
            "day": "DATE",
            "rules": "VARCHAR[]",
            "reasons": "VARCHAR[]",
        }
    }
}


@pytest.fixture
def lake() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        columns = ", ".join(f"{name} {kind}" for name, kind in SCHEMA["db"]["t"].items())
        connection.execute(f"CREATE SCHEMA db; CREATE TABLE db.t ({columns})")
        connection.execute(
            "INSERT INTO db.t VALUES (7, 1.50, '2024-05-06', ['a', 'b'], ['x', 'y'])"
        )
        connection.execute("INSERT INTO db.t VALUES (8, 2.55, '2024-05-07', [], [])")
        yield connection


def ask(lake: duckdb.DuckDBPyConnection, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    statement = athena_sql.parse(sql)
    athena_sql.qualify(statement, "db")
    result = lake.execute(athena_sql.to_duckdb(statement, SCHEMA))
    return [column[0] for column in result.description or []], result.fetchall()


def test_a_quotient_of_integers_is_an_integer(lake: duckdb.DuckDBPyConnection) -> None:
    assert ask(lake, "select id / 2 from t order by id")[1] == [(3,), (4,)]


def test_the_average_of_decimals_is_a_decimal(lake: duckdb.DuckDBPyConnection) -> None:
    assert ask(lake, "select avg(amount), sum(amount) from t")[1] == [
        (Decimal("2.03"), Decimal("4.05"))
    ]


def test_a_quotient_of_decimals_is_a_decimal(lake: duckdb.DuckDBPyConnection) -> None:
    assert ask(lake, "select amount / amount from t limit 1")[1] == [(Decimal("1.00"),)]


def test_a_truncated_date_is_a_date(lake: duckdb.DuckDBPyConnection) -> None:
    rows = ask(lake, "select cast(date_trunc('month', day) as varchar) from t limit 1")[1]
    assert rows == [("2024-05-01",)]


def test_date_format_uses_mysql_patterns(lake: duckdb.DuckDBPyConnection) -> None:
    assert ask(lake, "select date_format(day, '%Y-%m') from t limit 1")[1] == [("2024-05",)]


def test_arrays_are_walked_side_by_side(lake: duckdb.DuckDBPyConnection) -> None:
    sql = "select rule, reason from t cross join unnest(rules, reasons) as broken (rule, reason) order by rule"
    assert ask(lake, sql) == (["rule", "reason"], [("a", "x"), ("b", "y")])


def test_results_without_a_name_are_counted(lake: duckdb.DuckDBPyConnection) -> None:
    assert ask(lake, "select id, count(*), 1 from t group by id limit 0")[0] == [
        "id",
        "_col1",
        "_col2",
    ]


def test_a_column_may_be_named_with_its_database(lake: duckdb.DuckDBPyConnection) -> None:
    assert ask(lake, "select db.t.id from db.t where db.t.id = 7")[1] == [(7,)]


def test_tables_are_named_in_lower_case_with_their_database() -> None:
    statement = athena_sql.parse(
        'select * from Sales join "AwsDataCatalog"."Other"."Orders" using (id)'
    )
    assert athena_sql.qualify(statement, "db") == {
        TableName(database="db", table="sales"),
        TableName(database="other", table="orders"),
    }


def test_a_common_table_expression_is_not_a_table() -> None:
    statement = athena_sql.parse("with recent as (select * from t) select * from recent")
    assert athena_sql.qualify(statement, "db") == {TableName(database="db", table="t")}


def test_another_catalog_is_refused() -> None:
    with pytest.raises(QueryRefused, match="CATALOG_NOT_FOUND"):
        athena_sql.qualify(athena_sql.parse("select * from elsewhere.db.t"), "db")


def test_a_syntax_error_names_its_place() -> None:
    with pytest.raises(QueryRefused, match=r"SYNTAX_ERROR: line 1:\d+"):
        athena_sql.parse("selec 1 from")


def test_two_statements_are_refused() -> None:
    with pytest.raises(QueryRefused, match="Only one sql statement is allowed"):
        athena_sql.parse("select 1; select 2")


def test_a_view_is_read_as_it_was_written() -> None:
    text = athena_sql.view_text("SELECT 1 a", "db", [("a", "integer")])
    assert athena_sql.view_definition(text)["originalSql"] == "SELECT 1 a"
    encoded = text.removeprefix("/* Presto View: ").removesuffix(" */")
    assert json.loads(base64.b64decode(encoded))["columns"] == [{"name": "a", "type": "integer"}]


def test_a_view_without_definition_is_refused() -> None:
    with pytest.raises(QueryRefused, match="INVALID_VIEW"):
        athena_sql.view_definition("SELECT 1")
