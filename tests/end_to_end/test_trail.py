"""Who read what: CloudTrail's files come under the bucket's policy, and the auditor asks them; others may not.

It comes after test_smoke in its deployment, whose file was loaded under the roles of functions or jobs.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

import boto3
import pytest

from slipway.__main__ import main as command
from slipway.reading import lake, ledgers
from tests.end_to_end.people import ANALYST, AUDITOR, OPERATOR, acting_as
from tests.end_to_end.pipeline import DATASET, Pipeline

SMOKE = "smoke_"


@pytest.fixture(scope="module")
def raw_key(pipeline: Pipeline) -> str:
    """Where a loaded file lies in raw, which an operator has read and nobody could delete."""
    [left, *_] = [f for f in ledgers.files(pipeline.deployment, DATASET) if SMOKE in f.file_name]
    raw, s3 = pipeline.deployment.output("RawBucketName"), boto3.client("s3")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=raw)["Contents"]]
    [key] = [each for each in keys if left.sha256 in each]
    with acting_as(OPERATOR):
        own = boto3.client("s3")
        own.get_object(Bucket=raw, Key=key)
        with pytest.raises(own.exceptions.ClientError, match="AccessDenied"):
            own.delete_object(Bucket=raw, Key=key)
    return key


def delivered(pipeline: Pipeline, kind: str) -> dict[str, Any]:
    """The files of a kind in the trail's bucket, by key."""
    bucket, s3 = pipeline.deployment.output("TrailBucketName"), boto3.client("s3")
    prefix = f"AWSLogs/000000000000/{kind}/us-east-1/"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    return {
        key: json.loads(gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
        for key in keys
    }


def test_an_auditor_sees_who_read_a_file(raw_key: str, capsys: pytest.CaptureFixture[str]) -> None:
    sha256 = raw_key.split("/")[2]
    with acting_as(AUDITOR):
        assert command(["trail", "reads", "--key", sha256]) == 0
    shown = capsys.readouterr().out
    assert "Slipway-Local-People-OperatorRole" in shown
    assert "GetObject" in shown
    assert "LoadSmallBatch" in shown or "RawToProcessed" in shown  # the run that loaded it


def test_an_auditor_sees_who_was_refused_a_deletion(
    raw_key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with acting_as(AUDITOR):
        assert command(["trail", "deletions", "--key", raw_key.split("/")[2]]) == 0
    shown = capsys.readouterr().out
    assert "DeleteObject" in shown
    assert "AccessDenied" in shown


def test_files_have_only_data_buckets_and_what_manages(pipeline: Pipeline, raw_key: str) -> None:
    assert raw_key
    files = delivered(pipeline, "CloudTrail")
    records = [record for content in files.values() for record in content["Records"]]
    objects = {
        r["requestParameters"]["bucketName"] for r in records if r["eventCategory"] == "Data"
    }
    data = {
        pipeline.deployment.output(f"{zone}BucketName")
        for zone in ("Landing", "Raw", "Processed", "Curated", "Results")
    }
    assert pipeline.deployment.output("RawBucketName") in objects
    assert objects <= data
    keys = [r for r in records if r["eventSource"] == "kms.amazonaws.com"]
    assert {r["eventName"] for r in keys} >= {"Decrypt", "GenerateDataKey"}
    assert all(r["resources"][0]["type"] == "AWS::KMS::Key" for r in keys)


def test_a_digest_names_files_that_were_delivered(pipeline: Pipeline, raw_key: str) -> None:
    assert raw_key
    digests = delivered(pipeline, "CloudTrail-Digest").values()
    named = {file["s3Object"] for each in digests for file in each["logFiles"]}
    assert named
    assert named <= set(delivered(pipeline, "CloudTrail"))


def test_named_queries_of_the_workgroup_answer(pipeline: Pipeline, raw_key: str) -> None:
    assert raw_key
    athena, workgroup = boto3.client("athena"), pipeline.deployment.output("AuditWorkgroupName")
    found = athena.list_named_queries(WorkGroup=workgroup)["NamedQueryIds"]
    queries = athena.batch_get_named_query(NamedQueryIds=found)["NamedQueries"]
    assert sorted(each["Name"] for each in queries) == ["audit: deletions", "audit: reads"]
    with acting_as(AUDITOR):
        asked = lake.in_workgroup(pipeline.deployment, workgroup)
        assert all(len(lake.query(asked, each["QueryString"])) for each in queries)


@pytest.mark.parametrize("role", [ANALYST, OPERATOR])
def test_only_auditors_ask_the_trail(pipeline: Pipeline, role: str) -> None:
    with acting_as(role), pytest.raises(lake.QueryFailed, match="not authorized"):
        pipeline.ask(
            f"select eventname from {pipeline.deployment.output('AuditDatabaseName')}.events"
        )


def test_an_auditor_still_reads_no_data_and_changes_no_event(
    pipeline: Pipeline, raw_key: str
) -> None:
    raw, trail = (pipeline.deployment.output(f"{name}BucketName") for name in ("Raw", "Trail"))
    [log, *_] = delivered(pipeline, "CloudTrail")
    with acting_as(AUDITOR):
        s3 = boto3.client("s3")
        for ask, place in (
            (s3.get_object, {"Bucket": raw, "Key": raw_key}),
            (s3.delete_object, {"Bucket": trail, "Key": log}),
            (s3.put_object, {"Bucket": trail, "Key": log, "Body": b"x"}),
        ):
            with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
                ask(**place)


def test_without_its_statement_in_the_buckets_policy_nothing_is_delivered(
    pipeline: Pipeline, raw_key: str, cloud: Any
) -> None:
    assert raw_key
    bucket, s3 = pipeline.deployment.output("TrailBucketName"), boto3.client("s3")
    kept = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    policy = json.loads(kept)
    policy["Statement"] = [s for s in policy["Statement"] if s.get("Sid") != "CloudTrailWrite"]
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    try:
        [told] = cloud.control("deliver-trail").values()
        assert "s3:PutObject" in told["problem"]
    finally:
        s3.put_bucket_policy(Bucket=bucket, Policy=kept)
    [told] = cloud.control("deliver-trail").values()
    assert (told["problem"], len(told["files"]) > 0) == ("", True)
