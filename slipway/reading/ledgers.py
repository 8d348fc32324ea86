"""The two ledgers as people see them, and how an operator names a dataset, a run or a file in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boto3.dynamodb.conditions import Key

from contracts import model
from contracts.errors import PermanentError
from contracts.model import Contract
from pipeline import table_effects
from pipeline.ledger import RUN_PREFIX, UNKNOWN_DATASET, Item, RunLedger, file_entry, loads
from slipway.deployment import Deployment

IN_TABLES = frozenset(
    {"loaded", "claimed"}
)  # claimed: a backfill or replay loads again what was loaded
ENDED = frozenset({"loaded", "duplicate", "rejected", "set_aside", "incomplete", "retracted"})
SHORT_HASH = 12  # characters by which people are shown a content; any unique beginning names it
SHORTEST_HASH = 6


class NotFound(PermanentError):
    """No dataset, run or file, or more than one, is called what the operator typed."""


@dataclass(frozen=True, kw_only=True)
class FileFate:
    """What became of one delivery of one file. Counts are None unless its rows are in the tables.

    `samples` are the first refused values of a file that was set aside.
    """

    entry: str
    dataset: str
    file_name: str
    landing_key: str
    status: str
    received_at: str
    sha256: str
    row_count: int | None
    rows_loaded: int | None
    rows_quarantined: int | None
    rows_deduplicated: int | None
    run_id: str | None
    explanation: str
    samples: tuple[str, ...] = ()

    @property
    def delivery(self) -> str:
        """Identifies the delivery: a content that is sent again keeps its entry, and lands anew."""
        return f"{self.entry} {self.landing_key} {self.received_at}"


def sha256_of(file: Path) -> str:
    """Hex digest of a file's bytes, as the file ledger knows it."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files(deployment: Deployment, dataset: str) -> list[FileFate]:
    """Every file entry of a dataset, and those that no dataset accepted, oldest first."""
    return fates(entries(deployment, dataset) + entries(deployment, UNKNOWN_DATASET))


def entries(deployment: Deployment, dataset: str) -> list[Item]:
    """Every entry of a dataset in the file ledger, as stored."""
    return _entries(deployment.file_ledger, dataset)


def fates(items: Iterable[Item]) -> list[FileFate]:
    """Entries of deliveries as people see them, oldest first.

    Left out are names that are no delivery, and transfers that have arrived, which have entries of
    their own.
    """
    return _in_order(item for item in items if item["status"] not in ("ignored", "arrived"))


def ignored(items: Iterable[Item]) -> list[FileFate]:
    """Objects that intake ignored because of their names, oldest first."""
    return _in_order(item for item in items if item["status"] == "ignored")


def runs(deployment: Deployment, dataset: str) -> list[Item]:
    """Every run of a dataset, oldest first, as stored."""
    return _entries(deployment.run_ledger, dataset, prefix=RUN_PREFIX)


def contracts_of(dataset: str | None) -> list[Contract]:
    """The contract of the dataset that was named, or of every dataset."""
    return [model.load(name) for name in ([dataset] if dataset else model.datasets())]


def one_contract(dataset: str | None) -> Contract:
    """The contract of the dataset that was named, or of the only one.

    Raises NotFound when none was named and there are several.
    """
    found = contracts_of(dataset)
    if len(found) != 1:
        raise NotFound(
            f"name the dataset with --dataset; there are: {', '.join(model.datasets()) or 'none'}"
        )
    return found[0]


def one_run(deployment: Deployment, run_id: str, dataset: str | None) -> Item:
    """The run with this id, of the dataset that was named or of any. Raises NotFound."""
    for contract in contracts_of(dataset):
        if item := RunLedger(deployment.run_ledger).get(contract.dataset, run_id):
            return item
    place = dataset or "any dataset"
    raise NotFound(f"no run {run_id!r} of {place}; `slipway runs list` shows all")


