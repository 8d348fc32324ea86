"""`slipway demo`: the main job, from a partner's files to reconciled answers, on the embedded AWS.

Nothing is staged: it starts, deploys, generates, uploads by SFTP, and then only reads what the pipeline left.
"""

from __future__ import annotations

import argparse
import importlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from contracts import model, naming
from contracts.errors import PermanentError
from sample_data import generate
from slipway.acting import partner, progress
from slipway.acting.inbox import Inbox
from slipway.commands import quarantine, stories, up
from slipway.console import Stopwatch, console, say, table
from slipway.deployment import LOCAL, Deployment, connect, state_directory
from slipway.reading import lake, reconciliation
from slipway.reading.quarantine_queries import Selection
from slipway.showing import report, views

DATASET = "sales_records"
PARTNER = "acme"
ROWS = 100_000
STORIES = {"shop": stories.shop, "marketplace": stories.marketplace}
TOP_REGIONS = """
    select region, sum(orders) as orders, sum(revenue) as revenue, sum(profit) as profit
    from curated.sales_by_region_quarter
    group by region
    order by revenue desc
    limit 5
"""
QUARANTINE_BY_RULE = """
    select rule, count(*) as rows, min(reason) as for_example
    from processed.sales_records_quarantine
    cross join unnest(rule_ids, reasons) as t (rule, reason)
    group by rule
    order by rows desc, rule
"""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What was sent and what came of it."""

    sample: generate.SampleSet
    outcome: progress.Outcome


def run(options: argparse.Namespace) -> int:
    """0 when every file met its expected fate and every row and cent agrees, else 1."""
    if options.environment != LOCAL:
        raise PermanentError(
            "the demo brings its own embedded AWS; it does not run in --environment "
            + options.environment
        )
    if options.settings and options.story in STORIES:
        raise PermanentError(
            f"--settings is for the files of a partner; --story {options.story} has settings of its own"
        )
    if options.story in STORIES:
        return STORIES[options.story](options)
    watch = Stopwatch()
    with ThreadPoolExecutor(max_workers=1) as pool:
        # Two seconds of work, done while this process waits for others.
        prepared = pool.submit(_prepare, options)
        cloud = up.bring_up(watch, options.engine, options.settings)
    try:
        deployment = connect(LOCAL)
        inbox = Inbox(deployment)
        delivery = _deliver(deployment, watch, prepared.result(), seed=options.seed)
        return _report(deployment, delivery, inbox, watch)
    finally:
        if options.keep:
            console.print("the embedded AWS is left running; `slipway down` stops it")
        else:
            cloud.stop()


def _prepare(options: argparse.Namespace) -> generate.SampleSet:
    """The partner's files; and what asks Athena later is imported."""
    importlib.import_module("awswrangler")
    return generate.generate(
        state_directory() / "demo",
        seed=options.seed,
        months=options.months,
        rows=options.rows or ROWS,
    )


def _deliver(
    deployment: Deployment, watch: Stopwatch, sample: generate.SampleSet, *, seed: int
) -> Delivery:
    folder = model.load(DATASET).intake.folder
    watch.say(
        f"generated {len(sample.files)} files, {sum(file.rows for file in sample.files):,} rows, seed {seed}"
    )
    following = progress.begin(deployment, lambda step: progress.tell(step, watch))
    with partner.connected(partner.endpoint(deployment, user=PARTNER, identity=None)) as sftp:
        for file in sample.files:
            partner.send(sftp, file.path, folder=folder)
    watch.say(f"partner {PARTNER!r} sent them by SFTP; the state machine takes over")
    keys = {naming.landing_folder(PARTNER, folder) + file.path.name for file in sample.files}
    outcome = progress.until_fates(following, dataset=DATASET, awaited=keys, known=())
    return Delivery(sample=sample, outcome=outcome)


def _report(deployment: Deployment, delivery: Delivery, inbox: Inbox, watch: Stopwatch) -> int:
    console.print()
    views.files(delivery.outcome.fates)
    if delivery.outcome.failed_executions:
        views.failures(deployment, delivery.outcome.failed_executions)
        return 1
    problems = _unexpected_fates(delivery)
    problems += _show_reconciliation(deployment, delivery)
    _show_quarantine(deployment)
    _show_query(deployment, "curated: the five largest regions, by Athena", TOP_REGIONS)
    _show_alerts(inbox)
    _show_seconds(delivery, watch)
    for problem in problems:
        console.print(f"[bold red]does not agree:[/bold red] {problem}")
    if not problems:
        console.print("[bold green]every file, row and cent is accounted for[/bold green]")
    written = report.write(
        deployment, DATASET, state_directory() / "demo" / f"report-{DATASET}.html"
    )
    say(f"all of it as a page, for any browser: {written.as_uri()}")
    return int(bool(problems))


def _unexpected_fates(delivery: Delivery) -> list[str]:
    found = {fate.file_name: fate for fate in delivery.outcome.fates}
    problems = []
    for file in delivery.sample.files:
        fate = found[file.path.name]
        if fate.status != file.fate:
            problems.append(
                f"{file.path.name} was expected to be {file.fate}, the ledger says {fate.status}"
            )
        elif fate.status == "loaded" and fate.rows_quarantined != file.quarantined:
            problems.append(
                f"{file.path.name}: {file.quarantined} broken rows, {fate.rows_quarantined} in quarantine"
            )
    return problems


def _show_reconciliation(deployment: Deployment, delivery: Delivery) -> list[str]:
    contract = model.load(DATASET)
    accepted = [Path(file.path) for file in delivery.sample.files if file.fate == "loaded"]
    found = reconciliation.reconcile(deployment, contract, accepted)
    headers = ("account", "rows", *(column.name for column in contract.control_columns))
    rows = [
        (line.label, _figure(line.rows), *(_figure(total) for total in line.totals))
        for line in found.lines
    ]
    table("reconciliation in rows and money", headers, rows, right=range(1, len(headers)))
    return list(found.differences)


def _figure(value: object) -> str:
    return "" if value is None else f"{value:,}"


def _show_quarantine(deployment: Deployment) -> None:
    _show_query(deployment, "quarantine by rule", QUARANTINE_BY_RULE)
    two = quarantine.lines(deployment, DATASET, Selection(), limit=2)
    table(
        "two of them",
        quarantine.COLUMNS,
        [line[: len(quarantine.COLUMNS)] for line in two],
        right=[2],
    )


def _show_query(deployment: Deployment, title: str, sql: str) -> None:
    answer = lake.query(deployment, sql)
    figures = [
        position for position, name in enumerate(answer.columns) if lake.is_figure(answer[name])
    ]
    rows = [
        [_figure(cell) if at in figures else cell for at, cell in enumerate(row)]
        for row in answer.to_numpy().tolist()
    ]
    table(title, list(answer.columns), rows, right=figures)


def _show_alerts(inbox: Inbox) -> None:
    table(
        "alerts that went out",
        ("topic", "subject"),
        [(alert.topic, alert.subject) for alert in inbox.read()],
    )


def _show_seconds(delivery: Delivery, watch: Stopwatch) -> None:
    seconds: dict[str, float] = {}
    for step in (step for step in delivery.outcome.steps if step.takes_time):
        seconds[step.name] = seconds.get(step.name, 0.0) + (step.seconds or 0.0)
    rows = [(name, f"{spent:.1f}") for name, spent in seconds.items()]
    table(
        "seconds per step",
        ("step", "seconds"),
        [*rows, ("whole demo", f"{watch.seconds:.1f}")],
        right=[1],
    )
