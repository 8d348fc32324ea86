"""Objects that were set aside because nobody says that their upload is complete, and how a person accepts one.

Intake alone takes files, so accepting is a message to its queue, which decides as with any other event.
"""

from __future__ import annotations

import getpass
import json

from contracts.errors import PermanentError
from pipeline import intake_messages
from pipeline.ledger import UNKNOWN_DATASET, Item
from slipway.deployment import Deployment
from slipway.reading import ledgers


def one(deployment: Deployment, name: str, version_id: str | None, dataset: str | None) -> Item:
    """The newest object set aside under a landing key or file name, or the one with `version_id`.

    Raises PermanentError when there is none, or when a file name is that of several keys.
    """
    owners = [*(contract.dataset for contract in ledgers.contracts_of(dataset)), UNKNOWN_DATASET]
    items = [item for owner in owners for item in ledgers.entries(deployment, owner)]
    named = [
        item
        for item in items
        if item["entry"].startswith("incomplete#")
        and name in (item["landing_key"], item["file_name"])
        and version_id in (None, item["version_id"])
    ]
    open_ones = [item for item in named if item["status"] == "incomplete"] or named
    if not open_ones:
        raise PermanentError(
            f"no object called {name!r} was set aside as incomplete; `slipway files list --status incomplete` shows all"
        )
    keys = sorted({item["landing_key"] for item in open_ones})
    if len(keys) > 1:
        raise PermanentError(
            f"{name!r} is the name of {len(keys)} files; give one of their keys: {', '.join(keys)}"
        )
    return max(open_ones, key=lambda item: str(item["received_at"]))


def accept(deployment: Deployment, item: Item) -> None:
    """Have intake take the object as it is; accepting it again changes nothing."""
    body = intake_messages.accepted(
        bucket=item["landing_bucket"],
        key=item["landing_key"],
        sequencer=item["sequencer"],
        version_id=item["version_id"],
        by=getpass.getuser(),
    )
    deployment.client("sqs").send_message(
        QueueUrl=deployment.output("IntakeQueueUrl"), MessageBody=json.dumps(body)
    )
