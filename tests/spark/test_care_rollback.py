"""A rollback gives the tables as they were before the runs, or touches nothing; the next run goes on from there."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from contracts import naming
from contracts.errors import PermanentError, RetryableError
from tests.spark.keeping import FIRST, NOW, SECOND, THIRD, KeptLake
from tests.spark.lake import Lake

JANUARY, FEBRUARY = "2024-01-01", "2024-02-01"


@pytest.fixture
def kept(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> KeptLake:
    """An empty lake."""
    found = KeptLake(spark=lake.spark, folder=lake.folder, environment=lake.environment)
    found.keep_documents_here(monkeypatch)
    return found


def test_tables_are_as_before_the_runs_and_the_next_run_goes_on_from_there(kept: KeptLake) -> None:
    kept.contract = replace(kept.contract, history=True)
    kept.fill(FIRST, (1, JANUARY, "10.00"), refused=1)
    content = kept.content()
    before = kept.fill(SECOND, (2, JANUARY, "5.00"), (3, FEBRUARY, "7.00"))
    kept.fill(THIRD, (4, FEBRUARY, "1.00"), refused=2)
    result = kept.roll_back(before, THIRD, SECOND)
    assert kept.content() == content
    assert {document["table"]: document["after"] for document in result["tables"]} == before
    assert [
        document["rows_deleted"] for document in result["tables"] if document["table"] == "orders"
    ] == [3]
    assert (
        f"orders: back at snapshot {before['orders']}, before {THIRD}, {SECOND}."
        in result["report"]
    )
    assert kept.roll_back(before, THIRD, SECOND)["tables"] == result["tables"]

    kept.fill(SECOND, (5, FEBRUARY, "2.00"))
    assert kept.recomputed() == {"orders_by_month": [FEBRUARY], "orders_by_quarter": [JANUARY]}
    assert kept.by_month() == {JANUARY: Decimal(10), FEBRUARY: Decimal(2)}


@pytest.mark.deep
def test_after_the_first_run_is_rolled_back_the_tables_are_empty(kept: KeptLake) -> None:
    before = kept.fill(FIRST, (1, JANUARY, "10.00"), refused=1)
    assert set(before.values()) == {None}
    kept.maintain()  # whatever was done to the files meanwhile
    kept.documents.clear()
    result = kept.roll_back(before, FIRST)
    assert set(map(len, kept.content().values())) == {0}
    assert f"orders: empty, as before {FIRST}." in result["report"]
    kept.fill(SECOND, (2, FEBRUARY, "2.00"))
    assert kept.by_month() == {FEBRUARY: Decimal(2)}


def test_what_is_no_longer_kept_is_refused_before_anything_changes(kept: KeptLake) -> None:
    kept.fill(FIRST, (1, JANUARY, "10.00"))
    before = kept.fill(SECOND, (2, JANUARY, "5.00"))
    content = kept.content()
    kept.upkeep.expire_all_but_published(kept.curated("orders_by_month"))
    expected = rf"in orders_by_month \(snapshot {before['orders_by_month']}\).*nothing was changed.*slipway backfill"
    with pytest.raises(PermanentError, match=expected):
        kept.roll_back(before, SECOND)
    with pytest.raises(
        PermanentError, match=r"no table orders_by_week in dataset 'orders'; known: orders,"
    ):
        kept.roll_back({**before, "orders_by_week": 1}, SECOND)
    assert kept.content() == content


@pytest.mark.deep
def test_what_an_unfinished_run_wrote_aside_cannot_bring_back_what_was_rolled_back(
    kept: KeptLake,
) -> None:
    before = kept.fill(FIRST, (1, JANUARY, "10.00"))
    before = kept.fill(SECOND, (2, JANUARY, "5.00"))
    kept.tables.start_draft(kept.processed, naming.branch(THIRD))
    kept.tables.delete(kept.processed, naming.branch(THIRD), "order_id = 1")
    heads = {
        name: kept.tables.head(kept.processed, naming.branch(THIRD))
        for name in ("orders", "orders_quarantine")
    }
    kept.results[THIRD] = {"snapshots": {name: {"after": head} for name, head in heads.items()}}
    kept.roll_back(before, SECOND)
    with pytest.raises(RetryableError, match="run the whole batch again"):
        kept.curate(THIRD)
    assert kept.orders() == [1]


def test_a_mode_that_nobody_knows_is_refused(kept: KeptLake) -> None:
    with pytest.raises(
        PermanentError, match=r"mode is 'polish', expected one of maintenance, rollback, erasure"
    ):
        kept.maintenance_run("polish", now=NOW)
