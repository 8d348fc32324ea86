"""Runs and care of datasets: jobs, state machines, functions, and who notices that one ended."""

from __future__ import annotations

import dataclasses
import importlib
import json
import re
from pathlib import Path
from typing import Any

import annotated_types
import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Match, Template

from pipeline.steps import DATASET_RUN
from stacks.constructs.dataset_machine import DatasetMachine, Offer
from stacks.constructs.spark_job import as_conf
from stacks.processing import ProcessingStack
from stacks.settings import Glue
from stacks.storage import StorageStack
from tests.infrastructure.support import (
    FUNCTIONS,
    ROOT,
    Assembly,
    actions_of,
    blueprint,
    flat,
    new_app,
    resources_of,
    sales_records,
)


def job(assembly: Assembly, name: str) -> dict[str, Any]:
    [found] = [
        r["Properties"]
        for place, r in assembly.resources("AWS::Glue::Job").items()
        if name in place
    ]
    return found


@pytest.mark.parametrize("name", ["RawToProcessed", "ProcessedToCurated", "Care"])
def test_jobs_are_glue_6_with_an_end_and_without_retries_of_their_own(
    comprehensive: Assembly, name: str
) -> None:
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
    assert {"--processed_bucket", "--curated_bucket"} <= set(arguments)
    assert properties["SecurityConfiguration"]


def test_spark_knows_the_catalog_and_the_time_zone(prod: Assembly) -> None:
    conf = flat(job(prod, "RawToProcessed")["DefaultArguments"]["--conf"])
    settings = dict(part.split("=", 1) for part in conf.split(" --conf "))
    assert (
        settings["spark.sql.extensions"]
        == "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
    )
    assert settings["spark.sql.catalog.glue_catalog"] == "org.apache.iceberg.spark.SparkCatalog"
    assert (
        settings["spark.sql.catalog.glue_catalog.catalog-impl"]
        == "org.apache.iceberg.aws.glue.GlueCatalog"
    )
    assert settings["spark.sql.catalog.glue_catalog.warehouse"].startswith("s3://<")
    assert settings["spark.sql.session.timeZone"] == "UTC"


def test_jobs_get_delta_once_a_contract_asks_for_it(tmp_path: Path) -> None:
    plan = blueprint(contracts=(dataclasses.replace(sales_records(), table_format="delta"),))
    app = new_app(tmp_path)
    storage = StorageStack(app, blueprint=plan)
    processing = Template.from_stack(ProcessingStack(app, blueprint=plan, storage=storage))
    for found in processing.find_resources("AWS::Glue::Job").values():
        arguments = found["Properties"]["DefaultArguments"]
        settings = dict(part.split("=", 1) for part in flat(arguments["--conf"]).split(" --conf "))
        assert arguments["--datalake-formats"] == "iceberg,delta"
        assert settings["spark.sql.extensions"].split(",")[1] == (
            "io.delta.sql.DeltaSparkSessionExtension"
        )
        assert settings["spark.sql.catalog.spark_catalog"] == (
            "org.apache.spark.sql.delta.catalog.DeltaCatalog"
        )


def test_settings_are_chained_as_glue_wants_them() -> None:
    assert as_conf({"a": "1", "b": "2"}) == "a=1 --conf b=2"


def test_tables_live_below_the_zone_bucket(prod: Assembly) -> None:
    locations = {
        resource["Properties"]["DatabaseInput"]["Name"]: flat(
            resource["Properties"]["DatabaseInput"]["LocationUri"]
        )
        for resource in prod.resources("AWS::Glue::Database").values()
    }
    assert sorted(locations) == [
        "slipway_prod_curated",
        "slipway_prod_processed",
        "slipway_prod_raw",
    ]
    assert locations["slipway_prod_processed"].endswith("/tables")
    assert locations["slipway_prod_curated"].endswith("/tables")


