"""Duplicates that are loaded after all: what came before them has replaced rows of their content since.

Intake takes a delivery for a duplicate while all rows of its content stand. What replaces them may be on its way then.
The gate and CloseRun see it replace them, and let the newest duplicate return (FileLedger.let_return); here it becomes
a file of its own, with the bytes that raw has. Every step is conditional or repeatable, and comes every few minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from botocore.exceptions import ClientError

from lambdas.intake.storage import GONE, Storage, copy_source
from pipeline.aws_errors import code
from pipeline.ledger import (
    DUPLICATE_PREFIX,
    FileLedger,
    Item,
    again_sha256,
    duplicate_entry,
    file_entry,
    sequencer_of,
)
from pipeline.logs import Log

INSPECTED = ("size_bytes", "row_count", "header", "has_quotes", "notes")  # the same for equal bytes


@dataclass(frozen=True, kw_only=True)
class Returning:
    """Makes files of duplicates that return."""

    raw_bucket: str
    files: FileLedger
    storage: Storage

    def due(self, dataset: str) -> Iterator[Item]:
        """The duplicates of a dataset that return and are no files yet, as they are now."""
        for found in self.files.with_status(dataset, "registering"):
            item = self.files.get(dataset, found["entry"])
            if item is not None and _returns(item):
                yield item

    def register(self, duplicate: Item) -> Item | None:
        """The entry of the file that the duplicate is now.

        None if its content has left raw: it stays a duplicate then.
        """
        dataset, sequencer = duplicate["dataset"], sequencer_of(duplicate["entry"])
        known = self._file(dataset, duplicate["sha256"])
        own = again_sha256(_content(known), duplicate["landing_key"], sequencer)
        if self.files.get(dataset, file_entry(own)) is None:
            again = _again(known, duplicate, own, self._why(known))
            if not self._keep_raw(known, again):
                self._stays(duplicate, known)
                return None
            self.files.add(again)
        while (last := self._last(known, own))["sha256"] != own:
            self.files.follow(last, own)
        self._newest_return(known, duplicate, own)
        return self._file(dataset, own)

    def done(self, duplicate: Item, own: str) -> None:
        """The duplicate is the file `own`, and a run was started for it."""
        detail = f"rows of its content were replaced since: loaded again as {own}"
        self.files.end_return(duplicate["dataset"], duplicate["entry"], "replaced", detail)

    def _newest_return(self, known: Item, duplicate: Item, own: str) -> None:
        """Later duplicates, noted at files of the content before this one became the last of them, return as well."""
        file = self._file(known["dataset"], known["sha256"])
        while file["sha256"] != own:
            if file.get("redelivered_at", "") >= duplicate["received_at"]:
                newest = duplicate_entry(file["sha256"], file["redelivered_as"])
                self.files.return_duplicate(known["dataset"], newest)
            file = self._file(known["dataset"], file["again"])

    def _stays(self, duplicate: Item, known: Item) -> None:
        detail = f"rows of its content were replaced since, and it cannot be loaded again: {known['raw_key']} has left"
        detail += " raw; ask the partner to send it again"
        Log({"dataset": duplicate["dataset"]}).error("duplicate stays", detail=detail)
        self.files.end_return(duplicate["dataset"], duplicate["entry"], "duplicate", detail)

    def _keep_raw(self, known: Item, again: Item) -> bool:
        """Copy the bytes to a raw key of their own; False when retention has removed them."""
        source = copy_source(self.raw_bucket, known["raw_key"], None)
        size = int(known["size_bytes"])
        try:
            self.storage.copy(source, size_bytes=size, bucket=self.raw_bucket, key=again["raw_key"])
        except ClientError as error:
            if code(error) in GONE:
                return False
            raise
        return True

    def _last(self, known: Item, own: str) -> Item:
        """The file `own` if it follows on `known`, else the last one that does."""
        known = self._file(known["dataset"], known["sha256"])
        while known["sha256"] != own and "again" in known:
            known = self._file(known["dataset"], known["again"])
        return known

    def _why(self, known: Item) -> str:
        by = self.files.get(known["dataset"], file_entry(known.get("replaced_by", "")))
        newer = by["file_name"] if by else "a newer file"
        return (
            f"the same content as {known['landing_key']}; loaded again because {newer}, which came before it,"
            " was still on its way and replaced rows of that content"
        )

    def _file(self, dataset: str, sha256: str) -> Item:
        """The entry of a file, which others name."""
        found = self.files.get(dataset, file_entry(sha256))
        if found is None:
            raise LookupError(f"{file_entry(sha256)!r} of {dataset} is not in the file ledger")
        return found


def _returns(item: Item) -> bool:
    return str(item["entry"]).startswith(DUPLICATE_PREFIX) and item["status"] == "registering"


def _content(known: Item) -> str:
    return str(known.get("content_sha256", known["sha256"]))


def _again(known: Item, duplicate: Item, own: str, why: str) -> Item:
    return {
        "dataset": known["dataset"],
        "entry": file_entry(own),
        "status": "waiting",
        "sha256": own,
        "content_sha256": _content(known),
        "file_name": duplicate["file_name"],
        "landing_key": duplicate["landing_key"],
        "sequencer": sequencer_of(duplicate["entry"]),
        "received_at": duplicate["received_at"],
        "raw_key": known["raw_key"].replace(f"/{known['sha256']}/", f"/{own}/"),
        "why_again": why,
        **{name: known[name] for name in INSPECTED if name in known},
    }
