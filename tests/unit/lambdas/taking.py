"""What the tests of intake share: the whole of it over the account."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from contracts import model
from lambdas.intake.arrival_notices import ArrivalNotices
from lambdas.intake.completion import Completion
from lambdas.intake.incomplete import Incomplete
from lambdas.intake.redelivery import Redelivery
from lambdas.intake.registration import Registration
from lambdas.intake.rejection import Rejection
from lambdas.intake.returning import Returning
from lambdas.intake.runs import RunStarter
from lambdas.intake.service import Intake
from lambdas.intake.storage import Storage
from pipeline.ledger.transfers import TransferLedger

FOLDER = "partners/acme/sales_records"
Sales = Callable[..., bytes]


@dataclass
class Queue:
    """The landing queue, as far as a function hides messages of it; `hidden` has the seconds by receipt handle."""

    hidden: dict[str, int] = field(default_factory=dict)

    def change_message_visibility_batch(self, **request: Any) -> dict[str, Any]:
        for entry in request["Entries"]:
            self.hidden[entry["ReceiptHandle"]] = entry["VisibilityTimeout"]
        return {"Successful": request["Entries"]}


def message(name: str, body: str, *, tries: int = 1) -> dict[str, Any]:
    """A message as Lambda gets it, received for the `tries`-th time; its handle is its name."""
    attributes = {"ApproximateReceiveCount": str(tries)}
    return {"messageId": name, "receiptHandle": name, "body": body, "attributes": attributes}


def intake(
    account: Any,
    *contracts: model.Contract,
    queue: Queue | None = None,
    arrived_seconds: int = 0,
) -> Intake:
    """Intake over the account."""
    storage = Storage(account.fused("s3"))
    return Intake(
        contracts=contracts,
        schema_change="evolve",
        storage=storage,
        completion=Completion(
            contracts=contracts,
            transfers=TransferLedger(account.files().table),
            incomplete=Incomplete(
                environment="dev",
                burst_seconds=300,
                files=account.files(),
                bursts=account.bursts(),
                announcer=account.announcer(),
            ),
            now=lambda: datetime.now(UTC),
        ),
        registration=Registration(raw_bucket="raw", files=account.files(), storage=storage),
        rejection=Rejection(
            environment="dev",
            burst_seconds=300,
            files=account.files(),
            storage=storage,
            bursts=account.bursts(),
            announcer=account.announcer(),
        ),
        notices=ArrivalNotices(
            environment="dev",
            collect_seconds=arrived_seconds,
            bursts=account.bursts(),
            announcer=account.announcer(),
        ),
        returning=Returning(raw_bucket="raw", files=account.files(), storage=storage),
        runs=RunStarter(
            stepfunctions=account.fused("stepfunctions"), state_machine_arn=account.machine_arn
        ),
        redelivery=Redelivery(sqs=queue or Queue(), queue_url="landing-events"),
    )


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
