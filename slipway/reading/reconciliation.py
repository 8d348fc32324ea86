"""Hold the accounts of one delivery against each other: files, ledger, tables by Athena, warehouse, PostgreSQL.

Rows and every control column must agree: delivered = loaded + quarantined + deduplicated, and loaded = processed =
each curated model = its copy in the warehouse, if there is one; processed = its copy in the internal database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from contracts.amounts import added
from contracts.model import Contract
from pipeline.run_documents import PARTS
from slipway.deployment import Deployment
from slipway.reading import curated_sums, independent_count, internal_database, lake, ledgers
from slipway.reading.curated_sums import Sums


@dataclass(frozen=True, kw_only=True)
class Line:
    """One figure per account: a label, then rows and each control total. None where an account has no such figure."""

    label: str
    rows: int | None
    totals: tuple[Decimal | None, ...]


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """The lines as printed, and what does not agree (empty when everything does)."""

    lines: tuple[Line, ...]
    differences: tuple[str, ...]


def reconcile(
    deployment: Deployment, contract: Contract, accepted: Iterable[Path]
) -> Reconciliation:
    """Reconcile the files of this deployment's only runs; `accepted` are the files that were registered."""
    names = [column.name for column in contract.control_columns]
    inputs = independent_count.delivered(accepted, contract)
    runs = [
        item for item in ledgers.runs(deployment, contract.dataset) if item["status"] == "succeeded"
    ]
    parts = [_ledger_line(part, runs, names) for part in PARTS]
    processed = _processed_line(deployment, contract.dataset, names)
    curated = {model.name: curated_sums.in_lake(deployment, model) for model in contract.curated}
    copies = {
        model.name: curated_sums.in_warehouse(deployment, model)
        for model in curated_sums.loaded_models(deployment, contract)
    }
    tables = [
        processed,
        *(_line(f"Athena: curated {name}", sums, names) for name, sums in curated.items()),
        *(_line(f"warehouse: curated {name}", sums, names) for name, sums in copies.items()),
        *_written_back(deployment, contract),
    ]
    files = Line(
        label="files, as delivered",
        rows=inputs.rows,
        totals=tuple(inputs.totals[name] for name in names),
    )
    differences = (*_differences(names, files, parts, tables), *_of_copies(curated, copies))
    return Reconciliation(lines=(files, *parts, *tables), differences=differences)


def _ledger_line(part: str, runs: Sequence[dict[str, Any]], names: Sequence[str]) -> Line:
    rows = sum(int(item[f"rows_{part}"]) for item in runs)
    totals = tuple(added(Decimal(item["totals"][part][name]) for item in runs) for name in names)
    return Line(label=f"ledger: {part}", rows=rows, totals=totals)


def _processed_line(deployment: Deployment, dataset: str, names: Sequence[str]) -> Line:
    sums = ", ".join(f"sum({name})" for name in names)
    answer = lake.query(deployment, f"select count(*), {sums} from processed.{dataset}")  # noqa: S608 - contract names
    first = answer.iloc[0].tolist()
    return Line(
        label=f"Athena: processed {dataset}",
        rows=int(first[0]),
        totals=tuple(_money(x) for x in first[1:]),
    )


def _written_back(deployment: Deployment, contract: Contract) -> Iterable[Line]:
    if internal_database.holds(deployment, contract):
        count, *totals = internal_database.sums(deployment, contract)
        yield Line(
            label=f"database: silver {contract.dataset}",
            rows=int(count),
            totals=tuple(map(Decimal, totals)),
        )


def _line(label: str, sums: Sums, names: Sequence[str]) -> Line:
    return Line(label=label, rows=None, totals=sums.in_order(names))


def _money(value: object) -> Decimal:
    return Decimal(str(value)) if value is not None else Decimal(0)


def _differences(
    names: Sequence[str], files: Line, parts: Sequence[Line], tables: Sequence[Line]
) -> Iterable[str]:
    accounted = sum(part.rows or 0 for part in parts)
    if files.rows != accounted:
        yield f"{files.rows} rows were delivered, the ledger accounts for {accounted}"
    loaded = parts[0]
    for table in tables:
        if table.rows is not None and table.rows != loaded.rows:
            yield f"the ledger says {loaded.rows} rows loaded, {table.label} has {table.rows}"
    for position, name in enumerate(names):
        total = added(part.totals[position] or Decimal(0) for part in parts)
        if files.totals[position] != total:
            yield f"{name}: {files.totals[position]} was delivered, the ledger accounts for {total}"
        for table in tables:
            if (
                table.totals[position] is not None
                and table.totals[position] != loaded.totals[position]
            ):
                yield f"{name}: the ledger says {loaded.totals[position]}, {table.label} has {table.totals[position]}"


def _of_copies(curated: Mapping[str, Sums], copies: Mapping[str, Sums]) -> Iterable[str]:
    for name, copy in copies.items():
        if copy.rows != curated[name].rows:
            yield f"{name} has {curated[name].rows} rows in the lake and {copy.rows} in the warehouse"
