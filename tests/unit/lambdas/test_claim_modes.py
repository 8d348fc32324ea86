"""Backfill and replay: which files are taken, which are left and why, and that an operator's request is never lost."""

from __future__ import annotations

from typing import Any

import pytest

from contracts import model
from contracts.errors import DatasetBusy, PermanentError
from lambdas.claim_batch import selection
from pipeline.ledger import RunLedger
from tests.unit.lambdas.claiming import (
    DATASET,
    digest,
    load,
    manifest,
    request,
    run,
    service,
    statuses,
    wait,
)

A, B, C = (digest(name) for name in "abc")


@pytest.mark.parametrize(
    "given",
    [
        {"mode": "backfill"},
        {"mode": "backfill", "files": [B, A]},
        {"mode": "replay", "files": [A, B]},
    ],
)
def test_loaded_files_are_claimed_for_a_backfill_or_replay(
    account: Any, contract: model.Contract, given: dict[str, Any]
) -> None:
    load(account, A, B)
    wait(account, C)
    answer = service(account).claim(request(**given), contract)
    assert (answer["claimed"], answer["file_count"], answer["left"]) == (True, 2, [])
    assert statuses(account) == {A: "claimed", B: "claimed", C: "waiting"}
    written = manifest(account, answer["run_id"])
    assert ([file["sha256"] for file in written["files"]], written["mode"]) == (
        [A, B],
        given["mode"],
    )
    assert (
        run(account, answer["run_id"])["mode"],
        run(account, answer["run_id"])["file_hashes"],
    ) == (
        given["mode"],
        [A, B],
    )


def test_files_that_cannot_be_taken_are_left_and_named_with_the_reason(
    account: Any, contract: model.Contract, capsys: pytest.CaptureFixture[str]
) -> None:
    load(account, A)
    load(account, B, in_raw=False)
    wait(account, C)
    unknown = digest("f")
    answer = service(account).claim(request(mode="backfill", files=[A, B, C, unknown]), contract)
    assert answer["file_count"] == 1
    assert statuses(account) == {A: "claimed", B: "loaded", C: "waiting"}
    told = " ".join(answer["left"])
    for text in (
        f"{B}.csv has left raw; retention removed",
        f"{C}.csv is waiting, not loaded",
        f"{unknown}: is not in",
    ):
        assert text in told
    assert capsys.readouterr().out.count("file left") == 3


def test_a_backfill_of_files_none_of_which_can_be_taken_is_refused_and_holds_nothing(
    account: Any, contract: model.Contract
) -> None:
    load(account, A, in_raw=False)
    with pytest.raises(
        PermanentError, match=f"none of the files to backfill can be taken: {A} .* has left raw"
    ):
        service(account).claim(request(mode="backfill", files=[A]), contract)
    assert account.entries("run_table") == {}


def test_a_backfill_of_everything_where_nothing_is_loaded_says_so(
    account: Any, contract: model.Contract
) -> None:
    wait(account, A)
    answer = service(account).claim(request(mode="backfill"), contract)
    assert (answer["claimed"], answer["reason"]) == (False, "no file is loaded")


def test_an_operators_request_waits_for_a_busy_dataset_and_a_load_leaves_its_files(
    account: Any, contract: model.Contract
) -> None:
    load(account, A)
    wait(account, B)
    holder = service(account).claim(request("one"), contract)["run_id"]
    with pytest.raises(
        DatasetBusy, match=f"run {holder} is working on {DATASET}; .* slipway runs release"
    ):
        service(account).claim(request("two", mode="backfill"), contract)
    assert service(account).claim(request("three"), contract)["claimed"] is False
    assert statuses(account) == {A: "loaded", B: "claimed"}


@pytest.mark.parametrize("crash_after", [1, 2, 3, 4, 5])
def test_a_crash_after_any_write_of_a_backfill_is_healed_by_the_retry(
    account: Any, contract: model.Contract, crash_after: int
) -> None:
    load(account, A, B)
    account.fuse.writes = crash_after  # lock, run, claim, claim, manifest
    with pytest.raises(Exception, match=r"^$"):
        service(account).claim(request(mode="backfill"), contract)
    account.fuse.writes = None
    answer = service(account).claim(request(mode="backfill"), contract)
    assert statuses(account) == {A: "claimed", B: "claimed"}
    assert {file["sha256"] for file in manifest(account, answer["run_id"])["files"]} == {A, B}
    assert len(account.entries("run_table")) == 2  # one lock, one run


def test_more_files_than_one_run_can_keep_are_refused_before_any_is_claimed(
    account: Any, contract: model.Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "MOST_FILES", 1)
    load(account, A, B)
    with pytest.raises(
        PermanentError, match="backfill of 2 files of sales_records, and one run takes 1"
    ):
        service(account).claim(request(mode="backfill"), contract)
    assert statuses(account) == {A: "loaded", B: "loaded"}


def test_the_manifest_names_erased_subjects_and_the_origin_of_a_replay(
    account: Any, contract: model.Contract
) -> None:
    RunLedger(account.run_table).remember_erased(DATASET, "token", run_id="r", moment="now")
    wait(account, A, replay_of=B)
    written = manifest(account, service(account).claim(request(), contract)["run_id"])
    assert written["erased_subjects"] == ["token"]
    assert written["files"][0]["replay_of"] == B


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"trigger": None}, "trigger None; it must be 'file_arrived'"),
        ({"mode": "maintenance"}, "mode 'maintenance'; it must be one of load, backfill, replay"),
        ({"mode": "replay"}, "files None; it must be a list of hashes"),
        ({"files": [A]}, "left out: a load takes the files that wait"),
        ({"mode": "backfill", "files": []}, r"files \[\]; it must be a list of hashes"),
        ({"mode": "backfill", "files": A}, "it must be a list of hashes"),
        (
            {"mode": "backfill", "files": [A, "abc"]},
            "files 'abc'; it must be 64 lower-case hex digits",
        ),
        (
            {"resume": {"run_id": "r"}},
            "resume .* it must be {'run_id': ..., 'from': one of RawToProcessed",
        ),
        ({"resume": {"run_id": "r", "from": "FailRun"}}, "one of RawToProcessed, Gate"),
        ({"resume": "r"}, "it must be {'run_id'"),
        (
            {"mode": "load", "resume": {"run_id": "r", "from": "Gate"}},
            "alone: a resumed run keeps its mode",
        ),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_its_value(
    given: dict[str, Any], told: str
) -> None:
    with pytest.raises(PermanentError, match=told):
        request(**given)


def test_a_file_named_twice_is_taken_once() -> None:
    assert request(mode="backfill", files=[B, A, B]).files == (B, A)
