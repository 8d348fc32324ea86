"""The steps of raw_to_processed, in their order, and the result that says what they did."""

from __future__ import annotations

import time

from pyspark.sql import Row

from contracts import model
from glue_jobs.loading import passes, rule_evaluation, writes
from glue_jobs.loading.work import LoadRun
from glue_jobs.transforms import figures
from glue_jobs.transforms.figures import ROWS
from pipeline.run_documents import LoadResult, Observed
from rows import rule_results
from rows.rule_results import RuleResult, Verdict


def run(loading: LoadRun) -> LoadResult:
    """Load the files on the run's branches; what was done, and every figure as it was measured.

    Raises ContractInvalid when a table cannot become what the contract says, FileRejected when a header does not fit.
    """
    started = time.monotonic()
    loading.require_subject()
    loading = loading.with_origins()
    changes = loading.ensure_tables()
    before = loading.start_drafts()
    rows, observed = passes.stage(loading)
    read = passes.by_split(loading, rows)
    rows, splits = writes.judged(loading, passes.numbered(loading, rows, read), read, before)
    writes.quarantine(loading, rows, splits, before[loading.quarantine.name])
    reopened = writes.reopen(loading, before[loading.quarantine.name])
    resolved = writes.resolve(loading, rows)
    writes.history(loading, rows, splits, before)
    compared, published = writes.clear(loading, before), before[loading.processed.name]
    merged = writes.merge(loading, rows, splits, compared, published)
    committed = passes.committed(loading, splits)
    effects = passes.effects_of(loading, splits, merged.counts, before[loading.processed.name])
    verdicts = rule_evaluation.verdicts(rows, splits)
    row_rules, table_rules = _rules(loading, verdicts, splits, committed)
    rule_evaluation.record(loading, [*row_rules, *table_rules])
    return LoadResult(
        dataset=loading.contract.dataset,
        run_id=loading.manifest.run_id,
        mode=loading.manifest.mode,
        contract_version=loading.contract.version,
        engine="spark",
        branch=loading.branch,
        snapshots=loading.snapshots(before),
        observed=_observed(observed, loading.contract),
        files=passes.by_file(loading, read, merged.fates, committed, effects),
        **rule_results.by_action(loading.contract, verdicts),
        row_rules=tuple(map(rule_results.row_rule_result, row_rules)),
        table_rules=tuple(map(rule_results.table_rule_result, table_rules)),
        touched_dates=passes.touched_dates(splits),
        schema_changes=changes,
        bytes_read=loading.manifest.size_bytes,
        quarantine_resolved=resolved,
        duration_seconds=round(time.monotonic() - started, 1),
        rows_amended=merged.amended or None,
        retracted=passes.retracted(loading, before, reopened),
    )


def _observed(observed: passes.Observed, contract: model.Contract) -> Observed:
    return Observed(rows_read=observed.rows, totals=figures.to_scale(observed.totals, contract))


def _rules(
    loading: LoadRun, verdicts: list[Verdict], splits: list[Row], committed: passes.Committed
) -> tuple[list[RuleResult], list[RuleResult]]:
    brought = sum(row[ROWS] for (table, _), row in committed.items() if table == passes.PROCESSED)
    row_rules = rule_evaluation.row_rules(loading, verdicts, splits)
    return row_rules, rule_evaluation.table_rules(loading, passes.loaded(loading, splits), brought)
