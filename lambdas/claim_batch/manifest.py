"""The document that the jobs work on. The order of its files decides which row wins: later wins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contracts.model import Contract
from pipeline.ledger import Item


def manifest(
    contract: Contract,
    run_id: str,
    *,
    mode: str,
    raw_bucket: str,
    erased_subjects: Sequence[str],
    items: Sequence[Item],
) -> dict[str, Any]:
    """`items` are the claimed entries of the file ledger, in any order."""
    ordered = sorted(items, key=lambda item: (item["received_at"], item["sha256"]))
    return {
        "dataset": contract.dataset,
        "run_id": run_id,
        "mode": mode,
        "contract_version": contract.version,
        "erased_subjects": list(erased_subjects),
        "files": [_file(item, raw_bucket) for item in ordered],
    }


def _file(item: Item, raw_bucket: str) -> dict[str, Any]:
    return {
        "sha256": item["sha256"],
        "raw_uri": f"s3://{raw_bucket}/{item['raw_key']}",
        "file_name": item["file_name"],
        "received_at": item["received_at"],
        "size_bytes": int(item["size_bytes"]),
        "row_count": int(item["row_count"]),
        "header": list(item["header"]),
        "has_quotes": bool(item["has_quotes"]),
        "replay_of": item.get("replay_of"),
    }
