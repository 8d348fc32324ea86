"""Where everything rests: three keys, the zone buckets, the two ledgers, and the secret behind personal data's tokens.

What partners sent (landing, raw, and the secret that makes tokens of it) has a key of its own, so that permission to
read the lake never opens it (docs/decisions/0021-a-key-for-originals.md). Messages and logs have another,
because its policy must name AWS services (alarms, logs), which must never be able to open the others.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from contracts import naming
from contracts.model import Contract
from stacks.base import Blueprint, PipelineStack
from stacks.constructs import permissions
from stacks.constructs.data_bucket import DataBucket, housekeeping
from stacks.trail_files import open_bucket, open_key

LEDGER_INDEX = "by_status"
# Of 62 letters and digits: 381 bits, above the 256 that HMAC-SHA256 can use. Source: RFC 2104, section 3, Keys.
PII_KEY_CHARACTERS = 64
COOL_AFTER_DAYS = 30  # Intelligent-Tiering then follows how a table is read


class StorageStack(PipelineStack):
    """Keys, buckets and ledgers."""

    def __init__(self, scope: Construct, *, blueprint: Blueprint) -> None:
        super().__init__(
            scope, "Storage", blueprint=blueprint, description="keys, zone buckets and ledgers"
        )
        self._blueprint = blueprint
        self.data_key = self._key("DataKey", "data", "Tables, results and ledgers")
        self.originals_key = self._key(
            "OriginalsKey", "originals", "Files as partners sent them, secret of tokens"
        )
        self.operations_key = self._key("OperationsKey", "operations", "Messages and logs")
        _open_to_services(self.operations_key, self)
        self._buckets()
        self.file_ledger = self._ledger("FileLedger")
        self.file_ledger.add_global_secondary_index(
            index_name=LEDGER_INDEX,
            partition_key=dynamodb.Attribute(
                name="dataset_status", type=dynamodb.AttributeType.STRING
            ),
            sort_key=dynamodb.Attribute(name="received_at", type=dynamodb.AttributeType.STRING),
        )
        self.run_ledger = self._ledger("RunLedger")
        self.pii_secret = (
            self._pii_secret() if any(c.protected_columns for c in blueprint.contracts) else None
        )
        if blueprint.settings.features.trail:
            self.trail_files = self._trail_files()
        self._publish()

    def _trail_files(self) -> tuple[kms.Key, s3.Bucket]:
        """Key and bucket of CloudTrail's files. No other key's policy names CloudTrail, which must never open data."""
        environment = self._blueprint.settings.environment
        arn = self.format_arn(
            service="cloudtrail", resource="trail", resource_name=naming.trail(environment)
        )
        key = self._key("TrailKey", "trail", "CloudTrail's files")
        open_key(key, arn)
        days = self._blueprint.settings.retention.trail_days
        bucket = self._bucket("TrailLogs", key=key, expiry_days=days)
        open_bucket(bucket, arn, self.account)
        return key, bucket

    def _buckets(self) -> None:
        days = self._blueprint.settings.retention
        self.access_logs = self._access_logs_bucket(days.access_logs_days)
        self.landing = self._bucket(
            "Landing", key=self.originals_key, expiry_days=days.landing_days, events=True
        )
        self.raw = self._bucket("Raw", key=self.originals_key, rules=self._raw_rules())
        self.processed = self._bucket(
            "Processed", rules=[_end_of_runs(days.runs_days), _cooler_tables()]
        )
        self.curated = self._bucket("Curated", rules=[_cooler_tables()])
        self.results = self._bucket("Results", expiry_days=days.results_days)

    def _publish(self) -> None:
        self.publish(
            LandingBucketName=self.landing.bucket_name,
            RawBucketName=self.raw.bucket_name,
            ProcessedBucketName=self.processed.bucket_name,
            CuratedBucketName=self.curated.bucket_name,
            ResultsBucketName=self.results.bucket_name,
            FileLedgerName=self.file_ledger.table_name,
            RunLedgerName=self.run_ledger.table_name,
        )
        if self.pii_secret:
            self.publish(PiiKeySecretArn=self.pii_secret.secret_arn)

    def _key(self, construct_id: str, name: str, what: str) -> kms.Key:
        return kms.Key(
            self,
            construct_id,
            alias=f"slipway-{self._blueprint.settings.environment}-{name}",
            description=f"{what} of Slipway {self._blueprint.settings.environment}",
            enable_key_rotation=True,
            removal_policy=self._blueprint.removal_policy,
        )

    def _access_logs_bucket(self, expiry_days: int) -> s3.Bucket:
        # Server access logs can only be delivered to a bucket with S3-managed encryption.
        # Source: S3 user guide, "Enabling Amazon S3 server access logging".
        return s3.Bucket(
            self,
            "AccessLogs",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=True,
            lifecycle_rules=[
                housekeeping(self._blueprint.settings.retention.noncurrent_days, expiry_days)
            ],
            removal_policy=self._blueprint.removal_policy,
            auto_delete_objects=self._blueprint.deletes_data,
        )

    def _bucket(
        self,
        construct_id: str,
        *,
        key: kms.Key | None = None,
        expiry_days: int | None = None,
        rules: Sequence[s3.LifecycleRule] = (),
        events: bool = False,
    ) -> DataBucket:
        return DataBucket(
            self,
            construct_id,
            key=key or self.data_key,
            access_logs=self.access_logs,
            noncurrent_days=self._blueprint.settings.retention.noncurrent_days,
            removal_policy=self._blueprint.removal_policy,
            expiry_days=expiry_days,
            rules=rules,
            events=events,
        )

    def _ledger(self, construct_id: str) -> dynamodb.Table:
        return dynamodb.Table(
            self,
            construct_id,
            partition_key=dynamodb.Attribute(name="dataset", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="entry", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=self.data_key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=not self._blueprint.deletes_data,
            removal_policy=self._blueprint.removal_policy,
        )

    def _pii_secret(self) -> secretsmanager.Secret:
        """The key under which values of persons become tokens (contracts/personal_data.py)."""
        secret = secretsmanager.Secret(
            self,
            "PiiKey",
            description="Key of the tokens that stand for personal data; a new one would make every token another",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=PII_KEY_CHARACTERS, exclude_punctuation=True
            ),
            removal_policy=self._blueprint.removal_policy,
        )
        # Not by CDK's argument, which adds a second grant to the key's policy: the first one leaves all to IAM already.
        resource = secret.node.default_child
        if not isinstance(resource, secretsmanager.CfnSecret):
            raise TypeError(
                f"{secret.node.path}: expected a secret of CDK's own, found {resource!r}"
            )
        resource.kms_key_id = self.originals_key.key_arn
        permissions.acknowledge(
            secret,
            "AwsSolutions-SMG4",
            "Another key would give every person another token: tables could no longer be joined nor subjects erased",
        )
        return secret

    def _raw_rules(self) -> list[s3.LifecycleRule]:
        return [self._raw_rule(contract) for contract in self._blueprint.contracts]

    def _raw_rule(self, contract: Contract) -> s3.LifecycleRule:
        override = self._blueprint.settings.retention.datasets.get(contract.dataset)
        days = override.raw_days if override else contract.retention.raw_days
        archive = (
            override.raw_archive_after_days
            if override
            else contract.retention.raw_archive_after_days
        )
        return s3.LifecycleRule(
            id=f"retention-of-{contract.dataset}",
            prefix=f"{contract.dataset}/",
            expiration=Duration.days(days),
            # Instant Retrieval, because a replay reads raw files in the middle of a run.
            transitions=[
                s3.Transition(
                    storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL,
                    transition_after=Duration.days(archive),
                )
            ]
            if archive < days
            else None,
        )


def _end_of_runs(days: int) -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id="end-of-runs", prefix=naming.RUNS_PREFIX, expiration=Duration.days(days)
    )


def _cooler_tables() -> s3.LifecycleRule:
    # Never an expiration here: a table's metadata would go on pointing at files that are gone. Rows leave by DELETE.
    return s3.LifecycleRule(
        id="cooler-tables",
        prefix="tables/",
        transitions=[
            s3.Transition(
                storage_class=s3.StorageClass.INTELLIGENT_TIERING,
                transition_after=Duration.days(COOL_AFTER_DAYS),
            )
        ],
    )


def _open_to_services(key: kms.Key, stack: PipelineStack) -> None:
    """Let CloudWatch Logs encrypt log groups, and alarms publish to encrypted topics.

    Source: CloudWatch Logs user guide, "Encrypt log data using KMS"; SNS developer guide, "Enable compatibility between
    event sources from AWS services and encrypted topics".
    """
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="LogGroupsOfThisAccount",
            principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
            actions=[
                *("kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo"),
                *("kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:DescribeKey"),
            ],
            resources=["*"],
            conditions={
                "ArnLike": {
                    "kms:EncryptionContext:aws:logs:arn": f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:*"
                }
            },
        )
    )
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="Alarms",
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=["*"],
            conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
        )
    )
