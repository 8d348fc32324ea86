"""Whether a run's figures prove that nothing was lost, doubled or changed; a pure function of what was written down.

Each equation compares figures that were measured apart: the intake's count, the observation on the source, the staged
rows and the committed tables. All discrepancies are told at once. Nothing read is no proof: that is refused as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from contracts.errors import ReconciliationFailed
from contracts.model import Contract

PARTS = ("loaded", "quarantined", "deduplicated")
COUNTS = ("rows_read", *(f"rows_{part}" for part in PARTS))

Document = Mapping[str, Any]


def reconcile(manifest: Document, result: Document, contract: Contract) -> dict[str, Any]:
    """Counts and totals of the whole run, once everything adds up.

    Raises ReconciliationFailed with every discrepancy: which file, which figure, both values and the difference.
    """
    problems = [*_identity(manifest, result, contract), *_files(manifest, result, contract)]
    if not problems:
        problems = [*_observed(result, contract), *_limits(result, contract)]
    if problems:
        heading = (
            f"{len(problems)} discrepancies in run {manifest['run_id']} of {contract.dataset}; nothing is published"
        )
        raise ReconciliationFailed("\n".join([heading, *(f"- {problem}" for problem in problems)]))
    return _summary(result, contract)


def _identity(manifest: Document, result: Document, contract: Contract) -> Iterator[str]:
    """The result is about this run, this contract and exactly these files."""
    for name, expected in (("dataset", contract.dataset), ("run_id", manifest["run_id"])):
        if result[name] != expected:
            yield f"result: {name} is {result[name]!r}, the run's is {expected!r}"
    versions = {"manifest": manifest["contract_version"], "job": result["contract_version"], "gate": contract.version}
    if len(set(versions.values())) > 1:
        yield f"contract versions differ: {versions}; run again once the deployment is complete"
    planned = [file["sha256"] for file in manifest["files"]]
    done = [file["sha256"] for file in result["files"]]
    names = {file["sha256"]: file["file_name"] for file in [*result["files"], *manifest["files"]]}
    for sha256 in names:
        if planned.count(sha256) != 1 or done.count(sha256) != 1:
            yield f"{names[sha256]}: {planned.count(sha256)} times in the manifest, {done.count(sha256)} in the result"


def _files(manifest: Document, result: Document, contract: Contract) -> Iterator[str]:
    """For each file: counted = read = loaded + quarantined + deduplicated, in rows and in each money column."""
    counted = {file["sha256"]: file["row_count"] for file in manifest["files"]}
    for file in result["files"]:
        name = file["file_name"]
        for count in COUNTS:
            if not isinstance(file[count], int) or file[count] < 0:
                yield f"{name}: {count} is {file[count]!r}, no number of rows"
                break
        else:
            if file["sha256"] in counted:
                yield from _compare(
                    name, "rows", "counted by intake", counted[file["sha256"]], "read", file["rows_read"]
                )
            parts = sum(file[f"rows_{part}"] for part in PARTS)
            yield from _compare(name, "rows", "read", file["rows_read"], " + ".join(PARTS), parts)
        yield from _money(name, file["totals"], contract)


def _money(name: str, totals: Document, contract: Contract) -> Iterator[str]:
    for column in contract.control_columns:
        amounts = {part: _amount(totals.get(part, {}).get(column.name)) for part in ("read", *PARTS)}
        absent = [part for part, amount in amounts.items() if amount is None]
        if absent:
            yield f"{name}: {column.name}: no total for {', '.join(absent)}"
            continue
        known = {part: amount for part, amount in amounts.items() if amount is not None}
        parts = sum((known[part] for part in PARTS), Decimal(0))
        yield from _compare(name, column.name, "read", known["read"], " + ".join(PARTS), parts)


def _observed(result: Document, contract: Contract) -> Iterator[str]:
    """What was observed while reading equals the sum over the files."""
    observed = result["observed"]
    rows = sum(file["rows_read"] for file in result["files"])
    yield from _compare("all files", "rows", "observed", observed["rows_read"], "sum of the files", rows)
    for column in contract.control_columns:
        amount = _amount(observed["totals"].get(column.name))
        if amount is None:
            yield f"all files: {column.name}: no observed total"
            continue
        total = sum((Decimal(file["totals"]["read"][column.name]) for file in result["files"]), Decimal(0))
        yield from _compare("all files", column.name, "observed", amount, "sum of the files", total)


def _limits(result: Document, contract: Contract) -> Iterator[str]:
    """Something was read, not too much of it was quarantined, and no halt rule was broken."""
    read = sum(file["rows_read"] for file in result["files"])
    quarantined = sum(file["rows_quarantined"] for file in result["files"])
    if read == 0:
        yield "UNPROVEN: 0 rows were read, so that nothing is shown by the sums being equal"
    elif quarantined == read:
        yield f"all {read} rows were quarantined"
    elif Decimal(quarantined) / Decimal(read) > Decimal(contract.max_quarantined_share):
        share = Decimal(quarantined) / Decimal(read)
        yield (
            f"quarantined share is {share:.4f} ({quarantined} of {read} rows), the contract allows"
            f" {contract.max_quarantined_share}; see the rules in the quarantine table"
        )
    for rule in contract.rules:
        broken = result["quarantine_by_rule"].get(rule.id, 0) + result["warnings_by_rule"].get(rule.id, 0)
        if rule.action == "halt" and broken:
            yield f"halt rule {rule.id!r} was broken by {broken} rows: {rule.description}"


def _compare(
    file: str, figure: str, left: str, left_value: int | Decimal, right: str, right_value: int | Decimal
) -> Iterator[str]:
    if left_value != right_value:
        difference = left_value - right_value
        yield f"{file}: {figure}: {left} {left_value}, {right} {right_value}, difference {difference}"


def _amount(text: object) -> Decimal | None:
    """A money total; None when it is missing or no finite decimal in a string (a float would have lost cents)."""
    if not isinstance(text, str):
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def _summary(result: Document, contract: Contract) -> dict[str, Any]:
    def total(part: str, column: str) -> str:
        return str(sum((Decimal(file["totals"][part][column]) for file in result["files"]), Decimal(0)))

    return {
        "dataset": result["dataset"],
        "run_id": result["run_id"],
        "file_count": len(result["files"]),
        **{count: sum(file[count] for file in result["files"]) for count in COUNTS},
        "totals": {
            column.name: {part: total(part, column.name) for part in ("read", *PARTS)}
            for column in contract.control_columns
        },
    }
