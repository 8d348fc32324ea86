"""`slipway runs`: list, show and start runs; go on with a failed one; undo one; free a dataset that one left locked."""

from __future__ import annotations

import argparse

from contracts import model
from contracts.errors import PermanentError
from pipeline.ledger import Item, file_entry
from pipeline.modes import works_on_files
from pipeline.steps import CLAIM_BATCH, FIRST, RESUMABLE
from slipway.acting import claims, operations
from slipway.console import confirm, counted, say, table
from slipway.deployment import Deployment, connect
from slipway.reading import executions, ledgers
from slipway.showing import run_view, views

GATE_REFUSALS = (
    "ReconciliationFailed",
    "QuarantineLimitExceeded",
)  # the same figures would be refused again


def run(options: argparse.Namespace) -> int:
    """0 when it was done, 1 when what was started failed."""
    ledgers.contracts_of(options.dataset)  # an unknown dataset is told before anything is asked
    actions = {"list": _list, "show": _show, "start": _start, "retry": _retry, "release": _release}
    return {**actions, "rollback": _rollback}[options.action](connect(options.environment), options)


def _list(deployment: Deployment, options: argparse.Namespace) -> int:
    for contract in ledgers.contracts_of(options.dataset):
        views.runs(contract.dataset, ledgers.runs(deployment, contract.dataset)[-options.limit :])
    return 0


def _show(deployment: Deployment, options: argparse.Namespace) -> int:
    item = ledgers.one_run(deployment, options.run_id, options.dataset)
    run_view.show(item)
    held = {file_entry(sha256) for sha256 in item.get("file_hashes", [])}
    views.files(fate for fate in ledgers.files(deployment, item["dataset"]) if fate.entry in held)
    return 0


def _start(deployment: Deployment, options: argparse.Namespace) -> int:
    dataset = ledgers.one_contract(options.dataset).dataset
    request = {"dataset": dataset, **operations.engine(deployment, options.engine)}
    say(f"started {executions.start(deployment, 'run', request)}")
    return 0


def _retry(deployment: Deployment, options: argparse.Namespace) -> int:
    item = ledgers.one_run(deployment, options.run_id, options.dataset)
    if item["status"] != "failed":
        raise PermanentError(
            f"run {options.run_id} is {item['status']}; only a failed run can be retried"
        )
    if not _works_on_files(item):
        raise PermanentError(
            f"run {options.run_id} is care of mode {item['mode']!r}; {_AGAIN[item['mode']]}"
        )
    step = options.step or _failed_step(deployment, item)
    say(f"run {options.run_id} goes on from {step}")
    resume = {"run_id": options.run_id, "from": step}
    request: dict[str, object] = {"resume": resume, **operations.engine(deployment, options.engine)}
    return operations.run(deployment, item["dataset"], request, no_wait=options.no_wait)


def _works_on_files(item: Item) -> bool:
    return works_on_files(item.get("mode", "load"))


_AGAIN = {
    "maintenance": "type `slipway maintain` again",
    "rollback": "type `slipway runs rollback` again with the id of the run to undo",
    "erasure": "type `slipway erase` again",
    "forecast_rollback": "type `slipway forecast rollback --reason WHY` again",
}


def _failed_step(deployment: Deployment, item: Item) -> str:
    """Where to go on: at the step that failed, or at the first when what that step judged must be made anew."""
    judged_anew = str(item.get("error")) in GATE_REFUSALS
    changed = item.get("contract_version") != model.load(item["dataset"]).version
    arn = str(item["execution_arn"])
    if judged_anew or changed or executions.describe(deployment, arn) is None:
        return FIRST.name
    names = [step.name for step in executions.steps(deployment, arn)]
    claim = CLAIM_BATCH.name  # before the last of them are the steps of an earlier batch
    begun = len(names) - names[::-1].index(claim) if claim in names else 0
    entered = [name for name in names[begun:] if name in RESUMABLE]
    return entered[-1] if entered else FIRST.name


def _release(deployment: Deployment, options: argparse.Namespace) -> int:
    dataset = ledgers.one_contract(options.dataset).dataset
    for sentence in claims.release(deployment, dataset):
        say(sentence)
    return 0


def _rollback(deployment: Deployment, options: argparse.Namespace) -> int:
    item = ledgers.one_run(deployment, options.run_id, options.dataset)
    undone = _undone(deployment, item, with_later=options.with_later)
    views.runs(item["dataset"], undone)
    _show_snapshots(undone)
    _show_files(undone)
    confirm(
        options.run_id, "Every table goes back to its snapshot before this run.", yes=options.yes
    )
    request = {"mode": "rollback", "run_id": options.run_id, "with_later": options.with_later}
    return operations.care(deployment, item["dataset"], request, no_wait=options.no_wait)


def _undone(deployment: Deployment, item: Item, *, with_later: bool) -> list[Item]:
    """The runs that a rollback would undo, oldest first. Refuses what hold_dataset would refuse, before asking."""
    if item["status"] != "succeeded" or not _works_on_files(item):
        raise PermanentError(
            f"run {item['run_id']} is {item['status']}, of mode {item.get('mode')!r}; only a load, backfill, replay"
            " or retraction that succeeded can be rolled back"
        )
    # Later is what ended later: a run that was retried has an old id and a late end (lambdas/hold_dataset/rollback.py).
    every = [
        each for each in ledgers.runs(deployment, item["dataset"]) if each["status"] == "succeeded"
    ]
    since = sorted((each for each in every if each["ended_at"] >= item["ended_at"]), key=_ended_at)
    if erasures := [str(each["run_id"]) for each in since if each["mode"] == "erasure"]:
        raise PermanentError(
            f"a person was erased by {', '.join(erasures)} since {item['run_id']}; the snapshots before are gone."
            f" Correct the data instead: `slipway backfill --dataset {item['dataset']}`"
        )
    undone = [each for each in since if _works_on_files(each)]
    if len(undone) > 1 and not with_later:
        later = ", ".join(
            str(each["run_id"]) for each in undone if each["run_id"] != item["run_id"]
        )
        raise PermanentError(
            f"later runs built on {item['run_id']}: {later}; --with-later rolls them back, too"
        )
    return undone


def _ended_at(item: Item) -> str:
    return str(item["ended_at"])


def _show_files(undone: list[Item]) -> None:
    """What becomes of the files: those of a backfill or replay were loaded before."""
    loads = [each for each in undone if each.get("mode", "load") == "load"]
    if loads:
        files = sum(int(each.get("file_count", 0)) for each in loads)
        say(
            f"{counted(files, 'file')} will be set aside; `slipway files release SHA` lets one be loaded again."
        )
    if len(loads) < len(undone):
        say("Files of a backfill or replay stay loaded, with the counts of the load before it.")


def _show_snapshots(undone: list[Item]) -> None:
    """Each table as the last of the runs left it, and as it was before the first of them that changed it."""
    changes = [(name, pair) for each in undone for name, pair in each.get("snapshots", {}).items()]
    before = {name: pair["before"] for name, pair in reversed(changes)}
    after = {name: pair["after"] for name, pair in changes}
    rows = [(name, after[name], before[name] or "empty") for name in sorted(before)]
    table("tables and snapshots", ("table", "is at", "goes back to"), rows)
