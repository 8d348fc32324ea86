"""Whether a run's figures prove that nothing was lost, doubled or changed; a pure function of what was written down.

Each equation compares figures that were measured apart: the intake's count, the observation on the source, the staged
rows and the committed tables. All discrepancies are told at once. Nothing read is no proof: that is refused as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from contracts.amounts import added
from contracts.errors import QuarantineLimitExceeded, ReconciliationFailed
from contracts.model import Contract
from lambdas.gate.replacing import FEWEST_ROWS, files_over
from pipeline import alerts
from pipeline.run_documents import PARTS, LoadedFile, LoadResult, Manifest, PartTotals


def reconcile(
    manifest: Manifest, result: LoadResult, contract: Contract, of_others: Callable[[str], int]
) -> dict[str, Any]:
    """Counts and totals of the whole run, once everything adds up. `of_others`: lambdas.gate.replacing.

    Raises ReconciliationFailed with every discrepancy: which file, which figure, both values and the difference; and
    its kind QuarantineLimitExceeded when there is nothing but too many bad or replaced rows.
    """
    problems = [
        *_identity(manifest, result, contract),
        *_files(manifest, result, contract),
        *_retracted(manifest, result),
    ]
    if not problems:
        problems = [*_observed(manifest, result, contract), *_halts(result, contract)]
    over = {} if problems else files_over_limit(manifest, result, contract)
    replacing = {} if problems else files_over(manifest, result, contract, of_others)
    excess = [*_excess(result, over, contract), *replacing.values()]
    if not problems:
        judged = list(_table_rules(result, contract, is_short=bool(excess)))
        problems = [*excess, *(_all_refused(result) if judged and not excess else ()), *judged]
    if problems:
        # The table rules judge a table that lacks the bad rows: they are judged again once these files are out.
        kind = QuarantineLimitExceeded if excess else ReconciliationFailed
        count = "1 discrepancy" if len(problems) == 1 else f"{len(problems)} discrepancies"
        heading = f"{problems[0]} ({count} in run {manifest.run_id}; nothing is published)"
        every = [f"- {problem}" for problem in problems] if len(problems) > 1 else []
        raise kind("\n".join([heading, *every]))
    return _summary(result, contract)


def files_over_limit(manifest: Manifest, result: LoadResult, contract: Contract) -> dict[str, str]:
    """The files whose own share of newly refused rows is above the limit, by hash: how bad each is.

    Each file is judged by itself, whatever came in the same batch. A replay is judged by the rows that
    it refuses and the load before it did not: it cannot make what was refused then any worse. A
    correction is not judged: it has few rows, all of them refused before. Records of people who were
    erased are refused on purpose, so they do not count as bad.
    """
    before = {file.sha256: file.refused_before or 0 for file in manifest.files}
    over = {}
    for file in result.files:
        refused = file.rows_quarantined - (file.rows_erased or 0)
        newly = max(0, refused - before.get(file.sha256, 0))
        if file.sha256 not in manifest.replays and _is_above(newly, file.rows_read, contract):
            again = " that were not refused before" if before.get(file.sha256, 0) else ""
            over[file.sha256] = (
                f"{newly} of {file.rows_read} rows of {file.file_name}{again} were quarantined"
            )
    return over


def _identity(manifest: Manifest, result: LoadResult, contract: Contract) -> Iterator[str]:
    """The result is about this run, this contract and exactly these files."""
    about = (
        ("dataset", result.dataset, contract.dataset),
        ("run_id", result.run_id, manifest.run_id),
        ("mode", result.mode, manifest.mode),
    )
    for name, found, expected in about:
        if found != expected:
            yield f"result: {name} is {found!r}, the run's is {expected!r}"
    versions = {
        "manifest": manifest.contract_version,
        "job": result.contract_version,
        "gate": contract.version,
    }
    if len(set(versions.values())) > 1:
        yield f"contract versions differ: {versions}; run again once the deployment is complete"
    planned = [file.sha256 for file in manifest.files]
    done = [file.sha256 for file in result.files]
    names = {file.sha256: file.file_name for file in result.files}
    names |= {file.sha256: file.file_name for file in manifest.files}
    for sha256 in names:
        if planned.count(sha256) != 1 or done.count(sha256) != 1:
            yield f"{names[sha256]}: {planned.count(sha256)} times in the manifest, {done.count(sha256)} in the result"


def _files(manifest: Manifest, result: LoadResult, contract: Contract) -> Iterator[str]:
    """For each file: counted = read = loaded + quarantined + deduplicated, in rows and in each money column."""
    counted = {file.sha256: file.row_count for file in manifest.files}
    declared = {file.sha256: file.declared_totals or {} for file in manifest.files}
    for file in result.files:
        name, read = file.file_name, file.rows_read
        if file.sha256 in counted:
            yield from _compare(
                name, "rows", "counted by intake", counted[file.sha256], "read", read
            )
        yield from _compare(
            name, "rows", "read", read, " + ".join(PARTS), sum(map(file.rows, PARTS))
        )
        yield from _effects(name, file)
        yield from _money(name, file.totals, contract)
        yield from _history(name, file, contract)
        yield from _declared(file, declared.get(file.sha256, {}), contract)


def _retracted(manifest: Manifest, result: LoadResult) -> Iterator[str]:
    """Nothing is left of the file that the run retracts, and of no other file it is said to be retracted."""
    planned = [file.sha256 for file in manifest.taken_out]
    done = [result.retracted.sha256] if result.retracted else []
    if planned != done:
        yield f"retracted: {done or 'no file'} in the result, {planned or 'no file'} in the manifest"
    if manifest.retracted and result.retracted and result.retracted.rows_left:
        yield f"{manifest.retracted.file_name}: retracted, and {result.retracted.rows_left} rows of it are left"


def _effects(name: str, file: LoadedFile) -> Iterator[str]:
    """What the rows did, counted against the table before, explains what is in the tables and what is not."""
    effect = file.effect
    loaded = effect.rows_new + effect.rows_replaced + effect.rows_unchanged + effect.rows_kept
    yield from _compare(
        name, "rows", "loaded", file.rows_loaded, "new + replaced + unchanged + kept", loaded
    )
    dropped = effect.rows_repeated_equal + effect.rows_repeated_different + effect.rows_outdated
    yield from _compare(
        name, "rows", "deduplicated", file.rows_deduplicated, "repeats + outdated", dropped
    )


def _money(name: str, totals: PartTotals, contract: Contract) -> Iterator[str]:
    for column in contract.control_columns:
        amounts = {part: sums.get(column.name) for part, sums in _by_part(totals).items()}
        absent = [part for part, amount in amounts.items() if amount is None]
        if absent:
            yield f"{name}: {column.name}: no total for {', '.join(absent)}"
            continue
        known = {part: amount for part, amount in amounts.items() if amount is not None}
        parts = added(known[part] for part in PARTS)
        yield from _compare(name, column.name, "read", known["read"], " + ".join(PARTS), parts)


def _history(name: str, file: LoadedFile, contract: Contract) -> Iterator[str]:
    """The history holds every accepted record: those that are loaded, and those that gave way to others."""
    if not contract.history:
        return
    if file.history is None:
        yield f"{name}: the job says nothing of its rows in the history table"
        return
    accepted = file.rows_loaded + file.rows_deduplicated
    yield from _compare(
        name, "rows", "in the history", file.history.rows, "loaded + deduplicated", accepted
    )
    for column in contract.control_columns:
        kept = file.history.totals.get(column.name)
        loaded, dropped = (
            totals.get(column.name) for totals in (file.totals.loaded, file.totals.deduplicated)
        )
        if kept is None or loaded is None or dropped is None:
            yield f"{name}: {column.name}: no total for the history, loaded or deduplicated"
            continue
        total = added((loaded, dropped))
        yield from _compare(
            name, column.name, "in the history", kept, "loaded + deduplicated", total
        )


def _declared(
    file: LoadedFile, declared: Mapping[str, Decimal], contract: Contract
) -> Iterator[str]:
    """Money as the database said it. An amount of a refused record may be one that cannot be read, and counts as 0."""
    if file.rows_quarantined:
        return
    for column in contract.control_columns:
        if column.name in declared and column.name in file.totals.read:
            said, read = declared[column.name], file.totals.read[column.name]
            yield from _compare(
                file.file_name, column.name, "said by its source", said, "read", read
            )


def _observed(manifest: Manifest, result: LoadResult, contract: Contract) -> Iterator[str]:
    """What was observed while reading equals the sum over the files, and is something if there were any."""
    observed = result.observed
    rows = sum(file.rows_read for file in result.files)
    yield from _compare(
        "all files", "rows", "observed", observed.rows_read, "sum of the files", rows
    )
    if rows == 0 and (manifest.files or not manifest.retracted):
        yield "UNPROVEN: 0 rows were read, so that nothing is shown by the sums being equal"
    for column in contract.control_columns:
        amount = observed.totals.get(column.name)
        if amount is None:
            yield f"all files: {column.name}: no observed total"
            continue
        total = added(file.totals.read[column.name] for file in result.files)
        yield from _compare("all files", column.name, "observed", amount, "sum of the files", total)


def _excess(result: LoadResult, over: Mapping[str, str], contract: Contract) -> Iterator[str]:
    """A sentence per file above the limit; the first one also says by which rules rows were refused."""
    rules = ", ".join(f"{rule} {rows}" for rule, rows in result.quarantine_by_rule.items())
    ending = f"; rows of the batch by rule: {rules}"
    for how in over.values():
        yield f"{how}, the contract allows a share of {contract.max_quarantined_share}{ending}"
        ending = ""


def _all_refused(result: LoadResult) -> Iterator[str]:
    """Why a run brought no row to the table, a sentence per file: what its table rules say then is the consequence."""
    if any(file.rows_loaded for file in result.files):
        return
    for file in result.files:
        if file.rows_quarantined and file.rows_quarantined == file.rows_read:
            first = f": {file.samples[0].text}" if file.samples else ""
            yield (
                f"every row of {file.file_name} was refused ({alerts.counted(file.rows_read, 'row')}){first}; correct"
                " it and send it again, or send a file with valid rows, with which these are quarantined"
            )


def _is_above(refused: int, read: int, contract: Contract) -> bool:
    """More than the contract allows, or everything, whatever it allows.

    A share of a few rows says little: below FEWEST_ROWS bad rows are quarantined like any others,
    unless the contract allows none at all.
    """
    allowed = Decimal(contract.max_quarantined_share)
    if not refused or (read < FEWEST_ROWS and allowed):
        return False
    return refused == read or Decimal(refused) / Decimal(read) > allowed


def _halts(result: LoadResult, contract: Contract) -> Iterator[str]:
    """Row rules whose action is halt, whether the job says so or only counts their rows."""
    descriptions = {rule.id: rule.description for rule in contract.rules}
    counted = {
        rule.id: result.quarantine_by_rule.get(rule.id, 0) + result.warnings_by_rule.get(rule.id, 0)
        for rule in contract.rules
        if rule.action == "halt"
    }
    for rule_id, rows in sorted({**counted, **result.halted_by_rule}.items()):
        if rows or rule_id in result.halted_by_rule:
            broken_by = alerts.counted(rows, "row")
            described = descriptions.get(rule_id, "built in")
            shown = "".join(_examples(result, rule_id))
            yield f"halt rule {rule_id!r} was broken by {broken_by}: {described}{shown}"


def _examples(result: LoadResult, rule_id: str) -> Iterator[str]:
    """The first record that breaks a rule, of the first files that have one: such a run publishes no quarantine."""
    for file in result.files:
        for sample in file.samples or ():
            if sample.rule_id == rule_id:
                yield f"; {file.file_name}, {sample.text}"
                break


def _table_rules(result: LoadResult, contract: Contract, *, is_short: bool) -> Iterator[str]:
    """Every table rule of the contract was evaluated, and those with action halt passed; unproven is not passed.

    A rule that the job adds itself says whether it halts. That a table which is `is_short` of the rows of
    bad files proves nothing goes without saying.
    """
    results = {found.rule_id: found for found in result.table_rules}
    rules = {rule.id: rule for rule in contract.table_rules}
    for rule_id in sorted(rules.keys() | results.keys()):
        found, rule = results.get(rule_id), rules.get(rule_id)
        if found is None:
            yield f"table rule {rule_id!r}: the job says nothing of it"
        elif is_short and found.status == "unproven":
            continue
        elif (rule.action if rule else found.action) == "halt" and found.status != "passed":
            yield (
                f"table rule {rule_id!r} {found.status.upper()}: measured {found.measured},"
                f" expected {found.expected}: {rule.description if rule else 'built in'}"
            )


def _compare(
    file: str,
    figure: str,
    left: str,
    left_value: int | Decimal,
    right: str,
    right_value: int | Decimal,
) -> Iterator[str]:
    if left_value != right_value:
        difference = left_value - right_value
        yield f"{file}: {figure}: {left} {left_value}, {right} {right_value}, difference {difference}"


def _by_part(totals: PartTotals) -> dict[str, Mapping[str, Decimal]]:
    return {"read": totals.read, **{part: totals.of(part) for part in PARTS}}


def _summary(result: LoadResult, contract: Contract) -> dict[str, Any]:
    totals = [_by_part(file.totals) for file in result.files]

    def total(part: str, column: str) -> str:
        return str(added(sums[part][column] for sums in totals))

    return {
        "dataset": result.dataset,
        "run_id": result.run_id,
        "file_count": len(result.files),
        "rows_read": sum(file.rows_read for file in result.files),
        **{f"rows_{part}": sum(file.rows(part) for file in result.files) for part in PARTS},
        "totals": {
            column.name: {part: total(part, column.name) for part in ("read", *PARTS)}
            for column in contract.control_columns
        },
    }
