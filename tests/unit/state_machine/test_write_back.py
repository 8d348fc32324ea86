"""write_back.asl.json: a marked dataset is written, another is passed by, and a failure is told as it is.

Those of a database that is started and stopped are at the end.
"""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest

from pipeline.run_documents.serving import serve_result
from tests.unit.state_machine.walking import Walk, failure, walker

INSTANCE_ONLY = ("Hold", "Resume", "IsItAwake", "WaitForDatabase", "Pause")
WRITTEN = {"served": "database", "tables": [{"table": "d"}]}


@pytest.fixture
def walk(walk: Walk) -> Walk:
    """Of a database that sleeps by itself."""
    return functools.partial(walk, without=INSTANCE_ONLY)


@pytest.fixture
def walk_instance(monkeypatch: pytest.MonkeyPatch) -> Walk:
    """Of an instance that is started and stopped."""
    return walker(monkeypatch)


def test_a_marked_dataset_is_written_for_its_run(walk: Walk) -> None:
    ended = walk("write_back", {"dataset": "d", "run_id": "r1", "caller": "run"}, WriteBack=WRITTEN)
    assert ended["status"] == "SUCCEEDED"
    assert _output(ended) == WRITTEN
    assert ended["calls"] == ["WriteBack"]


def test_another_dataset_calls_nobody(walk: Walk) -> None:
    ended = walk("write_back", {"dataset": "other", "run_id": "r1", "caller": "run"})
    assert _output(ended) == {"served": "database", "tables": []}
    assert ended["calls"] == []


def test_by_hand_there_is_no_run(walk: Walk) -> None:
    ended = walk("write_back", {"dataset": "d"}, WriteBack=WRITTEN)
    assert ended["status"] == "SUCCEEDED"


def test_what_is_lost_is_tried_again_and_what_differs_is_not(walk: Walk) -> None:
    lost = failure("RetryableError", errorMessage="the database ended the connection")
    ended = walk("write_back", {"dataset": "d"}, WriteBack=[lost, lost, WRITTEN])
    assert (ended["status"], ended["calls"]) == ("SUCCEEDED", ["WriteBack"] * 3)
    differs = failure("WriteBackFailed", errorMessage="one cent")
    ended = walk("write_back", {"dataset": "d"}, WriteBack=[differs, WRITTEN])
    assert (ended["status"], ended["error"]) == ("FAILED", "WriteBackFailed")
    assert ended["calls"] == ["WriteBack"]


UNPREPARED = failure("DatabaseUnprepared", errorMessage="who is slipway_writer?")
PREPARED = {"user": "slipway_writer"}


def test_a_database_that_does_not_know_the_user_has_it_made_and_is_written(walk: Walk) -> None:
    ended = walk(
        "write_back",
        {"dataset": "d", "run_id": "r1", "caller": "run"},
        WriteBack=[UNPREPARED, WRITTEN],
        PrepareDatabase=PREPARED,
    )
    assert ended["calls"] == ["WriteBack", "PrepareDatabase", "WriteBack"]
    assert (ended["status"], _output(ended)) == ("SUCCEEDED", WRITTEN)
    assert ended["payloads"][-1] == {"dataset": "d", "run_id": "r1"}


def test_a_user_that_is_refused_once_more_is_told_and_not_made_for_ever(walk: Walk) -> None:
    ended = walk("write_back", {"dataset": "d"}, WriteBack=UNPREPARED, PrepareDatabase=PREPARED)
    assert ended["calls"] == ["WriteBack", "PrepareDatabase", "WriteBack"]
    assert (ended["status"], ended["error"]) == ("FAILED", "DatabaseUnprepared")
    assert "who is slipway_writer?" in ended["cause"]


ASLEEP = failure("StoreAsleep", errorMessage="the database at db:5433 did not answer within 120 s")


def test_a_database_that_falls_asleep_before_its_user_is_made_fails_no_run(walk: Walk) -> None:
    ended = walk(
        "write_back",
        {"dataset": "d", "run_id": "r1", "caller": "run"},
        WriteBack=UNPREPARED,
        PrepareDatabase=ASLEEP,
    )
    assert (ended["status"], ended["calls"][:2]) == ("SUCCEEDED", ["WriteBack", "PrepareDatabase"])
    assert "did not answer within 120 s" in _output(ended)["problem"]


def test_a_run_does_not_fail_because_of_a_database_that_does_not_wake_up(walk: Walk) -> None:
    ended = walk("write_back", {"dataset": "d", "run_id": "r1", "caller": "run"}, WriteBack=ASLEEP)
    assert (ended["status"], len(ended["calls"])) == ("SUCCEEDED", 5)
    assert _output(ended) == {
        "served": "database",
        "tables": [],
        "problem": "the database at db:5433 did not answer within 120 s. The next run writes what is missing; to write"
        " it now: slipway database write d",
    }
    serve_result(_output(ended))  # what CloseRun reads


