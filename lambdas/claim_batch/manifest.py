"""The document that the jobs work on. The order of its files decides which row wins: later wins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from contracts.model import Contract
from lambdas.claim_batch.engines import Choice
from pipeline.ledger import Item
from pipeline.modes import LoadMode
from pipeline.run_documents import Manifest, ManifestFile


def manifest(
    contract: Contract,
    run_id: str,
    *,
    mode: LoadMode,
    raw_bucket: str,
    erased_subjects: Sequence[str],
    items: Sequence[Item],
    choice: Choice,
) -> Manifest:
    """`items` are the claimed entries of the file ledger, in any order; `choice` is the engine for them."""
    ordered = sorted(items, key=lambda item: (item["received_at"], item["sha256"]))
    return Manifest(
        dataset=contract.dataset,
        run_id=run_id,
        mode=mode,
        contract_version=contract.version,
        erased_subjects=tuple(erased_subjects),
        files=tuple(_file(item, raw_bucket, mode) for item in ordered),
        engine=choice.engine,
        engine_reason=choice.reason,
    )


def _file(item: Item, raw_bucket: str, mode: LoadMode) -> ManifestFile:
    received_at = datetime.fromisoformat(item["received_at"])
    return ManifestFile(
        sha256=item["sha256"],
        raw_uri=f"s3://{raw_bucket}/{item['raw_key']}",
        file_name=item["file_name"],
        received_at=received_at.astimezone(UTC).replace(tzinfo=None),
        size_bytes=int(item["size_bytes"]),
        row_count=int(item["row_count"]),
        header=tuple(item["header"]),
        has_quotes=bool(item["has_quotes"]),
        replay_of=item.get("replay_of"),
        is_released=True if item.get("released_at") else None,
        refused_before=int(item.get("rows_quarantined", 0)) if mode == "replay" else None,
    )
