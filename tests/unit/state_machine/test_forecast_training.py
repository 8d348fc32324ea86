"""The machine of trainings, walked by the emulator's own interpreter with canned answers of SageMaker."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ministack.services import stepfunctions

from ml import forecast_model
from tests.unit.state_machine.walking import filled, interpreted

FILE = Path(__file__).parents[3] / "state_machines" / "forecast_training.asl.json"
STATES: dict[str, Any] = json.loads(FILE.read_text())["States"]
FILLED = {
    "ForecastDatasets": "sales,orders",
    "TrainingSeconds": "3600",
    "MaxRuntimeSeconds": "1800",
    "InstanceType": "ml.m5.large",
    "ImageUri": "image",
    "CodeUri": "s3://assets/code.gz",
    "CodeFile": "code.gz",
    "ModelRoleArn": "arn:role",
    "DataKeyArn": "arn:key",
    "Environment": "prod",
    "AnnounceStateMachineArn": "arn:announce",
    "TrainForecastFunctionArn": "arn:function",
    "JobRunStateMachineArn": "arn:job",
}
FEATURES = {"engine": "duckdb", "reason": "small", "size_bytes": 7, "worker_seconds": None}
LEARN = {"trains": True, "seasons": "[12]"}
DONE = {"engine": "spark", "seconds": 30, "worker_seconds": 60, "fallback": None}
PLAN = {
    **{"training": "training-1", "job": "slipway-prod-sales-ab", "features": FEATURES},
    **{f"{name}_uri": f"s3://p/{name}/" for name in ("train", "transform", "model", "forecast")},
}
ARTIFACTS = "s3://p/model/job/output/model.tar.gz"
VERDICT = {
    **{"publishes": True, "superseded": None, "series": 9, "better": 4},
    **{"wape": "0.1000", "naive_wape": "0.2000"},
}
PUBLISHED = {"published": True, "superseded": None, "tables": []}
BY_HAND = {"dataset": "sales"}
Walk = Callable[..., dict[str, Any]]


def failure(error: str, cause: str = "") -> Exception:
    raised: Exception = stepfunctions._ExecutionError(error, cause)
    return raised


def ended(dataset: str, **request: str) -> dict[str, Any]:
    given = {"trigger": "operator", "dataset": dataset, **request}
    return {"detail": {"input": json.dumps(given)}}


@pytest.fixture
def walk(monkeypatch: pytest.MonkeyPatch) -> Walk:
    """Runs one execution. Answers are by task, lists are given in turn, exceptions raised; `begin` answers for names of
    executions of the machine itself.
    """

    def run(
        given: dict[str, Any] = BY_HAND,
        begin: Callable[[str], None] = lambda _name: None,
        **answers: Any,
    ) -> dict[str, Any]:
        told: dict[str, Any] = {
            "choose": PLAN,
            "lay_out": LEARN,
            "laid_out": LEARN,
            "job_run": {"Output": DONE},
            "judge": VERDICT,
            "publish": PUBLISHED,
            "createTrainingJob": {"ModelArtifacts": {"S3ModelArtifacts": ARTIFACTS}},
            "createModel": {
                "ModelArn": "arn:aws:sagemaker:eu-central-1:1:model/slipway-prod-sales-ab-0"
            },
            "createTransformJob": {},
            "deleteModel": {},
            "announce": {},
            **answers,
        }
        seen: dict[str, Any] = {"calls": [], "tasks": {}, "begun": []}

        def invoke(resource: str, task: dict[str, Any]) -> Any:
            if task.get("StateMachineArn") == "machine":
                seen["begun"].append(task)
                begin(task["Name"])
                return {"ExecutionArn": "arn:begun"}
            name = resource.rpartition(":")[2].removesuffix(".sync")
            name = task["Payload"]["action"] if name == "invoke" else name
            if resource.endswith("startExecution.sync:2"):
                assert task["StateMachineArn"] == "arn:job"
                name = "job_run"
            name = "announce" if name == "startExecution" else name
            seen["calls"].append(name)
            seen["tasks"].setdefault(name, []).append(task)
            answer = told[name].pop(0) if isinstance(told[name], list) else told[name]
            if isinstance(answer, Exception):
                raise answer
            return {"Payload": answer} if "lambda" in resource else answer

        execution = interpreted(monkeypatch, filled(FILE.read_text(), FILLED), given, invoke)
        return {**execution, **seen}

    return run


LAID_OUT = ["choose", "lay_out"]
BY_SPARK = ["choose", "job_run", "laid_out"]
THEN = [
    *("createTrainingJob", "judge", "createModel", "createTransformJob", "publish"),
    "deleteModel",
]
WAY = [*LAID_OUT, *THEN]


def test_a_training_goes_from_features_to_a_published_forecast_and_leaves_no_model(
    walk: Walk,
) -> None:
    done = walk()
    assert (done["status"], done.get("cause"), done["calls"]) == ("SUCCEEDED", None, WAY)
    assert json.loads(done["output"]) == {
        **{"outcome": "published", "training": "training-1"},
        **{"verdict": VERDICT, "tables": [], "features": FEATURES},
    }


@pytest.mark.parametrize(("engine", "asked"), [("spark", "spark"), ("emr", "emr")])
def test_large_tables_are_laid_out_by_the_machine_that_runs_jobs(
    walk: Walk, engine: str, asked: str
) -> None:
    chosen = {**FEATURES, "engine": engine, "reason": "large"}
    done = walk(choose={**PLAN, "features": chosen}, job_run={"Output": {**DONE, "engine": engine}})
    assert (done["status"], done["calls"]) == ("SUCCEEDED", [*BY_SPARK, *THEN])
    (job,) = done["tasks"]["job_run"]
    assert job["Input"] == {
        **{"job": "forecast_features", "dataset": "sales", "run_id": "training-1"},
        **{"engine": asked, "size_bytes": 7},
        "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": "arn:e",
    }
    made = {**chosen, "worker_seconds": 60}
    assert done["tasks"]["laid_out"][0]["Payload"]["features"] == made
    assert json.loads(done["output"])["features"] == made


@pytest.mark.parametrize(
    "error", ["NeedsSpark", "States.Timeout", "Runtime.ExitError", "Lambda.Unknown"]
)
def test_what_the_function_cannot_lay_out_goes_on_with_spark_and_says_why(
    walk: Walk, error: str
) -> None:
    unsized = {**PLAN, "features": {**FEATURES, "size_bytes": None}}
    done = walk(choose=unsized, lay_out=failure(error, "no room"))
    assert (done["status"], done["calls"]) == ("SUCCEEDED", [*LAID_OUT, *BY_SPARK[1:], *THEN])
    assert done["tasks"]["job_run"][0]["Input"]["size_bytes"] == 0
    assert json.loads(done["output"])["features"] == {
        **{"engine": "spark", "reason": f"{error}: no room"},
        **{"size_bytes": None, "worker_seconds": 60},
    }


def test_emr_serverless_that_did_not_begin_is_named_as_the_reason(walk: Walk) -> None:
    done = walk(
        choose={**PLAN, "features": {**FEATURES, "engine": "emr"}},
        job_run={"Output": {**DONE, "fallback": "EmrServerless.X: busy"}},
    )
    made = json.loads(done["output"])["features"]
    assert (made["engine"], made["reason"]) == ("spark", "EmrServerless.X: busy")


@pytest.mark.parametrize("name", BY_SPARK[1:])
def test_a_job_that_fails_leaves_the_forecast_and_people_are_told(walk: Walk, name: str) -> None:
    large = {**PLAN, "features": {**FEATURES, "engine": "spark"}}
    done = walk(choose=large, **{name: failure("States.TaskFailed", "lost")})
    assert (done["status"], done["calls"][-1]) == ("FAILED", "announce")
    assert "lost" in done["tasks"]["announce"][0]["Input"]["message"]


@pytest.mark.parametrize(("given", "asked"), [({}, None), ({"engine": "spark"}, "spark")])
def test_the_engine_that_an_operator_named_is_handed_on(
    walk: Walk, given: dict[str, str], asked: str | None
) -> None:
    (task,) = walk({**BY_HAND, **given})["tasks"]["choose"]
    assert task["Payload"] == {
        **{"action": "choose", "dataset": "sales", "engine": asked},
        **{"execution": "arn:e", "started": "2026-01-01T00:00:00Z"},
    }


def test_jobs_are_asked_as_script_mode_and_the_role_want_it(walk: Walk) -> None:
    tasks = walk()["tasks"]
    (job,) = tasks["createTrainingJob"]
    assert job["TrainingJobName"] == "slipway-prod-sales-ab-0"
    assert job["RoleArn"] == "arn:role"
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 1800}
    assert job["OutputDataConfig"] == {"S3OutputPath": "s3://p/model/", "KmsKeyId": "arn:key"}
    assert job["EnableNetworkIsolation"] is True
    assert {name: json.loads(value) for name, value in job["HyperParameters"].items()} == {
        "sagemaker_program": Path(forecast_model.__file__).name,
        "sagemaker_submit_directory": "/opt/ml/input/data/code/code.gz",
        "seasons": [12],
    }
    (metric,) = job["AlgorithmSpecification"]["MetricDefinitions"]
    assert re.search(metric["Regex"], "backtest_wape=0.125000;")[1] == "0.125000"  # type: ignore[index]
    (model,) = tasks["createModel"]
    assert model["PrimaryContainer"]["ModelDataUrl"] == ARTIFACTS
    assert (
        model["PrimaryContainer"]["Environment"]["SAGEMAKER_PROGRAM"]
        == Path(forecast_model.__file__).name
    )
    (transform,) = tasks["createTransformJob"]
    assert transform["ModelName"] == "slipway-prod-sales-ab-0"
    assert transform["TransformOutput"]["S3OutputPath"] == "s3://p/forecast/"
    (publish,) = tasks["publish"]
    assert publish["Payload"] == {
        **{"action": "publish", "dataset": "sales"},
        **{"training": "training-1", "model": ARTIFACTS},
    }


def test_nothing_to_learn_costs_nothing(walk: Walk) -> None:
    done = walk(lay_out={**LEARN, "trains": False})
    assert (done["status"], done["calls"]) == ("SUCCEEDED", LAID_OUT)
    assert json.loads(done["output"])["outcome"] == "nothing to learn"


@pytest.mark.parametrize(
    ("superseded", "outcome"), [(None, "not better"), ("t is at version 2", "superseded")]
)
def test_a_model_that_is_not_better_is_not_asked_for_a_forecast(
    walk: Walk, superseded: str | None, outcome: str
) -> None:
    done = walk(judge={**VERDICT, "publishes": False, "superseded": superseded})
    assert (done["status"], done["calls"]) == ("SUCCEEDED", WAY[:4])
    assert json.loads(done["output"])["outcome"] == outcome


def test_what_was_overtaken_before_its_publication_is_no_failure(walk: Walk) -> None:
    done = walk(publish={**PUBLISHED, "superseded": "t is at version 2"})
    assert (done["status"], done["calls"]) == ("SUCCEEDED", WAY)
    assert json.loads(done["output"])["outcome"] == "superseded"


def test_each_attempt_of_a_job_has_a_name_of_its_own(walk: Walk) -> None:
    throttled = failure("SageMaker.ThrottlingException")
    tasks = walk(
        createTrainingJob=[throttled, {"ModelArtifacts": {"S3ModelArtifacts": ARTIFACTS}}]
    )["tasks"]
    names = [task["TrainingJobName"] for task in tasks["createTrainingJob"]]
    assert names == ["slipway-prod-sales-ab-0", "slipway-prod-sales-ab-1"]


@pytest.mark.parametrize(("name", "has_model"), [(name, name in WAY[5:7]) for name in WAY[:7]])
def test_whatever_fails_the_model_is_deleted_and_people_are_told_what_to_type(
    walk: Walk, name: str, has_model: bool
) -> None:
    done = walk(**{name: failure("States.TaskFailed", "AlgorithmError: no rows")})
    assert (done["status"], done["error"]) == ("FAILED", "States.TaskFailed")
    assert done["calls"][-1] == "announce"
    assert ("deleteModel" in done["calls"]) is has_model
    message = done["tasks"]["announce"][0]["Input"]
    assert message["subject"].startswith(
        "WARNING [prod] sales: no model was trained: States.TaskFailed"
    )
    assert "AlgorithmError: no rows" in message["message"]
    assert "slipway forecast train --dataset sales" in message["message"]
    assert message["attributes"]["kind"]["StringValue"] == "not_trained"


def test_a_call_between_training_and_publication_that_was_killed_is_repeated(walk: Walk) -> None:
    killed = [failure("Lambda.Unknown"), failure("Runtime.ExitError")]
    done = walk(judge=[*killed, VERDICT], publish=[*killed, PUBLISHED])
    assert done["status"] == "SUCCEEDED"
    assert (
        done["calls"].count("createTrainingJob") == done["calls"].count("createTransformJob") == 1
    )
    assert (done["calls"].count("judge"), done["calls"].count("publish")) == (3, 3)


def test_a_model_that_cannot_be_deleted_hides_no_cause(walk: Walk) -> None:
    done = walk(publish=failure("PermanentError", "x"), deleteModel=failure("SageMaker.X"))
    assert (done["error"], done["cause"], done["calls"][-1]) == ("PermanentError", "x", "announce")


@pytest.mark.parametrize(("dataset", "ordered"), [("sales", 1), ("sale", 0), ("users", 0)])
def test_the_end_of_a_run_orders_a_training_of_what_is_forecast(
    walk: Walk, dataset: str, ordered: int
) -> None:
    done = walk(ended(dataset))
    assert (done["status"], done["calls"], len(done["begun"])) == ("SUCCEEDED", [], ordered)
    for task in done["begun"]:
        assert re.fullmatch(r"training-sales-\d+", task["Name"])
        assert task["Input"] == {"dataset": "sales", "not_before": ""}


@pytest.mark.parametrize(
    ("mode", "ordered"),
    [("rollback", 1), ("erasure", 1), ("maintenance", 0), ("forecast_rollback", 0)],
)
def test_care_that_changed_no_figure_or_took_a_forecast_back_orders_no_training(
    walk: Walk, mode: str, ordered: int
) -> None:
    done = walk(ended("sales", mode=mode))
    assert (done["status"], len(done["begun"])) == ("SUCCEEDED", ordered)


def test_a_second_order_in_a_window_is_for_the_next_and_a_third_joins_it(walk: Walk) -> None:
    names: list[str] = []

    def taken(name: str) -> None:
        if name in names:
            raise failure("StepFunctions.ExecutionAlreadyExistsException")
        names.append(name)

    for _ in range(3):
        done = walk(ended("sales"), begin=taken)
        assert done["status"] == "SUCCEEDED"
    first, second = (int(name.rpartition("-")[2]) for name in names)
    assert second == first + 1
    later = next(task for task in done["begun"] if task["Name"] == names[1])
    assert re.match(r"20\d\d-\d\d-\d\dT\d\d:00:00", later["Input"]["not_before"])
    waited = walk(later["Input"])
    assert (waited["status"], waited["calls"]) == ("SUCCEEDED", WAY)


def test_a_job_has_longer_than_it_may_run_and_is_not_tried_again_once_it_has_failed() -> None:
    for name in ("Train", "Transform"):
        task = STATES[name]
        assert task["Resource"].endswith(".sync")
        assert task["TimeoutSeconds"] >= 90 * 60 + 20 * 60
        tried = {error for retry in task["Retry"] for error in retry["ErrorEquals"]}
        assert not tried & {"States.ALL", "States.TaskFailed", "States.Timeout"}
