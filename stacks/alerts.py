"""Who is told what: one topic per kind of message, so that everybody subscribes only to what they act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from contracts.model import Contract
from stacks.base import Blueprint, PipelineStack


class AlertsStack(PipelineStack):
    """Encrypted topics with their e-mail subscriptions."""

    def __init__(self, scope: Construct, *, blueprint: Blueprint, key: kms.Key) -> None:
        super().__init__(scope, "Alerts", blueprint=blueprint, description="topics and subscriptions")
        self.key = key
        people = blueprint.settings.alerts
        owners = owners_of(blueprint.contracts)
        self.file_rejected = self._topic("FileRejected", "Slipway: file rejected", people.file_rejected, owners)
        self.run_succeeded = self._topic("RunSucceeded", "Slipway: run succeeded", people.run_succeeded)
        self.run_failed = self._topic("RunFailed", "Slipway: run failed", people.run_failed, owners)
        self.alarms = self._topic("Alarms", "Slipway: alarm", people.alarms)
        self._let_alarms_publish(self.alarms)
        self.publish(
            FileRejectedTopicArn=self.file_rejected.topic_arn,
            RunSucceededTopicArn=self.run_succeeded.topic_arn,
            RunFailedTopicArn=self.run_failed.topic_arn,
            AlarmsTopicArn=self.alarms.topic_arn,
        )

    def _topic(
        self,
        construct_id: str,
        display_name: str,
        emails: Sequence[str],
        owners: Mapping[str, Sequence[str]] | None = None,
    ) -> sns.Topic:
        """A topic that tells `emails` everything, and owners of datasets what concerns theirs."""
        topic = sns.Topic(self, construct_id, display_name=display_name, master_key=self.key, enforce_ssl=True)
        for email in emails:
            topic.add_subscription(subscriptions.EmailSubscription(email))
        for email, datasets in (owners or {}).items():
            if email not in emails:  # SNS refuses a second subscription of one address with another filter
                only = sns.SubscriptionFilter.string_filter(allowlist=list(datasets))
                topic.add_subscription(subscriptions.EmailSubscription(email, filter_policy={"dataset": only}))
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


def owners_of(contracts: Sequence[Contract]) -> dict[str, list[str]]:
    """Datasets by the address that their contract names for alerts."""
    owners: dict[str, list[str]] = {}
    for contract in contracts:
        if contract.alert_email:
            owners.setdefault(contract.alert_email, []).append(contract.dataset)
    return owners