def one_file(deployment: Deployment, sha256: str, dataset: str | None) -> Item:
    """The one content whose hash begins with `sha256`, of the dataset that was named or of any. Raises NotFound."""
    if len(sha256) < SHORTEST_HASH:
        raise NotFound(
            f"{sha256!r} is too short for a hash; give at least {SHORTEST_HASH} characters"
        )
    found = [
        item
        for contract in contracts_of(dataset)
        for item in _entries(
            deployment.file_ledger, contract.dataset, prefix=file_entry(sha256.lower())
        )
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFound(
            f"no accepted file has a hash that begins with {sha256!r}; `slipway files list` shows all"
        )
    places = ", ".join(
        f"{item['dataset']} {item['sha256']} ({item['file_name']})" for item in found
    )
    raise NotFound(
        f"{sha256!r} names {len(found)} files: {places}; give more characters, or --dataset"
    )


def called(deployment: Deployment, name: str, dataset: str | None) -> list[Item]:
    """Every delivery with this hash (or its beginning), landing key or file name, those that no dataset accepted
    among them.
    """
    owners = [*(contract.dataset for contract in contracts_of(dataset)), UNKNOWN_DATASET]
    items = (item for owner in owners for item in entries(deployment, owner))
    return [item for item in items if _is_called(item, name)]


def _is_called(item: Item, name: str) -> bool:
    if name in (item.get("landing_key"), item.get("file_name")):
        return str(item["status"]) != "ignored"
    is_hash = len(name) >= SHORTEST_HASH and str(item["entry"]).startswith(file_entry(""))
    return bool(is_hash and str(item["sha256"]).startswith(name.lower()))


def newest(items: Sequence[Item], name: str) -> Item:
    """The newest of deliveries that are called `name`. Raises NotFound when they landed under several keys."""
    keys = sorted({str(item["landing_key"]) for item in items})
    if len(keys) > 1:
        raise NotFound(
            f"{name!r} is the name of {len(keys)} files; give one of their keys: {', '.join(keys)}"
        )
    return max(items, key=lambda item: str(item["received_at"]))


def _entries(table: Any, dataset: str, *, prefix: str = "") -> list[dict[str, Any]]:
    condition = Key("dataset").eq(dataset)
    if prefix:
        condition = condition & Key("entry").begins_with(prefix)
    found: list[dict[str, Any]] = []
    request: dict[str, Any] = {"KeyConditionExpression": condition, "ConsistentRead": True}
    while True:
        page = table.query(**request)
        found += page["Items"]
        if "LastEvaluatedKey" not in page:
            return found
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _in_order(items: Iterable[Item]) -> list[FileFate]:
    return sorted(
        (_fate(item) for item in items), key=lambda fate: (fate.received_at, fate.file_name)
    )


def _fate(item: dict[str, Any]) -> FileFate:
    counts = (
        item if item["status"] in IN_TABLES else {}
    )  # ledgers before loads were kept left them on a file set aside
    return FileFate(
        entry=item["entry"],
        dataset=item["dataset"],
        file_name=item["file_name"],
        landing_key=item["landing_key"],
        status=item["status"],
        received_at=item["received_at"],
        sha256=item.get("sha256", ""),
        row_count=_whole(item.get("row_count")),
        rows_loaded=_whole(counts.get("rows_loaded")),
        rows_quarantined=_whole(counts.get("rows_quarantined")),
        rows_deduplicated=_whole(counts.get("rows_deduplicated")),
        run_id=item.get("run_id"),
        explanation=_explanation(item),
        samples=tuple(
            f"record {sample['record']}: {sample['reason']}"
            for sample in item.get("refused_samples", [])
        ),
    )


def _explanation(item: dict[str, Any]) -> str:
    if item["status"] == "duplicate":
        return f"same content as {item.get('duplicate_of', 'an earlier file')}"
    if item["status"] == "arriving":
        return "nothing has told yet that its upload is complete"
    if item["status"] == "set_aside":
        return str(item.get("set_aside_reason", ""))
    if item["status"] == "retracted":
        told = loads.last_retraction(item)
        return f"retracted by {told['by']}: {told['reason']}"
    parts = [
        *([f"replay of {item['replay_of'][:SHORT_HASH]}"] if item.get("replay_of") else []),
        *([table_effects.in_words(item["effect"])] if _says_more(item) else []),
    ]
    return "; ".join(parts) or str(item.get("detail", ""))


def _says_more(item: dict[str, Any]) -> bool:
    """Whether a loaded file did anything but add new rows."""
    return item["status"] in IN_TABLES and bool(item.get("effect", {}).keys() - {"new"})


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
