"""`slipway files`: what partners sent, the whole history of one content, and which files no run shall take."""

from __future__ import annotations

import argparse
import getpass
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime

from contracts.errors import PermanentError
from pipeline import table_effects
from pipeline.ledger import UNKNOWN_DATASET, FileLedger, Item, file_entry, timestamp
from pipeline.ledger.loads import standing, stands
from slipway.acting import incomplete, judging, operations, progress, retraction
from slipway.console import Stopwatch, confirm, counted, say, table
from slipway.deployment import Deployment, connect
from slipway.reading import executions, ledgers
from slipway.showing import views

COUNTS = {
    "row_count": "read",
    "rows_loaded": "loaded",
    "rows_quarantined": "quarantined",
    "rows_deduplicated": "deduplicated",
}
HISTORY = ("when", "what", "detail")
REFUSED = ("record", "rule", "reason")
NAMED = ("file", "hash", "received")
OWN_TABLES = (
    "loads",
    "refused_samples",
    "dismissals",
    "retractions",
)  # shown apart from the fields


def run(options: argparse.Namespace) -> int:
    """0 when it was done."""
    ledgers.contracts_of(options.dataset)  # an unknown dataset is told before anything is asked
    actions = {
        "list": _list,
        "show": _show,
        "set-aside": _set_aside,
        "release": _release,
        "accept": _accept,
        "judge-again": _judge_again,
        "retract": _retract,
    }
    return actions[options.action](connect(options.environment), options)


def _list(deployment: Deployment, options: argparse.Namespace) -> int:
    owners = [contract.dataset for contract in ledgers.contracts_of(options.dataset)]
    items = [
        item for owner in (*owners, UNKNOWN_DATASET) for item in ledgers.entries(deployment, owner)
    ]
    ignored = ledgers.ignored(items)
    if options.status == "ignored":
        views.files(ignored)
        return 0
    views.files(fate for fate in ledgers.fates(items) if options.status in (None, fate.status))
    if ignored and options.status is None:
        say(
            f"{counted(len(ignored), 'name')} ignored as no delivery; `slipway files list --status ignored` shows them"
        )
    return 0


def _show(deployment: Deployment, options: argparse.Namespace) -> int:
    item = _named_file(deployment, options.file, options.dataset)
    if not str(item["entry"]).startswith(file_entry("")):
        views.fields(item["file_name"], item)
        for sentence in _next_of(item):
            say(sentence)
        return 0
    runs = ledgers.runs(deployment, item["dataset"])
    views.fields(
        item["file_name"], {name: value for name, value in item.items() if name not in OWN_TABLES}
    )
    if samples := item.get("refused_samples"):
        lines = [(sample["record"], sample["rule_id"], sample["reason"]) for sample in samples]
        table("refused, the first of each reason", REFUSED, lines, right=[0])
    for each in item.get("dismissals", []):
        say(
            f"records {each['records']} dismissed by {each['by']} at {each['at']}: {each['reason']}"
        )
    table("history", HISTORY, sorted(_history(deployment, item, runs)))
    for sentence in _doubts(item, runs):
        say(sentence)
    return 0


def _named_file(deployment: Deployment, name: str, dataset: str | None) -> Item:
    """The file with this hash, or the newest delivery with this landing key or file name, rejected ones too."""
    named = ledgers.called(deployment, name, dataset)
    if name in {each for item in named for each in (item.get("landing_key"), item["file_name"])}:
        return ledgers.newest(named, name)
    return ledgers.one_file(deployment, name, dataset)


def _next_of(item: Item) -> Iterator[str]:
    """What to type about a delivery that is no file of a dataset."""
    key = shlex.quote(str(item["landing_key"]))
    match item["status"]:
        case "rejected":
            yield f"once a corrected contract is deployed: slipway files judge-again {key}"
        case "incomplete":
            yield f"if it is whole all the same: slipway files accept {key}"
        case "duplicate":
            yield f"its content: slipway files show {item['sha256'][: ledgers.SHORT_HASH]}"


