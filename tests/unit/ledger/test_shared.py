"""What all functions share: settings, logs, alerts, the kinds of AWS errors, names in the ledgers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Literal

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from contracts.errors import ContractInvalid, ReconciliationFailed, RetryableError
from pipeline import alerts, aws_errors, ledger, logs
from pipeline.environment import Limit, read_settings


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "m"}}, "GetItem")


@pytest.mark.parametrize(
    "error",
    [
        client_error("SlowDown"),
        client_error("ThrottlingException"),
        EndpointConnectionError(endpoint_url="u"),
    ],
)
def test_a_transient_failure_leaves_a_handler_as_the_error_that_the_state_machine_retries(
    error: Exception,
) -> None:
    @aws_errors.retryable
    def handle() -> str:
        raise error

    with pytest.raises(RetryableError) as caught:
        handle()
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error", [client_error("AccessDenied"), ReconciliationFailed("differs"), KeyError("dataset")]
)
def test_any_other_failure_leaves_a_handler_as_it_is(error: Exception) -> None:
    @aws_errors.retryable
    def handle() -> str:
        raise error

    with pytest.raises(type(error)) as caught:
        handle()
    assert caught.value is error


def test_a_log_line_is_one_json_object_with_what_was_bound(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = logs.Log({"dataset": "sales"}).bind(run_id="r")
    log.warning("two\nlines", rows=3)
    [text] = capsys.readouterr().out.splitlines()
    line = json.loads(text)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "WARNING",
        "message": "two\nlines",
        "dataset": "sales",
        "run_id": "r",
        "rows": 3,
    }


def test_a_subject_is_what_sns_accepts() -> None:
    assert alerts.subject_line("caf\u00e9\nrejected") == "caf??rejected"
    assert len(alerts.subject_line("x" * 300)) == 99


@dataclass(frozen=True, kw_only=True)
class Settings:
    file_ledger: str
    max_files: int
    small_rows: Limit
    schema_change: Literal["reject", "strict"]
    usd: Decimal


def test_missing_and_wrong_settings_are_named() -> None:
    right = {
        "FILE_LEDGER": "files",
        "MAX_FILES": "7",
        "SMALL_ROWS": "0",
        "SCHEMA_CHANGE": "strict",
        "USD": "0.01",
        "OTHER": "ignored",
    }
    assert read_settings(Settings, right) == Settings(
        file_ledger="files",
        max_files=7,
        small_rows=Limit(0),
        schema_change="strict",
        usd=Decimal("0.01"),
    )
    with pytest.raises(ContractInvalid, match="FILE_LEDGER is not set"):
        read_settings(Settings, {**right, "FILE_LEDGER": ""})
    for wrong in ("0", "-1", "ten"):
        with pytest.raises(
            ContractInvalid, match=f"MAX_FILES is '{wrong}'; it must be a positive whole number"
        ):
            read_settings(Settings, {**right, "MAX_FILES": wrong})
    with pytest.raises(
        ContractInvalid, match="SMALL_ROWS is '-1'; it must be a whole number, 0 or more"
    ):
        read_settings(Settings, {**right, "SMALL_ROWS": "-1"})
    with pytest.raises(
        ContractInvalid, match="SCHEMA_CHANGE is 'lax'; it must be one of: reject, strict"
    ):
        read_settings(Settings, {**right, "SCHEMA_CHANGE": "lax"})
    for wrong in ("0", "-1", "cheap", "NaN", "Infinity"):
        with pytest.raises(
            ContractInvalid, match=f"USD is '{wrong}'; it must be a positive number"
        ):
            read_settings(Settings, {**right, "USD": wrong})


def test_run_ids_sort_by_start_and_times_are_utc() -> None:
    tokyo = datetime(2026, 1, 1, 8, 30, tzinfo=timezone(timedelta(hours=9)))
    assert ledger.timestamp(tokyo) == "2025-12-31T23:30:00.000000Z"
    first = ledger.new_run_id(tokyo)
    second = ledger.new_run_id(datetime(2026, 1, 1, tzinfo=UTC))
    assert first.startswith("20251231T233000-")
    assert len(first) == len("20251231T233000-0a1b2c3d")
    assert first < second


def test_entries_are_named_as_documented() -> None:
    assert ledger.file_entry("abc") == "file#abc"
    assert ledger.duplicate_entry("abc", "01") == "duplicate#abc#01"
    assert ledger.rejected_entry("partners/a/b/c.csv", "01") == "rejected#partners/a/b/c.csv#01"
    assert ledger.run_entry("r") == "run#r"


def test_a_message_is_named_after_what_it_tells_within_the_length_that_step_functions_takes() -> (
    None
):
    assert (
        alerts.success_name("sales", "20260101T000000-0a1b2c3d")
        == "succeeded-sales-20260101T000000-0a1b2c3d"
    )
    names = [
        alerts.success_name("d" * 90, "20260101T000000-0a1b2c3d"),
        alerts.failure_name("arn:aws:states:r:1:execution:m:" + "n" * 80),
        alerts.burst_name("rejected", "d" * 90, "20260101T000000000000"),
    ]
    assert [len(name) <= 80 for name in names] == [True] * 3
    assert alerts.failure_name("arn:one") != alerts.failure_name("arn:two")
    assert (
        alerts.burst_name("rejected", "sales", "20260101T000000000000")
        == "rejected-sales-20260101T000000000000"
    )


def test_the_longest_message_fits_the_input_of_an_execution_whatever_its_characters() -> None:
    started: list[dict[str, str]] = []

    class StepFunctions:
        class exceptions:  # noqa: N801 - as boto3 names it
            ExecutionAlreadyExists = KeyError

        def start_execution(self, **given: str) -> None:
            started.append(given)

    announcer = alerts.Announcer(stepfunctions=StepFunctions(), machine_arn="arn")
    for character in ("\x1f", "\U0001f600", '"'):
        announcer.tell(
            "n",
            topic="failed",
            subject="s",
            body=character * 90_000,
            attributes={"a": "x" * 900, "b": ""},
        )
    for given in started:
        assert len(given["input"].encode()) < 262_144  # Step Functions quotas
        content = json.loads(given["input"])
        assert content["message"].endswith("...")
        assert content["attributes"] == {"a": {"DataType": "String", "StringValue": "x" * 256}}
