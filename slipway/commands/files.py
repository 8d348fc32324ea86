"""`slipway files`: what partners sent, the whole history of one content, and which files no run shall take."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime

from contracts.errors import PermanentError
from contracts.ledger import UNKNOWN_DATASET, FileLedger, Item, file_entry, timestamp
from slipway import ledgers, views
from slipway.console import say, table
from slipway.deployment import Deployment, connect

COUNTS = {
    "row_count": "read",
    "rows_loaded": "loaded",
    "rows_quarantined": "quarantined",
    "rows_deduplicated": "deduplicated",
}
HISTORY = ("when", "what", "detail")


def run(options: argparse.Namespace) -> int:
    """0 when it was done."""
    ledgers.contracts_of(options.dataset)  # an unknown dataset is told before anything is asked
    actions = {"list": _list, "show": _show, "set-aside": _set_aside, "release": _release}
    return actions[options.action](connect(options.environment), options)


def _list(deployment: Deployment, options: argparse.Namespace) -> int:
    owners = [contract.dataset for contract in ledgers.contracts_of(options.dataset)]
    items = [item for owner in (*owners, UNKNOWN_DATASET) for item in ledgers.entries(deployment, owner)]
    views.files(fate for fate in ledgers.fates(items) if options.status in (None, fate.status))
    return 0


def _show(deployment: Deployment, options: argparse.Namespace) -> int:
    item = ledgers.one_file(deployment, options.sha256, options.dataset)
    views.fields(item["file_name"], item)
    table("history", HISTORY, sorted(_history(deployment, item)))
    return 0


def _history(deployment: Deployment, item: Item) -> Iterator[tuple[str, str, str]]:
    """(time, what, detail) of deliveries, runs and replays of one content, in any order."""
    sha256 = item["sha256"]
    yield item["received_at"], "delivered", item["landing_key"]
    if item["status"] == "set_aside":
        yield item.get("set_aside_at", ""), "set aside", item.get("set_aside_reason", "")
    for other in ledgers.entries(deployment, item["dataset"]):
        if other["status"] == "duplicate" and other["sha256"] == sha256:
            yield other["received_at"], "delivered again, not loaded twice", other["landing_key"]
        elif other.get("replay_of") == sha256:
            yield other["received_at"], f"replayed by {other['sha256'][: ledgers.SHORT_HASH]}", _counts(other)
        elif item.get("replay_of") and other["entry"] == file_entry(item["replay_of"]):
            yield other["received_at"], f"replays {other['sha256'][: ledgers.SHORT_HASH]}", other["file_name"]
    for each in ledgers.runs(deployment, item["dataset"]):
        if sha256 in each.get("file_hashes", []):
            yield each["started_at"], f"{each.get('mode', 'load')} {each['run_id']}", _ending(each)


def _counts(item: Item) -> str:
    counts = ", ".join(f"{int(item[name])} {what}" for name, what in COUNTS.items() if name in item)
    return f"{item['status']}: {counts}"


def _ending(item: Item) -> str:
    return f"{item['status']}: {item['error']}" if item.get("error") else str(item["status"])


def _set_aside(deployment: Deployment, options: argparse.Namespace) -> int:
    item = ledgers.one_file(deployment, options.sha256, options.dataset)
    if item["status"] == "loaded":
        raise PermanentError(
            f"{item['file_name']} is loaded, so its rows are in the tables; `slipway runs rollback {item['run_id']}`"
            " takes them out and sets the files of that run aside"
        )
    moment = timestamp(datetime.now(UTC))
    ledger = FileLedger(deployment.file_ledger)
    if not ledger.set_aside(item["dataset"], item["sha256"], held="waiting", reason=options.reason, moment=moment):
        raise PermanentError(_refused(deployment, item, "only a waiting file can be set aside"))
    say(f"{item['file_name']} is set aside; `slipway files release {item['sha256'][: ledgers.SHORT_HASH]}` undoes it")
    return 0


def _release(deployment: Deployment, options: argparse.Namespace) -> int:
    item = ledgers.one_file(deployment, options.sha256, options.dataset)
    if not FileLedger(deployment.file_ledger).release(item["dataset"], item["sha256"]):
        raise PermanentError(_refused(deployment, item, "only a file that was set aside can be released"))
    say(f"{item['file_name']} waits; `slipway runs start --dataset {item['dataset']}` takes it now")
    return 0


def _refused(deployment: Deployment, item: Item, rule: str) -> str:
    now = FileLedger(deployment.file_ledger).get(item["dataset"], item["entry"]) or item
    holder = f" by run {now['run_id']}" if now["status"] == "claimed" else ""
    return f"{item['file_name']} is {now['status']}{holder}; {rule}"