def _history(
    deployment: Deployment, item: Item, runs: list[Item]
) -> Iterator[tuple[str, str, str]]:
    """(time, what, detail) of deliveries, runs and replays of one content, in any order."""
    sha256 = item["sha256"]
    yield item["received_at"], "delivered", item["landing_key"]
    if item["status"] == "set_aside":
        yield item.get("set_aside_at", ""), "set aside", item.get("set_aside_reason", "")
    for each in item.get("retractions", []):
        yield each["at"], f"retracted by {each['by']}", each["reason"]
    for other in ledgers.entries(deployment, item["dataset"]):
        if other["status"] == "duplicate" and other["sha256"] == sha256:
            yield other["received_at"], "delivered again, not loaded twice", other["landing_key"]
        elif other.get("content_sha256") == sha256:
            again = other["sha256"][: ledgers.SHORT_HASH]
            yield other["received_at"], f"delivered again, loaded as {again}", _counts(other)
        elif other.get("replay_of") == sha256:
            yield (
                other["received_at"],
                f"replayed by {other['sha256'][: ledgers.SHORT_HASH]}",
                _counts(other),
            )
        elif item.get("replay_of") and other["entry"] == file_entry(item["replay_of"]):
            yield (
                other["received_at"],
                f"replays {other['sha256'][: ledgers.SHORT_HASH]}",
                other["file_name"],
            )
    loads = {load["run_id"]: load for load in item.get("loads", [])}
    for each in runs:
        if sha256 in each.get("file_hashes", []):
            what = f"{each.get('mode', 'load')} {each['run_id']}"
            yield each["started_at"], what, _ending(each, loads.get(each["run_id"], {}))


def _doubts(item: Item, runs: list[Item]) -> Iterator[str]:
    """The counts of a file may be those of a run that was rolled back, when its loads were not kept before."""
    loads = item.get("loads", [])
    last = loads[-1]["run_id"] if loads else item.get("run_id")
    undone = [each["run_id"] for each in runs if each["status"] == "rolled_back"]
    if item["status"] == "loaded" and standing(loads) is None and last in undone:
        yield (
            f"The counts are those of run {last}, which was rolled back: what the load before it made of the file was"
            " not kept."
        )


def _counts(item: Item) -> str:
    return f"{item['status']}: {_figures(item)}"


def _figures(item: Item) -> str:
    counts = ", ".join(f"{int(item[name])} {what}" for name, what in COUNTS.items() if name in item)
    effect = table_effects.in_words(item.get("effect", {}))
    return f"{counts}; in the table: {effect}" if effect else counts


def _ending(item: Item, load: Item) -> str:
    """How a run ended, and what it made of the file if it closed over it."""
    by = f" by {item['rolled_back_by']}" if item["status"] == "rolled_back" else ""
    told = item.get("error") or _figures(load)
    return f"{item['status']}{by}: {told}" if told else f"{item['status']}{by}"


def _set_aside(deployment: Deployment, options: argparse.Namespace) -> int:
    item = ledgers.one_file(deployment, options.sha256, options.dataset)
    if item["status"] == "loaded":
        raise PermanentError(
            f"{item['file_name']} is loaded, so its rows are in the tables; `slipway files retract"
            f" {item['sha256'][: ledgers.SHORT_HASH]} --reason WHY` takes them out, `slipway runs rollback"
            f" {_first(item)}` all files of its run"
        )
    moment = timestamp(datetime.now(UTC))
    ledger = FileLedger(deployment.file_ledger)
    if not ledger.set_aside(
        item["dataset"], item["sha256"], held="waiting", reason=options.reason, moment=moment
    ):
        raise PermanentError(_refused(deployment, item, "only a waiting file can be set aside"))
    say(
        f"{item['file_name']} is set aside; `slipway files release {item['sha256'][: ledgers.SHORT_HASH]}` undoes it"
    )
    return 0


def _first(item: Item) -> str:
    """The run that brought the rows: a rollback of a later backfill or replay would only put them back as they were."""
    return next(
        (str(load["run_id"]) for load in item.get("loads", []) if stands(load)),
        item.get("run_id", "RUN_ID"),
    )


def _release(deployment: Deployment, options: argparse.Namespace) -> int:
    item = ledgers.one_file(deployment, options.sha256, options.dataset)
    ledger, moment = FileLedger(deployment.file_ledger), timestamp(datetime.now(UTC))
    if not ledger.release(item["dataset"], item["sha256"], decided_at=moment):
        raise PermanentError(
            _refused(deployment, item, "only a file that was set aside can be released")
        )
    say(f"{item['file_name']} waits; `slipway runs start --dataset {item['dataset']}` takes it now")
    return 0


