"""EMR Serverless: nothing of it while it is off; on, one application, two roles with what their Glue jobs may do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.emr_releases import BY_LABEL
from stacks.constructs import emr_engine
from stacks.constructs.pruning import pruned
from stacks.layers import EMR, LayerMissing
from stacks.orchestration import STATES_OF_EMR
from tests.infrastructure.support import ROOT, Assembly, actions_of, resources_of
from tests.infrastructure.test_duckdb import statements
from tests.infrastructure.test_run import machine

GLUE_JOB = {
    "EmrLoadRole": "RawToProcessedRole",
    "EmrCurateRole": "ProcessedToCuratedRole",
    "EmrFeaturesRole": "ForecastFeaturesRole",
}


@pytest.mark.parametrize("environment", ["prod", "local"])
def test_off_it_adds_nothing_to_any_template(
    environment: str, request: pytest.FixtureRequest
) -> None:
    assembly: Assembly = request.getfixturevalue(environment)
    texts = [json.dumps(template).lower() for template in assembly.templates.values()]
    of_athena = "com.amazon.emr.cloudtrail."  # how CloudTrail's files are read
    assert not any("emr" in text.replace(of_athena, "") for text in texts)


def test_off_the_machine_of_jobs_is_the_file_without_its_states(prod: Assembly) -> None:
    file = (ROOT / "state_machines" / "job_run.asl.json").read_text(encoding="utf-8")
    assert machine(prod, "JobRun")["DefinitionString"] == json.dumps(
        json.loads(pruned(file, STATES_OF_EMR)), indent=1
    )
    states = json.loads(pruned(file, STATES_OF_EMR))["States"]
    assert set(states) == {"WhichEngine", "OnDuckDb", "OnSpark", "Done"}
    assert [rule["Next"] for rule in states["WhichEngine"]["Choices"]] == ["OnDuckDb"]


def application(assembly: Assembly) -> dict[str, Any]:
    return assembly.only("AWS::EMRServerless::Application")


def test_the_application_is_limited_stops_when_idle_and_holds_no_capacity(
    comprehensive: Assembly,
) -> None:
    found = application(comprehensive)
    assert found["MaximumCapacity"] == {"Cpu": "80 vCPU", "Memory": "320 GB", "Disk": "2000 GB"}
    assert found["AutoStopConfiguration"] == {"Enabled": True, "IdleTimeoutMinutes": 10}
    assert (found["Type"], found["Architecture"]) == ("SPARK", "ARM64")
    assert "InitialCapacity" not in found
    assert found["ReleaseLabel"] in BY_LABEL


def test_a_job_run_that_fails_takes_too_long_or_is_stopped_is_told_to_the_topic_of_alarms(
    comprehensive: Assembly,
) -> None:
    rules = comprehensive.resources("AWS::Events::Rule", "Monitoring")
    [rule] = [each["Properties"] for place, each in rules.items() if "FailedEmrJobs" in place]
    [of_glue] = [each["Properties"] for place, each in rules.items() if "/FailedJobs" in place]
    pattern = rule["EventPattern"]
    assert (pattern["source"], pattern["detail-type"]) == (
        ["aws.emr-serverless"],
        ["EMR Serverless Job Run State Change"],
    )
    assert pattern["detail"]["state"] == ["FAILED", "CANCELLED"]
    [its_application] = pattern["detail"]["applicationId"]
    assert "EmrApplication" in json.dumps(its_application)
    [target], [other] = rule["Targets"], of_glue["Targets"]
    assert "detail-jobRunId" in target["InputTransformer"]["InputTemplate"]
    for field in ("Arn", "RoleArn", "DeadLetterConfig"):
        assert target[field] == other[field]


def test_its_logs_are_encrypted_and_go_to_a_group_that_ends_some_day(
    comprehensive: Assembly,
) -> None:
    logging = application(comprehensive)["MonitoringConfiguration"]
    group = logging["CloudWatchLoggingConfiguration"]
    assert group["Enabled"]
    assert "OperationsKey" in json.dumps(group["EncryptionKeyArn"])
    assert group["LogGroupName"]["Ref"].startswith("EmrLog")
    assert logging["ManagedPersistenceMonitoringConfiguration"] == {"Enabled": False}


@pytest.mark.parametrize("role", GLUE_JOB)
def test_a_job_may_do_with_data_what_its_glue_job_may(comprehensive: Assembly, role: str) -> None:
    assert without_code(statements(comprehensive, role)) == without_code(
        statements(comprehensive, GLUE_JOB[role])
    )


def without_code(found: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Without the code that a role reads, which is each engine's own."""
    return {(action, resource) for action, resource in found if "cdk-hnb659fds" not in resource}


def test_the_machine_of_jobs_may_run_them_and_hand_over_their_roles_to_nobody_else(
    comprehensive: Assembly,
) -> None:
    found = comprehensive.statements_of_role("Orchestration", "JobRunRole")
    [passing] = [one for one in found if "iam:PassRole" in actions_of(one)]
    assert passing["Condition"] == {
        "StringEquals": {"iam:PassedToService": "emr-serverless.amazonaws.com"}
    }
    assert len(resources_of(passing)) == len(GLUE_JOB)
    actions = {action for one in found for action in actions_of(one) if "emr" in action}
    assert actions == {f"emr-serverless:{verb}JobRun" for verb in ("Start", "Get", "Cancel")}
    [rule] = [resources_of(one) for one in found if "events:PutRule" in actions_of(one)]
    assert rule[0].endswith("rule/StepFunctionsGetEventsForEMRServerlessJobRule")


def test_a_job_is_told_its_spark_and_ships_iceberg_for_it(comprehensive: Assembly) -> None:
    given = machine(comprehensive, "JobRun")["DefinitionSubstitutions"]
    release = BY_LABEL[application(comprehensive)["ReleaseLabel"]]
    for job in ("EmrLoadArguments", "EmrCurateArguments"):
        assert json.dumps(given[job]).endswith(f' --spark_version {release.spark}"]]}}')
    parameters = json.dumps(given["EmrSparkParameters"])
    shipped = {path.name for path in comprehensive.folder.glob("asset.*.jar")}
    [jar] = [name.removeprefix("asset.") for name in shipped]
    assert f"--jars s3://cdk-hnb659fds-assets-111122223333-eu-central-1/{jar} " in parameters
    assert "spark.dynamicAllocation.maxExecutors=19" in parameters
    assert "spark.archives=" in parameters


def test_a_library_that_was_not_fetched_stops_the_synthesis_and_says_what_to_type(
    tmp_path: Path,
) -> None:
    for label, target in (("emr-spark-8.0.0", "make emr"), ("emr-spark-8.1.0", "make setup")):
        with pytest.raises(LayerMissing, match=f"{label} with the application: run `{target}`"):
            emr_engine.shipped_jar(tmp_path, BY_LABEL[label])
    (tmp_path / "stacks").mkdir()
    (tmp_path / EMR.lock).write_text("boto3==1\n")
    with pytest.raises(LayerMissing, match="stacks/emr_layer"):
        EMR.built(tmp_path)
