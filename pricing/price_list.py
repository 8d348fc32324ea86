"""prices.yaml, read and checked: what each thing costs, since when, who says so, and which resource types it covers.

List prices without discounts. A line that no page of AWS confirmed says `confirmed: no` and names what it rests on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from contracts.authoring import structure, yaml_lines
from contracts.authoring.profile import Strict
from contracts.errors import ContractInvalid

FILE = Path(__file__).with_name("prices.yaml")


def number(value: object) -> object:
    """Whole numbers as decimals; anything else as it is, for pydantic to refuse."""
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


Amount = Annotated[Decimal, BeforeValidator(number), Field(ge=0)]
Text = Annotated[str, Field(min_length=1)]


class Plain(Strict):
    """Base of these models: as strict as a contract, with names as in config/."""

    model_config = ConfigDict(alias_generator=None)


class FreeTier(Plain):
    """What an account does not pay of a price each month, in its unit. One allowance for everything in the account."""

    quantity: Amount
    confirmed: Literal["yes", "no"]
    source: Text


class Price(Plain):
    """USD for `per` of a unit. `confirmed`: a copy of AWS's own page was found; `source` names it, or what else did."""

    service: Text
    unit: Text
    usd: Amount
    per: Annotated[Decimal, BeforeValidator(number), Field(gt=0)] = Decimal(1)
    confirmed: Literal["yes", "no"]
    source: Text
    free: FreeTier | None = None


class Rate(Plain):
    """How much of something a unit of volume needs, as a range; `reason` says where it comes from."""

    low: Amount
    high: Amount
    reason: Text


class PriceFile(Plain):
    """prices.yaml as a whole. Every resource type of the templates is in one of the last three."""

    as_of: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    region: Text
    prices: dict[str, Price]
    rates: dict[str, Rate]
    priced_types: dict[str, list[str]]
    free_types: dict[str, Text]
    not_estimated_types: dict[str, Text]


@dataclass(frozen=True, kw_only=True)
class PriceList:
    """The list by name of price, of rate and of resource type."""

    as_of: str
    region: str
    prices: Mapping[str, Price]
    rates: Mapping[str, Rate]
    priced_types: Mapping[str, tuple[str, ...]]
    free_types: Mapping[str, str]
    not_estimated_types: Mapping[str, str]

    def knows(self, resource_type: str) -> bool:
        """Whether somebody decided what a resource type costs, if only that it is not estimated."""
        return any(
            resource_type in types
            for types in (self.priced_types, self.free_types, self.not_estimated_types)
        )


def load(file: Path = FILE) -> PriceList:
    """The list in `file`. Raises ContractInvalid with file, line and field of every mistake."""
    document = yaml_lines.read(file.read_text(encoding="utf-8"), file=file.name)
    parsed = structure.parse(PriceFile, document.data, document) if not document.problems else None
    if parsed is not None:
        _check_types(parsed, document)
    if parsed is None or document.problems:
        raise ContractInvalid("\n".join(map(str, document.problems)))
    fields: dict[str, Any] = {name: getattr(parsed, name) for name in PriceFile.model_fields}
    priced = {kind: tuple(names) for kind, names in parsed.priced_types.items()}
    return PriceList(**{**fields, "priced_types": priced})


def _check_types(parsed: PriceFile, document: yaml_lines.Document) -> None:
    for kind, names in parsed.priced_types.items():
        for index, name in enumerate(names):
            if name not in parsed.prices:
                message = f"no price is called {name!r}; add it to prices"
                document.problem(("priced_types", kind, index), message)
    for section in ("free_types", "not_estimated_types"):
        for kind in getattr(parsed, section):
            if kind in parsed.priced_types or (
                section == "free_types" and kind in parsed.not_estimated_types
            ):
                document.problem((section, kind), "stands in two sections; keep one")
    for name, rate in parsed.rates.items():
        if rate.low > rate.high:
            document.problem(("rates", name), f"low is {rate.low}, more than high, {rate.high}")
