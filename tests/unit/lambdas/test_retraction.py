"""One file is taken out of the tables: what its run claims and reads, what the gate demands, how it is closed, undone,
and loaded again when it is sent again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contracts import model
from contracts.errors import PermanentError, ReconciliationFailed
from lambdas.gate.service import reconcile
from lambdas.release_dataset.undoing import Undoing
from pipeline.ledger import Item, duplicate_entry, file_entry, loads
from pipeline.run_documents import LoadResult, Manifest
from tests import run_samples
from tests.unit.lambdas import ending
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
from tests.unit.lambdas.taking import FOLDER, Sales, intake, sha

A, B, C, R = (digest(name) for name in "abcf")
TOLD = {"by": "ada", "reason": "wrong month"}
ASKED = {"mode": "retraction", "files": [R], **TOLD}
RUN = "20261120T120000-0a1b2c3d"
ROWS = {
    "sha256": "a",
    "rows_taken_out": 9,
    "refusals_taken_out": 1,
    "corrections_reopened": 0,
    "rows_left": 0,
}


def describe(account: Any, sha256: str, **attributes: Any) -> None:
    """Change the entry of a file."""
    table, key = account.file_table, {"dataset": DATASET, "entry": file_entry(sha256)}
    table.put_item(Item={**table.get_item(Key=key)["Item"], **attributes})


@pytest.fixture
def lying_beneath(account: Any) -> Any:
    """Files a, b, c and f, in the order in which they came; all have effects, and nothing has replaced any row."""
    load(account, A, B, C)
    load(account, R, in_raw=False)  # what is retracted is not read
    for second, sha256 in enumerate((A, B, R, C)):
        describe(account, sha256, received_at=f"2026-11-20T08:00:0{second}.000000Z", effect={})
    return account


@pytest.mark.parametrize(
    ("of_a", "taken"),
    [
        ({}, []),
        ({"replaced_since": "2026-11-20T08:00:01.000000Z"}, [A]),  # by a file that came between
        ({"replaced_since": "2026-11-20T08:00:03.000000Z"}, []),  # only by one that came later
        ({"replaced_since": "2026-11-20T08:00:03.000000Z", "effect": {"outdated": 1}}, [A]),
    ],
)
def test_a_retraction_takes_its_file_and_those_that_gave_way_before_it(
    lying_beneath: Any, contract: model.Contract, of_a: dict[str, Any], taken: list[str]
) -> None:
    describe(lying_beneath, A, **of_a)
    describe(lying_beneath, C, effect={"outdated": 1})  # it came later: nothing of it lies beneath
    answer = service(lying_beneath).claim(request(**ASKED), contract)
    written = manifest(lying_beneath, answer["run_id"])
    assert [file["sha256"] for file in written["files"]] == taken
    assert written["retracted"] == {
        "sha256": R,
        "file_name": f"{R}.csv",
        "received_at": "2026-11-20T08:00:02.000000Z",
    }
    held = dict.fromkeys([R, *taken], "claimed")
    assert statuses(lying_beneath) == {**dict.fromkeys([A, B, C], "loaded"), **held}
    kept = run(lying_beneath, answer["run_id"])
    assert (kept["file_hashes"], kept["retracts"]) == ([R, *taken], {"sha256": R, **TOLD})


def test_a_file_that_may_have_given_values_to_newer_rows_takes_all_that_gave_way_with_it(
    lying_beneath: Any, contract: model.Contract
) -> None:
    describe(lying_beneath, A, replaced_since="2026-11-20T08:00:03.000000Z")
    describe(
        lying_beneath, R, effect={"outdated": 1}
    )  # newer rows lack a column and have its value
    answer = service(lying_beneath).claim(request(**ASKED), contract)
    written = manifest(lying_beneath, answer["run_id"])
    assert [file["sha256"] for file in written["files"]] == [A]


def test_a_file_of_before_effects_were_kept_may_lie_beneath_and_one_gone_from_raw_is_named(
    account: Any, contract: model.Contract
) -> None:
    load(account, A)
    load(account, B, in_raw=False)
    load(account, R)
    answer = service(account).claim(request(**ASKED), contract)
    assert [file["sha256"] for file in manifest(account, answer["run_id"])["files"]] == [A]
    assert [left for left in answer["left"] if "has left raw" in left]


@pytest.mark.parametrize("crash_after", range(1, 6))
def test_a_crash_after_any_write_of_its_claim_is_healed_by_the_retry(
    lying_beneath: Any, contract: model.Contract, crash_after: int
) -> None:
    describe(lying_beneath, A, effect={"outdated": 1})
    lying_beneath.fuse.writes = crash_after  # lock, run, claim, claim, manifest
    with pytest.raises(Exception, match=r"^$"):
        service(lying_beneath).claim(request(**ASKED), contract)
    lying_beneath.fuse.writes = None
    answer = service(lying_beneath).claim(request(**ASKED), contract)
    written = manifest(lying_beneath, answer["run_id"])
    assert (written["retracted"]["sha256"], len(written["files"])) == (R, 1)


def test_a_failed_retraction_goes_on_with_the_file_that_it_retracts(
    lying_beneath: Any, contract: model.Contract
) -> None:
    run_id = service(lying_beneath).claim(request(**ASKED), contract)["run_id"]
    lying_beneath.runs().finish(DATASET, run_id, "failed", {"ended_at": "2026-11-20T13"})
    lying_beneath.files().give_back(DATASET, R, run_id, held="loaded")
    lying_beneath.runs().release_lock(DATASET, run_id)
    resume = {"run_id": run_id, "from": "RawToProcessed"}
    service(lying_beneath).claim(request("two", resume=resume), contract)
    written = manifest(lying_beneath, run_id)
    assert (written["mode"], written["retracted"]["sha256"], written["files"]) == (
        "retraction",
        R,
        [],
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"files": [R, A]}, "one hash: a retraction takes out one file"),
        ({"files": None}, "a retraction names its files"),
        ({"reason": " "}, "reason ' '; it must be who retracts the file, and why"),
        ({"by": None}, "by None; it must be who"),
    ],
)
def test_a_request_that_does_not_say_what_for_whom_and_why_is_refused(
    given: dict[str, Any], told: str
) -> None:
    with pytest.raises(PermanentError, match=told):
        request(**{**ASKED, **given})


def test_a_file_that_is_in_no_table_cannot_be_retracted(
    account: Any, contract: model.Contract
) -> None:
    wait(account, R)
    with pytest.raises(PermanentError, match=r"f0*\.csv is waiting, and only a loaded file"):
        service(account).claim(request(**ASKED), contract)


def gate(contract: model.Contract, manifest_says: Any, result_says: Any, files: int = 0) -> Any:
    """The gate's answer to a retraction of a file with nothing beneath it."""
    plain = {"contract_version": contract.version, "mode": "retraction"}
    money = dict.fromkeys((column.name for column in contract.control_columns), "0.00")
    given = [run_samples.manifest_file("b", row_count=0)] * files
    parts = dict.fromkeys(("read", "loaded", "quarantined", "deduplicated"), money)
    counts = dict.fromkeys(("rows_read", "rows_loaded", "rows_quarantined", "rows_deduplicated"), 0)
    done = [{"sha256": "b", "file_name": "b.csv", "totals": parts, **counts}] * files
    result = run_samples.load_result(
        *done, observed={"rows_read": 0, "totals": money}, retracted=result_says, **plain
    )
    return reconcile(
        Manifest.from_json(run_samples.manifest(*given, retracted=manifest_says, **plain)),
        LoadResult.from_json(result),
        replace(contract, table_rules=()),
        lambda _: 0,
    )


