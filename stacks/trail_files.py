"""Who may put files into the trail's bucket, and under which key: CloudTrail, for this one trail."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

CLOUDTRAIL = "cloudtrail.amazonaws.com"


def open_key(key: kms.Key, trail_arn: str) -> None:
    """Source: CloudTrail user guide, "Configure AWS KMS key policies for CloudTrail"."""
    of_trail = {"aws:SourceArn": trail_arn}
    context = {"kms:EncryptionContext:aws:cloudtrail:arn": trail_arn}
    for sid, action, conditions in (
        ("Encrypt", "kms:GenerateDataKey", {**of_trail, **context}),
        ("Describe", "kms:DescribeKey", of_trail),
    ):
        key.add_to_resource_policy(_statement(sid, action, "*", conditions))


def open_bucket(bucket: s3.Bucket, trail_arn: str, account: str) -> None:
    """Source: CloudTrail user guide, "Amazon S3 bucket policy for CloudTrail"."""
    of_trail = {"aws:SourceArn": trail_arn}
    owned = {"s3:x-amz-acl": "bucket-owner-full-control"}
    own = bucket.arn_for_objects(f"AWSLogs/{account}/*")
    for sid, action, resource, conditions in (
        ("AclCheck", "s3:GetBucketAcl", bucket.bucket_arn, of_trail),
        ("Write", "s3:PutObject", own, {**of_trail, **owned}),
    ):
        bucket.add_to_resource_policy(_statement(sid, action, resource, conditions))


def _statement(
    sid: str, action: str, resource: str, conditions: dict[str, str]
) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=f"CloudTrail{sid}",
        principals=[iam.ServicePrincipal(CLOUDTRAIL)],
        actions=[action],
        resources=[resource],
        conditions={"StringEquals": conditions},
    )
