"""Which files a run means to take, and why others are left.

A load takes what waits. The other modes take loaded files whose raw object is still there: lifecycle rules remove
objects without telling the ledger, so each one is looked for before it is claimed. A retraction also takes the files
whose rows its own file may have replaced, as the ledger knows of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from contracts.errors import PermanentError
from lambdas.claim_batch.requests import Request
from pipeline.ledger import FileLedger, Item, file_entry, loads

# The run keeps its hashes in one ledger entry, at most 400 KB (DynamoDB quotas); 70 bytes each leave room for the rest.
MOST_FILES = 5_000
LOOKS_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class Left:
    """A file that a request meant and that is not taken, and why."""

    sha256: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What a run means to take, oldest first."""

    hashes: list[str]
    left: list[Left]


@dataclass(frozen=True, kw_only=True)
class Selector:
    """Looks for the files of a request."""

    files: FileLedger
    s3: Any
    raw_bucket: str
    max_files: int

    def select(self, request: Request) -> Selection:
        """Raises PermanentError when a request names more files than one run can take."""
        if request.mode == "load":
            return Selection(hashes=self.files.waiting(request.dataset, self.max_files), left=[])
        if request.retraction is not None:
            return self._retraction(request.dataset, request.retraction.sha256)
        wanted = list(request.files) if request.files is not None else self._loaded(request.dataset)
        if len(wanted) > MOST_FILES:
            raise PermanentError(
                f"{request.mode} of {len(wanted)} files of {request.dataset}, and one run takes {MOST_FILES};"
                f" name them in parts: slipway backfill --dataset {request.dataset} --files SHA ..."
            )
        return self._takeable(request.dataset, wanted)

    def _takeable(self, dataset: str, wanted: Sequence[str]) -> Selection:
        with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
            looks = list(pool.map(lambda sha256: self._look(dataset, sha256), wanted))
        takeable = sorted((look for look in looks if not isinstance(look, Left)), key=_age)
        return Selection(
            hashes=[item["sha256"] for item in takeable],
            left=[look for look in looks if isinstance(look, Left)],
        )

    def _retraction(self, dataset: str, sha256: str) -> Selection:
        """The file itself, whether or not it is in raw, then what its rows may have replaced."""
        item = self.files.get(dataset, file_entry(sha256))
        if item is None or item["status"] != "loaded":
            status = f"{item['file_name']} is {item['status']}" if item else "is not in the ledger"
            raise PermanentError(
                f"{sha256} of {dataset} cannot be retracted: {status}, and only a loaded file has rows in the tables"
            )
        with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
            entries = list(
                pool.map(
                    lambda each: self.files.get(dataset, file_entry(each)), self._loaded(dataset)
                )
            )
        beneath = [each["sha256"] for each in entries if each and loads.may_lie_beneath(each, item)]
        if len(beneath) >= MOST_FILES:
            raise PermanentError(
                f"{item['file_name']} may have replaced rows of {len(beneath)} files of {dataset}, and one run takes"
                f" {MOST_FILES}; send a corrected file instead, whose rows then win"
            )
        found = self._takeable(dataset, beneath)
        return Selection(hashes=[sha256, *found.hashes], left=found.left)

    def missing(self, items: Iterable[Item]) -> list[str]:
        """Names of the files whose raw object is not there any more."""
        with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
            pairs = list(
                pool.map(lambda item: (item["file_name"], self._is_there(item["raw_key"])), items)
            )
        return [name for name, is_there in pairs if not is_there]

    def _loaded(self, dataset: str) -> list[str]:
        entries = (item["entry"] for item in self.files.with_status(dataset, "loaded"))
        return [entry.removeprefix(file_entry("")) for entry in entries]

    def _look(self, dataset: str, sha256: str) -> Item | Left:
        item = self.files.get(dataset, file_entry(sha256))
        if item is None:
            return Left(sha256=sha256, why="is not in the file ledger")
        if item["status"] != "loaded":
            return Left(sha256=sha256, why=f"{item['file_name']} is {item['status']}, not loaded")
        if not self._is_there(item["raw_key"]):
            return Left(
                sha256=sha256,
                why=f"{item['file_name']} has left raw; retention removed {item['raw_key']}",
            )
        return item

    def _is_there(self, raw_key: str) -> bool:
        """A listing, not HeadObject, which may ask for the key of the originals: ClaimBatch has none."""
        listed = self.s3.list_objects_v2(Bucket=self.raw_bucket, Prefix=raw_key, MaxKeys=1)
        return any(found["Key"] == raw_key for found in listed.get("Contents", []))


def _age(item: Item) -> tuple[str, str]:
    return item["received_at"], item["sha256"]