def _accept(deployment: Deployment, options: argparse.Namespace) -> int:
    item = incomplete.one(deployment, options.file, options.version, options.dataset)
    incomplete.accept(deployment, item)
    say(
        f"{item['landing_key']} ({int(item['size_bytes']):,} bytes) is taken as it is;"
        f" `slipway files list --dataset {item['dataset']}` shows what becomes of it"
    )
    return 0


def _judge_again(deployment: Deployment, options: argparse.Namespace) -> int:
    item = judging.one(deployment, options.file, options.dataset)
    watch = Stopwatch()
    following = progress.begin(deployment, lambda step: progress.tell(step, watch))
    if item["status"] == "set_aside":
        judging.release(deployment, item)
        executions.start(deployment, "run", {"dataset": item["dataset"]})
        known: set[str] = set()
    else:
        known = {fate.delivery for fate in ledgers.files(deployment, _owner(item))}
        judging.reopen(deployment, item)
    say(f"{item['file_name']} is judged again, under the contract as it is now")
    if options.no_wait:
        return 0
    if item["status"] == "rejected":
        judged = judging.until_judged(deployment, item)
        if judged["status"] == "rejected":
            say(f"{item['file_name']} is rejected still: {judged['reason']}: {judged['detail']}")
            return 1
    return _follow(deployment, following, item, known)


def _retract(deployment: Deployment, options: argparse.Namespace) -> int:
    item = retraction.one(deployment, options.file, options.dataset)
    contract = ledgers.one_contract(item["dataset"])
    plan = retraction.plan(deployment, contract, item)
    _show_retraction(plan)
    told = "These rows leave the tables; what earlier files said of the same keys comes back."
    confirm("retract", told, yes=options.yes)
    request: dict[str, object] = {
        "mode": "retraction",
        "files": [item["sha256"]],
        "by": getpass.getuser(),
        "reason": options.reason,
        **operations.engine(deployment, options.engine),
    }
    return operations.run(deployment, contract.dataset, request, no_wait=options.no_wait)


def _show_retraction(plan: retraction.Plan) -> None:
    name = plan.file["file_name"]
    say(
        f"{name} ({plan.file['sha256'][: ledgers.SHORT_HASH]}) has {counted(plan.rows, 'row')} and"
        f" {counted(plan.refused, 'refused record')} in the tables"
    )
    told = (
        (plan.beneath, "beneath", "These may have given way to it, and are read from raw again:"),
        (
            plan.gone,
            "gone",
            "These, too, but they have left raw: what they said does not come back.",
        ),
        (
            plan.corrections,
            "corrections",
            "These correct records of it. Their rows stay; retract them too:",
        ),
    )
    for items, title, sentence in told:
        if items:
            say(sentence)
            table(title, NAMED, map(_named, items))


def _named(item: Item) -> tuple[str, str, str]:
    return item["file_name"], item["sha256"][: ledgers.SHORT_HASH], item["received_at"]


def _owner(item: Item) -> str:
    """The dataset whose contract takes the file now: a rejected file may have belonged to none."""
    folders = {contract.intake.folder: contract.dataset for contract in ledgers.contracts_of(None)}
    parts = str(item["landing_key"]).split("/")
    return next((folders[part] for part in parts if part in folders), str(item["dataset"]))


def _follow(deployment: Deployment, watch: progress.Watch, item: Item, known: set[str]) -> int:
    key = str(item["landing_key"])
    outcome = progress.until_fates(watch, dataset=_owner(item), awaited={key}, known=known)
    own = [fate for fate in outcome.fates if fate.landing_key == key and fate.sha256]
    views.files(own)
    views.failures(deployment, outcome.failed_executions)
    bad = [fate for fate in own if fate.status not in ("loaded", "duplicate")]
    for fate in bad:
        short = fate.sha256[: ledgers.SHORT_HASH]
        say(f"{fate.file_name} was not loaded ({fate.status}); next: slipway files show {short}")
    return int(bool(outcome.failed_executions or bad))


def _refused(deployment: Deployment, item: Item, rule: str) -> str:
    now = FileLedger(deployment.file_ledger).get(item["dataset"], item["entry"]) or item
    holder = f" by run {now['run_id']}" if now["status"] == "claimed" else ""
    return f"{item['file_name']} is {now['status']}{holder}; {rule}"
