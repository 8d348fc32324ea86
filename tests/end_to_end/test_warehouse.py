"""The warehouse follows the lake: loaded by each run, left as it was by a load that dies, right again by the retry.

One story, in order. After every chapter each table of the warehouse holds the rows of its table in the lake.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from contracts import model
from local_cloud.session import LocalCloud
from sample_data.sales_rows import Span, write_file
from slipway import __main__ as command_line
from slipway.reading import executions, lake, ledgers, warehouse
from tests.end_to_end.pipeline import DATASET, Pipeline, sha256_of

FIRST_SERIAL = 470_000_000  # orders that no other test of the session has
TABLES = [curated.name for curated in model.load(DATASET).curated if curated.warehouse]
Tables = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True, kw_only=True)
class Files:
    """Four months of orders, one file each."""

    first: Path
    second: Path
    killed: Path
    left: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("warehouse")
    made = Files(**{name: folder / f"{name}.csv" for name in ("first", "second", "killed", "left")})
    for number, path in enumerate((made.first, made.second, made.killed, made.left)):
        span = Span(first=date(2033, 1 + number, 1))
        write_file(
            path, rows=40, span=span, seed=path.name, first_serial=FIRST_SERIAL + 1000 * number
        )
    return made


def in_warehouse(pipeline: Pipeline) -> Tables:
    questions = {name: f"select * from curated.{name}" for name in TABLES}
    return {
        name: sorted(warehouse.query(pipeline.deployment, sql).rows, key=repr)
        for name, sql in questions.items()
    }


def in_lake(pipeline: Pipeline) -> Tables:
    questions = {name: f"select * from curated.{name}" for name in TABLES}
    return {
        name: sorted(lake.rows(pipeline.deployment, sql), key=repr)
        for name, sql in questions.items()
    }


def newest_run(pipeline: Pipeline) -> dict[str, Any]:
    return ledgers.runs(pipeline.deployment, DATASET)[-1]


def served(run: dict[str, Any]) -> dict[str, tuple[str, int]]:
    """How each table was loaded, and how many rows, as the run ledger has it."""
    tables = run["served"]["warehouse"]["tables"]
    return {name: (tables[name]["mode"], int(tables[name]["loaded_rows"])) for name in tables}


def read_bytes(run: dict[str, Any]) -> dict[str, int]:
    """Bytes of the lake that the load of each table read, as the run ledger has it."""
    return {
        name: int(table["lake_bytes"])
        for name, table in run["served"]["warehouse"]["tables"].items()
    }


def test_the_first_run_loads_everything_and_the_ledger_and_the_message_say_so(
    pipeline: Pipeline, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pipeline.deliver(files.first).failed_executions == []
    tables, run = in_warehouse(pipeline), newest_run(pipeline)
    assert tables == in_lake(pipeline)
    assert served(run) == {name: ("everything", len(tables[name])) for name in TABLES}
    assert min(read_bytes(run).values()) > 0
    (told,) = [alert for alert in pipeline.new_alerts() if run["run_id"] in alert.body]
    assert f"{sum(map(len, tables.values()))} rows merged into" in told.body
    assert command_line.main(["runs", "show", run["run_id"]]) == 0
    shown = capsys.readouterr().out
    assert "served: warehouse" in shown
    assert TABLES[0] in shown.partition("served: warehouse")[2]


def test_the_next_run_loads_the_touched_periods_only(pipeline: Pipeline, files: Files) -> None:
    assert pipeline.deliver(files.second).failed_executions == []
    tables = in_warehouse(pipeline)
    assert tables == in_lake(pipeline)
    loads = served(newest_run(pipeline))
    assert {mode for mode, _ in loads.values()} == {"periods"}
    by_month = "sales_by_month_item"
    assert 0 < loads[by_month][1] < len(tables[by_month])


def test_a_load_that_is_repeated_by_hand_changes_nothing_and_reads_more_than_the_touched_periods(
    pipeline: Pipeline,
) -> None:
    before = in_warehouse(pipeline)
    assert command_line.main(["warehouse", "load", DATASET]) == 0
    assert in_warehouse(pipeline) == before == in_lake(pipeline)
    by_hand = executions.executions(pipeline.deployment, machine="warehouse")[-1]["executionArn"]
    everything = executions.wait(pipeline.deployment, by_hand, lambda _step: None).output["tables"]
    assert {table["mode"] for table in everything} == {"everything"}
    touched = read_bytes(newest_run(pipeline))  # one of two months, but the only quarter
    by_month, by_quarter = "sales_by_month_item", "sales_by_region_quarter"
    read = {table["table"]: table["lake_bytes"] for table in everything}
    assert touched[by_month] < read[by_month]
    assert touched[by_quarter] == read[by_quarter]


def test_a_load_that_dies_between_staging_and_merge_leaves_the_target_and_the_retry_serves_alone(
    pipeline: Pipeline, cloud: LocalCloud, files: Files
) -> None:
    before = in_warehouse(pipeline)
    pipeline.new_alerts()
    cloud.control("warehouse-crash-at/before/MERGE")
    assert len(pipeline.deliver(files.killed).failed_executions) == 1
    assert cloud.control("no-warehouse-crash")["not_struck"] == []
    published = in_lake(pipeline)
    assert (
        in_warehouse(pipeline) == before != published
    )  # the lake goes first, the warehouse is as it was
    failed = newest_run(pipeline)
    assert (failed["status"], failed["error"]) == ("failed", "WarehouseLoadFailed")
    assert pipeline.file(sha256_of(files.killed)).status == "waiting"
    (alert,) = pipeline.new_alerts()
    for text in (
        "failed at Serve",
        "The lake's tables are as this run was to leave them",
        "merging the staged rows",
    ):
        assert text in f"{alert.subject} {alert.body}"
    assert f"slipway runs retry {failed['run_id']} --dataset {DATASET}" in alert.body
    assert command_line.main(["runs", "retry", failed["run_id"]]) == 0
    ended = newest_run(pipeline)
    assert (ended["run_id"], ended["status"]) == (failed["run_id"], "succeeded")
    entered = {step.name for step in executions.steps(pipeline.deployment, ended["execution_arn"])}
    assert {"Serve", "CloseRun"} < entered
    assert not entered & {"RawToProcessed", "Gate", "ProcessedToCurated"}
    assert in_warehouse(pipeline) == published == in_lake(pipeline)
    assert pipeline.file(sha256_of(files.killed)).status == "loaded"


def test_the_rollback_of_a_run_is_followed_by_the_warehouse(pipeline: Pipeline) -> None:
    before, undone = in_warehouse(pipeline), newest_run(pipeline)
    assert command_line.main(["runs", "rollback", undone["run_id"], "--yes"]) == 0
    rollback = newest_run(pipeline)
    assert (rollback["mode"], rollback["status"]) == ("rollback", "succeeded")
    after = in_warehouse(pipeline)
    assert after == in_lake(pipeline) != before
    assert set(served(rollback)) == set(TABLES)


def test_after_a_failed_load_a_plain_run_loads_the_same_rows_to_the_same_result(
    pipeline: Pipeline, cloud: LocalCloud, files: Files
) -> None:
    before, sha256 = in_warehouse(pipeline), sha256_of(files.left)
    cloud.control("warehouse-crash-at/after/MERGE")  # merged, but not committed
    assert len(pipeline.deliver(files.left).failed_executions) == 1
    assert cloud.control("no-warehouse-crash")["not_struck"] == []
    published, processed = in_lake(pipeline), pipeline.tables()["processed"][0][:5]
    assert in_warehouse(pipeline) == before != published
    assert pipeline.start_run(sha256) == "SUCCEEDED"
    assert newest_run(pipeline)["status"] == "succeeded"
    assert in_warehouse(pipeline) == published == in_lake(pipeline)
    assert pipeline.tables()["processed"][0][:5] == processed
