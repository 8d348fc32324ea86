"""Alarms on what must not stay unnoticed, and one dashboard: dead letters, failed runs and jobs, stale data."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from constructs import Construct

from stacks.alerts import AlertsStack
from stacks.base import Blueprint, PipelineStack
from stacks.intake import IntakeStack
from stacks.orchestration import OrchestrationStack


class MonitoringStack(PipelineStack):
    """Alarms and dashboard."""

    def __init__(
        self,
        scope: Construct,
        *,
        blueprint: Blueprint,
        alerts: AlertsStack,
        orchestration: OrchestrationStack,
        intake: IntakeStack,
    ) -> None:
        super().__init__(scope, "Monitoring", blueprint=blueprint, description="alarms and dashboard")
        self._action = actions.SnsAction(alerts.alarms)
        failed_runs = orchestration.machine.metric_failed(period=Duration.minutes(5))
        dead_letters = intake.dead_letters.metric_approximate_number_of_messages_visible(period=Duration.minutes(5))
        self._alarm("DeadLetters", dead_letters, "Files that intake could not handle wait in the dead-letter queue")
        self._alarm("FailedRuns", failed_runs, "A run failed; the run-failed message names the cause and next step")

    def _alarm(self, construct_id: str, metric: cloudwatch.IMetric, description: str) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            metric=metric,
            alarm_description=description,
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(self._action)
        return alarm
