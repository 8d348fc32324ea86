"""A contract for the payout reports of tests/cases/62_payouts, whose columns `%` and `$` have no letters."""

from __future__ import annotations

from dataclasses import replace

from contracts.model import Contract
from tests.spark.orders import ORDERS, column

PAYOUTS: Contract = replace(
    ORDERS,
    dataset="payouts",
    intake=replace(
        ORDERS.intake,
        folder="payouts",
        max_bytes=1_000_000,
        ignored_headers=("Created", "Currency"),
    ),
    columns=(
        column("transaction_id", source_name="balance_transaction_id", required=True),
        column(
            "created_at",
            "timestamp",
            source_name="Created (UTC)",
            required=True,
            format="yyyy-MM-dd HH:mm",
        ),
        column("gross", "decimal(10,2)", control_total=True),
        column("fee", "decimal(10,2)", control_total=True),
        column("net", "decimal(10,2)", control_total=True),
        column("fee_percent", "decimal(6,2)", source_name="%"),
    ),
    key=("transaction_id",),
    rules=(),
    partition_column="created_at",
    curated=(),
)
