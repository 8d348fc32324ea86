"""The trail: what it takes, into which bucket and under which key, and who asks its events."""

from __future__ import annotations

from typing import Any

from tests.infrastructure.support import Assembly, flat

TRAIL = "arn:<AWS::Partition>:cloudtrail:eu-central-1:111122223333:trail/slipway-prod"


def statements(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["Sid"]: each for each in document["Statement"] if "Sid" in each}


def test_it_takes_objects_of_the_data_buckets_and_no_logs(comprehensive: Assembly) -> None:
    trail = comprehensive.only("AWS::CloudTrail::Trail")
    assert (trail["IsLogging"], trail["EnableLogFileValidation"]) == (True, True)
    data, managing = trail["AdvancedEventSelectors"]
    fields = {each["Field"]: each for each in data["FieldSelectors"]}
    assert fields["resources.type"]["Equals"] == ["AWS::S3::Object"]
    taken = [flat(arn) for arn in fields["resources.ARN"]["StartsWith"]]
    assert all(arn.endswith("/") for arn in taken)
    assert len(taken) == 5
    for name in ("Landing", "Raw", "Processed", "Curated", "Results"):
        assert any(name in arn for arn in taken)
    assert not any("AccessLogs" in arn or "TrailLogs" in arn for arn in taken)
    assert managing["FieldSelectors"] == [{"Field": "eventCategory", "Equals": ["Management"]}]


def test_the_bucket_takes_files_of_this_trail_only(comprehensive: Assembly) -> None:
    [policy] = [
        each["Properties"]["PolicyDocument"]
        for place, each in comprehensive.resources("AWS::S3::BucketPolicy").items()
        if place.startswith("Storage/TrailLogs")
    ]
    found = statements(policy)
    for sid, action in (
        ("CloudTrailAclCheck", "s3:GetBucketAcl"),
        ("CloudTrailWrite", "s3:PutObject"),
    ):
        assert found[sid]["Action"] == action
        assert found[sid]["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
        assert "trail/slipway-prod" in flat(
            found[sid]["Condition"]["StringEquals"]["aws:SourceArn"]
        )
    assert flat(found["CloudTrailWrite"]["Resource"]).endswith("/AWSLogs/111122223333/*")
    owned = found["CloudTrailWrite"]["Condition"]["StringEquals"]["s3:x-amz-acl"]
    assert owned == "bucket-owner-full-control"


def test_the_key_serves_this_trail_and_nothing_else_of_cloudtrail(comprehensive: Assembly) -> None:
    [key] = [
        each["Properties"]
        for place, each in comprehensive.resources("AWS::KMS::Key").items()
        if place.startswith("Storage/TrailKey")
    ]
    found = statements(key["KeyPolicy"])
    assert found["CloudTrailEncrypt"]["Action"] == "kms:GenerateDataKey"
    conditions = found["CloudTrailEncrypt"]["Condition"]["StringEquals"]
    assert set(conditions) == {"aws:SourceArn", "kms:EncryptionContext:aws:cloudtrail:arn"}
    assert key["EnableKeyRotation"] is True


def test_days_are_projected_as_far_back_as_files_are_kept(comprehensive: Assembly) -> None:
    [table] = [
        each["Properties"]["TableInput"]
        for place, each in comprehensive.resources("AWS::Glue::Table").items()
        if place.startswith("Trail/")
    ]
    assert table["Parameters"]["projection.day.range"] == "NOW-90DAYS,NOW"
    template = flat(table["Parameters"]["storage.location.template"])
    assert template.endswith("/AWSLogs/111122223333/CloudTrail/eu-central-1/${day}")


def test_as_shipped_there_is_none(prod: Assembly) -> None:
    assert "Trail" not in prod.templates
