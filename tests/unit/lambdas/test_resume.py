"""A failed run goes on under its id at a named step, or says from which step it can."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts import model
from contracts.errors import DatasetBusy, PermanentError
from lambdas.claim_batch.engines import EngineLimits, LargeBatch, SmallBatch
from lambdas.claim_batch.service import ClaimBatch
from pipeline.ledger import HELD_STATUS, RunLedger
from pipeline.steps import RESUMABLE
from tests.run_samples import curate_result, load_result
from tests.unit.lambdas.claiming import (
    DATASET,
    NOON,
    digest,
    load,
    manifest,
    request,
    run,
    service,
    statuses,
    wait,
)

A, B = digest("a"), digest("b")
RESULTS = {"raw_to_processed": load_result(), "processed_to_curated": curate_result()}


def failed(
    account: Any,
    contract: model.Contract,
    *,
    mode: str = "load",
    claims: ClaimBatch | None = None,
    **asked: Any,
) -> str:
    """The id of a run over A and B that did all its work and then failed: files given back, lock free."""
    given: dict[str, Any] = {} if mode == "load" else {"mode": mode, "files": [A, B]}
    first = request("first", **given, **asked)
    run_id = str((claims or service(account)).claim(first, contract)["run_id"])
    for name, result in RESULTS.items():
        key = f"runs/{DATASET}/{run_id}/{name}.json"
        account.s3.put_object(Bucket="processed", Key=key, Body=json.dumps(result))
    for sha256 in (A, B):
        account.files().give_back(DATASET, sha256, run_id, held=HELD_STATUS[mode])
    account.runs().finish(DATASET, run_id, "failed", {"ended_at": "t", "error": "E", "cause": "C"})
    account.runs().release_lock(DATASET, run_id)
    return run_id


@pytest.fixture
def waiting(account: Any) -> Any:
    wait(account, A, B)
    for sha256 in (A, B):
        key = f"{DATASET}/ingest_date=2026-11-20/{sha256}/{sha256}.csv"
        account.s3.put_object(Bucket="raw", Key=key, Body=b"x")
    return account


def again(run_id: str, step: str, execution: str = "second") -> Any:
    return request(execution, resume={"run_id": run_id, "from": step})


@pytest.mark.parametrize("step", RESUMABLE)
def test_a_failed_run_goes_on_under_its_id_with_its_files(
    waiting: Any, contract: model.Contract, step: str
) -> None:
    run_id = failed(waiting, contract)
    answer = service(waiting).claim(again(run_id, step), contract)
    assert (answer["run_id"], answer["from"], answer["file_count"], answer["claimed"]) == (
        run_id,
        step,
        2,
        True,
    )
    assert statuses(waiting) == {A: "claimed", B: "claimed"}
    entry = run(waiting, run_id)
    assert (entry["status"], entry["execution_arn"].endswith(":second")) == ("running", True)
    assert waiting.runs().lock(DATASET)["run_id"] == run_id
    assert len(waiting.entries("run_table")) == 2


WITH_EMR = EngineLimits(
    small=SmallBatch(max_rows=0, max_megabytes=0),
    large=LargeBatch(above_rows=10**9, above_megabytes=10**9),
)


@pytest.mark.parametrize("step", RESUMABLE)
def test_a_resumed_run_keeps_the_engine_that_was_named_for_it_at_any_step(
    waiting: Any, contract: model.Contract, step: str
) -> None:
    with_emr = replace(service(waiting), engines=WITH_EMR)
    run_id = failed(waiting, contract, engine="emr", claims=with_emr)
    assert with_emr.claim(again(run_id, step), contract)["engine"] == "emr"
    assert manifest(waiting, run_id)["engine_reason"] == "the request named it"


@pytest.mark.parametrize("step", RESUMABLE)
def test_where_emr_serverless_is_gone_meanwhile_its_runs_go_on_with_spark_on_glue(
    waiting: Any, contract: model.Contract, step: str
) -> None:
    with_emr = replace(service(waiting), engines=WITH_EMR)
    run_id = failed(waiting, contract, engine="emr", claims=with_emr)
    assert service(waiting).claim(again(run_id, step), contract)["engine"] == "spark"


@pytest.mark.parametrize("mode", ["load", "backfill"])
def test_a_run_that_was_stopped_while_it_was_closed_goes_on_with_what_it_had_closed(
    account: Any, contract: model.Contract, mode: str
) -> None:
    load(account, A, B)
    if mode == "load":
        for sha256 in (A, B):
            account.files().set_aside(DATASET, sha256, held="loaded", reason="x", moment="now")
            account.files().release(DATASET, sha256)
    run_id = failed(account, contract, mode=mode)
    assert account.files().claim(DATASET, A, run_id, held=HELD_STATUS[mode])
    closed = account.files().close(DATASET, A, run_id, {"rows_loaded": 3})
    answer = service(account).claim(again(run_id, "CloseRun"), contract)
    assert (answer["file_count"], statuses(account)) == (2, {A: "loaded", B: "claimed"})
    again_closed = account.files().close(DATASET, A, run_id, {"rows_loaded": 3})
    assert again_closed["loads"] == closed["loads"]


@pytest.mark.parametrize("mode", ["backfill", "replay"])
def test_a_resumed_run_keeps_its_mode(account: Any, contract: model.Contract, mode: str) -> None:
    load(account, A, B)
    run_id = failed(account, contract, mode=mode)
    assert statuses(account) == {A: "loaded", B: "loaded"}
    service(account).claim(again(run_id, "RawToProcessed"), contract)
    assert (manifest(account, run_id)["mode"], statuses(account)) == (
        mode,
        {A: "claimed", B: "claimed"},
    )


@pytest.mark.parametrize("crash_after", [1, 2, 3, 4, 5])
def test_a_crash_after_any_write_of_resuming_is_healed_by_the_retry(
    waiting: Any, contract: model.Contract, crash_after: int
) -> None:
    run_id = failed(waiting, contract)
    waiting.fuse.writes = crash_after  # lock, run, claim, claim, manifest
    with pytest.raises(Exception, match=r"^$"):
        service(waiting).claim(again(run_id, "RawToProcessed"), contract)
    waiting.fuse.writes = None
    assert service(waiting).claim(again(run_id, "RawToProcessed"), contract)["file_count"] == 2
    assert (statuses(waiting), run(waiting, run_id)["status"]) == (
        {A: "claimed", B: "claimed"},
        "running",
    )


def test_the_first_step_goes_on_without_a_file_that_was_set_aside_and_a_later_one_does_not(
    waiting: Any, contract: model.Contract
) -> None:
    run_id = failed(waiting, contract)
    waiting.files().set_aside(DATASET, A, held="waiting", reason="poison", moment="now")
    with pytest.raises(
        PermanentError, match=f"cannot go on at Gate: 1 of its 2 files .* slipway files show {A}"
    ):
        service(waiting).claim(again(run_id, "Gate"), contract)
    answer = service(waiting).claim(again(run_id, "RawToProcessed"), contract)
    assert (answer["file_count"], answer["left"][0][:64]) == (1, A)
    assert [file["sha256"] for file in manifest(waiting, run_id)["files"]] == [B]


def test_a_run_all_of_whose_files_another_run_loaded_is_not_resumed(
    waiting: Any, contract: model.Contract
) -> None:
    run_id = failed(waiting, contract)
    other = service(waiting).claim(request("other"), contract)["run_id"]
    for sha256 in (A, B):
        waiting.files().close(DATASET, sha256, other, {"rows_loaded": 3})
    waiting.runs().finish(DATASET, other, "succeeded", {"ended_at": "t"})
    waiting.runs().release_lock(DATASET, other)
    with pytest.raises(
        PermanentError, match="2 of its 2 files were set aside or belong to another run"
    ):
        service(waiting).claim(again(run_id, "RawToProcessed"), contract)


def test_a_file_that_left_raw_is_named(waiting: Any, contract: model.Contract) -> None:
    run_id = failed(waiting, contract)
    waiting.s3.delete_object(Bucket="raw", Key=f"{DATASET}/ingest_date=2026-11-20/{A}/{A}.csv")
    with pytest.raises(PermanentError, match=rf"{A}\.csv left raw"):
        service(waiting).claim(again(run_id, "RawToProcessed"), contract)


@pytest.mark.parametrize(
    ("step", "gone", "fits"),
    [
        ("Gate", "raw_to_processed", False),
        ("ProcessedToCurated", "raw_to_processed", False),
        ("ProcessedToCurated", "processed_to_curated", True),
        ("Serve", "processed_to_curated", False),
        ("CloseRun", "processed_to_curated", False),
        ("CloseRun", "manifest", False),
        ("RawToProcessed", "manifest", True),
    ],
)
def test_a_step_whose_input_is_missing_names_it_and_the_step_to_resume_from(
    waiting: Any, contract: model.Contract, step: str, gone: str, fits: bool
) -> None:
    run_id = failed(waiting, contract)
    waiting.s3.delete_object(Bucket="processed", Key=f"runs/{DATASET}/{run_id}/{gone}.json")
    if fits:
        assert service(waiting).claim(again(run_id, step), contract)["claimed"] is True
        return
    told = rf"cannot go on at {step}: .*{gone}\.json is missing.* slipway runs retry {run_id} --from RawToProcessed"
    with pytest.raises(PermanentError, match=told):
        service(waiting).claim(again(run_id, step), contract)
    assert (run(waiting, run_id)["status"], statuses(waiting)) == (
        "failed",
        {A: "waiting", B: "waiting"},
    )


@pytest.mark.parametrize("step", ["Serve", "CloseRun"])
def test_what_was_not_published_is_neither_served_nor_closed(
    waiting: Any, contract: model.Contract, step: str
) -> None:
    run_id = failed(waiting, contract)
    key = f"runs/{DATASET}/{run_id}/processed_to_curated.json"
    waiting.s3.put_object(
        Bucket="processed", Key=key, Body=json.dumps(curate_result(published=False))
    )
    with pytest.raises(
        PermanentError,
        match=f"cannot go on at {step}: its ProcessedToCurated ended without publish",
    ):
        service(waiting).claim(again(run_id, step), contract)


def test_a_run_that_failed_at_serve_gives_its_files_to_the_next_plain_run(
    waiting: Any, contract: model.Contract
) -> None:
    """Which loads the same rows again: they replace themselves, and the warehouse takes all that it lacks."""
    run_id = failed(waiting, contract)
    answer = service(waiting).claim(request("plain"), contract)
    assert (answer["run_id"] != run_id, answer["from"], answer["file_count"]) == (
        True,
        "RawToProcessed",
        2,
    )
    with pytest.raises(DatasetBusy):
        service(waiting).claim(again(run_id, "Serve"), contract)


@pytest.mark.parametrize("step", ["Gate", "ProcessedToCurated"])
@pytest.mark.parametrize("status", ["succeeded", "failed"])
@pytest.mark.parametrize("other", ["00000000T000000-older", "99991231T000000-later"])
def test_a_branch_is_not_used_after_another_run_has_changed_the_tables_whatever_its_id(
    waiting: Any, contract: model.Contract, step: str, status: Any, other: str
) -> None:
    run_id = failed(waiting, contract)
    runs: RunLedger = waiting.runs()
    runs.start(
        DATASET, other, trigger="x", execution_arn="x", started_at="2026-11-20T12:30:00.000000Z",
        contract_version="1", file_hashes=[], mode="maintenance",
    )  # fmt: skip
    runs.finish(DATASET, other, status, {"ended_at": "2026-11-20T13:00:00.000000Z"})
    if status == "failed":
        assert service(waiting).claim(again(run_id, step), contract)["claimed"] is True
        return
    with pytest.raises(PermanentError, match=f"the tables were changed since by {other}"):
        service(waiting).claim(again(run_id, step), contract)


def test_a_changed_contract_or_an_erased_person_leaves_only_the_first_step(
    waiting: Any, contract: model.Contract
) -> None:
    run_id = failed(waiting, contract)
    key = f"runs/{DATASET}/{run_id}/manifest.json"
    older = {**manifest(waiting, run_id), "contract_version": "0.9.0"}
    waiting.s3.put_object(Bucket="processed", Key=key, Body=json.dumps(older))
    waiting.runs().remember_erased(DATASET, "token", run_id="r", moment="now")
    with pytest.raises(
        PermanentError, match=r"begun under contract 0\.9\.0.*; a data subject was erased since"
    ):
        service(waiting).claim(again(run_id, "CloseRun"), contract)
    service(waiting).claim(again(run_id, "RawToProcessed"), contract)
    fresh = manifest(waiting, run_id)
    assert (fresh["contract_version"], fresh["erased_subjects"]) == (contract.version, ["token"])


@pytest.mark.parametrize("status", ["succeeded", "rolled_back", None])
def test_only_a_failed_run_is_resumed(waiting: Any, contract: model.Contract, status: Any) -> None:
    run_id = "20261120T110000-00000000"
    if status:
        waiting.runs().start(
            DATASET,
            run_id,
            trigger="x",
            execution_arn="x",
            started_at="t",
            contract_version="1",
            file_hashes=[A],
        )
        waiting.runs().finish(DATASET, run_id, status, {"ended_at": "t"})
    with pytest.raises(
        PermanentError, match=f"is {status or 'not in the run ledger'}; only a failed run"
    ):
        service(waiting).claim(again(run_id, "Gate"), contract)
    assert waiting.runs().lock(DATASET) is None


def test_care_is_not_resumed_but_started_anew(waiting: Any, contract: model.Contract) -> None:
    waiting.runs().start(
        DATASET, "r", trigger="x", execution_arn="x", started_at="t", contract_version="1", file_hashes=[],
        mode="maintenance",
    )  # fmt: skip
    waiting.runs().finish(DATASET, "r", "failed", {"ended_at": "t"})
    with pytest.raises(PermanentError, match="has no files; start that again"):
        service(waiting).claim(again("r", "RawToProcessed"), contract)


def test_resuming_waits_for_the_run_that_holds_the_dataset(
    waiting: Any, contract: model.Contract
) -> None:
    run_id = failed(waiting, contract)
    service(waiting, max_files=1).claim(request("other"), contract)
    with pytest.raises(DatasetBusy):
        service(waiting).claim(again(run_id, "RawToProcessed"), contract)
    assert run(waiting, run_id)["status"] == "failed"


def test_a_run_that_counts_as_running_is_first_to_be_released(
    waiting: Any, contract: model.Contract
) -> None:
    dead = service(waiting).claim(request("dead"), contract)["run_id"]
    at = NOON + timedelta(days=1)
    with pytest.raises(
        PermanentError, match=r"is running; only a failed run .* first: slipway runs release"
    ):
        service(waiting, at=at).claim(again(dead, "RawToProcessed"), contract)
