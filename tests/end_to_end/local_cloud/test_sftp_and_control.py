"""SFTP from the template to the event, and who may steer the server."""

from __future__ import annotations

import itertools
import json
import socket
import struct
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from typing import Any

import paramiko
import pytest
from botocore.exceptions import ClientError

from contracts import model
from tests.end_to_end.local_cloud.bench import Bench
from tests.end_to_end.local_cloud.intake_bench import IntakeBench, intake_bench

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
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    sender = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [sender | {"Resource": arn}]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    rules.put_rule(
        Name="landed",
        EventPattern=json.dumps({"source": ["aws.s3"], "detail-type": ["Object Created"]}),
    )
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
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1}
    )


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
    put, copy = sorted(
        received(bench, events, 2), key=lambda detail: str(detail["object"]["sequencer"])
    )
    assert (put["reason"], copy["reason"]) == ("PutObject", "CopyObject")
    assert copy["object"]["key"] == "partners/acme/sales/b.csv"


def test_a_rename_over_a_file_that_is_there_needs_the_extension_for_it(
    bench: Bench, events: str
) -> None:
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
    with (
        sftp(bench) as client,
        pytest.raises(PermissionError),
        client.open("/other/c.csv", "wb") as file,
    ):
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
    with pytest.raises(
        ClientError, match=r"Unrecognized resource types: \[AWS::SageMaker::Model\]"
    ):
        bench.client("cloudformation").create_stack(StackName="unknown", TemplateBody=body)


@pytest.mark.parametrize(
    "path", ["/_ministack/reset", "/_ministack/config", "/_slipway/enforce-policies"]
)
def test_only_the_operator_steers_the_server(bench: Bench, path: str) -> None:
    request = urllib.request.Request(f"{bench.cloud.endpoint}{path}", data=b"{}", method="POST")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request)


def test_a_role_without_permission_is_refused_and_noted(bench: Bench) -> None:
    arn = bench.role(
        "nobody",
        {"AWS": "arn:aws:iam::000000000000:root"},
        {"Action": "s3:ListBucket", "Resource": "*"},
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        bench.client("dynamodb", bench.assume(arn)).list_tables()
    assert {"principal": arn.replace(":iam:", ":sts:").replace("role/", "assumed-role/") + "/test",
            "action": "dynamodb:ListTables"}.items() <= bench.cloud.control("denials")[-1].items()  # fmt: skip


FOLDER = "/sales_records"
LANDED = f"partners/acme{FOLDER}"
ROWS = 12
LAST_NUMBER = len("1234.56\n")
CUTS = 40


def sales_file(number: int) -> bytes:
    """A sales file of its own content; its last value is a number that is another one when it is cut."""
    contract = model.load("sales_records")
    header = ",".join(column.source_name for column in contract.columns)
    row = "Asia,Japan,Snacks,Online,H,1/31/2026,{},2/1/2026,1,2000.00,765.44,2000.00,765.44,1234.56"
    return (
        "\n".join([header, *(row.format(number * ROWS + place) for place in range(ROWS))]) + "\n"
    ).encode()


def cut_points(body: bytes) -> list[int]:
    """Inside records, after a record, inside the last number, and at the end: all of it sent, nothing closed."""
    ends = [len(body) - back for back in range(LAST_NUMBER + 1)]
    after_records = [place + 1 for place, byte in enumerate(body) if byte == ord("\n")][-4:]
    step = len(body) // (CUTS - len({*ends, *after_records}))
    return sorted({*ends, *after_records, *range(step, len(body) - LAST_NUMBER, step)})[-CUTS:]


def drops_the_connection(transport: paramiko.Transport, _: paramiko.SFTPClient) -> None:
    transport.sock.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )  # a reset, no farewell
    transport.sock.close()


def ends_the_session(transport: paramiko.Transport, _: paramiko.SFTPClient) -> None:
    transport.close()


def closes_the_channel(_: paramiko.Transport, client: paramiko.SFTPClient) -> None:
    channel = client.get_channel()
    assert channel
    channel.close()


WAYS_TO_DIE = (drops_the_connection, ends_the_session, closes_the_channel)


def dies(
    bench: Bench,
    path: str,
    sent: bytes,
    way: Callable[[paramiko.Transport, paramiko.SFTPClient], None],
) -> None:
    """A client that writes a part of a file and is gone before it closes it."""
    key = paramiko.Ed25519Key.from_private_key_file(str(bench.cloud.sftp_key_file))
    transport = paramiko.Transport(("127.0.0.1", bench.cloud.sftp_port))
    transport.connect(username="acme", pkey=key)
    client = paramiko.SFTPClient.from_transport(transport)
    assert client
    file = client.open(path, "wb")
    file.write(sent)
    way(transport, client)
    transport.close()


