"""`slipway warehouse load`: one execution by hand, followed, with what the load found; or a sentence why not."""

from __future__ import annotations

from typing import Any

import pytest

from contracts import model
from tests.unit.slipway.conftest import DATASET, Account

CONCLUDED = {
    "served": "warehouse",
    "tables": [
        {
            "table": "sales_by_month_item",
            "mode": "periods",
            "loaded_rows": 12,
            "rows": 1240,
            "totals": {"revenue": {"lake": "5000.10", "warehouse": "5000.10"}},
        }
    ],
}


@pytest.fixture
def with_warehouse(account: Account) -> Account:
    account.deployment.outputs.update(
        WarehouseWorkgroupName="w",
        WarehouseDatabaseName="slipway",
        WarehouseLoadStateMachineArn="warehouse-load",
    )
    return account


def test_a_load_by_hand_names_the_dataset_and_shows_rows_and_money(
    with_warehouse: Account, capsys: Any
) -> None:
    with_warehouse.stepfunctions.carry_out = lambda _arn, _request: CONCLUDED
    assert with_warehouse.slipway("warehouse", "load", DATASET) == 0
    assert with_warehouse.stepfunctions.started == [
        ("warehouse-load", {"trigger": "operator", "dataset": DATASET})
    ]
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["sales_by_month_item", "touched", "periods", "12", "rows", "1,240", "1,240"] in lines
    assert ["revenue", "5000.10", "5000.10"] in lines


def test_a_failed_load_is_told_with_its_cause(with_warehouse: Account, capsys: Any) -> None:
    with_warehouse.stepfunctions.ends = "FAILED"
    assert with_warehouse.slipway("warehouse", "load", DATASET) == 1
    told = capsys.readouterr().out
    assert "run failed" in told
    assert "either all of it is in the warehouse, or nothing" in told


def test_nobody_needs_to_wait(with_warehouse: Account) -> None:
    with_warehouse.stepfunctions.ends = "RUNNING"
    assert with_warehouse.slipway("warehouse", "load", DATASET, "--no-wait") == 0


def test_without_a_warehouse_nothing_is_started(account: Account, capsys: Any) -> None:
    assert account.slipway("warehouse", "load", DATASET) == 1
    assert "has no warehouse; set features.warehouse" in capsys.readouterr().err
    assert account.stepfunctions.started == []


def test_a_dataset_that_stays_in_the_lake_is_told(
    with_warehouse: Account, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    loaded = model.load(DATASET)
    lake_only = [vars(one) | {"warehouse": None} for one in loaded.curated]
    kept = vars(loaded) | {"curated": tuple(model.CuratedModel(**one) for one in lake_only)}
    monkeypatch.setattr(model, "load", lambda _dataset: model.Contract(**kept))
    assert with_warehouse.slipway("warehouse", "load", DATASET) == 1
    assert f"no table of {DATASET} is marked for the warehouse" in capsys.readouterr().err