def test_only_raw_is_crawled_and_each_dataset_by_a_crawler_of_its_own(
    comprehensive: Assembly,
) -> None:
    crawlers = [
        each["Properties"] for each in comprehensive.resources("AWS::Glue::Crawler").values()
    ]
    assert {each["DatabaseName"] for each in crawlers} == {"slipway_prod_raw"}
    paths = [flat(each["Targets"]["S3Targets"][0]["Path"]) for each in crawlers]
    assert [path.partition(">")[2] for path in paths] == ["/sales_records/", "/tiny/"]
    assert [each["Name"] for each in crawlers] == [
        "slipway-prod-raw-sales_records",
        "slipway-prod-raw-tiny",
    ]
    for each in crawlers:
        assert each["SchemaChangePolicy"]["DeleteBehavior"] == "LOG"
        assert each["Schedule"] == {"ScheduleExpression": "cron(0 3 * * ? *)"}
        [target] = each["Targets"]["S3Targets"]
        assert target["Exclusions"] == ["**.gz"]


def test_a_crawler_classifies_by_the_contract(comprehensive: Assembly) -> None:
    classifiers = comprehensive.resources("AWS::Glue::Classifier")
    found = [each["Properties"]["CsvClassifier"] for each in classifiers.values()]
    assert [each["Name"] for each in found] == [
        "slipway-prod-raw-sales_records",
        "slipway-prod-raw-tiny",
    ]
    for each in found:
        assert (each["Delimiter"], each["QuoteSymbol"]) == (",", '"')
        assert each["ContainsHeader"] == "PRESENT"
        assert "Header" not in each  # of the file itself
    named = [
        flat(each["Properties"]["Classifiers"][0])
        for each in comprehensive.resources("AWS::Glue::Crawler").values()
    ]
    assert all("Classifier" in name for name in named)
    assert len(set(named)) == len(named)


def machine(assembly: Assembly, name: str) -> dict[str, Any]:
    machines = assembly.resources("AWS::StepFunctions::StateMachine")
    [found] = [
        r["Properties"] for place, r in machines.items() if place.partition("/")[2].startswith(name)
    ]
    return found


MACHINES = {
    "DatasetRun": "dataset_run",
    "JobRun": "job_run",
    "DatasetCare": "dataset_care",
    "Announce": "announce",
}


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_is_the_file_with_every_placeholder_filled(
    comprehensive: Assembly, name: str
) -> None:
    properties = machine(comprehensive, name)
    file = json.loads(
        (ROOT / "state_machines" / f"{MACHINES[name]}.asl.json").read_text(encoding="utf-8")
    )
    assert json.loads(properties["DefinitionString"]) == file
    assert all(properties["DefinitionSubstitutions"].values())


def test_the_wait_for_a_burst_is_the_one_of_the_settings(prod: Assembly) -> None:
    assert machine(prod, "DatasetRun")["DefinitionSubstitutions"]["SettleSeconds"] == "60"


def test_a_placeholder_that_nobody_fills_fails_the_synth(tmp_path: Path) -> None:
    folder = tmp_path / "state_machines"
    folder.mkdir()
    (folder / "announce.asl.json").write_text('{"StartAt": "${Where}"}', encoding="utf-8")
    plan = dataclasses.replace(blueprint(), root=tmp_path)
    stack = cdk.Stack(cdk.App(), "S")
    with pytest.raises(
        ValueError, match=r"announce\.asl\.json: substitutions \['Where'\] are not given"
    ):
        DatasetMachine(
            stack,
            "Machine",
            blueprint=plan,
            name="announce",
            comment="none",
            offer=Offer(),
            operations_key=kms.Key(stack, "Key"),
        )


@pytest.mark.parametrize("name", MACHINES)
def test_every_step_of_a_machine_is_logged_and_traced(prod: Assembly, name: str) -> None:
    properties = machine(prod, name)
    assert properties["LoggingConfiguration"]["Level"] == "ALL"
    assert properties["LoggingConfiguration"]["IncludeExecutionData"] is True
    assert properties["TracingConfiguration"] == {"Enabled": True}