@pytest.fixture(scope="module")
def taking(bench: Bench, events: str) -> Iterator[IntakeBench]:
    folders = [
        f"arn:aws:s3:::landing/partners/acme/{name}/*" for name in ("sales", "sales_records")
    ]
    files = {"Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], "Resource": folders}
    bench.allow("partner", {"Action": "s3:ListBucket", "Resource": "arn:aws:s3:::landing"}, files)
    with intake_bench(bench) as found:
        yield found
    bench.client("sqs").purge_queue(QueueUrl=events)


def test_an_upload_that_a_client_leaves_unfinished_is_set_aside_wherever_it_was_cut_and_replaced_by_the_whole(
    bench: Bench, taking: IntakeBench
) -> None:
    bodies = {f"{place}-{way.__name__}.csv": (sales_file(number), place, way)
              for number, (place, way) in enumerate(itertools.product(range(CUTS), WAYS_TO_DIE))}  # fmt: skip
    with ThreadPoolExecutor(4) as pool:
        for name, (body, place, way) in bodies.items():
            pool.submit(dies, bench, f"{FOLDER}/{name}", body[: cut_points(body)[place]], way)
    told = taking.events(2 * len(bodies))
    failures = [
        event["detail"]
        for event in told
        if event["detail-type"] == "SFTP Server File Upload Failed"
    ]
    assert {detail["failure-code"] for detail in failures} == {"PARTIAL_UPLOAD"}
    assert len(failures) == len(bodies)
    taking.take(Random(7).sample(told, len(told)))
    assert taking.statuses() == {f"{LANDED}/{name}": {"incomplete"} for name in bodies}
    assert taking.raw_keys() == []
    again = list(bodies)[::10]
    with sftp(bench) as client:
        for number, name in enumerate(again):
            target = f"{FOLDER}/{name}"
            with client.open(f"{target}.part" if number % 2 else target, "wb") as file:
                file.write(bodies[name][0])
            if number % 2:
                client.posix_rename(f"{target}.part", target)
    told = taking.events(sum(4 if number % 2 else 2 for number in range(len(again))))
    taking.take(Random(8).sample(told, len(told)))
    statuses = taking.statuses()
    assert {name: statuses[f"{LANDED}/{name}"] for name in again} == {
        name: {"replaced", "waiting"} for name in again
    }
    assert len(taking.raw_keys()) == len(again)


def test_an_upload_that_is_resumed_is_whole_when_it_is_closed(
    bench: Bench, taking: IntakeBench
) -> None:
    body, before = sales_file(1000), len(taking.raw_keys())
    dies(bench, f"{FOLDER}/resumed.csv", body[:500], drops_the_connection)
    told = taking.events(2)
    with sftp(bench) as client, client.open(f"{FOLDER}/resumed.csv", "r+b") as file:
        file.seek(500)
        file.write(body[500:])
    told += taking.events(2)
    completed = [
        event["detail"] for event in told if event["detail-type"].endswith("Upload Completed")
    ]
    assert [detail["bytes"] for detail in completed] == [len(body) - 500]
    taking.take(told)
    assert taking.statuses()[f"{LANDED}/resumed.csv"] == {"replaced", "waiting"}
    assert len(taking.raw_keys()) == before + 1


def test_the_event_of_an_upload_names_the_object_that_s3_names(
    bench: Bench, taking: IntakeBench
) -> None:
    with sftp(bench) as client:
        with client.open(f"{FOLDER}/named.csv.part", "wb") as file:
            file.write(b"a,b\n")
        client.rename(f"{FOLDER}/named.csv.part", f"{FOLDER}/named.csv")
    told = {event["detail-type"]: event for event in taking.events(4)}
    uploaded = told["SFTP Server File Upload Completed"]
    detail = uploaded["detail"]
    head = bench.client("s3").list_object_versions(
        Bucket="landing", Prefix=f"{LANDED}/named.csv.part"
    )["Versions"][0]
    assert uploaded["source"] == "aws.transfer"
    assert uploaded["resources"][0].endswith(f":server/{detail['server-id']}")
    assert detail["file-path"] == f"/landing/{LANDED}/named.csv.part"
    assert (detail["etag"], detail["bytes"]) == (head["ETag"].strip('"'), 4)
    assert (detail["username"], detail["protocol"], detail["status-code"]) == (
        "acme",
        "SFTP",
        "COMPLETED",
    )
    renamed = told["SFTP Server File Rename Completed"]["detail"]
    assert renamed["original-file-path"] == f"/landing/{LANDED}/named.csv.part"
    assert renamed["renamed-file-path"] == f"/landing/{LANDED}/named.csv"
    assert renamed["session-id"] == detail["session-id"]
    assert renamed["start-timestamp"] <= renamed["end-timestamp"]
