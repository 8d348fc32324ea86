"""fail_run: what it leaves behind, repeated or crashed anywhere, and that people are told once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contracts import model
from lambdas.fail_run import handler as fail_handler
from lambdas.fail_run.failures import parse
from pipeline.steps import CLAIM_BATCH, DATASET_RUN, HAND_OVER
from tests.run_samples import PRICES
from tests.unit.lambdas.ending import (
    DATASET,
    EARLIER,
    EXECUTION,
    RUN,
    SERVE,
    caught,
    claim,
    close,
    failer,
    written,
)


@pytest.fixture
def claimed(account: Any) -> Any:
    return claim(account)


def assert_failed(account: Any) -> None:
    assert {item["status"] for item in account.entries().values()} == {"waiting"}
    assert not any("run_id" in item for item in account.entries().values())
    runs = account.entries("run_table")
    assert f"{DATASET}/claim" not in runs
    assert runs[f"{DATASET}/run#{RUN}"]["status"] == "failed"


def test_failing_gives_files_back_frees_the_lock_and_says_what_happened(claimed: Any) -> None:
    answer = failer(claimed).fail(parse(caught(claimed)))
    cause = "SparkException: Job aborted: executor lost"
    assert (answer["error"], answer["cause"], answer["files_given_back"]) == (
        "States.TaskFailed",
        cause,
        2,
    )
    assert_failed(claimed)
    run = claimed.entries("run_table")[f"{DATASET}/run#{RUN}"]
    assert (run["error"], run["cause"], run["ended_at"]) == (
        "States.TaskFailed",
        cause,
        "2026-11-20T12:01:30.000000Z",
    )
    seconds = parse(caught(claimed)).worker_seconds
    assert run["cost_usd"] == PRICES.usd(seconds, {})
    [message] = claimed.messages()
    assert (
        message["subject"]
        == "ERROR [dev] sales_records: load failed at RawToProcessed (States.TaskFailed), 2 files wait"
    )
    for text in (
        RUN,
        cause,
        "No table was changed: processed and curated are as before the run.",
        "2 files are waiting again",
        f"slipway runs show {RUN} --dataset sales_records",
        f"slipway runs retry {RUN} --dataset sales_records",
    ):
        assert text in message["message"]
    assert message["attributes"]["dataset"] == DATASET


def test_one_failure_is_told_once_whoever_tells_it_again(claimed: Any) -> None:
    for event in (caught(claimed), caught(claimed), claimed.event("execution_timed_out")):
        failer(claimed).fail(parse(event))
    assert_failed(claimed)
    assert len(claimed.messages()) == 1


@pytest.mark.parametrize("crash_after", [1, 2, 3, 4, 5])
def test_a_crash_after_any_write_of_failing_is_healed_by_the_retry(
    claimed: Any, crash_after: int
) -> None:
    claimed.fuse.writes = crash_after  # file, file, run, message, lock
    with pytest.raises(Exception, match=r"^$"):
        failer(claimed).fail(parse(caught(claimed)))
    claimed.fuse.writes = None
    failer(claimed).fail(parse(caught(claimed)))
    assert_failed(claimed)
    assert len(claimed.messages()) == 1


@pytest.mark.parametrize("mode", ["backfill", "replay"])
@pytest.mark.parametrize("crash_after", [1, 2, 3, 4, 5])
def test_files_of_a_failed_backfill_or_replay_are_as_before_it_wherever_failing_crashes(
    account: Any, mode: Any, crash_after: int
) -> None:
    claim(account, mode).fuse.writes = crash_after  # file, file, run, message, lock
    with pytest.raises(Exception, match=r"^$"):
        failer(account).fail(parse(caught(account)))
    account.fuse.writes = None
    failer(account).fail(parse(caught(account)))
    for item in account.entries().values():
        assert item.items() >= {**EARLIER, "status": "loaded", "loads": [EARLIER]}.items()
    assert account.runs().lock(DATASET) is None


@pytest.mark.parametrize("status", ["TIMED_OUT", "ABORTED", "FAILED"])
def test_an_execution_that_ended_without_a_catch_is_cleaned_up_too(
    claimed: Any, status: str
) -> None:
    event = claimed.event("execution_timed_out")
    event["detail"]["status"] = status
    assert failer(claimed).fail(parse(event))["run_id"] == RUN
    assert_failed(claimed)
    [message] = claimed.messages()
    assert f"Execution.{status}" in message["subject"]
    assert "Tables change only at the end of ProcessedToCurated" in message["message"]


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
    assert "none had begun" in message["message"]
    assert "load failed at ClaimBatch" in message["subject"]


def test_failing_after_the_run_was_closed_keeps_it_succeeded(
    claimed: Any, contract: model.Contract
) -> None:
    claimed.fuse.writes = 4  # the success is announced, then closing breaks
    with pytest.raises(Exception, match=r"^$"):
        close(claimed, written(contract), contract)
    claimed.fuse.writes = None
    claimed.messages()
    event = caught(claimed)
    event["state"] |= {
        step: {} for step in ("raw_to_processed", "gate", "processed_to_curated", "serve")
    }
    event["state"]["serve"] = []
    assert failer(claimed).fail(parse(event))["files_given_back"] == 0
    assert {item["status"] for item in claimed.entries().values()} == {"loaded"}
    assert claimed.runs().lock(DATASET) is None
    [message] = claimed.messages()
    assert "the ledger says so" in message["message"]
    assert "runs retry" not in message["message"]


def test_a_failed_hand_over_leaves_the_closed_run_alone_and_is_told_once(
    claimed: Any, contract: model.Contract
) -> None:
    close(claimed, written(contract), contract)
    claimed.messages()
    before = (claimed.entries(), claimed.entries("run_table"))
    event = caught(claimed)
    event["state"] |= {
        step.result: {} for step in DATASET_RUN.steps if step not in (CLAIM_BATCH, HAND_OVER)
    }
    event["state"] |= {"serve": []}
    ended = claimed.event("execution_timed_out")
    ended["detail"]["status"] = "FAILED"
    for told in (event, ended):  # from the Catch, and then by the rule SilentEnds
        assert failer(claimed).fail(parse(told))["files_given_back"] == 0
    assert (claimed.entries(), claimed.entries("run_table")) == before
    [message] = claimed.messages()
    assert "next run not started" in message["subject"]
    assert "slipway runs start --dataset sales_records" in message["message"]


def test_a_failure_after_serve_keeps_what_was_served_and_one_before_forgets_nothing(
    claimed: Any,
) -> None:
    event = caught(claimed)
    event["state"] |= {
        step: {} for step in ("raw_to_processed", "gate", "processed_to_curated")
    } | {"serve": SERVE}
    failer(claimed).fail(parse(event))
    kept = claimed.entries("run_table")[f"{DATASET}/run#{RUN}"]["served"]
    assert (set(kept), set(kept["warehouse"]["tables"])) == (
        {"warehouse", "dashboards"},
        {"by_item", "by_region"},
    )
    claimed.runs().reopen(DATASET, RUN, execution_arn=EXECUTION)
    failer(claimed).fail(parse({**caught(claimed), "execution_arn": EXECUTION + "-resumed"}))
    assert claimed.entries("run_table")[f"{DATASET}/run#{RUN}"]["served"] == kept


def test_a_result_of_serve_that_cannot_be_read_is_logged_and_keeps_no_run_open(
    claimed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    event = caught(claimed)
    event["state"] |= {step: {} for step in ("raw_to_processed", "gate", "processed_to_curated")}
    failer(claimed).fail(
        parse({**event, "state": {**event["state"], "serve": [{"served": "warehouse"}, SERVE[1]]}})
    )
    assert_failed(claimed)
    assert set(claimed.entries("run_table")[f"{DATASET}/run#{RUN}"]["served"]) == {"dashboards"}
    assert "a result of Serve is not kept" in capsys.readouterr().out


@pytest.mark.parametrize("mode", ["backfill", "replay"])
def test_a_failed_backfill_or_replay_gives_its_files_back_to_loaded(
    account: Any, mode: Any
) -> None:
    answer = failer(claim(account, mode)).fail(parse(caught(account)))
    assert answer["files_given_back"] == 2
    assert {item["status"] for item in account.entries().values()} == {"loaded"}
    [message] = account.messages()
    assert f"{RUN} ({mode})" in message["message"]
    assert "2 files are loaded again" in message["message"]


@pytest.mark.parametrize("mode", ["maintenance", "rollback", "erasure"])
def test_failed_care_frees_the_dataset_and_is_told(account: Any, mode: Any) -> None:
    answer = failer(claim(account, mode)).fail(parse(caught(account, "dataset_care")))
    assert (answer["run_id"], answer["files_given_back"], answer["told"]) == (RUN, 0, True)
    run = account.entries("run_table")[f"{DATASET}/run#{RUN}"]
    assert (run["status"], account.runs().lock(DATASET)) == ("failed", None)
    [message] = account.messages()
    assert "failed at Care" in message["subject"]


def test_two_failed_executions_of_one_run_are_told_each(claimed: Any) -> None:
    failer(claimed).fail(parse(caught(claimed)))
    other = {**caught(claimed), "execution_arn": EXECUTION + "-resumed"}
    assert failer(claimed).fail(parse(other))["told"] is True
    assert len(claimed.messages()) == 2


def test_a_failure_is_not_lost_when_the_announcement_cannot_be_started(
    claimed: Any,
) -> None:
    broken = failer(claimed)
    object.__setattr__(broken.announcer, "machine_arn", claimed.announce_arn + "gone")
    with pytest.raises(Exception, match="StateMachineDoesNotExist"):
        broken.fail(parse(caught(claimed)))
    assert claimed.runs().lock(DATASET) is not None  # by it the rule path finds the run
    event = claimed.event("execution_timed_out")
    event["detail"] |= {"status": "FAILED", "error": "FailRunFailed"}
    assert failer(claimed).fail(parse(event))["run_id"] == RUN
    assert_failed(claimed)
    [message] = claimed.messages()
    assert RUN in message["message"]


@pytest.mark.parametrize("second", ["catch", "rule"])
@pytest.mark.parametrize("crash_after", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("first", ["catch", "rule"])
def test_one_message_goes_out_however_the_two_ways_to_hear_of_a_failure_crash_and_meet(
    claimed: Any, first: str, second: str, crash_after: int
) -> None:
    events = {"catch": caught(claimed), "rule": claimed.event("execution_timed_out")}
    claimed.fuse.writes = crash_after
    with pytest.raises(Exception, match=r"^$"):
        failer(claimed).fail(parse(events[first]))
    claimed.fuse.writes = None
    for way in (second, first, second):
        failer(claimed).fail(parse(events[way]))
    assert_failed(claimed)
    [message] = claimed.messages()
    assert RUN in message["message"]


@pytest.mark.usefixtures("ledgers_of_moto")
def test_the_handler_reads_its_environment(claimed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ENVIRONMENT": "dev",
        "FILE_LEDGER": "files",
        "RUN_LEDGER": "runs",
        "ANNOUNCE_STATE_MACHINE_ARN": claimed.announce_arn,
        "SPARK_WORKER_SECOND_USD": "0.0001",
        "DUCKDB_SECOND_USD": "0.00004",
    }.items():
        monkeypatch.setenv(name, value)
    fail_handler._service.cache_clear()
    answer = fail_handler.handle(json.loads(json.dumps(caught(claimed))), None)
    fail_handler._service.cache_clear()
    assert answer["run_id"] == RUN
    assert_failed(claimed)


def test_failing_that_comes_late_leaves_a_run_alone_that_was_resumed_since(claimed: Any) -> None:
    failer(claimed).fail(parse(caught(claimed)))
    runs = claimed.runs()
    runs.take_lock(DATASET, run_id=RUN, execution_arn="resumed", expires_at=2_000_000_000)
    runs.reopen(DATASET, RUN, execution_arn="resumed")
    claimed.files().claim(DATASET, "a", RUN)
    failer(claimed).fail(parse(caught(claimed)))
    assert runs.lock(DATASET)["execution_arn"] == "resumed"
    assert runs.get(DATASET, RUN)["status"] == "running"
    assert claimed.entries()[f"{DATASET}/file#a"]["status"] == "claimed"


def test_a_run_that_a_stopped_execution_begins_while_its_failure_is_told_is_ended_too(
    claimed: Any,
) -> None:
    run = claimed.runs().get(DATASET, RUN)
    claimed.runs().forget(DATASET, RUN)
    claimed.fuse.writes = 1
    claimed.fuse.action = lambda: claimed.run_table.put_item(Item=run)
    failer(claimed).fail(
        parse({**caught(claimed), "state": {"failure": {"Error": "E", "Cause": "c"}}})
    )
    assert_failed(claimed)