def tasks(assembly: Assembly, name: str) -> list[dict[str, Any]]:
    states = json.loads(machine(assembly, name)["DefinitionString"])["States"].values()
    return [state for state in states if state["Type"] == "Task"]


@pytest.mark.parametrize("name", ["DatasetRun", "DatasetCare"])
def test_a_function_ends_before_its_task_is_given_up(prod: Assembly, name: str) -> None:
    """Else it would go on writing while the machine already calls it again."""
    seconds = {
        function["Properties"]["Handler"].split(".")[1]: function["Properties"]["Timeout"]
        for function in prod.resources("AWS::Lambda::Function").values()
        if function["Properties"]["Handler"].startswith("lambdas.")
    }
    for task in tasks(prod, name):
        placeholder = str(task.get("Parameters", {}).get("FunctionName", "")).strip("${}")
        if placeholder:
            words = re.findall("[A-Z][a-z]+", placeholder.removesuffix("FunctionArn"))
            assert seconds["_".join(words).lower()] < task["TimeoutSeconds"], placeholder


@pytest.mark.parametrize("name", ["JobRun", "DatasetCare"])
def test_a_job_may_take_as_long_as_any_settings_allow(prod: Assembly, name: str) -> None:
    minutes = Glue.model_fields["timeout_minutes"].metadata
    longest = next(limit.le for limit in minutes if isinstance(limit, annotated_types.Le)) * 60
    start_seconds = 10 * 60
    for task in tasks(prod, name):
        if "glue:startJobRun" in task["Resource"]:
            assert task["TimeoutSeconds"] >= longest + start_seconds


def test_a_run_may_call_the_functions_of_its_steps_and_the_machine_of_its_jobs_only(
    prod: Assembly,
) -> None:
    statements = prod.statements_of_role("Orchestration", "DatasetRunRole")
    [invoked] = [resources_of(s) for s in statements if "lambda:InvokeFunction" in actions_of(s)]
    steps = [step.name for step in DATASET_RUN.steps if step.worker == "function"]
    assert names(invoked) == sorted([*steps, "FailRun"])
    assert not any(
        action.startswith(("sns:", "glue:")) for s in statements for action in actions_of(s)
    )


def test_the_machine_of_jobs_may_start_the_two_jobs_of_a_run_on_either_engine_only(
    prod: Assembly,
) -> None:
    statements = prod.statements_of_role("Orchestration", "JobRunRole")
    [started] = [resources_of(s) for s in statements if "glue:StartJobRun" in actions_of(s)]
    assert names(started) == ["ProcessedToCurated", "RawToProcessed"]
    [invoked] = [resources_of(s) for s in statements if "lambda:InvokeFunction" in actions_of(s)]
    assert names(invoked) == ["CurateSmallBatch", "LoadSmallBatch"]
    assert not any(action.startswith("states:") for s in statements for action in actions_of(s))


def names(resources: list[str]) -> list[str]:
    """What functions and jobs are called, from flattened ARNs like <GateFunction12AB34CD.Arn>."""
    name = r"(?:PublishOutput(?:Ref|FnGetAtt))?([A-Z]\w*?)(?:Function|Job)[0-9A-F]{8}"
    found = [re.search(name, resource) for resource in resources]
    return sorted(match.group(1) for match in found if match)


def variables(assembly: Assembly, function: str) -> dict[str, Any]:
    [found] = [
        r["Properties"]["Environment"]["Variables"]
        for r in assembly.resources("AWS::Lambda::Function").values()
        if function in r["Properties"]["Handler"]
    ]
    return dict(found)


def longest_serving(assembly: Assembly, name: str) -> int:
    serve = json.loads(machine(assembly, name)["DefinitionString"])["States"]["Serve"]
    return int(serve["ItemProcessor"]["States"]["RunServingMachine"]["TimeoutSeconds"])


