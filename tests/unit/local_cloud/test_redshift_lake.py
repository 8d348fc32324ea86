"""What of the lake a statement reads: the columns that it names, and the files that its WHERE can keep."""

from __future__ import annotations

import pytest
from pyiceberg import expressions as iceberg
from pyiceberg.schema import Schema
from pyiceberg.types import DateType, DecimalType, IntegerType, NestedField, StringType
from sqlglot import exp

from local_cloud.adapters.redshift import lake as redshift_lake
from local_cloud.adapters.redshift import sql as redshift_sql

COLUMNS = ["period", "region", "year", "revenue"]
SCHEMA = Schema(
    NestedField(1, "period", DateType()),
    NestedField(2, "region", StringType()),
    NestedField(3, "year", IntegerType()),
    NestedField(4, "revenue", DecimalType(18, 2)),
)
EVERYTHING = iceberg.AlwaysTrue()


def lake_table(sql: str) -> exp.Table:
    """The external table of a statement."""
    return next(
        table for table in redshift_sql.parse(sql).find_all(exp.Table) if table.db == "lake"
    )


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT SUM(revenue) FROM lake.t WHERE period = DATE '2026-01-01'", ["period", "revenue"]),
        ("SELECT * FROM lake.t", COLUMNS),
        ("SELECT COUNT(*) FROM lake.t", ["period"]),
        ('SELECT s."Region" FROM lake.t s JOIN curated.t c ON c.year = s.year', ["region", "year"]),
        ("INSERT INTO staged (region) SELECT region FROM lake.t", ["region"]),
    ],
)
def test_only_named_columns_are_read(sql: str, columns: list[str]) -> None:
    assert redshift_lake._columns_needed(lake_table(sql), COLUMNS) == columns


@pytest.mark.parametrize(
    ("where", "condition"),
    [
        (
            "period IN (DATE '2026-01-01', DATE '2026-02-01')",
            iceberg.In("period", {"2026-01-01", "2026-02-01"}),
        ),
        ("period IN ('2026-01-01'::date)", iceberg.In("period", {"2026-01-01"})),
        ("period >= DATE '2026-01-01'", iceberg.GreaterThanOrEqual("period", "2026-01-01")),
        ("region = 'Asia' AND revenue > 5", iceberg.EqualTo("region", "Asia")),
        ("(year = 2026)", iceberg.EqualTo("year", 2026)),
        # what one row of the file cannot tell, or not safely
        ("TRUE", EVERYTHING),
        ("region = 'Asia' OR year = 2026", EVERYTHING),
        ("NOT (year = 2026)", EVERYTHING),
        ("year = 2026 + 1", EVERYTHING),
        ("year = '2026'", EVERYTHING),
        ("region = other.name", EVERYTHING),
        ("other.year = 2026", EVERYTHING),
        ("period IN (SELECT period FROM curated.t)", EVERYTHING),
    ],
)
def test_only_files_that_can_hold_wanted_rows_are_read(
    where: str, condition: iceberg.BooleanExpression
) -> None:
    table = lake_table(f"SELECT revenue FROM lake.t WHERE {where}")
    assert redshift_lake._row_filter(table, SCHEMA) == condition


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT l.revenue FROM lake.t l LEFT JOIN curated.t c ON c.year = l.year WHERE l.year = 2026",
        "SELECT c.year FROM curated.t c LEFT JOIN lake.t l ON c.year = l.year WHERE l.year = 2026",
    ],
)
def test_with_a_join_every_file_is_read(sql: str) -> None:
    assert redshift_lake._row_filter(lake_table(sql), SCHEMA) == EVERYTHING
