"""What people are told: plain text that names the thing, the cause, what was not touched, and the next step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SUBJECT_LENGTH = 99  # SNS Publish: no line breaks or control characters, less than 100 characters
BODY_LENGTH = 60_000  # SNS takes 262,144 bytes; a character is at most 4 of them


def publish(sns: Any, *, topic_arn: str, subject: str, body: str, attributes: Mapping[str, str]) -> None:
    """Send one message; `attributes` are what subscriptions filter on."""
    sns.publish(
        TopicArn=topic_arn,
        Subject=subject_line(subject),
        Message=shortened(body, BODY_LENGTH),
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
        },
    )


def subject_line(text: str) -> str:
    """`text` as SNS accepts it for a subject: printable ASCII, other characters as `?`, at most 99 of them."""
    printable = "".join(character if " " <= character <= "~" else "?" for character in text)
    return shortened(printable, SUBJECT_LENGTH)


def shortened(text: str, length: int) -> str:
    """`text`, cut to `length` characters with `...` at the end when it is longer."""
    return text if len(text) <= length else text[: length - 3] + "..."
