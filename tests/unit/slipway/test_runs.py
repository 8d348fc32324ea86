"""`slipway runs`: what is started has the agreed input; what must not be done is refused before anything changes."""

import argparse
from typing import Any

import pytest

from lambdas.fail_run.failures import Failure
from pipeline.ledger import RunLedger
from tests.run_samples import maintained_table
from tests.unit.slipway.conftest import DATASET, RUN, Account

LATER = "20260102T000000-0000000b"
SNAPSHOTS = {DATASET: {"before": "11", "after": "12"}}


def test_runs_are_listed_with_their_mode_and_only_the_newest(account: Account, capsys: Any) -> None:
    account.put_run()
    account.put_run(LATER, mode="backfill")
    assert account.slipway("runs", "list", "--limit", "1") == 0
    shown = capsys.readouterr().out
    assert LATER in shown
    assert "backfill" in shown
    assert RUN not in shown


def test_a_run_is_found_without_its_dataset_and_shown_with_its_files_and_each_figure(
    account: Account, capsys: Any
) -> None:
    account.put_file("a" * 64, file_name="mine.csv")
    account.put_file("b" * 64, file_name="other.csv")
    account.put_run(file_hashes=["a" * 64], totals={"loaded": {"revenue": "1.50"}})
    assert account.slipway("runs", "show", RUN) == 0
    shown = capsys.readouterr().out
    assert ["revenue", "1.50"] in [line.split() for line in shown.splitlines()]
    assert "mine.csv" in shown
    assert "other.csv" not in shown


MUCH = {
    "totals": {part: {"revenue": "1.50"} for part in ("read", "loaded", "quarantined", "deduplicated")},
    "snapshots": {DATASET: {"before": None, "after": "12"}},
    "row_rules": [
        {"rule_id": "price.positive", "action": "warn", "rows_checked": 9, "rows_failed": 2},
        *({"rule_id": f"r{n}", "action": "warn", "rows_checked": 9, "rows_failed": 0} for n in range(40)),
    ],
    "table_rules": [
        {"rule_id": "fresh", "kind": "freshness", "action": "warn", "status": "unproven", "measured": "no rows",
         "expected": "at most 36 hours"},
    ],
    "served": {
        "warehouse": {"tables": {"by_item": {
            "mode": "periods", "loaded_rows": 3, "rows": 689,
            "totals": {"revenue": {"lake": "7.5", "warehouse": "7.5"}},
        }}},
        "database": {"tables": {"orders": {
            "mode": "periods", "loaded_rows": 3, "removed_rows": 2, "rows": 801,
            "totals": {"amount": {"lake": "8.25", "database": "8.25"}},
        }}},
        "dashboard_refresh": {"refresh": "started"},
    },
    "worker_seconds": {"load": 689},
    "cost_usd": {"load": "0.0842"},
    "notes": ["a.csv: 1 column was skipped"],
    "error": "",
    "care": {},
}  # fmt: skip


def test_a_run_is_shown_in_few_lines_without_pythons_marks_and_without_what_is_empty(
    account: Account, capsys: Any
) -> None:
    account.put_run(**MUCH)
    assert account.slipway("runs", "show", RUN) == 0
    shown = capsys.readouterr().out
    lines = [line.split() for line in shown.splitlines()]
    assert ["revenue", "1.50", "1.50", "1.50", "1.50"] in lines
    assert [DATASET, "empty", "12"] in lines
    assert ["orders", "periods", "3", "2", "801", "amount", "8.25"] in lines
    assert "2 of 9 rows broke it" in shown
    assert "unproven: no rows" in shown
    assert "40 rules kept by all rows" in shown
    assert ["by_item", "periods", "3", "689", "revenue", "7.5"] in lines
    assert ["refresh", "started"] in lines
    assert ["worker_seconds.load", "689"] in lines
    assert ["cost_usd.load", "0.0842"] in lines
    assert "Cost of the jobs: 0.0842 USD at list prices" in shown
    assert "a.csv: 1 column was skipped" in shown
    assert not any(mark in shown for mark in ("Decimal", "{", "[", "error", "care"))
    assert len(lines) < 60


