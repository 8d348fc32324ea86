"""What a run tells on its way: the stages that the settings name, each once, and never at the price of the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from pipeline.alerts import LONGEST_NAME, SUBJECT_LENGTH, Stage
from tests.unit.state_machine import walking
from tests.unit.state_machine.walking import CLAIMED, WHOLE_RUN, Walk, failure

ANNOUNCE = "AnnounceStateMachineArn"
EVERY = ",".join(get_args(Stage))
MACHINE = Path(__file__).parents[3] / "state_machines" / "dataset_run.asl.json"
LONGEST_DATASET = "d" * 64


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Every stage is asked for."""
    monkeypatch.setitem(walking.VALUES, "Stages", EVERY)
    return monkeypatch


@pytest.mark.usefixtures("asked")
def test_each_stage_is_told_once_right_after_its_step(walk: Walk) -> None:
    ended = walk(**{ANNOUNCE: {}})
    steps = list(WHOLE_RUN)
    for before in ("ClaimBatch", "Gate", "ProcessedToCurated"):
        steps.insert(steps.index(before) + 1, ANNOUNCE)
    assert (ended["calls"], ended["status"]) == (steps, "SUCCEEDED")
    told = [payload for payload in ended["payloads"] if payload.get("StateMachineArn") == ANNOUNCE]
    assert [one["Name"] for one in told] == ["begun-d-r1", "loaded-d-r1", "published-d-r1"]
    assert [one["Input"]["subject"] for one in told] == [
        "INFO [local] d: run begun, 1 file",
        "INFO [local] d: rows and money add up, 5 rows",
        "INFO [local] d: tables published",
    ]
    assert {one["Input"]["topic"] for one in told} == {"stage"}
    for stage, one in zip(get_args(Stage), told, strict=True):
        attributes = {
            name: value["StringValue"] for name, value in one["Input"]["attributes"].items()
        }
        assert attributes == {
            "kind": "stage",
            "severity": "info",
            "environment": "local",
            "dataset": "d",
            "run_id": "r1",
            "stage": stage,
        }
        assert one["Input"]["message"].endswith("Next: slipway runs show r1 --dataset d")


@pytest.mark.parametrize("stage", get_args(Stage))
def test_only_what_is_asked_for_is_told(
    walk: Walk, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    monkeypatch.setitem(walking.VALUES, "Stages", stage)
    ended = walk(**{ANNOUNCE: {}})
    names = [one["Name"] for one in ended["payloads"] if one.get("StateMachineArn") == ANNOUNCE]
    assert names == [f"{stage}-d-r1"]


def test_what_a_run_hands_from_step_to_step_is_the_same_with_messages_and_without(
    walk: Walk, asked: pytest.MonkeyPatch
) -> None:
    told = json.loads(walk(**{ANNOUNCE: {"ExecutionArn": "arn:told"}})["output"])
    asked.setitem(walking.VALUES, "Stages", "none")
    assert told == json.loads(walk()["output"])


@pytest.mark.usefixtures("asked")
def test_a_message_that_cannot_be_sent_never_fails_a_run(walk: Walk) -> None:
    refused = failure("StepFunctions.AccessDeniedException")
    ended = walk(**{ANNOUNCE: refused})
    assert ended["status"] == "SUCCEEDED"
    assert [call for call in ended["calls"] if call != ANNOUNCE] == WHOLE_RUN
    fails = walk(
        Gate=failure("ReconciliationFailed", errorMessage="differs"), **{ANNOUNCE: refused}
    )
    assert (fails["status"], fails["failure"].step, fails["failure"].run_id) == (
        "FAILED",
        "Gate",
        "r1",
    )


@pytest.mark.usefixtures("asked")
def test_a_start_that_is_throttled_is_repeated(walk: Walk) -> None:
    busy = failure("StepFunctions.ThrottlingException")
    ended = walk(**{ANNOUNCE: [busy, {}, {}, {}]})
    assert (ended["calls"].count(ANNOUNCE), ended["status"]) == (4, "SUCCEEDED")


@pytest.mark.usefixtures("asked")
def test_names_and_subjects_fit_whatever_a_dataset_is_called(walk: Walk) -> None:
    run_id = "20261129T215000-" + "a" * 8
    ended = walk(
        given_input={"dataset": LONGEST_DATASET, "trigger": "operator"},
        ClaimBatch={**CLAIMED, "run_id": run_id, "file_count": 12_345_678},
        **{ANNOUNCE: {}},
    )
    told = [one for one in ended["payloads"] if one.get("StateMachineArn") == ANNOUNCE]
    for one in told:
        assert len(one["Name"]) <= LONGEST_NAME
        assert len(one["Input"]["subject"]) <= SUBJECT_LENGTH
        assert one["Name"].endswith(run_id)
    assert len(told) == len(get_args(Stage))


def test_the_machine_tells_of_exactly_the_stages_that_the_settings_know() -> None:
    states = json.loads(MACHINE.read_text())["States"].values()
    told = [
        state["Arguments"]["Input"]["attributes"]["stage"]["StringValue"]
        for state in states
        if "stage" in state.get("Arguments", {}).get("Input", {}).get("attributes", {})
    ]
    assert told == list(get_args(Stage))


@pytest.mark.parametrize("state", ["TellBegun", "TellLoaded", "TellPublished"])
def test_telling_goes_on_where_it_went_on_without_and_repeats_only_for_seconds(state: str) -> None:
    task = json.loads(MACHINE.read_text())["States"][state]
    [caught] = task["Catch"]
    assert caught == {
        "ErrorEquals": ["States.ALL"],
        "Output": "{% $states.input %}",
        "Next": task["Next"],
    }
    assert sum(retry["MaxDelaySeconds"] * retry["MaxAttempts"] for retry in task["Retry"]) <= 10
    assert task["TimeoutSeconds"] <= 10
