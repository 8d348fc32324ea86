"""From templates, a volume and the list of prices to an estimate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pricing import by_volume, idle
from pricing.estimate import Estimate, Line, Ruler
from pricing.price_list import PriceList
from pricing.templates import Templates
from pricing.volume import NONE, Volume


def estimate(templates: Templates, prices: PriceList, volume: Volume = NONE) -> Estimate:
    """What a month costs. Without a volume there are idle lines only."""
    ruler = Ruler(prices=prices)
    here = templates.types
    return Estimate(
        environment=templates.environment,
        as_of=prices.as_of,
        region=prices.region,
        lines=_joined([*idle.lines(ruler, templates), *by_volume.lines(ruler, templates, volume)]),
        free_types={kind: prices.free_types[kind] for kind in here if kind in prices.free_types},
        not_estimated={
            **{
                kind: prices.not_estimated_types[kind]
                for kind in here
                if kind in prices.not_estimated_types
            },
            **{
                f"storage of {name}": "the run ledger does not measure it"
                for name, month in volume.datasets.items()
                if month.stored_gigabytes is None
            },
            **_instances(templates),
        },
        unknown_types=tuple(kind for kind in here if not prices.knows(kind)),
    )


def _instances(templates: Templates) -> dict[str, str]:
    instance = templates.instance_without_price
    return {f"trainings on {instance}": "prices.yaml has ml.m5.large only"} if instance else {}


def _joined(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Lines of the same thing as one: 21 alarms are one line."""
    joined: dict[tuple[str, ...], Line] = {}
    for line in lines:
        key = (line.kind, line.price_name, line.what, line.dataset or "")
        before = joined.get(key)
        quantity = line.quantity.plus(before.quantity) if before else line.quantity
        joined[key] = replace(line, quantity=quantity)
    return tuple(joined.values())
