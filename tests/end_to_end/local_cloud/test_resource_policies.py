"""Policies of queues, functions, roles, keys and log groups count: what each allows passes, and nothing without it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.end_to_end.local_cloud.bench import Bench
from tests.end_to_end.local_cloud.test_lambda_and_queue import package
from tests.end_to_end.local_cloud.warehouse import ANYBODY

ACCOUNT = "arn:aws:{service}:us-east-1:000000000000:{name}"
NOTHING_MUCH = {"Action": "s3:ListAllMyBuckets", "Resource": "*"}
PATIENCE_SECONDS = 20
DELEGATED = {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": ANYBODY}
LOGS_USE = ("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "DescribeKey", "GenerateDataKey")
LOGS = {
    "Effect": "Allow",
    "Principal": {"Service": "logs.us-east-1.amazonaws.com"},
    "Action": [*(f"kms:{verb}" for verb in LOGS_USE), "kms:GenerateDataKeyWithoutPlaintext"],
    "Resource": "*",
    "Condition": {
        "ArnLike": {"kms:EncryptionContext:aws:logs:arn": ACCOUNT.format(service="logs", name="*")}
    },
}


def arn(service: str, name: str) -> str:
    return ACCOUNT.format(service=service, name=name)


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def eventually(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def denied(bench: Bench, principal: str, action: str) -> list[str]:
    """Resources on which a principal was denied an action."""
    return [
        item["resource"]
        for item in bench.cloud.control("denials")
        if principal in item["principal"] and item["action"] == action
    ]


def send_events(bench: Bench, rule: str, target_arn: str) -> None:
    """One event, which the rule sends to the target."""
    events = bench.client("events")
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": [rule]}))
    events.put_targets(Rule=rule, Targets=[{"Id": "only", "Arn": target_arn}])
    events.put_events(Entries=[{"Source": rule, "DetailType": "told", "Detail": "{}"}])


def test_a_rule_reaches_a_queue_by_the_queue_s_policy_only(bench: Bench) -> None:
    sqs = bench.client("sqs")
    queue, queue_arn = sqs.create_queue(QueueName="landed")["QueueUrl"], arn("sqs", "landed")
    send_events(bench, "to-queue", queue_arn)
    assert eventually(lambda: denied(bench, "events.amazonaws.com", "sqs:SendMessage")) == [
        queue_arn
    ]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": arn("events", "rule/to-queue")}},
    }
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": document(statement)})
    send_events(bench, "to-queue", queue_arn)
    assert (
        len(
            sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5, MaxNumberOfMessages=10)[
                "Messages"
            ]
        )
        == 1
    )
    send_events(bench, "another-rule", queue_arn)
    assert eventually(lambda: len(denied(bench, "events.amazonaws.com", "sqs:SendMessage")) == 2)


def test_a_batch_is_allowed_by_the_permission_for_one_message(bench: Bench) -> None:
    queue = bench.client("sqs").create_queue(QueueName="batches")["QueueUrl"]
    one = {"Action": "sqs:SendMessage", "Resource": arn("sqs", "batches")}
    sqs = bench.client("sqs", bench.assume(bench.role("sender", ANYBODY, one)))
    assert sqs.send_message_batch(QueueUrl=queue, Entries=[{"Id": "1", "MessageBody": "m"}])[
        "Successful"
    ]
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.delete_message_batch(QueueUrl=queue, Entries=[{"Id": "1", "ReceiptHandle": "r"}])


def test_a_rule_reaches_a_function_by_its_permission_only(bench: Bench) -> None:
    function = create_function(
        bench, "told", bench.role("told", {"Service": "lambda.amazonaws.com"}, NOTHING_MUCH)
    )
    send_events(bench, "to-function", function)
    assert eventually(lambda: denied(bench, "events.amazonaws.com", "lambda:InvokeFunction")) == [
        function
    ]
    bench.client("lambda").add_permission(
        FunctionName="told",
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=arn("events", "rule/to-function"),
    )
    send_events(bench, "to-function", function)
    # The role may write no log: that is noticed once the function has run.
    assert eventually(lambda: denied(bench, "/told/", "logs:CreateLogStream"))


def create_function(bench: Bench, name: str, role: str) -> str:
    created = bench.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role,
        Handler="lambdas.probe.handler.handle",
        Code={"ZipFile": package()},
        Timeout=5,
    )
    return str(created["FunctionArn"])


def test_a_function_whose_role_trusts_somebody_else_does_not_run(bench: Bench) -> None:
    create_function(
        bench, "strange", bench.role("strange", {"Service": "glue.amazonaws.com"}, NOTHING_MUCH)
    )
    answer = bench.client("lambda").invoke(FunctionName="strange", Payload=b"{}")
    assert answer["FunctionError"]
    assert "cannot be assumed by Lambda" in json.loads(answer["Payload"].read())["errorMessage"]


def test_a_role_for_another_account_s_machine_is_not_assumed(bench: Bench) -> None:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "states.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}},
    }
    created = bench.client("iam").create_role(
        RoleName="elsewhere", AssumeRolePolicyDocument=document(trust)
    )
    bench.allow("elsewhere", {"Action": "sns:Publish", "Resource": "*"})
    states = bench.client("stepfunctions")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sns:publish",
        "Parameters": {"TopicArn": "t"},
        "End": True,
    }
    machine = states.create_state_machine(
        name="elsewhere",
        definition=json.dumps({"StartAt": "Tell", "States": {"Tell": task}}),
        roleArn=created["Role"]["Arn"],
    )
    execution = states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
    assert eventually(
        lambda: states.describe_execution(executionArn=execution)["status"] == "FAILED"
    )
    assert "sts:AssumeRole" in states.describe_execution(executionArn=execution)["cause"]


def encrypted(*, key_policy: list[dict[str, Any]], log_group: bool = False) -> dict[str, Any]:
    """A template of a key and what is encrypted with it."""
    key = {"Fn::GetAtt": ["Key", "Arn"]}
    by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rule = {"ServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": True}
    resources: dict[str, Any] = {
        "Key": {
            "Type": "AWS::KMS::Key",
            "Properties": {"KeyPolicy": json.loads(document(*key_policy))},
        },
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {"BucketEncryption": {"ServerSideEncryptionConfiguration": [rule]}},
        },
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": key}},
    }
    if log_group:
        resources["Group"] = {"Type": "AWS::Logs::LogGroup", "Properties": {"KmsKeyId": key}}
    outputs = {name: {"Value": {"Ref": name}} for name in resources} | {"KeyArn": {"Value": key}}
    return {"Resources": resources, "Outputs": outputs}


def deployed(bench: Bench, name: str, template: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The stack's last status and its outputs."""
    cloudformation = bench.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))

    def status() -> str:
        found = str(cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
        return "" if found.endswith("IN_PROGRESS") else found

    ended = eventually(status)
    outputs = cloudformation.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])
    return ended, {output["OutputKey"]: output["OutputValue"] for output in outputs}


