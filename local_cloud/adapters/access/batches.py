"""A batch of SQS is allowed by the permission for a single message; IAM knows no action of its own for it.

Source: SQS developer guide, "Amazon SQS API permissions: actions and resource reference"; SNS the same for PublishBatch
(SNS API reference, PublishBatch).
"""

from __future__ import annotations

from typing import Any

from local_cloud.patching import replace

SINGLE = {
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sns:PublishBatch": "sns:Publish",
}


def install() -> None:
    """Name the action that IAM has."""
    replace("ministack.core.iam_actions", "extract_iam_action", _single)


def _single(extract: Any) -> Any:
    def extract_iam_action(*request: Any) -> str | None:
        action: str | None = extract(*request)
        return SINGLE.get(action or "", action)

    return extract_iam_action
