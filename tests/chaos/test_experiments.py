"""The experiments of `python -m chaos` in their short form, in one pipeline, one after the other.

The order matters: the burst comes into an empty pipeline, and what all of them used is compared with the grants.
"""

from __future__ import annotations

import pytest

from chaos import care, delivery, fault_points, faults, hostile, load, permissions
from chaos.world import World
from tests.chaos import recorded_calls
from tests.chaos.telling import told


def test_no_file_of_a_burst_is_lost(world: World) -> None:
    outcome = load.run(world, short=True)
    assert told("load", outcome) == []
    assert outcome.figures["lost"] == 0


def test_killed_tasks_and_stopped_executions_leave_the_tables_of_an_undisturbed_run(
    world: World,
) -> None:
    outcome = faults.run(world, short=True)
    assert told("faults", outcome) == []
    survived = outcome.figures["of the runs, survived by a retry of the task"]
    assert outcome.figures["failures announced"] == outcome.figures["runs broken"] - survived > 0
    assert outcome.figures["warehouses ended at a statement"] == 1
    killed = [
        *("ClaimBatch", "LoadSmallBatch", "Gate", "CurateSmallBatch", "Forecast", "CloseRun"),
        *("RawToProcessed", "FailRun", "ProcessedToCurated"),
    ]
    roles = fault_points.roles(world)
    assert [crash["role"] for crash in world.cloud.control("crashes")] == [
        roles[task] for task in killed
    ]


def test_repeated_and_shuffled_events_give_the_tables_of_single_delivery_in_order(
    world: World,
) -> None:
    outcome = delivery.run(world, short=True)
    assert told("delivery", outcome) == []
    assert outcome.figures["events delivered"] > outcome.figures["files"]


def test_every_kind_of_hostile_file_is_loaded_quarantined_or_rejected_with_its_place(
    world: World,
) -> None:
    outcome = hostile.run(world, short=True)
    assert told("hostile", outcome) == []
    assert outcome.figures["files"] == outcome.figures["kinds"]
    assert 0 < outcome.figures["messages about rejected files"] < outcome.figures["files"]


def test_a_run_that_is_rolled_back_leaves_the_tables_as_before_it_and_maintenance_changes_no_row(
    world: World,
) -> None:
    outcome = care.run(world, short=True)
    assert told("care", outcome) == []
    assert (outcome.figures["rollback"], outcome.figures["maintenance"]) == (1, 1)
    assert world.cloud.control("crashes")[-1]["role"] == fault_points.roles(world)[care.RELEASE]


def test_every_grant_that_nothing_used_says_why_it_is_there(world: World) -> None:
    outcome = permissions.compare(world)
    assert told("permissions", outcome) == []
    assert outcome.figures["grants used"] > 0
    assert outcome.figures["denials"] == 0


@pytest.mark.deep
def test_each_service_was_let_in_by_one_statement_that_cannot_go(world: World) -> None:
    calls = recorded_calls.calls(world)
    kinds = {(call.service.partition(".")[0], call.action) for call in calls}
    assert kinds >= {
        ("events", "sqs:SendMessage"),
        ("events", "lambda:InvokeFunction"),
        *((service, "sts:AssumeRole") for service in ("glue", "lambda", "states", "transfer")),
        ("logs", "kms:GenerateDataKey"),
    }
    for call in calls:
        assert (
            len(recorded_calls.pillars(call, recorded_calls.policy(world, call.resource_arn))) == 1
        ), call
