"""What all functions share: settings, logs, alerts, the kinds of AWS errors, names in the ledgers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from contracts import alerts, aws_errors, environment, ledger, logs
from contracts.errors import ContractInvalid, ReconciliationFailed, RetryableError


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "m"}}, "GetItem")


@pytest.mark.parametrize(
    "error", [client_error("SlowDown"), client_error("ThrottlingException"), EndpointConnectionError(endpoint_url="u")]
)
def test_a_transient_failure_leaves_a_handler_as_the_error_that_the_state_machine_retries(error: Exception) -> None:
    @aws_errors.retryable
    def handle() -> str:
        raise error

    with pytest.raises(RetryableError) as caught:
        handle()
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [client_error("AccessDenied"), ReconciliationFailed("differs"), KeyError("dataset")])
def test_any_other_failure_leaves_a_handler_as_it_is(error: Exception) -> None:
    @aws_errors.retryable
    def handle() -> str:
        raise error

    with pytest.raises(type(error)) as caught:
        handle()
    assert caught.value is error


def test_a_log_line_is_one_json_object_with_what_was_bound(capsys: pytest.CaptureFixture[str]) -> None:
    log = logs.Log({"dataset": "sales"}).bind(run_id="r")
    log.warning("two\nlines", rows=3)
    [text] = capsys.readouterr().out.splitlines()
    line = json.loads(text)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"level": "WARNING", "message": "two\nlines", "dataset": "sales", "run_id": "r", "rows": 3}


def test_a_subject_is_what_sns_accepts() -> None:
    assert alerts.subject_line("caf\u00e9\nrejected") == "caf??rejected"
    assert len(alerts.subject_line("x" * 300)) == 99


def test_missing_and_wrong_settings_are_named() -> None:
    with pytest.raises(ContractInvalid, match="FILE_LEDGER is not set"):
        environment.required({}, "FILE_LEDGER")
    for wrong in ("0", "-1", "ten"):
        with pytest.raises(ContractInvalid, match=f"MAX_FILES is '{wrong}'"):
            environment.required_int({"MAX_FILES": wrong}, "MAX_FILES")
    assert environment.required_int({"MAX_FILES": "7"}, "MAX_FILES") == 7


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
    assert ledger.failure_entry("arn:aws:states:r:1:execution:m:name") == "failure#name"
