"""Whoever reads the internal database from here holds an instance meanwhile, and gives it back whatever happens."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from contracts.errors import PermanentError
from slipway.deployment import Deployment
from slipway.reading import internal_database


class Function:
    """rest_database, which is awake when it is asked for the second time."""

    def __init__(self, error: str | None = None) -> None:
        self.asked: list[dict[str, str]] = []
        self.error = error

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert FunctionName == "rest"
        self.asked.append(json.loads(Payload))
        answer = {"is_awake": len(self.asked) > 1, "is_stopped": True}
        failed = {"FunctionError": "Unhandled"} if self.error else {}
        return {"Payload": io.BytesIO(json.dumps(self.error or answer).encode()), **failed}


def deployment(monkeypatch: pytest.MonkeyPatch, function: Function, **outputs: str) -> Deployment:
    monkeypatch.setattr(internal_database, "LOOK_SECONDS", 0)
    monkeypatch.setattr(Deployment, "client", lambda _self, _name: function)
    return Deployment(environment="local", region="us-east-1", outputs=outputs)


def test_an_instance_is_held_until_it_is_awake_and_given_back_after_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    function = Function()
    there = deployment(monkeypatch, function, RestDatabaseFunctionName="rest")

    def fail() -> None:
        with internal_database._awake(there):
            assert [each["action"] for each in function.asked] == ["resume", "resume"]
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert function.asked[-1]["action"] == "pause"
    assert len({each["owner"] for each in function.asked}) == 1


def test_what_sleeps_by_itself_is_simply_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    function = Function()
    with internal_database._awake(deployment(monkeypatch, function)):
        assert function.asked == []


def test_an_instance_that_is_not_woken_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    there = deployment(monkeypatch, Function("asleep"), RestDatabaseFunctionName="rest")
    with pytest.raises(PermanentError, match="asleep"), internal_database._awake(there):
        pass
