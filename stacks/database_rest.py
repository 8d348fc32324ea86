"""What starts and stops an instance of the internal database: one function, asked by the machine that writes back and,
every quarter of an hour, by a rule.

The rule calls the function itself and not through a machine: there is nothing to wait for and nothing to undo.
"""

from __future__ import annotations

from aws_cdk import ArnFormat, Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets

from stacks.base import Blueprint, PipelineStack
from stacks.constructs import permissions
from stacks.constructs.dead_letters import dead_letter_queue, keep_failed_invocations
from stacks.constructs.python_function import PythonFunction
from stacks.storage import StorageStack

# Less than CLOSING_SECONDS of lambdas/rest_database/service.py, so that nothing is stopped after a closing has ended.
TIMEOUT_SECONDS = 60
SWEEP_MINUTES = 15


class DatabaseRest:
    """The function, and the queue of sweeps that were not carried out. `instance` is the identifier of the server."""

    def __init__(
        self, stack: PipelineStack, *, blueprint: Blueprint, storage: StorageStack, instance: str
    ) -> None:
        self.stack = stack
        self.part = self._function(blueprint, storage, instance)
        self.undelivered = dead_letter_queue(stack, "RestDatabaseUndelivered")
        keep_failed_invocations(self.part, self.undelivered)
        self._sweep()

    def _function(
        self, blueprint: Blueprint, storage: StorageStack, instance: str
    ) -> PythonFunction:
        part = PythonFunction(
            self.stack,
            "RestDatabase",
            root=blueprint.root,
            name="rest_database",
            description="Starts the internal database for runs, and stops it when no run needs it",
            environment={
                "DATABASE_INSTANCE": instance,
                "RUN_LEDGER": storage.run_ledger.table_name,
            },
            timeout_seconds=TIMEOUT_SECONDS,
            memory_mb=512,  # Lambda gives processor time by memory; less makes the start of boto3 slow
            log_days=blueprint.log_days,
            log_key=storage.operations_key,
            removal_policy=blueprint.removal_policy,
        )
        permissions.allow_table(part.role, table=storage.run_ledger, actions=["GetItem", "PutItem"])
        permissions.allow_key(part.role, key=storage.data_key, services=["dynamodb"], write=True)
        # Source: Service authorization reference, "Actions, resources, and condition keys for Amazon RDS".
        permissions.allow(
            part.role,
            actions=["rds:DescribeDBInstances", "rds:StartDBInstance", "rds:StopDBInstance"],
            resources=[
                self.stack.format_arn(
                    service="rds",
                    resource="db",
                    resource_name=instance,
                    arn_format=ArnFormat.COLON_RESOURCE_NAME,
                )
            ],
        )
        return part

    def _sweep(self) -> None:
        rule = events.Rule(
            self.stack,
            "SweepDatabase",
            description="Stops the internal database if it is awake for nobody",
            schedule=events.Schedule.rate(Duration.minutes(SWEEP_MINUTES)),
        )
        rule.add_target(
            targets.LambdaFunction(
                self.part.function,
                event=events.RuleTargetInput.from_object({"action": "sweep"}),
                dead_letter_queue=self.undelivered,
                max_event_age=Duration.minutes(SWEEP_MINUTES),
                retry_attempts=3,
            )
        )
