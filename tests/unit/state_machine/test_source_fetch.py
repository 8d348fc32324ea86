"""A fetch: called until nothing is left, waiting as long as the source asks; a failure is reported once and ends it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.fetch_source.call import MOST_WAIT_SECONDS
from stacks.sources import TIMEOUT_SECONDS
from tests.unit.state_machine.walking import MACHINES, Walk, failure

STATES: dict[str, Any] = json.loads((MACHINES / "source_fetch.asl.json").read_text())["States"]
INPUT = {"source": "shop", "dataset": "d", "trigger": "schedule"}


def answer(status: str, wait_seconds: int = 0) -> dict[str, Any]:
    return {"status": status, "wait_seconds": wait_seconds, "records": 7, "detail": "x"}


def fetch(walk: Walk, *answers: Any) -> dict[str, Any]:
    return walk("source_fetch", INPUT, FetchSource=list(answers))


def test_a_fetch_is_called_until_nothing_is_left_each_time_for_the_same_execution(
    walk: Walk,
) -> None:
    ended = fetch(walk, answer("more"), answer("more", 900), answer("delivered"))
    assert ended["status"] == "SUCCEEDED"
    assert [payload["execution"] for payload in ended["payloads"]] == ["arn:e"] * 3
    assert ended["payloads"][0]["request"] == INPUT
    assert json.loads(ended["output"])["fetch"] == answer("delivered")


@pytest.mark.parametrize("status", ["delivered", "empty", "unchanged", "busy"])
def test_whatever_else_a_call_says_is_the_end(walk: Walk, status: str) -> None:
    assert fetch(walk, answer(status))["status"] == "SUCCEEDED"


@pytest.mark.parametrize("error", ["RetryableError", "SourceBusy", "Sandbox.Timedout"])
def test_a_call_that_was_killed_or_met_another_is_repeated(walk: Walk, error: str) -> None:
    ended = fetch(walk, failure(error), answer("delivered"))
    assert (ended["status"], len(ended["calls"])) == ("SUCCEEDED", 2)


@pytest.mark.parametrize("error", ["SourceFailed", "CredentialsRefused", "ListChanged"])
def test_a_failure_is_reported_with_its_cause_and_is_that_of_the_execution(
    walk: Walk, error: str
) -> None:
    ended = fetch(walk, failure(error, errorMessage="page 1: no"), {"told": True})
    assert (ended["status"], ended["error"]) == ("FAILED", error)
    fetched, reported = ended["payloads"]
    assert "failure" not in fetched
    assert reported["execution"] == "arn:e"
    assert reported["failure"]["Error"] == error
    assert json.loads(reported["failure"]["Cause"]) == {"errorMessage": "page 1: no"}


def test_a_failure_that_cannot_be_reported_ends_with_its_own_cause(walk: Walk) -> None:
    ended = fetch(walk, failure("SourceFailed"), *[failure("Lambda.Unknown")] * 5)
    assert (ended["status"], ended["error"]) == ("FAILED", "SourceFailed")


def test_a_call_has_more_time_than_its_function_and_no_wait_outlives_the_machine() -> None:
    machine = json.loads((MACHINES / "source_fetch.asl.json").read_text())
    assert STATES["Fetch"]["TimeoutSeconds"] > TIMEOUT_SECONDS
    assert machine["TimeoutSeconds"] > 9 * (MOST_WAIT_SECONDS + TIMEOUT_SECONDS)
