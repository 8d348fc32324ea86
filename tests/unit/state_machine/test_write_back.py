"""write_back.asl.json: a marked dataset is written, another is passed by, and a failure is told as it is."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.state_machine.walking import Walk, failure

WRITTEN = {"served": "database", "tables": [{"table": "d"}]}


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


def _output(ended: dict[str, Any]) -> Any:
    return json.loads(ended["output"])
