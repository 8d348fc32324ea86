"""Which runs a rollback undoes and where each table goes back to."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.errors import PermanentError
from lambdas.hold_dataset.rollback import plan
from pipeline.run_documents import RollbackPlan


def run(
    run_id: str,
    before: int | None,
    *,
    mode: str = "load",
    status: str = "succeeded",
    ended: str = "",
) -> Any:
    snapshots = {"sales": {"before": before, "after": (before or 0) + 1}}
    return {
        "run_id": run_id,
        "mode": mode,
        "status": status,
        "ended_at": ended or run_id,
        "snapshots": snapshots,
    }


def failed(run_id: str) -> Any:
    return {"run_id": run_id, "mode": "load", "status": "failed", "ended_at": run_id}


def care(run_id: str, mode: str, status: str = "succeeded") -> Any:
    return {"run_id": run_id, "mode": mode, "status": status, "ended_at": run_id}


def undoing(runs: list[str], tables: dict[str, int | None]) -> RollbackPlan:
    return RollbackPlan(runs=tuple(runs), tables=tables)


RUNNING = {"run_id": "9", "mode": "rollback", "status": "running"}
FIRST = run("0", 9)  # left the table at 10


def test_the_last_run_is_undone_alone() -> None:
    found = plan(
        "d",
        "2",
        [FIRST, run("1", 10), run("2", 11), failed("3"), care("4", "maintenance"), RUNNING],
        with_later=False,
    )
    assert found == undoing(["2"], {"sales": 11})


def test_later_runs_are_named_and_undone_only_when_asked_for() -> None:
    runs = [FIRST, run("1", 10), run("2", 11, mode="backfill"), run("3", 12, mode="replay")]
    told = "2 later runs of d changed the same tables: 2, 3; .* slipway runs rollback 1 --dataset d --with-later"
    with pytest.raises(PermanentError, match=told):
        plan("d", "1", runs, with_later=False)
    assert plan("d", "1", runs, with_later=True) == undoing(["3", "2", "1"], {"sales": 10})


def test_a_run_that_was_rolled_back_is_not_undone_again() -> None:
    back = {**care("2b", "rollback"), "care": [{"table": "sales", "after": 11}]}
    runs = [FIRST, run("1", 10), run("2", 11, status="rolled_back"), back, run("3", 11)]
    assert plan("d", "1", runs, with_later=True) == undoing(["3", "1"], {"sales": 10})


def test_a_run_that_was_resumed_counts_by_its_end_not_by_its_id() -> None:
    first, resumed, direct = run("0", 19), run("1", 21, ended="8"), run("2", 20, ended="3")
    with pytest.raises(PermanentError, match="1 later runs of d changed the same tables: 1;"):
        plan("d", "2", [first, resumed, direct], with_later=False)
    assert plan("d", "2", [first, resumed, direct], with_later=True) == undoing(
        ["1", "2"], {"sales": 20}
    )
    assert plan("d", "1", [first, resumed, direct], with_later=False) == undoing(
        ["1"], {"sales": 21}
    )


def test_each_table_goes_back_to_before_the_first_run_that_changed_it() -> None:
    first, second = run("1", 10), run("2", 11)
    second["snapshots"]["new_model"] = {"before": None, "after": 5}
    found = plan("d", "1", [FIRST, first, second], with_later=True)
    assert found.tables == {"sales": 10, "new_model": None}


@pytest.mark.parametrize(
    ("runs", "told"),
    [
        ([], "'1' of d is not in the run ledger"),
        (
            [failed("1")],
            "is a load that is failed; only a load, backfill, replay or retraction that succeeded",
        ),
        ([run("1", 1, status="rolled_back")], "is a load that is rolled_back"),
        ([care("1", "maintenance")], "is a maintenance that is succeeded"),
        (
            [run("1", 1), care("2", "erasure")],
            "a person was erased from d by 2 since run 1.* slipway backfill --dataset d",
        ),
    ],
)
def test_what_cannot_be_rolled_back_is_refused_with_the_reason(runs: list[Any], told: str) -> None:
    with pytest.raises(PermanentError, match=told):
        plan("d", "1", runs, with_later=True)


def test_an_erasure_that_failed_or_came_before_does_not_stand_in_the_way() -> None:
    runs = [care("0", "erasure"), run("1", None), care("2", "erasure", "failed")]
    assert plan("d", "1", runs, with_later=False).runs == ("1",)


def test_a_table_that_a_dead_run_changed_does_not_go_back_to_that_runs_rows() -> None:
    """Run 2 published processed and died; run 3 found its rows there, so the snapshot before run 3 holds them."""
    with pytest.raises(
        PermanentError, match="before run 3 of d, sales had been changed by a run that did not end"
    ):
        plan("d", "3", [FIRST, run("1", 10), failed("2"), run("3", 12)], with_later=False)
    with pytest.raises(PermanentError, match="did not end"):
        plan("d", "3", [failed("2"), run("3", 12)], with_later=False)


def test_what_care_left_behind_is_known() -> None:
    compacted = {
        **care("2", "maintenance"),
        "care": [{"table": "sales", "after": 77}, {"table": "x", "after": None}],
    }
    runs = [FIRST, run("1", 10), compacted, run("3", 77)]
    assert plan("d", "3", runs, with_later=False) == undoing(["3"], {"sales": 77})
    assert plan("d", "1", runs, with_later=True) == undoing(["3", "1"], {"sales": 10})
