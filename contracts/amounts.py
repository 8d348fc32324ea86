"""Sums of money, exact: Python's own arithmetic rounds to 28 digits without a word, and contracts allow 38."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal, Inexact

# Twice the digits of the largest decimal; a sum that would still round raises decimal.Inexact.
EXACT = Context(prec=76, traps=[Inexact])


def added(amounts: Iterable[Decimal], start: Decimal = Decimal(0)) -> Decimal:
    """The sum of the amounts; `start` gives an empty sum its decimals."""
    total = start
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total
