"""`slipway mart`: tables over several datasets, what their runs did, and one more run now."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from pipeline import serving
from pipeline.ledger import Item
from slipway.acting import progress
from slipway.console import Stopwatch, say, table
from slipway.deployment import Deployment, connect
from slipway.reading import executions, marts
from slipway.showing import views

UNDONE = {"run": ("waiting",), "rollback": ("busy",)}  # what answers that it was not done
HEADERS = ("run", "started by", "outcome", "rows", "totals", "versions of the inputs", "detail")


def run(options: argparse.Namespace) -> int:
    """0 when it was done, 1 when a run failed, or could not be done now."""
    actions = {"list": _list, "show": _show, "run": _run, "rollback": _run}
    return actions[options.action](connect(options.environment), options)


def _list(deployment: Deployment, _options: argparse.Namespace) -> int:
    rows = [
        (f"curated.{each.mart.name}", ", ".join(each.mart.datasets), _last(each.runs))
        for each in marts.every(deployment)
    ]
    table("marts", ("mart", "reads", "last run"), rows)
    return 0


def _last(runs: list[Item]) -> str:
    if not runs:
        return "never"
    last = runs[0]
    rows = f", {int(last['rows']):,} rows" if "rows" in last else ""
    return f"{_outcome(last)} at {last.get('ended_at', last['started_at'])}{rows}"


def _show(deployment: Deployment, options: argparse.Namespace) -> int:
    found = marts.one(deployment, options.name)
    mart = found.mart
    say(f"{mart.name}: {mart.description}")
    say(
        f"one row per {', '.join(mart.grain)}; {mart.period}s by {mart.period_column}; owner {mart.owner}"
    )
    starts = (["after its inputs"] if mart.after_inputs else []) + [mart.schedule or ""]
    say(f"computed {' and by '.join(filter(None, starts))}")
    for each in mart.conserves:
        say(f"sum of {each.column} = sum of {each.dataset}.{each.source}")
    for consumer, version in sorted(_shown(found.runs).items()):
        say(f"{consumer}: shows version {version.partition(' ')[0]}")
    columns = [(each.name, each.type, each.description) for each in mart.columns]
    table(f"curated.{mart.name}", ("column", "type", "what it is"), columns)
    table("its last runs", HEADERS, map(_row, found.runs), right=(3,))
    return 0


def _shown(runs: list[Item]) -> dict[str, str]:
    return dict(next((run["shown"] for run in runs if "shown" in run), {}))


def _row(item: Item) -> tuple[object, ...]:
    rows = f"{int(item['rows']):,}" if "rows" in item else ""
    detail = item.get("detail") or ": ".join(_texts(item, ("error", "cause")))
    for name, served in sorted(item.get("served", {}).items()):
        detail += f"; not in the {name}: {served['problem']}" if "problem" in served else ""
    return (
        *(item["run_id"], item["trigger"], _outcome(item), rows),
        *(_pairs(item.get(name, {})) for name in ("totals", "cut")),
        detail,
    )


def _outcome(item: Item) -> str:
    return str(item.get("outcome", item["status"]))


def _texts(item: Item, names: Iterable[str]) -> list[str]:
    return [str(item[name]) for name in names if name in item]


def _pairs(values: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(values.items()))


def _run(deployment: Deployment, options: argparse.Namespace) -> int:
    mart = marts.one(deployment, options.name).mart
    watch = Stopwatch()
    mode = {"mode": options.action} if options.action == "rollback" else {}
    arn = executions.start(deployment, "mart", {"mart": mart.name, **mode})
    watch.say(f"started {arn}")
    if options.no_wait:
        return 0
    ending = executions.wait(deployment, arn, lambda step: progress.tell(step, watch))
    if not ending.succeeded:
        views.failures(deployment, [ending.execution], what="mart")
        return 1
    said = ending.output
    say(f"{said['status']}: {said['rows']:,} rows; {said['detail']}")
    if said["status"] in UNDONE[options.action]:
        return 1
    for line in serving.sentences(said["served"]):
        say(line)
    if serving.needs_a_look(said["served"]):
        return 1
    say(f"its table: curated.{mart.name}; its runs: slipway mart show {mart.name}")
    return 0
