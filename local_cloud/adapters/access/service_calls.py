"""What an AWS service does in its own name: allowed only by the policy of the resource that it reaches.

A service principal has no identity policy. So EventBridge needs the queue's policy, the function's permission or the
topic's policy, and whoever assumes a role needs its trust policy. The emulator makes most of these calls unasked.
Source: IAM user guide, "Policy evaluation logic" and "AWS JSON policy elements: Principal", service principals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local_cloud.instruments import records
from local_cloud.patching import original
from local_cloud.settings import ACCOUNT, REGION

EVALUATOR = "ministack.core.iam_evaluator"
ASSUME = "sts:AssumeRole"
EVENTS, SCHEDULER = "events.amazonaws.com", "scheduler.amazonaws.com"
Policy = str | dict[str, Any] | None
# Which services say for whom they come (aws:SourceAccount, aws:SourceArn), so that a condition on either can hold.
# Any other sends neither here: a condition that AWS might not meet must not be met offline.
SENDS_SOURCE = {
    "cloudtrail.amazonaws.com": "the trail. CloudTrail user guide, S3 bucket policy and KMS key policy for CloudTrail",
    "cloudwatch.amazonaws.com": "the alarm. CloudWatch user guide, alarms and encrypted topics",
    "emr-serverless.amazonaws.com": "the application. EMR Serverless user guide, job runtime roles, trust policy",
    "events.amazonaws.com": "the rule. EventBridge user guide, cross-service confused deputy prevention",
    "glue.amazonaws.com": "the job or crawler. AWS agent toolkit, IAM role management",
    "logging.s3.amazonaws.com": "the bucket. S3 user guide, enabling server access logging",
    "quicksight.amazonaws.com": "the data source. QuickSight user guide, Athena with a run-as role",
    "s3.amazonaws.com": "the bucket. S3 user guide, granting permissions to publish event notifications",
    "sagemaker.amazonaws.com": "the job or model. SageMaker AI developer guide, confused deputy prevention",
    "scheduler.amazonaws.com": "the schedule group. EventBridge Scheduler user guide, confused deputy prevention",
    "sns.amazonaws.com": "the topic. SNS developer guide, subscribing a queue to a topic",
    "states.amazonaws.com": "the machine. Step Functions developer guide, creating an IAM role for a state machine",
    "transfer.amazonaws.com": "the user. Transfer Family user guide, cross-service confused deputy prevention",
    "vpc-flow-logs.amazonaws.com": "the flow log. VPC user guide, IAM role for publishing flow logs",
}


class AccessDenied(Exception):
    """The caller may not do what it was about to do."""


@dataclass(frozen=True, kw_only=True)
class ServiceCall:
    """One request of a service principal such as `events.amazonaws.com`; `context` holds its condition keys."""

    service: str
    action: str
    resource_arn: str
    context: Mapping[str, str] = field(default_factory=dict)


def from_source(service: str, action: str, resource_arn: str, source_arn: str) -> ServiceCall:
    """A call on behalf of a resource of this account, named to the other side if the service does that."""
    context = {}
    if service in SENDS_SOURCE:
        context = {"aws:SourceAccount": ACCOUNT} | (
            {"aws:SourceArn": source_arn} if source_arn else {}
        )
    return ServiceCall(service=service, action=action, resource_arn=resource_arn, context=context)


def schedule_group(schedule: dict[str, Any]) -> str:
    """ARN of a schedule's group, which is what Scheduler names as its source.

    Source: EventBridge Scheduler user guide, "Cross-service confused deputy prevention".
    """
    return f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{schedule.get('GroupName') or 'default'}"


def allowed(call: ServiceCall, policy: Policy) -> bool:
    """Whether a resource's policy (for sts:AssumeRole: the role's trust policy) lets the service in.

    An explicit deny wins. No policy, or one that cannot be read, allows nothing.
    """
    context = original(
        EVALUATOR, "EvalContext"
    )(
        principal_arn="*",  # a service is no IAM principal: only "*" in the policy names it besides its own name
        principal_type="Service",
        principal_account="",
        action=call.action,
        resource_arn=call.resource_arn,
        region=REGION,
        secure_transport=True,  # AWS's services speak TLS with each other
        service_context={key.lower(): value for key, value in call.context.items()}
        | {"aws:principalisawsservice": "true", "aws:principalservicename": call.service},
    )
    decision = original(EVALUATOR, "evaluate_resource_policy")(
        policy, context, service=call.service
    ).decision
    return bool(decision == "Allow")


def require(call: ServiceCall) -> None:
    """Let one call pass while policies are enforced, or not.

    Raises:
        AccessDenied: the resource has no policy that allows it, or it is of a kind whose policy is not known here.
    """
    if not original("ministack.app", "AUTH"):
        return
    check(call, policy_of(call))


def check(call: ServiceCall, policy: Policy) -> None:
    """Hold a call against a policy and keep a record of it. Raises AccessDenied."""
    passes = allowed(call, policy)
    records.note(call.service, call.action, call.resource_arn, call.context, allowed=passes)
    if not passes:
        raise AccessDenied(
            f"{call.service} is not authorized to perform: {call.action} on resource: {call.resource_arn} "
            "because no resource-based policy allows it; look at the policy of that resource in its stack"
        )


def policy_of(call: ServiceCall) -> Policy:
    """The policy of the resource that a call reaches; None if it has none or its kind is not known here."""
    found = original(EVALUATOR, "_resource_policy")(call.action.split(":", 1)[0], call.resource_arn)
    policy: Policy = found[0] if found is not None else None
    return policy
