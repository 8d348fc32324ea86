"""What an AWS service may do in its own name, decided by the policy of the resource alone."""

from __future__ import annotations

from typing import Any

import pytest

from local_cloud.adapters.access import key_use, service_calls
from local_cloud.adapters.access.key_use import Key
from local_cloud.adapters.access.service_calls import ServiceCall, from_source
from local_cloud.instruments import records

RULE = "arn:aws:events:us-east-1:000000000000:rule/landed"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:work"
KEY = "arn:aws:kms:us-east-1:000000000000:key/k"
SEND = from_source("events.amazonaws.com", "sqs:SendMessage", QUEUE, RULE)


def allow(**changed: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": QUEUE,
        "Condition": {"ArnEquals": {"aws:SourceArn": RULE}},
    } | changed


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def test_a_statement_lets_the_service_in() -> None:
    assert service_calls.allowed(SEND, policy(allow()))


@pytest.mark.parametrize("nothing", [None, "", "no JSON", {"Statement": []}])
def test_without_a_policy_nothing_is_allowed(nothing: Any) -> None:
    assert not service_calls.allowed(SEND, nothing)


@pytest.mark.parametrize(
    "changed",
    [
        {"Principal": {"Service": "sns.amazonaws.com"}},
        {"Principal": {"AWS": "arn:aws:iam::000000000000:root"}},  # the account is not the service
        {"Action": "sqs:ReceiveMessage"},
        {"Resource": f"{QUEUE}-2"},
        {"Condition": {"ArnEquals": {"aws:SourceArn": f"{RULE}-2"}}},
        {"Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}}},
        {"Condition": {"StringEquals": {"aws:NoSuchKey": "x"}}},
        {"Condition": {"NoSuchOperator": {"aws:SourceArn": RULE}}},
    ],
)
def test_each_part_of_a_statement_counts(changed: dict[str, Any]) -> None:
    assert not service_calls.allowed(SEND, policy(allow(**changed)))


def test_an_explicit_deny_wins() -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": QUEUE}
    assert not service_calls.allowed(SEND, policy(allow(), deny))
    insecure = deny | {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    assert service_calls.allowed(SEND, policy(allow(), insecure))


def test_a_service_that_names_no_source_meets_no_condition_on_one() -> None:
    call = from_source(
        "lambda.amazonaws.com", service_calls.ASSUME, "arn:aws:iam::000000000000:role/r", "arn:f"
    )
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    assert service_calls.allowed(call, policy(statement))
    condition = {"StringEquals": {"aws:SourceAccount": "000000000000"}}
    assert not service_calls.allowed(call, policy(statement | {"Condition": condition}))


def test_a_refusal_says_who_what_and_where_to_look() -> None:
    before = len(records.denials)
    with pytest.raises(
        service_calls.AccessDenied, match=r"events.*sqs:SendMessage.*:work.*policy of that resource"
    ):
        service_calls.check(SEND, None)
    assert records.denials[before:] == [
        {"principal": "events.amazonaws.com", "action": "sqs:SendMessage", "resource": QUEUE}
    ]
    assert {"aws:sourcearn": RULE, "aws:sourceaccount": "000000000000"} in [
        request["context"] for request in records.requests() if request["resource"] == QUEUE
    ]


def test_a_schedule_comes_from_its_group() -> None:
    assert service_calls.schedule_group({"GroupName": "nightly"}).endswith(
        ":schedule-group/nightly"
    )
    assert service_calls.schedule_group({}).endswith(":schedule-group/default")


@pytest.mark.parametrize(
    ("action", "context", "used"),
    [
        ("s3:GetObject", {}, ["kms:Decrypt"]),
        ("s3:PutObject", {}, ["kms:GenerateDataKey"]),
        ("s3:PutObject", {key_use.MULTIPART: "true"}, ["kms:Decrypt", "kms:GenerateDataKey"]),
        ("s3:ListBucket", {}, []),
        ("s3:SomethingNew", {}, [key_use.UNKNOWN]),
        ("dynamodb:UpdateItem", {}, ["kms:Decrypt"]),
        ("dynamodb:SomethingNew", {}, [key_use.UNKNOWN]),
        ("secretsmanager:GetSecretValue", {}, ["kms:Decrypt"]),
        ("sns:Publish", {}, ["kms:Decrypt", "kms:GenerateDataKey"]),
        ("glue:GetTable", {}, [key_use.UNKNOWN]),
        ("logs:PutLogEvents", {}, []),
    ],
)
def test_each_action_brings_its_own_use_of_the_key(
    action: str, context: dict[str, str], used: list[str]
) -> None:
    key = Key(arn=KEY, context={"aws:s3:arn": "arn:aws:s3:::b"})
    assert [use.action for use in key_use.uses(action, key, context)] == used


def test_the_key_hears_through_which_service_and_for_which_resource() -> None:
    key = Key(arn=KEY, context={"SecretARN": "arn:secret"})
    [use] = key_use.uses("secretsmanager:GetSecretValue", key, {})
    assert use.context["kms:ViaService"] == "secretsmanager.us-east-1.amazonaws.com"
    assert use.context["kms:EncryptionContext:SecretARN"] == "arn:secret"


def test_an_object_is_bound_to_its_bucket_or_without_a_bucket_key_to_itself() -> None:
    bucket, other = "arn:aws:s3:::bucket", "arn:aws:s3:::other"
    kept = {bucket: Key(arn=KEY, context={"aws:s3:arn": bucket}), other: Key(arn=KEY, context={})}
    assert key_use.find(kept, f"{bucket}/a/b") == kept[bucket]
    assert key_use.find(kept, f"{other}/a/b") == Key(
        arn=KEY, context={"aws:s3:arn": f"{other}/a/b"}
    )
    assert key_use.find(kept, "arn:aws:s3:::third/a") is None


def test_an_index_and_a_log_stream_are_under_the_key_of_what_they_belong_to() -> None:
    table, group = "arn:aws:dynamodb:us-east-1:0:table/t", "arn:aws:logs:us-east-1:0:log-group:g"
    kept = {table: Key(arn=KEY, context={}), group: Key(arn=KEY, context={})}
    assert key_use.find(kept, f"{table}/index/by_status") == kept[table]
    assert key_use.find(kept, f"{group}:*") == kept[group]
    assert ServiceCall(service="s", action="a", resource_arn="r").context == {}
