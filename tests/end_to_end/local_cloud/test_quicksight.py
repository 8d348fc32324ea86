"""The refresh of dashboards on the embedded AWS: an ingestion reads its table as the data source's role, or fails."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.local_cloud import shown
from tests.end_to_end.local_cloud.conftest import Bench
from tests.end_to_end.local_cloud.shown import ACCOUNT, WORKGROUP

FILE = Path(__file__).parents[3] / "state_machines" / "dashboard_refresh.asl.json"
ONE_DAY = 24 * 60 * 60  # a window that no test outlasts
PASS = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
QUERY = [
    f"athena:{verb}" for verb in ("StartQueryExecution", "GetQueryExecution", "GetQueryResults")
]
READ = ({"Action": QUERY, "Resource": WORKGROUP}, *shown.READ_TABLES)
COLUMNS = [{"Name": "region", "Type": "STRING"}, {"Name": "orders", "Type": "INTEGER"}]


def data_set(name: str, table: str, columns: list[dict[str, str]]) -> dict[str, Any]:
    relation = {"DataSourceArn": {"Fn::GetAtt": ["Lake", "Arn"]}, "Schema": "shown", "Name": table}
    properties = {
        "AwsAccountId": ACCOUNT, "DataSetId": name, "Name": name, "ImportMode": "SPICE",
        "IngestionWaitPolicy": {"WaitForSpiceIngestion": False},
        "PhysicalTableMap": {"t": {"RelationalTable": {**relation, "InputColumns": columns}}},
    }  # fmt: skip
    return {"Type": "AWS::QuickSight::DataSet", "Properties": properties}


def stack(reader: str) -> dict[str, Any]:
    athena = {"AthenaParameters": {"WorkGroup": "primary", "RoleArn": reader}}
    source = {"AwsAccountId": ACCOUNT, "DataSourceId": "lake", "Name": "l", "Type": "ATHENA"}
    wrong = [{"Name": "region", "Type": "INTEGER"}]
    return {
        "Resources": {
            "Lake": {
                "Type": "AWS::QuickSight::DataSource",
                "Properties": {**source, "DataSourceParameters": athena},
            },
            "Good": data_set("good", "orders", COLUMNS),
            "NoColumn": data_set(
                "no-column", "orders", [*COLUMNS, {"Name": "profit", "Type": "DECIMAL"}]
            ),
            "NoTable": data_set("no-table", "gone", COLUMNS),
            "WrongType": data_set("wrong-type", "orders", wrong),
        }
    }


@pytest.fixture(scope="module")
def machine(bench: Bench) -> str:
    """The refresh, over a dataset `sales` with a good table and one dataset for each thing that may be wrong."""
    shown.create(bench)
    reader = bench.role("reader", {"Service": "quicksight.amazonaws.com"}, *READ)
    cloudformation = bench.client("cloudformation")
    cloudformation.create_stack(StackName="quicksight", TemplateBody=json.dumps(stack(reader)))
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName="quicksight", WaiterConfig={"Delay": 1}
    )
    states = bench.client("stepfunctions")
    role = bench.role(
        "nobody",
        {"Service": "states.amazonaws.com"},
        {"Action": "xray:PutTraceSegments", "Resource": "*"},
    )
    announce = str(
        states.create_state_machine(name="announce", definition=PASS, roleArn=role)[
            "stateMachineArn"
        ]
    )
    filled = {
        "SpiceDataSets": "sales=good,columns=no-column,tables=no-table,types=wrong-type",
        "AccountId": ACCOUNT, "Region": "us-east-1", "Environment": "local", "DashboardPrefix": "slipway-local-",
        "AnnounceStateMachineArn": announce, "RefreshSeconds": str(ONE_DAY),
    }  # fmt: skip
    text = re.sub(r"\$\{(\w+)\}", lambda found: filled[found[1]], FILE.read_text())
    ingestions = [
        f"arn:aws:quicksight:us-east-1:{ACCOUNT}:dataset/{name}/ingestion/*"
        for name in ("good", "no-column", "no-table", "wrong-type")
    ]
    role = bench.role(
        "refresh",
        {"Service": "states.amazonaws.com"},
        {
            "Action": ["quicksight:CreateIngestion", "quicksight:DescribeIngestion"],
            "Resource": ingestions,
        },
        {
            "Action": "states:StartExecution",
            "Resource": [announce, announce.replace(":announce", ":refresh")],
        },
    )
    return str(
        states.create_state_machine(name="refresh", definition=text, roleArn=role)[
            "stateMachineArn"
        ]
    )


def refresh(
    bench: Bench, machine: str, dataset: str, run_id: str, caller: str = "care"
) -> dict[str, Any]:
    states, request = (
        bench.client("stepfunctions"),
        {"dataset": dataset, "run_id": run_id, "caller": caller},
    )
    arn = states.start_execution(stateMachineArn=machine, input=json.dumps(request))["executionArn"]
    return bench.ending(arn)


def told(bench: Bench) -> list[str]:
    states = bench.client("stepfunctions")
    [announce] = [
        m for m in states.list_state_machines()["stateMachines"] if m["name"] == "announce"
    ]
    return sorted(
        e["name"]
        for e in states.list_executions(stateMachineArn=announce["stateMachineArn"])["executions"]
    )


def test_a_refresh_reads_the_table_and_tells_once_however_often_the_run_is_resumed(
    bench: Bench, machine: str
) -> None:
    for _ in range(2):
        done = refresh(bench, machine, "sales", "r1")
        assert done["status"] == "SUCCEEDED", done.get("cause")
        assert json.loads(done["output"]) == {"served": "dashboards", "data_sets": 1, "rows": 2}
    assert told(bench) == ["refreshed-sales-r1"]


@pytest.mark.parametrize(
    ("dataset", "reason"),
    [
        ("columns", "SQL_EXCEPTION: COLUMN_NOT_FOUND"),
        ("tables", "SQL_TABLE_NOT_FOUND: TABLE_NOT_FOUND"),
        ("types", "COLUMN_TYPE_MISMATCH: region is varchar, the dataset takes INTEGER"),
    ],
)
def test_a_dataset_that_its_table_does_not_fit_fails_with_the_reason(
    bench: Bench, machine: str, dataset: str, reason: str
) -> None:
    done = refresh(bench, machine, dataset, "r2")
    assert (done["status"], done["error"]) == ("FAILED", "IngestionFailed")
    assert reason in done["cause"]
    assert any(name.startswith(f"not-refreshed-{dataset}-") for name in told(bench))


def test_a_reader_that_may_not_read_the_table_fails_and_a_resumed_run_begins_again(
    bench: Bench, machine: str
) -> None:
    for allowed in (READ[1:], READ[:2]):
        bench.allow("reader", *allowed)
        done = refresh(bench, machine, "sales", "r3")
        assert (done["status"], done["error"]) == ("FAILED", "IngestionFailed")
        assert "PERMISSION_DENIED" in done["cause"]
    bench.allow("reader", *READ)
    assert refresh(bench, machine, "sales", "r3")["status"] == "SUCCEEDED"
    assert "refreshed-sales-r3" in told(bench)


def executions(bench: Bench, machine: str) -> dict[str, str]:
    """Status by name of the executions that runs have begun."""
    found = bench.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    return {each["name"]: each["status"] for each in found if each["name"].startswith("refresh-")}


def test_of_several_runs_the_first_is_shown_at_once_and_the_others_by_one_refresh_later(
    bench: Bench, machine: str
) -> None:
    outputs = [
        json.loads(refresh(bench, machine, "sales", f"run-{n}", "run")["output"])
        for n in (1, 2, 3, 4)
    ]
    assert [output["refresh"] for output in outputs] == ["started", "started", "joined", "joined"]
    deadline = time.monotonic() + 30
    while "refreshed-sales-run-1" not in told(bench) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert "refreshed-sales-run-1" in told(bench)
    today, tomorrow = sorted(executions(bench, machine))
    assert int(tomorrow.rpartition("-")[2]) == int(today.rpartition("-")[2]) + 1
    assert executions(bench, machine) == {today: "SUCCEEDED", tomorrow: "RUNNING"}
    waiting = machine.replace(":stateMachine:", ":execution:") + f":{tomorrow}"
    bench.client("stepfunctions").stop_execution(executionArn=waiting)


def test_a_stack_that_waits_for_the_ingestion_of_a_table_that_is_not_there_fails(
    bench: Bench, machine: str
) -> None:
    """Without the policy that our stacks set, a first deployment would end like this."""
    assert machine
    waits = data_set("waits", "gone", COLUMNS)
    del waits["Properties"]["IngestionWaitPolicy"]
    waits["Properties"]["PhysicalTableMap"]["t"]["RelationalTable"]["DataSourceArn"] = "arn:lake"
    client = bench.client("cloudformation")
    client.create_stack(StackName="waits", TemplateBody=json.dumps({"Resources": {"Waits": waits}}))
    deadline = time.monotonic() + 30
    while (stack := client.describe_stacks(StackName="waits")["Stacks"][0])["StackStatus"].endswith(
        "IN_PROGRESS"
    ):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert stack["StackStatus"] in ("ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED")
    reasons = [
        e.get("ResourceStatusReason", "")
        for e in client.describe_stack_events(StackName="waits")["StackEvents"]
    ]
    assert any("SQL_TABLE_NOT_FOUND: shown/gone" in reason for reason in reasons)


def test_a_machine_that_may_not_begin_ingestions_fails(bench: Bench, machine: str) -> None:
    bench.allow("refresh", {"Action": "quicksight:DescribeIngestion", "Resource": "*"})
    done = refresh(bench, machine, "sales", "r4")
    assert done["status"] == "FAILED"
    assert "quicksight:CreateIngestion" in done["cause"]