def test_a_retry_that_failed_tells_its_cause_once(account: Account, capsys: Any) -> None:
    account.put_run(status="failed")
    account.stepfunctions.ends = "FAILED"

    def fail_again(arn: str, _request: dict[str, Any]) -> None:
        account.put_run(
            status="failed",
            error="ContractInvalid",
            cause="the type of price changed",
            execution_arn=arn,
        )

    account.stepfunctions.carry_out = fail_again
    assert account.slipway("runs", "retry", RUN) == 1
    assert capsys.readouterr().out.count("ContractInvalid") == 1


def test_an_unknown_run_is_told(account: Account, capsys: Any) -> None:
    assert account.slipway("runs", "show", "nope") == 1
    assert "no run 'nope'" in capsys.readouterr().err


def test_a_run_is_started_by_hand(account: Account) -> None:
    assert account.slipway("runs", "start") == 0
    assert account.stepfunctions.started == [
        ("dataset-run", {"trigger": "operator", "dataset": DATASET})
    ]


def test_a_failed_run_goes_on_from_the_step_that_failed(account: Account, capsys: Any) -> None:
    account.put_run(status="failed", execution_arn="arn:failed")
    account.stepfunctions.known["arn:failed"] = {"status": "FAILED"}
    account.stepfunctions.histories["arn:failed"] = [
        "ClaimBatch",
        "RawToProcessed",
        "Gate",
        "FailRun",
    ]
    account.stepfunctions.carry_out = lambda arn, _request: account.put_run(
        status="succeeded", execution_arn=arn
    )
    assert account.slipway("runs", "retry", RUN) == 0
    request = {"trigger": "operator", "dataset": DATASET, "resume": {"run_id": RUN, "from": "Gate"}}
    assert account.stepfunctions.started == [("dataset-run", request)]
    assert "succeeded" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("entered", "attributes", "step"),
    [
        (
            ["ClaimBatch", "RawToProcessed", "Gate"],
            {"error": "ReconciliationFailed"},
            "RawToProcessed",
        ),
        (["ClaimBatch", "RawToProcessed", "Gate"], {"contract_version": "0.0.1"}, "RawToProcessed"),
        (["ClaimBatch", "RawToProcessed", "Gate", "CloseRun", "ClaimBatch"], {}, "RawToProcessed"),
        (
            ["ClaimBatch", "CloseRun", "ClaimBatch", "RawToProcessed", "ProcessedToCurated"],
            {},
            "ProcessedToCurated",
        ),
        (
            ["ClaimBatch", "ProcessedToCurated", "IsAnythingServed", "Serve", "FailRun"],
            {"error": "X"},
            "Serve",
        ),
    ],
    ids=[
        *(
            "refused by the gate",
            "another contract",
            "failed before its first step",
            "an earlier batch went through",
        ),
        "what is served failed",
    ],
)
def test_a_step_that_would_only_fail_again_is_no_place_to_go_on(
    account: Account, entered: list[str], attributes: dict[str, str], step: str
) -> None:
    account.put_run(status="failed", execution_arn="arn:failed", **attributes)
    account.stepfunctions.known["arn:failed"] = {"status": "FAILED"}
    account.stepfunctions.histories["arn:failed"] = entered
    account.slipway("runs", "retry", RUN, "--no-wait")
    assert account.stepfunctions.started[0][1]["resume"]["from"] == step


def test_the_operator_may_choose_the_step(account: Account) -> None:
    account.put_run(status="failed")
    account.slipway("runs", "retry", RUN, "--from", "ProcessedToCurated", "--no-wait")
    assert account.stepfunctions.started[0][1]["resume"]["from"] == "ProcessedToCurated"


def test_a_run_whose_history_is_forgotten_goes_on_from_the_first_step(account: Account) -> None:
    account.put_run(status="failed", execution_arn="arn:forgotten")
    account.slipway("runs", "retry", RUN, "--no-wait")
    assert account.stepfunctions.started[0][1]["resume"]["from"] == "RawToProcessed"


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({"status": "succeeded"}, "is succeeded"),
        ({"status": "failed", "mode": "erasure"}, "`slipway erase` again"),
    ],
)
def test_what_cannot_be_retried_is_refused(
    account: Account, capsys: Any, attributes: dict[str, str], told: str
) -> None:
    account.put_run(**attributes)
    assert account.slipway("runs", "retry", RUN) == 1
    assert told in capsys.readouterr().err
    assert account.stepfunctions.started == []


