"""A row rule that could overflow is refused, with a rewriting that is accepted.

DuckDB computes integers here, from the greatest and least values of each type; decimals follow Spark's rules and are
computed in tests/spark/test_row_rules_at_their_limits.py.
"""

from __future__ import annotations

import duckdb
import pytest

from contracts.authoring.sql import expression_mistakes
from tests.unit.contracts.cases.limits import FITS, OVERFLOWS, TYPES, extreme_rows

CANNOT_TELL = (
    "big * huge > 0",
    "wide * price > 0",
    "wide + 1 > 0",
    "length(name) + 1 > 0",
)  # refused without trying 38 digits here


@pytest.fixture(scope="module")
def database() -> duckdb.DuckDBPyConnection:
    """Extreme values as table `limits`; nothing is simplified before it is computed."""
    connection = duckdb.connect()
    connection.execute("PRAGMA disable_optimizer")
    connection.execute(f"CREATE TABLE limits AS {extreme_rows()}")
    return connection


@pytest.mark.parametrize("expression", FITS)
def test_what_is_accepted_needs_no_other_type(
    expression: str, database: duckdb.DuckDBPyConnection
) -> None:
    assert expression_mistakes(expression, TYPES) == []
    if "decimal" not in expression and "price" not in expression:
        assert database.execute(f"SELECT {expression} FROM limits").fetchall()


@pytest.mark.parametrize("expression", OVERFLOWS)
def test_what_is_refused_overflows_and_the_advice_is_accepted(
    expression: str, database: duckdb.DuckDBPyConnection
) -> None:
    (message,) = expression_mistakes(expression, TYPES)
    part, _, advice = message.partition("; write ")
    assert " can overflow " in part
    assert expression_mistakes(f"{advice} > 0", TYPES) == []
    with pytest.raises(duckdb.OutOfRangeException):
        database.execute(f"SELECT {part.partition(' can ')[0]} FROM limits").fetchall()


@pytest.mark.parametrize("expression", CANNOT_TELL)
def test_what_may_need_more_than_the_widest_type_is_refused(expression: str) -> None:
    (message,) = expression_mistakes(expression, TYPES)
    assert " can overflow " in message


@pytest.mark.parametrize(
    "cast",
    [
        "name as bigint",
        "big as int",
        "day as string",
        "few as decimal(9,0)",
        "price as decimal(10,1)",
        "few as double",
    ],
)
def test_a_cast_that_can_fail_or_lose_digits_is_refused(cast: str) -> None:
    (message,) = expression_mistakes(f"cast({cast}) is not null", TYPES)
    assert message.startswith(f"CAST({cast.split()[0]} AS ")
    assert "to a type that holds every value of it" in message


@pytest.mark.parametrize(
    "cast", ["few as decimal(10,0)", "big as decimal(19,0)", "price as decimal(12,3)"]
)
def test_a_cast_that_keeps_every_value_is_accepted(cast: str) -> None:
    assert expression_mistakes(f"cast({cast}) is not null", TYPES) == []
