"""`slipway query --warehouse` through the embedded Data API: types, nulls, pages, refusals, and every sample query.

Its tables have the types of the contracts and two years of made-up rows, since sample queries must find something.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts import model
from contracts.model import Column, CuratedModel
from contracts.warehouse import ddl as warehouse_ddl
from slipway import __main__ as command_line
from slipway.commands import query
from slipway.deployment import Deployment
from slipway.reading import samples, warehouse
from tests.end_to_end.local_cloud.conftest import Bench
from tests.end_to_end.local_cloud.warehouse import (
    DATABASE,
    MAY_READ_LAKE,
    NAME,
    REDSHIFT,
    Warehouse,
    deploy,
    template,
)

MANY = 1500
MONTHS = [date(2023 + number // 12, number % 12 + 1, 1) for number in range(24)]
VALUES = (
    "SELECT CAST(7 AS bigint) AS orders, CAST('28151753818.07' AS decimal(18,2)) AS revenue, DATE '2024-05-31' AS day, "
    "TIMESTAMP '2024-05-31 12:00:00.25' AS at, CAST(NULL AS decimal(18,2)) AS missing, 'Côte' AS country, TRUE AS ok"
)


def filled(curated: CuratedModel) -> Iterator[str]:
    """Statements that make a curated table with a row per month."""
    types = ", ".join(
        f"{column.name} {warehouse_ddl.column_type(column)}" for column in curated.columns
    )
    yield f"CREATE TABLE curated.{curated.name} ({types})"
    rows = (
        ", ".join(cell(column, number) for column in curated.columns)
        for number in range(len(MONTHS))
    )
    yield f"INSERT INTO curated.{curated.name} VALUES {', '.join(f'({row})' for row in rows)}"


def cell(column: Column, number: int) -> str:
    month = MONTHS[number]
    if column.type == "date":
        return f"DATE '{month}'"
    if column.type == "string":
        return f"'{column.name} {number % 3}'"
    if column.name.endswith("year"):
        return str(month.year)
    if column.name.endswith("quarter"):
        return str((month.month + 2) // 3)
    return str(number + 1)


@pytest.fixture(scope="module")
def deployment(bench: Bench) -> Iterator[Deployment]:
    deploy(bench, template(bench.role("reader", REDSHIFT, *MAY_READ_LAKE)))
    Warehouse(bench).done(
        "CREATE SCHEMA IF NOT EXISTS curated",
        "CREATE TABLE curated.digits (digit int)",
        "INSERT INTO curated.digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
        *(
            sql
            for name in model.datasets()
            for one in model.load(name).curated
            for sql in filled(one)
        ),
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
    assert answer.rows == [
        (7, Decimal("28151753818.07"), date(2024, 5, 31), moment, None, "Côte", True)
    ]


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


def test_a_mistake_is_told_in_the_words_of_the_warehouse(
    deployment: Deployment, capsys: Any
) -> None:
    del deployment
    assert command_line.main(["query", "--warehouse", "select * from curated.nope"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("slipway query: ")
    assert "nope" in told


@pytest.mark.usefixtures("deployment")
@pytest.mark.parametrize("sample", samples.samples("redshift"), ids=lambda sample: sample.name)
def test_every_sample_query_answers_by_its_name(sample: samples.Sample, capsys: Any) -> None:
    assert command_line.main(["query", "--warehouse", sample.name]) == 0
    header, first, *_ = capsys.readouterr().out.splitlines()
    assert header.strip()
    assert not first.startswith("0 rows")


def test_a_sales_analyst_finds_eight_of_them() -> None:
    names = [sample.name for sample in samples.samples("redshift")]
    assert len([name for name in names if name.startswith("sales_records/")]) >= 8
