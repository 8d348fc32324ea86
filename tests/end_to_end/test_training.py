"""A model of forecasts is trained after a run, judged, and published, under the roles that are deployed.

The history has trend and season, so that something can be learned from it; it lies in years of its own.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from local_cloud.session import LocalCloud
from sample_data import seasonal
from slipway import __main__ as command_line
from tests.end_to_end.pipeline import DATASET, Pipeline, money, until

pytestmark = pytest.mark.push

MONTHS, SEED = 72, 7
TABLE = "curated.sales_by_month_item_forecast"


@pytest.fixture(scope="module")
def trained(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The output of the training that the run of the history has ordered."""
    file = tmp_path_factory.mktemp("history") / "history.csv"
    seasonal.write_history(file, months=MONTHS, seed=SEED, orders=1)
    assert pipeline.deliver(file).failed_executions == []
    client = pipeline.deployment.client("stepfunctions")
    machine = pipeline.deployment.output("TrainingStateMachineArn")
    ended: list[dict[str, Any]] = []

    def has_ended() -> bool:
        found = client.list_executions(stateMachineArn=machine)["executions"]
        orders = [each for each in found if each["name"].startswith(f"training-{DATASET}")]
        ended[:] = [each for each in orders if each["status"] != "RUNNING"]
        return bool(ended)

    until(has_ended, "the training that the run ordered")
    described = client.describe_execution(executionArn=ended[0]["executionArn"])
    assert described["status"] == "SUCCEEDED", described.get("cause")
    output: dict[str, Any] = json.loads(described["output"])
    return output


@pytest.fixture(scope="module")
def rows(
    pipeline: Pipeline,
    trained: dict[str, Any],  # noqa: ARG001 - the table is that of the training
) -> list[tuple[Any, ...]]:
    return pipeline.ask(
        "select item_type, month_start, value, lower_80, upper_80, lower_95, upper_95, method, wape, model_version, "
        f"run_id from {TABLE} where actual is null order by item_type, month_start"
    )


def test_a_trained_model_is_published_where_it_is_better_and_naive_stays_where_not(
    trained: dict[str, Any], rows: list[tuple[Any, ...]]
) -> None:
    assert trained["outcome"] == "published"
    verdict = trained["verdict"]
    assert verdict["series"] == 12
    assert Decimal(verdict["wape"]) < Decimal(verdict["naive_wape"])
    methods = {row[0]: row[7] for row in rows}
    assert list(methods.values()).count("gradient_boosting") == verdict["better"] > 0
    assert "seasonal_naive" in methods.values()
    assert len(rows) == 12 * 6
    for row in rows:
        of_model = row[7] == "gradient_boosting"
        assert row[9].startswith("gradient-boosting-2/training-" if of_model else "statistics-")
        assert row[10] == trained["training"]
        lower_95, lower_80, value, upper_80, upper_95 = (money(row[n]) for n in (5, 3, 2, 4, 6))
        assert lower_95 <= lower_80 <= value <= upper_80 <= upper_95


def test_totals_agree_however_they_are_added_up(
    pipeline: Pipeline, trained: dict[str, Any], rows: list[tuple[Any, ...]]
) -> None:
    by_month = dict(
        pipeline.ask(f"select month_start, sum(value) from {TABLE} group by month_start")
    )
    ((everything,),) = pipeline.ask(f"select sum(value) from {TABLE}")
    assert (
        sum(map(money, by_month.values()))
        == sum(money(row[2]) for row in rows)
        == money(everything)
    )
    (table,) = trained["tables"]
    assert (table["series"], table["horizon"], table["trained_through"]) == (12, 6, "2021-12-01")


def test_the_job_is_described_with_its_metric_and_no_model_is_left(
    pipeline: Pipeline, trained: dict[str, Any]
) -> None:
    sagemaker = pipeline.deployment.client("sagemaker")
    digest = trained["training"].rpartition("-")[2]
    job = sagemaker.describe_training_job(TrainingJobName=f"slipway-local-sales-records-{digest}-0")
    assert job["TrainingJobStatus"] == "Completed"
    assert job["EnableNetworkIsolation"] is True
    (metric,) = job["FinalMetricDataList"]
    assert metric["MetricName"] == "backtest:wape"
    assert 0 < metric["Value"] < 1
    assert sagemaker.list_models()["Models"] == []


