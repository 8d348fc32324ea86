"""Walks a state machine file with the emulator's own interpreter and canned answers for the tasks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ministack.services import stepfunctions

from lambdas.fail_run.failures import parse
from pipeline.steps import DATASET_RUN
from stacks.constructs.pruning import pruned

MACHINES = Path(__file__).parents[3] / "state_machines"
CLAIMED = {
    "dataset": "d", "run_id": "r1", "claimed": True, "from": "RawToProcessed", "file_count": 1, "reason": None,
    "engine": "spark", "size_bytes": 4321,
}  # fmt: skip
LOADED = {
    "engine": "spark", "seconds": 97, "worker_seconds": 194, "size_bytes": 4321, "fallback": None, "billed": None,
}  # fmt: skip
NOTHING = {
    **CLAIMED,
    "run_id": None,
    "claimed": False,
    "file_count": 0,
    "reason": "no file is waiting",
}
# The calls of a run that serves nothing and leaves nothing waiting.
WHOLE_RUN = [
    step.name for step in DATASET_RUN.steps if step.worker not in ("machines", "execution")
]
WAREHOUSE = "arn:aws:states:us-east-1:111122223333:stateMachine:WarehouseLoad"
DASHBOARDS = "arn:aws:states:us-east-1:111122223333:stateMachine:DashboardRefresh"
ITSELF = "arn:aws:states:us-east-1:111122223333:stateMachine:DatasetRun"
SERVING_RUN = [
    WAREHOUSE if step.worker == "machines" else step.name
    for step in DATASET_RUN.steps
    if step.worker != "execution"
]
SERVED = {
    name: {"Status": "SUCCEEDED", "Output": {"served": name}}
    for name in ("warehouse", "dashboards")
}
FORECAST = {"served": "forecast", "tables": []}
ATTRIBUTES = {"dataset": {"DataType": "String", "StringValue": "d"}}
# As the machine of marts names them.
MARTS_WAREHOUSE, MARTS_DASHBOARDS = (
    "WarehouseLoadStateMachineArn",
    "DashboardRefreshStateMachineArn",
)
ANSWERS: dict[str, dict[str, Any]] = {
    "dataset_run": {
        WAREHOUSE: SERVED["warehouse"],
        DASHBOARDS: SERVED["dashboards"],
        "ClaimBatch": CLAIMED,
        "RawToProcessed": {"Output": LOADED},
        "Gate": {"rows_loaded": 5},
        "Forecast": FORECAST,
        "ProcessedToCurated": {"Output": {**LOADED, "worker_seconds": 61}},
        "CloseRun": {"waiting": 0},
        ITSELF: {"ExecutionArn": "arn:next", "StartDate": 1},
    },
    "dataset_care": {
        WAREHOUSE: SERVED["warehouse"],
        "HoldDataset": {"run_id": "r1"},
        "Care": {"Id": "jr_1"},
        "Forecast": FORECAST,
        "ReleaseDataset": {"started": False},
    },
    "job_run": {"RawToProcessed": {"Id": "jr_1"}, "ProcessedToCurated": {"Id": "jr_2"}},
    "warehouse_load": {},
    "write_back": {},
    "source_fetch": {},
    "mart_run": {},
    "announce": {"ComposeDigest": {"subject": "s", "message": "m", "attributes": ATTRIBUTES}},
}
INPUT = {"dataset": "d", "trigger": "operator"}
MARTS = "orders/sales,users/sales,orders/customers"
VALUES = {
    "EmrTimeoutMinutes": "110",
    **dict.fromkeys(("EmrLoadArguments", "EmrCurateArguments"), "--environment prod --spark_version 4.0.2"),
    "SettleSeconds": "1", "LookSeconds": "1", "MostLooks": "3", "ForecastDatasets": "c,d", "MartsOfDatasets": MARTS,
    "WriteBackDatasets": "c,d", "Stages": "none", "Environment": "local",
}  # fmt: skip
JOB_RUN = "JobRunStateMachineArn"
NAMED_BY = ("FunctionName", "JobName", "StateMachineArn")

Walk = Callable[..., dict[str, Any]]


def failure(error: str, **cause: str) -> Exception:
    raised: Exception = stepfunctions._ExecutionError(error, json.dumps(cause))
    return raised


def filled(text: str, values: Mapping[str, str]) -> str:
    """A machine with its substitutions; one that has no value stands for itself."""
    return re.sub(r"\$\{(\w+)\}", lambda found: values.get(found[1], found[1]), text)


def interpreted(
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    given: dict[str, Any],
    invoke: Callable[[str, dict[str, Any]], Any],
    *,
    name: str = "by-hand-1",
    machine: str = "machine",
) -> dict[str, Any]:
    """An execution `arn:e` of a machine, run to its end without waiting; `invoke` answers for its tasks."""
    execution = {
        "executionArn": "arn:e", "stateMachineArn": machine, "name": name, "status": "RUNNING", "events": [],
        "input": json.dumps(given), "startDate": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    monkeypatch.setattr(stepfunctions, "_SFN_WAIT_SCALE", 0)
    monkeypatch.setattr(stepfunctions, "_invoke_resource", invoke)
    monkeypatch.setattr(stepfunctions, "_emit_execution_status_event", lambda _: None)
    monkeypatch.setitem(stepfunctions._state_machines, machine, {"definition": text, "name": "m"})
    monkeypatch.setitem(stepfunctions._executions, "arn:e", execution)
    stepfunctions._run_execution("arn:e")
    return execution


def walker(monkeypatch: pytest.MonkeyPatch) -> Walk:
    """Runs one execution; `answers` maps a task to its answer, an error, or a list of them, one per call.

    `served` are the machines that the step Serve runs, `served_with` their answers; `without` are states of a feature
    that is off.
    """

    def run(
        machine: str = "dataset_run",
        given_input: dict[str, Any] = INPUT,
        *,
        served: tuple[str, ...] = (),
        served_with: dict[str, Any] | None = None,
        without: tuple[str, ...] = (),
        **answers: Any,
    ) -> dict[str, Any]:
        given = {**ANSWERS[machine], **(served_with or {}), **answers}
        seen: dict[str, Any] = {"calls": [], "payloads": [], "failure": None}

        def invoke(resource: str, task: dict[str, Any]) -> Any:
            if "emr" in resource:
                seen["calls"].append("OnEmr" if resource.endswith(".sync") else "EmrUsage")
                return answered(seen["calls"][-1], task)
            name = re.sub(
                "(FunctionArn|JobName)$",
                "",
                next((task[key] for key in NAMED_BY if key in task), "Publish"),
            )
            if name == JOB_RUN:  # called by the step that it works for
                name = re.sub("(^|_)([a-z])", lambda c: c[2].upper(), task["Input"]["job"])
            seen["calls"].append(name)
            seen["payloads"].append(task.get("Payload", task))
            if name == "FailRun" and name not in given:
                seen["failure"] = parse(task["Payload"])
                return {"Payload": {"error": seen["failure"].error, "cause": seen["failure"].cause}}
            answer = next_answer(name)
            return {"Payload": answer} if "lambda" in resource else answer

        def answered(name: str, task: dict[str, Any]) -> Any:
            seen["payloads"].append(task)
            return next_answer(name)

        def next_answer(name: str) -> Any:
            answer = given[name].pop(0) if isinstance(given[name], list) else given[name]
            if isinstance(answer, Exception):
                raise answer
            return answer

        text = pruned((MACHINES / f"{machine}.asl.json").read_text(), without)
        values = {**VALUES, "ServingMachineArns": ",".join(served) or "none"}
        execution = interpreted(
            monkeypatch, filled(text, values), given_input, invoke, name="e", machine=ITSELF
        )
        return {**execution, **seen}

    return run
