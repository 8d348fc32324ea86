"""A secret that a template generates: a value of its own, which only the role that may reads."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.end_to_end.local_cloud.bench import Bench

ACCOUNT = {"AWS": "arn:aws:iam::000000000000:root"}


def stack(bench: Bench, name: str) -> dict[str, str]:
    """Two generated secrets; their ARNs by logical id."""
    generated = {"PasswordLength": 64, "ExcludePunctuation": True}
    secret = {
        "Type": "AWS::SecretsManager::Secret",
        "Properties": {"GenerateSecretString": generated},
    }
    outputs = {key: {"Value": {"Ref": key}} for key in ("First", "Second")}
    body = json.dumps({"Resources": {"First": secret, "Second": secret}, "Outputs": outputs})
    cloudformation = bench.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=body)
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1}
    )
    found = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
    return {item["OutputKey"]: item["OutputValue"] for item in found}


def test_a_generated_secret_is_read_by_the_role_that_may_and_by_no_other(bench: Bench) -> None:
    # Ref of a secret is its ARN. Source: CloudFormation reference, AWS::SecretsManager::Secret, return values.
    secrets = stack(bench, "secrets")
    assert all(arn.startswith("arn:aws:secretsmanager:") for arn in secrets.values())
    allowed = {"Action": "secretsmanager:GetSecretValue", "Resource": secrets["First"]}
    reader = bench.client("secretsmanager", bench.assume(bench.role("reader", ACCOUNT, allowed)))
    value = reader.get_secret_value(SecretId=secrets["First"])["SecretString"]
    assert len(value) == 64
    assert value.isalnum()
    other = bench.client("secretsmanager").get_secret_value(SecretId=secrets["Second"])[
        "SecretString"
    ]
    assert other != value
    with pytest.raises(ClientError, match="AccessDenied"):
        reader.get_secret_value(SecretId=secrets["Second"])


def test_what_a_role_used_is_told_with_what_it_was_refused(bench: Bench) -> None:
    arn = bench.role("counted", ACCOUNT, {"Action": "s3:ListAllMyBuckets", "Resource": "*"})
    credentials = bench.assume(arn)
    for _ in range(3):
        bench.client("s3", credentials).list_buckets()
    with pytest.raises(ClientError, match="AccessDenied"):
        bench.client("sqs", credentials).list_queues()
    used = bench.cloud.control("used-permissions")["counted"]
    assert used["s3:ListAllMyBuckets"] == {"allowed": 3, "denied": 0}
    assert used["sqs:ListQueues"] == {"allowed": 0, "denied": 1}
