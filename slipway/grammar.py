"""The words of the command line, one function per command; nothing heavy is imported to parse them.

Whoever carries a command out lives in slipway/commands, under the command's name (`set-aside` is an action, not a
module). The runbook, README and every alert are tested to be written in this grammar.
"""

from __future__ import annotations

import argparse
from datetime import date, datetime
from pathlib import Path
from typing import Any, get_args

from pipeline.engines import Engine
from pipeline.steps import RESUMABLE

FILE_STATUSES = (
    *(
        "waiting",
        "claimed",
        "loaded",
        "set_aside",
        "retracted",
        "duplicate",
        "rejected",
        "registering",
        "ignored",
    ),
    *("arriving", "incomplete", "replaced"),
)
QUEUES = (
    *("intake", "fail-run", "release-dataset", "schedule", "failed-jobs", "measure-freshness"),
    "sources",
    "marts",
    "training",
    "rest-database",
    "announcements",
)
DATASET_HELP = "needed only when there is more than one"

Commands = Any  # argparse keeps the type of add_subparsers private


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; `command` names the module that carries it out."""
    parser = argparse.ArgumentParser(
        prog="slipway", description="Run, feed, question and repair a Slipway pipeline."
    )
    parser.add_argument(
        "--environment",
        default="local",
        help="settings in config/<environment>.yaml (default: local, the embedded AWS)",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (
        *(_demo, _up_and_down, _upload, _query, _warehouse, _database, _report, _forecast),
        *(_files, _runs, _quarantine, _backfill, _reprocess, _contract),
        *(
            _source,
            _mart,
            _crawler,
            _trail,
            _redrive,
            _maintain,
            _erase,
            _doctor,
            _alerts,
            _alarms,
            _smoke,
            _adopt,
            _verify,
        ),
        _cost,
    ):
        add(commands)
    return parser


def _demo(commands: Commands) -> None:
    demo = commands.add_parser(
        "demo", help="start, deploy, upload sample files, and show every row and cent"
    )
    demo.add_argument(
        "--story",
        choices=["files", "shop", "marketplace"],
        default="files",
        help="files of a partner (default), a table of a shop's database, or the six tables of a marketplace's",
    )
    demo.add_argument(
        "--rows", type=int, help="rows in all (default: 100000; of a marketplace 20000)"
    )
    demo.add_argument("--months", type=int, default=24, help="monthly files (default: 24)")
    demo.add_argument("--seed", type=int, default=7, help="seed of the generator (default: 7)")
    demo.add_argument(
        "--keep", action="store_true", help="leave the embedded AWS running afterwards"
    )
    _add_engine(demo)
    _add_settings(demo)


def _up_and_down(commands: Commands) -> None:
    up = commands.add_parser(
        "up",
        help="start the embedded AWS, or keep the running one, and deploy the application into it",
    )
    _add_engine(up)
    _add_settings(up)
    commands.add_parser("down", help="stop the embedded AWS and everything that runs in it")


def _upload(commands: Commands) -> None:
    upload = commands.add_parser(
        "upload", help="send files as a partner would, by SFTP, and follow them"
    )
    upload.add_argument("files", nargs="+", metavar="FILE")
    upload.add_argument("--dataset", required=True)
    upload.add_argument("--no-wait", action="store_true", help="return once the files are sent")
    upload.add_argument("--partner", default="acme", help="SFTP user (default: acme)")
    upload.add_argument("--identity", help="private key file; the embedded AWS makes its own")


def _query(commands: Commands) -> None:
    query = commands.add_parser(
        "query", help="ask Athena or the warehouse: a SELECT, or a sample query by its name"
    )
    query.add_argument(
        "sql", nargs="?", metavar="SQL|NAME", help="tables: processed.<dataset>, curated.<model>"
    )
    query.add_argument(
        "--list", action="store_true", help="the sample queries, and what each answers"
    )
    engine = query.add_mutually_exclusive_group()
    engine.add_argument("--warehouse", action="store_true", help="ask Redshift instead of Athena")
    engine.add_argument(
        "--workgroup", metavar="NAME", help="Athena workgroup of a team (default: of all analysts)"
    )
    query.add_argument(
        "--rows", type=int, default=50, help="how many to show; 0 shows all (default: 50)"
    )
    query.add_argument(
        "--format", choices=("table", "csv"), default="table", help="csv always has every row"
    )
    query.add_argument(
        "--output", metavar="FILE", help="write every row to a .csv or .parquet file instead"
    )


def _warehouse(commands: Commands) -> None:
    warehouse = commands.add_parser(
        "warehouse", help="the warehouse: load a dataset's tables, or a mart, into it by hand"
    )
    actions = warehouse.add_subparsers(dest="action", required=True, metavar="ACTION")
    load = actions.add_parser(
        "load", help="bring its tables to what the lake holds, and compare every cent"
    )
    load.add_argument("name", metavar="NAME", help="a dataset or a mart")
    _add_no_wait(load)


def _database(commands: Commands) -> None:
    database = commands.add_parser(
        "database", help="the internal database: write a dataset's table into it by hand"
    )
    actions = database.add_subparsers(dest="action", required=True, metavar="ACTION")
    write = actions.add_parser(
        "write", help="bring its table to what the lake holds, and compare rows and cents"
    )
    write.add_argument("dataset", metavar="DATASET")
    _add_no_wait(write)


def _report(commands: Commands) -> None:
    report = commands.add_parser(
        "report", help="the dashboard of a dataset or mart as one HTML file that opens anywhere"
    )
    report.add_argument("--dataset", help="a dataset or a mart; default: each that has a dashboard")
    report.add_argument("--output", metavar="FILE", help="where to write it")
    report.add_argument("--open", action="store_true", help="open it in the browser")


def _forecast(commands: Commands) -> None:
    forecast = commands.add_parser(
        "forecast", help="what is forecast of a dataset, with its band and its past errors"
    )
    actions = forecast.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("show", help="every series: method, next period, WAPE and MASE")
    show.add_argument("--dataset", help=DATASET_HELP)
    show.add_argument(
        "--history",
        action="store_true",
        help="the forecasts that are kept instead, with errors and lineage",
    )
    rollback = actions.add_parser(
        "rollback", help="publish the forecast before again, until the next run makes a new one"
    )
    rollback.add_argument("--dataset", help=DATASET_HELP)
    rollback.add_argument("--table", help="the curated table, where several are forecast")
    rollback.add_argument(
        "--to",
        type=int,
        metavar="VERSION",
        help="one that `show --history` lists (default: the one before)",
    )
    rollback.add_argument("--reason", required=True, help="why; it stands with the run")
    _add_yes(rollback)
    _add_no_wait(rollback)
    train = actions.add_parser(
        "train", help="train a model now, and publish what it says where it is better"
    )
    train.add_argument("--dataset", help=DATASET_HELP)
    _add_engine(train)
    _add_no_wait(train)


def _add_since(fetch: argparse.ArgumentParser) -> None:
    fetch.add_argument(
        "--since",
        type=datetime.fromisoformat,
        metavar="TIME",
        help="ask for what changed since then, instead of since the last fetch; e.g. 2026-11-01T00:00:00Z",
    )


def _source(commands: Commands) -> None:
    source = commands.add_parser(
        "source",
        help="what is fetched from other systems: list, what its fetches did, plan, fetch now",
    )
    actions = source.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="every source that is described, and its last fetch")
    show = actions.add_parser(
        "show", help="where the next fetch begins, and what the last ones did"
    )
    show.add_argument("name", metavar="NAME")
    plan = actions.add_parser(
        "plan", help="what the next fetch of a table would do, without reading a row of it"
    )
    plan.add_argument("name", metavar="NAME")
    _add_since(plan)
    plan.add_argument("--json", action="store_true", help="the whole plan, for programs")
    fetch = actions.add_parser("run", help="fetch now, whatever the schedule says")
    fetch.add_argument("name", metavar="NAME")
    _add_since(fetch)
    fetch.add_argument(
        "--plan",
        metavar="SEAL",
        help="fetch only if `slipway source plan NAME` would still say this seal",
    )
    fetch.add_argument(
        "--accept-deleted",
        action="store_true",
        help="take it as right that more rows are gone than the source's maxDeletedShare",
    )
    _add_no_wait(fetch)


def _mart(commands: Commands) -> None:
    mart = commands.add_parser(
        "mart",
        help="tables over several datasets: list, what their runs did, compute one, roll back",
    )
    actions = mart.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="every mart, what it reads, and its last run")
    show = actions.add_parser("show", help="its columns, what it conserves, and its last runs")
    show.add_argument("name", metavar="NAME")
    run = actions.add_parser("run", help="compute it now, from what its inputs have published")
    rollback = actions.add_parser(
        "rollback", help="publish the version before again, until the next run computes it anew"
    )
    for action in (run, rollback):
        action.add_argument("name", metavar="NAME")
        _add_no_wait(action)


def _files(commands: Commands) -> None:
    actions = Group(
        commands,
        "files",
        "files that partners sent: list, history, set aside, release, accept, judge again, retract",
    )
    listing = actions.action("list", "files with their fate and counts")
    listing.add_argument("--status", choices=FILE_STATUSES)
    show = actions.action("show", "whole history of one content: deliveries, runs, replays, counts")
    show.add_argument("file", metavar="FILE", help="its hash, where it landed, or its name")
    aside = actions.action("set-aside", "keep a waiting file out of every run")
    _add_hash(aside)
    aside.add_argument("--reason", required=True, help="why; shown wherever the file is")
    release = actions.action("release", "let a file that was set aside wait for the next run")
    _add_hash(release)
    accept = actions.action("accept", "load a file although its upload is not known to be complete")
    accept.add_argument("file", metavar="KEY", help="where it landed, or its name")
    accept.add_argument(
        "--version",
        metavar="ID",
        help="which object, if several landed there (default: the newest)",
    )
    again = actions.action(
        "judge-again", "judge a rejected file, or one set aside, by the contract as it is now"
    )
    again.add_argument("file", metavar="FILE", help="its hash, where it landed, or its name")
    _add_no_wait(again)
    retract = actions.action(
        "retract", "take one loaded file out of the tables; what it had replaced comes back"
    )
    retract.add_argument("file", metavar="FILE", help="its hash, where it landed, or its name")
    retract.add_argument("--reason", required=True, help="why; it stands with the file")
    _add_yes(retract)
    _add_engine(retract)
    _add_no_wait(retract)
    actions.default("list", listing)


def _runs(commands: Commands) -> None:
    actions = Group(
        commands, "runs", "runs: list, show, start, retry, release a stuck claim, roll back"
    )
    listing = actions.action("list", "runs, oldest first")
    listing.add_argument(
        "--limit", type=int, default=20, help="newest runs per dataset (default: 20)"
    )
    _add_run(actions.action("show", "everything the ledger holds on one run, and its files"))
    _add_engine(actions.action("start", "start a run now; it takes the files that wait"))
    retry = actions.action("retry", "go on with a failed run under its id")
    _add_run(retry)
    retry.add_argument(
        "--from", dest="step", choices=tuple(RESUMABLE), help="default: the step that failed"
    )
    _add_engine(retry)
    _add_no_wait(retry)
    actions.action("release", "free a dataset whose run died without giving it back")
    rollback = actions.action("rollback", "put every table back to its snapshot before a run")
    _add_run(rollback)
    rollback.add_argument("--with-later", action="store_true", help="roll later runs back, too")
    _add_yes(rollback)
    _add_no_wait(rollback)
    actions.default("list", listing)


def _quarantine(commands: Commands) -> None:
    actions = Group(
        commands, "quarantine", "rows that were refused: list, show, export, replay, dismiss"
    )
    listing = actions.action("list", "open records, newest file first")
    _add_selection(listing)
    listing.add_argument("--all", action="store_true", help="resolved records, too")
    listing.add_argument("--limit", type=int, default=20)
    show = actions.action("show", "one record: every reason, and its line as it was sent")
    _add_hash(show)
    show.add_argument(
        "record",
        type=int,
        metavar="RECORD",
        help="number of the record in its file; the first is 1",
    )
    export = actions.action(
        "export", "open records as one CSV per file, to be corrected and replayed"
    )
    export.add_argument("--output", required=True, metavar="DIR")
    _add_selection(export)
    _replay(actions)
    dismiss = actions.action("dismiss", "leave open records as they are, with a reason")
    _add_selection(dismiss)
    dismiss.add_argument(
        "--record", type=int, action="append", metavar="RECORD", help="only this one of --file"
    )
    dismiss.add_argument("--reason", required=True, help="why; it stands with the file")
    _add_yes(dismiss)
    actions.default("list", listing)


def _replay(actions: Group) -> None:
    replay = actions.action("replay", "load corrected files, or judge refused records again")
    replay.add_argument(
        "files", nargs="*", metavar="FILE", help="corrected files, as `export` wrote them"
    )
    replay.add_argument(
        "--origin", metavar="SHA", help="hash of the file that the records come from"
    )
    anew = replay.add_mutually_exclusive_group()
    anew.add_argument(
        "--file",
        action="append",
        metavar="SHA",
        help="judge the refused records of this file again",
    )
    anew.add_argument(
        "--all", action="store_true", help="judge the open records of all files again"
    )
    _add_yes(replay)
    _add_engine(replay)
    _add_no_wait(replay)


def _backfill(commands: Commands) -> None:
    backfill = commands.add_parser(
        "backfill", help="load files from raw again, under the contract as it is now"
    )
    _add_dataset(backfill)
    backfill.add_argument(
        "--files", nargs="+", metavar="SHA", help="only these (default: every loaded file)"
    )
    backfill.add_argument(
        "--plan", action="store_true", help="show what would be rewritten, and stop"
    )
    _add_engine(backfill)
    _add_no_wait(backfill)


def _reprocess(commands: Commands) -> None:
    reprocess = commands.add_parser(
        "reprocess",
        help="load every file that has rows in a period again, under the contract as it is",
    )
    reprocess.add_argument("dataset", metavar="DATASET")
    for name, place, text in (("--from", "first", "first"), ("--to", "last", "last")):
        reprocess.add_argument(
            name,
            dest=place,
            type=date.fromisoformat,
            required=True,
            metavar="YYYY-MM-DD",
            help=f"{text} day of the period, by the column that partitions the table",
        )
    _add_yes(reprocess)
    _add_no_wait(reprocess)


def _contract(commands: Commands) -> None:
    contract = commands.add_parser("contract", help="what a change of a contract means")
    actions = contract.add_subparsers(dest="action", required=True, metavar="ACTION")
    diff = actions.add_parser("diff", help="each change: safe, needs a backfill, or breaking")
    diff.add_argument(
        "contracts",
        nargs="*",
        metavar="CONTRACT",
        help="OLD and NEW, of a dataset or a mart; with --deployed one of them",
    )
    diff.add_argument(
        "--deployed",
        action="store_true",
        help="compare what the environment runs under with what is here; refuse rewritten releases",
    )
    diff.add_argument("--format", choices=("table", "json"), default="table")
    check = actions.add_parser(
        "check", help="fail when a contract changed in a breaking way under the same version"
    )
    check.add_argument(
        "--base",
        metavar="COMMIT",
        help="also fail when a release of this commit or branch was changed or taken away",
    )


def _redrive(commands: Commands) -> None:
    redrive = commands.add_parser(
        "redrive", help="give every dead letter another try, and say what it was about"
    )
    redrive.add_argument("--queue", choices=QUEUES, help="only these (default: all)")
    redrive.add_argument(
        "--plan", action="store_true", help="show the messages and leave them as they are"
    )


def _maintain(commands: Commands) -> None:
    maintain = commands.add_parser(
        "maintain", help="join small files, expire snapshots, remove orphans, by contract"
    )
    _add_dataset(maintain)
    _add_no_wait(maintain)


def _erase(commands: Commands) -> None:
    erase = commands.add_parser(
        "erase",
        help="erase the rows of one data subject from every table; original files stay until their retention ends",
        description="Erases one data subject's rows from every table. Not erased: original files in raw, in landing and"
        " below its rejected/, and their older versions, until the days of the contract (raw_days) and of"
        " config/<environment>.yaml (landing_days, noncurrent_days) are over; the command prints them first.",
    )
    _add_dataset(erase)
    erase.add_argument(
        "--subject-file",
        required=True,
        metavar="FILE",
        help="file with the subject's value; - reads standard input",
    )
    _add_yes(erase)
    _add_no_wait(erase)


def _doctor(commands: Commands) -> None:
    commands.add_parser(
        "doctor",
        help="what is stuck (then it ends with 1), what waits for a person, and what to type",
    )


def _alerts(commands: Commands) -> None:
    alerts = commands.add_parser("alerts", help="messages that went out to people, newest first")
    alerts.add_argument("--limit", type=int, default=20, help="how many (default: 20)")
    alerts.add_argument("--full", action="store_true", help="each with its whole text")


def _alarms(commands: Commands) -> None:
    alarms = commands.add_parser(
        "alarms",
        help="alarms that are on (then it ends with 1), since when, why and where to read on",
    )
    alarms.add_argument("--all", action="store_true", help="every alarm, with its state")


def _smoke(commands: Commands) -> None:
    smoke = commands.add_parser(
        "smoke",
        help="after a deployment: one small file in, run, query, message, and out again by rollback",
        description="Loads one small file and rolls its run back. Meanwhile its rows are in the tables, people get"
        " its message, and other runs of the dataset wait; a run that comes between keeps it from being rolled back.",
    )
    smoke.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="a small file that was never sent (default for sales_records: made up)",
    )
    smoke.add_argument("--dataset", help="default: sales_records")
    smoke.add_argument("--partner", default="acme", help="SFTP user (default: acme)")
    smoke.add_argument(
        "--identity",
        help="private key file of the partner; without it the file is put into S3, and SFTP is not tried",
    )


def _crawler(commands: Commands) -> None:
    actions = Group(commands, "crawler", "tables over files as partners sent them: show, start")
    show = actions.action("show", "what the last crawls did, and the table of one dataset")
    _add_no_wait(actions.action("start", "crawl a dataset's files now"))
    actions.default("show", show)


def _trail(commands: Commands) -> None:
    trail = commands.add_parser(
        "trail", help="who read or removed objects, by CloudTrail: reads, deletions (for auditors)"
    )
    trail.add_argument("action", choices=("reads", "deletions"))
    trail.add_argument(
        "--key",
        default="",
        metavar="TEXT",
        help="only objects whose key has this in it, such as a file's hash or name",
    )
    trail.add_argument("--days", type=int, default=7, help="so far back (default: 7)")


def _adopt(commands: Commands) -> None:
    adopt = commands.add_parser(
        "adopt",
        help="after `cdk destroy`: how a new deployment gets back the buckets, tables and keys that were kept",
    )
    adopt.add_argument(
        "--output", default="adopted", metavar="DIR", help="for the mappings (default: adopted)"
    )


def _verify(commands: Commands) -> None:
    commands.add_parser(
        "verify",
        help="what IAM Access Analyzer and Step Functions say of what is deployed; changes nothing",
    )


def _cost(commands: Commands) -> None:
    cost = commands.add_parser(
        "cost",
        help="what a month of an environment costs, before it is deployed: idle, and by volume",
        description="Prices the synthesized templates of --environment by pricing/prices.yaml: list prices, without"
        " taxes, discounts and free tiers. Needs no credentials, except with --measured.",
    )
    volume = cost.add_mutually_exclusive_group()
    volume.add_argument(
        "--volume",
        metavar="FILE",
        help="a month's volume, as pricing/example_volume.yaml states it",
    )
    volume.add_argument(
        "--measured",
        action="store_true",
        help="the last 30 days of the run ledger of what is deployed as --environment",
    )
    cost.add_argument(
        "--assembly",
        metavar="DIR",
        help="what `cdk synth` wrote, such as cdk.out (default: synthesize now)",
    )
    cost.add_argument(
        "--compare",
        metavar="OTHER",
        help="a template or assembly from before: print the difference, for a comment in CI",
    )
    cost.add_argument("--json", action="store_true", help="every line, for programs")


class Group:
    """A command with actions, each of which may be limited to a dataset."""

    def __init__(self, commands: Commands, name: str, text: str) -> None:
        self._parser: argparse.ArgumentParser = commands.add_parser(name, help=text)
        self._actions = self._parser.add_subparsers(dest="action", metavar="ACTION")

    def action(self, name: str, text: str) -> argparse.ArgumentParser:
        """The parser of a further action."""
        parser: argparse.ArgumentParser = self._actions.add_parser(name, help=text)
        _add_dataset(parser)
        return parser

    def default(self, name: str, parser: argparse.ArgumentParser) -> None:
        """What the command does when no action is named."""
        self._parser.set_defaults(**vars(parser.parse_args([])), action=name)


def _add_dataset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", help=DATASET_HELP)


def _add_hash(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sha256", metavar="SHA", help="hash of the file, or its first characters")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_id", metavar="RUN_ID")


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", metavar="RUN_ID", help="only records that this run refused")
    parser.add_argument(
        "--rule", metavar="RULE", help="only records that broke this rule, e.g. order_date.type"
    )
    parser.add_argument("--file", metavar="SHA", help="only records of this file")


def _add_yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")


def _add_engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine",
        choices=get_args(Engine),
        help="who does the jobs: Spark on Glue, DuckDB in a function, or EMR Serverless where it is deployed"
        " (default: by the size of the batch and the settings)",
    )


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help="rehearse another environment: its settings, such as config/prod.yaml, in place of config/local.yaml",
    )


def _add_no_wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-wait", action="store_true", help="return once it is started")
