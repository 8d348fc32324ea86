"""Takes one batch of events: each file is accepted or rejected by itself, then one run per dataset is started.

What came by SFTP is taken once it is known to be whole (lambdas/intake/completion.py), everything else at once. A
message that fails is handed back alone and comes again within minutes; after ten times SQS puts it into the
dead-letter queue. docs/reference/retries.md has the times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from contracts.errors import FileRejected, PermanentError
from contracts.ignored_names import TEMPORARY
from contracts.model import Checksum, Contract, SchemaChange
from contracts.naming import LANDING_PREFIX, RECORDS_METADATA
from lambdas.intake import arrivals, events
from lambdas.intake.arrival_notices import ArrivalNotices
from lambdas.intake.arrivals import Arrival
from lambdas.intake.completion import Completion, Proof, Whole
from lambdas.intake.events import Due, Reopened, Told
from lambdas.intake.headers import HeaderRule
from lambdas.intake.inspection import CHUNK_BYTES, Inspection, inspect, too_large
from lambdas.intake.redelivery import Record, Redelivery, receives
from lambdas.intake.registration import Registration, delivery_id
from lambdas.intake.rejection import Rejection
from lambdas.intake.returning import Returning
from lambdas.intake.runs import RunStarter
from lambdas.intake.storage import Source, Storage, Superseded
from pipeline import checksums
from pipeline.ledger import UNKNOWN_DATASET, Item
from pipeline.logs import Log

# 1 GiB of two-byte fields took 117 s here (2 cores, other work running); rows of a real file take an eighth of that.
COSTLIEST_FILE_MILLIS = 200_000
# The lines that the alarm FilesNotTaken counts.
FILE_NOT_TAKEN = "file not taken; the message comes again"
RUN_NOT_STARTED = "run not started; the messages come again"


Taken = tuple[str, str]  # dataset and sha256 of a file that waits for a run


class Unproved(Exception):
    """A file is not what the checksum beside it says, or has none yet; `found` is its own."""

    def __init__(self, found: str) -> None:
        super().__init__(found)
        self.found = found


@dataclass(kw_only=True)
class Waiting:
    """Files of one dataset that wait for a run, the messages they came with, and which of them came by SFTP.

    `returned` are the entries of duplicates that are files by now, with the hashes of those.
    """

    hashes: list[str] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    wholes: list[Whole] = field(default_factory=list)
    returned: list[tuple[Item, str]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Intake:
    """The whole of intake, over its parts."""

    contracts: Sequence[Contract]
    schema_change: SchemaChange
    storage: Storage
    completion: Completion
    registration: Registration
    rejection: Rejection
    notices: ArrivalNotices
    returning: Returning
    runs: RunStarter
    redelivery: Redelivery

    def handle_batch(
        self, records: Sequence[Record], millis_left: Callable[[], float] = lambda: math.inf
    ) -> list[str]:
        """Process records; return the ids SQS must redeliver.

        One is always processed, each further one only if the time left is enough for the most expensive file. What was
        received most often goes first, so that a message has its turn before it is a dead letter.
        """
        ordered = sorted(records, key=receives, reverse=True)
        failed: list[Record] = []
        late: list[Record] = []
        waiting: dict[str, Waiting] = {}
        for place, record in enumerate(ordered):
            if place and millis_left() < COSTLIEST_FILE_MILLIS:
                late = ordered[place:]
                Log({}).warning(
                    "out of time; the rest of the batch comes again", messages=len(late)
                )
                break
            failed += self._take_record(record, waiting)
        for dataset, files in waiting.items():
            failed += self._start(dataset, files)
        failed = list(
            {record["messageId"]: record for record in failed}.values()
        )  # one may have completed two files
        self.redelivery.retry_later(failed)
        self.redelivery.release(late)
        return [record["messageId"] for record in (*failed, *late)]

    def _take_record(self, record: Record, waiting: dict[str, Waiting]) -> list[Record]:
        """Take what an event completes, and note in `waiting` what a run must load; the record if that failed."""
        try:
            event = events.parse(record["body"])
            if isinstance(event, Reopened):
                self._add(self.judge_again(event), record, waiting)
                return []
            for whole in self._completed_by(event):
                try:
                    taken = self.take(whole)
                except Unproved as unproved:
                    self.completion.unproved(whole, unproved.found)
                    continue
                if files := self._add(taken, record, waiting):
                    files.wholes.append(whole)
                else:
                    self.completion.taken(whole)
            if isinstance(event, Due):
                self._take_returned(record, waiting)
        except Exception as error:  # noqa: BLE001 - whatever it is, only this message is handed back
            log = Log({"message_id": record["messageId"], "tries": receives(record)})
            log.error(FILE_NOT_TAKEN, error=repr(error))
            return [record]
        return []

    def _take_returned(self, record: Record, waiting: dict[str, Waiting]) -> None:
        """Make files of the duplicates that are loaded after all, and note in `waiting` what a run must load."""
        for contract in self.contracts:
            for duplicate in self.returning.due(contract.dataset):
                item = self.returning.register(duplicate)
                if item is None:
                    continue
                own = item["sha256"]
                taken = (contract.dataset, own) if item["status"] == "waiting" else None
                if files := self._add(taken, record, waiting):
                    files.returned.append((duplicate, own))
                else:
                    self.returning.done(duplicate, own)

    @staticmethod
    def _add(taken: Taken | None, record: Record, waiting: dict[str, Waiting]) -> Waiting | None:
        """Note a file that a run must load; the files of its dataset, or None when there is none to load."""
        if taken is None:
            return None
        files = waiting.setdefault(taken[0], Waiting())
        files.hashes.append(taken[1])
        files.records.append(record)
        return files

    def _completed_by(self, event: Arrival | Told) -> list[Whole]:
        """What is known to be whole after an event."""
        if not all(
            key.startswith(LANDING_PREFIX) and not key.endswith("/") for key in events.keys(event)
        ):
            Log({"files": events.keys(event)}).info("ignored: no file of a partner")
            return []
        return self._arrived(event) if isinstance(event, Arrival) else self.completion.told(event)

    def _arrived(self, arrival: Arrival) -> list[Whole]:
        """What is whole now that an object landed."""
        contract = arrivals.contract_of(arrival.key, self.contracts)
        dataset = contract.dataset if contract else UNKNOWN_DATASET
        log = Log({"file": arrival.key, "version_id": arrival.version_id, "dataset": dataset})
        kind = arrivals.checksum_wanted(arrival.key, self.contracts)
        if kind and checksums.is_name(arrival.file_name, kind):
            return self._told_checksum(dataset, arrival, kind, log)
        if ignored := arrival.why_ignored(contract):
            self.registration.ignore(dataset, arrival, ignored)
            log.info("ignored", detail=ignored)
            return self.completion.landed(arrival, "ignored") if ignored == TEMPORARY else []
        try:
            by_sftp = self.storage.came_by_sftp(arrival)
        except Superseded as gone:
            log.warning("superseded", detail=str(gone))
            return []
        if not by_sftp:
            return (
                self.completion.stored(arrival)
                if kind
                else [Whole(arrival=arrival, is_noted=False)]
            )
        wholes = self.completion.landed(arrival)
        log.info("landed by SFTP", wholes=len(wholes))
        return wholes

    def _told_checksum(
        self, dataset: str, arrival: Arrival, kind: Checksum, log: Log
    ) -> list[Whole]:
        """What is whole now that a checksum landed. Half of one holds none, so its own upload needs no proof."""
        of = arrival.key[: -len(checksums.suffix(kind))]
        digest = None
        if arrival.size_bytes <= checksums.LARGEST_BYTES:
            try:
                content = b"".join(self.storage.open(arrival).chunks(checksums.LARGEST_BYTES))
            except Superseded as gone:
                log.warning("superseded", detail=str(gone))
                return []
            digest = checksums.parsed(content, kind, of.rpartition("/")[2])
        why = f"the {kind} of {of}" if digest else f"it holds no {kind} of {of.rpartition('/')[2]}"
        self.registration.ignore(dataset, arrival, why)
        log.info("checksum", detail=why)
        return self.completion.claimed(arrival, of, digest) if digest else []

    def take(self, whole: Whole) -> Taken | None:
        """Accept or reject a whole file: (dataset, sha256) when it now waits for a run, otherwise None.

        Raises Unproved when it is not what the checksum beside it says.
        """
        arrival = whole.arrival
        contract = arrivals.contract_of(arrival.key, self.contracts)
        dataset = contract.dataset if contract else UNKNOWN_DATASET
        log = Log({"file": arrival.key, "version_id": arrival.version_id, "dataset": dataset})
        if earlier := self.rejection.unfinished_or_done(dataset, arrival):
            self.rejection.finish(earlier)
            log.info("rejected earlier", reason=earlier["reason"])
            return None
        try:
            source = self.storage.open(arrival)
        except Superseded as gone:
            log.warning("superseded", detail=str(gone))
            return None
        try:
            return self._accept(arrival, source, contract, log, proof=whole.proof)
        except FileRejected as why:
            if self._is_replaced_beginning(source, why):
                log.info("ignored: an empty beginning of an upload that went on")
                return None
            self.rejection.finish(self.rejection.record(dataset, arrival, source, why))
            log.warning("rejected", reason=why.reason, detail=why.detail)
            return None

    def judge_again(self, event: Reopened) -> Taken | None:
        """Judge a rejected file anew: (dataset, sha256) when it now waits for a run, otherwise None.

        It keeps the time of its upload, so that it does not win over what was delivered since. Raises PermanentError
        when the file is gone.
        """
        item = self.rejection.again(event.dataset, event.entry)
        arrival = arrivals.rejected(item)
        contract = arrivals.contract_of(arrival.key, self.contracts)
        log = Log({"file": arrival.key, "version_id": arrival.version_id, "by": event.by})
        try:
            source = self.storage.open_rejected(item)
        except Superseded as gone:
            raise PermanentError(f"{gone}; ask the partner to send the file again") from gone
        try:
            taken = self._accept(arrival, source, contract, log)
        except FileRejected as why:
            self.rejection.confirm(item, why)
            log.warning("rejected again", reason=why.reason, detail=why.detail)
            return None
        self.rejection.withdraw(item, f"judged again for {event.by}, and accepted")
        return taken

    def _is_replaced_beginning(self, source: Source, why: FileRejected) -> bool:
        """Some clients create an empty file first and then write it: the next version of the object is the delivery."""
        if why.reason != "empty_file" or source.size_bytes:
            return False
        return not self.storage.is_current(
            bucket=source.bucket, key=source.key, version_id=source.version_id
        )

    def _accept(
        self,
        arrival: Arrival,
        source: Source,
        contract: Contract | None,
        log: Log,
        *,
        proof: Proof | None = None,
    ) -> Taken | None:
        if contract is None:
            raise arrivals.unowned(arrival.key, self.contracts)
        arrivals.require_partner(arrival, contract)
        suffix = arrivals.suffix_of(arrival, contract)
        replay_of = (
            self.registration.origin_of(contract.dataset, source) if arrival.is_replay else None
        )
        rule = HeaderRule(contract=contract, change=self.schema_change, is_replay=arrival.is_replay)
        found = _inspect(source, rule, suffix, proof)
        if proof and found.checksum not in proof.digests:
            raise Unproved(found.checksum or "")
        if arrival.is_fetched:
            _require_counted(source, found)
        became, item = self.registration.register(
            contract.dataset,
            arrival,
            source,
            found,
            suffix,
            redelivery=contract.intake.redelivery,
            replay_of=replay_of,
        )
        if became != "duplicate" and not arrival.is_replay:
            self.notices.note(contract.dataset, item)
        log.info(
            became, sha256=found.sha256, rows=found.row_count, first_delivery=item["landing_key"]
        )
        return (contract.dataset, delivery_id(item)) if became == "waiting" else None

    def _start(self, dataset: str, files: Waiting) -> list[Record]:
        log = Log({"dataset": dataset})
        try:
            name = self.runs.start(dataset, files.hashes)
        except Exception as error:  # noqa: BLE001 - the files wait already; the redelivered messages start the run
            log.error(RUN_NOT_STARTED, error=repr(error), files=len(files.hashes))
            return files.records
        try:
            for whole in files.wholes:
                self.completion.taken(whole)
            for duplicate, own in files.returned:
                self.returning.done(duplicate, own)
        except Exception as error:  # noqa: BLE001 - repeated messages take the files again and find them there
            log.error(FILE_NOT_TAKEN, error=repr(error), files=len(files.hashes))
            return files.records
        log.info("run started", execution=name, files=len(files.hashes))
        return []


def _require_counted(source: Source, found: Inspection) -> None:
    """Raise FileRejected if an API or a database said that it has another number of records than are here."""
    said = source.metadata.get(RECORDS_METADATA)
    if said is not None and said != str(found.row_count):
        raise FileRejected(
            "source_count", f"its source says {said} records, and the file has {found.row_count}"
        )


def _inspect(source: Source, rule: HeaderRule, suffix: str, proof: Proof | None) -> Inspection:
    max_bytes = rule.contract.intake.max_bytes
    if source.size_bytes > max_bytes:
        raise too_large(max_bytes, f", with {source.size_bytes} bytes,")
    checksum = checksums.hasher(proof.kind) if proof else None
    chunks = source.chunks(CHUNK_BYTES)
    return inspect(chunks, rule, gzipped=suffix.endswith(".gz"), checksum=checksum)
