"""What the experiments compare with, and how they find where to strike: wrong here, they would prove nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from chaos import fault_points, serving
from chaos.__main__ import main
from chaos.batches import REPLACED, ROWS, batch, expected
from chaos.delivery import comparable, event
from chaos.fault_points import TASKS, Point, WarehousePoint, last_before, points, warehouse_points
from chaos.faults import SHORT_WAREHOUSE, Breaking
from chaos.hostile import told
from chaos.outcome import differences
from chaos.serving import Tables
from chaos.world import Landed, World
from slipway.acting.inbox import Alert

ROLES = {task: f"role-{task}" for task in TASKS}


def test_a_missing_an_extra_and_a_doubled_row_are_all_told() -> None:
    left = {"t": [("1",), ("2",)], "same": [("x",)]}
    assert differences(left, {"t": [("2",), ("1",)], "same": [("x",)]}) == []
    assert differences(left, {"t": [("1",)], "same": [("x",)]}) == [
        "t: 1 rows missing, 0 extra: missing ('2',)"
    ]
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


def test_an_entry_of_another_cloud_is_alike_whatever_its_runs_are_called_if_as_many_closed_over_it() -> (
    None
):
    entry = {"entry": "file#a", "status": "loaded", "rows_quarantined": 1, "received_at": "2026"}
    left = {"run_id": "1", "rows_loaded": 8, "rows_deduplicated": 1, "rows_quarantined": 1}
    right = {"run_id": "2", "rows_loaded": 9, "rows_deduplicated": 0, "rows_quarantined": 1}
    one, other = ({**entry, **load, "loads": [load]} for load in (left, right))
    shown = {
        "entry": "file#a",
        "status": "loaded",
        "rows_quarantined": 1,
        "loads": 1,
        "rows_not_quarantined": 9,
    }
    assert comparable(one) == comparable(other) == shown
    assert comparable({**one, "loads": [left, left]})["loads"] == 2


def test_every_change_of_a_function_is_a_point_and_a_task_without_changes_has_its_first_call() -> (
    None
):
    before = {"role-ClaimBatch": {"s3:PutObject": 5}}
    after = {
        "role-ClaimBatch": {"s3:PutObject": 6, "dynamodb:UpdateItem": 2, "dynamodb:GetItem": 9},
        "role-Gate": {
            "kms:Decrypt": 3,
            "logs:CreateLogStream": 1,
            "s3:GetObject": 3,
        },  # Lambda's and S3's are none
        "role-RawToProcessed": {"s3:PutObject": 100, "s3:GetObject": 50},
        "role-LoadWarehouse": {
            "redshift-data:BatchExecuteStatement": 2,
            "redshift-data:DescribeStatement": 7,
        },
    }
    assert [str(point) for point in points(before, after, ROLES)] == [
        "ClaimBatch, s3:PutObject number 1",
        "ClaimBatch, dynamodb:UpdateItem number 1",
        "ClaimBatch, dynamodb:UpdateItem number 2",
        "RawToProcessed, s3:PutObject number 1",
        "RawToProcessed, s3:PutObject number 100",
        "Gate, s3:GetObject number 1",
        "LoadWarehouse, redshift-data:BatchExecuteStatement number 1",
        "LoadWarehouse, redshift-data:BatchExecuteStatement number 2",
    ]


def test_the_warehouse_dies_before_each_kind_of_statement_of_a_load_and_before_its_commit() -> None:
    found = warehouse_points()
    kinds = ["stage_table", "stage_rows", "delete_gone", "merge", "compare", "record", "figures"]
    assert [point.kind for point in found] == [*kinds, "figures"]
    assert [point.moment for point in found] == ["before"] * len(kinds) + ["after"]
    assert SHORT_WAREHOUSE in found
    assert SHORT_WAREHOUSE.command == "warehouse-crash-at/before/slipway%20merge%20"
    assert (
        str(WarehousePoint(moment="after", kind="figures")) == "Serve, the warehouse after figures"
    )


def test_rejected_files_are_counted_over_bursts_and_no_other_message_is() -> None:
    subjects = [
        ("FileRejected", "WARNING [local] sales_records: 1 file rejected: a.csv (not_utf8)"),
        (
            "FileRejected",
            "WARNING [local] sales_records: 12 files rejected (7 no_rows, 5 bad_gzip)",
        ),
        ("FileRejected", "WARNING [local] unknown: 2 files rejected (2 not_in_contract)"),
        ("RunFailed", "ERROR [local] sales_records: run 20261121T100000-0a1b2c3d failed at Gate"),
    ]
    alerts = [Alert(topic=topic, subject=subject, body="") for topic, subject in subjects]
    assert told(alerts) == {"sales_records": 13, "unknown": 2}
    with pytest.raises(ValueError, match="does not say how many"):
        told(
            [
                Alert(
                    topic="FileRejected",
                    subject="WARNING [local] sales_records: files rejected",
                    body="",
                )
            ]
        )


BEFORE, LAKE, TORN = ({"curated.t": [(number,)]} for number in ("1", "2", "3"))


@pytest.mark.parametrize(
    ("found", "survived", "is_told"),
    [
        (BEFORE, False, False),
        (LAKE, False, False),
        (TORN, False, True),
        (BEFORE, True, True),
        (LAKE, True, False),
    ],
)
def test_the_warehouse_is_as_before_or_as_the_lake_and_after_a_run_that_succeeded_as_the_lake(
    monkeypatch: pytest.MonkeyPatch, found: Tables, *, survived: bool, is_told: bool
) -> None:
    monkeypatch.setattr(serving, "in_warehouse", lambda _: found)
    monkeypatch.setattr(serving, "in_lake", lambda _: LAKE)
    world = World(cloud=None, deployment=None)  # type: ignore[arg-type] # nothing of it is asked
    breaking = Breaking(world=world, roles={}, served=BEFORE)
    breaking.look_at_warehouse("a fault", survived=survived)
    assert [problem.partition(":")[0] for problem in breaking.problems] == ["a fault"] * is_told
    assert serving.unlike_lake(world) == (
        [] if found == LAKE else [f"warehouse: {differences(LAKE, found)[0]}"]
    )


@pytest.mark.parametrize(("made", "call"), [(27, 27), (28, None), (0, None)])
def test_a_run_that_wrote_less_is_followed_by_one_that_dies_at_its_last_write(
    made: int, call: int | None
) -> None:
    point = Point(task="ProcessedToCurated", role="r", action="s3:PutObject", call=28)
    counts = [{"r": {"s3:PutObject": 100 + more, "s3:GetObject": 9 * more}} for more in (0, made)]
    assert last_before(point, *counts) == (replace(point, call=call) if call else None)
    assert last_before(point, {}, {"r": {"s3:PutObject": 1}}) == replace(point, call=1)


@pytest.mark.parametrize(
    ("writes", "status", "struck_at", "problems"),
    [
        ([9], "FAILED", [9], []),
        ([7, 9], "SUCCEEDED", [7], []),  # the first run ends before its point
        ([7, 5, 9], "SUCCEEDED", [5], []),  # so does the next
        (
            [0],
            "SUCCEEDED",
            [],
            ["point was never reached after ProcessedToCurated, s3:PutObject number 9"],
        ),
        (
            [7],
            "FAILED",
            [],
            ["point was never reached after ProcessedToCurated, s3:PutObject number 9"],
        ),
    ],
    ids=["reached", "wrote less", "twice less", "nothing written", "failed elsewhere"],
)
def test_a_fault_ends_struck_or_as_a_problem_and_counts_once(
    writes: list[int],
    status: str,
    struck_at: list[int],
    problems: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Runs that make `writes` calls each; one that comes to its point dies there."""
    world = World(cloud=None, deployment=None)  # type: ignore[arg-type] # nothing of it is asked
    breaking, made, struck = Breaking(world=world, roles={}), [0], []

    def crash(points: Any) -> tuple[list[str], str]:
        breaking.tried += 1
        wanted, calls = points[0].call, writes.pop(0)
        made[0] += calls
        if calls >= wanted:
            struck.append(wanted)
            return [], "FAILED"
        breaking.survived += status == "SUCCEEDED"
        return ["point"], status

    monkeypatch.setattr(breaking, "_crash", crash)
    monkeypatch.setattr(fault_points, "counted", lambda _: {"r": {"s3:PutObject": made[0]}})
    breaking.crash(Point(task="ProcessedToCurated", role="r", action="s3:PutObject", call=9))
    assert (struck, breaking.problems, breaking.tried) == (struck_at, problems, 1)
    assert breaking.survived == (not struck and status == "SUCCEEDED")


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "-1/2", "1/0"])
def test_a_part_that_is_none_is_refused_with_an_example(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["faults", f"--part={text}"])
    assert (
        f"found {text!r}; expected K/N with K from 1 to N, such as 1/2" in capsys.readouterr().err
    )


def test_an_experiment_that_is_not_shared_has_no_parts(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["load", "--part", "1/2"])
    assert "only faults have parts" in capsys.readouterr().err
