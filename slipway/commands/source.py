"""`slipway source`: what is fetched from other systems, what its fetches did, what the next would do, and one now."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import UTC

from contracts import naming
from contracts.errors import PermanentError
from pipeline.ledger import Item, timestamp
from slipway.acting import claims, progress
from slipway.console import Stopwatch, counted, say, table
from slipway.deployment import Deployment, connect
from slipway.reading import executions, sources
from slipway.showing import source_plan, views
from sources.fetches import State
from sources.model import FileSource, PostgresSource, Source
from sources.plans import no_table, plan_of

PAGES = ("since", "pages", "records", "requests", "bytes")
FILES = ("files", "requests", "bytes")
NOT_DEPLOYED = "not fetched in this environment"


def run(options: argparse.Namespace) -> int:
    """0 when it was done, 1 when a fetch failed."""
    actions = {"list": _list, "show": _show, "plan": _plan, "run": _run}
    return actions[options.action](connect(options.environment), options)


def _list(deployment: Deployment, _options: argparse.Namespace) -> int:
    rows = [
        (each.source.name, each.source.dataset, each.source.url, _last(each))
        for each in sources.every(deployment)
    ]
    table("sources", ("source", "dataset", "described at", "last fetch"), rows)
    return 0


def _last(fetched: sources.Fetched) -> str:
    if fetched.state is None:
        return NOT_DEPLOYED
    if not fetched.fetches:
        return "never"
    last = fetched.fetches[0]
    return f"{last['status']} at {last['changed_at']}, {_amount(fetched.source, last)}"


def _amount(source: Source, fetch: Item) -> str:
    if not isinstance(source, FileSource):
        return f"{int(fetch['records']):,} records"
    return counted(int(fetch["files"]), "file")


def _show(deployment: Deployment, options: argparse.Namespace) -> int:
    found = sources.one(deployment, options.name)
    say(f"{found.source.name}: {found.source.description}")
    say(f"dataset {found.source.dataset}; {_begins(found.source, found.state or State())}")
    if found.role:
        say(f"its role, which whoever owns {found.source.url} lets in: {found.role}")
    if found.fetches and (snapshots := found.fetches[0].get("snapshots")):
        say(f"snapshots that the last one read: {', '.join(map(str, snapshots))}")
    figures = FILES if isinstance(found.source, FileSource) else PAGES
    rows = [_row(item, figures) for item in found.fetches]
    right = [place for place, name in enumerate(figures, 2) if name != "since"]
    table("its last fetches", ("fetch", "status", *figures, "detail"), rows, right=right)
    return 0


def _begins(source: Source, state: State) -> str:
    if state.fetch:
        return f"a fetch is under way since {state.fetch.started_at}"
    if isinstance(source, PostgresSource) and state.watermark:
        return f"the next fetch reads changes since {state.watermark}, and the overlap before"
    return f"the last fetch began at {state.watermark}" if state.watermark else "never fetched"


def _row(item: Item, figures: Sequence[str]) -> tuple[object, ...]:
    values = {**item, "bytes": item["size_bytes"]}
    shown = (str(values[name]) if name == "since" else f"{int(values[name]):,}" for name in figures)
    return item["fetch_id"], item["status"], *shown, item["detail"]


def _since(options: argparse.Namespace) -> str | None:
    if not options.since:
        return None
    if options.since.tzinfo is None:
        raise PermanentError(
            f"--since {options.since.isoformat()} has no zone; write it as in 2026-11-01T00:00:00Z"
        )
    return timestamp(options.since.astimezone(UTC))


def _plan(deployment: Deployment, options: argparse.Namespace) -> int:
    """1 if the fetch would be refused."""
    found = sources.one(deployment, options.name)
    if not isinstance(found.source, PostgresSource):
        raise no_table(options.name)
    since = _since(options)
    event = {"plan": {"since": since} if since else {}}
    function = naming.source_output(options.name, "")
    plan = plan_of(claims.ask(deployment, function, event, consequence=", so there is no plan"))
    if options.json:
        say(json.dumps(plan.to_json(), indent=2, ensure_ascii=False))
    else:
        source_plan.show(plan, found.state.fetch if found.state else None)
    return 1 if plan.outlook.refusals else 0


def _run(deployment: Deployment, options: argparse.Namespace) -> int:
    source = sources.one(deployment, options.name).source
    request: dict[str, object] = {"source": source.name, "dataset": source.dataset}
    if since := _since(options):
        request["since"] = since
    if options.plan:
        request["plan"] = options.plan
    if options.accept_deleted:
        request["accepts_deleted"] = True
    watch = Stopwatch()
    arn = executions.start_fetch(deployment, source.name, request)
    watch.say(f"started {arn}")
    if options.no_wait:
        return 0
    ending = executions.wait(deployment, arn, lambda step: progress.tell(step, watch))
    if not ending.succeeded:
        views.failures(deployment, [ending.execution], what="fetch")
        return 1
    said = ending.output["fetch"]
    records = "" if isinstance(source, FileSource) else f"{said['records']:,} records; "
    say(f"{said['status']}: {records}{said['detail']}")
    if said["status"] == "delivered":
        say(f"intake takes it from here: slipway files list --dataset {source.dataset}")
    return 0
