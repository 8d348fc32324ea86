"""What people are told of a failed run: the cause in one sentence, what was not touched, and what to type.

Commands are written in the grammar of slipway/grammar.py; a test reads them back.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import assert_never

from contracts import naming
from lambdas.fail_run.failures import Failure
from pipeline import alerts, modes, steps
from pipeline.alerts import counted
from pipeline.ledger import HELD_STATUS, Item, file_entry

MEASURED = "rule_id, status, rows_failed, measured, expected"
QUALITY_OF_RUN = "select {columns} from processed.{table} where run_id = '{run_id}'"
COMMANDS_SHOWN = 3  # the list names the others
SAMPLES_SHOWN = 10  # of each file that was set aside
CLOSED = steps.HAND_OVER.after_failure  # of a run that had been closed, whatever failed then
NO_RUN = "No run was at work, so none is half done: what this execution had done before is published and closed."
LOADED_AGAIN = (
    "A corrected file that is sent again is loaded by itself; once the contract has changed, a file that was set aside"
    " is judged again by `slipway files judge-again SHA`."
)
NOT_STARTED = "The run had ended well, but no execution could be started for the files that wait: "


def subject(environment: str, failure: Failure, *, files_waiting: int) -> str:
    """One line: where, which dataset, which step, which error, how many files wait."""
    waiting = f"{counted(files_waiting, 'file')} {'waits' if files_waiting == 1 else 'wait'}"
    return alerts.subject(
        "error",
        environment,
        failure.dataset,
        f"{_what_failed(failure)} ({failure.error}), {waiting}",
    )


def _what_failed(failure: Failure) -> str:
    if failure.is_after_closing:
        return "next run not started"
    place = f" at {failure.step}" if failure.step else ""
    return f"{mode_of(failure, None)} failed{place}"


def body(
    failure: Failure, run: Item | None, *, files_waiting: int, set_aside: Sequence[Item] = ()
) -> str:
    """The whole message; `run` is None when none was at work, `set_aside` what the gate took out of it."""
    sentence, *details = failure.cause.splitlines() or [failure.cause]
    lines = [
        f"Dataset:   {failure.dataset}",
        f"Run:       {_run(failure, run)} ({mode_of(failure, run)})",
        f"Step:      {failure.step or 'not known; see the history of the execution'}",
        f"Error:     {failure.error}",
        f"Cause:     {NOT_STARTED if failure.is_after_closing else ''}{sentence}",
        f"Tables:    {_tables(failure, run)}",
        f"Files:     {_files(failure, run, files_waiting, len(set_aside))}",
        f"Next:      {'; then: '.join(next_commands(failure, run, set_aside))}",
        f"Execution: {failure.execution_arn}",
    ]
    aside = [line for item in set_aside for line in _aside(item)]
    return "\n".join(
        [
            *lines,
            *(["", "Set aside:", *aside] if aside else []),
            *(["", "Details:", *details] if details else []),
        ]
    )


def _aside(item: Item) -> Iterator[str]:
    """A file that was set aside, and the first values that were refused."""
    yield f"{item['file_name']}: {item['set_aside_reason']} ({item['landing_key']})"
    samples = item.get("refused_samples", [])
    for sample in samples[:SAMPLES_SHOWN]:
        yield f"  record {sample['record']}: {sample['reason']}"
    if len(samples) > SAMPLES_SHOWN:
        yield "  `slipway files show` has more."


def mode_of(failure: Failure, run: Item | None) -> str:
    """What the run is for: load, backfill, replay, retraction, maintenance, rollback or erasure."""
    return str(run["mode"] if run else failure.request.get("mode", "load"))


def is_closed(run: Item | None) -> bool:
    """Whether the ledger says that the run ended well."""
    return run is not None and run["status"] in ("succeeded", "rolled_back")


def files_given_back(run: Item | None) -> int:
    """How many files the run no longer holds because it failed."""
    return 0 if run is None or is_closed(run) else len(run["file_hashes"])


def _run(failure: Failure, run: Item | None) -> str:
    if run:
        return str(run["run_id"])
    return "none had begun" if failure.step else "none was at work"


def _tables(failure: Failure, run: Item | None) -> str:
    if is_closed(run) or failure.is_after_closing:
        return CLOSED
    if run is None:
        return steps.NO_CHANGE if failure.step else NO_RUN
    if failure.step:
        return steps.after_failure(failure.step)
    works_on_files = modes.works_on_files(mode_of(failure, run))
    return (steps.DATASET_RUN if works_on_files else steps.DATASET_CARE).step_unknown


def _files(failure: Failure, run: Item | None, files_waiting: int, set_aside: int) -> str:
    given_back = files_given_back(run) - set_aside
    status = HELD_STATUS.get(mode_of(failure, run), "waiting")
    are = "is" if given_back == 1 else "are"
    held = (
        f"{counted(given_back, 'file')} {are} {status} again."
        if given_back
        else "None was held by this run."
    )
    wait = "waits" if files_waiting == 1 else "wait"
    waiting = f"{counted(files_waiting, 'file')} of {failure.dataset} {wait} for the next run"
    if set_aside:
        were = "was" if set_aside == 1 else "were"
        told = f"{counted(set_aside, 'file')} {were} set aside."
        return f"{told} {held} {waiting}, which starts by itself. {LOADED_AGAIN}"
    return f"{held} {waiting}."


def next_commands(failure: Failure, run: Item | None, set_aside: Sequence[Item] = ()) -> list[str]:
    """What to type: first to see, then to go on once the cause is removed."""
    look = list(_looks(failure, run))
    if set_aside:
        hashes = [str(item["entry"]).removeprefix(file_entry("")) for item in set_aside]
        shown = [
            f"slipway files show {sha256} --dataset {failure.dataset}"
            for sha256 in hashes[:COMMANDS_SHOWN]
        ]
        return [*look, f"slipway files list --status set_aside --dataset {failure.dataset}", *shown]
    if failure.is_after_closing:
        return [*look, f"slipway runs start --dataset {failure.dataset}"]
    return look if is_closed(run) else [*look, _again(failure, run)]


def _looks(failure: Failure, run: Item | None) -> Iterator[str]:
    told, dataset = f"{failure.error} {failure.cause}", failure.dataset
    if run:
        yield f"slipway runs show {run['run_id']} --dataset {dataset}"
    if "DatasetBusy" in told:
        yield f"slipway runs list --dataset {dataset}"
        yield f"slipway runs release --dataset {dataset}"
    if "ContractInvalid" in told or "contract versions differ" in told:
        yield "slipway contract check"
        yield f"slipway backfill --dataset {dataset} --plan"
    if run and (failure.is_too_bad or "halt rule" in told):
        # The rows of a run that published nothing are in no table, but what its rules found is.
        table = naming.quality_table(dataset)
        question = QUALITY_OF_RUN.format(columns=MEASURED, table=table, run_id=run["run_id"])
        yield f'slipway query "{question}"'
    if failure.error == "FailRunFailed" or (run is None and "DatasetBusy" not in told):
        yield "slipway doctor"


def _again(failure: Failure, run: Item | None) -> str:
    dataset, request = failure.dataset, failure.request
    mode = modes.known(mode_of(failure, run))
    match mode:
        case "maintenance":
            return f"slipway maintain --dataset {dataset}"
        case "rollback":
            later = " --with-later" if request.get("with_later") else ""
            return f"slipway runs rollback {request.get('run_id', 'RUN_ID')} --dataset {dataset}{later}"
        case "forecast_rollback":
            return f"slipway forecast rollback --dataset {dataset} --reason WHY"
        case "erasure":
            return f"slipway erase --dataset {dataset} --subject-file FILE"
        case _ if run:
            return f"slipway runs retry {run['run_id']} --dataset {dataset}"
        case "backfill":
            return f"slipway backfill --dataset {dataset}"
        case "retraction":
            files, reason = request.get("files"), shlex.quote(str(request.get("reason", "WHY")))
            file = str(files[0]) if isinstance(files, list) and files else "FILE"
            return f"slipway files retract {file} --dataset {dataset} --reason {reason}"
        case "replay":
            return f"slipway quarantine replay --all --dataset {dataset}"
        case "load" | None:  # None: the request had a mode that nobody knows, and was refused
            return f"slipway runs start --dataset {dataset}"
        case _:
            assert_never(mode)
