"""A small contract with one of everything, built by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from contracts.model import (
    Column,
    Contract,
    CuratedModel,
    DaysWithoutFiles,
    Intake,
    Maintenance,
    ReplacingLimits,
    Retention,
    Rule,
)

HEADER = "Order ID,Order Date,Status,Quantity,Amount,Note"


def column(name: str, kind: str = "string", **changes: Any) -> Column:
    """A column with nothing special about it, but for `changes`."""
    plain = Column(
        name=name, type=kind, description=f"The {name}.", source_name=name, required=False, format=None, minimum=None,
        maximum=None, pattern=None, max_length=None, allowed=(), control_total=False, pii=None, data_subject=False,
        absent="clear",
    )  # fmt: skip
    return replace(plain, **changes)


def curated(name: str, period: str, period_column: str) -> CuratedModel:
    """Amount per period and status."""
    sql = (
        f"SELECT CAST(date_trunc('{period}', order_date) AS date) AS {period_column}, status, "
        "CAST(count(*) AS bigint) AS orders, CAST(sum(amount) AS decimal(18, 2)) AS amount FROM orders GROUP BY ALL"
    )
    return CuratedModel(
        name=name,
        description=f"Amount by {period} and status.",
        sql=sql,
        columns=(
            column(period_column, "date"),
            column("status"),
            column("orders", "bigint"),
            column("amount", "decimal(18,2)"),
        ),
        grain=(period_column, "status"),
        period=period,  # type: ignore[arg-type]
        period_column=period_column,
        source_date="order_date",
        conserves=(("amount", "amount"),),
        warehouse=None,
        forecast=None,
    )


ORDERS = Contract(
    dataset="orders",
    version="1.0.0",
    description="Orders of a shop.",
    owner="Shop",
    alert_email=None,
    freshness_hours=24,
    intake=Intake(folder="orders", suffixes=(".csv",), delimiter=",", max_bytes=1, ignored_headers=("Row ID",),
                  partners=(), redelivery="load"),
    columns=(
        column("order_id", "bigint", required=True, minimum="1"),
        column("order_date", "date", required=True, format="M/d/yyyy", minimum="2000-01-01"),
        column("status", required=True, allowed=("open", "paid")),
        column("quantity", "int", maximum="100"),
        column("amount", "decimal(8,2)", required=True, control_total=True),
        column("note", pattern="[A-Za-z ,.\"\n]*", max_length=30),
    ),
    key=("order_id",),
    rules=(
        Rule(id="paid_is_positive", description="A paid order has an amount.", action="quarantine",
             expression="status <> 'paid' OR amount > 0", columns=("status", "amount")),
        Rule(id="has_quantity", description="An order has a quantity.", action="warn",
             expression="quantity > 0", columns=("quantity",)),
        Rule(id="amount_is_plausible", description="No order is above 900000.", action="halt",
             expression="amount <= 900000", columns=("amount",)),
    ),
    table_rules=(),
    schema_change="evolve",
    partition_column="order_date",
    partition_transform="month",
    table_format="iceberg",
    retention=Retention(raw_days=1, raw_archive_after_days=1, processed_days=None, quarantine_days=1),
    maintenance=Maintenance(target_file_mb=128, snapshot_days=7, least_snapshots=5, orphan_days=3),
    max_quarantined_share="0.5",
    days_without_files=DaysWithoutFiles(weekdays=(), dates=()),
    dates_after_delivery="warn",
    write_back=False,
    history=False,
    replacing=ReplacingLimits(share=None, others_share=None, conflicting_repeats_share=None),
    curated=(
        curated("orders_by_month", "month", "month_start"),
        curated("orders_by_quarter", "quarter", "quarter_start"),
    ),
)  # fmt: skip