def test_the_lease_of_a_claim_outlives_two_jobs_and_what_is_served(
    comprehensive: Assembly, prod: Assembly
) -> None:
    for function in ("claim_batch", "hold_dataset"):
        lease = int(variables(comprehensive, function)["CLAIM_LEASE_SECONDS"])
        for name in ("DatasetRun", "DatasetCare"):
            assert lease >= 2 * (100 + 15) * 60 + longest_serving(comprehensive, name) + 60 * 60
    assert (
        int(variables(prod, "claim_batch")["CLAIM_LEASE_SECONDS"]) == 2 * (110 + 15) * 60 + 60 * 60
    )  # nothing is served
    assert variables(comprehensive, "claim_batch")["MAX_FILES_PER_RUN"] == "50"


@pytest.mark.parametrize(
    ("name", "started"), [("DatasetRun", ["Announce", "DatasetRun", "JobRun"]), ("DatasetCare", [])]
)
def test_without_optional_features_nothing_is_served_and_no_machine_that_serves_may_be_started(
    prod: Assembly, name: str, started: list[str]
) -> None:
    assert machine(prod, name)["DefinitionSubstitutions"]["ServingMachineArns"] == "none"
    arns = [
        arn
        for statement in prod.statements_of_role("Orchestration", f"{name}Role")
        if "states:StartExecution" in actions_of(statement)
        for arn in resources_of(statement)
    ]
    assert (
        sorted(
            re.sub(r"<(?:PublishOutputRef)?(\w+)Machine[0-9A-F]{8}\w*>", r"\1", arn) for arn in arns
        )
        == started
    )


def test_what_starts_a_run_is_made_after_the_machines_leave_to_go_on_as_a_new_execution(
    prod: Assembly,
) -> None:
    """The machine cannot wait for it, since the policy names the machine; Intake is a later stack."""
    [policy] = [
        place
        for place in prod.resources("AWS::IAM::Policy", "Orchestration")
        if "DatasetRunItself" in place
    ]
    waiting = {
        logical_id
        for logical_id, resource in prod.templates["Orchestration"]["Resources"].items()
        if policy.partition("/")[2] in resource.get("DependsOn", [])
    }
    runs = {
        name
        for name in prod.templates["Orchestration"]["Resources"]
        if name.startswith("ScheduleSales")
    }
    assert len(runs) == 1
    assert runs < waiting
    assert any(name.startswith("ReleaseDatasetFunction") for name in waiting)
    manifest = json.loads((prod.folder / "manifest.json").read_text(encoding="utf-8"))
    assert (
        "Slipway-Prod-Orchestration" in manifest["artifacts"]["Slipway-Prod-Intake"]["dependencies"]
    )


@pytest.fixture(scope="module")
def serving_stack(tmp_path_factory: pytest.TempPathFactory) -> cdk.Stack:
    """A stack with two machines that serve, and one that runs them."""
    root = tmp_path_factory.mktemp("root")
    folder = root / "state_machines"
    folder.mkdir()
    (folder / "serving.asl.json").write_text(
        '{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}'
    )
    (folder / "parent.asl.json").write_text('{"Comment": "${ServingMachineArns}"}')
    stack = cdk.Stack(cdk.App(), "S")
    shared: dict[str, Any] = {
        "blueprint": dataclasses.replace(blueprint(), root=root),
        "comment": "none",
        "operations_key": kms.Key(stack, "Key"),
    }
    machines = [
        DatasetMachine(stack, name, name="serving", offer=Offer(), **shared)
        for name in ("One", "Two")
    ]
    DatasetMachine(
        stack,
        "Parent",
        name="parent",
        offer=Offer(machines={"ServingMachineArns": machines}),
        **shared,
    )
    return stack