FILE = {"sha256": "a", "file_name": "a.csv", "received_at": "2026-11-20T08:00:00.000000Z"}


def test_the_gate_lets_a_retraction_pass_that_leaves_nothing_and_has_nothing_to_read(
    contract: model.Contract,
) -> None:
    assert gate(contract, FILE, ROWS)["file_count"] == 0


@pytest.mark.parametrize(
    ("manifest_says", "result_says", "files", "told"),
    [
        (FILE, {**ROWS, "rows_left": 2}, 0, "a.csv: retracted, and 2 rows of it are left"),
        (FILE, None, 0, "retracted: no file in the result"),
        (None, ROWS, 0, "no file in the manifest"),
        (FILE, {**ROWS, "sha256": "c"}, 0, r"\['c'\] in the result"),
        (FILE, ROWS, 1, "UNPROVEN: 0 rows were read"),
    ],
)
def test_the_gate_refuses_a_retraction_that_is_not_proven(
    contract: model.Contract, manifest_says: Any, result_says: Any, files: int, told: str
) -> None:
    with pytest.raises(ReconciliationFailed, match=told):
        gate(contract, manifest_says, result_says, files)


@pytest.fixture
def retracting(account: Any, contract: model.Contract) -> tuple[Any, ending.WrittenJson]:
    """A run that retracts file a, with file b beneath, is about to be closed."""
    ending.claim(account, "retraction")
    key = {"dataset": DATASET, "entry": f"run#{RUN}"}
    started = account.run_table.get_item(Key=key)["Item"]
    account.run_table.put_item(Item={**started, "retracts": {"sha256": "a", **TOLD}})
    for sha256 in "ab":
        describe(account, sha256, sequencer="01")
    documents = ending.written(contract)
    for document in (documents.manifest, documents.processed):
        document["mode"] = "retraction"
        document["files"] = document["files"][1:]
    documents.manifest["retracted"] = FILE
    documents.processed["retracted"] = ROWS
    return account, documents


