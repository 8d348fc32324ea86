"""How many batches one execution takes, what it does when more wait, and that its time suffices whatever happens."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import annotated_types
import pytest

from pipeline.alerts import LONGEST_NAME
from pipeline.ledger import new_run_id
from pipeline.steps import DATASET_RUN
from stacks.settings import Runs
from tests.unit.lambdas.ending import NOON
from tests.unit.state_machine.walking import (
    CLAIMED,
    INPUT,
    ITSELF,
    NOTHING,
    WHOLE_RUN,
    Walk,
    failure,
)

ROOT = Path(__file__).parents[3]
MACHINE = json.loads((ROOT / "state_machines" / "dataset_run.asl.json").read_text())
STATES: dict[str, Any] = MACHINE["States"]
STAGES = [name for name, state in STATES.items() if "AnnounceStateMachineArn" in json.dumps(state)]
OF_A_ROUND = [*(step.name for step in DATASET_RUN.steps if step.worker != "execution"), *STAGES]
[ROUNDS] = [
    rule["NumericLessThan"]
    for rule in STATES["AreFilesWaiting"]["Choices"]
    if "NumericLessThan" in rule
]
BUSY = "DatasetBusy"
ENDLESS = {"CloseRun": {"waiting": 3}}
EXISTS = failure("StepFunctions.ExecutionAlreadyExistsException")


def test_after_the_last_round_a_new_execution_goes_on_under_a_name_of_the_run(walk: Walk) -> None:
    claims = [{**CLAIMED, "run_id": f"r{number}"} for number in range(1, ROUNDS + 1)]
    ended = walk(ClaimBatch=claims, **ENDLESS)
    assert (ended["calls"], ended["status"]) == ([*WHOLE_RUN * ROUNDS, ITSELF], "SUCCEEDED")
    assert ended["payloads"][-1] == {
        "StateMachineArn": ITSELF,
        "Name": f"after-r{ROUNDS}",
        "Input": INPUT,
    }
    output = json.loads(ended["output"])
    assert (output["round"], output["hand_over"]["ExecutionArn"]) == (ROUNDS, "arn:next")


def test_an_operators_request_is_not_handed_over(walk: Walk) -> None:
    request = {**INPUT, "mode": "backfill", "files": ["a" * 64]}
    assert walk(given_input=request, **ENDLESS)["payloads"][-1]["Input"] == INPUT


@pytest.mark.parametrize("waiting", [[1] * (ROUNDS - 1) + [0], [0]])
def test_nothing_is_handed_over_when_nothing_waits(walk: Walk, waiting: list[int]) -> None:
    ended = walk(CloseRun=[{"waiting": files} for files in waiting])
    assert (ended["calls"], ended["status"]) == (WHOLE_RUN * len(waiting), "SUCCEEDED")


def test_files_that_another_execution_took_meanwhile_need_no_hand_over(walk: Walk) -> None:
    ended = walk(ClaimBatch=[CLAIMED, NOTHING], **ENDLESS)
    assert (ended["calls"], ended["status"]) == ([*WHOLE_RUN, "ClaimBatch"], "SUCCEEDED")


def test_an_execution_that_was_started_before_is_as_good_as_a_new_one(walk: Walk) -> None:
    ended = walk(**{ITSELF: EXISTS}, **ENDLESS)
    assert (ended["calls"][-1], ended["calls"].count(ITSELF), ended["status"]) == (
        ITSELF,
        1,
        "SUCCEEDED",
    )


@pytest.mark.parametrize("passing", ["StepFunctions.AWSStepFunctionsException", "States.Timeout"])
def test_a_start_that_was_refused_for_a_moment_is_repeated(walk: Walk, passing: str) -> None:
    answers = [failure(passing), failure(passing), EXISTS]
    ended = walk(**{ITSELF: answers}, **ENDLESS)
    assert (ended["calls"][-3:], ended["status"]) == ([ITSELF] * 3, "SUCCEEDED")


def test_an_execution_that_cannot_hand_over_fails_and_says_at_which_step_and_after_which_run(
    walk: Walk,
) -> None:
    ended = walk(
        **{ITSELF: failure("StepFunctions.AccessDeniedException", errorMessage="not yours")},
        **ENDLESS,
    )
    assert ended["calls"][-2:] == [ITSELF, "FailRun"]
    assert (ended["status"], ended["error"]) == ("FAILED", "StepFunctions.AccessDeniedException")
    told = ended["failure"]
    assert (told.step, told.run_id, told.cause, told.request) == (
        "HandOver",
        "r1",
        "not yours",
        INPUT,
    )
    assert told.is_after_closing


def test_the_name_of_an_execution_is_one_that_step_functions_takes() -> None:
    name = "after-" + new_run_id(NOON)
    assert len(name) <= LONGEST_NAME
    assert re.fullmatch(r"[\w-]+", name, re.ASCII)


def waits(retry: dict[str, Any]) -> float:
    """Seconds of all waits of a retry, none of them shortened by jitter."""
    pauses = (
        retry["IntervalSeconds"] * retry["BackoffRate"] ** number
        for number in range(retry["MaxAttempts"])
    )
    return sum(min(pause, retry["MaxDelaySeconds"]) for pause in pauses)


def is_busy(retry: dict[str, Any]) -> bool:
    return retry["ErrorEquals"] == [BUSY]


def longest(state: dict[str, Any]) -> float:
    """Seconds that a task takes when it uses each time-out and each retry; waiting for a busy dataset comes apart.

    Only attempts that end by a time-out take all of it; the others are refused by what was called, and end at once.
    """
    if state["Type"] == "Map":  # every item at the same time
        return max(longest(inner) for inner in state["ItemProcessor"]["States"].values())
    retries = [retry for retry in state["Retry"] if not is_busy(retry)]
    slow = [
        retry for retry in retries if {"States.Timeout", "States.ALL"} & set(retry["ErrorEquals"])
    ]
    attempts = 1 + sum(retry["MaxAttempts"] for retry in slow)
    return float(state["TimeoutSeconds"] * attempts + sum(map(waits, retries)))


def longest_execution(rounds: int) -> float:
    """Only the first round may wait for a busy dataset: later ones are plain loads, which leave files to its holder."""
    limits = Runs.model_fields["settle_seconds"].metadata
    settling = next(limit.le for limit in limits if isinstance(limit, annotated_types.Le))
    [busy] = filter(is_busy, STATES["ClaimBatch"]["Retry"])
    of_rounds = rounds * sum(longest(STATES[name]) for name in OF_A_ROUND)
    return float(
        settling
        + waits(busy)
        + of_rounds
        + longest(STATES["HandOver"])
        + longest(STATES["FailRun"])
    )


def test_an_execution_has_time_for_its_rounds_and_not_for_one_more() -> None:
    assert longest_execution(ROUNDS) < MACHINE["TimeoutSeconds"] < longest_execution(ROUNDS + 1)


def test_every_task_of_a_round_is_in_the_sum() -> None:
    working = {name for name, state in STATES.items() if state["Type"] in ("Task", "Map")}
    assert working == {*OF_A_ROUND, "HandOver", "FailRun"}


def test_the_sum_that_is_written_down_is_the_one_of_the_file() -> None:
    seconds = f"{round(longest_execution(ROUNDS)):,} s"
    assert seconds in STATES["AreFilesWaiting"]["Comment"]
    assert seconds in (ROOT / "docs" / "reference" / "state_machines.md").read_text()


def test_the_history_of_an_execution_is_far_from_full() -> None:
    """Source: Step Functions service quotas: 25,000 events; an attempt of a task is at most 5, a state two more."""
    serving = STATES["Serve"]["ItemProcessor"]["States"]["RunServingMachine"]
    tasks = [*(STATES[name] for name in OF_A_ROUND if name != "Serve"), serving, serving]
    attempts = sum(1 + retry["MaxAttempts"] for task in tasks for retry in task["Retry"])
    assert ROUNDS * (5 * attempts + 2 * len(STATES)) < 25_000 / 10
