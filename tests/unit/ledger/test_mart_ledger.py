"""One run of a mart at a time, and exactly one more for all who came meanwhile; datasets' entries are never touched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.errors import RetryableError
from pipeline.ledger import RunLedger
from pipeline.ledger.marts import TRIES, MartLedger

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
LEASE = 3600


@pytest.fixture
def ledger(table: Any) -> MartLedger:
    return MartLedger(table=table, mart="sales")


def take(ledger: MartLedger, execution: str, *, at: datetime = NOW) -> str | None:
    return ledger.take(execution, trigger="orders", now=at, lease_seconds=LEASE)


def held(ledger: MartLedger, execution: str, *, at: datetime = NOW) -> str:
    run_id = take(ledger, execution, at=at)
    assert run_id
    return run_id


def test_an_execution_that_asks_again_gets_its_own_run_back(ledger: MartLedger) -> None:
    run_id = held(ledger, "one")
    assert take(ledger, "one") == run_id == ledger.held_by("one")
    [run] = ledger.newest(5)
    assert (run["status"], run["trigger"], run["execution_arn"]) == ("running", "orders", "one")


def test_a_call_that_died_between_lock_and_ledger_writes_the_run_when_repeated(
    ledger: MartLedger, table: Any
) -> None:
    run_id = held(ledger, "one")
    table.delete_item(Key={"dataset": "mart#sales", "entry": f"run#{run_id}"})
    assert take(ledger, "one") == run_id
    assert ledger.newest(1)[0]["status"] == "running"


def test_all_who_come_meanwhile_make_one_more_run(ledger: MartLedger) -> None:
    run_id = held(ledger, "one")
    assert [take(ledger, name) for name in ("two", "three", "four")] == [None, None, None]
    assert ledger.release(run_id) is True
    again = held(ledger, "five")
    assert again != run_id
    assert ledger.release(again) is False


def test_who_does_not_hold_the_lock_releases_nothing(ledger: MartLedger) -> None:
    run_id = held(ledger, "one")
    assert ledger.release("another") is False
    assert ledger.held_by("one") == run_id
    assert ledger.held_by("two") is None


def test_a_run_whose_lease_is_over_is_dead_and_its_lock_changes_hands(ledger: MartLedger) -> None:
    dead = held(ledger, "one")
    later = NOW + timedelta(seconds=LEASE + 1)
    living = held(ledger, "two", at=later)
    by_id = {run["run_id"]: run for run in ledger.newest(5)}
    assert (by_id[dead]["status"], by_id[dead]["error"]) == ("failed", "LeaseExpired")
    assert by_id[living]["status"] == "running"
    assert ledger.release(dead) is False


class Between:
    """The table, on which something happens before the `number`-th call of an operation."""

    def __init__(self, table: Any, operation: str, happens: Callable[[], object]) -> None:
        self._table, self._operation, self._happens = table, operation, happens

    def __getattr__(self, name: str) -> Any:
        if name == self._operation:
            self._happens()
        return getattr(self._table, name)


def test_who_finds_the_lock_and_notes_too_late_takes_it(ledger: MartLedger, table: Any) -> None:
    run_id = held(ledger, "one")
    released: list[bool] = []
    late = MartLedger(
        table=Between(table, "update_item", lambda: released.append(ledger.release(run_id))),
        mart="sales",
    )
    taken = take(late, "two")
    assert released[0] is False
    assert taken == ledger.held_by("two")


def test_a_lock_that_changes_hands_each_time_is_left_to_another_try(
    ledger: MartLedger, table: Any
) -> None:
    attempts: list[str] = []

    def another() -> None:
        """Somebody takes the lock just before, and is gone when it is looked at again."""
        attempts.append(held(ledger, f"other {len(attempts)}"))

    busy = Between(table, "put_item", another)
    gone = Between(busy, "update_item", lambda: ledger.release(attempts[-1]))
    with pytest.raises(RetryableError, match=f"changed hands {TRIES} times"):
        take(MartLedger(table=gone, mart="sales"), "two")


def test_a_run_ends_once(ledger: MartLedger) -> None:
    run_id = held(ledger, "one")
    assert ledger.finish(run_id, "succeeded", {"rows": 5}, now=NOW)
    assert not ledger.finish(run_id, "failed", {"error": "late"}, now=NOW)
    [run] = ledger.newest(1)
    assert (run["status"], run["rows"]) == ("succeeded", 5)


def test_a_mart_named_like_a_dataset_shares_nothing_with_it(ledger: MartLedger, table: Any) -> None:
    runs = RunLedger(table)
    assert runs.take_lock("sales", run_id="r", execution_arn="e", expires_at=2**31)
    run_id = held(ledger, "one")
    assert ledger.release(run_id) is False
    assert list(runs.newest_first("sales")) == []
    lock = runs.lock("sales")
    assert lock is not None
    assert lock["run_id"] == "r"
