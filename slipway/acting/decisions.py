"""What waits for a person in a deployment that is not stuck: files and records that no run takes by itself.

A rejected file has no entry that a later delivery could close, so the newest delivery of a landing key decides, and
what nobody replaced leaves the list after REJECTED_DAYS. It only reads.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from contracts import model
from pipeline.ledger import UNKNOWN_DATASET, Item, timestamp
from slipway.acting.diagnosis import Finding
from slipway.console import counted
from slipway.deployment import Deployment
from slipway.reading import lake, ledgers, quarantine_queries
from slipway.reading.quarantine_queries import Selection

REJECTED_DAYS = 7
MOST_NAMED = 5  # files of one dataset and fate; more are counted, with the command that lists them
NO_DELIVERY = ("ignored", "arriving", "arrived", "replaced")


def waiting(deployment: Deployment) -> Iterator[Finding]:
    """Everything that waits for a person, each with the next command."""
    for dataset in (*model.datasets(), UNKNOWN_DATASET):
        entries = ledgers.entries(deployment, dataset)
        yield from _set_aside(dataset, entries)
        yield from _rejected(dataset, entries)
        yield from _incomplete(dataset, entries)
        if dataset != UNKNOWN_DATASET:
            yield from _refused_records(deployment, dataset)


def _set_aside(dataset: str, entries: list[Item]) -> Iterator[Finding]:
    items = [item for item in entries if item["status"] == "set_aside"]
    for item in _named(items):
        reason = item.get("set_aside_reason") or "no reason was given"
        problem = f"{item['file_name']} of {dataset} is set aside: {reason}"
        yield Finding(
            problem=problem, next_step=f"slipway files show {item['sha256'][: ledgers.SHORT_HASH]}"
        )
    yield from _more(dataset, items, "set_aside", "set aside")


def _rejected(dataset: str, entries: list[Item]) -> Iterator[Finding]:
    since = timestamp(datetime.now(UTC) - timedelta(days=REJECTED_DAYS))
    items = [
        item
        for item in _newest(entries)
        if item["status"] == "rejected" and item["received_at"] >= since
    ]
    for item in _named(items):
        problem = (
            f"{item['file_name']} of {dataset} was rejected: {item['reason']}: {item['detail']}"
        )
        again = f"slipway files judge-again {shlex.quote(item['landing_key'])}"
        step = f"{again}  # once a corrected contract is deployed; else have it sent again"
        yield Finding(problem=problem, next_step=step)
    yield from _more(dataset, items, "rejected", "rejected")


def _incomplete(dataset: str, entries: list[Item]) -> Iterator[Finding]:
    items = [item for item in entries if item["status"] == "incomplete"]
    for item in _named(items):
        problem = (
            f"{item['file_name']} of {dataset} is set aside: its upload is not known to be complete"
        )
        step = f"if it is whole: slipway files accept {shlex.quote(item['landing_key'])}; else have it sent again"
        yield Finding(problem=problem, next_step=step)
    yield from _more(dataset, items, "incomplete", "set aside as incomplete")


def _refused_records(deployment: Deployment, dataset: str) -> Iterator[Finding]:
    """Athena is asked only when a run refused something; that it cannot answer is no reason to stay silent."""
    if not any(int(run.get("rows_quarantined", 0)) for run in ledgers.runs(deployment, dataset)):
        return
    step = f"slipway quarantine list --dataset {dataset}"
    try:
        number = quarantine_queries.count(deployment, dataset, Selection())
    except lake.QueryFailed as error:
        yield Finding(
            problem=f"refused records of {dataset} could not be counted: {error}", next_step=step
        )
        return
    if number:
        yield Finding(
            problem=f"{counted(number, 'refused record')} of {dataset} in quarantine",
            next_step=step,
        )


def _newest(entries: Iterable[Item]) -> list[Item]:
    """The newest delivery under each landing key."""
    newest: dict[str, Item] = {}
    deliveries = (
        item for item in entries if item["status"] not in NO_DELIVERY and "received_at" in item
    )
    for item in sorted(deliveries, key=_received_at):
        newest[item["landing_key"]] = item
    return list(newest.values())


def _named(items: list[Item]) -> list[Item]:
    """Those that are shown by name, the newest first."""
    return sorted(items, key=_received_at, reverse=True)[:MOST_NAMED]


def _received_at(item: Item) -> str:
    return str(item["received_at"])


def _more(dataset: str, items: list[Item], status: str, fate: str) -> Iterator[Finding]:
    if (more := len(items) - MOST_NAMED) > 0:
        yield Finding(
            problem=f"{counted(more, 'more file')} of {dataset} {fate}",
            next_step=_list_of(status, dataset),
        )


def _list_of(status: str, dataset: str) -> str:
    """What lists them; files that no dataset accepts are in every list."""
    every = f"slipway files list --status {status}"
    return every if dataset == UNKNOWN_DATASET else f"{every} --dataset {dataset}"
