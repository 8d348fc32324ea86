"""What Slipway itself puts into the queue of intake, in the form of EventBridge's events."""

from __future__ import annotations

from typing import Any

SOURCE = "slipway"
ARRIVALS_DUE = "Arrivals Due"
ARRIVAL_ACCEPTED = "Arrival Accepted"
REJECTION_REOPENED = "Rejection Reopened"


def due(minutes: int) -> dict[str, Any]:
    """Set aside what landed `minutes` ago or earlier, if nothing has told how its upload ended."""
    return {"source": SOURCE, "detail-type": ARRIVALS_DUE, "detail": {"minutes": minutes}}


def accepted(
    *, bucket: str, key: str, sequencer: str, version_id: str | None, by: str
) -> dict[str, Any]:
    """Take one object for a whole delivery, because a person says so."""
    detail = {
        "bucket": bucket,
        "key": key,
        "sequencer": sequencer,
        "version_id": version_id,
        "by": by,
    }
    return {"source": SOURCE, "detail-type": ARRIVAL_ACCEPTED, "detail": detail}


def judge_again(*, dataset: str, entry: str, by: str) -> dict[str, Any]:
    """Judge a rejected file again, under the contract as it is now; `entry` is that of its rejection."""
    detail = {"dataset": dataset, "entry": entry, "by": by}
    return {"source": SOURCE, "detail-type": REJECTION_REOPENED, "detail": detail}
