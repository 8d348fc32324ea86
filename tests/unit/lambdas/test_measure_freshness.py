"""The age of each dataset, from the run ledger, as a line from which CloudWatch takes a metric."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts import model
from lambdas.measure_freshness import handler
from lambdas.measure_freshness.service import MeasureFreshness
from pipeline.ledger import RunStatus, timestamp
from pipeline.modes import RunMode

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def run(
    account: Any, days_ago: int, *, mode: RunMode = "load", status: RunStatus | None = "succeeded"
) -> None:
    """A run that ended so long ago; without `status` it has not."""
    ended = NOW - timedelta(days=days_ago)
    run_id = f"{ended:%Y%m%dT%H%M%S}-0a1b2c3d"
    given = {
        "trigger": "schedule",
        "execution_arn": "arn:e",
        "contract_version": "1.0.0",
        "file_hashes": [],
    }
    account.runs().start("sales_records", run_id, started_at=timestamp(ended), mode=mode, **given)
    if status:
        account.runs().finish("sales_records", run_id, status, {"ended_at": timestamp(ended)})


def measured(
    account: Any, quiet: model.DaysWithoutFiles | None = None, *, moment: datetime = NOW
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    out = io.StringIO()
    service = MeasureFreshness(environment="dev", runs=account.runs(), now=lambda: moment)
    contracts = [model.load("sales_records"), model.load("superstore")]
    if quiet:
        contracts = [replace(contract, days_without_files=quiet) for contract in contracts]
    ages = service.measure(contracts, out)
    return ages, [json.loads(line) for line in out.getvalue().splitlines()]


def test_the_age_is_that_of_the_last_load_that_still_stands(account: Any) -> None:
    run(account, 40)
    run(account, 9)
    run(account, 5, status="rolled_back")
    run(account, 4, status="failed")
    run(account, 3, mode="maintenance")
    run(account, 2, mode="backfill")  # the same files again
    run(account, 1, status=None)
    ages, lines = measured(account)
    assert ages == {"sales_records": 9 * 24.0, "superstore": 0.0}
    assert lines[:1] == [
        {
            "_aws": {
                "Timestamp": 1795262400000,
                "CloudWatchMetrics": [
                    {
                        "Namespace": "Slipway",
                        "Dimensions": [["Environment", "Dataset"]],
                        "Metrics": [{"Name": "AgeHours", "Unit": "None"}],
                    }
                ],
            },
            "Environment": "dev",
            "Dataset": "sales_records",
            "AgeHours": 216.0,
        }
    ]


@pytest.mark.parametrize(
    ("weekdays", "dates", "hours"),
    [
        ((), (), 7 * 24.0),
        (("sunday",), (), 6 * 24.0),
        (
            ("saturday",),
            (),
            6 * 24.0,
        ),  # half of the first, when it was loaded, and half of the last
        ((), ("2026-11-18", "2026-11-10"), 6 * 24.0),
        (("wednesday",), ("2026-11-18",), 6 * 24.0),  # the same day
    ],
)
def test_days_without_files_do_not_make_data_older(
    account: Any, weekdays: tuple[model.Weekday, ...], dates: tuple[str, ...], hours: float
) -> None:
    run(account, 7)  # Saturday 14 November at noon, until Saturday 21 at noon
    quiet = model.DaysWithoutFiles(weekdays=weekdays, dates=dates)
    assert measured(account, quiet)[0]["sales_records"] == hours


def test_a_load_is_found_behind_any_number_of_later_runs(
    account: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.ledger.runs.RECENT_RUNS", 2)
    run(account, 30)
    for days_ago in range(7, 0, -1):
        run(account, days_ago, status="failed")
    assert measured(account)[0]["sales_records"] == 30 * 24.0


@pytest.mark.usefixtures("ledgers_of_moto")
def test_the_handler_measures_every_dataset_that_has_a_contract(
    account: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("RUN_LEDGER", "runs")
    run(account, 1)
    handler._service.cache_clear()
    ages = handler.handle({}, None)
    handler._service.cache_clear()
    assert set(ages) == set(model.datasets())
    lines = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert {line["Dataset"]: line["AgeHours"] for line in lines} == ages
    assert 0 <= ages["superstore"] < 1


def test_a_dataset_that_was_never_loaded_grows_old_from_when_it_was_measured_first(
    account: Any,
) -> None:
    assert measured(account)[0] == {"sales_records": 0.0, "superstore": 0.0}
    run(account, -1, status="failed")
    ages, _ = measured(account, moment=NOW + timedelta(hours=30))
    assert ages == {"sales_records": 30.0, "superstore": 30.0}
    run(account, -2)
    later = measured(account, moment=NOW + timedelta(days=2, hours=3))[0]
    assert later == {"sales_records": 3.0, "superstore": 51.0}


def test_of_two_first_measurements_the_one_that_was_written_counts(account: Any) -> None:
    early, late = (timestamp(NOW + timedelta(hours=hours)) for hours in (0, 5))
    assert account.runs().first_seen("superstore", moment=early) == early
    assert account.runs().first_seen("superstore", moment=late) == early
