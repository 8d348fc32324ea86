"""Redshift's SQL on the embedded engine: values and rows are those that Redshift would give."""

from __future__ import annotations

import duckdb
import pytest

from local_cloud.adapters.redshift import sql as redshift_sql
from local_cloud.adapters.redshift.engine import Session
from local_cloud.adapters.redshift.sql import StatementRefused
from local_cloud.adapters.redshift.types import quotient_scale
from tests.unit.local_cloud.warehouse import run, shown


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("7/2", "3"),
        ("-7/2", "-3"),
        ("n/2", "3"),
        ("n/2.0", "3.5000"),
        ("real_number/2", "0.25"),
        ("k % 2", "1"),
        ("NVL(name, 'none')", "a"),
        ("CONCAT('a', CAST(NULL AS varchar(1)))", "NULL"),
        ("'a' || name", "aa"),
        ("TO_CHAR(day, 'YYYY-MM')", "2026-01"),
        ("DATEADD(month, 1, day)", "2026-02-28 00:00:00"),
        ("DATEDIFF(month, DATE '2026-01-31', DATE '2026-02-01')", "1"),
        ("DATE_TRUNC('month', day)::date", "2026-01-01"),
        ("EXTRACT(year FROM day)", "2026"),
        ("DATE_PART(month, day)", "1"),
        ("DATE_PART('quarter', day)", "1"),
        ("GETDATE()::date = SYSDATE::date", "True"),
        ("CASE WHEN money = 10.10 THEN TRUE END", "True"),
        ("CASE WHEN money = 10 THEN TRUE END", "NULL"),
        ("CURRENT_USER", "IAMR:loader"),
        ("LEN(name)", "1"),
        ("DECODE(n, 7, 'seven', 'other')", "seven"),
        ("ROUND(money, 1)", "10.1"),
        ("money * 100", "1010.00"),
        ("CAST('abcdef' AS varchar(3))", "abc"),
        ("CAST(CAST('abcdef' AS varchar(3)) AS varchar(5))", "abc"),
        ("(name || 'bcd')::char(2) || CAST(money AS varchar(64))", "ab10.10"),
    ],
)
def test_an_expression_has_redshifts_value(session: Session, expression: str, value: str) -> None:
    assert shown(session, f"SELECT {expression} AS x FROM curated.sales WHERE k = 1") == [(value,)]


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT SUM(a), SUM(a - b), AVG(b) FROM curated.money", [("100000000001.01", "99999999996.99", "1.34")]),
        # (38,2) by (38,2): four digits, as Redshift's rule leaves; the last one rounded, see redshift_types
        ("SELECT SUM(a) / SUM(b) FROM curated.money WHERE b = 3", [("0.0067",)]),
        ("SELECT 100.0 * SUM(a) / SUM(b) FROM curated.money WHERE b = 3", [("0.6667",)]),
        ("SELECT SUM(k), SUM(n), AVG(n), COUNT(*) FROM curated.sales", [("3", "9", "4", "2")]),
        ("SELECT AVG(real_number) FROM curated.sales", [("1.0",)]),
        ("SELECT k, SUM(money) OVER (ORDER BY k ROWS UNBOUNDED PRECEDING) FROM curated.sales ORDER BY k",
         [("1", "10.10"), ("2", "10.30")]),
        ("SELECT k FROM (SELECT k, ROW_NUMBER() OVER (PARTITION BY 1 ORDER BY money DESC) AS r FROM curated.sales) "
         "WHERE r = 1", [("1",)]),
        ("WITH t AS (SELECT day, SUM(money) AS m FROM curated.sales GROUP BY day) "
         "SELECT m / SUM(m) OVER () FROM t ORDER BY 1", [("0.0194",), ("0.9806",)]),
        ("SELECT LISTAGG(k, '-') WITHIN GROUP (ORDER BY k DESC), LISTAGG(k) WITHIN GROUP (ORDER BY k) "
         "FROM curated.sales", [("2-1", "12")]),
        ("SELECT name FROM curated.sales ORDER BY name", [("a",), ("NULL",)]),
        ("SELECT name FROM curated.sales ORDER BY name DESC", [("NULL",), ("a",)]),
        ("SELECT TOP 1 k FROM curated.sales ORDER BY k", [("1",)]),
        ("SELECT MEDIAN(money), PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY n) FROM curated.sales", [("5.15", "4.5")]),
    ],
)  # fmt: skip
def test_a_query_has_redshifts_rows(
    session: Session, sql: str, rows: list[tuple[str, ...]]
) -> None:
    assert shown(session, sql) == rows


def test_a_parameter_is_a_text_and_never_sql(session: Session) -> None:
    assert run(session, "SELECT :word AS w, ':word' AS quoted", word="a'; DROP TABLE x") == [
        ("a'; DROP TABLE x", ":word")
    ]
    assert redshift_sql.parameter_names("-- not :e\nSELECT :a, b::int, ':c', x.y::date = :d") == {
        "a",
        "d",
    }
    with pytest.raises(StatementRefused, match="there is no parameter 'missing'"):
        run(session, "SELECT :missing")


@pytest.mark.parametrize("moment", ["GETDATE()", "SYSDATE", "CURRENT_TIMESTAMP"])
def test_a_time_has_no_zone(session: Session, moment: str) -> None:
    # Source: Redshift database developer guide, GETDATE and SYSDATE functions: TIMESTAMP
    outcome = session.run(f"SELECT {moment} AS now", {}, query_id=1, in_batch=True)
    assert outcome.columns == [("now", "TIMESTAMP")]


def test_a_system_view_is_there_for_one_statement_only(session: Session) -> None:
    assert (
        run(session, "SELECT query_id FROM sys_external_query_detail d WHERE d.returned_bytes > 0")
        == []
    )
    views = session.connection.execute("SELECT view_name FROM duckdb_views()").fetchall()
    assert not [name for (name,) in views if "slipway" in name]


@pytest.mark.parametrize(
    "sql", ["SELECT n / (n - n) FROM curated.sales", "SELECT money / 0 FROM curated.sales"]
)
def test_a_division_by_zero_is_an_error(session: Session, sql: str) -> None:
    with pytest.raises(duckdb.Error, match="Divide by zero"):
        run(session, sql)


@pytest.mark.parametrize(
    ("left", "right", "scale"),
    [((18, 2), (18, 2), 19), ((38, 2), (38, 2), 4), ((10, 0), (2, 1), 4), ((7, 2), (5, 2), 6)],
)
def test_a_quotients_scale_follows_redshifts_rule(
    left: tuple[int, int], right: tuple[int, int], scale: int
) -> None:
    # Source: Redshift database developer guide, "Computations with numeric values"
    assert quotient_scale(left, right) == scale