def test_what_was_trained_is_shown_and_is_not_trained_twice(
    pipeline: Pipeline, trained: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main(["forecast", "show", "--dataset", DATASET]) == 0
    assert "gradient_boosting" in capsys.readouterr().out
    assert command_line.main(["forecast", "train", "--dataset", DATASET]) == 0
    assert "nothing to learn" in capsys.readouterr().out
    assert pipeline.ask(f"select count(*) from {TABLE} where run_id = '{trained['training']}'") == [
        (72,)
    ]


@pytest.fixture(scope="module")
def jobs_role(pipeline: Pipeline) -> str:
    """Name of the role that SageMaker takes for jobs."""
    stacks = pipeline.deployment.client("cloudformation")
    resources = stacks.describe_stack_resources(StackName="Slipway-Local-Training")[
        "StackResources"
    ]
    (role,) = [
        found["PhysicalResourceId"]
        for found in resources
        if found["LogicalResourceId"].startswith("JobsRole")
        and found["ResourceType"] == "AWS::IAM::Role"
    ]
    return str(role)


def test_jobs_reach_folders_of_trainings_under_their_own_role_and_nothing_was_denied(
    cloud: LocalCloud, trained: dict[str, Any], jobs_role: str
) -> None:
    asked = [each for each in cloud.control("requests") if each["principal"] == jobs_role]
    assert {each["action"] for each in asked} >= {"s3:GetObject", "s3:PutObject", "s3:ListBucket"}
    written = [each["resource"] for each in asked if each["action"] == "s3:PutObject"]
    assert written
    assert all(f"/{trained['training']}/" in resource for resource in written)
    assert [each for each in cloud.control("denials") if jobs_role in each["principal"]] == []


def test_the_forecast_before_is_published_again_and_no_training_undoes_that(
    pipeline: Pipeline, trained: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.new_alerts()
    assert command_line.main(["forecast", "show", "--history", "--dataset", DATASET]) == 0
    history = capsys.readouterr().out
    assert trained["training"] in history
    assert "gradient-boosting-2/" in history
    client = pipeline.deployment.client("stepfunctions")
    machine = pipeline.deployment.output("TrainingStateMachineArn")
    before = client.list_executions(stateMachineArn=machine)["executions"]
    given = ["forecast", "rollback", "--dataset", DATASET, "--reason", "too high", "--yes"]
    assert command_line.main(given) == 0
    assert "Reason: too high" in capsys.readouterr().out
    methods = {row[0] for row in pipeline.ask(f"select distinct method from {TABLE}")}
    assert "gradient_boosting" not in methods
    assert pipeline.ask(f"select count(*) from {TABLE}") == [(72,)]
    (alert,) = pipeline.new_alerts()
    assert "forecast_rollback succeeded" in alert.subject
    assert "Reason: too high" in alert.body
    ordered = [
        each
        for each in client.list_executions(stateMachineArn=machine)["executions"]
        if each["executionArn"] not in {old["executionArn"] for old in before}
    ]
    until(
        lambda: all(
            client.describe_execution(executionArn=each["executionArn"])["status"] != "RUNNING"
            for each in ordered
        ),
        "the order after the rollback",
    )
    assert not [each for each in ordered if each["name"].startswith("training-")]
    assert command_line.main(["forecast", "show", "--history", "--dataset", DATASET]) == 0
    assert "taken back" in capsys.readouterr().out


@pytest.mark.deep  # a run more, and a Spark start
def test_large_tables_are_laid_out_by_spark_under_a_role_of_its_own_and_the_rest_is_the_same(
    cloud: LocalCloud,
    pipeline: Pipeline,
    trained: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ["forecast", "train", "--dataset", DATASET, "--engine", "spark"]
    for correction in (
        1,
        2,
    ):  # once more if a new hour began, in which the run's own training was first
        file = tmp_path / f"corrected_{correction}.csv"
        seasonal.write_history(file, months=MONTHS, seed=SEED + correction, orders=1)
        assert pipeline.deliver(file).failed_executions == []
        capsys.readouterr()
        assert command_line.main(given) == 0
        said = capsys.readouterr().out
        assert "features were made by Spark: the request named it" in said
        if "nothing to learn" not in said:
            break
    assert "published; see it" in said
    runs = pipeline.ask(f"select distinct run_id from {TABLE} where actual is null")
    ((training,),) = runs
    assert training != trained["training"]
    bucket, folder = (
        pipeline.deployment.output("ProcessedBucketName"),
        f"runs/{DATASET}/{training}/",
    )
    s3 = pipeline.deployment.client("s3")
    made = json.loads(s3.get_object(Bucket=bucket, Key=f"{folder}features.json")["Body"].read())
    assert (made["engine"], made["reason"]) == ("spark", "the request named it")
    assert made["size_bytes"] > 0
    keys = [
        each["Key"].removeprefix(folder)
        for each in s3.list_objects_v2(Bucket=bucket, Prefix=f"{folder}tr")["Contents"]
    ]
    assert "transform/rows.csv" in keys
    assert any(re.fullmatch(r"train/part-00000-.*\.csv", key) for key in keys)
    (job,) = [
        each["Role"].rpartition("/")[2]
        for each in pipeline.deployment.client("glue").get_jobs()["Jobs"]
        if "ForecastFeatures" in each["Name"]
    ]
    asked = [each for each in cloud.control("requests") if each["principal"] == job]
    written = [each["resource"] for each in asked if each["action"] == "s3:PutObject"]
    assert written
    assert all(f"/{folder}" in resource for resource in written)
    assert not [
        each for each in asked if each["action"] in ("glue:UpdateTable", "glue:CreateTable")
    ]
    assert [each for each in cloud.control("denials") if job in each["principal"]] == []
