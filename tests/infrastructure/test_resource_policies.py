"""Every statement of every policy of a resource, trust policies included, is there because something needs it.

Each is taken out once: then something that AWS's services or our roles ask for is refused, or, for a Deny, something
passes that must not. Requests come from the templates, decisions from the embedded AWS's evaluator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from ministack.core import iam_evaluator

from local_cloud.adapters.access import service_calls
from local_cloud.adapters.access.service_calls import ASSUME, ServiceCall
from local_cloud.settings import ACCOUNT
from tests.infrastructure import evaluation, service_requests
from tests.infrastructure.account import Account, Document, statements, trusted, without
from tests.infrastructure.evaluation import ADMINISTRATOR, RoleRequest, role_may
from tests.infrastructure.support import Assembly

ELSEWHERE = "999999999999"
# Which policies stand in a property of another name, and where they are held instead.
NOT_HERE = {
    "AWS::IAM::Policy": "what roles may do",
    "AWS::IAM::ManagedPolicy": "what roles may do",
    "AWS::EC2::VPCEndpoint": "test_network: no network is emulated",
}
# CDK writes them into the queue's policy with SendMessage; no document says that EventBridge calls them.
OF_CDK = ("sqs:GetQueueAttributes", "sqs:GetQueueUrl")
# Lambda's roles: any function that carries the role was created by somebody who may pass it.
WITHOUT_CONDITION = ("lambda.amazonaws.com",)


@pytest.fixture(scope="module", params=["comprehensive", "local"])
def account(request: pytest.FixtureRequest) -> Account:
    assembly: Assembly = request.getfixturevalue(request.param)
    return Account.of(assembly)


@pytest.fixture(scope="module", autouse=True)
def _evaluator() -> Iterator[None]:
    with evaluation.evaluator():
        yield


def key_requests(account: Account) -> Iterator[RoleRequest]:
    """What roles ask of keys: the use that each of their permissions on a key is for."""
    for role, documents in account.identity_policies.items():
        for document in documents:
            for _, statement in statements(document):
                yield from _on_keys(role, statement)


def _on_keys(role: str, statement: Document) -> Iterator[RoleRequest]:
    services = statement.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService", [])
    for action in _listed(statement["Action"]):
        for key in _listed(statement["Resource"]) if action.startswith("kms:") else []:
            context = {"kms:ViaService": _listed(services)[0]} if services else {}
            yield RoleRequest(role_arn=role, action=action, resource_arn=key, context=context)


def passes(account: Account, request: ServiceCall | RoleRequest, policy: Document) -> bool:
    if isinstance(request, ServiceCall):
        return service_calls.allowed(request, policy)
    if request.action == ASSUME:  # STS asks the trust policy alone, whatever the caller may
        return bool(iam_evaluator.evaluate_trust_policy(policy, request.role_arn))
    return role_may(account, request, policy=policy)


def emptying_requests(account: Account) -> Iterator[RoleRequest]:
    """What CDK's function asks of a bucket that it empties before the bucket is deleted.

    Source: aws-cdk-lib, custom-resource-handlers, auto-delete-objects-handler.
    """
    roles = {
        function.arn: function.properties["Role"]
        for function in account.of_type("AWS::Lambda::Function")
    }
    for emptied in account.of_type("Custom::S3AutoDeleteObjects"):
        role, bucket = (
            roles[emptied.properties["ServiceToken"]],
            f"arn:aws:s3:::{emptied.properties['BucketName']}",
        )
        for action, place in (
            ("s3:GetBucketTagging", ""),
            ("s3:GetBucketPolicy", ""),
            ("s3:PutBucketPolicy", ""),
            ("s3:ListBucketVersions", ""),
            ("s3:DeleteObjectVersion", "/key"),
        ):
            yield RoleRequest(role_arn=role, action=action, resource_arn=bucket + place, context={})


def people_requests(account: Account) -> Iterator[RoleRequest]:
    """Whoever the settings name assumes a role."""
    for role in account.of_type("AWS::IAM::Role"):
        for arn in trusted(role):
            yield RoleRequest(role_arn=arn, action=ASSUME, resource_arn=role.arn, context={})


def needed(account: Account) -> list[ServiceCall | RoleRequest]:
    return [
        *service_requests.calls(account),
        *key_requests(account),
        *emptying_requests(account),
        *people_requests(account),
    ]


def policy_for(account: Account, resource_arn: str) -> Document:
    """The policy of a resource; that of the bucket for an object."""
    policies = account.resource_policies
    return (
        policies.get(resource_arn)
        or policies.get(resource_arn.partition("/")[0])
        or {"Statement": []}
    )


def test_everything_that_is_needed_passes(account: Account) -> None:
    refused = [
        call
        for call in needed(account)
        if not passes(account, call, policy_for(account, call.resource_arn))
    ]
    assert refused == []


def test_no_statement_that_allows_can_go(account: Account) -> None:
    by_policy: dict[int, list[ServiceCall | RoleRequest]] = {}
    for request in needed(account):
        by_policy.setdefault(id(policy_for(account, request.resource_arn)), []).append(request)
    idle = [
        (arn, statement)
        for arn, policy in account.resource_policies.items()
        for number, statement in statements(policy)
        if statement["Effect"] == "Allow"
        and all(
            passes(account, request, without(policy, number))
            for request in by_policy.get(id(policy), [])
        )
    ]
    assert idle == []


def test_no_action_that_a_policy_of_a_resource_allows_is_idle(account: Account) -> None:
    asked = {
        (request.action, id(policy_for(account, request.resource_arn)))
        for request in needed(account)
    }
    idle = {
        (arn, action)
        for arn, policy in account.resource_policies.items()
        for _, statement in statements(policy)
        for action in _listed(statement["Action"])
        if statement["Effect"] == "Allow"
        and "*" not in action
        and (action, id(policy)) not in asked
    }
    assert {action for _, action in idle} <= set(OF_CDK), idle


def test_no_statement_that_denies_can_go(account: Account) -> None:
    """All of them refuse what does not come over TLS, whoever asks."""
    checked = 0
    for arn, policy in account.resource_policies.items():
        for number, statement in statements(policy):
            if statement["Effect"] == "Deny":
                assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
                for request in _plain(statement):
                    assert not role_may(account, request, policy=policy), (arn, statement)
                    assert role_may(account, request, policy=without(policy, number)), (
                        arn,
                        statement,
                    )
                    checked += 1
    assert checked >= len(account.of_type("AWS::S3::Bucket")) + len(
        account.of_type("AWS::SQS::Queue")
    )


def _plain(statement: Document) -> Iterator[RoleRequest]:
    """An administrator's request without TLS, on each resource."""
    examples = {"s3:*": "s3:GetObject", "sqs:*": "sqs:ReceiveMessage", "sns:Publish": "sns:Publish"}
    for action in _listed(statement["Action"]):
        for resource in _listed(statement["Resource"]):
            yield RoleRequest(
                role_arn=ADMINISTRATOR,
                action=examples[action],
                resource_arn=resource.replace("/*", "/key"),
                context={"aws:SecureTransport": "false"},
            )


