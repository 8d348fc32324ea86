"""What SNS, S3 and CloudWatch alarms deliver in their own name: by the policy of the function or topic they reach.

The emulator asks a queue's policy for SNS and S3, but no function's for either, and no topic's for an alarm. A delivery
that is refused is dropped and logged, as AWS drops it. EventBridge's deliveries are in `service_roles`.
"""

from __future__ import annotations

import logging
from typing import Any

from local_cloud.adapters.access import keys, service_calls
from local_cloud.patching import original, replace
from local_cloud.settings import ACCOUNT, REGION

CLOUDWATCH = "ministack.services.cloudwatch"
S3 = "ministack.services.s3"
SNS = "ministack.services.sns"
ALARM_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")
INVOKE, PUBLISH = "lambda:InvokeFunction", "sns:Publish"
logger = logging.getLogger("slipway.access")


def install() -> None:
    """Ask the policy before each delivery."""
    original("ministack.app", "_get_module")("sns")
    replace(SNS, "_deliver_to_lambda", _of_topic)
    replace(S3, "_deliver_event_to_lambda", _of_bucket)
    replace(CLOUDWATCH, "_dispatch_alarm_actions", _of_alarm)


def may_deliver(service: str, action: str, target_arn: str, source_arn: str) -> bool:
    """Whether a service may deliver for `source_arn`; a refusal is logged."""
    try:
        keys.require_service(service_calls.from_source(service, action, target_arn, source_arn))
    except service_calls.AccessDenied as exc:
        logger.error("delivery of %s failed: %s", source_arn, exc)
        return False
    return True


def _of_topic(deliver: Any) -> Any:
    def deliver_to_lambda(endpoint: str, envelope: str, topic_arn: str, *rest: Any) -> None:
        if may_deliver("sns.amazonaws.com", INVOKE, endpoint, topic_arn):
            deliver(endpoint, envelope, topic_arn, *rest)

    return deliver_to_lambda


def _of_bucket(deliver: Any) -> Any:
    def deliver_event_to_lambda(arn: str, payload: dict[str, Any], region: str) -> None:
        bucket = payload["Records"][0]["s3"]["bucket"]["name"]
        if may_deliver("s3.amazonaws.com", INVOKE, arn, f"arn:aws:s3:::{bucket}"):
            deliver(arn, payload, region)

    return deliver_event_to_lambda


def _of_alarm(dispatch: Any) -> Any:
    def dispatch_alarm_actions(alarm: dict[str, Any], *states: Any) -> None:
        arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{alarm['AlarmName']}"
        kept = {
            field: [topic for topic in alarm.get(field) or [] if _may_alarm(topic, arn)]
            for field in ALARM_ACTIONS
        }
        dispatch(alarm | kept, *states)

    return dispatch_alarm_actions


def _may_alarm(action_arn: str, alarm_arn: str) -> bool:
    return may_deliver("cloudwatch.amazonaws.com", PUBLISH, action_arn, alarm_arn)
