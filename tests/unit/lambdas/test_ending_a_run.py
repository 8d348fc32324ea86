"""close_run and fail_run: what each leaves behind, repeated or crashed anywhere, and what people are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts import model
from contracts.errors import PermanentError, ReconciliationFailed
from contracts.ledger import file_entry
from lambdas.close_run.service import CloseRun, Written
from lambdas.fail_run import handler as fail_handler
from lambdas.fail_run.failures import STEPS, parse
from lambdas.fail_run.service import FailRun

DATASET, RUN = "sales_records", "20261120T120000-0a1b2c3d"
EXECUTION = "arn:aws:states:us-east-1:111122223333:execution:dataset-run:sales_records-abc"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MONEY = ("total_revenue", "total_cost", "total_profit")


@pytest.fixture
def claimed(account: Any) -> Any:
    """An account in which a run has two files and the lock."""
    for sha256 in ("a", "b"):
        entry = {"dataset": DATASET, "entry": file_entry(sha256), "sha256": sha256, "received_at": "2026-11-20T08"}
        account.files().add({**entry, "status": "waiting", "file_name": f"{sha256}.csv"})
        account.files().claim(DATASET, sha256, RUN)
    account.runs().take_lock(DATASET, run_id=RUN, execution_arn=EXECUTION, expires_at=2_000_000_000)
    account.runs().start(
        DATASET,
        RUN,
        trigger="operator",
        execution_arn=EXECUTION,
        started_at="2026-11-20T12:00:00.000000Z",
        contract_version="1.0.0",
        file_hashes=["a", "b"],
    )
    return account


def written(contract: model.Contract) -> Written:
    def done(sha256: str, loaded: int, quarantined: int) -> dict[str, Any]:
        counts = {"rows_read": loaded + quarantined, "rows_loaded": loaded, "rows_quarantined": quarantined}
        amounts = {"read": f"{loaded}.50", "loaded": f"{loaded}.25", "quarantined": "0.25", "deduplicated": "0.00"}
        totals = {part: dict.fromkeys(MONEY, amount) for part, amount in amounts.items()}
        return {"sha256": sha256, "file_name": f"{sha256}.csv", **counts, "rows_deduplicated": 0, "totals": totals}

    same = {"processed": "100.50", "curated": "100.500"}
    return Written(
        manifest={"files": [{"sha256": "a", "row_count": 10}, {"sha256": "b", "row_count": 5}]},
        processed={"files": [done("a", 9, 1), done("b", 5, 0)]},
        curated={
            "published": True,
            "models": [
                {
                    "name": wanted.name,
                    "periods": ["2026-11-01"],
                    "rows": 3,
                    "totals": {column: dict(same) for column, _ in wanted.conserves},
                }
                for wanted in contract.curated
            ],
        },
    )


def closer(account: Any) -> CloseRun:
    return CloseRun(
        environment="dev",
        topic_arn=account.topic_arn,
        files=account.files(),
        runs=account.runs(),
        sns=account.fused("sns"),
        now=lambda: NOON + timedelta(seconds=90),
    )


def failer(account: Any) -> FailRun:
    return FailRun(
        environment="dev",
        topic_arn=account.topic_arn,
        files=account.files(),
        runs=account.runs(),
        sns=account.fused("sns"),
        now=lambda: NOON + timedelta(seconds=90),
    )


def assert_closed(account: Any) -> None:
    files = {item["sha256"]: item for item in account.entries().values()}
    assert {sha256: item["status"] for sha256, item in files.items()} == {"a": "loaded", "b": "loaded"}
    assert [int(files["a"][f"rows_{part}"]) for part in ("loaded", "quarantined", "deduplicated")] == [9, 1, 0]
    runs = account.entries("run_table")
    assert set(runs) == {f"{DATASET}/run#{RUN}"}  # the lock is gone
    run = runs[f"{DATASET}/run#{RUN}"]
    assert (run["status"], run["rows_read"], run["rows_loaded"], run["duration_seconds"]) == ("succeeded", 15, 14, 90)
    amounts = {"read": "15.00", "loaded": "14.50", "quarantined": "0.50", "deduplicated": "0.00"}
    assert run["totals"] == {part: dict.fromkeys(MONEY, amount) for part, amount in amounts.items()}


def test_closing_ends_files_run_and_lock_and_tells_the_figures(claimed: Any, contract: model.Contract) -> None:
    answer = closer(claimed).close(DATASET, RUN, written(contract), contract)
    assert answer == {"dataset": DATASET, "run_id": RUN, "waiting": 0}
    assert_closed(claimed)
    [message] = claimed.messages()
    for text in (RUN, "14 of 15 rows", "90 seconds", "a.csv: 10 = 9 + 1 + 0", "total_cost: 14.50", "quarantine list"):
        assert text in message["Message"]


def test_a_run_that_changed_no_processed_row_closes_without_curated_totals(
    claimed: Any, contract: model.Contract
) -> None:
    unchanged = written(contract)
    for document in unchanged.curated["models"]:
        document |= {"periods": [], "rows": 0, "totals": {}}
    closer(claimed).close(DATASET, RUN, unchanged, contract)
    assert_closed(claimed)


def test_closing_again_changes_nothing_and_tells_nobody(claimed: Any, contract: model.Contract) -> None:
    closer(claimed).close(DATASET, RUN, written(contract), contract)
    before = claimed.entries(), claimed.entries("run_table")
    claimed.messages()
    assert closer(claimed).close(DATASET, RUN, written(contract), contract)["waiting"] == 0
    assert (claimed.entries(), claimed.entries("run_table"), claimed.messages()) == (*before, [])


@pytest.mark.parametrize("crash_after", [1, 2, 3, 4, 5, 6])
def test_a_crash_after_any_write_of_closing_is_healed_by_the_retry(
    claimed: Any, contract: model.Contract, crash_after: int
) -> None:
    claimed.fuse.writes = crash_after  # file, file, run, message, note of it, lock
    with pytest.raises(Exception, match=r"^$"):
        closer(claimed).close(DATASET, RUN, written(contract), contract)
    claimed.fuse.writes = None
    closer(claimed).close(DATASET, RUN, written(contract), contract)
    assert_closed(claimed)
    assert len(claimed.messages()) == (2 if crash_after == 4 else 1)


def test_closing_says_how_many_files_wait_for_the_next_round(claimed: Any, contract: model.Contract) -> None:
    entry = {"dataset": DATASET, "entry": file_entry("late"), "received_at": "2026-11-20T09"}
    claimed.files().add({**entry, "status": "waiting", "sha256": "late"})
    assert closer(claimed).close(DATASET, RUN, written(contract), contract)["waiting"] == 1


WRONG: dict[str, tuple[Callable[[Any], object], str]] = {
    "a model's cent": (
        lambda w: w.curated["models"][0]["totals"]["revenue"].update(curated="100.49"),
        r"sales_by_region_quarter\.revenue: processed 100\.50, curated 100\.49",
    ),
    "a model missing": (lambda w: w.curated["models"].pop(), "sales_by_month_item: .* says nothing"),
    "a total missing": (
        lambda w: w.curated["models"][1]["totals"].pop("cost"),
        r"sales_by_month_item\.cost: no totals",
    ),
    "not published": (lambda w: w.curated.update(published=False), "without publishing"),
    "a row": (lambda w: w.processed["files"][0].update(rows_loaded=8), "rows per file"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_run_whose_totals_differ_is_not_closed(claimed: Any, contract: model.Contract, case: str) -> None:
    change, told = WRONG[case]
    documents = written(contract)
    change(documents)
    before = claimed.entries(), claimed.entries("run_table")
    with pytest.raises(ReconciliationFailed, match=told):
        closer(claimed).close(DATASET, RUN, documents, contract)
    assert (claimed.entries(), claimed.entries("run_table"), claimed.messages()) == (*before, [])


def test_a_run_that_lost_its_lock_cannot_close(claimed: Any, contract: model.Contract) -> None:
    claimed.runs().take_lock(
        DATASET, run_id="heir", execution_arn="other", expires_at=1, dead=claimed.runs().lock(DATASET)
    )
    with pytest.raises(PermanentError, match="lost the lock of sales_records to heir"):
        closer(claimed).close(DATASET, RUN, written(contract), contract)


def caught(account: Any) -> dict[str, Any]:
    event = account.event("caught_glue_failure")
    event["state"]["claim"]["run_id"] = RUN
    return dict(event)


def assert_failed(account: Any) -> None:
    assert {item["status"] for item in account.entries().values()} == {"waiting"}
    assert not any("run_id" in item for item in account.entries().values())
    runs = account.entries("run_table")
    assert f"{DATASET}/claim" not in runs
    assert runs[f"{DATASET}/run#{RUN}"]["status"] == "failed"


def test_failing_gives_files_back_frees_the_lock_and_says_what_happened(claimed: Any) -> None:
    answer = failer(claimed).fail(parse(caught(claimed)))
    cause = "SparkException: Job aborted: executor lost"
    assert (answer["error"], answer["cause"], answer["files_waiting"]) == ("States.TaskFailed", cause, 2)
    assert_failed(claimed)
    run = claimed.entries("run_table")[f"{DATASET}/run#{RUN}"]
    assert (run["error"], run["cause"], run["ended_at"]) == ("States.TaskFailed", cause, "2026-11-20T12:01:30.000000Z")
    [message] = claimed.messages()
    assert message["Subject"] == "[dev] sales_records: run failed at RawToProcessed (States.TaskFailed)"
    for text in (
        RUN,
        cause,
        "No table was changed: processed and curated are as before the run.",
        "2 files are waiting again",
        f"slipway runs show {RUN}",
        "slipway runs start --dataset sales_records",
    ):
        assert text in message["Message"]
    assert message["MessageAttributes"]["dataset"]["Value"] == DATASET


def test_one_failure_is_told_once_whoever_tells_it_again(claimed: Any) -> None:
    for event in (caught(claimed), caught(claimed), claimed.event("execution_timed_out")):
        failer(claimed).fail(parse(event))
    assert_failed(claimed)
    assert len(claimed.messages()) == 1


@pytest.mark.parametrize("crash_after", [1, 2, 3, 4, 5, 6])
def test_a_crash_after_any_write_of_failing_is_healed_by_the_retry(claimed: Any, crash_after: int) -> None:
    claimed.fuse.writes = crash_after  # file, file, run, lock, message, note of it
    with pytest.raises(Exception, match=r"^$"):
        failer(claimed).fail(parse(caught(claimed)))
    claimed.fuse.writes = None
    failer(claimed).fail(parse(caught(claimed)))
    assert_failed(claimed)
    assert len(claimed.messages()) == (2 if crash_after == 5 else 1)


@pytest.mark.parametrize("status", ["TIMED_OUT", "ABORTED", "FAILED"])
def test_an_execution_that_ended_without_a_catch_is_cleaned_up_too(claimed: Any, status: str) -> None:
    event = claimed.event("execution_timed_out")
    event["detail"]["status"] = status
    assert failer(claimed).fail(parse(event))["run_id"] == RUN
    assert_failed(claimed)
    [message] = claimed.messages()
    assert f"Execution.{status}" in message["Subject"]
    assert "Tables change only at the end of ProcessedToCurated" in message["Message"]


def test_a_timed_out_run_whose_lock_was_released_is_still_found(claimed: Any) -> None:
    claimed.runs().release_lock(DATASET, RUN)
    assert failer(claimed).fail(parse(claimed.event("execution_timed_out")))["run_id"] == RUN
    assert_failed(claimed)


def test_failing_before_a_run_began_tells_and_touches_no_other_run(claimed: Any) -> None:
    before = claimed.entries()
    event = caught(claimed)
    event["execution_arn"] = EXECUTION.replace("abc", "other")
    del event["state"]["claim"]
    answer = failer(claimed).fail(parse(event))
    assert (answer["run_id"], claimed.entries()) == (None, before)
    assert claimed.runs().lock(DATASET)["run_id"] == RUN
    [message] = claimed.messages()
    assert "none had begun" in message["Message"]
    assert "run failed at ClaimBatch" in message["Subject"]


def test_failing_after_the_run_was_closed_keeps_it_succeeded(claimed: Any, contract: model.Contract) -> None:
    claimed.fuse.writes = 4  # the success is announced, then closing breaks
    with pytest.raises(Exception, match=r"^$"):
        closer(claimed).close(DATASET, RUN, written(contract), contract)
    claimed.fuse.writes = None
    claimed.messages()
    event = caught(claimed)
    event["state"] |= {step: {} for step in ("raw_to_processed", "gate", "processed_to_curated")}
    assert failer(claimed).fail(parse(event))["files_waiting"] == 0
    assert {item["status"] for item in claimed.entries().values()} == {"loaded"}
    assert claimed.runs().lock(DATASET) is None
    [message] = claimed.messages()
    assert "the ledger says so" in message["Message"]
    assert "runs start" not in message["Message"]


def test_the_step_that_failed_is_the_first_without_a_result(account: Any) -> None:
    done: dict[str, Any] = {}
    for step, result in STEPS.items():
        event = {**caught(account), "state": {**done, "failure": {"Error": "E", "Cause": "c"}}}
        assert parse(event).step == step
        done[result] = {}


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        (
            '{"errorMessage": "2 discrepancies", "errorType": "ReconciliationFailed", "stackTrace": []}',
            "2 discrepancies",
        ),
        ("plain words", "plain words"),
        ('"quoted"', '"quoted"'),
        ("", "no cause was given"),
        ("x" * 5000, "x" * 1997 + "..."),
    ],
)
def test_causes_are_told_in_words(account: Any, cause: str, told: str) -> None:
    event = caught(account)
    event["state"]["failure"]["Cause"] = cause
    assert parse(event).cause == told


def test_what_is_no_failure_is_refused(account: Any) -> None:
    event = account.event("execution_timed_out")
    event["detail"]["status"] = "SUCCEEDED"
    with pytest.raises(PermanentError, match="is SUCCEEDED, which is no failure"):
        parse(event)
    with pytest.raises(PermanentError, match="neither"):
        parse({"something": "else"})


def test_an_execution_with_unreadable_input_is_told_as_of_an_unknown_dataset(account: Any) -> None:
    event = account.event("execution_timed_out")
    for given in ("[]", None, "no json"):
        event["detail"]["input"] = given
        assert parse(event).dataset == "unknown"


def test_the_handler_reads_its_environment(claimed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ENVIRONMENT": "dev",
        "FILE_LEDGER": "files",
        "RUN_LEDGER": "runs",
        "RUN_FAILED_TOPIC_ARN": claimed.topic_arn,
    }.items():
        monkeypatch.setenv(name, value)
    fail_handler._service.cache_clear()
    answer = fail_handler.handle(json.loads(json.dumps(caught(claimed))), None)
    fail_handler._service.cache_clear()
    assert answer["run_id"] == RUN
    assert_failed(claimed)
