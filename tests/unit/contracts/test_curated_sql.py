"""The curated SQL, run by DuckDB, equals an independent computation with Decimal, row by row and to the cent.

The rows are read here with csv and strptime, by nothing that the pipeline uses.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from contracts import headers, model

ROOT = Path(__file__).resolve().parents[3]
REAL_FILE = ROOT / "tests" / "real" / "sales_records_500.csv"
SAMPLE = ROOT / "sample_data" / "sales_records_valid.csv"
FILES = [SAMPLE, REAL_FILE]
CASTS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "int": int,
    "bigint": int,
    "date": lambda text: datetime.strptime(text, "%m/%d/%Y").date(),
    "decimal": Decimal,
}
Row = dict[str, Any]


def read(file: Path) -> list[Row]:
    """Typed rows of a sales file, by contract column name."""
    columns = {
        headers.normalized_header(column.source_name): column
        for column in model.load("sales_records").columns
    }
    with file.open(encoding="utf-8-sig", newline="") as lines:
        records = csv.DictReader(lines)
        return [
            {
                column.name: CASTS[column.type.split("(")[0]](record[name].strip())
                for name in record
                if (column := columns.get(headers.normalized_header(name)))
            }
            for record in records
        ]


def table(rows: list[Row]) -> duckdb.DuckDBPyConnection:
    """A database with the rows as table sales_records, typed by the contract."""
    names = {"string": pa.string(), "int": pa.int32(), "bigint": pa.int64(), "date": pa.date32()}
    fields = [
        (
            column.name,
            pa.decimal128(*column.precision_and_scale)
            if column.precision_and_scale
            else names[column.type],
        )
        for column in model.load("sales_records").columns
    ]
    connection = duckdb.connect()
    connection.register("sales_records", pa.Table.from_pylist(rows, schema=pa.schema(fields)))
    return connection


def expected(rows: list[Row], key: Callable[[Row], tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Orders, units, revenue, cost and profit by key."""
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    summed = ("units_sold", "total_revenue", "total_cost", "total_profit")
    return sorted(
        (*found, len(members), *(sum(row[name] for row in members) for name in summed))
        for found, members in groups.items()
    )


def by_quarter(row: Row) -> tuple[Any, ...]:
    day: date = row["order_date"]
    quarter = (day.month + 2) // 3
    return row["region"], row["country"], day.year, quarter, date(day.year, 3 * quarter - 2, 1)


def by_month(row: Row) -> tuple[Any, ...]:
    return row["order_date"].replace(day=1), row["item_type"]


KEYS = {"sales_by_region_quarter": by_quarter, "sales_by_month_item": by_month}


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_model_equals_an_independent_computation(name: str, file: Path) -> None:
    rows = read(file)
    curated = next(item for item in model.load("sales_records").curated if item.name == name)
    found = table(rows).execute(curated.sql).fetchall()
    assert sorted(found) == expected(rows, KEYS[name])
    grain = [column.name for column in curated.columns if column.name in curated.grain]
    positions = [[column.name for column in curated.columns].index(name) for name in grain]
    assert len({tuple(row[position] for position in positions) for row in found}) == len(found)


@pytest.mark.parametrize("name", KEYS)
def test_duckdb_gives_the_declared_types(name: str) -> None:
    curated = next(item for item in model.load("sales_records").curated if item.name == name)
    described = table([]).execute(f"DESCRIBE {curated.sql}").fetchall()
    given = {row[0]: row[1] for row in described}
    names = {
        "string": "VARCHAR",
        "int": "INTEGER",
        "bigint": "BIGINT",
        "date": "DATE",
        "decimal(18,2)": "DECIMAL(18,2)",
    }
    assert given == {column.name: names[column.type] for column in curated.columns}


def test_the_real_file_keeps_the_contract_and_its_totals() -> None:
    rows = read(REAL_FILE)
    sales = model.load("sales_records")
    connection = table(rows)
    assert len({row["order_id"] for row in rows}) == len(rows) == 500
    for curated in sales.curated:
        names = [column.name for column in curated.columns]
        totals = [
            sum(row[names.index(name)] for row in connection.execute(curated.sql).fetchall())
            for name in ("revenue", "profit")
        ]
        assert totals == [Decimal("636617627.72"), Decimal("190932758.44")]
    for rule in sales.rules:
        broken = f"SELECT count(*) FROM sales_records WHERE ({rule.expression}) IS NOT TRUE"
        assert connection.execute(broken).fetchall() == [(0,)], rule.id
    for column in sales.columns:
        values = [row[column.name] for row in rows]
        kind = CASTS[column.type.split("(")[0]] if column.type != "date" else date.fromisoformat
        assert column.minimum is None or min(values) >= kind(column.minimum), column.name
        assert column.maximum is None or max(values) <= kind(column.maximum), column.name
        assert not column.allowed or set(values) <= set(column.allowed), column.name
        assert column.max_length is None or max(map(len, values)) <= column.max_length, column.name
