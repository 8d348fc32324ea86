"""Rules of EventBridge: the role that they act under, and one that starts a machine after tables have changed."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs

from stacks.constructs import permissions
from stacks.constructs.dataset_machine import DatasetMachine

STATUS_CHANGE = "Step Functions Execution Status Change"
LONGEST_RETRY = Duration.hours(6)
RETRIES = 20


def role_of_rules(stack: Stack, name: str, description: str) -> iam.Role:
    """A role that only rules of this stack may take."""
    # By prefix: the rule needs the role first. CloudFormation begins the names of rules with that of their stack.
    # Source: EventBridge user guide, "Cross-service confused deputy prevention".
    rules = stack.format_arn(
        service="events", resource="rule", resource_name=f"{stack.stack_name}-*"
    )
    principal = permissions.service_for(stack, "events", source=rules)
    return iam.Role(stack, name, assumed_by=principal, description=description)


def start_after(
    stack: Stack,
    name: str,
    *,
    changing: Sequence[DatasetMachine],
    machine: DatasetMachine,
    undelivered: sqs.IQueue,
    description: str,
    role_description: str,
) -> None:
    """Start `machine` with the event after each execution of `changing` that ended well.

    Whoever changes tables knows nothing of it, so a run never waits for what follows from it.
    """
    rule = events.Rule(
        stack,
        name,
        description=description,
        event_pattern=events.EventPattern(
            source=["aws.states"],
            detail_type=[STATUS_CHANGE],
            detail={
                "status": ["SUCCEEDED"],
                "stateMachineArn": [each.arn for each in changing],
            },
        ),
    )
    rule.node.add_dependency(machine)
    role = role_of_rules(stack, f"{name}Role", role_description)
    permissions.allow(role, actions=["states:StartExecution"], resources=[machine.arn])
    rule.add_target(
        targets.SfnStateMachine(
            machine.machine,
            role=role.without_policy_updates(),
            dead_letter_queue=undelivered,
            max_event_age=LONGEST_RETRY,
            retry_attempts=RETRIES,
        )
    )