def test_a_retry_that_did_nothing_or_failed_ends_with_1_and_the_reason(
    account: Account, capsys: Any
) -> None:
    account.put_run(status="failed")
    account.stepfunctions.carry_out = lambda _arn, _request: {
        "claim": {"claimed": False, "reason": "held by another"}
    }
    assert account.slipway("runs", "retry", RUN) == 1
    assert "nothing was done: held by another" in capsys.readouterr().out
    account.stepfunctions.ends = "FAILED"
    assert account.slipway("runs", "retry", RUN) == 1
    assert "run failed  FAILED" in capsys.readouterr().out


def free(account: Account, failure: Failure) -> None:
    lock = RunLedger(account.deployment.run_ledger).lock(failure.dataset)
    assert lock is not None
    assert lock["execution_arn"] == failure.execution_arn
    RunLedger(account.deployment.run_ledger).release_lock(failure.dataset, lock["run_id"])


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED", None])
def test_a_dead_holder_loses_the_claim_as_if_its_end_were_reported(
    account: Account, capsys: Any, status: str | None
) -> None:
    account.lock("arn:aws:states:::execution:dataset-run:dead")
    if status:
        given = {"status": status, "input": f'{{"dataset": "{DATASET}"}}'}
        account.stepfunctions.known["arn:aws:states:::execution:dataset-run:dead"] = given
    account.fail_run.handle = lambda failure: free(account, failure)
    assert account.slipway("runs", "release", "--dataset", DATASET) == 0
    assert "released sales_records" in capsys.readouterr().out
    assert [failure.dataset for failure in account.fail_run.asked] == [DATASET]


def test_a_claim_of_a_running_execution_stays(account: Account, capsys: Any) -> None:
    account.lock("arn:alive")
    account.stepfunctions.known["arn:alive"] = {"status": "RUNNING"}
    assert account.slipway("runs", "release") == 1
    assert "stop-execution --execution-arn arn:alive" in capsys.readouterr().err
    assert account.fail_run.asked == []


def test_a_claim_that_fail_run_did_not_free_is_told(account: Account, capsys: Any) -> None:
    account.lock("arn:dead")
    assert account.slipway("runs", "release") == 1
    assert "still holds" in capsys.readouterr().err
    account.fail_run.error = "out of memory"
    assert account.slipway("runs", "release") == 1
    assert "out of memory" in capsys.readouterr().err


def test_a_run_that_was_left_running_without_a_lock_is_ended_and_doctor_names_it(
    account: Account, capsys: Any
) -> None:
    arn = "arn:aws:states:::execution:dataset-run:gone"
    account.put_run(status="running", execution_arn=arn)
    assert account.slipway("doctor") == 1
    assert f"run {RUN} of {DATASET} was left running" in capsys.readouterr().out
    assert account.slipway("runs", "release", "--dataset", DATASET) == 1
    assert f"run {RUN} is still called running" in capsys.readouterr().err
    account.fail_run.handle = lambda _failure: account.put_run(status="failed")
    assert account.slipway("runs", "release", "--dataset", DATASET) == 0
    assert f"slipway runs retry {RUN}" in capsys.readouterr().out
    assert account.fail_run.asked[-1].execution_arn == arn


def test_a_run_whose_execution_is_at_work_is_not_ended(account: Account, capsys: Any) -> None:
    account.put_run(status="running", execution_arn="arn:alive")
    account.stepfunctions.known["arn:alive"] = {"status": "RUNNING"}
    assert account.slipway("runs", "release") == 0
    assert "nothing to release" in capsys.readouterr().out
    assert account.fail_run.asked == []


def test_a_free_dataset_needs_no_release(account: Account, capsys: Any) -> None:
    assert account.slipway("runs", "release") == 0
    assert "nothing to release" in capsys.readouterr().out


def rolled_back(account: Account, *arguments: str) -> tuple[int, list[Any]]:
    return account.slipway(
        "runs", "rollback", RUN, "--no-wait", *arguments
    ), account.stepfunctions.started


