"""A file with too many bad rows is taken out by the gate, told once, and the rest of its batch goes on by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts import model
from contracts.errors import QuarantineLimitExceeded, ReconciliationFailed
from lambdas.fail_run.failures import parse
from lambdas.gate import handler as gate_handler
from lambdas.gate.aside import set_aside
from lambdas.gate.service import files_over_limit
from lambdas.release_dataset import handler as release_handler
from pipeline.run_documents import LoadResult, Manifest
from tests import run_samples
from tests.unit.lambdas.ending import DATASET, EXECUTION, RUN, caught, claim, failer
from tests.unit.lambdas.test_gate import documents, judged, quarantine

SAMPLES = [
    {"rule_id": "units_sold.type", "record": 4, "reason": "units_sold: '1 391' is not a number"},
    {"rule_id": "row.field_count", "record": 7, "reason": "row: 3 fields where the header has 14"},
]
pytestmark = pytest.mark.usefixtures("ledgers_of_moto")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def deployed(account: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The account with a run over files a and b, and the environment of the functions."""
    for name, value in {
        "ENVIRONMENT": "dev",
        "PROCESSED_BUCKET": "processed",
        "FILE_LEDGER": account.file_table.name,
        "RUN_LEDGER": account.run_table.name,
        "STATE_MACHINE_ARN": account.machine_arn,
        "ANNOUNCE_STATE_MACHINE_ARN": account.announce_arn,
        "SPARK_WORKER_SECOND_USD": "0.0001",
        "DUCKDB_SECOND_USD": "0.00004",
    }.items():
        monkeypatch.setenv(name, value)
    cached = (
        *(gate_handler._settings, gate_handler._s3, gate_handler._files),
        *(release_handler._settings, release_handler._s3, release_handler._service),
    )
    for function in cached:
        function.cache_clear()
    yield claim(account)
    for function in cached:
        function.cache_clear()


