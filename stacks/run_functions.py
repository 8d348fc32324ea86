"""The four small functions of a run, each with its own role that can do what its code does and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_sns as sns
from constructs import Construct

from contracts import naming
from stacks.alerts import AlertsStack
from stacks.base import Blueprint
from stacks.constructs import permissions
from stacks.constructs.python_function import PythonFunction
from stacks.storage import LEDGER_INDEX, StorageStack

SPARE_SECONDS = 60 * 60  # starts of jobs, waits between retries and the functions themselves


@dataclass(frozen=True, kw_only=True)
class RunFunctions:
    """Builds the functions in `scope`; one method each."""

    scope: Construct
    blueprint: Blueprint
    storage: StorageStack
    alerts: AlertsStack

    def claim_batch(self) -> PythonFunction:
        """Locks a dataset and claims its waiting files."""
        settings, storage = self.blueprint.settings, self.storage
        # A round of a run is two jobs, each at most as long as its timeout.
        lease_seconds = 2 * settings.glue.timeout_minutes * 60 + SPARE_SECONDS
        part = self._function(
            "claim_batch",
            "Takes a dataset's lock and its waiting files, and writes the manifest of the run",
            {
                **self._ledgers(),
                "RAW_BUCKET": storage.raw.bucket_name,
                "PROCESSED_BUCKET": storage.processed.bucket_name,
                "MAX_FILES_PER_RUN": str(settings.runs.max_files_per_run),
                "CLAIM_LEASE_SECONDS": str(lease_seconds),
            },
        )
        role = part.role
        permissions.allow_table(role, table=storage.file_ledger, actions=["UpdateItem"], index=LEDGER_INDEX)
        permissions.allow_table(
            role, table=storage.run_ledger, actions=["GetItem", "PutItem", "UpdateItem", "DeleteItem"]
        )
        permissions.allow_s3_write(role, bucket=storage.processed, prefixes=[naming.RUNS_PREFIX])
        permissions.allow_key(role, key=storage.data_key, services=["dynamodb", "s3"], write=True)
        return part

    def gate(self) -> PythonFunction:
        """Reads what the first job measured."""
        part = self._function(
            "gate",
            "Refuses to go on unless rows and money add up",
            {"PROCESSED_BUCKET": self.storage.processed.bucket_name},
        )
        self._allow_results(part)
        permissions.allow_key(part.role, key=self.storage.data_key, services=["s3"], write=False)
        return part

    def close_run(self) -> PythonFunction:
        """Ends a run that succeeded."""
        storage, topic = self.storage, self.alerts.run_succeeded
        part = self._function(
            "close_run",
            "Closes both ledgers, releases the lock and announces success",
            {
                **self._ledgers(),
                "PROCESSED_BUCKET": storage.processed.bucket_name,
                "RUN_SUCCEEDED_TOPIC_ARN": topic.topic_arn,
            },
        )
        self._allow_results(part)
        permissions.allow_table(part.role, table=storage.file_ledger, actions=["UpdateItem"], index=LEDGER_INDEX)
        permissions.allow_table(part.role, table=storage.run_ledger, actions=["GetItem", "UpdateItem", "DeleteItem"])
        permissions.allow_key(part.role, key=storage.data_key, services=["dynamodb", "s3"], write=True)
        self._allow_publish(part, topic)
        return part

    def fail_run(self) -> PythonFunction:
        """Ends a run that failed."""
        storage, topic = self.storage, self.alerts.run_failed
        part = self._function(
            "fail_run",
            "Gives the files back, releases the lock and alerts with the cause",
            {**self._ledgers(), "RUN_FAILED_TOPIC_ARN": topic.topic_arn},
        )
        permissions.allow_table(part.role, table=storage.file_ledger, actions=["UpdateItem"])
        permissions.allow_table(
            part.role,
            table=storage.run_ledger,
            actions=["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query"],
        )
        permissions.allow_key(part.role, key=storage.data_key, services=["dynamodb"], write=True)
        self._allow_publish(part, topic)
        return part

    def _function(self, name: str, description: str, environment: Mapping[str, str]) -> PythonFunction:
        return PythonFunction(
            self.scope,
            "".join(word.capitalize() for word in name.split("_")),
            root=self.blueprint.root,
            name=name,
            description=description,
            environment={"ENVIRONMENT": self.blueprint.settings.environment, **environment},
            timeout_seconds=120,
            memory_mb=512,  # Lambda gives processor time by memory; less makes the start of boto3 slow
            log_days=self.blueprint.log_days,
            log_key=self.storage.operations_key,
            removal_policy=self.blueprint.removal_policy,
        )

    def _ledgers(self) -> dict[str, str]:
        return {
            "FILE_LEDGER": self.storage.file_ledger.table_name,
            "RUN_LEDGER": self.storage.run_ledger.table_name,
        }

    def _allow_results(self, part: PythonFunction) -> None:
        permissions.allow_s3_read(part.role, bucket=self.storage.processed, prefixes=[naming.RUNS_PREFIX])
        permissions.allow_s3_list(part.role, bucket=self.storage.processed)

    def _allow_publish(self, part: PythonFunction, topic: sns.Topic) -> None:
        permissions.allow(part.role, actions=["sns:Publish"], resources=[topic.topic_arn])
        permissions.allow_key(part.role, key=self.storage.operations_key, services=["sns"], write=True)
