"""What operators start: runs with a mode, and care of tables; each is followed to its end and its result shown.

The ledger says what became of an execution; its own status alone does not tell a run that had nothing to do from one
that loaded.
"""

from __future__ import annotations

from contracts.errors import PermanentError
from pipeline.ledger import Item
from slipway.acting import progress
from slipway.console import Stopwatch, say, table
from slipway.deployment import Deployment
from slipway.reading import executions, ledgers
from slipway.reading.executions import Ending, Machine
from slipway.showing import run_view, views

EMR_OUTPUT = "EmrApplicationId"  # of the stack Processing, where emr.enabled
MOST_FILES = 2_000  # docs/reference/state_machines.md, Modes of a run
CARE_FIGURES = ("rows_deleted", "files_before", "files_after", "bytes_before", "bytes_after")
CARE_HEADERS = ("table", "action", *(name.replace("_", " ") for name in CARE_FIGURES))


def run(deployment: Deployment, dataset: str, request: dict[str, object], *, no_wait: bool) -> int:
    """Start a run with a mode and follow it: 0 when it did its work, else 1."""
    ending = _started(deployment, "run", {"dataset": dataset, **request}, no_wait=no_wait)
    if ending is None:
        return 0
    carried_out = _of_execution(deployment, dataset, ending.execution)
    for item in carried_out:
        run_view.show(item)
        views.files(
            fate for fate in ledgers.files(deployment, dataset) if fate.run_id == item["run_id"]
        )
    if any(item["status"] == "failed" for item in carried_out):
        return 1  # its cause has been shown with it
    return _told(deployment, ending, carried_out)


def care(deployment: Deployment, dataset: str, request: dict[str, object], *, no_wait: bool) -> int:
    """Start care of a dataset's tables, follow it and show its report: 0 when it did its work, else 1."""
    ending = _started(deployment, "care", {"dataset": dataset, **request}, no_wait=no_wait)
    if ending is None:
        return 0
    carried_out = _of_execution(deployment, dataset, ending.execution)
    for item in carried_out if ending.succeeded else []:
        _show_report(item)
    return _told(deployment, ending, carried_out)


def engine(deployment: Deployment, named: str | None) -> dict[str, str]:
    """What a request says of the engine that an operator wants; nothing when it is left to the settings.

    Raises PermanentError when that engine is not deployed there.
    """
    if named == "emr" and EMR_OUTPUT not in deployment.outputs:
        raise PermanentError(
            f"--engine emr: EMR Serverless is not deployed in {deployment.environment};"
            f" set emr.enabled to true in config/{deployment.environment}.yaml and deploy"
        )
    return {"engine": named} if named else {}


def hashes(named: list[Item]) -> list[str]:
    """The hashes of files for a request. Raises PermanentError beyond what one request may name."""
    if len(named) > MOST_FILES:
        raise PermanentError(
            f"{len(named)} files are named, one request takes {MOST_FILES}; do it in parts"
        )
    return [str(item["sha256"]) for item in named]


def _started(
    deployment: Deployment, machine: Machine, request: dict[str, object], *, no_wait: bool
) -> Ending | None:
    watch = Stopwatch()
    arn = executions.start(deployment, machine, request)
    watch.say(f"started {arn}")
    if no_wait:
        return None
    return executions.wait(deployment, arn, lambda step: progress.tell(step, watch))


def _of_execution(deployment: Deployment, dataset: str, arn: str) -> list[Item]:
    """The runs of an execution, oldest first: the one asked for, then plain loads of files that waited."""
    return [item for item in ledgers.runs(deployment, dataset) if item.get("execution_arn") == arn]


def _told(deployment: Deployment, ending: Ending, carried_out: list[Item]) -> int:
    if not ending.succeeded:
        views.failures(deployment, [ending.execution])
    elif not carried_out:
        reason = (ending.output.get("claim") or {}).get("reason") or "the execution began no run"
        say(f"nothing was done: {reason}")
    return int(not (ending.succeeded and carried_out))


def _show_report(item: Item) -> None:
    """What was done to each table, and sentences about it and about files, as the ledger has them."""
    rows = [
        (line["table"], line["action"], *(int(line[name]) for name in CARE_FIGURES))
        for line in item["care"]
    ]
    title = f"{item['mode']} of {item['dataset']}, run {item['run_id']}"
    table(title, CARE_HEADERS, rows, right=range(2, len(CARE_HEADERS)))
    for sentence in item["report"]:
        say(sentence)
