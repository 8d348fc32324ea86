"""`slipway crawler`: the tables over files as partners sent them, and a crawl now."""

from __future__ import annotations

import argparse

from contracts import model
from slipway.console import Stopwatch, counted, say, table, warn
from slipway.deployment import Deployment, connect
from slipway.reading import crawlers, ledgers

SUCCEEDED = "SUCCEEDED"


def run(options: argparse.Namespace) -> int:
    """0 when it was done, 1 when a crawl did not succeed."""
    actions = {"show": _show, "start": _start}
    return actions[options.action](connect(options.environment), options)


def _show(deployment: Deployment, options: argparse.Namespace) -> int:
    datasets = [options.dataset] if options.dataset else list(model.datasets())
    found = crawlers.every(deployment, datasets)
    rows = [
        (
            each.dataset,
            each.state,
            f"{each.status} {each.began}" if each.status else "never",
            each.schedule or "by hand",
            each.problem or "{} created, {} updated, {} deleted".format(*each.tables),
        )
        for each in found
    ]
    table("crawlers", ("dataset", "state", "last crawl", "schedule", "tables"), rows)
    if len(found) == 1:
        _show_table(deployment, found[0].dataset)
    return 0


def _show_table(deployment: Deployment, dataset: str) -> None:
    left = crawlers.table(deployment, dataset)
    if left is None:
        say(f"no table yet: slipway crawler start --dataset {dataset}")
        return
    rows = [*left.columns.items(), *((key, "string, from the folder") for key in left.keys)]
    table(f"raw.{dataset}", ("column", "type"), rows)
    say(f"{left.files} files, about {left.records} records, read by {left.library}")
    say("fields go by position, whatever the heading of a file says; .gz files are left out")


def _start(deployment: Deployment, options: argparse.Namespace) -> int:
    dataset = ledgers.one_contract(options.dataset).dataset
    watch = Stopwatch()
    watch.say(f"started {crawlers.start(deployment, dataset)}")
    if options.no_wait:
        return 0
    ended = crawlers.wait(deployment, dataset)
    if ended.status != SUCCEEDED:
        warn(f"the crawl ended as {ended.status}: {ended.problem}")
        return 1
    created, updated, deleted = ended.tables
    watch.say(
        f"{counted(created, 'table')} created, {updated} updated, {deleted} deleted;"
        f" slipway crawler show --dataset {dataset}"
    )
    return 0
