"""What an estimate is: lines of a quantity times a price, each idle or driven by volume, shared or of a dataset.

Quantities are ranges, because what nobody measured on AWS is not known better. Free tiers stay out of the lines: they
belong to the account, which may have spent them elsewhere, and with them twice the volume would not cost twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from pricing.price_list import Price, PriceList

Kind = Literal["idle", "volume"]


@dataclass(frozen=True, kw_only=True)
class Range:
    """From the lowest to the highest that is plausible; both ends are equal where a figure is known."""

    low: Decimal
    high: Decimal

    @classmethod
    def of(cls, exact: Decimal | int) -> Range:
        """A figure that is known."""
        return cls(low=Decimal(exact), high=Decimal(exact))

    def times(self, factor: Decimal | int) -> Range:
        """Both ends multiplied by a factor that is not negative."""
        return Range(low=self.low * factor, high=self.high * factor)

    def plus(self, other: Range) -> Range:
        """Both ends added."""
        return Range(low=self.low + other.low, high=self.high + other.high)


ZERO = Range.of(0)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that costs, in a month. `dataset` is None for what all of them share."""

    kind: Kind
    what: str
    price_name: str
    price: Price
    quantity: Range
    dataset: str | None = None

    @property
    def usd(self) -> Range:
        """USD a month at the list price."""
        return at_price(self.quantity, self.price)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A month of one environment. `unknown_types` stand in no list; `not_estimated` says of each type why."""

    environment: str
    as_of: str
    region: str
    lines: tuple[Line, ...]
    free_types: dict[str, str]
    not_estimated: dict[str, str]
    unknown_types: tuple[str, ...]

    def of_kind(self, kind: Kind) -> tuple[Line, ...]:
        """The lines of one kind."""
        return tuple(line for line in self.lines if line.kind == kind)

    def total(self, kind: Kind) -> Range:
        """USD a month of one kind."""
        return total(self.of_kind(kind))

    @property
    def free_tier(self) -> Range:
        """USD that free tiers would take off if nothing else in the account used them."""
        names = {line.price_name for line in self.lines}
        return _sum(_free(line for line in self.lines if line.price_name == name) for name in names)


def at_price(quantity: Range, price: Price) -> Range:
    """USD for a quantity. Multiplied before it is divided, so that an hour of 3,600 seconds is exact."""
    return Range(
        low=quantity.low * price.usd / price.per, high=quantity.high * price.usd / price.per
    )


def total(lines: Iterable[Line]) -> Range:
    """USD a month of lines together."""
    return _sum(line.usd for line in lines)


def _sum(ranges: Iterable[Range]) -> Range:
    result = ZERO
    for each in ranges:
        result = result.plus(each)
    return result


def _free(lines: Iterable[Line]) -> Range:
    """What the free tier of the one price of `lines` takes off."""
    used = list(lines)
    price = used[0].price
    if price.free is None:
        return ZERO
    quantity = _sum(line.quantity for line in used)
    most = price.free.quantity
    covered = Range(low=min(quantity.low, most), high=min(quantity.high, most))
    return at_price(covered, price)


@dataclass(frozen=True, kw_only=True)
class Ruler:
    """Makes lines from the names of prices and rates in the list."""

    prices: PriceList

    def idle(self, price: str, what: str, quantity: Range, *, dataset: str | None = None) -> Line:
        """A line that costs although nothing is loaded."""
        return self._line("idle", price, what, quantity, dataset)

    def volume(self, price: str, what: str, quantity: Range, *, dataset: str | None = None) -> Line:
        """A line that grows with what is loaded and asked."""
        return self._line("volume", price, what, quantity, dataset)

    def rate(self, name: str) -> Range:
        """The range of a rate."""
        rate = self.prices.rates[name]
        return Range(low=rate.low, high=rate.high)

    def _line(
        self, kind: Kind, price: str, what: str, quantity: Range, dataset: str | None
    ) -> Line:
        return Line(
            kind=kind,
            what=what,
            price_name=price,
            price=self.prices.prices[price],
            quantity=quantity,
            dataset=dataset,
        )
