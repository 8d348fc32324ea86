"""The embedded QuickSight: a dataset is refreshed 32 times in 24 hours and no more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from local_cloud.adapters.quicksight import ingestion as quicksight_ingestion
from local_cloud.adapters.quicksight import resources as quicksight
from local_cloud.settings import ServerSettings

DATA_SET = {
    "ImportMode": "SPICE",
    "PhysicalTableMap": {"t": {"RelationalTable": {"DataSourceArn": "arn:lake", "Name": "orders"}}},
}
SOURCE = {
    "DataSourceParameters": {"AthenaParameters": {"RoleArn": "arn:reader", "WorkGroup": "analysts"}}
}


@pytest.fixture
def day(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds; ingestions do nothing."""
    now = [1_000_000.0]
    monkeypatch.setattr(quicksight, "_data_sets", {"by-month": DATA_SET, "by-region": DATA_SET})
    monkeypatch.setattr(quicksight, "_sources", {"arn:lake": SOURCE})
    monkeypatch.setattr(quicksight, "_ingestions", {})
    monkeypatch.setattr(quicksight, "_begun", {})
    monkeypatch.setattr(quicksight_ingestion, "ingest", lambda *_: None)
    monkeypatch.setattr(quicksight, "time", SimpleNamespace(time=lambda: now[0]))
    return now


def begin(number: int, data_set: str = "by-month") -> dict[str, Any]:
    settings = ServerSettings.__new__(ServerSettings)
    return quicksight.create(settings, {"DataSetId": data_set, "IngestionId": f"run-{number}"})


def test_the_33rd_refresh_in_24_hours_is_refused_and_another_dataset_has_its_own(
    day: list[float],
) -> None:
    for number in range(32):
        day[0] += 60
        assert begin(number)["Status"] == 201
    with pytest.raises(Exception, match="32 ingestions in 24 hours") as refused:
        begin(32)
    assert refused.value.error == "QuickSight.LimitExceededException"  # type: ignore[attr-defined] -- the emulator's
    assert begin(32, "by-region")["Status"] == 201
    day[0] += 24 * 60 * 60 - 31 * 60  # a minute after the first of them is a day old
    assert begin(32)["Status"] == 201


def columns(*names: str) -> dict[str, Any]:
    return {"StorageDescriptor": {"Columns": [{"Name": name} for name in names]}}


@pytest.mark.parametrize(
    ("wait", "tables", "problem"),
    [
        ({}, {}, "SQL_TABLE_NOT_FOUND: curated/orders"),
        ({}, {"curated/orders": columns("region")}, r"has no \['revenue'\]"),
        ({}, {"curated/orders": columns("region", "revenue")}, None),
        ({"IngestionWaitPolicy": {"WaitForSpiceIngestion": False}}, {}, None),
    ],
)
def test_a_deployment_fails_for_want_of_a_table_only_where_it_waits(
    monkeypatch: pytest.MonkeyPatch,
    wait: dict[str, Any],
    tables: dict[str, Any],
    problem: str | None,
) -> None:
    wanted = {
        "Schema": "curated",
        "Name": "orders",
        "InputColumns": [{"Name": "region"}, {"Name": "revenue"}],
    }
    properties = {
        "ImportMode": "SPICE",
        "PhysicalTableMap": {"t": {"RelationalTable": wanted}},
        **wait,
    }
    monkeypatch.setattr(quicksight, "original", lambda *_: tables)
    put = quicksight._waiting(lambda *_args: ("id", {}))
    if problem is None:
        assert put("Data", properties, "stack") == ("id", {})
    else:
        with pytest.raises(ValueError, match=problem):
            put("Data", properties, "stack")
