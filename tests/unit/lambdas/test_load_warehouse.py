"""A load takes what the warehouse lacks and nothing else, whole or not at all, and says what there is to the cent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from contracts import model
from contracts.errors import PermanentError, RetryableError, WarehouseConflict, WarehouseLoadFailed
from contracts.model import Contract
from contracts.warehouse import statements as warehouse
from lambdas.load_warehouse.data_api import DataApi
from lambdas.load_warehouse.decisions import Lake
from lambdas.load_warehouse.service import LoadWarehouse
from pipeline.logs import Log
from tests.unit.lambdas.warehouse_database import SCANNED_BYTES, Redshift, numbers

SALES = model.load("sales_records")
QUARTERS = next(item for item in SALES.curated if item.name == "sales_by_region_quarter")
MONTHS = next(item for item in SALES.curated if item.name == "sales_by_month_item")
RUN, NEXT_RUN = "20260101T000000-aaaaaaaa", "20260102T000000-bbbbbbbb"
JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)


def month(day: date, item: str, revenue: str) -> tuple[Any, ...]:
    """A row of sales_by_month_item."""
    return (day, item, 1, 10, Decimal(revenue), Decimal("0.01"), Decimal(revenue) - Decimal("0.01"))


def quarter(revenue: str) -> tuple[Any, ...]:
    """The one row of sales_by_region_quarter."""
    return (
        "Asia",
        "Japan",
        2024,
        1,
        JANUARY,
        1,
        10,
        Decimal(revenue),
        Decimal("0.01"),
        Decimal(revenue),
    )


def after(snapshot: int, *periods: date, before: int | None = None) -> Lake:
    return Lake(before=before, after=snapshot, periods=tuple(day.isoformat() for day in periods))


@dataclass
class House:
    """A lake, a warehouse, and who loads the one into the other."""

    redshift: Redshift = field(default_factory=Redshift)
    contract: Contract = SALES
    attempts: int = 0

    def service(self, run_id: str | None) -> LoadWarehouse:
        api = DataApi(
            client=self.redshift,
            workgroup="w",
            database="slipway",
            secret_arn="arn:secret",
            sleep=lambda _seconds: None,
            clock=numbers(),
        )
        return LoadWarehouse(
            api=api,
            owner=self.contract.dataset,
            models=warehouse.marked(self.contract),
            run_id=run_id,
            curated_database="slipway_dev_curated",
            log=Log(),
        )

    def until_ended(self, statement: str, run_id: str | None, lake: Mapping[str, Lake]) -> None:
        while self.service(run_id).look(statement, lambda: lake) != {"status": "finished"}:
            pass

    def load(self, run_id: str | None, lake: Mapping[str, Lake]) -> dict[str, Any]:
        """What the state machine does."""
        self.attempts += 1
        attempt = f"execution {self.attempts}"
        prepared = self.service(run_id).prepare(attempt)["statement"]
        self.until_ended(prepared, run_id, lake)
        loaded = self.service(run_id).load(prepared, lake, attempt)["statement"]
        self.until_ended(loaded, run_id, lake)
        concluded = self.service(run_id).conclude(loaded).to_json()
        json.dumps(concluded)  # an answer of a Lambda
        return concluded

    def modes(self, run_id: str | None, lake: Mapping[str, Lake]) -> list[tuple[str, int]]:
        return [
            (table["mode"], table["loaded_rows"]) for table in self.load(run_id, lake)["tables"]
        ]

    def months(self) -> list[tuple[Any, ...]]:
        query = (
            "SELECT month_start, item_type, revenue FROM curated.sales_by_month_item ORDER BY ALL"
        )
        return self.redshift.rows(query)


@pytest.fixture
def house() -> House:
    """A lake after its first run; the warehouse is empty."""
    found = House()
    found.redshift.fill(QUARTERS, quarter("30.10"))
    found.redshift.fill(MONTHS, month(JANUARY, "Tea", "10.05"), month(FEBRUARY, "Tea", "20.05"))
    return found


FIRST = {QUARTERS.name: after(11, JANUARY), MONTHS.name: after(21, JANUARY, FEBRUARY)}
UNCHANGED = {QUARTERS.name: after(11, before=11), MONTHS.name: after(21, before=21)}
SECOND = {QUARTERS.name: after(11, before=11), MONTHS.name: after(22, FEBRUARY, before=21)}


def test_the_first_load_takes_everything_and_says_what_there_is_to_the_cent(house: House) -> None:
    found = house.load(RUN, FIRST)
    assert found["served"] == "warehouse"
    quarters, months = found["tables"]
    assert months == {
        "table": "sales_by_month_item",
        "mode": "everything",
        "loaded_rows": 2,
        "rows": 2,
        "totals": {
            "revenue": {"lake": "30.10", "warehouse": "30.10"},
            "cost": {"lake": "0.02", "warehouse": "0.02"},
            "profit": {"lake": "30.08", "warehouse": "30.08"},
        },
        "lake_bytes": 2 * SCANNED_BYTES,  # staged once, compared once
    }
    assert (quarters["table"], quarters["rows"]) == ("sales_by_region_quarter", 1)
    assert house.months() == [
        (JANUARY, "Tea", Decimal("10.05")),
        (FEBRUARY, "Tea", Decimal("20.05")),
    ]


def test_the_next_run_takes_its_periods_and_what_left_the_lake_leaves_the_warehouse(
    house: House,
) -> None:
    house.load(RUN, FIRST)
    house.redshift.fill(MONTHS, month(JANUARY, "Tea", "10.05"), month(FEBRUARY, "Cocoa", "7.00"))
    assert house.modes(NEXT_RUN, SECOND) == [("none", 0), ("periods", 1)]
    assert house.months() == [
        (JANUARY, "Tea", Decimal("10.05")),
        (FEBRUARY, "Cocoa", Decimal("7.00")),
    ]


def test_a_run_that_changed_a_value_replaces_the_row(house: House) -> None:
    house.load(RUN, FIRST)
    house.redshift.fill(MONTHS, month(JANUARY, "Tea", "10.05"), month(FEBRUARY, "Tea", "20.06"))
    (_, months) = house.load(NEXT_RUN, SECOND)["tables"]
    assert months["totals"]["revenue"] == {"lake": "30.11", "warehouse": "30.11"}


def test_a_run_that_is_served_again_loads_nothing_and_says_what_it_had_loaded(house: House) -> None:
    house.load(RUN, FIRST)
    before = len(house.redshift.rows("FROM operations.loads"))
    assert house.modes(RUN, FIRST) == [("everything", 1), ("everything", 2)]
    assert len(house.redshift.rows("FROM operations.loads")) == before
    assert house.modes(NEXT_RUN, UNCHANGED) == [("none", 0), ("none", 0)]


def test_what_an_earlier_load_did_not_bring_is_brought_by_the_next(house: House) -> None:
    house.load(RUN, FIRST)
    house.redshift.fill(MONTHS, month(JANUARY, "Tea", "1.00"), month(FEBRUARY, "Tea", "2.00"))
    skipped = {**UNCHANGED, MONTHS.name: after(23, FEBRUARY, before=22)}  # the warehouse holds 21
    assert house.modes(NEXT_RUN, skipped) == [("none", 0), ("everything", 2)]
    assert [row[2] for row in house.months()] == [Decimal("1.00"), Decimal("2.00")]


def test_after_a_rollback_the_table_is_as_the_lake_is(house: House) -> None:
    house.load(RUN, FIRST)
    house.redshift.fill(MONTHS, month(JANUARY, "Tea", "10.05"))
    rolled_back = {
        MONTHS.name: after(20, before=21)
    }  # what care.json says: no periods, nothing of other tables
    assert house.modes(NEXT_RUN, rolled_back) == [("everything", 1), ("everything", 1)]
    assert house.months() == [(JANUARY, "Tea", Decimal("10.05"))]
    assert house.modes("20260103T000000-cccccccc", {MONTHS.name: after(20, before=21)})[1] == (
        "none",
        0,
    )


def test_by_hand_everything_is_loaded_and_the_next_run_does_not_trust_it(house: House) -> None:
    house.load(RUN, FIRST)
    assert house.modes(None, {}) == [("everything", 1), ("everything", 2)]
    assert house.redshift.rows(
        "SELECT DISTINCT snapshot_id FROM operations.loads WHERE run_id = 'by-hand'"
    ) == [(None,)]
    assert house.modes(NEXT_RUN, SECOND) == [("everything", 1), ("everything", 2)]


def test_a_table_of_unknown_rows_is_loaded_whole_by_the_first_run_that_publishes_one(
    house: House,
) -> None:
    house.load(None, {})
    lake = {
        name: replace(state, before=None) for name, state in FIRST.items()
    }  # no snapshot before: as unknown as ours
    assert house.modes(RUN, lake) == [("everything", 1), ("everything", 2)]


def test_two_loads_by_hand_are_told_apart(house: House) -> None:
    house.load(None, {})
    house.redshift.fill(MONTHS, month(JANUARY, "Tea", "7.77"))
    (_, months) = house.load(None, {})["tables"]
    assert (months["rows"], months["totals"]["revenue"]) == (
        1,
        {"lake": "7.77", "warehouse": "7.77"},
    )
    house.redshift.fill(MONTHS, month(JANUARY, "Tea", "8.88"))
    (_, months) = house.load(None, {})["tables"]
    assert months["totals"]["revenue"] == {"lake": "8.88", "warehouse": "8.88"}


def test_tables_without_a_row_are_loaded_and_add_up_to_nothing(house: House) -> None:
    house.redshift.fill(MONTHS)
    (_, months) = house.load(RUN, FIRST)["tables"]
    assert (months["rows"], months["loaded_rows"]) == (0, 0)
    assert months["totals"]["profit"] == {"lake": "0.00", "warehouse": "0.00"}


def test_more_periods_than_a_statement_holds_are_everything(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.load(RUN, FIRST)
    monkeypatch.setattr(warehouse, "MOST_PERIODS", 0)
    assert house.modes(NEXT_RUN, SECOND)[1] == ("everything", 2)


def test_a_changed_shape_makes_the_table_anew(house: House) -> None:
    house.load(RUN, FIRST)
    columns = tuple(
        replace(item, max_length=20) if item.name == "item_type" else item
        for item in MONTHS.columns
    )
    reversed_columns = replace(MONTHS, columns=columns[::-1])
    house.contract = replace(SALES, curated=(QUARTERS, reversed_columns))
    assert house.modes(NEXT_RUN, UNCHANGED) == [("none", 0), ("everything", 2)]
    names = house.redshift.rows("SELECT column_name FROM (DESCRIBE curated.sales_by_month_item)")
    assert names[0] == ("profit",)


def test_a_table_without_the_mark_is_not_touched(house: House) -> None:
    house.contract = replace(SALES, curated=(replace(QUARTERS, warehouse=None), MONTHS))
    found = house.load(RUN, FIRST)
    assert [table["table"] for table in found["tables"]] == [MONTHS.name]
    with pytest.raises(duckdb.CatalogException):
        house.redshift.rows("FROM curated.sales_by_region_quarter")


def test_a_dataset_without_any_mark_asks_the_warehouse_nothing(house: House) -> None:
    house.contract = replace(SALES, curated=())
    assert house.load(RUN, {}) == {"served": "warehouse", "tables": []}
    assert house.service(RUN).cancel("") == {"cancelled": False}
    assert house.redshift.submitted == {}


def test_tables_and_columns_are_described(house: House) -> None:
    house.load(RUN, FIRST)
    found = dict(
        house.redshift.rows(
            "SELECT column_name, comment FROM duckdb_columns() WHERE schema_name = 'curated'"
        )
    )
    assert found["item_type"] == "Product group."
    tables = dict(
        house.redshift.rows(
            "SELECT table_name, comment FROM duckdb_tables() WHERE schema_name = 'curated'"
        )
    )
    assert tables["sales_by_month_item"] == "Sales by month and item type."
    described = len(house.redshift.submitted)
    house.load(NEXT_RUN, UNCHANGED)
    assert (
        len(house.redshift.submitted) == described + 2
    )  # nothing was loaded, so nothing is described


def test_bytes_are_told_of_what_was_loaded_and_only_if_they_are_known(house: House) -> None:
    house.load(RUN, FIRST)
    quarters, months = house.load(NEXT_RUN, SECOND)["tables"]
    assert "lake_bytes" not in quarters
    assert months["lake_bytes"] == 2 * SCANNED_BYTES
    failing(house, "slipway lake_bytes", "no such view")
    assert "lake_bytes" not in house.load(None, {})["tables"][1]


def test_long_results_are_read_to_the_end(house: House) -> None:
    house.redshift.page = 1
    assert house.load(RUN, FIRST)["tables"][1]["rows"] == 2


def test_a_running_statement_is_waited_for(house: House) -> None:
    house.redshift.looks = 2
    service = house.service(RUN)
    statement = service.prepare("a")["statement"]
    looks = [service.look(statement, lambda: FIRST)["status"] for _ in range(3)]
    assert looks == ["running", "running", "finished"]


def test_a_lambda_that_is_called_again_submits_the_same_once(house: House) -> None:
    prepared = [house.service(RUN).prepare("one")["statement"] for _ in range(2)]
    assert prepared[0] == prepared[1]
    house.until_ended(prepared[0], RUN, FIRST)
    loaded = [house.service(RUN).load(prepared[0], FIRST, "two")["statement"] for _ in range(2)]
    assert loaded[0] == loaded[1]
    assert len(house.redshift.submitted) == 2
    assert house.service(RUN).load(prepared[0], FIRST, "three")["statement"] != loaded[0]


def test_each_call_names_who_signs_in_and_where(house: House) -> None:
    house.service(RUN).prepare("one")
    (batch,) = house.redshift.submitted.values()
    given = {
        name: value for name, value in batch.given.items() if name not in ("Sqls", "ClientToken")
    }
    assert given == {"WorkgroupName": "w", "Database": "slipway", "SecretArn": "arn:secret"}


def test_a_statement_can_be_cancelled(house: House) -> None:
    house.redshift.looks = 9
    statement = house.service(RUN).prepare("one")["statement"]
    assert house.service(RUN).cancel(statement) == {"cancelled": True}


def test_a_busy_data_api_is_asked_again_later(house: House) -> None:
    house.redshift.refuse = "ActiveStatementsExceededException"
    with pytest.raises(
        RetryableError, match="the Redshift Data API is busy: ActiveStatementsExceededException"
    ):
        house.service(RUN).prepare("one")


def test_results_of_a_statement_that_has_not_ended_are_not_read(house: House) -> None:
    house.redshift.looks = 9
    statement = house.service(RUN).prepare("one")["statement"]
    with pytest.raises(
        PermanentError, match="is STARTED with 6 statements; its results cannot be read"
    ):
        house.service(RUN).load(statement, FIRST, "two")


def failing(house: House, at: str, words: str) -> None:
    """Let the database refuse the statements that contain `at`."""

    def refuse(statement: str) -> None:
        if at in statement:
            raise duckdb.Error(words)

    house.redshift.before = refuse


def test_a_conflict_begins_anew_and_a_refusal_does_not(house: House) -> None:
    failing(
        house,
        "slipway merge sales_by_month_item",
        "1023 DETAIL: Serializable isolation violation on table - 1",
    )
    with pytest.raises(
        WarehouseConflict,
        match=r"^sales_by_month_item: merging the staged rows: another transaction",
    ):
        house.load(RUN, FIRST)
    assert house.redshift.rows("FROM operations.loads") == []
    failing(
        house,
        "slipway merge sales_by_month_item",
        "value too long for type character varying(1023)",
    )
    with pytest.raises(
        WarehouseLoadFailed,
        match=r"merging the staged rows: the warehouse answered 'ERROR: value too",
    ):
        house.load(RUN, FIRST)


def test_a_load_that_breaks_between_staging_and_merge_leaves_the_tables_and_the_next_is_right(
    house: House,
) -> None:
    house.load(RUN, FIRST)
    was = house.months()
    house.redshift.fill(MONTHS, month(JANUARY, "Tea", "10.05"), month(FEBRUARY, "Tea", "99.99"))
    failing(house, "slipway merge", "out of memory")
    with pytest.raises(WarehouseLoadFailed):
        house.load(NEXT_RUN, SECOND)
    assert house.months() == was
    house.redshift.before = lambda _statement: None
    assert house.modes(NEXT_RUN, SECOND) == [("none", 0), ("everything", 2)]
    assert house.months()[1][2] == Decimal("99.99")


def test_a_table_that_somebody_changed_is_refused_by_a_cent_and_taken_whole_the_next_time(
    house: House,
) -> None:
    house.load(RUN, FIRST)
    house.redshift.fill(MONTHS, month(JANUARY, "Tea", "10.05"), month(FEBRUARY, "Tea", "20.10"))
    house.redshift.database.execute(
        "UPDATE curated.sales_by_month_item SET revenue = 10.06, cost = cost + 1 WHERE revenue = 10.05"
    )
    with pytest.raises(WarehouseLoadFailed) as caught:
        house.load(NEXT_RUN, SECOND)
    first, *lines = str(caught.value).splitlines()
    assert first.startswith(
        "sales_by_month_item: cost would be 1.02 in the warehouse and is 0.02 in the lake (and 1 more); the load"
    )
    assert "- revenue: lake 30.15, warehouse 30.16 DIFFERENT" in lines
    assert "- rows: lake 2, warehouse 2" in lines
    assert [row[2] for row in house.months()] == [Decimal("10.06"), Decimal("20.05")]  # as before
    assert house.redshift.rows(
        "SELECT count(*) FROM operations.load_checks WHERE run_id = '" + NEXT_RUN + "'"
    ) == [(0,)]
    assert house.modes(NEXT_RUN, SECOND) == [("none", 0), ("everything", 2)]
    assert [row[2] for row in house.months()] == [Decimal("10.05"), Decimal("20.10")]


def test_a_row_too_many_is_a_difference_too(house: House) -> None:
    house.load(RUN, FIRST)
    house.redshift.database.execute(
        "INSERT INTO curated.sales_by_month_item VALUES ('2020-01-01', 'x', 0, 0, 0, 0, 0)"
    )
    with pytest.raises(
        WarehouseLoadFailed,
        match=r"^sales_by_month_item: rows would be 3 in the warehouse and is 2 in",
    ):
        house.load(NEXT_RUN, SECOND)


def test_a_table_that_somebody_dropped_is_refused_once_and_then_made(house: House) -> None:
    house.load(RUN, FIRST)
    house.redshift.database.execute("DROP TABLE curated.sales_by_month_item")
    with pytest.raises(
        WarehouseLoadFailed,
        match="sales_by_month_item: creating the staging table: the warehouse answ",
    ):
        house.load(NEXT_RUN, SECOND)
    assert house.modes(NEXT_RUN, SECOND) == [("none", 0), ("everything", 2)]


def test_a_lake_that_changed_while_it_was_loaded_is_not_called_a_difference_of_figures(
    house: House,
) -> None:
    def change(statement: str) -> None:
        if "slipway compare sales_by_month_item" in statement:
            house.redshift.fill(MONTHS, month(JANUARY, "Tea", "1.00"))

    house.redshift.before = change
    with pytest.raises(
        WarehouseLoadFailed, match="no longer do: the lake has changed in the meantime"
    ):
        house.load(RUN, FIRST)


def test_a_refusal_is_told_even_when_it_cannot_be_written_down(house: House) -> None:
    house.load(RUN, FIRST)
    house.redshift.database.execute(
        "DELETE FROM curated.sales_by_month_item WHERE month_start = '2024-01-01'"
    )
    failing(house, "slipway refuse", "disk full")
    with pytest.raises(WarehouseLoadFailed, match=r"^sales_by_month_item: "):
        house.load(NEXT_RUN, SECOND)


def test_a_failure_without_a_statement_says_what_the_database_said(house: House) -> None:
    statement = house.service(RUN).prepare("one")["statement"]
    house.redshift.submitted[statement].ended = True
    house.redshift.submitted[statement].given["Sqls"] = []
    house.redshift.submitted[statement].error = "password authentication failed"
    with pytest.raises(WarehouseLoadFailed, match="load of the warehouse: the warehouse answered"):
        house.service(RUN).look(statement, lambda: FIRST)


def test_descriptions_that_conflict_are_written_again_and_slow_ones_are_left(house: House) -> None:
    failing(house, "slipway comment_column", "deadlock detected")
    with pytest.raises(RetryableError) as caught:
        house.load(RUN, FIRST)
    assert type(caught.value) is RetryableError  # the machine retries it by this name
    house.redshift.before = lambda _statement: None
    house.redshift.looks = 10**6
    prepared = [batch for batch in house.redshift.submitted.values() if batch.ended]
    loaded = next(batch for batch in prepared if "slipway figures" in batch.given["Sqls"][-1])
    assert house.service(RUN).conclude(loaded.identifier).tables[1].rows == 2
