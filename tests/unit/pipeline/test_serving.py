"""What people are told of a write-back: rows written and taken out, with the table."""

from __future__ import annotations

from decimal import Decimal

from pipeline import serving
from pipeline.run_documents import DatabaseServed, DatabaseTable, WrittenTotal

WRITTEN = DatabaseServed(
    served="database",
    tables=(
        DatabaseTable(
            table="orders",
            mode="periods",
            loaded_rows=3,
            removed_rows=1,
            rows=40,
            totals={"amount": WrittenTotal(lake=Decimal("1.10"), database=Decimal("1.10"))},
        ),
    ),
)


def test_a_write_back_is_told_with_its_rows_and_kept_with_its_sums() -> None:
    kept = serving.kept([WRITTEN], {})
    assert kept["database"]["tables"]["orders"]["totals"] == {
        "amount": {"lake": "1.10", "database": "1.10"}
    }
    assert list(serving.sentences(kept)) == [
        "Database: 3 rows written to and 1 row removed from orders in schema silver."
    ]


def test_a_database_that_slept_on_is_a_warning_with_its_name_and_the_command() -> None:
    problem = (
        "the database at db:5433 did not answer within 120 s: timeout expired. The next run writes what is missing; to"
        " write it now: slipway database write orders"
    )
    asleep = DatabaseServed(served="database", tables=(), problem=problem)
    kept = serving.kept([asleep], {})
    assert serving.needs_a_look(kept)
    assert list(serving.sentences(kept)) == [
        f"WARNING: database: nothing was written, schema silver is as before. {problem}."
    ]
    assert not serving.needs_a_look(serving.kept([WRITTEN], {}))


def test_a_dataset_that_is_not_marked_is_told_as_such() -> None:
    kept = serving.kept([DatabaseServed(served="database", tables=())], {})
    assert list(serving.sentences(kept)) == ["Database: the contract marks no table for it."]
