"""`slipway query --warehouse` through the embedded Data API: types, nulls, pages, and refusals in its words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slipway import __main__ as command_line
from slipway import warehouse
from slipway.commands import query
from slipway.deployment import Deployment
from tests.end_to_end.local_cloud.conftest import Bench
from tests.end_to_end.local_cloud.warehouse import DATABASE, MAY_READ_LAKE, NAME, REDSHIFT, Warehouse, deploy, template

MANY = 1500
VALUES = (
    "SELECT CAST(7 AS bigint) AS orders, CAST('28151753818.07' AS decimal(18,2)) AS revenue, DATE '2024-05-31' AS day, "
    "TIMESTAMP '2024-05-31 12:00:00.25' AS at, CAST(NULL AS decimal(18,2)) AS missing, 'Côte' AS country, TRUE AS ok"
)


@pytest.fixture(scope="module")
def deployment(bench: Bench) -> Iterator[Deployment]:
    deploy(bench, template(bench.role("reader", REDSHIFT, *MAY_READ_LAKE)))
    Warehouse(bench).done(
        "CREATE SCHEMA IF NOT EXISTS curated",
        "CREATE TABLE curated.digits (digit int)",
        "INSERT INTO curated.digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
    )
    outputs = {"WarehouseWorkgroupName": NAME, "WarehouseDatabaseName": DATABASE}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in bench.cloud.environment().items():
            patch.setenv(name, value)
        found = Deployment(environment="local", region="us-east-1", outputs=outputs)
        patch.setattr(query, "connect", lambda _environment: found)
        yield found


def test_values_have_the_types_of_the_warehouse(deployment: Deployment) -> None:
    answer = warehouse.query(deployment, VALUES)
    assert {column.name: column.type for column in answer.columns} == {
        "orders": "bigint",
        "revenue": "decimal(18,2)",
        "day": "date",
        "at": "timestamp",
        "missing": "decimal(18,2)",
        "country": "varchar",
        "ok": "boolean",
    }
    moment = datetime(2024, 5, 31, 12, 0, 0, 250_000)
    assert answer.rows == [(7, Decimal("28151753818.07"), date(2024, 5, 31), moment, None, "Côte", True)]


def test_parquet_has_every_row_of_every_page(deployment: Deployment, tmp_path: Path) -> None:
    del deployment
    target = tmp_path / "a.parquet"
    sql = (
        "SELECT a.digit + 10 * b.digit + 100 * c.digit + 1000 * d.digit AS n, CAST(0.10 AS decimal(12,2)) AS price "
        "FROM curated.digits a CROSS JOIN curated.digits b CROSS JOIN curated.digits c CROSS JOIN curated.digits d "
        f"WHERE a.digit + 10 * b.digit + 100 * c.digit + 1000 * d.digit < {MANY}"
    )
    assert command_line.main(["query", "--warehouse", "--output", str(target), sql]) == 0
    written = pq.read_table(target)
    assert sorted(written["n"].to_pylist()) == list(range(MANY))
    assert written.schema.field("price").type == pa.decimal128(12, 2)


def test_a_mistake_is_told_in_the_words_of_the_warehouse(deployment: Deployment, capsys: Any) -> None:
    del deployment
    assert command_line.main(["query", "--warehouse", "select * from curated.nope"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("slipway query: ")
    assert "nope" in told
