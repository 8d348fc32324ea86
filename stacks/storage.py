"""Where everything rests: two keys, the zone buckets, and the two ledgers.

Data is encrypted with one key, messages and logs with another, because the policy of the second must name AWS services
(alarms, logs), which must never be able to open the first.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from contracts import naming
from contracts.model import Contract
from stacks.base import Blueprint, PipelineStack
from stacks.constructs.data_bucket import DataBucket, housekeeping

LEDGER_INDEX = "by_status"
COOL_AFTER_DAYS = 30  # Intelligent-Tiering then follows how a table is read


class StorageStack(PipelineStack):
    """Keys, buckets and ledgers."""

    def __init__(self, scope: Construct, *, blueprint: Blueprint) -> None:
        super().__init__(scope, "Storage", blueprint=blueprint, description="keys, zone buckets and ledgers")
        self._blueprint = blueprint
        days = blueprint.settings.retention
        self.data_key = self._key("DataKey", "data", "Buckets and ledgers")
        self.operations_key = self._key("OperationsKey", "operations", "Messages and logs")
        _open_to_services(self.operations_key, self)
        self.access_logs = self._access_logs_bucket(days.access_logs_days)
        self.landing = self._bucket("Landing", expiry_days=days.landing_days, events=True)
        self.raw = self._bucket("Raw", rules=self._raw_rules())
        self.processed = self._bucket("Processed", rules=[_end_of_runs(days.runs_days), _cooler_tables()])
        self.curated = self._bucket("Curated", rules=[_cooler_tables()])
        self.results = self._bucket("Results", expiry_days=days.results_days)
        self.file_ledger = self._ledger("FileLedger")
        self.file_ledger.add_global_secondary_index(
            index_name=LEDGER_INDEX,
            partition_key=dynamodb.Attribute(name="dataset_status", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="received_at", type=dynamodb.AttributeType.STRING),
        )
        self.run_ledger = self._ledger("RunLedger")
        self.publish(
            LandingBucketName=self.landing.bucket_name,
            RawBucketName=self.raw.bucket_name,
            ProcessedBucketName=self.processed.bucket_name,
            CuratedBucketName=self.curated.bucket_name,
            ResultsBucketName=self.results.bucket_name,
            FileLedgerName=self.file_ledger.table_name,
            RunLedgerName=self.run_ledger.table_name,
        )

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
            lifecycle_rules=[housekeeping(self._blueprint.settings.retention.noncurrent_days, expiry_days)],
            removal_policy=self._blueprint.removal_policy,
            auto_delete_objects=self._blueprint.deletes_data,
        )

    def _bucket(
        self,
        construct_id: str,
        *,
        expiry_days: int | None = None,
        rules: Sequence[s3.LifecycleRule] = (),
        events: bool = False,
    ) -> DataBucket:
        return DataBucket(
            self,
            construct_id,
            key=self.data_key,
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

    def _raw_rules(self) -> list[s3.LifecycleRule]:
        return [self._raw_rule(contract) for contract in self._blueprint.contracts]

    def _raw_rule(self, contract: Contract) -> s3.LifecycleRule:
        override = self._blueprint.settings.retention.datasets.get(contract.dataset)
        days = override.raw_days if override else contract.retention.raw_days
        archive = override.raw_archive_after_days if override else contract.retention.raw_archive_after_days
        return s3.LifecycleRule(
            id=f"retention-of-{contract.dataset}",
            prefix=f"{contract.dataset}/",
            expiration=Duration.days(days),
            # Instant Retrieval, because a replay reads raw files in the middle of a run.
            transitions=[
                s3.Transition(
                    storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, transition_after=Duration.days(archive)
                )
            ]
            if archive < days
            else None,
        )


def _end_of_runs(days: int) -> s3.LifecycleRule:
    return s3.LifecycleRule(id="end-of-runs", prefix=naming.RUNS_PREFIX, expiration=Duration.days(days))


def _cooler_tables() -> s3.LifecycleRule:
    # Never an expiration here: a table's metadata would go on pointing at files that are gone. Rows leave by DELETE.
    return s3.LifecycleRule(
        id="cooler-tables",
        prefix="tables/",
        transitions=[
            s3.Transition(
                storage_class=s3.StorageClass.INTELLIGENT_TIERING, transition_after=Duration.days(COOL_AFTER_DAYS)
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