@pytest.fixture(scope="module")
def vault(bench: Bench) -> dict[str, str]:
    status, outputs = deployed(bench, "vault", encrypted(key_policy=[DELEGATED]))
    assert status == "CREATE_COMPLETE"
    return outputs


def test_an_encrypted_bucket_needs_its_key_through_s3_and_for_this_bucket(
    bench: Bench, vault: dict[str, str]
) -> None:
    bucket = f"arn:aws:s3:::{vault['Bucket']}"
    objects = {"Action": ["s3:GetObject", "s3:PutObject"], "Resource": f"{bucket}/*"}
    s3 = bench.client("s3", bench.assume(bench.role("clerk", ANYBODY, objects)))
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=vault["Bucket"], Key="a", Body=b"x")
    assert denied(bench, "/clerk/", "kms:GenerateDataKey") == [vault["KeyArn"]]

    def may_use(service: str, context: str) -> None:
        conditions = {
            "kms:ViaService": f"{service}.us-east-1.amazonaws.com",
            "kms:EncryptionContext:aws:s3:arn": context,
        }
        key = {"Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": vault["KeyArn"]}
        bench.allow("clerk", objects, key | {"Condition": {"StringEquals": conditions}})

    for service, context in (("dynamodb", bucket), ("s3", f"{bucket}-2")):
        may_use(service, context)
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.put_object(Bucket=vault["Bucket"], Key="a", Body=b"x")
    may_use("s3", bucket)
    s3.put_object(Bucket=vault["Bucket"], Key="a", Body=b"x")
    assert s3.get_object(Bucket=vault["Bucket"], Key="a")["Body"].read() == b"x"


def test_a_key_whose_policy_leaves_nothing_to_iam_stays_shut(
    bench: Bench, vault: dict[str, str]
) -> None:
    allowed = {"Action": ["sns:Publish", "kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*"}
    sns = bench.client("sns", bench.assume(bench.role("herald", ANYBODY, allowed)))
    assert sns.publish(TopicArn=vault["Topic"], Message="m")["MessageId"]
    kms = bench.client("kms")
    kms.put_key_policy(KeyId=vault["Key"], PolicyName="default", Policy=document(LOGS))
    try:
        with pytest.raises(ClientError, match=r"AuthorizationError|AccessDenied"):
            sns.publish(TopicArn=vault["Topic"], Message="m")
    finally:
        kms.put_key_policy(KeyId=vault["Key"], PolicyName="default", Policy=document(DELEGATED))


def test_a_log_group_is_created_only_if_its_key_lets_logs_in(bench: Bench) -> None:
    refused, _ = deployed(bench, "shut", encrypted(key_policy=[DELEGATED], log_group=True))
    assert refused in ("ROLLBACK_COMPLETE", "CREATE_FAILED")
    assert denied(bench, "logs.us-east-1.amazonaws.com", "kms:Encrypt")
    status, _ = deployed(bench, "open", encrypted(key_policy=[DELEGATED, LOGS], log_group=True))
    assert status == "CREATE_COMPLETE"


def test_a_request_without_a_known_action_is_refused_to_a_role(bench: Bench) -> None:
    """The emulator serves this API and has no IAM actions for it."""
    role = bench.assume(bench.role("curious", ANYBODY, {"Action": "*", "Resource": "*"}))
    request = AWSRequest(
        "POST",
        bench.cloud.endpoint,
        data=b"{}",
        headers={"Content-Type": "application/x-amz-json-1.1"},
    )
    request.headers["X-Amz-Target"] = "KinesisAnalytics_20180523.ListApplications"
    credentials = Credentials(role["AccessKeyId"], role["SecretAccessKey"], role["SessionToken"])
    SigV4Auth(credentials, "kinesisanalytics", "us-east-1").add_auth(request)
    sent = urllib.request.Request(request.url, data=b"{}", headers=dict(request.headers.items()))
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(sent, timeout=60)
    assert refused.value.code in (400, 403)
    assert denied(bench, "/curious/", "kinesisanalyticsv2:UnknownAction") == ["*"]
