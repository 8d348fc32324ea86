"""`slipway database write`: one execution by hand, followed, with what it wrote; or a sentence why not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contracts import model
from tests.unit.slipway.conftest import DATASET, Account

TOTALS = {"total_revenue": {"lake": "5000.10", "database": "5000.10"}}
WRITTEN = {
    "served": "database",
    "tables": [
        {
            "table": DATASET,
            "mode": "periods",
            "loaded_rows": 12,
            "removed_rows": 1,
            "rows": 1240,
            "totals": TOTALS,
        }
    ],
}


@pytest.fixture
def with_database(account: Account) -> Account:
    account.deployment.outputs.update(WriteBackStateMachineArn="write-back")
    return account


def test_a_write_back_by_hand_names_the_dataset_and_shows_rows_and_money(
    with_database: Account, capsys: Any
) -> None:
    with_database.stepfunctions.carry_out = lambda _arn, _request: WRITTEN
    assert with_database.slipway("database", "write", DATASET) == 0
    assert with_database.stepfunctions.started == [
        ("write-back", {"trigger": "operator", "dataset": DATASET})
    ]
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [DATASET, "12", "1", "rows", "1,240", "1,240"] in lines
    assert ["total_revenue", "5000.10", "5000.10"] in lines


def test_nothing_published_is_said(with_database: Account, capsys: Any) -> None:
    with_database.stepfunctions.carry_out = lambda _arn, _request: {**WRITTEN, "tables": []}
    assert with_database.slipway("database", "write", DATASET) == 0
    assert f"nothing of {DATASET} was published yet" in capsys.readouterr().out


def test_a_failed_write_back_is_told_with_its_cause(with_database: Account, capsys: Any) -> None:
    with_database.stepfunctions.ends = "FAILED"
    assert with_database.slipway("database", "write", DATASET) == 1
    assert "either all of it is in the database, or nothing" in capsys.readouterr().out


def test_without_a_database_nothing_is_started(account: Account, capsys: Any) -> None:
    assert account.slipway("database", "write", DATASET) == 1
    assert "has no internal database; set features.database" in capsys.readouterr().err
    assert account.stepfunctions.started == []


def test_a_dataset_that_is_not_marked_is_told(
    with_database: Account, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    kept = replace(model.load(DATASET), write_back=False)
    monkeypatch.setattr(model, "load", lambda _dataset: kept)
    assert with_database.slipway("database", "write", DATASET) == 1
    assert f"{DATASET} is not written back; say `writeBack: true`" in capsys.readouterr().err
