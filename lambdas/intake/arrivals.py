"""An S3 "Object Created" event, as EventBridge puts it into SQS, and the contract that owns the object.

EventBridge carries the object key as it is, unlike S3's own notifications, where it is URL-encoded: decoding it here
would turn `a+b.csv` into `a b.csv`. Source: S3 user guide, "EventBridge event message structure".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contracts.errors import FileRejected
from contracts.ignored_names import why_ignored
from contracts.model import Checksum, Contract
from contracts.naming import (
    BY_OPERATORS,
    LANDING_PREFIX,
    REPLAY_PARTNER,
    SOURCE_PARTNER,
    is_from_outside,
    partner_of,
)
from pipeline.ledger import sequencer_of, timestamp

DATE_FOLDERS = re.compile(r"([0-9]{4}(/[0-9]{2}){0,2})?")


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One version of one object that landed. `version_id` is None when the event does not name it.

    `created_at` is the event's time, in the ledger's form; S3 gives whole seconds. `completed_at` is when its upload or
    rename over SFTP was completed, where that is known.
    """

    bucket: str
    key: str
    etag: str
    version_id: str | None
    sequencer: str
    size_bytes: int
    created_at: str
    completed_at: str | None = None

    @property
    def file_name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    @property
    def is_replay(self) -> bool:
        """Whether an operator sends corrected records: no SFTP user may have this name."""
        return self.key.startswith(f"{LANDING_PREFIX}{REPLAY_PARTNER}/")

    @property
    def is_fetched(self) -> bool:
        """Whether a source delivered it, which says how many records there are; no SFTP user may have such a name."""
        return self.key.startswith(f"{LANDING_PREFIX}{SOURCE_PARTNER}")

    def why_ignored(self, contract: Contract | None) -> str | None:
        """Why a file of this name is no delivery under the contract of its folder; None for a delivery."""
        return why_ignored(self.file_name, contract.intake.suffixes if contract else ())


def checksum_wanted(key: str, contracts: Iterable[Contract]) -> Checksum | None:
    """The checksum that must come beside an object, if any: what operators and sources write needs none."""
    contract = contract_of(key, contracts) if is_from_outside(key) else None
    return contract.intake.checksum if contract else None


def arrived(event: Mapping[str, Any]) -> Arrival:
    """The arrival that an "Object Created" event tells of. Raises KeyError or TypeError when it is no such event."""
    item = event["detail"]["object"]
    return Arrival(
        bucket=event["detail"]["bucket"]["name"],
        key=item["key"],
        etag=item.get("etag", ""),
        version_id=item.get("version-id"),
        sequencer=item.get("sequencer") or event["id"],
        size_bytes=item["size"],
        created_at=timestamp(_time_of(event)),
    )


def rejected(item: Mapping[str, Any]) -> Arrival:
    """The arrival of a file that was rejected, from its entry in the ledger."""
    return Arrival(
        bucket=item["landing_bucket"],
        key=item["landing_key"],
        etag="",
        version_id=item["version_id"],
        sequencer=sequencer_of(item["entry"]),
        size_bytes=int(item["size_bytes"]),
        created_at=item["received_at"],
    )


def _time_of(event: Mapping[str, Any]) -> datetime:
    """Every event of AWS has a time; one that a person sends by hand may lack it, and is of now."""
    return datetime.fromisoformat(event["time"]) if "time" in event else datetime.now(UTC)


def contract_of(key: str, contracts: Iterable[Contract]) -> Contract | None:
    """The contract whose folder the key is in, by `partners/<partner>/<folder>/[<yyyy>/[<mm>/[<dd>/]]]<file>`."""
    folders = key.split("/")[2:-1]
    if not folders or not DATE_FOLDERS.fullmatch("/".join(folders[1:])):
        return None
    return next((contract for contract in contracts if contract.intake.folder == folders[0]), None)


def unowned(key: str, contracts: Iterable[Contract]) -> FileRejected:
    """The rejection of a file outside every contract's folder."""
    folders = ", ".join(sorted(contract.intake.folder for contract in contracts))
    detail = f"no dataset takes files at {key!r}; files go directly into one of these folders: {folders}; or below"
    detail += " it into folders of a date: <yyyy>, <yyyy>/<mm> or <yyyy>/<mm>/<dd>"
    return FileRejected("not_in_contract", detail)


def require_partner(arrival: Arrival, contract: Contract) -> None:
    """Raises FileRejected when the contract lists who may deliver, and this partner is not in the list.

    Corrections and smoke tests come from operators, whatever the list says.
    """
    partners, partner = contract.intake.partners, partner_of(arrival.key)
    if partners and partner not in {*partners, *BY_OPERATORS}:
        raise FileRejected(
            "partner_not_in_contract",
            f"partner {partner!r} may not deliver {contract.dataset}; its contract lists {', '.join(partners)}",
        )


def suffix_of(arrival: Arrival, contract: Contract) -> str:
    """The contract's suffix that the file name ends with, in lower case.

    Raises FileRejected when the suffix is not agreed, or the name cannot be used.
    """
    if not arrival.file_name.isprintable():
        raise FileRejected(
            "invalid_name", f"the name {arrival.file_name!r} has characters that cannot be printed"
        )
    by_length = sorted(contract.intake.suffixes, key=len, reverse=True)
    name = arrival.file_name.casefold()
    for suffix in by_length:
        if name.endswith(suffix.casefold()) and len(name) > len(suffix):
            return suffix.casefold()
    agreed = ", ".join(contract.intake.suffixes)
    raise FileRejected(
        "not_in_contract", f"{arrival.file_name!r} does not end with one of: {agreed}"
    )
