"""Who is told what: one topic per kind of message, so that everybody subscribes only to what they act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from contracts.model import Contract
from stacks.base import Blueprint, PipelineStack
from stacks.constructs.announcing import Announcing
from stacks.storage import StorageStack

Filter = Mapping[str, sns.SubscriptionFilter]  # a message passes if every attribute does

# Who is told only of what needs a look. Source: SNS developer guide, "Message filtering", attributes.
NEEDS_A_LOOK = sns.SubscriptionFilter.string_filter(allowlist=["warning", "error"])


class AlertsStack(PipelineStack):
    """Encrypted topics with their e-mail subscriptions, and what publishes to them."""

    def __init__(self, scope: Construct, *, blueprint: Blueprint, storage: StorageStack) -> None:
        super().__init__(
            scope, "Alerts", blueprint=blueprint, description="topics, subscriptions, what is told"
        )
        self.key = storage.operations_key
        people = blueprint.settings.alerts
        owners = {
            email: _only(datasets) for email, datasets in owners_of(blueprint.contracts).items()
        }
        look = {"severity": NEEDS_A_LOOK}
        warned = {
            **dict.fromkeys(people.quality_warning, look),
            **{email: {**owners[email], **look} for email in owners},
        }
        self.file_rejected = self._topic(
            "FileRejected", "Slipway: file rejected", people.file_rejected, owners
        )
        self.file_arrived = self._topic(
            "FileArrived", "Slipway: file arrived", people.file_arrived, {}
        )
        self.run_succeeded = self._topic(
            "RunSucceeded", "Slipway: run succeeded", people.run_succeeded, warned
        )
        self.run_failed = self._topic("RunFailed", "Slipway: run failed", people.run_failed, owners)
        self.run_stage = self._topic("RunStage", "Slipway: run on its way", people.run_stage, {})
        self.alarms = self._topic("Alarms", "Slipway: alarm", people.alarms, {})
        self._let_alarms_publish(self.alarms)
        parts = Announcing(
            scope=self,
            blueprint=blueprint,
            data_key=storage.data_key,
            operations_key=storage.operations_key,
            file_ledger=storage.file_ledger,
        )
        self.bursts = parts.bursts()
        self.announce = parts.machine(parts.compose_digest(self.bursts), self._by_substitution())
        self.publish(
            FileArrivedTopicArn=self.file_arrived.topic_arn,
            FileRejectedTopicArn=self.file_rejected.topic_arn,
            RunSucceededTopicArn=self.run_succeeded.topic_arn,
            RunFailedTopicArn=self.run_failed.topic_arn,
            RunStageTopicArn=self.run_stage.topic_arn,
            AlarmsTopicArn=self.alarms.topic_arn,
            AnnounceStateMachineArn=self.announce.arn,
        )

    def _by_substitution(self) -> dict[str, sns.Topic]:
        return {
            "FailedTopicArn": self.run_failed,
            "SuccessTopicArn": self.run_succeeded,
            "StageTopicArn": self.run_stage,
            "RejectedTopicArn": self.file_rejected,
            "ArrivedTopicArn": self.file_arrived,
        }

    def _topic(
        self,
        construct_id: str,
        display_name: str,
        emails: Sequence[str],
        filtered: Mapping[str, Filter],
    ) -> sns.Topic:
        """A topic that tells `emails` everything, and others what passes their filter."""
        topic = sns.Topic(
            self, construct_id, display_name=display_name, master_key=self.key, enforce_ssl=True
        )
        for email in emails:
            topic.add_subscription(subscriptions.EmailSubscription(email))
        for email, policy in filtered.items():
            if (
                email not in emails
            ):  # SNS refuses a second subscription of one address with another filter
                topic.add_subscription(subscriptions.EmailSubscription(email, filter_policy=policy))
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


def _only(datasets: Sequence[str]) -> Filter:
    return {"dataset": sns.SubscriptionFilter.string_filter(allowlist=list(datasets))}
