"""Who is told what: one topic per kind of message, so that everybody subscribes only to what they act on."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks.base import Blueprint, PipelineStack


class AlertsStack(PipelineStack):
    """Encrypted topics with their e-mail subscriptions."""

    def __init__(self, scope: Construct, *, blueprint: Blueprint, key: kms.Key) -> None:
        super().__init__(scope, "Alerts", blueprint=blueprint, description="topics and subscriptions")
        self._key = key
        people = blueprint.settings.alerts
        self.file_rejected = self._topic("FileRejected", "Slipway: file rejected", people.file_rejected)
        self.run_succeeded = self._topic("RunSucceeded", "Slipway: run succeeded", people.run_succeeded)
        self.run_failed = self._topic("RunFailed", "Slipway: run failed", people.run_failed)
        self.alarms = self._topic("Alarms", "Slipway: alarm", people.alarms)
        self._let_alarms_publish(self.alarms)
        self.publish(
            FileRejectedTopicArn=self.file_rejected.topic_arn,
            RunSucceededTopicArn=self.run_succeeded.topic_arn,
            RunFailedTopicArn=self.run_failed.topic_arn,
            AlarmsTopicArn=self.alarms.topic_arn,
        )

    def _topic(self, construct_id: str, display_name: str, emails: Sequence[str]) -> sns.Topic:
        topic = sns.Topic(self, construct_id, display_name=display_name, master_key=self._key, enforce_ssl=True)
        for email in emails:
            topic.add_subscription(subscriptions.EmailSubscription(email))
        return topic

    def _let_alarms_publish(self, topic: sns.Topic) -> None:
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
