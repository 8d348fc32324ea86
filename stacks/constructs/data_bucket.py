"""A private bucket: customer-managed key, versions, TLS only, access logs, and an end for everything temporary."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

ABORT_UPLOADS_AFTER_DAYS = 7  # incomplete multipart uploads are invisible and are paid for


class DataBucket(s3.Bucket):
    """A bucket for data; `expiry_days` ends current objects everywhere, `rules` add what only parts of it need."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        key: kms.IKey,
        access_logs: s3.IBucket,
        noncurrent_days: int,
        removal_policy: RemovalPolicy,
        expiry_days: int | None = None,
        rules: Sequence[s3.LifecycleRule] = (),
        events: bool = False,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=True,
            server_access_logs_bucket=access_logs,
            server_access_logs_prefix=f"{construct_id.lower()}/",
            lifecycle_rules=[housekeeping(noncurrent_days, expiry_days), *rules],
            removal_policy=removal_policy,
            auto_delete_objects=removal_policy is RemovalPolicy.DESTROY,
        )
        if events:
            send_events(self)


def housekeeping(noncurrent_days: int, expiry_days: int | None) -> s3.LifecycleRule:
    """End of old versions, of incomplete uploads and, if `expiry_days` is given, of everything.

    A delete marker whose versions are gone goes, too: by the rule itself where objects expire by age, else because it
    says so; one rule cannot have both. Source: S3 API reference, LifecycleExpiration.
    """
    return s3.LifecycleRule(
        id="housekeeping",
        abort_incomplete_multipart_upload_after=Duration.days(ABORT_UPLOADS_AFTER_DAYS),
        noncurrent_version_expiration=Duration.days(noncurrent_days),
        expiration=Duration.days(expiry_days) if expiry_days else None,
        expired_object_delete_marker=None if expiry_days else True,
    )


def send_events(bucket: s3.Bucket) -> None:
    """Let the bucket tell EventBridge of every new object.

    CDK's own switch adds a custom resource with a Lambda function; the CloudFormation property does the same alone.
    """
    resource = bucket.node.default_child
    if not isinstance(resource, s3.CfnBucket):
        raise TypeError(f"{bucket.node.path}: expected a bucket of CDK's own, found {resource!r}")
    resource.add_property_override(
        "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled", True
    )
