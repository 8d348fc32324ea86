"""What rows.table_operations.TableOperations means, whatever engine and format: each suite runs these expectations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from contracts.errors import RetryableError
from rows.table_operations import TableOperations
from rows.tables import Table, TableColumn

JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)
Rows = list[tuple[int, date]]


@dataclass(frozen=True, kw_only=True)
class Operated:
    """Tables of an engine with an empty table of numbers, and how a test speaks with that engine."""

    tables: TableOperations[Any]
    table: Table
    rows: Callable[[Rows], Any]
    held: Callable[[Any], Rows]
    delete_published: Callable[[str], None]  # as maintenance does, past any draft

    def load(self, rows: Rows, draft: str) -> int:
        """Append rows in a draft and publish it; the version that is published then."""
        self.tables.start_draft(self.table, draft)
        self.tables.append(self.table, draft, self.rows(rows))
        version = self.draft_version(draft)
        self.tables.publish(self.table, draft, version)
        return version

    def draft_version(self, draft: str) -> int:
        """The version that the draft is at."""
        version = self.tables.head(self.table, draft)
        assert version is not None
        return version

    def published(self) -> Rows:
        """The rows that everybody sees."""
        return self.held(self.tables.read(self.table))

    def of_draft(self, draft: str) -> Rows:
        """The rows that the draft holds."""
        return self.held(self.tables.read(self.table, draft=draft))


def numbers(environment: str) -> Table:
    """A table of numbers by month."""
    return Table(
        database=f"slipway_{environment}_processed",
        name="numbers",
        columns=(
            TableColumn(name="number", type="int", comment="A number."),
            TableColumn(name="day", type="date", comment="Its day."),
        ),
        partition_column="day",
        partition_transform="month",
        comment="Numbers by month.",
        location=None,
    )


class KeepsTableOperations:
    """Expectations; a subclass gives the fixture `operated`."""

    def test_nobody_sees_a_draft_until_it_is_published_and_publishing_again_is_harmless(
        self, operated: Operated
    ) -> None:
        tables, table = operated.tables, operated.table
        assert tables.start_draft(table, "run_a") is None
        tables.append(table, "run_a", operated.rows([(1, JANUARY)]))
        assert operated.published() == []
        assert operated.of_draft("run_a") == [(1, JANUARY)]
        version = operated.draft_version("run_a")
        for _ in range(2):
            tables.publish(table, "run_a", version)
        assert (operated.published(), tables.head(table)) == ([(1, JANUARY)], version)
        assert tables.head(table, "run_a") is None

    def test_a_draft_whose_base_was_overtaken_is_refused_and_changes_nothing(
        self, operated: Operated
    ) -> None:
        tables, table = operated.tables, operated.table
        operated.load([(1, JANUARY)], "run_a")
        tables.start_draft(table, "run_b")
        tables.append(table, "run_b", operated.rows([(2, JANUARY)]))
        stale = operated.draft_version("run_b")
        operated.delete_published("number = 1")
        with pytest.raises(RetryableError, match="run the whole batch again"):
            tables.publish(table, "run_b", stale)
        assert operated.published() == []

    def test_a_new_draft_drops_those_of_killed_runs_which_can_never_publish(
        self, operated: Operated
    ) -> None:
        tables, table = operated.tables, operated.table
        tables.start_draft(table, "run_killed")
        tables.append(table, "run_killed", operated.rows([(1, JANUARY)]))
        left = operated.draft_version("run_killed")
        tables.start_draft(table, "run_next")
        with pytest.raises(RetryableError):
            tables.publish(table, "run_killed", left)
        assert operated.published() == []

    def test_a_merge_updates_what_matches_and_is_newer_and_inserts_what_is_new(
        self, operated: Operated
    ) -> None:
        tables, table = operated.tables, operated.table
        operated.load([(1, JANUARY), (2, FEBRUARY)], "run_a")
        tables.start_draft(table, "run_b")
        rows = operated.rows([(1, date(2023, 12, 1)), (2, date(2024, 2, 9)), (3, JANUARY)])
        tables.merge(table, "run_b", rows, on="t.number = s.number", newer="s.day > t.day")
        assert operated.of_draft("run_b") == [(1, JANUARY), (2, date(2024, 2, 9)), (3, JANUARY)]
        tables.delete(table, "run_b", "number = 3")
        assert operated.of_draft("run_b") == [(1, JANUARY), (2, date(2024, 2, 9))]

    def test_an_update_sets_columns_of_the_rows_that_match(self, operated: Operated) -> None:
        tables, table = operated.tables, operated.table
        operated.load([(1, JANUARY), (2, JANUARY), (3, FEBRUARY)], "run_a")
        tables.start_draft(table, "run_b")
        rows = operated.rows([(1, date(2024, 3, 3)), (3, date(2024, 3, 4)), (4, JANUARY)])
        tables.update(
            table,
            "run_b",
            rows,
            on="t.number = s.number",
            when="t.number < 3",
            values={"day": "s.day"},
        )
        assert operated.of_draft("run_b") == [
            (1, date(2024, 3, 3)),
            (2, JANUARY),
            (3, FEBRUARY),
        ]

    def test_changed_partitions_are_those_whose_rows_may_differ(self, operated: Operated) -> None:
        tables, table = operated.tables, operated.table
        first = operated.load([(1, JANUARY)], "run_a")
        second = operated.load([(2, FEBRUARY)], "run_b")
        assert tables.changed_partitions(table, first, second) == [FEBRUARY]
        assert tables.changed_partitions(table, second, second) == []
        assert tables.changed_partitions(table, 1, second) is None  # not known, or rolled back
        tables.start_draft(table, "run_c")
        rows = operated.rows([(1, date(2023, 12, 5))])
        tables.merge(table, "run_c", rows, on="t.number = s.number", newer="TRUE")
        moved = operated.draft_version("run_c")
        assert tables.changed_partitions(table, second, moved) == [date(2023, 12, 1), JANUARY]

    def test_a_replaced_partition_remembers_its_properties_in_the_version(
        self, operated: Operated
    ) -> None:
        tables, table = operated.tables, operated.table
        operated.load([(1, JANUARY), (2, FEBRUARY)], "run_a")
        assert tables.last_properties(table, "slipway.source") == {}
        tables.start_draft(table, "run_b")
        rows, condition = operated.rows([(9, JANUARY)]), f"day = DATE '{JANUARY}'"
        tables.replace(table, "run_b", rows, condition, {"slipway.source": "7"})
        tables.publish(table, "run_b", operated.draft_version("run_b"))
        operated.load([(3, JANUARY)], "run_c")
        assert operated.published() == [(2, FEBRUARY), (3, JANUARY), (9, JANUARY)]
        assert tables.last_properties(table, "slipway.source")["slipway.source"] == "7"

    def test_an_earlier_version_can_be_read(self, operated: Operated) -> None:
        first = operated.load([(1, JANUARY)], "run_a")
        operated.load([(2, JANUARY)], "run_b")
        assert operated.held(operated.tables.read(operated.table, version=first)) == [(1, JANUARY)]
