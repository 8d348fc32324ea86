"""After an erasure no table, snapshot, file or staged row holds the person, and everybody else is as before."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from contracts import naming
from contracts.errors import PermanentError
from contracts.model import CuratedModel, Forecast
from rows.tables import Table
from tests.spark.keeping import ANNA, BERTA, CARE, FIRST, SECOND, THIRD, KeptLake
from tests.spark.lake import Lake
from tests.spark.orders import ORDERS, column

JANUARY, FEBRUARY = "2024-01-01", "2024-02-01"
BY_CUSTOMER = CuratedModel(
    name="customers_by_month",
    description="Amount by month and customer.",
    sql="SELECT CAST(date_trunc('month', order_date) AS date) AS month_start, customer, "
    "CAST(sum(amount) AS decimal(18, 2)) AS amount FROM orders GROUP BY ALL",
    columns=(column("month_start", "date"), column("customer"), column("amount", "decimal(18,2)")),
    grain=("month_start", "customer"),
    period="month",
    period_column="month_start",
    source_date="order_date",
    conserves=(("amount", "amount"),),
    warehouse=None,
    forecast=Forecast(of="amount", by=("customer",), horizon=1),
)


@pytest.fixture
def kept(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> KeptLake:
    """A lake with orders of Anna and Berta, and refused records of both."""
    found = KeptLake(spark=lake.spark, folder=lake.folder, environment=lake.environment)
    found.keep_documents_here(monkeypatch)
    curated = (found.contract.curated[0], BY_CUSTOMER)
    found.contract = replace(found.contract, curated=curated, history=True)
    found.fill(FIRST, (1, JANUARY, "10.00"), (2, "2023-12-01", "1.00"), refused=2)
    found.fill(SECOND, (3, JANUARY, "5.00"), (4, FEBRUARY, "7.00"), customer=BERTA, refused=1)
    return found


def stage(kept: KeptLake, run_id: str, customer: str) -> None:
    """What raw_to_processed leaves of a row in the folder of its run."""
    rows = kept.spark.createDataFrame(
        [(f"raw-of-{run_id}", customer)], "_source_sha256 string, customer string"
    )
    rows.write.parquet(f"{kept.runs_uri}{run_id}/staged/")


def publish_forecast(kept: KeptLake) -> Table:
    """What the step Forecast leaves of both customers."""
    (table,) = kept.forecasts
    kept.tables.ensure(table, may_evolve=False)
    kept.tables.start_draft(table, naming.branch(FIRST))
    amount, known, band = Decimal("1.00"), date(2024, 2, 1), (None,) * 4
    rows = [
        (customer, date(2024, 3, 1), amount, *band, "mean", None, None, known, "1", FIRST, None)
        for customer in (ANNA, BERTA)
    ]
    schema = ", ".join(f"{column.name} {column.type}" for column in table.columns)
    frame = kept.spark.createDataFrame(rows, schema)
    kept.tables.append(table, naming.branch(FIRST), frame)
    head = kept.tables.head(table, naming.branch(FIRST))
    assert head is not None
    kept.tables.publish(table, naming.branch(FIRST), head)
    return table


@pytest.mark.deep
def test_nothing_of_the_person_is_left_and_the_rest_is_as_before(kept: KeptLake) -> None:
    forecast = publish_forecast(kept)
    stage(kept, FIRST, BERTA)
    stage(kept, THIRD, ANNA)
    (kept.folder / "runs" / "orders" / "killed" / "staged" / "_temporary").mkdir(parents=True)
    kept.tables.start_draft(
        kept.processed, naming.branch(THIRD)
    )  # of a failed run, with rows of Anna
    kept.tables.delete(kept.processed, naming.branch(THIRD), "order_id = 3")
    orphan = kept.files(kept.processed)[0]
    shutil.copyfile(orphan, orphan.with_name("left-by-a-killed-attempt.parquet"))
    result = kept.erase()

    assert kept.orders() == [3, 4]
    assert kept.by_month() == {JANUARY: Decimal(5), FEBRUARY: Decimal(7)}
    assert [
        row[1:] for row in kept.rows(kept.curated(BY_CUSTOMER.name), "month_start", "customer")
    ] == [(BERTA,)] * 2
    assert kept.rows(kept.quarantine, "_subject") == [(BERTA,)]
    for table, name in (
        (kept.processed, "customer"),
        (kept.quarantine, "_subject"),
        (kept.history, "customer"),
        (kept.curated(BY_CUSTOMER.name), "customer"),
        (forecast, "customer"),
    ):
        assert kept.in_files(table, BERTA, name) > 0
        assert kept.in_files(table, ANNA, name) == 0
        assert kept.spark.sql(f"SELECT * FROM {kept.name(table)}.snapshots").count() == 1
    assert list((kept.folder / "runs").rglob("staged")) == []

    assert {document["table"]: document["rows_deleted"] for document in result["tables"]} == {
        "orders": 2,
        "orders_quarantine": 2,
        "orders_history": 2,
        "orders_by_month": 1,
        "customers_by_month": 2,
        "customers_by_month_forecast": 1,
    }
    report = result["report"]
    assert report[:6] == [
        "customers_by_month: 2 rows of the subject left.",
        "customers_by_month_forecast: 1 rows of the subject left.",
        "orders: 2 rows of the subject left.",
        "orders_by_month: 0 rows of the subject left.",
        "orders_history: 2 rows of the subject left.",
        "orders_quarantine: 2 rows of the subject left.",
    ]
    raw = f"Not touched: raw file '0.csv' ({FIRST}) holds 4 of these rows; it leaves by retention on 2024-05-02."
    replaced = f"Not touched: raw file raw-of-{THIRD} holds replaced rows of the subject; it leaves by retention."
    assert {raw, replaced} < set(report)
    assert not any(f"raw-of-{FIRST}" in sentence for sentence in report)
    assert "refused when a file is loaded again" in report[-1]

    kept.fill(THIRD, (5, FEBRUARY, "2.00"), customer=BERTA)
    assert kept.recomputed() == {"orders_by_month": [FEBRUARY], "customers_by_month": [FEBRUARY]}


@pytest.mark.deep
def test_history_that_is_no_longer_computed_names_the_person_no_more(kept: KeptLake) -> None:
    kept.contract = replace(
        kept.contract,
        retention=replace(kept.contract.retention, processed_days=100, quarantine_days=99),
    )
    kept.maintain()
    assert kept.orders() == [1, 3, 4]
    kept.documents.clear()
    assert "customers_by_month: 2 rows of the subject left." in kept.erase()["report"]
    assert kept.rows(kept.curated(BY_CUSTOMER.name), "customer") == [(BERTA,), (BERTA,)]
    assert kept.rows(kept.curated("orders_by_month"), "month_start") == [  # December is history without a name
        (date(2023, 12, 1),), (date(2024, 1, 1),), (date(2024, 2, 1),)
    ]  # fmt: skip


@pytest.mark.deep
def test_a_person_without_rows_is_erased_from_what_older_snapshots_hold(kept: KeptLake) -> None:
    kept.upkeep.delete(kept.processed, f"customer = '{ANNA}'")
    kept.upkeep.delete(kept.quarantine, f"_subject = '{ANNA}'")
    result = kept.erase()
    assert "orders: 0 rows of the subject left." in result["report"]
    assert kept.in_files(kept.processed, ANNA, "customer") == 0
    assert kept.by_month() == {JANUARY: Decimal(5), FEBRUARY: Decimal(7)}


def test_an_erasure_that_cannot_find_anybody_is_refused_and_changes_nothing(kept: KeptLake) -> None:
    content = kept.content()
    with pytest.raises(
        PermanentError, match=r"subject 'Anna' is not a token of 64 lower-case hex digits"
    ):
        kept.erase("Anna")
    kept.contract = replace(ORDERS, curated=kept.contract.curated)
    with pytest.raises(
        PermanentError, match=rf"erasure {CARE}: the contract of 'orders' marks no column"
    ):
        kept.erase()
    kept.contract = replace(
        kept.contract, columns=(*ORDERS.columns, column("customer", pii="hash", data_subject=True))
    )
    assert kept.content() == content


@pytest.mark.deep
@pytest.mark.parametrize(
    ("orders", "refused", "table"), [(1, 0, "orders"), (0, 1, "orders_quarantine")]
)
def test_rows_of_a_contract_that_kept_no_tokens_stop_an_erasure_until_they_are_made_anew(
    kept: KeptLake, orders: int, refused: int, table: str
) -> None:
    protected = kept.contract
    plain = (column("customer") if one.name == "customer" else one for one in protected.columns)
    kept.contract = replace(protected, version="0.9.0", columns=tuple(plain))
    kept.fill(THIRD, *[(5, JANUARY, "3.00")][:orders], customer="Anna", refused=refused)
    kept.contract, content = protected, kept.content()
    found = (
        rf"{table} holds rows of .* a token of customer \(1 of version 0\.9\.0\)"
        ".*`slipway backfill --dataset orders`"
    )
    with pytest.raises(PermanentError, match=found):
        kept.erase()
    assert kept.content() == content
