"""A run: jobs, state machine, functions, and what starts it or notices that it ended."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stacks.constructs.spark_job import as_conf
from tests.infrastructure.support import ROOT, Assembly, actions_of, flat, resources_of


def job(assembly: Assembly, name: str) -> dict[str, Any]:
    [found] = [r["Properties"] for place, r in assembly.resources("AWS::Glue::Job").items() if name in place]
    return found


@pytest.mark.parametrize("name", ["RawToProcessed", "ProcessedToCurated"])
def test_jobs_are_glue_6_with_an_end_and_without_retries_of_their_own(comprehensive: Assembly, name: str) -> None:
    properties = job(comprehensive, name)
    assert properties["GlueVersion"] == "6.0"
    assert properties["Command"]["Name"] == "glueetl"
    assert properties["Command"]["PythonVersion"] == "3"
    assert properties["MaxRetries"] == 0
    assert properties["Timeout"] == 100
    assert (properties["WorkerType"], properties["NumberOfWorkers"]) == ("G.2X", 20)
    arguments = properties["DefaultArguments"]
    assert arguments["--datalake-formats"] == "iceberg"
    for switch in ("--enable-auto-scaling", "--enable-metrics", "--enable-observability-metrics"):
        assert arguments[switch] == "true"
    assert arguments["--environment"] == "prod"
    assert {"--raw_bucket", "--processed_bucket", "--curated_bucket"} <= set(arguments)
    assert properties["SecurityConfiguration"]


def test_spark_knows_the_catalog_and_the_time_zone(prod: Assembly) -> None:
    conf = flat(job(prod, "RawToProcessed")["DefaultArguments"]["--conf"])
    settings = dict(part.split("=", 1) for part in conf.split(" --conf "))
    assert settings["spark.sql.extensions"] == "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
    assert settings["spark.sql.catalog.glue_catalog"] == "org.apache.iceberg.spark.SparkCatalog"
    assert settings["spark.sql.catalog.glue_catalog.catalog-impl"] == "org.apache.iceberg.aws.glue.GlueCatalog"
    assert settings["spark.sql.catalog.glue_catalog.warehouse"].startswith("s3://<")
    assert settings["spark.sql.session.timeZone"] == "UTC"


def test_settings_are_chained_as_glue_wants_them() -> None:
    assert as_conf({"a": "1", "b": "2"}) == "a=1 --conf b=2"


def test_tables_live_below_the_zone_bucket(prod: Assembly) -> None:
    locations = {
        resource["Properties"]["DatabaseInput"]["Name"]: flat(resource["Properties"]["DatabaseInput"]["LocationUri"])
        for resource in prod.resources("AWS::Glue::Database").values()
    }
    assert sorted(locations) == ["slipway_prod_curated", "slipway_prod_processed", "slipway_prod_raw"]
    assert locations["slipway_prod_processed"].endswith("/tables")
    assert locations["slipway_prod_curated"].endswith("/tables")


def test_only_raw_is_crawled_one_target_per_dataset(comprehensive: Assembly) -> None:
    crawler = comprehensive.only("AWS::Glue::Crawler")
    assert crawler["DatabaseName"] == "slipway_prod_raw"
    paths = [flat(target["Path"]) for target in crawler["Targets"]["S3Targets"]]
    assert [path.partition(">")[2] for path in paths] == ["/sales_records/", "/tiny/"]
    assert crawler["SchemaChangePolicy"]["DeleteBehavior"] == "LOG"


def test_the_machine_is_the_file_with_every_placeholder_filled(prod: Assembly) -> None:
    machine = prod.only("AWS::StepFunctions::StateMachine")
    file = json.loads((ROOT / "state_machines" / "dataset_run.asl.json").read_text(encoding="utf-8"))
    assert json.loads(machine["DefinitionString"]) == file
    assert machine["DefinitionSubstitutions"]["SettleSeconds"] == "60"
    assert all(machine["DefinitionSubstitutions"].values())


def test_every_step_of_a_run_is_logged_and_traced(prod: Assembly) -> None:
    machine = prod.only("AWS::StepFunctions::StateMachine")
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is True
    assert machine["TracingConfiguration"] == {"Enabled": True}


def test_the_machine_may_start_its_two_jobs_and_four_functions_only(prod: Assembly) -> None:
    statements = prod.statements_of_role("Orchestration", "DatasetRunRole")
    [invoked] = [resources_of(s) for s in statements if "lambda:InvokeFunction" in actions_of(s)]
    [started] = [resources_of(s) for s in statements if "glue:StartJobRun" in actions_of(s)]
    assert len(invoked) == 4
    assert len(started) == 2
    assert not any("*" in resource for resource in [*invoked, *started])


def test_the_lease_of_a_claim_outlives_two_jobs(comprehensive: Assembly) -> None:
    [claim] = [
        r["Properties"]["Environment"]["Variables"]
        for r in comprehensive.resources("AWS::Lambda::Function").values()
        if "claim_batch" in r["Properties"]["Handler"]
    ]
    assert int(claim["CLAIM_LEASE_SECONDS"]) > 2 * 100 * 60
    assert claim["MAX_FILES_PER_RUN"] == "50"


def test_a_run_that_ends_without_telling_is_reported(prod: Assembly) -> None:
    [rule] = [r["Properties"] for p, r in prod.resources("AWS::Events::Rule").items() if "SilentEnds" in p]
    assert rule["EventPattern"]["detail-type"] == ["Step Functions Execution Status Change"]
    assert rule["EventPattern"]["detail"]["status"] == ["FAILED", "TIMED_OUT", "ABORTED"]
    [target] = rule["Targets"]
    assert target["Arn"]["Fn::GetAtt"][0].startswith("FailRun")
    assert "InputTransformer" not in target  # the function reads the event as EventBridge sends it
    assert target["DeadLetterConfig"]


def test_each_dataset_has_its_schedule_unless_settings_say_none(comprehensive: Assembly) -> None:
    [schedule] = comprehensive.resources("AWS::Scheduler::Schedule").values()
    target = schedule["Properties"]["Target"]
    assert json.loads(target["Input"]) == {"dataset": "sales_records", "trigger": "schedule"}
    assert schedule["Properties"]["ScheduleExpression"] == "cron(15 4 * * ? *)"
    assert target["DeadLetterConfig"]


def test_functions_run_on_arm_with_their_own_log(prod: Assembly) -> None:
    functions = prod.resources("AWS::Lambda::Function")
    assert len(functions) == 5
    for function in functions.values():
        properties = function["Properties"]
        assert properties["Runtime"] == "python3.13"
        assert properties["Architectures"] == ["arm64"]
        assert properties["LoggingConfig"]["LogGroup"]["Ref"]
        assert properties["Environment"]["Variables"]["ENVIRONMENT"] == "prod"


def test_every_log_ends_some_day_and_is_encrypted(prod: Assembly) -> None:
    groups = prod.resources("AWS::Logs::LogGroup")
    assert len(groups) == 9  # five functions, the machine, SFTP, output and error of the jobs
    for group in groups.values():
        assert group["Properties"]["RetentionInDays"] == 180
        assert "OperationsKey" in flat(group["Properties"]["KmsKeyId"])
