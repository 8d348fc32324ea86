"""Which files a SQL condition may concern: never fewer than there are, and few where the condition says so."""

from __future__ import annotations

import duckdb
import pytest
from pyiceberg.schema import Schema
from pyiceberg.types import DateType, DecimalType, LongType, NestedField, StringType, TimestampType

from duckdb_jobs.tables.pruning import Pruning

SCHEMA = Schema(
    NestedField(1, "id", LongType()),
    NestedField(2, "day", DateType()),
    NestedField(3, "moment", TimestampType()),
    NestedField(4, "name", StringType()),
    NestedField(5, "amount", DecimalType(8, 2)),
)
EVERY = "AlwaysTrue()"


@pytest.fixture(scope="module")
def pruning() -> Pruning:
    """Of a table with a column of each kind."""
    return Pruning(duckdb.connect(), SCHEMA)


def shown(expression: object) -> str:
    return str(expression).replace("term=Reference(name=", "").replace("literal", "")


@pytest.mark.parametrize(
    ("condition", "columns"),
    [
        ("id = 5", {"id"}),
        ("5 <= t.id", {"id"}),
        ("\"day\" >= DATE '2024-01-01' AND day < DATE '2024-02-01'", {"day"}),
        ("(day = DATE '2024-01-01') OR (name = 'a')", {"day", "name"}),
        (
            "moment BETWEEN TIMESTAMP '2024-01-01 01:02:03.000004' AND TIMESTAMP '2024-01-02'",
            {"moment"},
        ),
        ("name IN ('a', 'it''s') AND amount > 1.5", {"name"}),
        ("t.id = s.other", {"id"}),
    ],
)
def test_what_is_said_of_a_column_is_understood(
    pruning: Pruning, condition: str, columns: set[str]
) -> None:
    expression = str(pruning.expression(condition, {"other": (1, 9)}))
    assert {name for name in SCHEMA.column_names if f"'{name}'" in expression} == columns


@pytest.mark.parametrize(
    "condition",
    [
        "TRUE",
        "NOT id = 5",
        "id NOT IN (1, 2)",
        "id <> 5",
        "id + 0 = 5",
        "id = 5 OR upper(name) = 'A'",
        "name = 5",
        "id = '5'",
        "id IN (1, NULL)",
        "id = 5.5",
        "amount = 5",
        "day < TIMESTAMP '2024-01-01 10:00:00'",  # that day may be meant, too
        "day < DATE '2024-1-1'",
        "moment < TIMESTAMP '2024-01-01 10:00:00+02:00'",
        "s.id = 5",
        "other = 5",
        "t.id = s.unknown",
        "t.amount = s.other",
        "EXISTS (SELECT 1 FROM s WHERE s.id = 5)",
    ],
)
def test_whatever_is_not_understood_may_concern_every_file(
    pruning: Pruning, condition: str
) -> None:
    assert str(pruning.expression(condition, {"other": (1, 9)})) == EVERY


def test_no_row_that_comes_concerns_no_file(pruning: Pruning) -> None:
    assert str(pruning.expression("t.id = s.id", {"id": (None, None)})) == "AlwaysFalse()"
    assert str(pruning.expression("FALSE")) == "AlwaysFalse()"


def test_columns_that_must_be_equal_are_found_in_a_conjunction_only(pruning: Pruning) -> None:
    assert pruning.joined("t.id = s.a AND s.b = t.name AND t.day > s.c") == ["a", "b"]
    assert pruning.joined("t.id = s.a OR t.name = s.b") == []
    assert pruning.joined("t.id = s.a") == ["a"]


def test_what_is_no_condition_is_refused(pruning: Pruning) -> None:
    with pytest.raises(ValueError, match="not a SQL condition: 'id ='"):
        pruning.expression("id =")
