"""The handler: each action reaches its step with what a run or care wrote down, and failures keep their names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contracts import marts, model
from contracts.errors import ContractInvalid, PermanentError, RetryableError
from lambdas.load_warehouse import handler
from pipeline.run_documents import CurateResult, MaintenanceResult, StoredDocument
from tests.run_samples import curate_result, curated_table, maintained_table, maintenance_result
from tests.unit.lambdas.warehouse_database import ClientError, Redshift

DATASET, RUN = "sales_records", "20260101T000000-aaaaaaaa"
ENVIRONMENT = {
    "WAREHOUSE_WORKGROUP": "slipway-dev",
    "WAREHOUSE_DATABASE": "slipway",
    "WAREHOUSE_SECRET_ARN": "arn:secret",
    "CURATED_DATABASE": "slipway_dev_curated",
    "PROCESSED_BUCKET": "processed",
}
MART = "superstore_cohorts"
QUARTERS, MONTHS = model.load(DATASET).curated
JANUARY = date(2024, 1, 1)


@pytest.fixture
def redshift(monkeypatch: pytest.MonkeyPatch) -> Iterator[Redshift]:
    """A warehouse and a lake with one row in each table, behind the handler."""
    found = Redshift()
    found.fill(
        QUARTERS, ("Asia", "Japan", 2024, 1, JANUARY, 1, 1, Decimal(3), Decimal(1), Decimal(2))
    )
    found.fill(MONTHS, (JANUARY, "Tea", 1, 1, Decimal(3), Decimal(1), Decimal(2)))
    for name, value in {**ENVIRONMENT, "AWS_DEFAULT_REGION": "eu-central-1"}.items():
        monkeypatch.setenv(name, value)
    for cached in (handler._settings, handler._s3, handler._redshift):
        cached.cache_clear()
    with mock_aws():
        s3 = boto3.client("s3", region_name="eu-central-1")
        s3.create_bucket(
            Bucket="processed", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        monkeypatch.setattr(handler, "_redshift", lambda: found)
        monkeypatch.setattr(handler, "_s3", lambda: s3)
        yield found
    handler._settings.cache_clear()


def written(kind: type[StoredDocument], document: dict[str, Any]) -> None:
    """Put the result of a job where the handler looks for it."""
    text = json.dumps(document).encode()
    boto3.client("s3").put_object(Bucket="processed", Key=kind.key(DATASET, RUN), Body=text)


def run_result(*, before: int | None, snapshot: int | None) -> dict[str, Any]:
    periods = ["2024-01-01"] if snapshot else []
    change = {"before": before, "snapshot": snapshot, "periods": periods}
    return curate_result(*(curated_table(item.name, **change) for item in (QUARTERS, MONTHS)))


def asked(action: str, **event: Any) -> dict[str, Any]:
    return handler.handle(
        {"action": action, "dataset": DATASET, "run_id": RUN, "caller": "run", **event}, None
    )


def loaded(attempt: str = "execution 1", **event: Any) -> list[str]:
    """The modes of a load from beginning to end."""
    prepared = asked("prepare", attempt=attempt, **event)["statement"]
    assert asked("look", statement=prepared, **event) == {"status": "finished"}
    statement = asked("load", prepared=prepared, attempt=attempt, **event)["statement"]
    assert asked("look", statement=statement, **event) == {"status": "finished"}
    return [
        table["mode"]
        for table in asked("conclude", loaded=statement, attempt=attempt, **event)["tables"]
    ]


def test_a_run_is_loaded_by_what_the_job_wrote_down(redshift: Redshift) -> None:
    written(CurateResult, run_result(before=None, snapshot=7))
    assert loaded() == ["everything", "everything"]
    assert redshift.rows("SELECT DISTINCT run_id, snapshot_id FROM operations.loads") == [(RUN, 7)]


def test_a_table_that_a_run_did_not_change_holds_the_snapshot_before_it(redshift: Redshift) -> None:
    written(CurateResult, run_result(before=7, snapshot=None))
    assert loaded() == ["everything", "everything"]
    assert redshift.rows("SELECT DISTINCT snapshot_id FROM operations.loads") == [(7,)]


def test_care_is_loaded_by_what_care_wrote_down(redshift: Redshift) -> None:
    written(MaintenanceResult, maintenance_result(maintained_table(MONTHS.name, before=7, after=6)))
    assert loaded(caller="care") == ["everything", "everything"]
    found = dict(redshift.rows("SELECT table_name, snapshot_id FROM operations.loads"))
    assert found == {MONTHS.name: 6, QUARTERS.name: None}


def test_by_hand_nothing_is_read_of_any_run(redshift: Redshift) -> None:
    assert loaded(run_id=None, caller="hand") == ["everything", "everything"]
    assert redshift.rows("SELECT DISTINCT run_id FROM operations.loads") == [("by-hand",)]


def test_a_mart_is_loaded_by_what_its_run_says(redshift: Redshift) -> None:
    cohorts = marts.as_curated(marts.load(MART))
    day, row = date(2026, 1, 1), (0, 3, 3, 4, Decimal("12.5"), Decimal("-0.25"))
    redshift.fill(cohorts, (day, day, *row))

    def of(before: str | None, after: str, *periods: str) -> list[str]:
        lake = {"before": before, "after": after, "periods": periods}
        return loaded(f"{before} {after}", dataset=MART, caller="mart", lake=lake)

    first = "9223372036854775806"
    assert of(None, first, "2026-01-01") == ["everything"]
    assert of(first, "9223372036854775807", "2026-01-01") == ["periods"]
    lake = {"before": None, "after": "9223372036854775807", "periods": []}
    another = "20260102T000000-bbbbbbbb"
    assert loaded("again", dataset=MART, run_id=another, caller="mart", lake=lake) == ["none"]
    assert loaded(dataset=MART, caller="mart", run_id=None, lake=None) == ["everything"]
    assert redshift.rows(f"SELECT sales, profit FROM curated.{MART}") == [row[-2:]]
    assert redshift.rows("SELECT DISTINCT table_name FROM operations.loads") == [(MART,)]


def test_a_caller_that_nobody_knows_is_refused_before_anything_is_loaded(
    redshift: Redshift,
) -> None:
    prepared = asked("prepare", attempt="a")["statement"]
    assert asked("look", statement=prepared) == {"status": "finished"}
    with pytest.raises(PermanentError, match=f"unknown caller 'walk' of run '{RUN}'"):
        asked("load", prepared=prepared, attempt="a", caller="walk")
    assert redshift.rows("SELECT count(*) FROM operations.loads") == [(0,)]


def test_a_run_without_its_result_is_refused_and_says_who_did_not_write_it(
    redshift: Redshift,
) -> None:
    prepared = asked("prepare", attempt="a")["statement"]
    assert asked("look", statement=prepared) == {"status": "finished"}  # which needs no result
    with pytest.raises(
        PermanentError,
        match=r"processed_to_curated\.json is missing; processed_to_curated ended without",
    ):
        asked("load", prepared=prepared, attempt="a")
    assert len(redshift.submitted) == 1


def test_a_statement_is_cancelled(redshift: Redshift) -> None:
    redshift.looks = 9
    assert asked("cancel", statement=asked("prepare", attempt="a")["statement"]) == {
        "cancelled": True
    }


def test_an_action_that_nobody_knows_is_refused(redshift: Redshift) -> None:
    with pytest.raises(
        PermanentError,
        match="unknown action 'unload'; expected prepare, look, load, conclude or cancel",
    ):
        asked("unload")
    assert redshift.submitted == {}


def test_throttling_is_retried_and_a_refusal_of_iam_is_not(redshift: Redshift) -> None:
    redshift.refuse = "ThrottlingException"
    with pytest.raises(RetryableError):
        asked("prepare", attempt="a")
    redshift.refuse = "AccessDeniedException"
    with pytest.raises(ClientError):
        asked("prepare", attempt="a")


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_every_setting_is_needed(
    redshift: Redshift, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(ContractInvalid, match=f"environment variable {name} is not set"):
        asked("prepare", attempt="a")
    assert redshift.submitted == {}
