"""When a message of the landing queue may be received again.

The queue alone would hide every message for an hour: Lambda asks for six timeouts of the function, which only matters
while the function is throttled. Once it runs, its messages are hidden only for as long as it can still run. A message
that failed waits by the number of its tries; one that there was no time for comes back at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.logs import Log

FIRST_DELAY_SECONDS = 30
LONGEST_DELAY_SECONDS = 300
MARGIN_SECONDS = 60  # between the end of the function and the deletion of its messages by Lambda
BATCH = 10  # Source: SQS API reference, ChangeMessageVisibilityBatch

Record = Mapping[str, Any]


def receives(record: Record) -> int:
    """How often SQS has handed out the message, this time included."""
    return int(record["attributes"]["ApproximateReceiveCount"])


def delay_seconds(tries: int) -> int:
    """Seconds until the next try after `tries` failed ones: 30, 60, 120, 240, then always 300."""
    return int(min(FIRST_DELAY_SECONDS * 2 ** (tries - 1), LONGEST_DELAY_SECONDS))


@dataclass(frozen=True, kw_only=True)
class Redelivery:
    """Sets how long messages of one queue stay hidden, counted from the call."""

    sqs: Any
    queue_url: str

    def hide_while_running(self, records: Sequence[Record], millis_left: int) -> None:
        """Hide messages until the function must have ended, so that a crash delays them no longer than that."""
        seconds = math.ceil(millis_left / 1000) + MARGIN_SECONDS
        self._hide(records, lambda _: seconds)

    def retry_later(self, records: Sequence[Record]) -> None:
        """Hide messages that failed, the longer the more often they did."""
        self._hide(records, lambda record: delay_seconds(receives(record)))

    def release(self, records: Sequence[Record]) -> None:
        """Let messages be received again at once."""
        self._hide(records, lambda _: 0)

    def _hide(self, records: Sequence[Record], seconds: Callable[[Record], int]) -> None:
        for begin in range(0, len(records), BATCH):
            part = records[begin : begin + BATCH]
            entries = [
                {
                    "Id": str(place),
                    "ReceiptHandle": record["receiptHandle"],
                    "VisibilityTimeout": seconds(record),
                }
                for place, record in enumerate(part)
            ]
            self._send(entries)

    def _send(self, entries: list[dict[str, Any]]) -> None:
        """A call that fails loses nothing: the messages stay hidden for what was set before, then they come again."""
        try:
            answer = self.sqs.change_message_visibility_batch(
                QueueUrl=self.queue_url, Entries=entries
            )
        except (BotoCoreError, ClientError) as error:
            Log({}).error(
                "messages come again later than meant", messages=len(entries), error=repr(error)
            )
            return
        if refused := answer.get("Failed", []):
            Log({}).error(
                "messages come again later than meant",
                messages=len(refused),
                error=repr(refused[0]),
            )
