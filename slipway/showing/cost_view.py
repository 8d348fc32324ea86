"""An estimate as people read it, service by service and dataset by dataset, and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable

from pricing.comparison import usd
from pricing.estimate import Estimate, Kind, Line, Range, total
from pricing.volume import Volume
from slipway.console import say, table

SHARED = "(shared)"


def show(estimate: Estimate, volume: Volume) -> None:
    """Tables of what is idle and what volume drives, and every sentence that qualifies them."""
    _service_table(estimate, "idle", "idle, USD a month")
    if volume.datasets or estimate.of_kind("volume"):
        _service_table(estimate, "volume", f"by volume ({volume.source}), USD a month")
    _dataset_table(estimate)
    say(f"Together: {usd(total(estimate.lines))} USD a month in {estimate.region}.")
    for sentence in notes(estimate, volume):
        say(f"- {sentence}")


def notes(estimate: Estimate, volume: Volume) -> Iterable[str]:
    """What a reader has to know about the figures."""
    yield (
        f"List prices as of {estimate.as_of}, without taxes, discounts and free tiers. Free tiers would take off up to"
        f" {usd(estimate.free_tier)}, if nothing else in the account uses them."
    )
    doubtful = sorted({line.price_name for line in estimate.lines if _is_doubtful(line)})
    if doubtful:
        yield f"Not confirmed by a page of AWS, see pricing/prices.yaml: {', '.join(doubtful)}."
    if not volume.datasets:
        yield "No volume was given, so nothing is loaded and nothing asked: --volume FILE or --measured."
    for kind, reason in estimate.not_estimated.items():
        yield f"Not estimated: {kind}: {reason}."
    for kind in estimate.unknown_types:
        yield f"No price is known of {kind}, so it is missing here: add it to pricing/prices.yaml."


def show_json(estimate: Estimate, volume: Volume) -> None:
    """Every line; amounts are text, so that no digit is lost."""
    document = {
        "environment": estimate.environment,
        "as_of": estimate.as_of,
        "region": estimate.region,
        "currency": "USD",
        "volume": volume.source,
        "totals": {kind: _ends(estimate.total(kind)) for kind in ("idle", "volume")},
        "free_tier": _ends(estimate.free_tier),
        "lines": [_line(line) for line in estimate.lines],
        "not_estimated": estimate.not_estimated,
        "free_types": estimate.free_types,
        "unknown_types": list(estimate.unknown_types),
    }
    say(json.dumps(document, indent=2, ensure_ascii=False))


def _service_table(estimate: Estimate, kind: Kind, title: str) -> None:
    lines = sorted(estimate.of_kind(kind), key=lambda line: (line.price.service, line.what))
    keys = list(dict.fromkeys((line.price.service, line.what) for line in lines))
    rows = [
        (service, what, _quantity(lines, service, what), usd(_of(lines, service, what)))
        for service, what in keys
    ]
    rows.append(("sum", "", "", usd(estimate.total(kind))))
    table(title, ("service", "what", "quantity", "USD"), rows, right=[3])


def _dataset_table(estimate: Estimate) -> None:
    names = sorted({line.dataset or SHARED for line in estimate.lines})
    rows = []
    for name in names:
        lines = [line for line in estimate.lines if (line.dataset or SHARED) == name]
        by_kind = [
            usd(total(line for line in lines if line.kind == kind)) for kind in ("idle", "volume")
        ]
        rows.append((name, *by_kind))
    table("by dataset, USD a month", ("dataset", "idle", "by volume"), rows, right=[1, 2])


def _of(lines: Iterable[Line], service: str, what: str) -> Range:
    return total(line for line in lines if (line.price.service, line.what) == (service, what))


def _quantity(lines: Iterable[Line], service: str, what: str) -> str:
    """How much of the one unit; empty where several units make up a row."""
    found = [line for line in lines if (line.price.service, line.what) == (service, what)]
    if len({line.price_name for line in found}) != 1:
        return ""
    low = sum(line.quantity.low for line in found)
    high = sum(line.quantity.high for line in found)
    amount = f"{low:,.0f}" if f"{low:,.0f}" == f"{high:,.0f}" else f"{low:,.0f} to {high:,.0f}"
    return f"{amount} {found[0].price.unit}"


def _is_doubtful(line: Line) -> bool:
    return line.price.confirmed == "no"


def _line(line: Line) -> dict[str, object]:
    return {
        "kind": line.kind,
        "service": line.price.service,
        "what": line.what,
        "dataset": line.dataset,
        "price": line.price_name,
        "unit": line.price.unit,
        "confirmed": line.price.confirmed == "yes",
        "quantity": _ends(line.quantity),
        "usd": _ends(line.usd),
    }


def _ends(amount: Range) -> dict[str, str]:
    return {"low": str(amount.low), "high": str(amount.high)}
