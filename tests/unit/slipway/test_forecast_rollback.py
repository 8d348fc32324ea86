"""`slipway forecast show --history` and `rollback`: a version is chosen by its entry, and asked for by number."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.slipway.conftest import DATASET, Account

TABLE = "sales_by_month_item"
MADE = 1_780_000_000_000  # milliseconds


def snapshot(number: int, parent: int | None, **entry: str) -> dict[str, Any]:
    summary = {"operation": "overwrite", "slipway.curated-snapshot": str(100 + number)}
    summary |= {"slipway.run": f"run-{number}"}
    summary |= {f"slipway.forecast-{name}": value for name, value in entry.items()}
    made = {"snapshot-id": number, "timestamp-ms": MADE + number * 1000, "summary": summary}
    return made if parent is None else {**made, "parent-snapshot-id": parent}


@pytest.fixture
def forecasts(account: Account) -> Account:
    """Four forecasts of which the third was taken back, a compaction of the fourth, and a draft."""
    good = {"wape": "0.1234", "naive-wape": "0.2000", "methods": '{"mean": 3}'}
    good |= {"model-version": "m-1", "contract-version": "1.2.3", "trained-through": "2026-01-01"}
    compacted = snapshot(5, 4)
    del compacted["summary"]["slipway.curated-snapshot"]
    metadata = {
        "current-snapshot-id": 5,
        "snapshots": [
            *(snapshot(1, None), snapshot(2, 1, **good), snapshot(3, 2), snapshot(4, 2)),
            *(compacted, snapshot(6, 5)),
        ],
        "snapshot-log": [
            {"snapshot-id": number, "timestamp-ms": MADE} for number in (1, 2, 3, 2, 4, 5)
        ],
    }
    s3, glue = (account.deployment.client(name) for name in ("s3", "glue"))
    s3.put_object(Bucket="processed", Key="t/metadata/1.json", Body=json.dumps(metadata))
    glue.create_database(DatabaseInput={"Name": "slipway_dev_curated"})
    place = {"metadata_location": "s3://processed/t/metadata/1.json"}
    table = {"Name": f"{TABLE}_forecast", "Parameters": place}
    glue.create_table(DatabaseName="slipway_dev_curated", TableInput=table)
    return account


def test_the_history_lists_what_was_published_and_never_a_draft(
    forecasts: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    assert forecasts.slipway("forecast", "show", "--history", "--dataset", DATASET) == 0
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert [line for line in lines if line[:1].isdigit()] == [
        *("4  published", "3  taken back", "2  kept", "1  kept"),
    ]
    entry = lines[lines.index("2  kept") + 1 :][:3]
    assert entry[0].endswith("by run-2, WAPE 0.1234, seasonal naive 0.2000")
    assert entry[1] == "    model m-1; series: 3 mean"
    assert entry[2].endswith(f"from version 102 of {TABLE}, contract 1.2.3")


def test_nothing_was_made_yet(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    account.deployment.client("glue").create_database(DatabaseInput={"Name": "slipway_dev_curated"})
    assert account.slipway("forecast", "show", "--history", "--dataset", DATASET) == 1
    given = ("--dataset", DATASET, "--reason", "x", "--yes")
    assert account.slipway("forecast", "rollback", *given) == 1
    assert "keeps no forecast before the published one" in capsys.readouterr().err
    assert account.stepfunctions.started == []


@pytest.mark.parametrize(("chosen", "back_to"), [((), "2"), (("--to", "1"), "1")])
def test_the_forecast_before_or_a_chosen_one_is_asked_for_by_its_version(
    forecasts: Account, capsys: pytest.CaptureFixture[str], chosen: tuple[str, ...], back_to: str
) -> None:
    given = ("--dataset", DATASET, "--reason", "too high", "--yes", "--no-wait", *chosen)
    assert forecasts.slipway("forecast", "rollback", *given) == 0
    wanted = {"table": TABLE, "undone": "4", "back_to": back_to, "reason": "too high"}
    request = {"mode": "forecast_rollback", "forecast": wanted}
    assert forecasts.stepfunctions.started == [
        ("dataset-care", {"trigger": "operator", "dataset": DATASET, **request})
    ]
    assert f"goes back to:  {back_to} of run-{back_to}" in capsys.readouterr().out


@pytest.mark.parametrize("version", ["3", "4", "5", "6", "7"])
def test_a_version_that_cannot_be_gone_back_to_is_refused_with_those_that_can(
    forecasts: Account, capsys: pytest.CaptureFixture[str], version: str
) -> None:
    given = ("--dataset", DATASET, "--reason", "x", "--yes", "--to", version)
    assert forecasts.slipway("forecast", "rollback", *given) == 1
    assert "keeps before the published one: 2, 1" in capsys.readouterr().err
    assert forecasts.stepfunctions.started == []


def test_another_table_and_no_consent_start_nothing(
    forecasts: Account, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ("forecast", "rollback", "--dataset", DATASET, "--reason", "x")
    assert forecasts.slipway(*given, "--table", "other", "--yes") == 1
    assert f"--table is 'other'; give one of {TABLE}" in capsys.readouterr().err
    monkeypatch.setattr("builtins.input", lambda _prompt: "yes")
    assert forecasts.slipway(*given) == 1
    assert forecasts.stepfunctions.started == []
