"""Amounts of money as documents show them: exact, with the decimals of their column, never a float."""

from __future__ import annotations

from decimal import Context, Decimal

from contracts.model import Column

EXACT = Context(prec=76)  # twice the digits of the largest decimal, so that no sum rounds


def money(amount: Decimal, column: Column) -> Decimal:
    """An amount with as many decimals as its column has, such as 12.50."""
    _, scale = column.precision_and_scale or (0, 0)
    return EXACT.quantize(amount, Decimal(1).scaleb(-scale))
