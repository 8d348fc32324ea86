"""Which objects that came by SFTP are whole deliveries: facts are written down, then all facts about a key are judged.

A fact about a key may settle another one that it was renamed to, so those are judged as well. Every step may be
repeated: an object is marked as taken only after its run has been started, and until then each event takes it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from contracts.errors import PermanentError
from contracts.model import Checksum, Contract
from lambdas.intake import arrivals
from lambdas.intake.arrivals import Arrival
from lambdas.intake.events import Accepted, Due, Renamed, Told, Uploaded
from lambdas.intake.incomplete import (
    CHECKSUM_DIFFERS,
    CHECKSUM_MISSING,
    ENDED_EARLY,
    UNCONFIRMED,
    Incomplete,
    Reason,
)
from pipeline import checksums
from pipeline.ledger import UNKNOWN_DATASET, timestamp
from pipeline.ledger.transfers import (
    Claimed,
    Complete,
    EndedEarly,
    Outcome,
    TransferLedger,
    Transfers,
    Version,
    judged,
)
from pipeline.logs import Log

REPLACED = "a later upload of the same name is whole"
PROVED_WHOLE = "its upload proved complete, and it was taken"


@dataclass(frozen=True, kw_only=True)
class Whole:
    """An object that is a whole delivery. One that did not come by SFTP always is: S3 stores no half of an object.

    `is_noted`: the ledger has facts about it. `proof` is what its content is held against, where its contract wants a
    checksum; None where it does not, or where a person accepted the file as it is.
    """

    arrival: Arrival
    is_noted: bool
    proof: Proof | None = None


@dataclass(frozen=True, kw_only=True)
class Proof:
    """The checksums that came beside an object, one of which must be its own; `is_overdue`: nobody waits any longer."""

    kind: Checksum
    digests: tuple[str, ...]
    is_overdue: bool


@dataclass(frozen=True, kw_only=True)
class Completion:
    """Facts about transfers, and what they settle."""

    contracts: Sequence[Contract]
    transfers: TransferLedger
    incomplete: Incomplete
    now: Callable[[], datetime]

    def landed(self, arrival: Arrival, outcome: Outcome = "pending") -> list[Whole]:
        """After an object landed by SFTP: what is now known to be whole. A temporary name's outcome is `ignored`."""
        version = _version(arrival, outcome)
        return self._note(arrival.bucket, arrival.key, lambda facts: facts.with_version(version))

    def stored(self, arrival: Arrival) -> list[Whole]:
        """After an object landed in another way, whose contract wants a checksum."""
        version = replace(_version(arrival), is_stored_whole=True)
        return self._note(arrival.bucket, arrival.key, lambda facts: facts.with_version(version))

    def claimed(self, arrival: Arrival, key: str, digest: str) -> list[Whole]:
        """After a checksum of the object at `key` landed."""
        moment = arrival.created_at
        claimed = Claimed(digest=digest, started_at=moment, ended_at=moment)
        return self._note(arrival.bucket, key, lambda facts: facts.with_checksum(claimed))

    def unproved(self, whole: Whole, found: str) -> None:
        """The object's checksum, `found`, is none that came beside it: it waits, and is set aside after a while."""
        proof, arrival = whole.proof, whole.arrival
        log = Log({"file": arrival.key, "version_id": arrival.version_id})
        if proof is None or not proof.is_overdue:
            log.info("waits for its checksum", found=found)
            return
        facts, version = self._read(arrival.bucket, arrival.key), _version(arrival)
        name = arrival.file_name + checksums.suffix(proof.kind)
        if proof.digests:
            told = f"its {proof.kind} is {found}, and {name} says {', '.join(proof.digests[-3:])}"
            self._set_aside(facts, version, CHECKSUM_DIFFERS, told)
        else:
            told = f"its contract wants its {proof.kind} beside it, and no {name} has come that holds one"
            self._set_aside(facts, version, CHECKSUM_MISSING, told)

    def told(self, event: Told) -> list[Whole]:
        """After any other event: what is now known to be whole.

        Raises PermanentError when an object is accepted that never landed.
        """
        match event:
            case Uploaded():
                return self._note(
                    event.bucket, event.key, lambda facts: facts.with_ending(event.ending)
                )
            case Renamed():
                self._change(
                    event.bucket, event.old_key, lambda facts: facts.with_target(event.as_target)
                )
                return self._note(
                    event.bucket, event.new_key, lambda facts: facts.with_origin(event.as_origin)
                )
            case Due():
                return self._due(event.minutes)
            case Accepted():
                return self._accepted(event)
            case _:
                assert_never(event)

    def taken(self, whole: Whole) -> None:
        """The object was taken; what was set aside of earlier, broken uploads of its name is replaced by it."""
        if not whole.is_noted:
            return
        arrival, version = whole.arrival, _version(whole.arrival)
        facts = self._read(arrival.bucket, arrival.key)
        for earlier in facts.open:
            if earlier.order < version.order and self._is_broken(earlier, facts):
                self._replace(facts, earlier)
        self.incomplete.replaced(self._dataset(arrival.key), arrival.key, version, PROVED_WHOLE)
        self._change(
            arrival.bucket, arrival.key, lambda facts: facts.marked(version, outcome="taken")
        )

    def _is_broken(self, version: Version, facts: Transfers) -> bool:
        """Whether an upload broke off, or has no checksum that proves it."""
        is_unproved = self._proof(facts, version, None) is not None
        return is_unproved or isinstance(self._judged(version, facts), EndedEarly)

    def _note(self, bucket: str, key: str, change: Callable[[Transfers], Transfers]) -> list[Whole]:
        facts = self._change(bucket, key, change)
        return [whole for each in self._renamed_on(facts) for whole in self._settled(each, None)]

    def _renamed_on(self, facts: Transfers) -> Iterator[Transfers]:
        """The facts of the key, and of every key that it was renamed to."""
        seen, waiting = {facts.key}, [facts]
        while waiting:
            each = waiting.pop()
            yield each
            for key in {rename.key for rename in each.went_to} - seen:
                seen.add(key)
                waiting.append(self._read(facts.bucket, key))

    def _settled(self, facts: Transfers, due: str | None) -> Iterator[Whole]:
        """What of a key is whole; what is known to be broken is set aside. What landed by `due` waits no longer."""
        for version in facts.open:
            match self._judged(version, facts):
                case Complete(at=completed_at, why=why):
                    log = Log({"file": facts.key, "version_id": version.version_id})
                    log.info("whole", completed_at=completed_at, detail=why)
                    yield Whole(
                        arrival=_arrival(facts, version, completed_at),
                        is_noted=True,
                        proof=self._proof(facts, version, due),
                    )
                case EndedEarly(detail=detail) if version.outcome == "pending":
                    self._broken(facts, version, detail)
                case _:
                    pass

    def _proof(self, facts: Transfers, version: Version, due: str | None) -> Proof | None:
        kind = arrivals.checksum_wanted(facts.key, self.contracts)
        if kind is None or version.accepted_by:
            return None
        digests = tuple(dict.fromkeys(each.digest for each in facts.checksums))
        is_overdue = due is not None and version.created_at <= due
        return Proof(kind=kind, digests=digests, is_overdue=is_overdue)

    def _broken(self, facts: Transfers, version: Version, detail: str) -> None:
        if facts.has_taken_after(version):
            self._replace(facts, version)
            return
        told = f"its upload ended before the file was complete ({detail}); {version.size_bytes} bytes of it are there"
        self._set_aside(facts, version, ENDED_EARLY, told)

    def _due(self, minutes: int) -> list[Whole]:
        before = timestamp(self.now() - timedelta(minutes=minutes))
        owners = [*(contract.dataset for contract in self.contracts), UNKNOWN_DATASET]
        overdue = [facts for owner in owners for facts in self.transfers.overdue(owner, before)]
        for facts in overdue:
            for version in facts.versions:
                if version.outcome == "pending" and version.created_at <= before:
                    self._unconfirmed(facts, version, minutes)
        return [whole for facts in overdue for whole in self._settled(facts, before)]

    def _unconfirmed(self, facts: Transfers, version: Version, minutes: int) -> None:
        """Set an object aside of which nothing is known."""
        if self._judged(version, facts) is None:
            told = f"for {minutes} minutes nothing told whether its upload is complete"
            told += f"; {version.size_bytes} bytes of it are there"
            self._set_aside(facts, version, UNCONFIRMED, told)

    def _accepted(self, event: Accepted) -> list[Whole]:
        meant = (event.sequencer, event.version_id)
        facts = self._read(event.bucket, event.key)
        version = next(
            (each for each in facts.versions if (each.sequencer, each.version_id) == meant), None
        )
        if version is None:
            raise PermanentError(
                f"{event.key!r} has no object {meant} to accept; `slipway files list` shows what came"
            )
        if version.outcome == "taken":
            return []
        return self._note(
            event.bucket,
            event.key,
            lambda facts: facts.marked(version, accepted_by=event.by, outcome="pending"),
        )

    def _set_aside(self, facts: Transfers, version: Version, reason: Reason, detail: str) -> None:
        self.incomplete.set_aside(self._dataset(facts.key), facts, version, reason, detail)
        self._change(
            facts.bucket, facts.key, lambda facts: facts.marked(version, outcome="incomplete")
        )
        Log({"file": facts.key, "version_id": version.version_id}).warning(
            "set aside", reason=reason, detail=detail
        )

    def _replace(self, facts: Transfers, version: Version) -> None:
        self.incomplete.replaced(self._dataset(facts.key), facts.key, version, REPLACED)
        self._change(
            facts.bucket, facts.key, lambda facts: facts.marked(version, outcome="replaced")
        )
        Log({"file": facts.key, "version_id": version.version_id}).info("replaced", detail=REPLACED)

    def _judged(self, version: Version, facts: Transfers) -> Complete | EndedEarly | None:
        return judged(version, facts, lambda key: self._read(facts.bucket, key))

    def _read(self, bucket: str, key: str) -> Transfers:
        return self.transfers.read(self._dataset(key), bucket, key)

    def _change(self, bucket: str, key: str, change: Callable[[Transfers], Transfers]) -> Transfers:
        return self.transfers.change(self._dataset(key), bucket, key, change)

    def _dataset(self, key: str) -> str:
        contract = arrivals.contract_of(key, self.contracts)
        return contract.dataset if contract else UNKNOWN_DATASET


def _version(arrival: Arrival, outcome: Outcome = "pending") -> Version:
    return Version(
        sequencer=arrival.sequencer,
        version_id=arrival.version_id,
        etag=arrival.etag,
        size_bytes=arrival.size_bytes,
        created_at=arrival.created_at,
        outcome=outcome,
    )


def _arrival(facts: Transfers, version: Version, completed_at: str | None) -> Arrival:
    return Arrival(
        bucket=facts.bucket,
        key=facts.key,
        etag=version.etag,
        version_id=version.version_id,
        sequencer=version.sequencer,
        size_bytes=version.size_bytes,
        created_at=version.created_at,
        completed_at=completed_at,
    )
