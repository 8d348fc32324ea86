"""Every failure message says what was not touched and what to type, in commands that the command line understands."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from lambdas.fail_run import messages
from lambdas.fail_run.failures import Failure
from pipeline.modes import works_on_files
from pipeline.steps import MACHINES, NO_CHANGE
from slipway.grammar import build_parser

RUN_ID = "20261120T120000-0a1b2c3d"
EXECUTION = "arn:aws:states:us-east-1:111122223333:execution:dataset-run:x"


def failure(
    step: str | None = "Gate", *, error: str = "E", cause: str = "it broke", **request: Any
) -> Failure:
    return Failure(
        dataset="sales_records",
        execution_arn=EXECUTION,
        run_id=RUN_ID,
        step=step,
        error=error,
        cause=cause,
        request=request,
    )


def run(mode: str = "load", status: str = "failed") -> dict[str, Any]:
    hashes = ["a", "b"] if works_on_files(mode) else []
    return {"run_id": RUN_ID, "mode": mode, "status": status, "file_hashes": hashes}


STEPS = sorted({step.name for machine in MACHINES.values() for step in machine.steps})


def commands(text: str) -> list[str]:
    return re.findall(r"slipway [^;\n]+", text)


@pytest.mark.parametrize("entry", [run(), None])
@pytest.mark.parametrize("step", [*STEPS, None])
def test_every_message_names_all_that_a_person_needs(
    step: str | None, entry: dict[str, Any] | None
) -> None:
    body = messages.body(failure(step), entry, files_waiting=7)
    for label in (
        "Dataset",
        "Run",
        "Step",
        "Error",
        "Cause",
        "Tables",
        "Files",
        "Next",
        "Execution",
    ):
        assert re.search(rf"^{label}: +\S", body, re.M), label
    assert "7 files of sales_records wait" in body
    assert EXECUTION in body
    assert commands(body)


QUALITY = (
    'slipway query "select rule_id, status, rows_failed, measured, expected'
    f" from processed.sales_records_quality where run_id = '{RUN_ID}'\""
)
NEXT: dict[str, tuple[Failure, dict[str, Any] | None, str]] = {
    "too much quarantined": (
        failure(error="QuarantineLimitExceeded", cause="quarantined share is 0.5 (5 of 10 rows)"),
        run(),
        QUALITY,
    ),
    "a halt rule": (
        failure(cause="halt rule 'x' was broken by 2 rows"),
        run(),
        QUALITY,
    ),
    "busy": (
        failure("ClaimBatch", error="DatasetBusy"),
        None,
        "slipway runs release --dataset sales_records",
    ),
    "contract": (
        failure(
            "RawToProcessed", error="States.TaskFailed", cause="ContractInvalid: type narrowed"
        ),
        run(),
        "slipway backfill --dataset sales_records --plan",
    ),
    "load": (failure(), run(), f"slipway runs retry {RUN_ID} --dataset sales_records"),
    "load without a run": (
        failure("ClaimBatch"),
        None,
        "slipway runs start --dataset sales_records",
    ),
    "backfill without a run": (
        failure("ClaimBatch", mode="backfill"),
        None,
        "slipway backfill --dataset sales_records",
    ),
    "replay without a run": (
        failure("ClaimBatch", mode="replay"),
        None,
        "slipway quarantine replay --all --dataset sales_records",
    ),
    "retraction without a run": (
        failure("ClaimBatch", mode="retraction", files=["ab" * 32], reason="Ada's month"),
        None,
        f"""slipway files retract {"ab" * 32} --dataset sales_records --reason 'Ada'"'"'s month'""",
    ),
    "retraction that named no file": (
        failure("ClaimBatch", mode="retraction", files="all"),
        None,
        "slipway files retract FILE --dataset sales_records --reason WHY",
    ),
    "maintenance": (
        failure("Care"),
        run("maintenance"),
        "slipway maintain --dataset sales_records",
    ),
    "rollback": (
        failure("Hold", mode="rollback", run_id="r9", with_later=True),
        None,
        "slipway runs rollback r9 --dataset sales_records --with-later",
    ),
    "erasure": (
        failure("Care"),
        run("erasure"),
        "slipway erase --dataset sales_records --subject-file FILE",
    ),
    "recording failed": (failure(None, error="FailRunFailed"), run(), "slipway doctor"),
}


@pytest.mark.parametrize("case", NEXT)
def test_the_next_command_fits_the_failure_and_the_command_line_knows_it(case: str) -> None:
    told, entry, wanted = NEXT[case]
    found = messages.next_commands(told, entry)
    assert wanted in found
    parser = build_parser()
    for command in found:
        parser.parse_args(shlex.split(command)[1:])


@pytest.mark.parametrize(
    ("mode", "again"),
    [
        ("load", f"slipway runs retry {RUN_ID} --dataset sales_records"),
        ("rollback", "slipway runs rollback r9 --dataset sales_records"),
        ("erasure", "slipway erase --dataset sales_records --subject-file FILE"),
    ],
)
def test_a_failed_serve_says_that_the_lake_is_done_and_the_warehouse_whole(
    mode: str, again: str
) -> None:
    body = messages.body(failure("Serve", mode=mode, run_id="r9"), run(mode), files_waiting=0)
    assert "The lake's tables are as this run was to leave them." in body
    assert "in one transaction each: their tables are as before, or show this run whole." in body
    assert commands(body)[-1] == again


def test_a_run_that_was_closed_is_not_to_be_repeated() -> None:
    body = messages.body(failure("CloseRun"), run(status="succeeded"), files_waiting=0)
    assert "the ledger says so" in body
    assert commands(body) == [f"slipway runs show {RUN_ID} --dataset sales_records"]


def test_a_run_whose_successor_could_not_be_started_is_said_to_have_succeeded() -> None:
    told = failure(
        "HandOver", error="StepFunctions.AccessDeniedException", cause="not authorized\n- to start"
    )
    assert messages.subject("dev", told, files_waiting=1) == (
        "ERROR [dev] sales_records: next run not started (StepFunctions.AccessDeniedException), 1 file waits"
    )
    for entry in (run(status="succeeded"), run("backfill", "succeeded"), None):
        body = messages.body(told, entry, files_waiting=7)
        assert (
            "Cause:     The run had ended well, but no execution could be started for the files that wait: not "
            in body
        )
        assert (
            "Tables:    The tables are as asked and the ledger says so; only what follows the closing failed."
            in body
        )
        assert (
            "Files:     None was held by this run. 7 files of sales_records wait for the next run."
            in body
        )
        assert commands(body)[-1] == "slipway runs start --dataset sales_records"
        assert "runs retry" not in body


@pytest.mark.parametrize("mode", ["load", "maintenance"])
def test_an_execution_that_ended_between_two_rounds_is_not_said_to_have_changed_nothing(
    mode: str,
) -> None:
    body = messages.body(failure(None, error="Execution.ABORTED", mode=mode), None, files_waiting=7)
    assert f"Run:       none was at work ({mode})" in body
    assert "what this execution had done before is published and closed" in body
    assert NO_CHANGE not in body


@pytest.mark.parametrize(
    ("mode", "told"), [("load", "2 files are waiting again"), ("backfill", "2 files are loaded")]
)
def test_files_are_told_to_be_where_the_run_took_them(mode: str, told: str) -> None:
    assert told in messages.body(failure(), run(mode), files_waiting=0)


def test_the_cause_is_one_sentence_and_the_rest_are_details() -> None:
    body = messages.body(
        failure(cause="a cent differs\n- total_cost\n- total_profit"), run(), files_waiting=0
    )
    assert "Cause:     a cent differs\n" in body
    assert body.endswith("Details:\n- total_cost\n- total_profit")


@pytest.mark.parametrize(
    ("mode", "told"),
    [("load", "end of ProcessedToCurated"), ("rollback", "in the steps Care and RollForecastBack")],
)
def test_where_the_step_is_not_known_the_message_says_how_to_see_what_was_touched(
    mode: str, told: str
) -> None:
    assert told in messages.body(failure(None), run(mode), files_waiting=0)
