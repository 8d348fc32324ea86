"""Read-only views of the two ledgers, for people."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boto3.dynamodb.conditions import Key

from slipway.deployment import Deployment

UNKNOWN_DATASET = "unknown"
ENDED = frozenset({"loaded", "duplicate", "rejected"})


@dataclass(frozen=True, kw_only=True)
class FileFate:
    """What became of one delivery of one file. Counts are None until a run has closed over it."""

    entry: str
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


def sha256_of(file: Path) -> str:
    """Hex digest of a file's bytes, as the file ledger knows it."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files(deployment: Deployment, dataset: str) -> list[FileFate]:
    """Every file entry of a dataset, and those that no dataset accepted, oldest first."""
    items = _entries(deployment.file_ledger, dataset) + _entries(deployment.file_ledger, UNKNOWN_DATASET)
    return sorted((_fate(item) for item in items), key=lambda fate: (fate.received_at, fate.file_name))


def runs(deployment: Deployment, dataset: str) -> list[dict[str, Any]]:
    """Every run of a dataset, oldest first, as stored."""
    return _entries(deployment.run_ledger, dataset, prefix="run#")


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


def _fate(item: dict[str, Any]) -> FileFate:
    explanation = item.get("detail", "")
    if item["status"] == "duplicate":
        explanation = f"same content as {item.get('duplicate_of', 'an earlier file')}"
    return FileFate(
        entry=item["entry"],
        file_name=item["file_name"],
        landing_key=item["landing_key"],
        status=item["status"],
        received_at=item["received_at"],
        sha256=item.get("sha256", ""),
        row_count=_whole(item.get("row_count")),
        rows_loaded=_whole(item.get("rows_loaded")),
        rows_quarantined=_whole(item.get("rows_quarantined")),
        rows_deduplicated=_whole(item.get("rows_deduplicated")),
        run_id=item.get("run_id"),
        explanation=explanation,
    )


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
