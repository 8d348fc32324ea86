"""How the pipeline of one dataset fares, for the report: runs, files, refusals, freshness, and whether it all adds up.

The accounts are taken apart as the pipeline took them: what the runs measured (run ledger), and what the tables hold
now (Athena). A run must account for all that it read, and the curated tables for all that is processed; between loaded
and processed there may be rows that a later file has replaced, which is shown and is no difference.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from contracts import naming
from contracts.amounts import EXACT, added
from contracts.model import Contract, CuratedModel
from dashboards.page_data import (
    Account,
    EngineCost,
    FetchedSource,
    File,
    Health,
    Reconciliation,
    Refusal,
    Run,
)
from pipeline import costs
from pipeline.ledger import Item
from pipeline.modes import works_on_files
from pipeline.run_documents import PARTS
from rows.columns import REASONS, RULE_IDS
from slipway.deployment import Deployment
from slipway.reading import curated_sums, lake, ledgers, quarantine_queries, sources
from slipway.reading.curated_sums import Sums
from slipway.reading.warehouse import StatementFailed

NEWEST_RUNS = 12  # hundreds would be read by nobody; the ledgers keep all
NEWEST_FILES = 40
SAMPLES_SHOWN = 6  # refused values of a file that was set aside; `slipway files show` has more
LONGEST_EXPLANATION = 240  # characters of an error; the ledger keeps all of it


def has_published(runs: Iterable[Item]) -> bool:
    """Whether a run has ever moved the tables: before, there is nothing to ask Athena for."""
    return any(
        run["status"] in ("succeeded", "rolled_back") and works_on_files(run["mode"])
        for run in runs
    )


def health(deployment: Deployment, contract: Contract, runs: Sequence[Item]) -> Health:
    """The health of a dataset; `runs` are all of it, oldest first."""
    fates = ledgers.fates(ledgers.entries(deployment, contract.dataset))
    published = has_published(runs)
    loads = [run for run in runs if run["status"] == "succeeded" and works_on_files(run["mode"])]
    return Health(
        runs=tuple(_run(item) for item in reversed(runs[-NEWEST_RUNS:])),
        files=tuple(_file(fate) for fate in reversed(fates[-NEWEST_FILES:])),
        fates=dict(Counter(fate.status for fate in fates).most_common()),
        refusals=tuple(_refusals(deployment, contract.dataset)) if published else (),
        refused_rows=quarantine_queries.count(
            deployment, contract.dataset, quarantine_queries.Selection()
        )
        if published
        else 0,
        reconciliation=reconciliation(deployment, contract, runs, fates)
        if published
        else _unproven(contract),
        last_loaded_at=_moment(loads[-1]["ended_at"]) if loads else None,
        freshness_hours=contract.freshness_hours + _quiet_hours(contract, loads),
        cost=engine_cost(runs, datetime.now(UTC).date()),
        sources=tuple(_sources(deployment, contract.dataset)),
    )


def _sources(deployment: Deployment, dataset: str) -> Iterator[FetchedSource]:
    """The sources of the dataset that are deployed, with what their newest fetch did."""
    for each in sources.every(deployment):
        if each.state is None or each.source.dataset != dataset:
            continue
        last = each.fetches[0] if each.fetches else None
        complete = each.state.watermark
        yield FetchedSource(
            name=each.source.name,
            place=each.source.url.partition("?")[0].rpartition("://")[2],
            status=str(last["status"]) if last else "never",
            changed_at=_moment(last["changed_at"]) if last else None,
            complete_at=_moment(complete) if complete else None,
            explanation=str(last["detail"])[:LONGEST_EXPLANATION] if last else "",
        )


def engine_cost(runs: Iterable[Item], today: date) -> EngineCost | None:
    """What the engines of the month of `today` cost, of runs that ended well or not; None if no run says so."""
    month = f"{today:%Y-%m}"
    known = [
        total
        for run in runs
        if str(run.get("ended_at", "")).startswith(month)
        and (total := costs.total_usd(run)) is not None
    ]
    return EngineCost(month=today, runs=len(known), usd=sum(known, Decimal(0))) if known else None


def _quiet_hours(contract: Contract, loads: Sequence[Item]) -> int:
    """Hours since the last load that belong to days on which no file is expected."""
    if not loads:
        return 0
    since = _moment(loads[-1]["ended_at"])
    return math.ceil(contract.days_without_files.hours_between(since, datetime.now(UTC)))


def reconciliation(
    deployment: Deployment,
    contract: Contract,
    runs: Sequence[Item],
    fates: Sequence[ledgers.FileFate],
) -> Reconciliation:
    """The accounts of runs and tables, and each sentence on what does not agree."""
    names = [column.name for column in contract.control_columns]
    loads = [run for run in runs if run["status"] == "succeeded" and run["mode"] == "load"]
    processed = _processed(deployment, contract.dataset, names)
    curated = [_curated(deployment, model, names) for model in contract.curated]
    measured = [_measured(part, loads, names) for part in ("read", *PARTS)]
    later = _later(measured[1], processed)
    differences = [*_of_runs(loads, names), *_of_files(fates)]
    if (
        contract.retention.processed_days is None
    ):  # else curated periods outlive the rows they were computed from
        differences += _of_tables(processed, curated, names)
    copies, unequal = _in_warehouse(deployment, contract, names)
    accounts = (*measured, *([later] if later else []), processed, *curated, *copies)
    return Reconciliation(
        columns=tuple(names), accounts=accounts, differences=(*differences, *unequal)
    )


def _unproven(contract: Contract) -> Reconciliation:
    names = tuple(column.name for column in contract.control_columns)
    return Reconciliation(columns=names, accounts=(), differences=())


def _measured(part: str, loads: Sequence[Item], names: Sequence[str]) -> Account:
    totals = tuple(
        added((_total(run, part, name) for run in loads), Decimal("0.00")) for name in names
    )
    return Account(
        label=f"Runs: {part}", rows=sum(int(run[f"rows_{part}"]) for run in loads), totals=totals
    )


def _total(run: Item, part: str, name: str) -> Decimal:
    return Decimal(run["totals"][part][name])


def _later(loaded: Account, processed: Account) -> Account | None:
    rows = (processed.rows or 0) - (loaded.rows or 0)
    pairs = zip(processed.totals, loaded.totals, strict=True)
    totals = tuple(EXACT.subtract(now or Decimal(0), then or Decimal(0)) for now, then in pairs)
    if rows == 0 and not any(totals):
        return None
    return Account(label="Since: replaced, replayed or removed", rows=rows, totals=totals)


def _processed(deployment: Deployment, dataset: str, names: Sequence[str]) -> Account:
    sums = ", ".join(f"sum({name})" for name in names)
    ((rows, *totals),) = lake.rows(deployment, f"select count(*), {sums} from processed.{dataset}")  # noqa: S608 - contract names
    return Account(
        label=f"Table: {dataset}", rows=int(rows), totals=tuple(_money(total) for total in totals)
    )


def _curated(deployment: Deployment, model: CuratedModel, names: Sequence[str]) -> Account:
    sums = curated_sums.in_lake(deployment, model)
    return Account(label=f"Table: {model.name}", rows=None, totals=sums.in_order(names))


def _in_warehouse(
    deployment: Deployment, contract: Contract, names: Sequence[str]
) -> tuple[list[Account], list[str]]:
    """What the warehouse holds of the curated tables, and each sentence on what is not as in the lake."""
    accounts, unequal = [], []
    for model in curated_sums.loaded_models(deployment, contract):
        try:
            copy = curated_sums.in_warehouse(deployment, model)
        except StatementFailed as error:
            unequal.append(f"Warehouse: {model.name} could not be read: {error}")
            continue
        accounts.append(
            Account(label=f"Warehouse: {model.name}", rows=None, totals=copy.in_order(names))
        )
        original = curated_sums.in_lake(deployment, model)
        if copy != original:
            unequal.append(
                f"Warehouse: {model.name} has {_said(copy)}, the table in the lake has {_said(original)}."
            )
    return accounts, unequal


def _said(sums: Sums) -> str:
    return ", ".join(
        [f"{sums.rows:,} rows", *(f"{total:,} of {name}" for name, total in sums.totals.items())]
    )


def _money(value: Any) -> Decimal:
    return Decimal("0.00") if value is None else Decimal(str(value))


def _of_runs(loads: Sequence[Item], names: Sequence[str]) -> Iterator[str]:
    for run in loads:
        rows = sum(int(run[f"rows_{part}"]) for part in PARTS)
        if rows != int(run["rows_read"]):
            yield f"Run {run['run_id']} read {int(run['rows_read']):,} rows and accounts for {rows:,}."
        for name in names:
            total = added(_total(run, part, name) for part in PARTS)
            if total != _total(run, "read", name):
                yield f"Run {run['run_id']} read {_total(run, 'read', name):,} of {name} and accounts for {total:,}."


def _of_files(fates: Sequence[ledgers.FileFate]) -> Iterator[str]:
    for fate in fates:
        counts = (fate.rows_loaded, fate.rows_quarantined, fate.rows_deduplicated)
        if fate.status != "loaded" or fate.row_count is None or None in counts:
            continue
        rows = sum(count or 0 for count in counts)
        if rows != fate.row_count:
            yield f"File {fate.file_name} has {fate.row_count:,} records by intake's count, {rows:,} are accounted for."


def _of_tables(
    processed: Account, curated: Sequence[Account], names: Sequence[str]
) -> Iterator[str]:
    for table in curated:
        for name, expected, found in zip(names, processed.totals, table.totals, strict=True):
            if found is not None and found != expected:
                yield f"{table.label} has {found:,} of {name}, {processed.label} has {expected:,}."


def _refusals(deployment: Deployment, dataset: str) -> Iterator[Refusal]:
    sql = f"""
        select rule, count(*), min(reason)
        from processed.{naming.quarantine_table(dataset)}
        cross join unnest({RULE_IDS}, {REASONS}) as t (rule, reason)
        where {quarantine_queries.open_condition(deployment, dataset)}
        group by rule
        order by 2 desc, 1
    """  # noqa: S608 - the name comes from a validated contract
    for rule, rows, reason in lake.rows(deployment, sql):
        yield Refusal(rule=str(rule), rows=int(rows), example=str(reason))


def _run(item: Item) -> Run:
    return Run(
        run_id=item["run_id"],
        status=item["status"],
        mode=item["mode"],
        trigger=item["trigger"],
        started_at=_moment(item["started_at"]),
        ended_at=_moment(item["ended_at"]) if "ended_at" in item else None,
        files=int(item.get("file_count", 0)),
        rows_read=_whole(item.get("rows_read")),
        rows_loaded=_whole(item.get("rows_loaded")),
        rows_quarantined=_whole(item.get("rows_quarantined")),
        rows_deduplicated=_whole(item.get("rows_deduplicated")),
        explanation=_explanation(item),
    )


def _explanation(item: Item) -> str:
    if item["status"] == "rolled_back":
        return f"rolled back by {item['rolled_back_by']}"
    if told := item.get("retracts"):
        return (
            f"retracted {told.get('file_name', told['sha256'])}, by {told['by']}: {told['reason']}"
        )
    parts = (str(item.get(name) or "") for name in ("error", "cause"))
    text = ": ".join(part for part in parts if part)
    return text if len(text) <= LONGEST_EXPLANATION else text[: LONGEST_EXPLANATION - 1] + "…"


def _file(fate: ledgers.FileFate) -> File:
    return File(
        name=fate.file_name,
        status=fate.status,
        received_at=_moment(fate.received_at),
        rows=fate.row_count,
        rows_loaded=fate.rows_loaded,
        rows_quarantined=fate.rows_quarantined,
        rows_deduplicated=fate.rows_deduplicated,
        explanation=fate.explanation,
        samples=fate.samples[:SAMPLES_SHOWN],
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
