"""Schedules of EventBridge Scheduler: each starts a machine at its times, under one role of the stack."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs import permissions
from stacks.constructs.dataset_machine import DatasetMachine

LONGEST_RETRY_SECONDS, RETRIES = 60 * 60, 10
Target = scheduler.CfnSchedule.TargetProperty
Window = scheduler.CfnSchedule.FlexibleTimeWindowProperty


@dataclass(frozen=True, kw_only=True)
class Start:
    """A machine that begins by itself: when, with which request, and within how many minutes (0: at once).

    `expression` is cron(...) or rate(...), in UTC.
    """

    scope: Construct
    construct_id: str
    description: str
    expression: str
    machine: DatasetMachine
    request: Mapping[str, object]
    window_minutes: int = 0


def schedule(
    stack: Stack, starts: Sequence[Start], *, undelivered: sqs.IQueue, role_description: str
) -> None:
    """Make the schedules, if there are any; what cannot be started is kept in `undelivered`."""
    if not starts:
        return
    role = _role(stack, starts, undelivered, role_description)
    for start in starts:
        minutes = start.window_minutes
        made = scheduler.CfnSchedule(
            start.scope,
            start.construct_id,
            description=start.description,
            schedule_expression=start.expression,
            schedule_expression_timezone="UTC",
            flexible_time_window=Window(mode="FLEXIBLE", maximum_window_in_minutes=minutes)
            if minutes
            else Window(mode="OFF"),
            target=_target(start, role, undelivered),
        )
        made.node.add_dependency(role, start.machine)


def _role(
    stack: Stack, starts: Sequence[Start], undelivered: sqs.IQueue, description: str
) -> iam.Role:
    # Scheduler names the group of a schedule, not the schedule.
    # Source: EventBridge Scheduler user guide, "Confused deputy prevention".
    group = stack.format_arn(
        service="scheduler", resource="schedule-group", resource_name="default"
    )
    role = iam.Role(
        stack,
        "ScheduleRole",
        assumed_by=permissions.service_for(stack, "scheduler", source=group),
        description=description,
    )
    machines = sorted({start.machine.node.path: start.machine.arn for start in starts}.items())
    permissions.allow(
        role,
        actions=["states:StartExecution"],
        resources=[arn for _, arn in machines],
        rarely_used="used when the time of a schedule has come",
    )
    permissions.allow(
        role,
        actions=["sqs:SendMessage"],
        resources=[undelivered.queue_arn],
        rarely_used="keeps a start that could not be delivered",
    )
    return role


def _target(start: Start, role: iam.Role, undelivered: sqs.IQueue) -> Target:
    return Target(
        arn=start.machine.arn,
        role_arn=role.role_arn,
        input=json.dumps(start.request),
        dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(
            arn=undelivered.queue_arn
        ),
        retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
            maximum_event_age_in_seconds=LONGEST_RETRY_SECONDS, maximum_retry_attempts=RETRIES
        ),
    )
