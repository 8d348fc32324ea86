"""What a change of the templates does to the cost, as Markdown for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pricing.estimate import ZERO, Estimate, Line, Range, total


@dataclass(frozen=True, kw_only=True)
class Change:
    """USD a month of one thing before and after."""

    service: str
    what: str
    before: Range
    after: Range


def changes(before: Estimate, after: Estimate) -> tuple[Change, ...]:
    """What costs otherwise than before, by service and thing."""
    keys = sorted({_key(line) for line in (*before.lines, *after.lines)})
    compared = (
        Change(service=service, what=what, before=_of(before, key), after=_of(after, key))
        for key in keys
        for service, what in [key]
    )
    return tuple(each for each in compared if each.before != each.after)


def as_markdown(before: Estimate, after: Estimate) -> str:
    """The difference: one sentence, and a table of what changed."""
    found = changes(before, after)
    lines = [f"**Cost of {after.environment}** ({_dated(after)})", ""]
    if found:
        lines += _table(found, before, after)
    else:
        lines += [f"No change: {usd(_all(after))} USD a month."]
    lines += _about_types(before, after)
    return "\n".join(lines) + "\n"


def usd(amount: Range) -> str:
    """`1.20`, or `1.20 to 3.40` where the ends differ in cents."""
    low, high = f"{amount.low:,.2f}", f"{amount.high:,.2f}"
    return low if low == high else f"{low} to {high}"


def _table(found: tuple[Change, ...], before: Estimate, after: Estimate) -> Iterator[str]:
    yield "| service | what | before, USD a month | after |"
    yield "|---|---|--:|--:|"
    for each in found:
        yield f"| {each.service} | {each.what} | {usd(each.before)} | {usd(each.after)} |"
    yield f"| **all** | | **{usd(_all(before))}** | **{usd(_all(after))}** |"


def _about_types(before: Estimate, after: Estimate) -> list[str]:
    new = sorted({*after.not_estimated} - {*before.not_estimated})
    lines = [f"- Not estimated: {kind}: {after.not_estimated[kind]}" for kind in new]
    lines += [
        f"- **No price is known of {kind}.** Add it to pricing/prices.yaml."
        for kind in after.unknown_types
    ]
    return ["", *lines] if lines else []


def _dated(estimate: Estimate) -> str:
    return f"list prices of {estimate.region} as of {estimate.as_of}, before free tiers"


def _key(line: Line) -> tuple[str, str]:
    return line.price.service, line.what


def _of(estimate: Estimate, key: tuple[str, str]) -> Range:
    return total(line for line in estimate.lines if _key(line) == key)


def _all(estimate: Estimate) -> Range:
    return total(estimate.lines) if estimate.lines else ZERO
