"""What the experiments compare with, and how they find where to strike: wrong here, they would prove nothing."""

from __future__ import annotations

import json
from decimal import Decimal

from chaos.batches import REPLACED, ROWS, batch, expected
from chaos.delivery import event
from chaos.fault_points import points
from chaos.outcome import differences
from chaos.world import Landed

ROLES = {task: f"role-{task}" for task in ("ClaimBatch", "RawToProcessed", "Gate", "ProcessedToCurated", "CloseRun")}


def test_a_missing_an_extra_and_a_doubled_row_are_all_told() -> None:
    left = {"t": [("1",), ("2",)], "same": [("x",)]}
    assert differences(left, {"t": [("2",), ("1",)], "same": [("x",)]}) == []
    assert differences(left, {"t": [("1",)], "same": [("x",)]}) == ["t: 1 rows missing, 0 extra: missing ('2',)"]
    doubled = differences(left, {"t": [("1",), ("2",), ("2",)], "same": [("x",)]})
    assert doubled == ["t: 0 rows missing, 1 extra: extra ('2',)"]
    assert differences({}, {"t": [("1",)]}) == ["t: 0 rows missing, 1 extra: extra ('1',)"]


def test_later_waves_replace_orders_of_the_wave_before_and_no_others() -> None:
    files = batch("x", count=4, waves=2)
    assert [file.wave for file in files] == [0, 0, 1, 1]
    assert len({file.sha256 for file in files}) == 4
    rows = expected(files)["processed.sales_records"]
    assert len(rows) == 4 * ROWS - 2 * REPLACED
    by_file = [row[-2] for row in rows]
    assert [by_file.count(file.name) for file in files] == [ROWS - REPLACED] * 2 + [ROWS] * 2
    assert expected(list(reversed(files))) == expected(files)


def test_both_curated_tables_hold_all_the_money_of_processed() -> None:
    tables = expected(batch("x", count=3))
    revenue = sum(Decimal(row[11]) for row in tables["processed.sales_records"])
    assert sum(Decimal(row[4]) for row in tables["curated.sales_by_month_item"]) == revenue
    assert sum(Decimal(row[7]) for row in tables["curated.sales_by_region_quarter"]) == revenue


def test_a_copy_of_an_event_is_the_same_event_and_names_the_version() -> None:
    landed = Landed(key="partners/acme/sales_records/a b+c.csv", size=1, etag="e", version_id="v")
    body = json.loads(event(landed, "landing", sequence=7))
    assert body["id"] == json.loads(event(landed, "landing", sequence=7))["id"]
    assert body["detail"]["object"] == {
        "key": "partners/acme/sales_records/a b+c.csv",
        "size": 1,
        "etag": "e",
        "version-id": "v",
        "sequencer": "000000000000000007",
    }


def test_every_change_of_a_function_is_a_point_and_a_task_without_changes_has_its_first_call() -> None:
    before = {"role-ClaimBatch": {"s3:PutObject": 5}}
    after = {
        "role-ClaimBatch": {"s3:PutObject": 6, "dynamodb:UpdateItem": 2, "dynamodb:GetItem": 9},
        "role-Gate": {"s3:GetObject": 3},
        "role-RawToProcessed": {"s3:PutObject": 100, "s3:GetObject": 50},
    }
    assert [str(point) for point in points(before, after, ROLES)] == [
        "ClaimBatch, s3:PutObject number 1",
        "ClaimBatch, dynamodb:UpdateItem number 1",
        "ClaimBatch, dynamodb:UpdateItem number 2",
        "RawToProcessed, s3:PutObject number 1",
        "RawToProcessed, s3:PutObject number 100",
        "Gate, s3:GetObject number 1",
    ]
