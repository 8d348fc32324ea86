"""Events of requests, the selectors of a trail, and its files: what CloudTrail documents of each."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from local_cloud.adapters.access import service_calls
from local_cloud.adapters.athena import sql as athena_sql
from local_cloud.adapters.athena import trail_tables
from local_cloud.adapters.athena.sql import QueryRefused
from local_cloud.adapters.cloudtrail import delivery, events, selectors
from local_cloud.adapters.cloudtrail.delivery import Signer, Trail
from local_cloud.adapters.cloudtrail.events import Caller, Request
from local_cloud.adapters.cloudtrail.selectors import NotSelected
from stacks.trail import COLUMNS

ROOT = Path(__file__).parents[3]
JOB = Caller(
    arn="arn:aws:sts::000000000000:assumed-role/job/run-1",
    account="000000000000",
    access_key_id="ASIA",
)
OF_RAW = {
    "FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
        {"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::raw/"]},
    ]
}
MANAGING = {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}


def event(
    method: str,
    path: str,
    query: Mapping[str, Any] | None = None,
    *,
    service: str = "s3",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    error: tuple[str, str] | None = None,
    action: str = "Some",
) -> dict[str, Any]:
    request = Request(
        service=service,
        action=action,
        method=method,
        path=path,
        headers=headers or {},
        query=query or {},
        body=body,
        region="us-east-1",
        request_id="r",
        error=error,
    )
    return events.of_request(request, JOB)


@pytest.mark.parametrize(
    ("method", "query", "headers", "name", "is_read"),
    [
        ("GET", {}, {}, "GetObject", True),
        ("HEAD", {}, {}, "HeadObject", True),
        ("PUT", {}, {}, "PutObject", False),
        ("PUT", {}, {"x-amz-copy-source": "raw/b"}, "CopyObject", False),
        ("PUT", {"uploadId": ["1"], "partNumber": ["1"]}, {}, "UploadPart", False),
        ("POST", {"uploads": [""]}, {}, "CreateMultipartUpload", False),
        ("POST", {"uploadId": ["1"]}, {}, "CompleteMultipartUpload", False),
        ("DELETE", {}, {}, "DeleteObject", False),
        ("DELETE", {"uploadId": ["1"]}, {}, "AbortMultipartUpload", False),
    ],
)
def test_a_call_on_an_object_is_a_data_event_with_its_name(
    method: str, query: dict[str, Any], headers: dict[str, str], name: str, is_read: bool
) -> None:
    found = event(method, "/raw/sales%20records/a.csv", query, headers=headers)
    assert (found["eventName"], found["readOnly"]) == (name, is_read)
    assert (found["eventCategory"], found["managementEvent"]) == ("Data", False)
    assert found["requestParameters"]["key"] == "sales records/a.csv"
    assert found["resources"][0]["ARN"] == "arn:aws:s3:::raw/sales records/a.csv"
    assert found["eventSource"] == "s3.amazonaws.com"


def test_listing_and_deleting_many_are_data_events_of_the_bucket() -> None:
    listed = event("GET", "/raw", {"list-type": ["2"], "prefix": ["a/"]})
    assert listed["eventName"] == "ListObjects"
    assert listed["resources"][0] == {"type": "AWS::S3::Object", "ARNPrefix": "arn:aws:s3:::raw/"}
    body = b"<Delete><Object><Key>a</Key></Object><Object><Key>b</Key></Object></Delete>"
    deleted = event("POST", "/raw", {"delete": [""]}, body=body)
    assert deleted["eventName"] == "DeleteObjects"
    assert deleted["additionalEventData"] == {"objects": ["a", "b"]}


def test_what_asks_about_a_bucket_is_a_management_event() -> None:
    found = event("GET", "/raw", {"policy": [""]}, action="GetBucketPolicy")
    assert (found["eventName"], found["eventCategory"]) == ("GetBucketPolicy", "Management")


def test_the_role_of_a_session_is_told_with_who_issued_it() -> None:
    identity = event("GET", "/raw/a")["userIdentity"]
    assert identity["type"] == "AssumedRole"
    assert identity["arn"] == JOB.arn
    assert identity["sessionContext"]["sessionIssuer"]["userName"] == "job"
    assert "invokedBy" not in identity
    root = Caller(
        arn="arn:aws:iam::000000000000:root", account="000000000000", access_key_id="test"
    )
    assert events.identity(root)["type"] == "Root"


def test_a_service_that_acts_for_a_caller_is_named() -> None:
    athena = Caller(**{**vars(JOB), "service": "athena.amazonaws.com"})
    found = events.of_object(athena, "us-east-1", "GetObject", "raw", "a")
    assert found["userIdentity"]["invokedBy"] == found["sourceIPAddress"] == "athena.amazonaws.com"
    used = events.of_key(athena, "us-east-1", "Decrypt", "arn:key", {"aws:s3:arn": "arn:b"})
    assert (used["eventSource"], used["eventCategory"]) == ("kms.amazonaws.com", "Management")
    assert used["requestParameters"]["encryptionContext"] == {"aws:s3:arn": "arn:b"}


def test_a_refusal_is_told_with_its_code() -> None:
    found = event("GET", "/raw/a", error=("AccessDenied", "not authorized"))
    assert (found["errorCode"], found["errorMessage"]) == ("AccessDenied", "not authorized")


def test_secrets_are_hidden() -> None:
    body = b'{"Name": "key", "SecretString": "s3cret"}'
    found = event("POST", "/", service="secretsmanager", body=body, action="PutSecretValue")
    assert found["requestParameters"] == {
        "Name": "key",
        "SecretString": "HIDDEN_DUE_TO_SECURITY_REASONS",
    }


def test_a_trail_takes_what_its_selectors_say() -> None:
    of_raw, of_logs = event("GET", "/raw/a"), event("GET", "/logs/a")
    managing = event("GET", "/raw", {"policy": [""]})
    assert selectors.selects([OF_RAW], of_raw)
    assert selectors.selects([OF_RAW], event("GET", "/raw", {"list-type": ["2"]}))
    assert not selectors.selects([OF_RAW], of_logs)
    assert not selectors.selects([OF_RAW], managing)
    assert selectors.selects([OF_RAW, MANAGING], managing)
    writes = {
        "FieldSelectors": [*OF_RAW["FieldSelectors"], {"Field": "readOnly", "Equals": ["false"]}]
    }
    assert not selectors.selects([writes], of_raw)
    others = {
        "FieldSelectors": [
            *MANAGING["FieldSelectors"],
            {"Field": "eventSource", "NotEquals": ["s3.amazonaws.com"]},
        ]
    }
    assert not selectors.selects([others], managing)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ([], "there are none"),
        (
            [{"FieldSelectors": [{"Field": "userIdentity.arn", "Equals": ["a"]}]}],
            "userIdentity.arn",
        ),
        ([{"FieldSelectors": [{"Field": "eventName", "Equals": ["a"]}]}], "eventCategory"),
        (
            [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]}],
            "AWS::S3::Object only",
        ),
    ],
)
def test_selectors_that_are_not_followed_are_refused(wrong: list[Any], told: str) -> None:
    with pytest.raises(NotSelected, match=told):
        selectors.check(wrong)


class Bucket(dict[str, tuple[bytes, dict[str, str]]]):
    """What was put, by key."""

    def put(
        self, _bucket: str, key: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, Any, Any]:
        self[key] = body, headers
        return 200, {}, b""


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    made = Bucket()
    monkeypatch.setattr(delivery, "original", lambda _module, _name: made.put)
    monkeypatch.setattr(service_calls, "require", lambda _call: None)
    return made


def trail(**changed: Any) -> Trail:
    plain: dict[str, Any] = {
        "name": "own",
        "bucket": "logs",
        "prefix": "",
        "key_arn": "arn:key",
        "selectors": [OF_RAW],
        "validated": True,
        "is_logging": True,
    }
    return Trail(**{**plain, **changed})


def test_a_file_is_gzip_json_under_the_documented_name(bucket: Bucket) -> None:
    own = trail(waiting=[event("GET", "/raw/a")])
    key = delivery.deliver(own)
    assert key is not None
    assert key.startswith("AWSLogs/000000000000/CloudTrail/us-east-1/")
    assert key.rpartition("/")[2].startswith("000000000000_CloudTrail_us-east-1_")
    assert key.endswith(".json.gz")
    body, headers = bucket[key]
    assert [each["eventName"] for each in json.loads(gzip.decompress(body))["Records"]] == [
        "GetObject"
    ]
    assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == "arn:key"
    assert delivery.deliver(own) is None


def test_what_a_policy_refuses_is_delivered_later(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = trail(waiting=[event("GET", "/raw/a")])

    def refuse(call: service_calls.ServiceCall) -> None:
        raise service_calls.AccessDenied(call.action)

    with monkeypatch.context() as patch:
        patch.setattr(service_calls, "require", refuse)
        with pytest.raises(service_calls.AccessDenied):
            delivery.deliver(own)
    assert (len(own.waiting), own.problem) == (1, "s3:PutObject")
    assert delivery.deliver(own) in bucket


def test_the_calls_of_cloudtrail_carry_trail_account_acl_and_context() -> None:
    asked: list[service_calls.ServiceCall] = []
    delivery.require_access(trail(), asked.append)
    assert [each.action for each in asked] == [
        "s3:GetBucketAcl",
        "s3:PutObject",
        "kms:GenerateDataKey",
    ]
    arn = "arn:aws:cloudtrail:us-east-1:000000000000:trail/own"
    assert {each.context["aws:SourceArn"] for each in asked} == {arn}
    assert asked[1].context["s3:x-amz-acl"] == "bucket-owner-full-control"
    assert asked[2].context["kms:EncryptionContext:aws:cloudtrail:arn"] == arn


def test_digests_chain_and_are_signed(bucket: Bucket) -> None:
    own, signer = trail(waiting=[event("GET", "/raw/a")]), Signer()
    log = delivery.deliver(own)
    first = delivery.digest(own, signer)
    assert delivery.digest(own, signer) in (None, first)
    second = delivery.digest(own, signer, datetime.now(UTC) + timedelta(hours=1))
    assert first is not None
    assert second is not None
    assert first.startswith("AWSLogs/000000000000/CloudTrail-Digest/us-east-1/")
    body, headers = bucket[first]
    content = json.loads(gzip.decompress(body))
    assert [each["s3Object"] for each in content["logFiles"]] == [log]
    assert log is not None
    plain = gzip.decompress(bucket[log][0])
    assert content["logFiles"][0]["hashValue"] == hashlib.sha256(plain).hexdigest()
    later = json.loads(gzip.decompress(bucket[second][0]))
    hashed = hashlib.sha256(gzip.decompress(body)).hexdigest()
    assert later["previousDigestHashValue"] == hashed
    assert later["previousDigestSignature"] == headers["x-amz-meta-signature"]
    public = load_der_public_key(signer.public)
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(
        bytes.fromhex(headers["x-amz-meta-signature"]),
        delivery.signed_text(content["digestEndTime"], "logs", first, hashed, None),
        padding.PKCS1v15(),
        hashes.SHA256(),
    )
    assert delivery.digest(trail(validated=False), signer) is None


TABLE: dict[str, Any] = {
    "PartitionKeys": [{"Name": "day", "Type": "string"}],
    "Parameters": {
        "projection.enabled": "true",
        "projection.day.type": "date",
        "projection.day.format": "yyyy/MM/dd",
        "projection.day.interval": "1",
        "projection.day.interval.unit": "DAYS",
        "storage.location.template": "s3://logs/AWSLogs/1/CloudTrail/us-east-1/${day}",
    },
    "StorageDescriptor": {
        "InputFormat": trail_tables.INPUT,
        "Columns": [
            {"Name": "eventname", "Type": "string"},
            {"Name": "readonly", "Type": "string"},
            {"Name": "requestparameters", "Type": "string"},
            {"Name": "useridentity", "Type": "struct<arn:string,sessioncontext:struct<a:string>>"},
            {"Name": "resources", "Type": "array<struct<arn:string>>"},
        ],
    },
}


def test_a_table_of_files_has_a_row_per_record_and_its_day() -> None:
    record = event("GET", "/raw/a")
    file = gzip.compress(json.dumps({"Records": [record]}).encode())
    places = {
        "AWSLogs/1/CloudTrail/us-east-1/2026/11/29/x.json.gz": file,
        "AWSLogs/1/CloudTrail-Digest/us-east-1/2026/11/29/x.json.gz": file,
    }
    [row] = trail_tables.read("audit.events", TABLE, places).to_pylist()
    assert row["day"] == "2026/11/29"
    assert (row["eventname"], row["readonly"]) == ("GetObject", "true")
    assert json.loads(row["requestparameters"]) == {"bucketName": "raw", "key": "a"}
    assert row["useridentity"] == {"arn": JOB.arn, "sessioncontext": {"a": None}}
    assert row["resources"][0] == {"arn": "arn:aws:s3:::raw/a"}


def test_other_projections_and_types_are_refused() -> None:
    other = {**TABLE, "Parameters": {**TABLE["Parameters"], "projection.day.type": "enum"}}
    with pytest.raises(QueryRefused, match="this partition projection is not read"):
        trail_tables.read("audit.events", other, {})
    assert trail_tables.hive_type("t", "array<string>") == pa.list_(pa.string())
    with pytest.raises(QueryRefused, match="map"):
        trail_tables.hive_type("t", "map<string,string>")


@pytest.mark.parametrize(
    "file", sorted((ROOT / "sql" / "audit").glob("*.sql")), ids=lambda f: f.stem
)
def test_the_queries_of_auditors_answer_over_such_files(file: Path) -> None:
    identity = events.identity(JOB)
    refused = event("GET", "/raw/a%20file", error=("AccessDenied", "no"))
    body = b"<Delete><Object><Key>a file</Key></Object></Delete>"
    gone = event("POST", "/raw", {"delete": [""]}, body=body)
    place = "AWSLogs/1/CloudTrail/us-east-1/2026/11/29/x.json.gz"
    content = gzip.compress(json.dumps({"Records": [refused, gone]}).encode())
    columns = [{"Name": name, "Type": kind} for name, kind in COLUMNS.items()]
    storage = {**TABLE["StorageDescriptor"], "Columns": columns}
    data = trail_tables.read("a.events", {**TABLE, "StorageDescriptor": storage}, {place: content})
    values = {"audit": "a", "since": "'2026/11/28'", "pattern": "'%a file%'"}
    text = file.read_text(encoding="utf-8")
    for placeholder, value in values.items():
        text = text.replace(f"{{{placeholder}}}", value)
    statement = athena_sql.parse(text)
    athena_sql.qualify(statement, "a")
    with duckdb.connect() as connection:
        connection.register("data", data)
        connection.execute("CREATE SCHEMA a")
        connection.execute("CREATE VIEW a.events AS FROM data")
        described = connection.execute("DESCRIBE a.events").fetchall()
        schema = {"a": {"events": {row[0]: row[1] for row in described}}}
        [row] = connection.execute(athena_sql.to_duckdb(statement, schema)).fetchall()
    issuer = identity["sessionContext"]["sessionIssuer"]["userName"]
    expected = {"reads": (issuer, "GetObject"), "deletions": (issuer, "DeleteObjects")}
    assert (row[0], row[2]) == expected[file.stem]
    assert "a file" in row[3]