def test_a_machine_gets_the_list_of_those_it_runs_and_exactly_the_documented_leave(
    serving_stack: cdk.Stack,
) -> None:
    """Source: Step Functions developer guide, IAM policies for calling Step Functions workflows, synchronous."""
    template = Template.from_stack(serving_stack)
    [parent] = template.find_resources(
        "AWS::StepFunctions::StateMachine",
        {"Properties": {"DefinitionSubstitutions": {"ServingMachineArns": Match.any_value()}}},
    ).values()
    listed = flat(parent["Properties"]["DefinitionSubstitutions"]["ServingMachineArns"])
    assert re.fullmatch(r"<OneMachine\w+>,<TwoMachine\w+>", listed)
    [policy] = [
        found["Properties"]["PolicyDocument"]["Statement"]
        for name, found in template.find_resources("AWS::IAM::Policy").items()
        if name.startswith("ParentRole")
    ]
    allowed = {
        tuple(actions_of(statement)): resources_of(statement)
        for statement in policy
        if actions_of(statement)[0].startswith(("states:", "events:"))
    }
    one, two = listed.split(",")
    starting, executions, rule = allowed.values()
    assert list(allowed) == [
        ("states:StartExecution",),
        ("states:DescribeExecution", "states:StopExecution"),
        ("events:PutTargets", "events:PutRule", "events:DescribeRule"),
    ]
    assert starting == [one, two]
    assert [re.sub(r"^arn:.*:states:.*:execution:", "", resource) for resource in executions] == [
        f"{name.removesuffix('>')}.Name>:*" for name in (one, two)
    ]
    assert rule[0].endswith(":rule/StepFunctionsGetEventsForStepFunctionsExecutionRule")


def test_a_run_that_ends_without_telling_is_reported(prod: Assembly) -> None:
    [rule] = [
        r["Properties"]
        for p, r in prod.resources("AWS::Events::Rule").items()
        if p.startswith("Orchestration/SilentEnds")
    ]
    assert rule["EventPattern"]["detail-type"] == ["Step Functions Execution Status Change"]
    assert rule["EventPattern"]["detail"]["status"] == ["FAILED", "TIMED_OUT", "ABORTED"]
    machines = [flat(arn) for arn in rule["EventPattern"]["detail"]["stateMachineArn"]]
    assert [name.rstrip("0123456789ABCDEF>").removesuffix("Machine") for name in machines] == [
        "<DatasetRun",
        "<DatasetCare",
    ]
    [target] = rule["Targets"]
    assert target["Arn"]["Fn::GetAtt"][0].startswith("FailRun")
    assert "InputTransformer" not in target  # the function reads the event as EventBridge sends it
    assert target["DeadLetterConfig"]


def test_functions_run_on_arm_with_their_own_log(prod: Assembly) -> None:
    functions = prod.resources("AWS::Lambda::Function")
    assert len(functions) == len(FUNCTIONS)
    for function in functions.values():
        properties = function["Properties"]
        assert properties["Runtime"] == "python3.13"
        assert properties["Architectures"] == ["arm64"]
        assert properties["LoggingConfig"]["LogGroup"]["Ref"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_given_exactly_the_variables_that_it_reads(
    prod: Assembly, comprehensive: Assembly, name: str
) -> None:
    """Those with a default are of a feature, which only one of the two environments has."""
    settings = importlib.import_module(f"lambdas.{name}.settings").Settings
    fields = dataclasses.fields(
        settings
    )  # pipeline.environment.read_settings takes the names from them
    always = {one.name.upper() for one in fields if one.default is dataclasses.MISSING}
    assert variables_of(prod, name) == always
    assert variables_of(comprehensive, name) == {one.name.upper() for one in fields}


def variables_of(assembly: Assembly, name: str) -> set[str]:
    [given] = [
        set(r["Properties"]["Environment"]["Variables"])
        for r in assembly.resources("AWS::Lambda::Function").values()
        if r["Properties"]["Handler"] == f"lambdas.{name}.handler.handle"
    ]
    return given


def test_every_log_ends_some_day_and_is_encrypted(prod: Assembly) -> None:
    groups = prod.resources("AWS::Logs::LogGroup")
    machines = prod.resources("AWS::StepFunctions::StateMachine")
    assert len(groups) == len(FUNCTIONS) + len(machines) + len(("output", "error"))  # of the jobs
    for group in groups.values():
        assert group["Properties"]["RetentionInDays"] == 180
        assert "OperationsKey" in flat(group["Properties"]["KmsKeyId"])
