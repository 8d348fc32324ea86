"""The steps of raw_to_processed, in their order, and the result that says what they did."""

from __future__ import annotations

import time

from pyspark.sql import Row

from contracts import model
from contracts.errors import ContractInvalid, RetryableError
from glue_jobs.loading import passes, rule_evaluation, writes
from glue_jobs.loading.work import LoadRun
from glue_jobs.transforms import figures
from glue_jobs.transforms.figures import ROWS
from pipeline.run_documents import LoadResult, Observed, SnapshotChange
from rows import rule_results
from rows.rule_results import RuleResult, Verdict
from rows.tables import Table


def run(loading: LoadRun) -> LoadResult:
    """Load the files on the run's branches; what was done, and every figure as it was measured.

    Raises ContractInvalid when a table cannot become what the contract says, FileRejected when a header does not fit.
    """
    started = time.monotonic()
    _require_subject(loading)
    changes = _ensure(loading)
    tables = (loading.processed, loading.quarantine)
    before = {table.name: loading.tables.start_draft(table, loading.branch) for table in tables}
    rows, observed = passes.stage(loading)
    read = figures.by_split(rows, loading.contract).collect()
    rows, splits = writes.judged(loading, passes.numbered(loading, rows, read), read, before)
    writes.quarantine(loading, rows, splits, before[loading.quarantine.name])
    resolved = writes.resolve(loading, rows)
    fates = writes.merge(loading, rows, splits, writes.clear(loading, before))
    committed = passes.committed(loading, splits)
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
        snapshots={table.name: _change(loading, table, before[table.name]) for table in tables},
        observed=_observed(observed, loading.contract),
        files=passes.by_file(loading, read, fates, committed),
        **_by_action(loading.contract, verdicts),
        row_rules=tuple(map(rule_results.row_rule_result, row_rules)),
        table_rules=tuple(map(rule_results.table_rule_result, table_rules)),
        touched_dates=passes.touched_dates(splits),
        schema_changes=changes,
        bytes_read=loading.manifest.size_bytes,
        quarantine_resolved=resolved,
        duration_seconds=round(time.monotonic() - started, 1),
    )


def _require_subject(loading: LoadRun) -> None:
    erased = len(loading.manifest.erased_subjects)
    if erased and loading.contract.subject_column is None:
        raise ContractInvalid(
            f"{erased} data subjects of {loading.contract.dataset} were erased, but its contract marks no column with "
            "dataSubject any more, so that their records could not be refused; mark the column again"
        )


def _ensure(loading: LoadRun) -> tuple[str, ...]:
    """Tables as the contract wants them; what was changed about those that people read."""
    changes = loading.tables.ensure(loading.processed, may_evolve=loading.may_evolve)
    # Its columns are the pipeline's own, and money columns that the processed table has accepted.
    loading.tables.ensure(loading.quarantine, may_evolve=True)
    return tuple(f"{loading.processed.name}: {change}" for change in changes)


def _change(loading: LoadRun, table: Table, before: int | None) -> SnapshotChange:
    head = loading.tables.head(table, loading.branch)
    if head is None:
        raise RetryableError(
            f"{table.name}: the branch {loading.branch!r} of the run is gone; run the whole batch again"
        )
    return SnapshotChange(before=before, after=head)


def _observed(observed: passes.Observed, contract: model.Contract) -> Observed:
    return Observed(rows_read=observed.rows, totals=figures.to_scale(observed.totals, contract))


def _rules(
    loading: LoadRun, verdicts: list[Verdict], splits: list[Row], committed: passes.Committed
) -> tuple[list[RuleResult], list[RuleResult]]:
    brought = sum(row[ROWS] for (table, _), row in committed.items() if table == passes.PROCESSED)
    row_rules = rule_evaluation.row_rules(loading, verdicts, splits)
    return row_rules, rule_evaluation.table_rules(loading, passes.loaded(loading, splits), brought)


def _by_action(contract: model.Contract, verdicts: list[Verdict]) -> dict[str, dict[str, int]]:
    """Rows by rule: refused, warned, and of the refused those that halt the run."""
    by_rule = rule_results.by_rule(verdicts)
    action = {rule.id: rule.action for rule in contract.rules}
    warned = {name: count for name, count in by_rule.items() if action.get(name) == "warn"}
    halting = {name: count for name, count in by_rule.items() if action.get(name) == "halt"}
    refused = {name: count for name, count in by_rule.items() if name not in warned}
    return {"quarantine_by_rule": refused, "warnings_by_rule": warned, "halted_by_rule": halting}
