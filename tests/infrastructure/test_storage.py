"""Buckets, ledgers and keys: private, encrypted, versioned, and hard to lose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.infrastructure.support import Assembly, Resource, actions_of, synthesize

BLOCKED = {
    "BlockPublicAcls": True,
    "BlockPublicPolicy": True,
    "IgnorePublicAcls": True,
    "RestrictPublicBuckets": True,
}


def buckets(assembly: Assembly) -> dict[str, Resource]:
    return {
        place.partition("/")[2]: bucket
        for place, bucket in assembly.resources("AWS::S3::Bucket").items()
    }


def bucket(assembly: Assembly, name: str) -> dict[str, Any]:
    [found] = [b["Properties"] for place, b in buckets(assembly).items() if place.startswith(name)]
    return found


def rules(assembly: Assembly, name: str) -> dict[str, dict[str, Any]]:
    return {rule["Id"]: rule for rule in bucket(assembly, name)["LifecycleConfiguration"]["Rules"]}


def test_every_bucket_is_private_versioned_and_cleans_up(prod: Assembly) -> None:
    assert len(buckets(prod)) == 6
    for place, resource in buckets(prod).items():
        properties = resource["Properties"]
        assert properties["PublicAccessBlockConfiguration"] == BLOCKED, place
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}, place
        assert properties["OwnershipControls"]["Rules"] == [
            {"ObjectOwnership": "BucketOwnerEnforced"}
        ], place
        [housekeeping] = [
            r for r in properties["LifecycleConfiguration"]["Rules"] if r["Id"] == "housekeeping"
        ]
        assert housekeeping["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}, place
        assert housekeeping["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}, place
        by_age = "ExpirationInDays" in housekeeping
        assert housekeeping.get("ExpiredObjectDeleteMarker", False) is not by_age, place


def test_every_bucket_refuses_requests_without_tls(prod: Assembly) -> None:
    refused = set()
    for policy in prod.resources("AWS::S3::BucketPolicy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Deny" and statement["Condition"] == {
                "Bool": {"aws:SecureTransport": "false"}
            }:
                assert actions_of(statement) == ["s3:*"]
                assert statement["Principal"] == {"AWS": "*"}
                refused.add(policy["Properties"]["Bucket"]["Ref"])
    assert refused == set(buckets(prod))


def test_data_is_encrypted_with_its_key_and_logged(prod: Assembly) -> None:
    for place, resource in buckets(prod).items():
        [encryption] = resource["Properties"]["BucketEncryption"][
            "ServerSideEncryptionConfiguration"
        ]
        if place.startswith("AccessLogs"):
            # S3 delivers access logs only to buckets with its own keys.
            assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
            continue
        assert encryption["BucketKeyEnabled"] is True
        default = encryption["ServerSideEncryptionByDefault"]
        assert default["SSEAlgorithm"] == "aws:kms"
        key = "OriginalsKey" if place.startswith(("Landing", "Raw")) else "DataKey"
        assert default["KMSMasterKeyID"]["Fn::GetAtt"][0].startswith(key)
        logging = resource["Properties"]["LoggingConfiguration"]
        assert logging["DestinationBucketName"]["Ref"].startswith("AccessLogs")


def test_keys_rotate(prod: Assembly) -> None:
    keys = prod.resources("AWS::KMS::Key")
    assert len(keys) == 3
    assert all(key["Properties"]["EnableKeyRotation"] for key in keys.values())


def test_services_are_named_in_the_policy_of_the_operations_key_only(prod: Assembly) -> None:
    for place, key in prod.resources("AWS::KMS::Key").items():
        principals = [s["Principal"] for s in key["Properties"]["KeyPolicy"]["Statement"]]
        services = [principal["Service"] for principal in principals if "Service" in principal]
        assert bool(services) == ("OperationsKey" in place)


def test_only_landing_tells_eventbridge_and_without_a_custom_resource(prod: Assembly) -> None:
    telling = [
        place
        for place, b in buckets(prod).items()
        if "NotificationConfiguration" in b["Properties"]
    ]
    assert [place[:7] for place in telling] == ["Landing"]
    assert bucket(prod, "Landing")["NotificationConfiguration"] == {
        "EventBridgeConfiguration": {"EventBridgeEnabled": True}
    }
    types = {
        resource["Type"]
        for template in prod.templates.values()
        for resource in template["Resources"].values()
    }
    assert not [name for name in types if name.startswith("Custom::")]


def test_raw_files_get_cheaper_and_leave_when_the_contract_says(prod: Assembly) -> None:
    rule = rules(prod, "Raw")["retention-of-sales_records"]
    assert rule["Prefix"] == "sales_records/"
    assert rule["ExpirationInDays"] == 2555
    assert rule["Transitions"] == [{"StorageClass": "GLACIER_IR", "TransitionInDays": 90}]


def test_settings_override_retention_and_other_datasets_keep_theirs(
    comprehensive: Assembly,
) -> None:
    assert rules(comprehensive, "Raw")["retention-of-sales_records"]["ExpirationInDays"] == 400
    assert rules(comprehensive, "Raw")["retention-of-tiny"]["ExpirationInDays"] == 2555
    assert rules(comprehensive, "Landing")["housekeeping"]["ExpirationInDays"] == 5
    assert rules(comprehensive, "Results")["housekeeping"]["ExpirationInDays"] == 8
    assert rules(comprehensive, "Processed")["end-of-runs"]["ExpirationInDays"] == 9


@pytest.mark.parametrize("name", ["Processed", "Curated"])
def test_files_of_tables_never_expire_by_age(prod: Assembly, name: str) -> None:
    """A table's metadata would go on pointing at them."""
    for rule in rules(prod, name).values():
        assert "ExpirationInDays" not in rule or rule["Prefix"] == "runs/"


