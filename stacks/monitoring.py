"""Alarms on what must not stay unnoticed, and one dashboard.

Alarmed are dead letters, lost events, failed and stopped executions, failed jobs, files that intake cannot take, and
stale data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_transfer as transfer
from constructs import Construct

from contracts import naming
from contracts.model import Contract
from stacks.alerts import AlertsStack
from stacks.base import Blueprint, PipelineStack
from stacks.constructs import permissions
from stacks.constructs.dataset_machine import DatasetMachine
from stacks.constructs.dead_letters import dead_letter_queue, keep_failed_invocations
from stacks.constructs.emr_engine import EmrEngine
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.rules import role_of_rules
from stacks.cost_guards import guard_costs
from stacks.database_rest import DatabaseRest
from stacks.forecast_training import ForecastTrainingStack
from stacks.intake import IntakeStack
from stacks.marts import MartsStack
from stacks.orchestration import OrchestrationStack
from stacks.processing import ProcessingStack
from stacks.sources import SourcesStack
from stacks.storage import StorageStack

NAMESPACE = "Slipway"
RUN_SUCCEEDED = "run closed"  # the message of the line that close_run logs last, with its dataset
# The messages of the lines that intake logs for a file that it hands back to its queue.
NOT_TAKEN = ("file not taken; the message comes again", "run not started; the messages come again")
AGE = "AgeHours"  # the metric that measure_freshness writes; contracts may allow more than an alarm can look back
AWAKE_FOR_NOBODY = (
    "the database is awake and nobody holds it"  # the message of a line of rest_database
)
FIVE_MINUTES = Duration.minutes(5)
HALF_AN_HOUR = Duration.minutes(30)  # two sweeps of the internal database
LASTING = 3  # periods of five minutes in a row: what passes by itself wakes nobody
FAILED_LOGINS = 5  # in an hour; one is a person who tries an old key
OLDEST_LANDED_SECONDS = (
    30 * 60
)  # in a sound deployment a message waits for minutes, even in a burst of large files


class MonitoringStack(PipelineStack):
    """Alarms and dashboard."""

    def __init__(
        self,
        scope: Construct,
        *,
        blueprint: Blueprint,
        storage: StorageStack,
        alerts: AlertsStack,
        processing: ProcessingStack,
        orchestration: OrchestrationStack,
        intake: IntakeStack,
        sources: SourcesStack | None,
        marts: MartsStack | None,
        training: ForecastTrainingStack | None,
        database_rest: DatabaseRest | None,
        refreshes: Mapping[str, DatasetMachine],
    ) -> None:
        super().__init__(
            scope, "Monitoring", blueprint=blueprint, description="alarms and dashboard"
        )
        self._blueprint, self._environment = blueprint, blueprint.settings.environment
        self._alerts = alerts
        self._action = actions.SnsAction(alerts.alarms)
        self.dead_letters: dict[str, sqs.Queue] = {}
        guard_costs(self, blueprint.settings)
        self._failed_executions(orchestration, marts, training, refreshes)
        self._failed_intake(intake)
        if sources:
            self._failed_fetches(sources)
        if database_rest:
            self._restless_database(database_rest)
        named = {
            "Sources": sources,
            "Marts": marts,
            "Training": training,
            "RestDatabase": database_rest,
        }
        self._dead_letters({name: stack.undelivered for name, stack in named.items() if stack})
        self._failed_work(processing)
        self._count_successes(orchestration.close_run.log_group)
        self.measure_freshness = self._measure_freshness(blueprint, storage)
        self._dead_letters(
            {"Intake": intake.dead_letters, **orchestration.dead_letters, **self.dead_letters}
        )
        for stack in (intake, orchestration, *filter(None, (marts, training)), self):
            self._lost_events(stack)
        if database_rest:
            self._lost_events(database_rest.stack)
        for contract in blueprint.contracts:
            self._stale_data(contract)
        if blueprint.settings.features.dashboard:
            self._dashboard(blueprint, orchestration, intake)
        self.publish(
            MeasureFreshnessFunctionName=self.measure_freshness.function.function_name,
            **{
                f"{name}DeadLetterQueueUrl": queue.queue_url
                for name, queue in self.dead_letters.items()
            },
        )

    def _failed_intake(self, intake: IntakeStack) -> None:
        self._files_not_taken(intake)
        if intake.sftp_log:
            partners = [user.name for user in self._blueprint.settings.sftp.users]
            self._failed_logins(intake.sftp_log, partners)

    def _failed_work(self, processing: ProcessingStack) -> None:
        """Of Spark, on Glue and on EMR Serverless."""
        publisher, kept = self._publisher(), self._keep("FailedJobs")
        self._failed_jobs([job.name for job in processing.jobs], publisher, kept)
        if processing.emr:
            self._failed_emr_jobs(processing.emr, publisher, kept)

    def _alarm(
        self,
        construct_id: str,
        metric: cloudwatch.IMetric,
        description: str,
        *,
        threshold: int = 1,
        periods: int = 1,
    ) -> None:
        """An alarm when each of the last `periods` values is `threshold` or more; no value is none."""
        cloudwatch.Alarm(
            self,
            construct_id,
            metric=metric,
            alarm_description=description,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        ).add_alarm_action(self._action)

    def _failed_executions(
        self,
        orchestration: OrchestrationStack,
        marts: MartsStack | None,
        training: ForecastTrainingStack | None,
        refreshes: Mapping[str, DatasetMachine],
    ) -> None:
        kinds = {
            "Runs": (orchestration.run, "A run", "`slipway runs list` shows it"),
            "Care": (
                orchestration.care,
                "Maintenance, rollback or erasure",
                "`slipway runs list` shows it",
            ),
            "Announcements": (
                self._alerts.announce,
                "A message about a run or files",
                "the input of the execution holds it; a redrive of the execution sends it",
            ),
        }
        if marts:
            kinds["Marts"] = (marts.machine, "A run of a mart", "`slipway mart list` shows it")
        if training:  # one that was stopped or took too long comes to no step that could tell
            kinds["Trainings"] = (
                training.machine,
                "A training of a model of forecasts",
                "the forecast of the last run stays; `slipway forecast train` trains now",
            )
        # No run waits for these, and one that was stopped or took too long comes to no step that could warn.
        for name, machine in refreshes.items():
            where = "the next run of the dataset refreshes them again"
            kinds[name.capitalize()] = (machine, f"A refresh of {name}", where)
        for name, (part, what, where) in kinds.items():
            self._alarm(
                f"Failed{name}",
                part.machine.metric_failed(period=FIVE_MINUTES),
                f"{what} failed: {where}",
            )
            self._alarm(
                f"TimedOut{name}",
                part.machine.metric_timed_out(period=FIVE_MINUTES),
                f"{what} took longer than the state machine allows and was ended: {where}",
            )
            self._alarm(
                f"Aborted{name}",
                part.machine.metric_aborted(period=FIVE_MINUTES),
                f"{what} was stopped from outside: {where}",
            )

    def _failed_fetches(self, sources: SourcesStack) -> None:
        """A failed fetch is told by a message with its cause; the alarm is for what could not tell."""
        for each in sources.fetched:
            name = naming.source_output(each.source.name, "")
            where = f"`slipway source show {each.source.name}` shows it"
            self._alarm(
                f"Failed{name}",
                each.machine.machine.metric_failed(period=FIVE_MINUTES),
                f"Source {each.source.name} could not be fetched: {where}",
            )
            self._alarm(
                f"TimedOut{name}",
                each.machine.machine.metric_timed_out(period=FIVE_MINUTES),
                f"Fetching source {each.source.name} took longer than two days and was ended: {where}",
            )
            self._alarm(
                f"Aborted{name}",
                each.machine.machine.metric_aborted(period=FIVE_MINUTES),
                f"Fetching source {each.source.name} was stopped from outside: {where}",
            )

    def _restless_database(self, rest: DatabaseRest) -> None:
        """One sweep that finds it awake for nobody puts it to sleep; two half hours in a row mean that this fails."""
        self._count_lines("DatabaseAwake", rest.part.log_group, f'$.message = "{AWAKE_FOR_NOBODY}"')
        self._alarm(
            "DatabaseAwake",
            cloudwatch.Metric(
                namespace=NAMESPACE,
                metric_name=f"DatabaseAwake-{self._environment}",
                statistic="Sum",
                period=HALF_AN_HOUR,
            ),
            "The internal database has been awake for an hour although no run needs it, and costs by the hour",
            periods=2,
        )
        self._alarm(
            "FailedSweeps",
            rest.part.function.metric_errors(period=HALF_AN_HOUR),
            "The function that starts and stops the internal database has failed for an hour",
            periods=2,
        )

    def _files_not_taken(self, intake: IntakeStack) -> None:
        """What fails in a batch is no error of the function, so its lines are counted, too."""
        part, function = intake.function, intake.function.function
        self._count_lines(
            "FilesNotTaken",
            part.log_group,
            " || ".join(f'($.message = "{line}")' for line in NOT_TAKEN),
        )
        self._alarm(
            "FilesNotTaken",
            cloudwatch.Metric(
                namespace=NAMESPACE,
                metric_name=f"FilesNotTaken-{self._environment}",
                statistic="Sum",
                period=FIVE_MINUTES,
            ),
            "Intake has failed to take a file for a quarter of an hour; it goes on trying",
            periods=LASTING,
        )
        # The metric leaves out a message that was received three times or more, which FilesNotTaken tells of.
        # Source: SQS developer guide, "Available CloudWatch metrics for Amazon SQS".
        self._alarm(
            "IntakeWaits",
            intake.queue.metric_approximate_age_of_oldest_message(
                period=FIVE_MINUTES, statistic="Maximum"
            ),
            f"A landed file has waited for intake for more than {OLDEST_LANDED_SECONDS // 60} minutes",
            threshold=OLDEST_LANDED_SECONDS,
        )
        self._alarm(
            "IntakeErrors",
            function.metric_errors(period=FIVE_MINUTES),
            "The intake function ended with an error or at its time limit; its files come again after 11 minutes",
        )
        self._alarm(
            "IntakeThrottles",
            function.metric_throttles(period=FIVE_MINUTES),
            "Lambda has had no capacity for intake for a quarter of an hour; files wait",
            periods=LASTING,
        )

    def _failed_logins(self, log_group: logs.ILogGroup, partners: Sequence[str]) -> None:
        """Of partners only: to a server that the internet reaches, strangers knock all day.

        Source: Transfer Family user guide, "CloudWatch log structure for Transfer Family", JSON structured logs.
        """
        names = " || ".join(f'($.user = "{name}")' for name in partners)
        self._count_lines(
            "FailedLogins", log_group, f'($.activity-type = "AUTH_FAILURE") && ({names})'
        )
        self._alarm(
            "FailedLogins",
            cloudwatch.Metric(
                namespace=NAMESPACE,
                metric_name=f"FailedLogins-{self._environment}",
                statistic="Sum",
                period=Duration.hours(1),
            ),
            "SFTP logins in the name of a partner failed",
            threshold=FAILED_LOGINS,
        )

    def _dead_letters(self, queues: Mapping[str, sqs.Queue]) -> None:
        for name, queue in queues.items():
            self._alarm(
                f"{name}DeadLetters",
                queue.metric_approximate_number_of_messages_visible(
                    period=FIVE_MINUTES, statistic="Maximum"
                ),
                f"Messages that {name} could not handle wait; redrive them once the cause is gone",
            )

    def _lost_events(self, stack: PipelineStack) -> None:
        """What a rule cannot deliver lies in a queue that has an alarm; this is for what the queue did not take either.

        Source: EventBridge user guide, "Monitoring Amazon EventBridge"; by rule, as there is no sum over all.
        """
        part = stack.stack_name.rpartition("-")[2]
        for rule in stack.node.find_all():
            if isinstance(rule, events.Rule):
                self._alarm(
                    f"Lost{part}{rule.node.id}",
                    cloudwatch.Metric(
                        namespace="AWS/Events",
                        metric_name="InvocationsFailedToBeSentToDlq",
                        dimensions_map={"RuleName": rule.rule_name},
                        statistic="Sum",
                        period=FIVE_MINUTES,
                    ),
                    f"Rule {rule.node.id} of stack {part} could neither deliver an event nor keep it in its queue",
                )

    def _failed_jobs(self, job_names: list[str], publisher: iam.Role, kept: sqs.Queue) -> None:
        """Glue has no metric for a job that failed, only an event; it is sent on as a readable message."""
        rule = events.Rule(
            self,
            "FailedJobs",
            description="A Spark job of the pipeline failed or was stopped by its timeout",
            event_pattern=events.EventPattern(
                source=["aws.glue"],
                detail_type=["Glue Job State Change"],
                detail={"jobName": job_names, "state": ["FAILED", "TIMEOUT", "ERROR"]},
            ),
        )
        field = events.EventField.from_path
        text = (
            f"Slipway {self._environment}: job {field('$.detail.jobName')} ended as {field('$.detail.state')}: "
            f"{field('$.detail.message')}. Its log stream begins with {field('$.detail.jobRunId')}."
        )
        rule.add_target(self._as_alarm(text, publisher, kept))

    def _failed_emr_jobs(self, engine: EmrEngine, publisher: iam.Role, kept: sqs.Queue) -> None:
        """As for Glue. The event has no name of the job and no reason: both are in the job run.

        A job run that takes too long is cancelled, and so is one whose execution is stopped.
        Source: EMR Serverless user guide, "Automating EMR Serverless with Amazon EventBridge", "Job run states".
        """
        rule = events.Rule(
            self,
            "FailedEmrJobs",
            description="A job run of the pipeline on EMR Serverless failed, was stopped or took too long",
            event_pattern=events.EventPattern(
                source=["aws.emr-serverless"],
                detail_type=["EMR Serverless Job Run State Change"],
                detail={
                    "applicationId": [engine.application.attr_application_id],
                    "state": ["FAILED", "CANCELLED"],
                },
            ),
        )
        field = events.EventField.from_path
        text = (
            f"Slipway {self._environment}: job run {field('$.detail.jobRunId')} on EMR Serverless ended as"
            f" {field('$.detail.state')}. Its reason and its logs are below that id in application"
            f" {field('$.detail.applicationId')}."
        )
        rule.add_target(self._as_alarm(text, publisher, kept))

    def _as_alarm(self, text: str, publisher: iam.Role, kept: sqs.Queue) -> targets.SnsTopic:
        return targets.SnsTopic(
            self._alerts.alarms,
            message=events.RuleTargetInput.from_text(text),
            # A role, because the policies of topic and key could not be limited to these rules: EventBridge sends no
            # source with its requests. Source: EventBridge user guide, "Amazon SNS permissions".
            authorize_using_role=True,
            role=publisher.without_policy_updates(),
            dead_letter_queue=kept,
        )

    def _publisher(self) -> iam.Role:
        role = role_of_rules(self, "FailedJobsRole", "Lets the rule for failed jobs publish alarms")
        permissions.allow(
            role,
            actions=["sns:Publish"],
            resources=[self._alerts.alarms.topic_arn],
            rarely_used="tells of a Spark job that failed",
        )
        permissions.allow_key(role, key=self._alerts.key, services=["sns"], write=True)
        return role

    def _count_successes(self, log_group: logs.ILogGroup) -> None:
        by_dataset = [logs.CfnMetricFilter.DimensionProperty(key="Dataset", value="$.dataset")]
        self._count_lines("RunsSucceeded", log_group, f'$.message = "{RUN_SUCCEEDED}"', by_dataset)

    def _count_lines(
        self,
        name: str,
        log_group: logs.ILogGroup,
        condition: str,
        dimensions: list[logs.CfnMetricFilter.DimensionProperty] | None = None,
    ) -> None:
        """The metric `<name>-<environment>`: how many lines of a function meet `condition`."""
        logs.CfnMetricFilter(
            self,
            f"{name}Lines",
            log_group_name=log_group.log_group_name,
            filter_pattern=f"{{ {condition} }}",
            metric_transformations=[
                logs.CfnMetricFilter.MetricTransformationProperty(
                    metric_namespace=NAMESPACE,
                    metric_name=f"{name}-{self._environment}",
                    metric_value="1",
                    dimensions=dimensions,
                )
            ],
        )

    def _measure_freshness(self, blueprint: Blueprint, storage: StorageStack) -> PythonFunction:
        """An alarm looks back seven days at most, a contract may allow a month: so the age itself is the metric.

        Source: CloudWatch API reference, PutMetricAlarm, Period.
        """
        part = PythonFunction(
            self,
            "MeasureFreshness",
            root=blueprint.root,
            name="measure_freshness",
            description="Writes how old each dataset is as a metric",
            environment={
                "ENVIRONMENT": self._environment,
                "RUN_LEDGER": storage.run_ledger.table_name,
            },
            timeout_seconds=60,
            memory_mb=512,  # Lambda gives processor time by memory; less makes the start of boto3 slow
            log_days=blueprint.log_days,
            log_key=storage.operations_key,
            removal_policy=blueprint.removal_policy,
        )
        actions = ["Query", "GetItem", "PutItem"]
        permissions.allow_table(part.role, table=storage.run_ledger, actions=actions)
        hourly = {f"dynamodb:{action}": "once an hour, beside all runs" for action in actions}
        permissions.note_rarely_used(part.role, hourly)
        permissions.allow_key(part.role, key=storage.data_key, services=["dynamodb"], write=True)
        rule = events.Rule(
            self,
            "EveryHour",
            description="Measures how old each dataset is",
            schedule=events.Schedule.rate(Duration.hours(1)),
        )
        # The next hour measures again; a lasting failure is told by the alarms Stale, which then have no data.
        undelivered = self._keep("MeasureFreshness")
        keep_failed_invocations(part, undelivered)
        rule.add_target(
            targets.LambdaFunction(
                part.function,
                dead_letter_queue=undelivered,
                max_event_age=Duration.minutes(30),
                retry_attempts=5,
            )
        )
        return part

    def _keep(self, name: str) -> sqs.Queue:
        self.dead_letters[name] = dead_letter_queue(self, f"{name}Undelivered")
        return self.dead_letters[name]

    def _stale_data(self, contract: Contract) -> None:
        """The data is older than the contract allows, twice in a row; or its age is no longer measured.

        A new alarm has insufficient data: that is its first state, no change of state, and so nobody is told until
        an age has been measured. Were missing data breaching, each first deployment would begin with this alarm.
        Source: CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data", "Alarm actions".
        """
        alarm = cloudwatch.Alarm(
            self,
            "Stale" + contract.dataset.title().replace("_", ""),
            metric=self._age(contract.dataset),
            alarm_description=f"{contract.dataset} was not loaded for more than {contract.freshness_hours} hours"
            " on days with files",
            threshold=contract.freshness_hours,
            evaluation_periods=2,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.MISSING,
        )
        alarm.add_alarm_action(self._action)
        alarm.add_insufficient_data_action(self._action)

    def _age(self, dataset: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=AGE,
            dimensions_map={"Environment": self._environment, "Dataset": dataset},
            statistic="Maximum",
            period=Duration.hours(1),
        )

    def _dashboard(
        self, blueprint: Blueprint, orchestration: OrchestrationStack, intake: IntakeStack
    ) -> None:
        machine, care, function = (
            orchestration.run.machine,
            orchestration.care.machine,
            intake.function.function,
        )
        dashboard = cloudwatch.Dashboard(
            self, "Dashboard", dashboard_name=f"Slipway-{self._environment.capitalize()}"
        )
        dashboard.add_widgets(
            self._graph(
                "Runs",
                [machine.metric_started(), machine.metric_succeeded(), machine.metric_failed()],
            ),
            self._graph(
                "Care of tables",
                [care.metric_started(), care.metric_succeeded(), care.metric_failed()],
            ),
        )
        dashboard.add_widgets(
            self._graph(
                "Longest run and care",
                [m.metric_time(statistic="Maximum") for m in (machine, care)],
            ),
        )
        dashboard.add_widgets(
            self._graph(
                "Files waiting for intake, and dead letters",
                [
                    intake.queue.metric_approximate_number_of_messages_visible(),
                    intake.dead_letters.metric_approximate_number_of_messages_visible(),
                ],
            ),
            self._graph("Intake", [function.metric_invocations(), function.metric_errors()]),
        )
        dashboard.add_widgets(
            *self._sftp(intake.server),
            self._graph(
                "Hours since the last load, by dataset",
                [self._age(c.dataset) for c in blueprint.contracts],
            ),
            self._graph(
                "Successful runs by dataset",
                [self._successes(c.dataset) for c in blueprint.contracts],
            ),
        )

    def _graph(self, title: str, metrics: list[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
        return cloudwatch.GraphWidget(title=title, left=metrics, width=12)

    def _sftp(self, server: transfer.CfnServer | None) -> list[cloudwatch.GraphWidget]:
        if server is None:
            return []
        files_in = cloudwatch.Metric(
            namespace="AWS/Transfer",
            metric_name="FilesIn",
            dimensions_map={"ServerId": server.attr_server_id},
            statistic="Sum",
        )
        return [self._graph("SFTP: files in", [files_in])]

    def _successes(self, dataset: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=f"RunsSucceeded-{self._environment}",
            dimensions_map={"Dataset": dataset},
            statistic="Sum",
            period=Duration.hours(1),
        )