def test_nobody_elses_resources_make_a_service_come_in(account: Account) -> None:
    """The confused deputy: the same call, made for a resource of a stranger's account."""
    let_in = {
        call.resource_arn
        for call in service_requests.calls(account)
        if call.service not in WITHOUT_CONDITION
        and service_calls.allowed(_of_a_stranger(call), policy_for(account, call.resource_arn))
    }
    assert let_in == set()


def _of_a_stranger(call: ServiceCall) -> ServiceCall:
    return replace(
        call,
        context={key: value.replace(ACCOUNT, ELSEWHERE) for key, value in call.context.items()},
    )


def test_no_role_is_assumed_for_a_resource_of_another_kind(account: Account) -> None:
    """Where the service names its resource, only those of one kind count."""
    sources = {"states", "events", "scheduler", "quicksight", "transfer"}
    assumed = [
        call
        for call in service_requests.calls(account)
        if call.action == ASSUME and call.service.partition(".")[0] in sources
    ]
    assert {call.service.partition(".")[0] for call in assumed} <= sources
    for call in assumed:
        other = {**call.context, "aws:SourceArn": f"arn:aws:iam::{ACCOUNT}:role/other"}
        assert not service_calls.allowed(
            replace(call, context=other), policy_for(account, call.resource_arn)
        ), call


def test_every_document_with_statements_is_held_somewhere(account: Account) -> None:
    held = {id(document) for document in account.resource_policies.values()}
    elsewhere = [
        (resource.place, name)
        for resource in account.resources
        if resource.type not in NOT_HERE
        for name, value in resource.properties.items()
        if isinstance(value, dict) and "Statement" in value and id(value) not in held
    ]
    assert elsewhere == []


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
