"""Marts in the templates: a role that reads inputs and writes marts and nothing else, and what starts their machine."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from contracts import marts, model
from contracts.errors import ContractInvalid
from contracts.marts import MartInput
from stacks.application import compose, current_marts
from tests.infrastructure.support import (
    ROOT,
    Assembly,
    actions_of,
    blueprint,
    flat,
    new_app,
    resources_of,
)

NAME = "superstore_cohorts"


def reached(assembly: Assembly) -> dict[str, set[str]]:
    """Resources of the function's role by action, without its log and keys."""
    found: dict[str, set[str]] = {}
    for statement in assembly.statements_of_role("Marts", "RunMartRole"):
        for action in actions_of(statement):
            if not action.startswith(("kms:", "logs:")):
                found.setdefault(action, set()).update(resources_of(statement))
    return found


def test_the_role_reads_inputs_writes_marts_and_reaches_no_other_table(prod: Assembly) -> None:
    may = reached(prod)
    assert set(may) == {
        *("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"),
        *("s3:ListBucket", "glue:GetDatabase", "glue:GetTable", "glue:UpdateTable"),
        *("glue:CreateTable", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
        *("dynamodb:DeleteItem", "dynamodb:Query", "states:StartExecution", "sqs:SendMessage"),
    }
    read = {each.rpartition("tables/")[2] for each in may["s3:GetObject"]}
    assert read == {"superstore/*", f"{NAME}/*"}
    for action in ("s3:PutObject", "s3:DeleteObject"):
        assert {each.rpartition("tables/")[2] for each in may[action]} == {f"{NAME}/*"}
    for action in ("glue:UpdateTable", "glue:CreateTable"):
        tables = {each.rpartition(":table/")[2] for each in may[action] if ":table/" in each}
        assert tables == {f"slipway_prod_curated/{NAME}"}
    [ledger] = may["dynamodb:DeleteItem"]
    assert "RunLedger" in ledger
    [machine] = may["states:StartExecution"]
    assert "Announce" in machine


def test_runs_and_care_of_datasets_that_ended_well_start_the_machine_and_what_fails_is_kept(
    prod: Assembly,
) -> None:
    rules = {
        place.partition("/")[2].rstrip("0123456789ABCDEF"): rule["Properties"]
        for place, rule in prod.resources("AWS::Events::Rule", "Marts").items()
    }
    assert set(rules) == {"InputsChanged", "SilentEnds"}
    detail = rules["InputsChanged"]["EventPattern"]["detail"]
    assert detail["status"] == ["SUCCEEDED"]
    started_by = " ".join(map(flat, detail["stateMachineArn"]))
    assert "DatasetRun" in started_by
    assert "DatasetCare" in started_by
    [target] = rules["InputsChanged"]["Targets"]
    assert "MartRunMachine" in flat(target["Arn"])
    assert "InputsChangedRole" in flat(target["RoleArn"])
    assert "InputTransformer" not in target  # the machine reads the event as EventBridge sends it
    ended = rules["SilentEnds"]["EventPattern"]["detail"]
    assert ended["status"] == ["FAILED", "TIMED_OUT", "ABORTED"]
    assert ["MartRunMachine" in flat(arn) for arn in ended["stateMachineArn"]] == [True]
    [reporter] = rules["SilentEnds"]["Targets"]
    assert "RunMartFunction" in flat(reporter["Arn"])
    for each in (target, reporter):
        assert "MartsDeadLetters" in flat(each["DeadLetterConfig"]["Arn"])


def test_the_rule_may_start_runs_of_marts_and_nothing_else(prod: Assembly) -> None:
    [statement] = prod.statements_of_role("Marts", "InputsChangedRole")
    assert actions_of(statement) == ["states:StartExecution"]
    [machine] = resources_of(statement)
    assert "MartRunMachine" in machine


def test_the_machine_loads_the_warehouse_where_there_is_one_and_that_reads_marked_marts(
    comprehensive: Assembly, prod: Assembly
) -> None:
    def started(assembly: Assembly) -> str:
        statements = assembly.statements_of_role("Marts", "MartRunRole")
        return " ".join(
            resource
            for statement in statements
            for resource in resources_of(statement)
            if "states:StartExecution" in actions_of(statement)
        )

    assert "WarehouseLoad" in started(comprehensive)
    assert "DashboardRefresh" in started(comprehensive)
    assert "WarehouseLoad" not in started(prod)
    for assembly, serving in ((comprehensive, "dashboards,warehouse"), (prod, "none")):
        variables = [
            function["Properties"]["Environment"]["Variables"].get("SERVING")
            for function in assembly.resources("AWS::Lambda::Function", "Marts").values()
        ]
        assert serving in variables
    read = [
        resource
        for statement in comprehensive.statements_of_role("Warehouse", "ReaderRole")
        for resource in resources_of(statement)
    ]
    assert any(resource.endswith(f"slipway_prod_curated/{NAME}") for resource in read)


def test_operators_may_start_stop_and_look_at_runs_of_marts(comprehensive: Assembly) -> None:
    granted = {
        action
        for statement in comprehensive.statements_of_role("People", "OperatorRole")
        if any("Mart" in resource for resource in resources_of(statement))
        for action in actions_of(statement)
    }
    assert granted >= {
        *("states:StartExecution", "states:StopExecution", "states:DescribeExecution"),
        *("lambda:InvokeFunction", "sqs:ReceiveMessage"),
    }


def templates(folder: Path, **changes: object) -> dict[str, str]:
    app = new_app(folder)
    compose(app, dataclasses.replace(blueprint(), **changes))  # type: ignore[arg-type] # a mapping of marts
    app.synth(skip_validation=True)
    return {
        file.name.partition(".")[0].rpartition("-")[2]: file.read_text(encoding="utf-8")
        for file in folder.glob("*.template.json")
    }


def test_a_second_mart_over_other_datasets_is_one_more_entry_and_without_any_there_is_no_stack(
    tmp_path: Path,
) -> None:
    first = marts.load(NAME)
    second = dataclasses.replace(
        first,
        name="of_both",
        inputs=(
            MartInput(dataset="superstore", columns=("sales",)),
            MartInput(dataset="sales_records", columns=("order_id",)),
        ),
    )
    both = json.loads(templates(tmp_path / "both", marts={NAME: first, "of_both": second})["Marts"])
    [machine] = [
        resource["Properties"]
        for resource in both["Resources"].values()
        if resource["Type"] == "AWS::StepFunctions::StateMachine"
    ]
    assert machine["DefinitionSubstitutions"]["MartsOfDatasets"] == (
        f"superstore/of_both,sales_records/of_both,superstore/{NAME}"
    )
    assert "Marts" not in templates(tmp_path / "none", marts={})


def test_a_schedule_starts_its_mart_alone_and_may_stand_in_place_of_runs_after_inputs(
    tmp_path: Path,
) -> None:
    nightly = dataclasses.replace(
        marts.load(NAME), schedule="cron(0 5 * * ? *)", after_inputs=False
    )
    found = json.loads(templates(tmp_path, marts={NAME: nightly})["Marts"])["Resources"]
    by_type: dict[str, list[dict[str, object]]] = {}
    for resource in found.values():
        by_type.setdefault(resource["Type"], []).append(resource)
    [schedule] = [each["Properties"] for each in by_type["AWS::Scheduler::Schedule"]]
    assert schedule["ScheduleExpression"] == "cron(0 5 * * ? *)"
    target = schedule["Target"]
    assert json.loads(target["Input"]) == {"mart": NAME, "trigger": "schedule"}
    assert "MartRunMachine" in flat(target["Arn"])
    assert "MartsDeadLetters" in flat(target["DeadLetterConfig"]["Arn"])
    assert "ScheduleRole" in flat(target["RoleArn"])
    [machine] = [each["Properties"] for each in by_type["AWS::StepFunctions::StateMachine"]]
    assert machine["DefinitionSubstitutions"]["MartsOfDatasets"] == "none"


def test_a_mart_named_like_a_view_is_refused(tmp_path: Path) -> None:
    for folder in ("marts", "contracts/compiled/marts", "contracts/released/marts"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    view = tmp_path / "sql" / "athena" / "superstore" / "views" / f"{NAME}.sql"
    view.parent.mkdir(parents=True)
    view.touch()
    with pytest.raises(ContractInvalid, match=f"marts/{NAME}: sql/athena/superstore/views"):
        current_marts(tmp_path, [model.load("superstore")])
