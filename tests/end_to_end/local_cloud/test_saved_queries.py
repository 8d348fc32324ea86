"""Saved queries asked again on the embedded AWS: by real requests of the machine's role, which may read or may not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.local_cloud import shown
from tests.end_to_end.local_cloud.conftest import Bench
from tests.end_to_end.local_cloud.shown import WORKGROUP

FILE = Path(__file__).parents[3] / "state_machines" / "query_refresh.asl.json"
STATES = {"Service": "states.amazonaws.com"}
PASS = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
ASK = [f"athena:{verb}" for verb in ("GetNamedQuery", "StartQueryExecution", "GetQueryExecution")]


@pytest.fixture(scope="module")
def announce(bench: Bench) -> str:
    role = bench.role("nobody", STATES, {"Action": "xray:PutTraceSegments", "Resource": "*"})
    return _machine(bench, "announce", PASS, role)


@pytest.fixture(scope="module")
def machine(bench: Bench, announce: str) -> str:
    """The refresh of dataset `sales`, with one query of a table that is there, and `gone`, whose table is not."""
    shown.create(bench)
    athena = bench.client("athena")
    place = {"ResultConfiguration": {"OutputLocation": "s3://shown/results/"}}
    athena.update_work_group(WorkGroup="primary", ConfigurationUpdates={
        "ResultConfigurationUpdates": place["ResultConfiguration"]
    })  # fmt: skip
    ids = {
        name: athena.create_named_query(
            Name=f"{name}: orders",
            Database="shown",
            QueryString=f"SELECT region, orders FROM {table} ORDER BY orders",
        )["NamedQueryId"]
        for name, table in (("sales", "orders"), ("gone", "gone"))
    }
    filled = {
        "SavedQueries": ",".join(f"{name}={saved}" for name, saved in ids.items()),
        "Environment": "local",
        "AnnounceStateMachineArn": announce,
    }
    text = re.sub(r"\$\{(\w+)\}", lambda found: filled[found[1]], FILE.read_text())
    return _machine(bench, "queries", text, bench.role("asking", STATES, *_allowed(announce)))


def _allowed(announce: str, *asking: str) -> list[dict[str, Any]]:
    return [
        {"Action": list(asking) or ASK, "Resource": WORKGROUP},
        {"Action": "s3:PutObject", "Resource": "arn:aws:s3:::shown/results/*"},
        {"Action": "states:StartExecution", "Resource": announce},
        *shown.READ_TABLES,
    ]


def _machine(bench: Bench, name: str, text: str, role: str) -> str:
    states = bench.client("stepfunctions")
    made = states.create_state_machine(name=name, definition=text, roleArn=role)
    return str(made["stateMachineArn"])


def refresh(
    bench: Bench, machine: str, dataset: str, run_id: str, *, ends: str = "SUCCEEDED"
) -> dict[str, Any]:
    """Run it to its end, which must be as `ends` says; what people were told by it."""
    states = bench.client("stepfunctions")
    request = json.dumps({"dataset": dataset, "run_id": run_id})
    arn = states.start_execution(stateMachineArn=machine, input=request)["executionArn"]
    done = bench.ending(arn)
    assert done["status"] == ends, done.get("cause")
    name = f"queries-{dataset}-{run_id}"
    if ends == "FAILED":
        name = f"queries-not-{dataset}-{done['name']}"
    announced = machine.replace(":queries", ":announce").replace("stateMachine", "execution")
    told = states.describe_execution(executionArn=f"{announced}:{name}")
    return dict(json.loads(told["input"]))


def test_the_result_lies_where_people_are_told_and_a_run_that_is_resumed_asks_once(
    bench: Bench, machine: str
) -> None:
    told = [refresh(bench, machine, "sales", "20261130T000000-00000001") for _ in range(2)]
    assert told[0] == told[1]
    assert told[0]["subject"] == "INFO [local] sales: 1 saved query refreshed"
    [place] = re.findall(r"s3://shown/(results/\S+\.csv)", told[0]["message"])
    found = bench.client("s3").get_object(Bucket="shown", Key=place)["Body"].read().decode()
    assert found == '"region","orders"\n"Asia","3"\n"Europe","4"\n'
    kept = bench.client("s3").list_objects_v2(Bucket="shown", Prefix="results/")["Contents"]
    assert [each["Key"] for each in kept if each["Key"].endswith(".csv")] == [place]


def test_a_query_whose_table_is_gone_is_warned_of_with_its_reason(
    bench: Bench, machine: str
) -> None:
    told = refresh(bench, machine, "gone", "20261130T000000-00000002", ends="FAILED")
    assert told["subject"] == "WARNING [local] gone: saved queries not refreshed: QueryFailed"
    assert "TABLE_NOT_FOUND" in told["message"]


@pytest.mark.parametrize("denied", ASK)
def test_the_role_needs_each_of_its_permissions(
    bench: Bench, machine: str, announce: str, denied: str
) -> None:
    bench.allow("asking", *_allowed(announce, *(action for action in ASK if action != denied)))
    run_id = f"20261130T000000-0000001{ASK.index(denied)}"
    told = refresh(bench, machine, "sales", run_id, ends="FAILED")
    bench.allow("asking", *_allowed(announce))
    assert told["subject"].startswith("WARNING [local] sales: saved queries not refreshed: Athena.")
    assert denied in told["message"]


def test_a_token_with_another_query_is_refused(bench: Bench, machine: str) -> None:
    assert machine
    athena, token = bench.client("athena"), "a" * 32
    first, second = (
        athena.start_query_execution(QueryString="SELECT 1", ClientRequestToken=token)
        for _ in range(2)
    )
    assert first["QueryExecutionId"] == second["QueryExecutionId"]
    with pytest.raises(athena.exceptions.InvalidRequestException, match="do not match"):
        athena.start_query_execution(QueryString="SELECT 2", ClientRequestToken=token)
