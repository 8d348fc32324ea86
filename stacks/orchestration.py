"""The state machine of a run, its four small functions, and what starts it without a file: the schedule.

The machine is an ASL file with substitutions, so that it can be read, linted and run by a local interpreter as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from contracts import naming
from stacks.alerts import AlertsStack
from stacks.base import Blueprint, PipelineStack
from stacks.constructs import permissions
from stacks.constructs.python_function import PythonFunction
from stacks.processing import ProcessingStack
from stacks.storage import LEDGER_INDEX, StorageStack

SPARE_SECONDS = 60 * 60  # starts of jobs, waits between retries and the functions themselves


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
        self.claim_batch = self._claim_batch()
        self.gate = self._gate()
        self.close_run = self._close_run(alerts)
        self.fail_run = self._fail_run(alerts)
        self.machine = self._machine()
        self._report_silent_ends()
        self._schedules()
        self.publish(StateMachineArn=self.machine.state_machine_arn)

    def _function(self, name: str, description: str, environment: Mapping[str, str], timeout: int) -> PythonFunction:
        return PythonFunction(
            self,
            "".join(word.capitalize() for word in name.split("_")),
            root=self._blueprint.root,
            name=name,
            description=description,
            environment={"ENVIRONMENT": self._blueprint.settings.environment, **environment},
            timeout_seconds=timeout,
            memory_mb=256,
            log_days=self._blueprint.log_days,
            log_key=self._storage.operations_key,
            removal_policy=self._blueprint.removal_policy,
        )

    def _claim_batch(self) -> PythonFunction:
        settings = self._blueprint.settings
        # A round of a run is two jobs, each at most as long as its timeout.
        lease_seconds = 2 * settings.glue.timeout_minutes * 60 + SPARE_SECONDS
        part = self._function(
            "claim_batch",
            "Takes a dataset's lock and its waiting files, and writes the manifest of the run",
            {
                "FILE_LEDGER": self._storage.file_ledger.table_name,
                "RUN_LEDGER": self._storage.run_ledger.table_name,
                "RAW_BUCKET": self._storage.raw.bucket_name,
                "PROCESSED_BUCKET": self._storage.processed.bucket_name,
                "MAX_FILES_PER_RUN": str(settings.runs.max_files_per_run),
                "CLAIM_LEASE_SECONDS": str(lease_seconds),
            },
            timeout=120,
        )
        self._allow_ledgers(part.role)
        self._allow_runs(part.role, write=True)
        return part

    def _gate(self) -> PythonFunction:
        part = self._function(
            "gate",
            "Refuses to go on unless rows and money add up",
            {"PROCESSED_BUCKET": self._storage.processed.bucket_name},
            timeout=60,
        )
        self._allow_runs(part.role, write=False)
        return part

    def _close_run(self, alerts: AlertsStack) -> PythonFunction:
        part = self._function(
            "close_run",
            "Closes both ledgers, releases the lock and announces success",
            {
                "FILE_LEDGER": self._storage.file_ledger.table_name,
                "RUN_LEDGER": self._storage.run_ledger.table_name,
                "PROCESSED_BUCKET": self._storage.processed.bucket_name,
                "RUN_SUCCEEDED_TOPIC_ARN": alerts.run_succeeded.topic_arn,
            },
            timeout=120,
        )
        self._allow_ledgers(part.role)
        self._allow_runs(part.role, write=False)
        permissions.allow(part.role, actions=["sns:Publish"], resources=[alerts.run_succeeded.topic_arn])
        permissions.allow_key(part.role, key=self._storage.operations_key, services=["sns"], write=True)
        return part

    def _fail_run(self, alerts: AlertsStack) -> PythonFunction:
        part = self._function(
            "fail_run",
            "Gives the files back, releases the lock and alerts with the cause",
            {
                "FILE_LEDGER": self._storage.file_ledger.table_name,
                "RUN_LEDGER": self._storage.run_ledger.table_name,
                "RUN_FAILED_TOPIC_ARN": alerts.run_failed.topic_arn,
            },
            timeout=120,
        )
        self._allow_ledgers(part.role)
        permissions.allow(part.role, actions=["sns:Publish"], resources=[alerts.run_failed.topic_arn])
        permissions.allow_key(part.role, key=self._storage.operations_key, services=["sns"], write=True)
        return part

    def _allow_ledgers(self, role: iam.Role) -> None:
        actions = ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "ConditionCheckItem"]
        permissions.allow_table(role, table=self._storage.file_ledger, actions=actions, index=LEDGER_INDEX)
        permissions.allow_table(role, table=self._storage.run_ledger, actions=actions)
        permissions.allow_key(role, key=self._storage.data_key, services=["dynamodb"], write=True)

    def _allow_runs(self, role: iam.Role, *, write: bool) -> None:
        bucket, prefixes = self._storage.processed, [naming.RUNS_PREFIX]
        permissions.allow_s3_read(role, bucket=bucket, prefixes=prefixes)
        permissions.allow_s3_list(role, bucket=bucket)
        if write:
            permissions.allow_s3_write(role, bucket=bucket, prefixes=prefixes)
        permissions.allow_key(role, key=self._storage.data_key, services=["s3"], write=write)

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
