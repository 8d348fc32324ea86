"""Marts: one function with a role that reads their inputs and writes their tables, their machine, and what starts it.

A run of a dataset knows nothing of marts: the end of its execution is an event, and the machine looks up who reads
the dataset. So a run never waits for a mart, and a mart holds no dataset's lock.
"""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from stacks.alerts import AlertsStack
from stacks.base import Blueprint, PipelineStack
from stacks.constructs import permissions
from stacks.constructs.dataset_machine import NOBODY, DatasetMachine, Offer
from stacks.constructs.dead_letters import dead_letter_queue, keep_failed_invocations
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.rules import LONGEST_RETRY, RETRIES, STATUS_CHANGE, start_after
from stacks.constructs.schedules import Start, schedule
from stacks.duckdb_functions import DuckDbFunctions
from stacks.orchestration import OrchestrationStack
from stacks.storage import StorageStack
from stacks.table_access import (
    ICEBERG_READ,
    ICEBERG_WRITE,
    TABLES_PREFIX,
    UNDO,
    allow_files,
    allow_tables,
)

# Who may show a mart, and how its machine names the machine of each.
CONSUMERS = {
    "warehouse": "WarehouseLoadStateMachineArn",
    "dashboards": "DashboardRefreshStateMachineArn",
}
WHEN_COMPUTED = "used when a mart is computed, after a run of one of its inputs or by hand"


class MartsStack(PipelineStack):
    """Function, machine and rules of all marts. `serving` are the machines of those that show marts, by consumer."""

    def __init__(
        self,
        scope: Construct,
        *,
        blueprint: Blueprint,
        storage: StorageStack,
        alerts: AlertsStack,
        orchestration: OrchestrationStack,
        serving: Mapping[str, DatasetMachine],
    ) -> None:
        super().__init__(
            scope, "Marts", blueprint=blueprint, description="tables over several datasets"
        )
        self._blueprint = blueprint
        self.undelivered = dead_letter_queue(self, "MartsDeadLetters")
        functions = DuckDbFunctions(scope=self, blueprint=blueprint, storage=storage)
        self.part = functions.run_mart(alerts.announce, sorted(serving))
        self._allow(self.part, storage, alerts)
        self.machine = DatasetMachine(
            self,
            "MartRun",
            blueprint=blueprint,
            name="mart_run",
            comment="One run of one mart",
            offer=Offer(
                values={"MartsOfDatasets": ",".join(self._pairs()) or NOBODY},
                functions={"RunMartFunctionArn": self.part},
                machines={
                    name: [serving[consumer]] if consumer in serving else []
                    for consumer, name in CONSUMERS.items()
                },
            ),
            operations_key=storage.operations_key,
        )
        permissions.note_rarely_used(
            self.machine.role,
            dict.fromkeys(("lambda:InvokeFunction", "states:StartExecution"), WHEN_COMPUTED),
        )
        # A mart whose inputs stand as they did does nothing.
        start_after(
            self,
            "InputsChanged",
            changing=[orchestration.run, orchestration.care],
            machine=self.machine,
            undelivered=self.undelivered,
            description="Runs the marts of a dataset after its tables may have changed",
            role_description="Lets the rule for changed inputs start runs of marts",
        )
        schedule(
            self,
            self._starts(),
            undelivered=self.undelivered,
            role_description="Lets the scheduler start runs of marts",
        )
        self._report_silent_ends()
        self.publish(
            MartStateMachineArn=self.machine.arn,
            RunMartFunctionName=self.part.function.function_name,
            MartsDeadLetterQueueUrl=self.undelivered.queue_url,
        )

    def _pairs(self) -> list[str]:
        """dataset/mart for each input of a mart that is computed after runs of its inputs."""
        return [
            f"{dataset}/{mart.name}"
            for _, mart in sorted(self._blueprint.marts.items())
            for dataset in mart.datasets
            if mart.after_inputs
        ]

    def _allow(self, part: PythonFunction, storage: StorageStack, alerts: AlertsStack) -> None:
        role, marts = part.role, self._blueprint.marts
        inputs = sorted({dataset for mart in marts.values() for dataset in mart.datasets})
        files = [f"{TABLES_PREFIX}{name}/" for name in inputs]
        permissions.allow_s3_read(role, bucket=storage.processed, prefixes=files)
        allow_tables(role, self._blueprint.database("processed"), ICEBERG_READ, inputs)
        own = [f"{TABLES_PREFIX}{name}/" for name in sorted(marts)]
        allow_files(role, storage.curated, own, deletes_rarely=UNDO)
        allow_tables(role, self._blueprint.database("curated"), ICEBERG_WRITE, sorted(marts))
        ledger = ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query"]
        permissions.allow_table(role, table=storage.run_ledger, actions=ledger)
        permissions.allow_key(role, key=storage.data_key, services=["dynamodb"], write=True)
        permissions.allow(
            role,
            actions=["states:StartExecution"],
            resources=[alerts.announce.arn],
            rarely_used="tells people of a mart that could not be computed",
        )
        used = [
            *ICEBERG_WRITE,
            "s3:GetObject",
            "s3:PutObject",
            *(f"dynamodb:{each}" for each in ledger),
        ]
        permissions.note_rarely_used(role, dict.fromkeys(used, WHEN_COMPUTED))

    def _starts(self) -> list[Start]:
        """One for each mart that says when."""
        return [
            Start(
                scope=self,
                construct_id="Schedule" + name.title().replace("_", ""),
                description=f"Computes mart {name}",
                expression=mart.schedule,
                machine=self.machine,
                request={"mart": name, "trigger": "schedule"},
            )
            for name, mart in sorted(self._blueprint.marts.items())
            if mart.schedule
        ]

    def _report_silent_ends(self) -> None:
        """Runs that were stopped, ran out of time, or could not report: their lock is freed and people are told."""
        keep_failed_invocations(self.part, self.undelivered)
        rule = events.Rule(
            self,
            "SilentEnds",
            description="Runs of marts that ended without success; run_mart reports each once",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=[STATUS_CHANGE],
                detail={
                    "status": ["FAILED", "TIMED_OUT", "ABORTED"],
                    "stateMachineArn": [self.machine.arn],
                },
            ),
        )
        rule.add_target(
            targets.LambdaFunction(
                self.part.function,
                dead_letter_queue=self.undelivered,
                max_event_age=LONGEST_RETRY,
                retry_attempts=RETRIES,
            )
        )
