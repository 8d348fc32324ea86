"""The state machine of a run, and what starts or ends it from outside: schedules, and the rule for silent ends.

The machine is an ASL file with substitutions, so that it can be read, linted and run by a local interpreter as it is.
"""

from __future__ import annotations

import json
import re

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.alerts import AlertsStack
from stacks.base import Blueprint, PipelineStack
from stacks.constructs import permissions
from stacks.processing import ProcessingStack
from stacks.run_functions import RunFunctions
from stacks.storage import StorageStack


class OrchestrationStack(PipelineStack):
    """Functions, state machine, schedules and the rule for runs that end without telling."""

    def __init__(
        self,
        scope: Construct,
        *,
        blueprint: Blueprint,
        storage: StorageStack,
        alerts: AlertsStack,
        processing: ProcessingStack,
    ) -> None:
        super().__init__(scope, "Orchestration", blueprint=blueprint, description="the state machine of a run")
        self._blueprint = blueprint
        self._storage = storage
        self._processing = processing
        self.dead_letters: dict[str, sqs.Queue] = {}
        functions = RunFunctions(scope=self, blueprint=blueprint, storage=storage, alerts=alerts)
        self.claim_batch = functions.claim_batch()
        self.gate = functions.gate()
        self.close_run = functions.close_run()
        self.fail_run = functions.fail_run()
        self.machine = self._machine()
        self._report_silent_ends()
        self._schedules()
        self.publish(StateMachineArn=self.machine.state_machine_arn)

    def _machine(self) -> sfn.StateMachine:
        file = self._blueprint.root / "state_machines" / "dataset_run.asl.json"
        substitutions = {
            "SettleSeconds": str(self._blueprint.settings.runs.settle_seconds),
            "ClaimBatchFunctionArn": self.claim_batch.function.function_arn,
            "GateFunctionArn": self.gate.function.function_arn,
            "CloseRunFunctionArn": self.close_run.function.function_arn,
            "FailRunFunctionArn": self.fail_run.function.function_arn,
            "RawToProcessedJobName": self._processing.raw_to_processed.name,
            "ProcessedToCuratedJobName": self._processing.processed_to_curated.name,
        }
        definition = file.read_text(encoding="utf-8")
        _require_equal(set(re.findall(r"\$\{(\w+)\}", definition)), set(substitutions), file.name)
        return sfn.StateMachine(
            self,
            "DatasetRun",
            comment="One run of one dataset",
            definition_body=sfn.DefinitionBody.from_string(json.dumps(json.loads(definition), indent=1)),
            definition_substitutions=substitutions,
            role=self._machine_role(),
            logs=sfn.LogOptions(
                destination=logs.LogGroup(
                    self,
                    "DatasetRunLog",
                    # Step Functions writes to log groups of this prefix without growing a resource policy of limited
                    # size. Source: Step Functions developer guide, "Logging in CloudWatch Logs".
                    log_group_name=f"/aws/vendedlogs/states/slipway-{self._blueprint.settings.environment}-dataset-run",
                    retention=self._blueprint.log_days,
                    encryption_key=self._storage.operations_key,
                    removal_policy=RemovalPolicy.DESTROY,  # its name is fixed; the run ledger keeps the history
                ),
                level=sfn.LogLevel.ALL,
                include_execution_data=True,
            ),
            tracing_enabled=True,
        )

    def _machine_role(self) -> iam.Role:
        role = iam.Role(
            self,
            "DatasetRunRole",
            assumed_by=iam.ServicePrincipal("states.amazonaws.com"),
            description="What the state machine of a run may do",
        )
        parts = (self.claim_batch, self.gate, self.close_run, self.fail_run)
        functions = [part.function.function_arn for part in parts]
        permissions.allow(role, actions=["lambda:InvokeFunction"], resources=functions)
        jobs = [self._processing.raw_to_processed.arn, self._processing.processed_to_curated.arn]
        # Source: Step Functions developer guide, "IAM policies for calling AWS Glue", run a job (.sync).
        permissions.allow(
            role,
            actions=["glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"],
            resources=jobs,
        )
        self._acknowledge_log_delivery(role)
        return role

    def _acknowledge_log_delivery(self, role: iam.Role) -> None:
        permissions.acknowledge(
            role,
            "AwsSolutions-IAM5[Resource::*]",
            "Log delivery and X-Ray have no resource types; CDK adds exactly the actions that Step Functions documents",
        )

    def _report_silent_ends(self) -> None:
        """Runs that were stopped, ran out of time, or could not report: their lock and files are given back."""
        undelivered = self._dead_letters("FailRun")
        rule = events.Rule(
            self,
            "SilentEnds",
            description="Executions that ended without success; FailRun is idempotent",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "status": ["FAILED", "TIMED_OUT", "ABORTED"],
                    "stateMachineArn": [self.machine.state_machine_arn],
                },
            ),
        )
        rule.add_target(
            targets.LambdaFunction(
                self.fail_run.function,
                dead_letter_queue=undelivered,
                max_event_age=Duration.hours(6),
                retry_attempts=20,
            )
        )

    def _schedules(self) -> None:
        wanted = {c.dataset: self._blueprint.settings.schedules.of(c.dataset) for c in self._blueprint.contracts}
        if not any(wanted.values()):
            return
        role = iam.Role(
            self,
            "ScheduleRole",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": self.account}}
            ),
            description="Lets the scheduler start runs",
        )
        undelivered = self._dead_letters("Schedule")
        permissions.allow(role, actions=["states:StartExecution"], resources=[self.machine.state_machine_arn])
        permissions.allow(role, actions=["sqs:SendMessage"], resources=[undelivered.queue_arn])
        for dataset, expression in wanted.items():
            if expression:
                self._schedule(dataset, expression, role, undelivered).node.add_dependency(role)

    def _schedule(self, dataset: str, expression: str, role: iam.Role, undelivered: sqs.Queue) -> scheduler.CfnSchedule:
        return scheduler.CfnSchedule(
            self,
            f"Schedule{dataset.title().replace('_', '')}",
            description=f"Starts a run of {dataset}, even if no file arrived",
            schedule_expression=expression,
            schedule_expression_timezone="UTC",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=self.machine.state_machine_arn,
                role_arn=role.role_arn,
                input=json.dumps({"dataset": dataset, "trigger": "schedule"}),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=undelivered.queue_arn),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=60 * 60, maximum_retry_attempts=10
                ),
            ),
        )

    def _dead_letters(self, name: str) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            f"{name}DeadLetters",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),  # the longest that SQS keeps a message
        )
        permissions.acknowledge(queue, "AwsSolutions-SQS3", "This queue is itself where undelivered messages end")
        self.dead_letters[name] = queue
        return queue


def _require_equal(in_file: set[str], given: set[str], file: str) -> None:
    if in_file != given:
        raise ValueError(
            f"state_machines/{file}: substitutions {sorted(in_file - given)} are not given, "
            f"{sorted(given - in_file)} are not used; align it with stacks/orchestration.py"
        )
