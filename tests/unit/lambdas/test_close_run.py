"""close_run: what it leaves behind, repeated or crashed anywhere, and what people are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from contracts import model
from contracts.errors import PermanentError, ReconciliationFailed
from lambdas.close_run import handler
from pipeline.alerts import success_name
from pipeline.ledger import duplicate_entry, file_entry
from tests.run_samples import PRICES
from tests.unit.lambdas.ending import (
    DATASET,
    EARLIER,
    EXECUTION,
    JOB_RESULTS,
    JOBS,
    MONEY,
    REVENUE,
    RUN,
    SERVE,
    claim,
    close,
    written,
)


@pytest.fixture
def claimed(account: Any) -> Any:
    return claim(account)


def assert_closed(account: Any) -> None:
    files = {item["sha256"]: item for item in account.entries().values()}
    assert {sha256: item["status"] for sha256, item in files.items()} == {
        "a": "loaded",
        "b": "loaded",
    }
    made = {"run_id": RUN, "rows_loaded": 9, "rows_quarantined": 1, "rows_deduplicated": 0}
    made["effect"] = {"new": 9}
    assert (files["a"].items() >= made.items(), files["a"]["loads"][-1]) == (True, made)
    assert [load["run_id"] for load in files["b"]["loads"]] == [
        load["run_id"] for load in files["a"]["loads"]
    ]
    runs = account.entries("run_table")
    assert set(runs) == {f"{DATASET}/run#{RUN}"}  # the lock is gone
    run = runs[f"{DATASET}/run#{RUN}"]
    assert (run["status"], run["rows_read"], run["rows_loaded"], run["duration_seconds"]) == (
        "succeeded",
        15,
        14,
        90,
    )
    amounts = {"read": "15.00", "loaded": "14.50", "quarantined": "0.50", "deduplicated": "0.00"}
    assert run["totals"] == {part: dict.fromkeys(MONEY, amount) for part, amount in amounts.items()}


def test_closing_ends_files_run_and_lock_and_tells_the_figures(
    claimed: Any, contract: model.Contract
) -> None:
    answer = close(claimed, written(contract), contract)
    assert answer == {"dataset": DATASET, "run_id": RUN, "waiting": 0, "told": True}
    assert_closed(claimed)
    [message] = claimed.messages()
    for text in (
        RUN,
        "14 of 15 rows",
        "90 seconds",
        "a.csv: 10 = 9 + 1 + 0",
        "total_cost: 14.50",
        "quarantine list",
    ):
        assert text in message["message"]
    assert (message["topic"], message["attributes"]["run_id"]) == ("succeeded", RUN)
    assert message["attributes"]["environment"] == "dev"
    assert (
        message["subject"]
        == f"WARNING [dev] {DATASET}: load succeeded with 1 refused row, 14 rows loaded"
    )
    assert claimed.told_names() == [success_name(DATASET, RUN)]


def test_closing_is_logged_with_its_run_and_figures(
    claimed: Any, contract: model.Contract, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = {"dataset": DATASET, "entry": file_entry("late"), "received_at": "2026-11-20T09"}
    claimed.files().add({**entry, "status": "waiting", "sha256": "late"})
    close(claimed, written(contract), contract)
    logged = json.loads(capsys.readouterr().out.splitlines()[-1])
    expected = {
        "message": "run closed",
        "dataset": DATASET,
        "run_id": RUN,
        "rows_loaded": 14,
        "waiting": 1,
    }
    assert logged.items() >= expected.items()


def test_a_file_that_another_run_holds_is_named(claimed: Any, contract: model.Contract) -> None:
    claimed.files().give_back(DATASET, "b", RUN)
    claimed.files().claim(DATASET, "b", "other")
    with pytest.raises(
        PermanentError, match=rf"^file 'b\.csv' \(b\) does not belong to run '{RUN}'$"
    ):
        close(claimed, written(contract), contract)


def test_a_run_that_changed_no_processed_row_closes_without_curated_totals(
    claimed: Any, contract: model.Contract
) -> None:
    unchanged = written(contract)
    for document in unchanged.curated["models"]:
        document |= {"periods": [], "rows": 0, "totals": {}}
    close(claimed, unchanged, contract)
    assert_closed(claimed)


def test_closing_again_changes_nothing_and_tells_nobody(
    claimed: Any, contract: model.Contract
) -> None:
    close(claimed, written(contract), contract)
    before = claimed.entries(), claimed.entries("run_table")
    claimed.messages()
    assert close(claimed, written(contract), contract)["waiting"] == 0
    assert (claimed.entries(), claimed.entries("run_table"), claimed.messages()) == (*before, [])


@pytest.mark.parametrize("crash_after", [1, 2, 3, 4, 5])
def test_a_crash_after_any_write_of_closing_is_healed_by_the_retry(
    claimed: Any, contract: model.Contract, crash_after: int
) -> None:
    claimed.fuse.writes = crash_after  # file, file, run, message, lock
    with pytest.raises(Exception, match=r"^$"):
        close(claimed, written(contract), contract)
    claimed.fuse.writes = None
    close(claimed, written(contract), contract)
    assert_closed(claimed)
    assert len(claimed.messages()) == 1


@pytest.mark.parametrize("crash_after", [1, 2, 3, 4, 5])
def test_a_backfill_that_crashes_while_it_closes_adds_one_load_to_each_file(
    account: Any, contract: model.Contract, crash_after: int
) -> None:
    claim(account, "backfill").fuse.writes = crash_after  # file, file, run, message, lock
    with pytest.raises(Exception, match=r"^$"):
        close(account, written(contract), contract)
    account.fuse.writes = None
    close(account, written(contract), contract)
    assert_closed(account)
    for item in account.entries().values():
        assert [load["run_id"] for load in item["loads"]] == ["earlier", RUN]
        assert item["loads"][0] == EARLIER


def test_closing_says_how_many_files_wait_for_the_next_round(
    claimed: Any, contract: model.Contract
) -> None:
    entry = {"dataset": DATASET, "entry": file_entry("late"), "received_at": "2026-11-20T09"}
    claimed.files().add({**entry, "status": "waiting", "sha256": "late"})
    assert close(claimed, written(contract), contract)["waiting"] == 1


WRONG: dict[str, tuple[Callable[[Any], object], str]] = {
    "a model's cent": (
        lambda w: w.curated["models"][0]["totals"]["revenue"].update(curated="100.49"),
        r"sales_by_region_quarter\.revenue: processed 100\.50, curated 100\.49",
    ),
    "a model missing": (
        lambda w: w.curated["models"].pop(),
        "sales_by_month_item: .* says nothing",
    ),
    "a total missing": (
        lambda w: w.curated["models"][1]["totals"].pop("cost"),
        r"sales_by_month_item\.cost: no totals",
    ),
    "not published": (lambda w: w.curated.update(published=False), "without publishing"),
    "a row": (lambda w: w.processed["files"][0].update(rows_loaded=8), "rows per file"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_run_whose_totals_differ_is_not_closed(
    claimed: Any, contract: model.Contract, case: str
) -> None:
    change, told = WRONG[case]
    documents = written(contract)
    change(documents)
    before = claimed.entries(), claimed.entries("run_table")
    with pytest.raises(ReconciliationFailed, match=told):
        close(claimed, documents, contract)
    assert (claimed.entries(), claimed.entries("run_table"), claimed.messages()) == (*before, [])


def test_a_run_that_lost_its_lock_cannot_close(claimed: Any, contract: model.Contract) -> None:
    claimed.runs().take_lock(
        DATASET,
        run_id="heir",
        execution_arn="other",
        expires_at=1,
        dead=claimed.runs().lock(DATASET),
    )
    with pytest.raises(PermanentError, match="lost the lock of sales_records to heir"):
        close(claimed, written(contract), contract)


def test_the_ledger_keeps_snapshots_engine_cost_and_rules(
    claimed: Any, contract: model.Contract
) -> None:
    documents = written(contract)
    documents.curated["models"][1] |= {
        "periods": [],
        "rows": 0,
        "totals": {},
        "snapshot": None,
        "before": None,
    }
    close(claimed, documents, contract)
    run = claimed.entries("run_table")[f"{DATASET}/run#{RUN}"]
    touched = contract.curated[0].name
    assert run["snapshots"] == {
        DATASET: {"before": 11, "after": 12},
        f"{DATASET}_quarantine": {"before": None, "after": 22},
        touched: {"before": 31, "after": 32},
    }
    assert (run["engine"], run["bytes_read"], run["worker_seconds"]) == ("spark 4.1.1", 4321, JOBS)
    assert run["cost_usd"] == PRICES.usd(JOBS, {})
    [message] = claimed.messages()
    assert f"Cost of the jobs: {sum(run['cost_usd'].values()):.4f} USD" in message["message"]
    assert run["row_rules"] == [
        {"rule_id": "r", "action": "warn", "rows_checked": 15, "rows_failed": 0}
    ]
    assert run["table_rules"] == []


def test_what_was_skipped_in_files_is_told(claimed: Any, contract: model.Contract) -> None:
    note = "column 15 without a name, empty in every record: skipped"
    claimed.file_table.update_item(
        Key={"dataset": DATASET, "entry": file_entry("b")},
        UpdateExpression="SET notes = :notes",
        ExpressionAttributeValues={":notes": [note] * 25},
    )
    close(claimed, written(contract), contract)
    [message] = claimed.messages()
    assert message["message"].count(f"- b.csv: {note}\n") == 20
    assert "- and 5 more, see `slipway files show`\n" in message["message"]
    assert "As intake noted:\n" in message["message"]
    assert len(claimed.entries("run_table")[f"{DATASET}/run#{RUN}"]["notes"]) == 21


def test_a_duplicate_of_a_file_whose_rows_gave_way_returns_and_a_file_that_did_says_why(
    claimed: Any, contract: model.Contract
) -> None:
    known = {
        "replaced_since": "2020-01-01",
        "redelivered_at": "2999-01-01",
        "redelivered_as": "07",
        "why_again": "loaded again because",
    }
    claimed.file_table.update_item(
        Key={"dataset": DATASET, "entry": file_entry("b")},
        UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in known),
        ExpressionAttributeValues={f":{name}": value for name, value in known.items()},
    )
    entry = duplicate_entry("b", "07")
    claimed.files().add({"dataset": DATASET, "entry": entry, "status": "duplicate"})
    close(claimed, written(contract), contract)
    assert claimed.files().get(DATASET, entry)["status"] == "registering"
    assert "- b.csv: loaded again because\n" in claimed.messages()[0]["message"]


def test_a_resumed_run_costs_what_it_cost_before_too(
    claimed: Any, contract: model.Contract
) -> None:
    earlier = {"error": "E", "cause": "C", "worker_seconds": {"raw_to_processed": 6}}
    claimed.runs().finish(DATASET, RUN, "failed", earlier)
    claimed.runs().reopen(DATASET, RUN, execution_arn=EXECUTION)
    close(claimed, written(contract), contract)
    run = claimed.entries("run_table")[f"{DATASET}/run#{RUN}"]
    assert run["worker_seconds"] == {"raw_to_processed": 200, "processed_to_curated": 120}


def test_the_ledger_keeps_what_was_served_and_success_tells_tables_and_rows(
    claimed: Any, contract: model.Contract
) -> None:
    close(claimed, replace(written(contract), serve=SERVE), contract)
    run = claimed.entries("run_table")[f"{DATASET}/run#{RUN}"]
    assert run["served"] == {
        "warehouse": {
            "tables": {
                "by_item": {
                    "mode": "periods",
                    "loaded_rows": 3,
                    "rows": 9,
                    "totals": {"revenue": REVENUE},
                },
                "by_region": {"mode": "none", "loaded_rows": 0, "rows": 4, "totals": {}},
            }
        },
        "dashboards": {"data_sets": 2, "rows": 14},
    }
    [message] = claimed.messages()
    assert "Warehouse: 3 rows merged into by_item, by_region." in message["message"]
    assert "Dashboards: brought up to date." in message["message"]


@pytest.mark.parametrize(
    ("serve", "kept"),
    [(None, {"warehouse": {"tables": {}}}), ([], {})],
    ids=["resumed after Serve", "nothing serves"],
)
def test_a_resumed_run_keeps_what_was_served_before_only_if_it_did_not_serve_again(
    claimed: Any, contract: model.Contract, serve: Any, kept: dict[str, Any]
) -> None:
    claimed.runs().finish(
        DATASET, RUN, "failed", {"error": "E", "served": {"warehouse": {"tables": {}}}}
    )
    claimed.runs().reopen(DATASET, RUN, execution_arn=EXECUTION)
    close(claimed, replace(written(contract), serve=serve), contract)
    assert claimed.entries("run_table")[f"{DATASET}/run#{RUN}"]["served"] == kept


def test_warnings_unproven_rules_and_schema_changes_are_told(
    claimed: Any, contract: model.Contract
) -> None:
    documents = written(contract)
    result = {"rule_id": "fresh", "kind": "freshness", "action": "warn", "status": "unproven"}
    documents.processed.update(
        warnings_by_rule={"late_shipping": 3, "none": 0},
        table_rules=[
            {**result, "measured": "no rows", "expected": "at most 24 hours old"},
            {**result, "rule_id": "old", "status": "passed", "measured": "1", "expected": "1"},
        ],
        schema_changes=["added column discount decimal(5,2)"],
    )
    close(claimed, documents, contract)
    [message] = claimed.messages()
    for text in (
        "rule late_shipping: 3 rows",
        "rule fresh: UNPROVEN: measured no rows, expected at most 24 hours old",
        "- added column discount",
    ):
        assert text in message["message"]
    assert "rule none" not in message["message"]


@pytest.mark.usefixtures("ledgers_of_moto")
def test_the_handler_reads_documents_and_costs(
    claimed: Any, contract: model.Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "ENVIRONMENT": "dev",
        "FILE_LEDGER": "files",
        "RUN_LEDGER": "runs",
        "PROCESSED_BUCKET": "processed",
        "ANNOUNCE_STATE_MACHINE_ARN": claimed.announce_arn,
        "SPARK_WORKER_SECOND_USD": "0.0001",
        "DUCKDB_SECOND_USD": "0.00004",
    }.items():
        monkeypatch.setenv(name, value)
    documents = written(contract)
    for name, document in (
        ("manifest", documents.manifest),
        ("raw_to_processed", documents.processed),
        ("processed_to_curated", documents.curated),
    ):
        key = f"runs/{DATASET}/{RUN}/{name}.json"
        claimed.s3.put_object(Bucket="processed", Key=key, Body=json.dumps(document))
    for cached in (handler._settings, handler._s3, handler._service):
        cached.cache_clear()
    job = JOB_RESULTS["raw_to_processed"].to_json()
    state = {"dataset": DATASET, "raw_to_processed": job, "serve": SERVE[1:]}
    event = {"dataset": DATASET, "run_id": RUN, "state": state}
    assert handler.handle(event, None)["waiting"] == 0
    for cached in (handler._settings, handler._s3, handler._service):
        cached.cache_clear()
    run = claimed.entries("run_table")[f"{DATASET}/run#{RUN}"]
    assert (run["status"], run["worker_seconds"]) == ("succeeded", {"raw_to_processed": 194})
    assert (run["engine_chosen"], run["engines"]) == ("spark", {"raw_to_processed": "spark"})
    assert set(run["served"]) == {"dashboards"}


def test_a_run_that_is_ended_while_it_closes_is_not_told_as_a_success(
    claimed: Any, contract: model.Contract
) -> None:
    runs = claimed.runs()
    ending = {
        "ended_at": "2026-11-20T12:01:00.000000Z",
        "error": "Execution.ABORTED",
        "cause": "stopped",
    }
    claimed.fuse.writes = 2  # both files
    claimed.fuse.action = lambda: runs.finish(DATASET, RUN, "failed", ending)
    with pytest.raises(PermanentError, match="is failed: its execution was stopped"):
        close(claimed, written(contract), contract)
    assert claimed.messages() == []
    assert runs.lock(DATASET) is not None