def test_a_rollback_shows_its_tables_and_starts_care_once_confirmed(
    account: Account, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.put_run(snapshots=SNAPSHOTS, file_count=2)
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", lambda prompt: asked.append(prompt) or RUN)
    request = {"mode": "rollback", "run_id": RUN, "with_later": False}
    expected = [("dataset-care", {"trigger": "operator", "dataset": DATASET, **request})]
    assert rolled_back(account) == (0, expected)
    shown = capsys.readouterr().out
    assert "2 files will be set aside" in shown
    assert "stay loaded" not in shown
    assert ["sales_records", "12", "11"] in [line.split() for line in shown.splitlines()]
    assert RUN in asked[0]


def test_a_rollback_says_that_files_of_a_backfill_stay_loaded(
    account: Account, capsys: Any
) -> None:
    account.put_run(snapshots=SNAPSHOTS, file_count=2)
    account.put_run(LATER, mode="backfill", snapshots=SNAPSHOTS, file_count=5)
    assert account.slipway("runs", "rollback", LATER, "--no-wait", "--yes") == 0
    shown = capsys.readouterr().out
    assert (
        "Files of a backfill or replay stay loaded, with the counts of the load before it." in shown
    )
    assert "set aside" not in shown
    assert rolled_back(account, "--yes", "--with-later")[0] == 0
    both = capsys.readouterr().out
    assert "2 files will be set aside" in both
    assert "stay loaded" in both


@pytest.mark.parametrize("answer", ["yes", ""])
def test_a_rollback_without_the_agreed_word_does_nothing(
    account: Account, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    account.put_run()
    monkeypatch.setattr("builtins.input", lambda _prompt: answer)
    assert rolled_back(account) == (1, [])


def test_nobody_there_to_answer_is_no_consent(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def nobody(_prompt: str) -> str:
        raise EOFError

    account.put_run()
    monkeypatch.setattr("builtins.input", nobody)
    assert rolled_back(account) == (1, [])
    assert "--yes" in capsys.readouterr().err


def test_a_rollback_under_later_runs_needs_a_word_for_them(account: Account, capsys: Any) -> None:
    account.put_run()
    account.put_run(LATER)
    account.put_run(
        "20260103T000000-0000000c", mode="maintenance"
    )  # changes no row, so it is no obstacle
    assert rolled_back(account, "--yes") == (1, [])
    assert f"built on {RUN}: {LATER}; --with-later" in capsys.readouterr().err
    code, started = rolled_back(account, "--yes", "--with-later")
    assert (code, started[0][1]["with_later"]) == (0, True)


def test_later_is_what_ended_later_not_what_began_later(account: Account) -> None:
    account.put_run(ended_at="2026-02-01T00:00:00.000000Z")  # retried after the other had ended
    account.put_run(LATER)
    assert rolled_back(account, "--yes")[0] == 0


def test_no_snapshot_with_an_erased_person_comes_back(account: Account, capsys: Any) -> None:
    account.put_run()
    account.put_run(LATER, mode="erasure")
    assert rolled_back(account, "--yes", "--with-later") == (1, [])
    assert "a person was erased" in capsys.readouterr().err


@pytest.mark.parametrize(
    "attributes", [{"status": "failed"}, {"mode": "maintenance"}, {"status": "rolled_back"}]
)
def test_only_a_run_that_published_can_be_rolled_back(
    account: Account, attributes: dict[str, str]
) -> None:
    account.put_run(**attributes)
    assert rolled_back(account, "--yes") == (1, [])


def test_care_that_ended_shows_what_it_did(account: Account, capsys: Any) -> None:
    account.put_run()
    account.stepfunctions.carry_out = lambda arn, _request: care_run(account, arn)
    assert account.slipway("runs", "rollback", RUN, "--yes") == 0
    shown = capsys.readouterr().out
    (row,) = [line.split() for line in shown.splitlines() if "rolled back  " in line]
    assert row[:4] == ["sales_records", "rolled", "back", "5"]
    assert "sales_records went back to snapshot 11." in shown
    assert "Files that a load brought are set aside." in shown  # what the job cannot know


def care_run(account: Account, arn: str) -> None:
    told = ["sales_records went back to snapshot 11.", "Files that a load brought are set aside."]
    table = maintained_table("sales_records", action="rolled back", rows_deleted=5)
    account.put_run(
        "20260109T000000-0000000f", mode="rollback", execution_arn=arn, report=told, care=[table]
    )


def test_options_of_a_namespace_are_complete() -> None:
    from slipway.grammar import build_parser

    parsed = build_parser().parse_args(["runs"])
    assert parsed == argparse.Namespace(
        environment="local", command="runs", action="list", dataset=None, limit=20
    )
