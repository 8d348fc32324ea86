"""How people are told: the machine that publishes, the function that composes bursts, and the table of bursts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.base import Blueprint
from stacks.constructs import permissions
from stacks.constructs.dataset_machine import DatasetMachine, Offer
from stacks.constructs.python_function import PythonFunction


@dataclass(frozen=True, kw_only=True)
class Announcing:
    """Builds its parts in `scope`; one method each."""

    scope: Construct
    blueprint: Blueprint
    data_key: kms.IKey
    operations_key: kms.IKey
    file_ledger: dynamodb.Table

    def machine(self, function: PythonFunction, topics: Mapping[str, sns.Topic]) -> DatasetMachine:
        """The only thing that publishes messages about runs and files; `topics` by the name of their substitution."""
        return DatasetMachine(
            self.scope,
            "Announce",
            blueprint=self.blueprint,
            name="announce",
            comment="Tells people of one run, a stage of it, or one burst of files that were rejected or arrived, once",
            offer=Offer(functions={"ComposeDigestFunctionArn": function}, topics=topics),
            operations_key=self.operations_key,
        )

    def bursts(self) -> dynamodb.Table:
        """What waits to be told together (pipeline/bursts.py)."""
        return dynamodb.Table(
            self.scope,
            "Bursts",
            partition_key=dynamodb.Attribute(name="about", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="entry", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=self.data_key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute="expires_at",  # pipeline.bursts.KEPT_DAYS after the event
            deletion_protection=not self.blueprint.deletes_data,
            removal_policy=self.blueprint.removal_policy,
        )

    def compose_digest(self, bursts: dynamodb.Table) -> PythonFunction:
        """Composes the message about a burst."""
        part = PythonFunction(
            self.scope,
            # Not renamed with its room: the id is part of the function's name, and an execution that waits for its
            # burst, up to twelve hours, goes on with the definition of before, which calls it by that name.
            "TellRejections",
            root=self.blueprint.root,
            name="compose_digest",
            description="Closes a burst of files and composes the message about it",
            environment={
                "ENVIRONMENT": self.blueprint.settings.environment,
                "FILE_LEDGER": self.file_ledger.table_name,
                "BURSTS_TABLE": bursts.table_name,
            },
            timeout_seconds=110,  # before the task that calls it gives up (state_machines/announce.asl.json)
            memory_mb=512,  # Lambda gives processor time by memory; less makes the start of boto3 slow
            log_days=self.blueprint.log_days,
            log_key=self.operations_key,
            removal_policy=self.blueprint.removal_policy,
        )
        permissions.allow_table(part.role, table=self.file_ledger, actions=["GetItem"])
        permissions.allow_table(part.role, table=bursts, actions=["UpdateItem"])
        permissions.allow_key(part.role, key=self.data_key, services=["dynamodb"], write=True)
        return part
