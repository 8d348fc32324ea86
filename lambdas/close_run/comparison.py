"""The last comparison, after publishing: files, processed and curated must still say the same, row for row and cent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contracts.errors import ReconciliationFailed
from contracts.model import Contract
from pipeline.run_documents import PARTS, CurateResult, LoadResult, Manifest, ServeResult


@dataclass(frozen=True, kw_only=True)
class Written:
    """What the earlier steps of the run wrote down; `serve` is None when an earlier attempt did that step."""

    manifest: Manifest
    processed: LoadResult
    curated: CurateResult
    serve: Sequence[ServeResult] | None = None


def verify(written: Written, contract: Contract) -> None:
    """Raises ReconciliationFailed with every figure in which files, processed and curated differ."""
    problems = list(_differences(written, contract))
    if problems:
        count = "1 discrepancy" if len(problems) == 1 else f"{len(problems)} discrepancies"
        raise ReconciliationFailed("\n".join([f"{count} after publishing:", *problems]))


def _differences(written: Written, contract: Contract) -> Iterator[str]:
    if not written.curated.published:
        yield "- processed_to_curated ended without publishing"
    planned = {file.sha256: file.row_count for file in written.manifest.files}
    done = {file.sha256: sum(map(file.rows, PARTS)) for file in written.processed.files}
    if planned != done:
        yield f"- rows per file: intake counted {planned}, loaded + quarantined + deduplicated are {done}"
    models = {model.name: model for model in written.curated.models}
    for wanted in contract.curated:
        model = models.get(wanted.name)
        if model is None:
            yield f"- {wanted.name}: processed_to_curated says nothing of it"
            continue
        if model.is_untouched:
            continue  # no processed row changed, so there was nothing to recompute
        for column, _source in wanted.conserves:
            pair = model.totals.get(column)
            if pair is None:
                yield f"- {wanted.name}.{column}: no totals"
            elif pair.processed != pair.curated:
                yield f"- {wanted.name}.{column}: processed {pair.processed}, curated {pair.curated}"