def test_ledgers_are_keyed_as_documented_and_recoverable(prod: Assembly) -> None:
    tables = prod.resources("AWS::DynamoDB::Table")
    assert len(tables) == 3
    for place, table in tables.items():
        properties = table["Properties"]
        assert properties["KeySchema"] == [
            {"AttributeName": "about" if "Bursts" in place else "dataset", "KeyType": "HASH"},
            {"AttributeName": "entry", "KeyType": "RANGE"},
        ]
        assert properties["BillingMode"] == "PAY_PER_REQUEST"
        assert properties["PointInTimeRecoverySpecification"] == {
            "PointInTimeRecoveryEnabled": True
        }
        assert properties["SSESpecification"]["SSEType"] == "KMS"
        assert properties["DeletionProtectionEnabled"] is True
        indexes = {
            index["IndexName"]: index["KeySchema"]
            for index in properties.get("GlobalSecondaryIndexes", [])
        }
        by_status = {
            "by_status": [
                {"AttributeName": "dataset_status", "KeyType": "HASH"},
                {"AttributeName": "received_at", "KeyType": "RANGE"},
            ]
        }
        assert indexes == (by_status if "FileLedger" in place else {})


DATA = ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::Glue::Database")


def policies_of_data(assembly: Assembly) -> set[str]:
    return {
        resource["DeletionPolicy"]
        for resource_type in DATA
        for resource in assembly.resources(resource_type).values()
    }


def test_data_survives_the_stack_by_default(prod: Assembly) -> None:
    assert policies_of_data(prod) == {"Retain"}


def test_both_keys_together_delete_data(local: Assembly) -> None:
    assert policies_of_data(local) == {"Delete"}
    tables = local.resources("AWS::DynamoDB::Table").values()
    # Also of the sources that this environment fetches.
    assert {table["Properties"]["DeletionProtectionEnabled"] for table in tables} == {False}


@pytest.mark.parametrize(
    "context",
    [{"environment": "prod", "delete-data": "yes"}, {"environment": "dev"}],
    ids=["context", "settings"],
)
def test_one_key_alone_deletes_nothing(tmp_path: Path, context: dict[str, str]) -> None:
    assert policies_of_data(synthesize(tmp_path, **context)) == {"Retain"}


def test_tags_of_the_settings_are_on_every_bucket(comprehensive: Assembly) -> None:
    wanted = {
        **{"owner": "data-team", "cost-center": "4711"},
        **{"project": "slipway", "environment": "prod"},
    }
    for resource in comprehensive.resources("AWS::S3::Bucket").values():
        tags = {each["Key"]: each["Value"] for each in resource["Properties"]["Tags"]}
        assert wanted.items() <= tags.items()
