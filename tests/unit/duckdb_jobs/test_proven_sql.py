"""A model is computed in DuckDB only if all that it uses is known to mean the same in Spark."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest

from contracts import model
from contracts.errors import NeedsSpark
from duckdb_jobs.proven_sql import require_proven
from tests.spark.orders import ORDERS

SELECT = "SELECT {} AS x FROM orders GROUP BY ALL"


def require(sql: str) -> None:
    """Judge a contract whose one model is this SQL."""
    changed = replace(ORDERS, curated=(replace(ORDERS.curated[0], sql=sql),))
    require_proven(duckdb.connect(), changed)


@pytest.mark.parametrize(
    "expression",
    [
        "CAST(date_trunc('month', order_date) AS date)",
        "CAST(sum(CASE WHEN amount < 0 AND note IS NOT NULL THEN 1 ELSE 0 END) AS bigint)",
        "CAST(sum(amount * quantity) AS decimal(18, 2))",
        "CAST(count(DISTINCT status) AS int)",
        "CAST(CASE WHEN status IN ('open', 'paid') THEN status END AS string)",
        "extract(DAY FROM (CAST(order_date AS timestamp) - CAST(order_date AS timestamp)))",
        "CAST((sum(quantity) - sum(quantity) % (2 * count(*))) / (2 * count(*)) AS bigint) * 0.01",
    ],
)
def test_what_is_proven_is_computed_here(expression: str) -> None:
    require(SELECT.format(expression))


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("CAST(amount AS int)", "casts a value of kind decimal to INT"),
        ("CAST(note AS decimal(8, 2))", "casts a value of kind text to DECIMAL"),
        ("CAST(sum(amount) / count(*) AS decimal(8, 2))", "uses /"),
        ("sum(quantity) / count(*)", "uses /"),
        ("(sum(quantity) - sum(quantity) % count(*)) / (2 * count(*))", "uses %"),
        ("(sum(quantity) - max(quantity) % count(*)) / count(*)", "uses %"),
        ("(sum(amount) - sum(amount) % count(*)) / count(*)", "uses %"),
        ("(sum(quantity) - sum(quantity) % min(quantity)) / min(quantity)", "uses %"),
        ("(sum(quantity) - sum(quantity) % (0 * count(*))) / (0 * count(*))", "uses %"),
        ("date_trunc('week', order_date)", "uses date_trunc"),
        ("lower(note)", "uses lower"),
        ("concat(note, status)", "uses concat"),
        ("dayofweek(order_date)", "uses dayofweek"),
        ("order_date + INTERVAL 1 MONTH", "casts a value of kind whole to DOUBLE"),
        ("order_date - order_date", "uses -"),
        ("amount * amount", "uses *"),
        ("note LIKE 'a%'", "uses ~~"),
        ("note = 5", "kinds text, whole in a condition"),
        ("unknown", "column unknown"),
        (r"CASE WHEN note = 'a\b' THEN 1 ELSE 0 END", "a text with a backslash"),
        ("sum(amount) FILTER (WHERE quantity > 1)", "FILTER"),
        ("row_number() OVER ()", "uses WINDOW"),
        ("(SELECT max(amount) FROM orders)", "uses SUBQUERY"),
        ("TRY_CAST(amount AS decimal(4, 2))", "casts"),
    ],
)
def test_what_is_not_proven_needs_spark_and_is_named(expression: str, named: str) -> None:
    with pytest.raises(NeedsSpark, match="curated model orders_by_month: it ") as refused:
        require(SELECT.format(expression))
    assert named in str(refused.value)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT DISTINCT status FROM orders",
        "SELECT status FROM orders ORDER BY status",
        "SELECT status FROM orders UNION SELECT note FROM orders",
        "WITH o AS (SELECT status FROM orders) SELECT status FROM o",
        "SELECT a.status FROM orders a JOIN orders b ON a.order_id = b.order_id",
        "SELECT status FROM orders GROUP BY CUBE (status, note)",
        "SELECT status FROM orders GROUP BY status HAVING count(*) > 1",
        "SELECT FROM",
    ],
)
def test_more_than_one_plain_select_needs_spark(sql: str) -> None:
    with pytest.raises(NeedsSpark):
        require(sql)


def test_all_datasets_are_curated_here() -> None:
    for name in model.datasets():
        require_proven(duckdb.connect(), model.load(name))