def bad_documents(
    contract: model.Contract, mode: str = "load"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """File a has 90 bad rows of 100, file b none of 50."""
    manifest, result = documents(contract)
    quarantine(result, 90)
    result["files"][0]["samples"] = SAMPLES
    about = {"run_id": RUN, "mode": mode}
    return {**manifest, **about}, {**run_samples.explained(result), **about}


def bad_in(
    manifest: dict[str, Any], result: dict[str, Any], contract: model.Contract
) -> dict[str, str]:
    """The files that the gate finds too bad."""
    return files_over_limit(Manifest.from_json(manifest), LoadResult.from_json(result), contract)


def aside(
    files: Any, manifest: dict[str, Any], result: dict[str, Any], contract: model.Contract
) -> list[str]:
    """What the gate says as it takes the bad files out."""
    documents = Manifest.from_json(manifest), LoadResult.from_json(result)
    return set_aside(files, *documents, bad_in(manifest, result, contract), now=NOW)


def write(account: Any, manifest: dict[str, Any], result: dict[str, Any]) -> None:
    prefix = f"runs/{DATASET}/{RUN}/"
    account.s3.put_object(
        Bucket="processed", Key=prefix + "manifest.json", Body=json.dumps(manifest)
    )
    account.s3.put_object(
        Bucket="processed", Key=prefix + "raw_to_processed.json", Body=json.dumps(result)
    )


def statuses(account: Any) -> dict[str, str]:
    return {item["sha256"]: item["status"] for item in account.entries().values()}


def refusal(account: Any, contract: model.Contract) -> str:
    """What the gate raises, as Step Functions hands it on."""
    write(account, *bad_documents(contract))
    with pytest.raises(QuarantineLimitExceeded) as caught_error:
        gate_handler.handle({"dataset": DATASET, "run_id": RUN}, None)
    return str(caught_error.value)


def failure(account: Any, message: str) -> dict[str, Any]:
    event = caught(account)
    event["state"]["raw_to_processed"] = {"Id": "jr_1"}
    cause = json.dumps({"errorType": "QuarantineLimitExceeded", "errorMessage": message})
    event["state"]["failure"] = {"Error": "QuarantineLimitExceeded", "Cause": cause}
    return event


def test_only_files_above_the_limit_are_named(contract: model.Contract) -> None:
    manifest, result = bad_documents(contract)
    assert bad_in(manifest, result, contract) == {"a": "90 of 100 rows of a.csv were quarantined"}
    manifest["files"][0]["replay_of"] = "b"
    assert bad_in(manifest, result, contract) == {}


def test_a_figure_that_does_not_add_up_sets_nothing_aside(
    deployed: Any, contract: model.Contract
) -> None:
    manifest, result = bad_documents(contract)
    result["files"][1]["rows_loaded"] -= 1
    write(deployed, manifest, result)
    with pytest.raises(ReconciliationFailed) as caught_error:
        gate_handler.handle({"dataset": DATASET, "run_id": RUN}, None)
    assert not isinstance(caught_error.value, QuarantineLimitExceeded)
    assert statuses(deployed) == {"a": "claimed", "b": "claimed"}


def test_a_broken_halt_rule_is_no_matter_of_single_files(contract: model.Contract) -> None:
    manifest, result = bad_documents(contract)
    result["halted_by_rule"] = {"subject.erased": 1}
    with pytest.raises(ReconciliationFailed) as caught_error:
        judged(manifest, result, contract)
    assert not isinstance(caught_error.value, QuarantineLimitExceeded)


def test_table_rules_that_fail_for_want_of_the_bad_rows_do_not_hide_them(
    contract: model.Contract,
) -> None:
    manifest, result = bad_documents(contract)
    for found in result["table_rules"]:
        found |= {"status": "failed", "measured": "0", "expected": "1"}
    with pytest.raises(QuarantineLimitExceeded, match="table rule"):
        judged(manifest, result, contract)


def test_the_gate_takes_the_bad_file_out_and_says_so_however_often_it_is_asked(
    deployed: Any, contract: model.Contract
) -> None:
    for _ in range(2):
        message = refusal(deployed, contract)
        assert message.startswith(
            "90 of 100 rows of a.csv were quarantined, the contract allows a share of"
        )
        assert "- 90 of 100 rows of a.csv were quarantined: the file was set aside (a)" in message
        assert statuses(deployed) == {"a": "set_aside", "b": "claimed"}
    entry = deployed.entries()[f"{DATASET}/file#a"]
    assert entry["set_aside_reason"].startswith(
        f"90 of 100 rows of a.csv were quarantined in run {RUN}"
    )


def test_people_see_the_first_refused_values_of_a_file_that_was_set_aside_until_it_is_released(
    deployed: Any, contract: model.Contract
) -> None:
    failer(deployed).fail(parse(failure(deployed, refusal(deployed, contract))))
    [message] = deployed.messages()
    assert (
        "  record 4: units_sold: '1 391' is not a number\n  record 7: row: 3 fields"
        in (message["message"])
    )
    entry = deployed.entries()[f"{DATASET}/file#a"]
    assert [int(sample["record"]) for sample in entry["refused_samples"]] == [4, 7]
    assert deployed.files().release(DATASET, "a") is True
    assert "refused_samples" not in deployed.entries()[f"{DATASET}/file#a"]


def test_files_that_another_run_holds_meanwhile_are_left_to_it(
    deployed: Any, contract: model.Contract
) -> None:
    manifest, result = bad_documents(contract)
    files = deployed.files()
    files.give_back(DATASET, "a", RUN)
    files.claim(DATASET, "a", "another run")
    [told] = aside(files, manifest, result, contract)
    assert "could not be set aside" in told
    assert statuses(deployed)["a"] == "claimed"


@pytest.mark.parametrize("mode", ["backfill", "replay"])
def test_loaded_files_are_never_set_aside(
    deployed: Any, contract: model.Contract, mode: str
) -> None:
    manifest, result = bad_documents(contract, mode)
    assert aside(deployed.files(), manifest, result, contract) == [
        "- 90 of 100 rows of a.csv were quarantined"
    ]
    assert statuses(deployed) == {"a": "claimed", "b": "claimed"}


def test_the_message_names_the_file_and_the_others_wait_again(
    deployed: Any, contract: model.Contract
) -> None:
    answer = failer(deployed).fail(parse(failure(deployed, refusal(deployed, contract))))
    assert (answer["files_given_back"], answer["files_set_aside"]) == (1, 1)
    assert statuses(deployed) == {"a": "set_aside", "b": "waiting"}
    [message] = deployed.messages()
    for text in (
        "1 file was set aside. 1 file is waiting again.",
        "which starts by itself",
        "Set aside:\na.csv: 90 of 100 rows of a.csv were quarantined",
        f"slipway files list --status set_aside --dataset {DATASET}",
        f"slipway files show a --dataset {DATASET}",
        "is judged again by `slipway files judge-again SHA`",
    ):
        assert text in message["message"]


@pytest.mark.parametrize("crash_after", [1, 2, 3, 4])
def test_a_crash_after_any_write_ends_alike(
    deployed: Any, contract: model.Contract, crash_after: int
) -> None:
    event = failure(deployed, refusal(deployed, contract))
    deployed.fuse.writes = crash_after  # file b, run, message, lock
    with pytest.raises(Exception, match=r"^$"):
        failer(deployed).fail(parse(event))
    deployed.fuse.writes = None
    failer(deployed).fail(parse(event))
    assert statuses(deployed) == {"a": "set_aside", "b": "waiting"}
    [message] = deployed.messages()
    assert "1 file was set aside. 1 file is waiting again." in message["message"]


def test_the_rest_is_started_once_although_the_index_may_not_know_of_it_yet(deployed: Any) -> None:
    detail = {
        "executionArn": EXECUTION,
        "status": "FAILED",
        "error": "QuarantineLimitExceeded",
        "input": json.dumps({"dataset": DATASET, "trigger": "schedule"}),
    }
    event = {"detail-type": "Step Functions Execution Status Change", "detail": detail}
    for _ in range(2):
        assert release_handler.handle(event, None)["started"] is True
    [name] = deployed.executions()
    assert name.startswith(f"{DATASET}-after-")
