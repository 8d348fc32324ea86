"""What an entry of a ledger is called, and which states a file and a run have."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime
from typing import Any, Literal

# Of a content; of a delivery; of what is known of the transfers to a key; of an object that may not be whole.
FileStatus = Literal[
    "registering", "waiting", "claimed", "loaded", "set_aside", "retracted",
    "duplicate", "rejected", "ignored",
    "arriving", "arrived",
    "incomplete", "replaced",
]  # fmt: skip
RunStatus = Literal["running", "succeeded", "failed", "rolled_back"]
Item = dict[str, Any]

BY_STATUS = "by_status"  # the index
LOCK_ENTRY = "claim"
FIRST_SEEN_ENTRY = "first_seen"  # since when a deployment has a contract for the dataset
RUN_PREFIX = "run#"
DUPLICATE_PREFIX = "duplicate#"
ERASED_PREFIX = "erased#"
# Where the files of a run are taken from, and go back to when it fails: only a load takes files that are in no table.
HELD_STATUS: dict[str, FileStatus] = {
    "load": "waiting",
    "backfill": "loaded",
    "replay": "loaded",
    "retraction": "loaded",
}
UNKNOWN_DATASET = "unknown"  # owner of a file that no contract accepts
# DynamoDB allows a sort key 1,024 bytes, S3 an object key as many (service quotas): a long key is cut at its front.
LONGEST_KEY_IN_ENTRY_BYTES = 900


def file_entry(sha256: str) -> str:
    """Entry of the one claim on a content per dataset."""
    return f"file#{sha256}"


def again_sha256(sha256: str, landing_key: str, sequencer: str) -> str:
    """What stands for the hash of a content in a delivery of it that is loaded again: each is a file of its own."""
    return hashlib.sha256(f"{sha256} {landing_key} {sequencer}".encode()).hexdigest()


def duplicate_entry(sha256: str, sequencer: str) -> str:
    """Entry of a delivery whose content was already there."""
    return f"{DUPLICATE_PREFIX}{sha256}#{sequencer}"


def sequencer_of(entry: str) -> str:
    """The sequencer that the entry of a duplicate or of a rejected file ends with."""
    return entry.rpartition("#")[2]


def rejected_entry(landing_key: str, sequencer: str) -> str:
    """Entry of a delivery that was not accepted; found without reading the file again."""
    return f"rejected#{_key_in_entry(landing_key)}#{sequencer}"


def ignored_entry(landing_key: str) -> str:
    """Entry of an object that is no delivery by its name; one for all that land under it."""
    return f"ignored#{_key_in_entry(landing_key)}"


def incomplete_entry(landing_key: str, sequencer: str) -> str:
    """Entry of an object that was set aside because its upload is not known to be complete."""
    return f"incomplete#{_key_in_entry(landing_key)}#{sequencer}"


def transfer_entry(landing_key: str) -> str:
    """Entry of everything that is known of the transfers to one key; no two keys share it."""
    if len(landing_key.encode()) <= LONGEST_KEY_IN_ENTRY_BYTES:
        return f"transfer#{landing_key}"
    return f"transfer#sha256#{hashlib.sha256(landing_key.encode()).hexdigest()}"


def run_entry(run_id: str) -> str:
    """Entry of a run."""
    return RUN_PREFIX + run_id


def erased_entry(token: str) -> str:
    """Entry that says a data subject was erased; `token` as contracts.personal_data makes it."""
    return ERASED_PREFIX + token


def dataset_status(dataset: str, status: FileStatus) -> str:
    """Partition key of the index `by_status`."""
    return f"{dataset}#{status}"


def new_run_id(now: datetime) -> str:
    """An identifier that sorts by start time: YYYYMMDDTHHMMSS-<8 hex>."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds and Z, so that text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _key_in_entry(landing_key: str) -> str:
    return landing_key.encode()[-LONGEST_KEY_IN_ENTRY_BYTES:].decode(errors="ignore")