@pytest.mark.parametrize("crash_after", [None, *range(1, 5)])
def test_a_closed_retraction_says_for_whom_and_why_and_is_told(
    retracting: tuple[Any, ending.WrittenJson], contract: model.Contract, crash_after: int | None
) -> None:
    account, documents = retracting
    if crash_after is not None:
        account.fuse.writes = crash_after
        with pytest.raises(Exception, match=r"^$"):
            ending.close(account, documents, contract)
        account.fuse.writes = None
    ending.close(account, documents, contract)
    assert statuses(account) == {"a": "retracted", "b": "loaded"}
    file = account.files().get(DATASET, file_entry("a"))
    assert {name: loads.last_retraction(file)[name] for name in TOLD} == TOLD
    assert file["loads"] == [{**ending.EARLIER, "retracted_by": RUN}]
    assert not {"run_id", *loads.COUNTS} & file.keys()
    kept = run(account, RUN)["retracts"]
    assert kept.items() >= {"file_name": "a.csv", "rows_taken_out": 9, **TOLD}.items()
    [message] = account.messages()
    assert (
        message["subject"] == f"INFO [dev] {DATASET}: retraction of a.csv succeeded, 5 rows loaded"
    )
    for text in ("Retracted: a.csv (a), by ada: wrong month", "9 rows and 1 refused record of it"):
        assert text in message["message"]


@pytest.fixture
def retracted(retracting: tuple[Any, ending.WrittenJson], contract: model.Contract) -> Any:
    account, documents = retracting
    ending.close(account, documents, contract)
    return account


def undo(account: Any) -> Item:
    """Roll the retraction back, twice; the entry of its file."""
    undoing = Undoing(files=account.files(), runs=account.runs(), now=lambda: NOON)
    for _ in range(2):
        sentences = undoing.undo(DATASET, [RUN], by_run="care")
        assert "What a retraction took out is in the tables again, and its file is loaded." in (
            sentences
        )
    return dict(account.files().get(DATASET, file_entry("a")))


def test_a_retraction_that_is_rolled_back_leaves_the_file_as_it_was(retracted: Any) -> None:
    file = undo(retracted)
    assert file["status"] == "loaded"
    assert (file["loads"], file["retractions"]) == ([ending.EARLIER], [])
    assert file.items() >= ending.EARLIER.items()


def test_what_was_sent_again_in_the_meantime_is_a_duplicate_once_a_retraction_is_rolled_back(
    retracted: Any,
) -> None:
    again = {"file_name": "again.csv", "landing_key": "k", "sequencer": "02", "received_at": "2027"}
    known = retracted.files().get(DATASET, file_entry("a"))
    assert retracted.files().deliver_again(known, again)["status"] == "waiting"
    file = undo(retracted)
    assert (file["status"], file["file_name"], file["run_id"]) == ("loaded", "a.csv", "earlier")
    assert file["displaced"][1:] == [again]


def test_a_duplicate_returns_when_a_rollback_puts_a_file_over_its_content_again(
    retracted: Any,
) -> None:
    files, duplicate = retracted.files(), duplicate_entry("a", "02")
    files.add({"dataset": DATASET, "entry": duplicate, "status": "duplicate", "sha256": "a"})
    files.table.update_item(
        Key={"dataset": DATASET, "entry": file_entry("a")},
        UpdateExpression="SET replaced_since = :b, redelivered_at = :a, redelivered_as = :id",
        ExpressionAttributeValues={":b": "2027", ":a": "2028", ":id": "02"},
    )
    undo(retracted)
    assert files.get(DATASET, duplicate)["status"] == "registering"


def test_what_was_retracted_and_is_sent_again_is_loaded_again(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    first = account.upload(f"{FOLDER}/a.csv", sales(), sequencer="01")
    intake(account, contract).handle_batch([first])
    files, sha256 = account.files(), sha(sales())
    files.claim(DATASET, sha256, "1")
    files.close(DATASET, sha256, "1", {"rows_loaded": 2})
    files.claim(DATASET, sha256, "2", held="loaded")
    assert files.retract(DATASET, sha256, "2", by="ada", reason="wrong", moment="2020-01-01T00")
    again = account.upload(f"{FOLDER}/again.csv", sales(), sequencer="02")
    for record in (first, again, again):
        assert intake(account, contract).handle_batch([record]) == []
    file = files.get(DATASET, file_entry(sha256))
    assert (file["status"], file["file_name"]) == ("waiting", "again.csv")
    assert len(account.executions()) == 2  # of the first delivery, and of the second
