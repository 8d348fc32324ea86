"""`slipway backfill`: the plan counts what is rewritten and what cannot be, and the run gets exactly that request."""

from typing import Any

import pytest

from tests.unit.slipway.conftest import DATASET, PROCESSED, Account

SHA = "abcdef" + "0" * 58
OTHER = "bbcdef" + "0" * 58
GONE = "cbcdef" + "0" * 58


@pytest.fixture
def lake(account: Account) -> Account:
    account.put_file(SHA, b"12345", file_name="one.csv")
    account.put_file(OTHER, b"123", file_name="two.csv")
    account.put_file(GONE, file_name="gone.csv", rows_loaded=1)
    account.put_file("d" * 64, b"1", file_name="waits.csv", status="waiting")
    rows = [
        ("2024-05-06", SHA, "1.0.0"),
        ("2024-05-30", SHA, "1.0.0"),
        ("2024-06-01", OTHER, "1.1.0"),
    ]
    for row in [*rows, ("2024-06-02", GONE, "1.0.0")]:
        names = "order_date, _source_sha256, _contract_version"
        account.database.execute(
            f"INSERT INTO {PROCESSED}.{DATASET} ({names}) VALUES (?, ?, ?)", row
        )
    account.refuse(SHA, 1, {"a": "x"})
    account.refuse(GONE, 1, {"a": "x"})
    return account


def test_the_plan_counts_rows_by_partition_and_contract_version_and_starts_nothing(
    lake: Account, capsys: Any
) -> None:
    assert lake.slipway("backfill", "--dataset", DATASET, "--plan") == 0
    shown = capsys.readouterr().out
    assert "2 files of sales_records (8 bytes)" in shown
    assert "3 rows to be rewritten" in shown
    lines = [line.split() for line in shown.splitlines()]
    assert ["2024-05-01", "1.0.0", "2"] in lines
    assert ["2024-06-01", "1.1.0", "1"] in lines
    assert "1 open record in quarantine" in shown
    assert "sales_by_month_item" in shown
    assert ["gone.csv", GONE, "1"] in lines
    assert lake.stepfunctions.started == []


def test_a_backfill_of_everything_names_no_files(lake: Account) -> None:
    assert lake.slipway("backfill", "--no-wait") == 0
    request = {"trigger": "operator", "dataset": DATASET, "mode": "backfill"}
    assert lake.stepfunctions.started == [("dataset-run", request)]


def test_a_backfill_of_some_files_names_them_in_full(lake: Account, capsys: Any) -> None:
    assert lake.slipway("backfill", "--files", OTHER[:8], "--no-wait") == 0
    assert lake.stepfunctions.started[0][1]["files"] == [OTHER]
    assert "1 row to be rewritten" in capsys.readouterr().out


def test_nothing_left_in_raw_starts_no_run(lake: Account) -> None:
    assert lake.slipway("backfill", "--files", GONE[:8]) == 0
    assert lake.stepfunctions.started == []


def test_a_file_that_is_not_loaded_cannot_be_loaded_again(lake: Account, capsys: Any) -> None:
    assert lake.slipway("backfill", "--files", "dddddd") == 1
    assert "waits.csv" in capsys.readouterr().err
    assert lake.stepfunctions.started == []


def test_more_files_than_a_request_may_name_are_refused(
    lake: Account, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slipway.acting.operations.MOST_FILES", 1)
    assert lake.slipway("backfill", "--files", SHA[:8], OTHER[:8]) == 1
    assert "2 files are named, one request takes 1" in capsys.readouterr().err
    assert lake.stepfunctions.started == []


def test_an_input_that_step_functions_would_refuse_is_refused_before(
    lake: Account, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slipway.reading.executions.LARGEST_INPUT_BYTES", 100)
    assert lake.slipway("backfill", "--files", SHA[:8]) == 1
    assert "Step Functions takes 100" in capsys.readouterr().err
    assert lake.stepfunctions.started == []


def test_the_files_with_rows_in_a_period_are_loaded_again(
    account: Account, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda _prompt: "no")
    month = ("--from", "2026-02-01", "--to", "2026-02-28")
    for sha256, day in (
        ("a" * 64, "2026-02-01"),
        ("b" * 64, "2026-03-01"),
        ("c" * 64, "2026-02-28"),
    ):
        account.put_file(sha256, b"x")
        account.database.execute(
            f"INSERT INTO {PROCESSED}.{DATASET} (order_date, _source_sha256, _source_file, _contract_version)"
            f" VALUES (DATE '{day}', '{sha256}', 'orders.csv', '1.0.0')"
        )
    account.stepfunctions.started.clear()
    assert account.slipway("reprocess", DATASET, *month) == 1
    assert "'no' is not 'reprocess', so nothing was done" in capsys.readouterr().err
    assert account.stepfunctions.started == []
    assert account.slipway("reprocess", DATASET, *month, "--yes", "--no-wait") == 0
    assert "2 files with rows in the period" in capsys.readouterr().out
    ((_, request),) = account.stepfunctions.started
    assert (request["mode"], request["files"]) == ("backfill", ["a" * 64, "c" * 64])


def test_a_period_without_rows_or_the_wrong_way_round_starts_nothing(
    account: Account, capsys: Any
) -> None:
    empty = ("reprocess", DATASET, "--from", "2020-01-01", "--to", "2020-01-31")
    assert account.slipway(*empty, "--yes") == 0
    assert "no file has rows between" in capsys.readouterr().out
    backwards = ("reprocess", DATASET, "--from", "2020-02-01", "--to", "2020-01-31")
    assert account.slipway(*backwards, "--yes") == 1
    assert "--from 2020-02-01 is after --to 2020-01-31" in capsys.readouterr().err
