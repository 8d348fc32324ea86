"""What AWS says of a deployment is shown with its place, and only what is grave fails."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from slipway.acting import verification
from slipway.acting.verification import Remark
from tests.unit.slipway.conftest import Account

MACHINE = "arn:aws:states:eu-central-1:111122223333:stateMachine:DatasetRun"
ROLE = "arn:aws:iam::111122223333:role/intake"
MANAGED = "arn:aws:iam::111122223333:policy/Steering"


def stubbed(service: str, *answers: tuple[str, dict[str, Any], dict[str, Any]]) -> Any:
    """A client that holds requests and answers to the model of the service."""
    client = boto3.client(service, region_name="eu-central-1")
    stubber = Stubber(client)
    for operation, answer, request in answers:
        stubber.add_response(operation, answer, request)
    stubber.activate()
    return client


def stack(name: str) -> dict[str, Any]:
    return {"StackName": name, "CreationTime": "2026-01-01", "StackStatus": "CREATE_COMPLETE"}


def resource(kind: str, physical_id: str) -> dict[str, Any]:
    return {
        "LogicalResourceId": "x",
        "ResourceType": kind,
        "PhysicalResourceId": physical_id,
        "LastUpdatedTimestamp": "2026-01-01",
        "ResourceStatus": "CREATE_COMPLETE",
    }


def finding(kind: str) -> dict[str, Any]:
    return {
        "findingType": kind,
        "issueCode": "PASS_ROLE_WITH_STAR",
        "findingDetails": "too much",
        "learnMoreLink": "x",
        "locations": [],
    }


def cloudformation() -> Any:
    """Knows three stacks, of which one belongs to the environment."""
    stacks = [stack("Slipway-Dev-Intake"), stack("Slipway-Prod-Intake"), stack("Other")]
    listed = [
        resource("AWS::IAM::Role", "intake"),
        resource("AWS::SQS::Queue", "queue"),
        resource("AWS::StepFunctions::StateMachine", MACHINE),
    ]
    own = {"StackName": "Slipway-Dev-Intake"}
    return stubbed(
        "cloudformation",
        ("describe_stacks", {"Stacks": stacks}, {}),
        ("list_stack_resources", {"StackResourceSummaries": listed}, own),
    )


def iam() -> Any:
    """Knows the role with one policy of its own and a managed one, whose second version counts."""
    role, policy = {"RoleName": "intake"}, {"PolicyName": "Default"}
    managed = {"PolicyArn": MANAGED}
    described = {
        **role,
        "Path": "/",
        "RoleId": "AROA" + "X" * 16,
        "Arn": ROLE,
        "CreateDate": "2026-01-01",
        "AssumeRolePolicyDocument": "{}",
    }
    return stubbed(
        "iam",
        ("get_role", {"Role": described}, role),
        ("list_role_policies", {"PolicyNames": ["Default"]}, role),
        ("get_role_policy", {**role, **policy, "PolicyDocument": "{}"}, role | policy),
        ("list_attached_role_policies", {"AttachedPolicies": [{"PolicyArn": MANAGED}]}, role),
        ("get_policy", {"Policy": {"Arn": MANAGED, "DefaultVersionId": "v2"}}, managed),
        (
            "get_policy_version",
            {"PolicyVersion": {"Document": "{}"}},
            managed | {"VersionId": "v2"},
        ),
    )


def access_analyzer() -> Any:
    """Finds nothing in the trust, and one thing in each policy."""
    trust = {
        "policyDocument": "{}",
        "policyType": "RESOURCE_POLICY",
        "validatePolicyResourceType": "AWS::IAM::AssumeRolePolicyDocument",
    }
    identity = {"policyDocument": "{}", "policyType": "IDENTITY_POLICY"}
    return stubbed(
        "accessanalyzer",
        ("validate_policy", {"findings": []}, trust),
        ("validate_policy", {"findings": [finding("SECURITY_WARNING")]}, identity),
        ("validate_policy", {"findings": [finding("WARNING")]}, identity),
    )


def step_functions() -> Any:
    """Has a remark about the machine."""
    described = {
        "stateMachineArn": MACHINE,
        "name": "DatasetRun",
        "definition": "{}",
        "roleArn": ROLE,
        "type": "STANDARD",
        "creationDate": "2026-01-01",
    }
    place = {"code": "PENDING", "message": "odd", "location": "/States/A"}
    remarks = {"result": "OK", "diagnostics": [{"severity": "WARNING", **place}]}
    asked = {"definition": "{}", "type": "STANDARD", "severity": "WARNING"}
    return stubbed(
        "stepfunctions",
        ("describe_state_machine", described, {"stateMachineArn": MACHINE}),
        ("validate_state_machine_definition", remarks, asked),
    )


@pytest.fixture
def clients(account: Account, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the account answers, by service."""
    made = {
        "cloudformation": cloudformation(),
        "iam": iam(),
        "accessanalyzer": access_analyzer(),
        "stepfunctions": step_functions(),
    }
    monkeypatch.setattr(type(account.deployment), "client", lambda _self, name: made[name])
    return made


@pytest.mark.usefixtures("clients")
def test_each_role_and_machine_of_this_environment_is_looked_at(account: Account) -> None:
    assert list(verification.remarks(account.deployment)) == [
        Remark(
            of="policy Default of intake",
            kind="SECURITY_WARNING",
            text="PASS_ROLE_WITH_STAR: too much",
        ),
        Remark(
            of="policy Steering of intake", kind="WARNING", text="PASS_ROLE_WITH_STAR: too much"
        ),
        Remark(of="DatasetRun", kind="WARNING", text="PENDING: odd (/States/A)"),
    ]


@pytest.mark.usefixtures("clients")
def test_a_risk_fails_and_a_suggestion_does_not(
    account: Account, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert account.slipway("verify") == 1
    assert "1 error and 2 suggestions" in capsys.readouterr().out
    mild = Remark(of="x", kind="SUGGESTION", text="y")
    monkeypatch.setattr(verification, "remarks", lambda _deployment: [mild])
    assert account.slipway("verify") == 0


def test_the_embedded_aws_has_no_analyzer(account: Account) -> None:
    del account
    from slipway.__main__ import main

    assert main(["verify"]) == 1
