"""SFTP from the template to the event, and who may steer the server."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paramiko
import pytest
from botocore.exceptions import ClientError

from tests.end_to_end.local_cloud.bench import Bench

TLS_ONLY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": ["arn:aws:s3:::landing", "arn:aws:s3:::landing/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ],
}


def template(role_arn: str, public_key: str) -> str:
    home = {"Entry": "/", "Target": "/landing/partners/acme"}
    user = {
        "ServerId": {"Fn::GetAtt": ["Server", "ServerId"]},
        "UserName": "acme",
        "Role": role_arn,
        "HomeDirectoryType": "LOGICAL",
        "HomeDirectoryMappings": [home],
        "SshPublicKeys": [public_key],
    }
    query = {"Database": "db", "QueryString": "SELECT 1", "Name": "one", "WorkGroup": "primary"}
    resources = {
        "Server": {"Type": "AWS::Transfer::Server", "Properties": {"Protocols": ["SFTP"]}},
        "User": {"Type": "AWS::Transfer::User", "Properties": user},
        "Query": {"Type": "AWS::Athena::NamedQuery", "Properties": query},
        "Security": {"Type": "AWS::Glue::SecurityConfiguration", "Properties": {"Name": "kms"}},
    }
    return json.dumps({"Resources": resources})


@pytest.fixture(scope="module")
def events(bench: Bench) -> str:
    """Landing bucket, SFTP server and user from a template; returns the queue that gets the bucket's events."""
    s3, sqs, rules = bench.client("s3"), bench.client("sqs"), bench.client("events")
    s3.create_bucket(Bucket="landing")
    s3.put_bucket_versioning(Bucket="landing", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_policy(Bucket="landing", Policy=json.dumps(TLS_ONLY))
    s3.put_bucket_notification_configuration(
        Bucket="landing", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    queue = str(sqs.create_queue(QueueName="landed")["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sender = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [sender | {"Resource": arn}]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    rules.put_rule(Name="landed", EventPattern=json.dumps({"source": ["aws.s3"], "detail-type": ["Object Created"]}))
    rules.put_targets(Rule="landed", Targets=[{"Id": "queue", "Arn": arn}])
    role = bench.role(
        "partner",
        {"Service": "transfer.amazonaws.com"},
        {"Action": "s3:ListBucket", "Resource": "arn:aws:s3:::landing"},
        {
            "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            "Resource": "arn:aws:s3:::landing/partners/acme/sales/*",
        },
    )
    public_key = (bench.cloud.path / "partner_key.pub").read_text().strip()
    deploy(bench, "sftp", template(role, public_key))
    return queue


def deploy(bench: Bench, name: str, body: str) -> None:
    cloudformation = bench.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=body)
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})


@contextmanager
def sftp(bench: Bench) -> Iterator[paramiko.SFTPClient]:
    key = paramiko.Ed25519Key.from_private_key_file(str(bench.cloud.sftp_key_file))
    with paramiko.Transport(("127.0.0.1", bench.cloud.sftp_port)) as transport:
        transport.connect(username="acme", pkey=key)
        client = paramiko.SFTPClient.from_transport(transport)
        assert client
        yield client


def received(bench: Bench, queue: str, count: int) -> list[dict[str, Any]]:
    """The details of the next events."""
    sqs, details = bench.client("sqs"), []
    deadline = time.monotonic() + 10
    while len(details) < count and time.monotonic() < deadline:
        for message in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", []):
            details.append(json.loads(message["Body"])["detail"])
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert len(details) == count
    return details


def test_an_upload_is_a_versioned_object_and_an_event(bench: Bench, events: str) -> None:
    with sftp(bench) as client, client.open("/sales/a.csv.part", "wb") as file:
        file.write(b"a,b\n")
    (put,) = received(bench, events, 1)
    head = bench.client("s3").head_object(Bucket="landing", Key="partners/acme/sales/a.csv.part")
    assert put["reason"] == "PutObject"
    assert put["object"] == {
        "key": "partners/acme/sales/a.csv.part",
        "size": 4,
        "etag": head["ETag"].strip('"'),
        "sequencer": put["object"]["sequencer"],
        "version-id": head["VersionId"],
    }
    assert head["Metadata"]["user-agent"] == "AWSTransfer"


def test_a_rename_is_a_copy_with_its_own_event(bench: Bench, events: str) -> None:
    with sftp(bench) as client:
        with client.open("/sales/b.part", "wb") as file:
            file.write(b"1")
        client.rename("/sales/b.part", "/sales/b.csv")
        assert client.listdir("/sales") == ["a.csv.part", "b.csv"]
    put, copy = sorted(received(bench, events, 2), key=lambda detail: str(detail["object"]["sequencer"]))
    assert (put["reason"], copy["reason"]) == ("PutObject", "CopyObject")
    assert copy["object"]["key"] == "partners/acme/sales/b.csv"


def test_a_rename_over_a_file_that_is_there_needs_the_extension_for_it(bench: Bench, events: str) -> None:
    with sftp(bench) as client:
        for content in (b"1", b"2"):
            with client.open("/sales/daily.part", "wb") as file:
                file.write(content)
            client.posix_rename("/sales/daily.part", "/sales/daily.csv")
        with client.open("/sales/daily.part", "wb") as file:
            file.write(b"3")
        with pytest.raises(OSError, match="Destination exists"):
            client.rename("/sales/daily.part", "/sales/daily.csv")
    found = bench.client("s3").get_object(Bucket="landing", Key="partners/acme/sales/daily.csv")
    assert found["Body"].read() == b"2"
    received(bench, events, 5)


@pytest.mark.usefixtures("events")
def test_the_users_role_decides_what_is_stored(bench: Bench) -> None:
    with sftp(bench) as client, pytest.raises(PermissionError), client.open("/other/c.csv", "wb") as file:
        file.write(b"1")
    found = bench.client("s3").list_objects_v2(Bucket="landing", Prefix="partners/acme/other")
    assert found["KeyCount"] == 0


@pytest.mark.usefixtures("events")
def test_a_key_that_was_not_deployed_is_refused(bench: Bench) -> None:
    stranger = paramiko.ECDSAKey.generate()
    with (
        paramiko.Transport(("127.0.0.1", bench.cloud.sftp_port)) as transport,
        pytest.raises(paramiko.AuthenticationException),
    ):
        transport.connect(username="acme", pkey=stranger)


@pytest.mark.usefixtures("events")
def test_types_without_effect_are_listed(bench: Bench) -> None:
    assert bench.cloud.control("recorded-types") == ["AWS::Glue::SecurityConfiguration"]


@pytest.mark.usefixtures("events")
def test_a_named_query_is_there_to_be_run(bench: Bench) -> None:
    athena = bench.client("athena")
    (query_id,) = athena.list_named_queries()["NamedQueryIds"]
    assert athena.get_named_query(NamedQueryId=query_id)["NamedQuery"]["QueryString"] == "SELECT 1"


def test_a_type_nobody_knows_fails_the_deployment(bench: Bench) -> None:
    body = json.dumps({"Resources": {"X": {"Type": "AWS::SageMaker::Model", "Properties": {}}}})
    with pytest.raises(ClientError, match=r"Unrecognized resource types: \[AWS::SageMaker::Model\]"):
        bench.client("cloudformation").create_stack(StackName="unknown", TemplateBody=body)


@pytest.mark.parametrize("path", ["/_ministack/reset", "/_ministack/config", "/_slipway/enforce-policies"])
def test_only_the_operator_steers_the_server(bench: Bench, path: str) -> None:
    request = urllib.request.Request(f"{bench.cloud.endpoint}{path}", data=b"{}", method="POST")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request)


def test_a_role_without_permission_is_refused_and_noted(bench: Bench) -> None:
    arn = bench.role("nobody", {"AWS": "arn:aws:iam::000000000000:root"}, {"Action": "s3:ListBucket", "Resource": "*"})
    with pytest.raises(ClientError, match="AccessDenied"):
        bench.client("dynamodb", bench.assume(arn)).list_tables()
    assert {"principal": arn.replace(":iam:", ":sts:").replace("role/", "assumed-role/") + "/test",
            "action": "dynamodb:ListTables"}.items() <= bench.cloud.control("denials")[-1].items()  # fmt: skip
