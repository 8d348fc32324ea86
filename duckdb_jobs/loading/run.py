"""The steps of raw_to_processed, in their order, and the result that says what they did."""

from __future__ import annotations

import time

from duckdb_jobs.loading import measures, rule_evaluation, staging, writes
from duckdb_jobs.loading.work import LoadRun
from pipeline.run_documents import LoadResult
from rows import load_figures, rule_results
from rows.load_figures import Measured


def run(loading: LoadRun) -> LoadResult:
    """Load the files on the run's branches; what was done, and every figure as it was measured.

    Raises ContractInvalid when a table cannot become what the contract says, FileRejected when a header does not fit,
    NeedsSpark when the run is none for this engine.
    """
    started = time.monotonic()
    loading.require_subject()
    loading = loading.with_origins()
    changes = loading.ensure_tables()
    before = loading.start_drafts()
    observed = staging.stage(loading)
    writes.judge(loading, before)
    writes.quarantine(loading, before[loading.quarantine.name])
    reopened = writes.reopen(loading, before[loading.quarantine.name])
    resolved = writes.resolve(loading)
    writes.history(loading, before)
    compared, published = writes.clear(loading, before), before[loading.processed.name]
    counts = writes.merge(loading, compared, published)
    measured = Measured(
        read=measures.read(loading),
        loaded=measures.committed_rows(loading),
        quarantined=measures.committed_refusals(loading),
        deduplicated=measures.deduplicated(loading),
        effects=measures.table_effects(loading, counts, before[loading.processed.name]),
        erased=measures.erased(loading),
        samples=measures.samples(loading),
        last_days=measures.last_days(loading),
        keeping=measures.keeping(loading),
        history=measures.committed_history(loading),
    )
    brought_rows = sum(figures.rows for figures in measured.loaded.values())
    verdicts = rule_evaluation.verdicts(loading)
    row_rules = rule_evaluation.row_rules(loading, verdicts)
    table_rules = rule_evaluation.table_rules(loading, brought_rows=brought_rows)
    rule_evaluation.record(loading, [*row_rules, *table_rules])
    return LoadResult(
        dataset=loading.contract.dataset,
        run_id=loading.manifest.run_id,
        mode=loading.manifest.mode,
        contract_version=loading.contract.version,
        engine="duckdb",
        branch=loading.branch,
        snapshots=loading.snapshots(before),
        observed=observed,
        files=load_figures.loaded_files(loading.contract, loading.manifest.files, measured),
        **rule_results.by_action(loading.contract, verdicts),
        row_rules=tuple(map(rule_results.row_rule_result, row_rules)),
        table_rules=tuple(map(rule_results.table_rule_result, table_rules)),
        touched_dates=measures.touched_dates(loading),
        schema_changes=changes,
        bytes_read=loading.manifest.size_bytes,
        quarantine_resolved=resolved,
        duration_seconds=round(time.monotonic() - started, 1),
        rows_amended=writes.amended(loading) or None,
        retracted=measures.retracted(loading, before, reopened),
    )
