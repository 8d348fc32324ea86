"""Settings like production's, with every optional feature on, deployed into the embedded AWS: the demonstration ends
to the cent under them, as `slipway demo --settings FILE` does it. Their internal database is an instance, which sleeps.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from local_cloud import session
from slipway import grammar
from slipway.commands import demo
from slipway.deployment import connect
from tests.end_to_end.listening import read, subscribed
from tests.end_to_end.resting_database import RestingDatabase, wait

pytestmark = pytest.mark.deep

COMPREHENSIVE = Path(__file__).parents[1] / "infrastructure" / "comprehensive" / "prod.yaml"
# What has no effect here, though the settings ask for it. Each has its reason in local_cloud/adapters/cfn_types.py.
RECORDED_ONLY = {
    *("AWS::Budgets::Budget", "AWS::CE::AnomalyMonitor", "AWS::CE::AnomalySubscription"),
    *("AWS::CloudWatch::Dashboard", "AWS::EC2::FlowLog"),
    *("AWS::EC2::SecurityGroupEgress", "AWS::EC2::SecurityGroupIngress"),
    "AWS::Glue::SecurityConfiguration",
    *("AWS::Glue::Crawler Schedule", "AWS::QuickSight::Analysis", "AWS::QuickSight::Dashboard"),
    "Custom::RedshiftUsageLimit",
}

LIST_OF_TYPES = re.compile(r"(?:(?:AWS|Custom)::[\w:]+(?: Schedule)?(?:, )?)+")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The comprehensive settings, whose second dataset is made for tests of templates; superstore is there."""
    file = tmp_path_factory.mktemp("settings") / "prod.yaml"
    file.write_text(COMPREHENSIVE.read_text("utf-8").replace("tiny:", "superstore:"), "utf-8")
    return file


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("state")
    yield folder
    if cloud := session.running(folder):
        cloud.stop()


def options(settings: Path) -> argparse.Namespace:
    typed = ["demo", "--settings", str(settings), "--months", "3", "--rows", "3000", "--keep"]
    return grammar.build_parser().parse_args(typed)


def test_the_demonstration_ends_to_the_cent_under_settings_of_production(
    settings: Path, state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLIPWAY_STATE", str(state))
    assert demo.run(options(settings)) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "environment prod is local here, account 111122223333 is 000000000000 here" in shown
    assert "every file, row and cent is accounted for" in shown
    listed = LIST_OF_TYPES.match(shown.partition("recorded only, not emulated here: ")[2])
    assert listed
    assert set(listed[0].strip(", ").split(", ")) == RECORDED_ONLY


@pytest.mark.parametrize(
    ("machine", "subject"),
    [
        ("DashboardRefresh", "INFO [local] sales_records: dashboards refreshed, "),
        ("QueryRefresh", "INFO [local] sales_records: 1 saved query refreshed"),
    ],
)
def test_whoever_listens_to_successes_hears_that_what_they_look_at_is_new(
    state: Path, monkeypatch: pytest.MonkeyPatch, machine: str, subject: str
) -> None:
    monkeypatch.setenv("SLIPWAY_STATE", str(state))
    deployment = connect("local")
    machines = deployment.client("stepfunctions")
    (arn,) = [
        each["stateMachineArn"]
        for each in machines.list_state_machines()["stateMachines"]
        if machine in each["name"]
    ]
    topic = deployment.output("RunSucceededTopicArn")
    with subscribed(deployment, topic, f"heard-{machine}") as url:
        request = json.dumps({"dataset": "sales_records"})
        machines.start_execution(stateMachineArn=arn, input=request)
        heard: list[str] = []
        deadline = time.monotonic() + 120
        while not heard and time.monotonic() < deadline:
            time.sleep(0.5)
            heard = [message["Subject"] for message in read(deployment, url)]
    (told,) = heard
    assert told.startswith(subject)


def test_partners_see_the_host_key_of_the_secret(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_STATE", str(state))
    deployment = connect("local")
    secret = deployment.client("secretsmanager").get_secret_value(
        SecretId="slipway/prod/sftp-host-key"
    )["SecretString"]
    cloud = session.attach(state)
    expected = asyncssh.import_private_key(secret).convert_to_public()
    shown = asyncio.run(
        asyncssh.get_server_host_key(
            "127.0.0.1", cloud.sftp_port, server_host_key_algs=["ecdsa-sha2-nistp256"]
        )
    )
    assert shown == expected


def test_an_instance_never_sleeps_under_three_write_backs_and_sleeps_once_nobody_holds_it(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the three is killed: it holds the database until its hold ends by itself."""
    monkeypatch.setenv("SLIPWAY_STATE", str(state))
    database = RestingDatabase(connect("local"))
    database.becomes("stopped")  # after the runs of the demonstration
    running = [database.write("sales_records") for _ in range(3)]
    killed = running.pop()
    wait(lambda: database.state(killed) in ("WaitForDatabase", "WriteBack"), "it did not begin")
    database.deployment.client("stepfunctions").stop_execution(executionArn=killed)
    seen = set()
    while any(database.ended(each) == "RUNNING" for each in running):
        before = {each for each in running if database.state(each) == "WriteBack"}
        status = database.status()
        if before & {each for each in running if database.state(each) == "WriteBack"}:
            seen.add(status)
    assert seen <= {"available"}
    assert {database.ended(each) for each in running} == {"SUCCEEDED"}
    assert database.sweep() == {"is_stopped": False, "held_by": [killed], "status": "available"}
    database.let_end(killed)
    assert database.sweep()["is_stopped"]
    database.becomes("stopped")
    database.started_by_aws()
    assert database.sweep()["is_stopped"]
    database.becomes("stopped")
