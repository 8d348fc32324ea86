"""What SNS and S3 deliver in their own name: by the policy of the function they reach.

The emulator asks a queue's policy for SNS and S3, but no function's for either. A delivery that is refused is dropped
and logged, as AWS drops it. EventBridge's deliveries are in `service_roles`, those of alarms in `cloudwatch`.
"""

from __future__ import annotations

import logging
from typing import Any

from local_cloud.adapters.access import keys, service_calls
from local_cloud.patching import original, replace

S3 = "ministack.services.s3"
SNS = "ministack.services.sns"
INVOKE = "lambda:InvokeFunction"
logger = logging.getLogger("slipway.access")


def install() -> None:
    """Ask the policy before each delivery."""
    original("ministack.app", "_get_module")("sns")
    replace(SNS, "_deliver_to_lambda", _of_topic)
    replace(S3, "_deliver_event_to_lambda", _of_bucket)


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
