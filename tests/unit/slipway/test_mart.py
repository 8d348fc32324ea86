"""`slipway mart`: which marts there are, what their runs did, and a run now."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.ledger.marts import MartLedger
from slipway.acting import dead_letters, diagnosis
from tests.unit.slipway.conftest import Account

NAME, MACHINE = "superstore_cohorts", "mart-run"
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
ENDED = {
    "status": "published",
    "rows": 1200,
    "detail": "3 periods written",
    "again": False,
    "served": {},
}


@pytest.fixture
def ledger(account: Account) -> MartLedger:
    account.deployment.outputs["MartStateMachineArn"] = MACHINE
    account.stepfunctions.carry_out = lambda _arn, _request: ENDED
    return MartLedger(table=account.deployment.run_ledger, mart=NAME)


def a_run(ledger: MartLedger, execution: str) -> str:
    """A run a minute after the last one, whose id therefore comes after that of the last one."""
    now = NOW + timedelta(minutes=len(ledger.newest(9)))
    run_id = ledger.take(execution, trigger="superstore", now=now, lease_seconds=60)
    assert run_id
    ledger.release(run_id)
    return run_id


def test_every_mart_is_listed_with_what_it_reads_and_its_last_run(
    account: Account, ledger: MartLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    assert account.slipway("mart", "list") == 0
    listed = capsys.readouterr().out
    assert f"curated.{NAME}" in listed
    assert "never" in listed
    ending = {"outcome": "published", "rows": 1200, "detail": "x"}
    ledger.finish(a_run(ledger, "one"), "succeeded", ending, now=NOW)
    assert account.slipway("mart", "list") == 0
    assert "published at 2026-11-29T12:00:00" in capsys.readouterr().out


def test_a_mart_is_shown_with_its_columns_sums_and_the_versions_its_runs_read(
    account: Account, ledger: MartLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    ending = {
        **{"outcome": "published", "rows": 1200, "detail": "3 periods"},
        **{"totals": {"sales": "12.50"}, "cut": {"superstore": "7001"}},
    }
    ledger.finish(a_run(ledger, "one"), "succeeded", ending, now=NOW)
    failed = {"error": "ReconciliationFailed", "cause": "sales 1, 2"}
    ledger.finish(a_run(ledger, "two"), "failed", failed, now=NOW)
    assert account.slipway("mart", "show", NAME) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for part in (
        "one row per cohort_month, month_start",
        "sum of sales = sum of superstore.sales",
        "1,200 sales 12.50 superstore 7001 3 periods",
        "failed ReconciliationFailed: sales 1, 2",
    ):
        assert part in shown
    assert account.slipway("mart", "show", "cohort") == 1
    assert f"no mart 'cohort'; known: {NAME}" in capsys.readouterr().err


def test_a_run_is_started_and_its_end_told(
    account: Account, ledger: MartLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ledger.newest(1) == []
    assert account.slipway("mart", "run", NAME) == 0
    [(machine, request)] = account.stepfunctions.started
    assert machine == MACHINE
    assert request == {"trigger": "operator", "mart": NAME}
    assert "published: 1,200 rows; 3 periods written" in capsys.readouterr().out
    account.stepfunctions.carry_out = lambda _arn, _request: {**ENDED, "status": "waiting"}
    assert account.slipway("mart", "run", NAME) == 1
    assert account.slipway("mart", "run", NAME, "--no-wait") == 0


def test_a_rollback_is_a_request_of_its_own_and_says_when_it_was_not_done(
    account: Account, ledger: MartLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ledger.newest(1) == []
    answer = {**ENDED, "status": "rolled back"}
    account.stepfunctions.carry_out = lambda _arn, _request: answer
    assert account.slipway("mart", "rollback", NAME) == 0
    [(_, request)] = account.stepfunctions.started
    assert request == {"trigger": "operator", "mart": NAME, "mode": "rollback"}
    assert "rolled back: 1,200 rows" in capsys.readouterr().out
    answer["status"] = "busy"
    assert account.slipway("mart", "rollback", NAME) == 1
    assert account.slipway("mart", "run", NAME) == 0


def test_a_load_that_failed_is_told_and_is_not_a_success(
    account: Account, ledger: MartLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ledger.newest(1) == []
    served = {"warehouse": {"problem": "WarehouseLoadFailed: merge: no"}}
    account.stepfunctions.carry_out = lambda _arn, _request: {**ENDED, "served": served}
    assert account.slipway("mart", "run", NAME) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "shows what it showed before (WarehouseLoadFailed: merge: no)" in told
    run_id = a_run(ledger, "one")
    ledger.finish(run_id, "succeeded", {"outcome": "published", "shown": {}}, now=NOW)
    ledger.note(run_id, served=served, shown={"warehouse": "7 abc"})
    assert account.slipway("mart", "show", NAME) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "warehouse: shows version 7" in shown
    assert "not in the warehouse: WarehouseLoadFailed: merge: no" in shown


def message(event: object) -> dead_letters.Message:
    return {"Body": json.dumps(event), "MessageAttributes": {}}


def test_the_end_of_a_datasets_run_that_could_not_be_delivered_starts_the_marts(
    account: Account, ledger: MartLedger
) -> None:
    assert ledger.newest(1) == []
    event = {"detail": {"status": "SUCCEEDED", "input": '{"dataset": "superstore"}'}}
    dead_letters._mart(account.deployment, message(event))
    assert account.stepfunctions.started == [(MACHINE, event)]


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_schedules_start_that_could_not_be_delivered_is_made_up_for(
    account: Account, ledger: MartLedger, wrapped: bool
) -> None:
    assert ledger.newest(1) == []
    request = {"mart": NAME, "trigger": "schedule"}
    body = {"StateMachineArn": "arn", "Input": json.dumps(request)} if wrapped else request
    dead_letters._mart(account.deployment, message(body))
    assert account.stepfunctions.started == [(MACHINE, request)]


def test_the_doctor_names_a_mart_whose_newest_run_failed(
    account: Account, ledger: MartLedger
) -> None:
    failed = {"error": "ReconciliationFailed", "cause": "sales 1, 2"}
    ledger.finish(a_run(ledger, "one"), "failed", failed, now=NOW)
    [finding] = diagnosis._failed_marts(account.deployment)
    assert finding.problem == f"the newest run of mart {NAME} failed: sales 1, 2"
    assert f"slipway mart run {NAME}" in finding.next_step
    ledger.finish(a_run(ledger, "two"), "succeeded", {"outcome": "unchanged"}, now=NOW)
    assert list(diagnosis._failed_marts(account.deployment)) == []
