"""The document that the jobs work on. The order of its files decides which row wins: later wins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from contracts.model import Contract
from lambdas.claim_batch.engines import Choice
from pipeline.ledger import Item
from pipeline.modes import LoadMode
from pipeline.run_documents import Manifest, ManifestFile, RetractedFile


def manifest(
    contract: Contract,
    run_id: str,
    *,
    mode: LoadMode,
    raw_bucket: str,
    erased_subjects: Sequence[str],
    items: Sequence[Item],
    choice: Choice,
    retracted: str | None = None,
) -> Manifest:
    """`items` are the claimed entries of the file ledger, in any order; `choice` is the engine for them.

    `retracted` is the hash of the one among them that the run retracts.
    """
    ordered = sorted(items, key=lambda item: (item["received_at"], item["sha256"]))
    return Manifest(
        dataset=contract.dataset,
        run_id=run_id,
        mode=mode,
        contract_version=contract.version,
        erased_subjects=tuple(erased_subjects),
        files=tuple(
            _file(item, raw_bucket, mode) for item in ordered if item["sha256"] != retracted
        ),
        engine=choice.engine,
        engine_reason=choice.reason,
        retracted=next((_taken_out(item) for item in items if item["sha256"] == retracted), None),
    )


def _taken_out(item: Item) -> RetractedFile:
    return RetractedFile(
        sha256=item["sha256"], file_name=item["file_name"], received_at=_received_at(item)
    )


def _received_at(item: Item) -> datetime:
    return datetime.fromisoformat(item["received_at"]).astimezone(UTC).replace(tzinfo=None)


def _declared_totals(item: Item) -> dict[str, Decimal] | None:
    declared = item.get("declared_totals")
    return {name: Decimal(text) for name, text in declared.items()} if declared else None


def _file(item: Item, raw_bucket: str, mode: LoadMode) -> ManifestFile:
    return ManifestFile(
        sha256=item["sha256"],
        raw_uri=f"s3://{raw_bucket}/{item['raw_key']}",
        file_name=item["file_name"],
        received_at=_received_at(item),
        size_bytes=int(item["size_bytes"]),
        row_count=int(item["row_count"]),
        header=tuple(item["header"]),
        has_quotes=bool(item["has_quotes"]),
        replay_of=item.get("replay_of"),
        declared_totals=_declared_totals(item),
        is_released=True if item.get("released_at") else None,
        refused_before=int(item.get("rows_quarantined", 0)) if mode == "replay" else None,
    )