@pytest.mark.parametrize(
    "asked", [{"dataset": "d"}, {"dataset": "d", "run_id": "c1", "caller": "care"}]
)
def test_care_and_people_are_told_that_it_slept(walk: Walk, asked: dict[str, Any]) -> None:
    """What a rollback or an erasure takes out must not stay in the database."""
    ended = walk("write_back", asked, WriteBack=ASLEEP)
    assert (ended["status"], ended["error"]) == ("FAILED", "StoreAsleep")
    assert "did not answer within 120 s" in ended["cause"]


def test_a_database_that_wakes_up_late_is_written(walk: Walk) -> None:
    ended = walk(
        "write_back",
        {"dataset": "d", "run_id": "r1", "caller": "run"},
        WriteBack=[ASLEEP, ASLEEP, WRITTEN],
    )
    assert _output(ended) == WRITTEN


def _output(ended: dict[str, Any]) -> Any:
    return json.loads(ended["output"])


AWAKE = {"is_awake": True, "status": "available"}
STARTING = {"is_awake": False, "status": "starting"}
STOPPED = {"is_stopped": True, "held_by": [], "status": "available"}
RUN = {"dataset": "d", "run_id": "r1", "caller": "run"}


def test_an_instance_is_held_until_it_is_awake_then_written_and_given_back(
    walk_instance: Walk,
) -> None:
    ended = walk_instance(
        "write_back", RUN, RestDatabase=[STARTING, STARTING, AWAKE, STOPPED], WriteBack=WRITTEN
    )
    assert ended["calls"] == [*["RestDatabase"] * 3, "WriteBack", "RestDatabase"]
    assert (ended["status"], _output(ended)) == ("SUCCEEDED", WRITTEN)
    first, last = ended["payloads"][0], ended["payloads"][-1]
    assert (first["action"], last["action"]) == ("resume", "pause")
    assert first["owner"] == last["owner"] == "arn:e"
    assert first["since"]


def test_an_instance_that_is_not_written_to_is_left_asleep(walk_instance: Walk) -> None:
    ended = walk_instance("write_back", {"dataset": "other", "run_id": "r1", "caller": "run"})
    assert (ended["status"], ended["calls"]) == ("SUCCEEDED", [])


BROKEN = failure("WriteBackFailed", errorMessage="one cent")


@pytest.mark.parametrize(
    ("asked", "answers", "status", "error"),
    [
        (RUN, {"WriteBack": BROKEN}, "FAILED", "WriteBackFailed"),
        (RUN, {"WriteBack": ASLEEP}, "SUCCEEDED", None),
        ({"dataset": "d"}, {"WriteBack": ASLEEP}, "FAILED", "StoreAsleep"),
        (
            RUN,
            {"WriteBack": UNPREPARED, "PrepareDatabase": PREPARED},
            "FAILED",
            "DatabaseUnprepared",
        ),
        (RUN, {"WriteBack": UNPREPARED, "PrepareDatabase": BROKEN}, "FAILED", "WriteBackFailed"),
    ],
)
def test_in_every_ending_the_instance_is_given_back(
    walk_instance: Walk,
    asked: dict[str, Any],
    answers: dict[str, Any],
    status: str,
    error: str | None,
) -> None:
    ended = walk_instance("write_back", asked, RestDatabase=[AWAKE, STOPPED], **answers)
    assert (ended["status"], ended.get("error")) == (status, error)
    assert ended["payloads"][-1] == {"action": "pause", "owner": "arn:e"}


def test_a_run_goes_on_without_an_instance_that_does_not_start(walk_instance: Walk) -> None:
    ended = walk_instance("write_back", RUN, RestDatabase=[STARTING, ASLEEP, STOPPED])
    assert ended["status"] == "SUCCEEDED"
    assert "slipway database write d" in _output(ended)["problem"]
    assert ended["payloads"][-1]["action"] == "pause"


def test_an_instance_that_is_broken_fails_the_run_with_its_state(walk_instance: Walk) -> None:
    broken = failure("PermanentError", errorMessage="the database is 'incompatible-network'")
    ended = walk_instance("write_back", RUN, RestDatabase=[broken, STOPPED])
    assert (ended["status"], ended["error"]) == ("FAILED", "PermanentError")
    assert ended["payloads"][-1]["action"] == "pause"
    assert "incompatible-network" in ended["cause"]


def test_an_instance_that_cannot_be_given_back_fails_nothing(walk_instance: Walk) -> None:
    """The sweep stops it."""
    lost = [failure("RetryableError", errorMessage="throttled")] * 5
    ended = walk_instance("write_back", RUN, RestDatabase=[AWAKE, *lost], WriteBack=WRITTEN)
    assert (ended["status"], _output(ended)) == ("SUCCEEDED", WRITTEN)
    assert len(ended["calls"]) == 2 + 5
