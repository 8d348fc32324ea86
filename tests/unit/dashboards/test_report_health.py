"""What the report says of the pipeline, from ledger entries and a lake that answers from DuckDB."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dashboards.page_data import EngineCost, Reconciliation
from pipeline.ledger import Item
from slipway.deployment import Deployment
from slipway.reading import lake as athena
from slipway.reading import ledgers, warehouse
from slipway.reading.answers import Answer
from slipway.reading.sources import Fetched
from slipway.showing import report, report_health
from sources.fetches import State
from sources.model import load
from tests.page import sample_page

CONTRACT = sample_page.CONTRACT
DEPLOYMENT = Deployment(environment="local", region="us-east-1", outputs={})
MONEY = ("total_revenue", "total_cost", "total_profit")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> sample_page.Lake:
    found = sample_page.generated_lake(tmp_path_factory.mktemp("orders"), rows=300)
    found.connection.execute(
        "create table processed.sales_records_quarantine as select ['a.type', 'b.rule'] as rule_ids, "
        "['a: 1 is bad', 'b: 2 is bad'] as reasons, null as resolved_by union all "
        "select ['a.type'], ['a: 0 is bad'], null union all select ['a.type'], ['a: mended'], 'hash'"
    )
    return found


@pytest.fixture(autouse=True)
def answers(lake: sample_page.Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(athena, "rows", lambda _deployment, sql: lake.ask(sql))
    monkeypatch.setattr(athena, "columns_if_loaded", lambda _deployment, _table: set())


def totals(lake: sample_page.Lake) -> dict[str, str]:
    found = lake.totals()
    return {f"total_{name}": str(found[name]) for name in ("revenue", "cost", "profit")}


def load_run(lake: sample_page.Lake, **changes: Any) -> Item:
    zero = dict.fromkeys(MONEY, "0.00")
    rows = int(lake.totals()["orders"])
    parts = {
        "read": totals(lake),
        "loaded": totals(lake),
        "quarantined": zero,
        "deduplicated": zero,
    }
    counts = {"rows_read": rows, "rows_loaded": rows, "rows_quarantined": 0, "rows_deduplicated": 0}
    item = {
        "run_id": "20250102T050000-0a1b2c3d",
        "status": "succeeded",
        "mode": "load",
        "trigger": "file_arrived",
        "started_at": "2025-01-02T05:00:00.000000Z",
        "ended_at": "2025-01-02T05:01:00.000000Z",
        "file_count": Decimal(1),
        "totals": parts,
        **counts,
    }
    return {**item, **changes}


def fate(**changes: Any) -> ledgers.FileFate:
    known = {
        "entry": "file#1",
        "dataset": "sales_records",
        "file_name": "a.csv",
        "landing_key": "k",
        "sha256": "1",
    }
    counts = {"row_count": 5, "rows_loaded": 3, "rows_quarantined": 1, "rows_deduplicated": 1}
    shown = {
        "status": "loaded",
        "received_at": "2025-01-02T05:00:00Z",
        "run_id": None,
        "explanation": "",
    }
    return ledgers.FileFate(**{**known, **counts, **shown, **changes})


def reconcile(runs: list[Item], fates: list[ledgers.FileFate] | None = None) -> Reconciliation:
    return report_health.reconciliation(DEPLOYMENT, CONTRACT, runs, fates or [])


def test_runs_and_tables_that_agree_leave_no_difference(lake: sample_page.Lake) -> None:
    found = reconcile([load_run(lake)], [fate()])
    assert found.differences == ()
    assert [account.label for account in found.accounts] == [
        *(f"Runs: {part}" for part in ("read", "loaded", "quarantined", "deduplicated")),
        *(
            f"Table: {name}"
            for name in ("sales_records", "sales_by_region_quarter", "sales_by_month_item")
        ),
    ]
    money = {
        account.totals for account in found.accounts if account.totals != (Decimal("0.00"),) * 3
    }
    assert money == {tuple(Decimal(total) for total in totals(lake).values())}


def test_rows_of_a_run_that_are_not_accounted_for_are_a_difference(lake: sample_page.Lake) -> None:
    found = reconcile([load_run(lake, rows_read=301)])
    assert found.differences == (
        "Run 20250102T050000-0a1b2c3d read 301 rows and accounts for 300.",
    )


def test_a_cent_of_a_run_that_is_not_accounted_for_is_a_difference(lake: sample_page.Lake) -> None:
    run = load_run(lake)
    run["totals"]["quarantined"] = {**run["totals"]["quarantined"], "total_cost": "0.01"}
    (difference,) = reconcile([run]).differences
    assert "of total_cost and accounts for" in difference


def test_a_file_whose_records_are_not_accounted_for_is_a_difference(lake: sample_page.Lake) -> None:
    (difference,) = reconcile(
        [load_run(lake)], [fate(row_count=6), fate(status="rejected", row_count=None)]
    ).differences
    assert difference == "File a.csv has 6 records by intake's count, 5 are accounted for."


def test_a_curated_table_that_lost_a_cent_is_a_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = sample_page.generated_lake(tmp_path, rows=50)
    damaged.connection.execute(
        "update curated.sales_by_month_item set profit = profit - 0.01 where rowid = 0"
    )
    monkeypatch.setattr(athena, "rows", lambda _deployment, sql: damaged.ask(sql))
    (difference,) = reconcile([load_run(damaged)]).differences
    assert difference.startswith("Table: sales_by_month_item has ")
    assert " of total_profit, Table: sales_records has " in difference


def test_copies_in_the_warehouse_are_accounts_and_any_difference_is_told(
    lake: sample_page.Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_warehouse = replace(
        DEPLOYMENT, outputs={warehouse.WORKGROUP: "w", warehouse.DATABASE: "d"}
    )
    fewer = {"sales_by_month_item": "select 1, 2.00, 3.00, 4.00"}

    def query(_deployment: Deployment, sql: str) -> Answer:
        table = sql.rpartition(".")[2]
        if table == "missing":
            raise warehouse.StatementFailed("relation does not exist")
        return Answer(columns=(), rows=lake.ask(fewer.get(table, sql)))

    monkeypatch.setattr(warehouse, "query", query)
    missing = replace(CONTRACT.curated[0], name="missing")
    contract = replace(CONTRACT, curated=(*CONTRACT.curated, missing))
    lake.connection.execute(
        "create view if not exists curated.missing as from curated.sales_by_region_quarter"
    )
    found = report_health.reconciliation(with_warehouse, contract, [load_run(lake)], [])
    assert [account.label for account in found.accounts[-2:]] == [
        "Warehouse: sales_by_region_quarter", "Warehouse: sales_by_month_item",
    ]  # fmt: skip
    assert found.accounts[-2].totals == tuple(Decimal(total) for total in totals(lake).values())
    unequal, unread = found.differences
    assert unequal.startswith(
        "Warehouse: sales_by_month_item has 1 rows, 2.00 of total_revenue, 3.00 of total_cost"
    )
    assert unread == "Warehouse: missing could not be read: relation does not exist"


def test_rows_that_a_later_file_replaced_are_an_account_and_no_difference(
    lake: sample_page.Lake,
) -> None:
    again = load_run(lake, run_id="20250103T050000-0a1b2c3d")
    found = reconcile([load_run(lake), again])
    (since,) = [account for account in found.accounts if account.label.startswith("Since")]
    assert since.rows == -300
    assert since.totals == tuple(-Decimal(total) for total in totals(lake).values())
    assert found.differences == ()


@pytest.mark.parametrize(
    "change", [{"status": "failed"}, {"status": "rolled_back"}, {"mode": "backfill"}]
)
def test_only_loads_that_stand_are_added_up(lake: sample_page.Lake, change: dict[str, str]) -> None:
    found = reconcile([load_run(lake), load_run(lake, rows_read=999, **change)])
    assert found.accounts[0].rows == 300
    assert found.differences == ()


@pytest.fixture
def health(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Item]], Any]:
    monkeypatch.setattr(ledgers, "entries", lambda _deployment, _dataset: [])
    return lambda runs: report_health.health(DEPLOYMENT, CONTRACT, runs)


def test_open_refusals_are_counted_by_rule(
    lake: sample_page.Lake, health: Callable[[list[Item]], Any]
) -> None:
    found = health([load_run(lake)])
    assert [(refusal.rule, refusal.rows, refusal.example) for refusal in found.refusals] == [
        ("a.type", 2, "a: 0 is bad"),
        ("b.rule", 1, "b: 2 is bad"),
    ]
    assert found.refused_rows == 2


def test_runs_are_shown_newest_first_and_failures_with_their_cause(
    lake: sample_page.Lake, health: Callable[[list[Item]], Any]
) -> None:
    failed = load_run(lake, status="failed", error="GateRefused", cause="x" * 500, rows_read=None)
    back = load_run(lake, status="rolled_back", rolled_back_by="20250104T050000-0a1b2c3d")
    found = health([load_run(lake), failed, back])
    assert [run.status for run in found.runs] == ["rolled_back", "failed", "succeeded"]
    assert found.runs[0].explanation == "rolled back by 20250104T050000-0a1b2c3d"
    assert found.runs[1].explanation.startswith("GateRefused: xxx")
    assert len(found.runs[1].explanation) == report_health.LONGEST_EXPLANATION


def test_the_cost_of_this_month_is_that_of_runs_that_ended_in_it_and_say_it() -> None:
    def ended(day: str, **more: Any) -> Item:
        return {"ended_at": f"2026-{day}T12:00:00.000000Z", "status": "succeeded", **more}

    runs: list[Item] = [
        ended("10-31", cost_usd={"a": "5"}),
        ended("11-01", cost_usd={"a": "0.5", "b": "0.25"}),
        ended("11-02", cost_usd={"a": "1"}, status="failed"),
        ended("11-03"),
        {"status": "running"},
    ]
    today = date(2026, 11, 20)
    found = report_health.engine_cost(runs, today)
    assert found == EngineCost(month=today, runs=2, usd=Decimal("1.75"))
    assert report_health.engine_cost(runs, date(2026, 12, 1)) is None


def test_before_the_first_success_athena_is_not_asked(
    lake: sample_page.Lake, health: Callable[[list[Item]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(athena, "rows", lambda _deployment, sql: pytest.fail(sql))
    found = health([load_run(lake, status="failed", error="E", cause="c")])
    assert found.reconciliation.accounts == ()
    assert found.last_loaded_at is None


def test_the_report_is_collected_from_ledgers_and_athena(
    lake: sample_page.Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledgers, "entries", lambda _deployment, _dataset: [])
    monkeypatch.setattr(ledgers, "runs", lambda _deployment, _dataset: [load_run(lake)])
    written = report.write(DEPLOYMENT, "sales_records", tmp_path / "new" / "report.html")
    text = written.read_text(encoding="utf-8")
    assert "Sales records" in text
    assert '"dataThrough":"2024-' in text
    assert "sales_records" in report.with_dashboard()


def test_sources_of_the_dataset_that_are_fetched_here_say_how_they_fare(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api, bucket, moment = load("sales_api"), load("sales_bucket"), "2026-11-29T02:30:00.000000Z"
    note = {"status": "failed", "changed_at": moment, "detail": "page 1: " + "x" * 999}
    every = [
        Fetched(source=api, state=State(watermark=moment), fetches=[note]),
        Fetched(source=bucket, state=State(), fetches=[]),
        Fetched(source=load("sales_sftp"), state=None, fetches=[]),
        Fetched(source=replace(api, dataset="others"), state=State(), fetches=[]),
    ]
    monkeypatch.setattr(report_health.sources, "every", lambda _deployment: every)
    first, second = report_health._sources(DEPLOYMENT, "sales_records")
    assert (first.name, first.status) == ("sales_api", "failed")
    assert first.place == "api.example.com/v1/orders"
    assert first.changed_at == first.complete_at == datetime.fromisoformat(moment)
    assert len(first.explanation) == report_health.LONGEST_EXPLANATION
    assert (second.name, second.status) == ("sales_bucket", "never")
    assert second.changed_at is second.complete_at is None
