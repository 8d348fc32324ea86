"""What a destroyed deployment left is found by CloudFormation's own record, and turned into commands."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from slipway import __main__ as command_line
from slipway.acting import adoption
from slipway.commands import adopt

STORAGE, ALERTS = "Slipway-Dev-Storage", "Slipway-Dev-Alerts"


class CloudFormation:
    """Deleted and living stacks, two on a page."""

    def __init__(self) -> None:
        self.stacks: list[dict[str, Any]] = []
        self.kept: dict[str, list[dict[str, str]]] = {}

    def stack(self, name: str, status: str, day: int, *kept: tuple[str, str, str, str]) -> None:
        stack_id = f"arn:{name}/{day}"
        deleted = {"DeletionTime": datetime(2026, 1, day, tzinfo=UTC)}
        self.stacks.append(
            {"StackName": name, "StackId": stack_id, "StackStatus": status}
            | (deleted if status == "DELETE_COMPLETE" else {})
        )
        names = ("LogicalResourceId", "ResourceType", "PhysicalResourceId", "ResourceStatus")
        self.kept[stack_id] = [dict(zip(names, each, strict=True)) for each in kept]

    def get_paginator(self, operation: str) -> Any:
        def stacks(StackStatusFilter: tuple[str, ...] = ()) -> list[dict[str, Any]]:  # noqa: N803 - AWS's name
            chosen = [
                each
                for each in self.stacks
                if not StackStatusFilter or each["StackStatus"] in StackStatusFilter
            ]
            return [{"StackSummaries": chosen[at : at + 2]} for at in range(0, len(chosen), 2)]

        def resources(StackName: str) -> list[dict[str, Any]]:  # noqa: N803 - AWS's name
            return [{"StackResourceSummaries": [each]} for each in self.kept[StackName]]

        pages = {"list_stacks": stacks, "list_stack_resources": resources}[operation]
        return type("Pages", (), {"paginate": staticmethod(pages)})()


RAW = ("Raw725", "AWS::S3::Bucket", "slipway-raw-1", "DELETE_SKIPPED")
KEY = ("DataKey17", "AWS::KMS::Key", "1234-abcd", "DELETE_SKIPPED")
SECRET = ("PiiKey5", "AWS::SecretsManager::Secret", "arn:secret:Pii-AbCdEf", "DELETE_SKIPPED")
LOG = ("CloseRunLog", "AWS::Logs::LogGroup", "/slipway/close", "DELETE_SKIPPED")
ROLE = ("IntakeRole", "AWS::IAM::Role", "intake", "DELETE_COMPLETE")


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> CloudFormation:
    fake = CloudFormation()
    monkeypatch.setattr(adopt, "client_of", lambda _service: fake)
    return fake


def left(cloudformation: CloudFormation) -> dict[str, dict[str, dict[str, str]]]:
    return {each.stack: each.mapping for each in adoption.left_behind(cloudformation, "dev")}


def test_what_was_kept_is_named_by_the_property_that_identifies_it(
    cloudformation: CloudFormation,
) -> None:
    cloudformation.stack(STORAGE, "DELETE_COMPLETE", 1, RAW, KEY, SECRET, LOG, ROLE)
    assert left(cloudformation) == {
        STORAGE: {
            "Raw725": {"BucketName": "slipway-raw-1"},
            "DataKey17": {"KeyId": "1234-abcd"},
            "PiiKey5": {"Id": "arn:secret:Pii-AbCdEf"},
        }
    }


def test_the_newest_deletion_that_left_anything_counts(cloudformation: CloudFormation) -> None:
    newer = (RAW[0], RAW[1], "slipway-raw-2", RAW[3])
    cloudformation.stack(STORAGE, "DELETE_COMPLETE", 1, RAW)
    cloudformation.stack(STORAGE, "DELETE_COMPLETE", 5)  # a first try to deploy again, undone
    cloudformation.stack(STORAGE, "DELETE_COMPLETE", 3, newer)
    cloudformation.stack("Slipway-Prod-Storage", "DELETE_COMPLETE", 4, RAW)
    assert left(cloudformation) == {STORAGE: {"Raw725": {"BucketName": "slipway-raw-2"}}}


def test_a_stack_that_is_there_again_is_left_out(cloudformation: CloudFormation) -> None:
    bursts = ("Bursts0B", "AWS::DynamoDB::Table", "bursts-1", "DELETE_SKIPPED")
    cloudformation.stack(STORAGE, "DELETE_COMPLETE", 1, RAW)
    cloudformation.stack(ALERTS, "DELETE_COMPLETE", 1, bursts)
    cloudformation.stack(STORAGE, "CREATE_COMPLETE", 2)
    assert list(left(cloudformation)) == [ALERTS]


def test_the_commands_come_in_the_order_of_the_stacks_each_with_its_file(
    cloudformation: CloudFormation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cloudformation.stack(ALERTS, "DELETE_COMPLETE", 2, KEY)
    cloudformation.stack(STORAGE, "DELETE_COMPLETE", 1, RAW)
    assert command_line.main(["--environment", "dev", "adopt", "--output", str(tmp_path)]) == 0
    told = [
        line for line in capsys.readouterr().out.splitlines() if line.startswith(("npx", "make"))
    ]
    assert [line.split()[:4] for line in told] == [
        ["npx", "cdk", "import", STORAGE],
        ["npx", "cdk", "deploy", STORAGE],
        ["npx", "cdk", "import", ALERTS],
        ["npx", "cdk", "deploy", ALERTS],
        ["make", "deploy", "ENVIRONMENT=dev"],
    ]
    written = json.loads((tmp_path / f"{STORAGE}.json").read_text())
    assert written == {"Raw725": {"BucketName": "slipway-raw-1"}}


@pytest.mark.usefixtures("cloudformation")
def test_nothing_left_is_told_with_the_way_to_an_empty_lake(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command_line.main(["--environment", "dev", "adopt"]) == 1
    assert "make deploy ENVIRONMENT=dev" in capsys.readouterr().err
