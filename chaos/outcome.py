"""What an experiment found: figures to quote, and problems, of which there should be none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaos.world import Row, World

SHOWN = 5  # differences that are spelled out; the rest is counted
ENDED = (
    "loaded",
    "duplicate",
    "rejected",
    "set_aside",
    "ignored",
    "retracted",
    "arrived",
    "incomplete",
    "replaced",
)


@dataclass(kw_only=True)
class Outcome:
    """Of one experiment."""

    figures: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def left_open(world: World) -> list[str]:
    """What a pipeline at rest must not have: open files and runs, locks, dead letters."""
    problems = [
        f"file {item['landing_key']} is {item['status']}"
        for item in world.file_entries()
        if item["status"] not in ENDED
    ]
    for item in world.run_entries():
        if item["entry"] == "claim":
            problems.append(f"run {item['run_id']} still holds the lock of {item['dataset']}")
        elif item["entry"].startswith("run#") and item["status"] == "running":
            problems.append(f"run {item['run_id']} is still open")
    problems += [
        f"{count} messages in {url}"
        for url in world.dead_letter_queues
        if (count := world.queued(url))
    ]
    return problems


def differences(
    expected: Mapping[str, Iterable[Row]], found: Mapping[str, Iterable[Row]]
) -> list[str]:
    """Rows of each table that only one side has; both sides may hold a row several times."""
    problems = []
    for name in sorted({*expected, *found}):
        left, right = sorted(expected.get(name, [])), sorted(found.get(name, []))
        if left == right:
            continue
        missing, extra = _without(left, right), _without(right, left)
        shown = "; ".join(
            [f"missing {row}" for row in missing[:SHOWN]]
            + [f"extra {row}" for row in extra[:SHOWN]]
        )
        problems.append(f"{name}: {len(missing)} rows missing, {len(extra)} extra: {shown}")
    return problems


def _without(rows: list[Row], others: list[Row]) -> list[Row]:
    rest = list(others)
    left = []
    for row in rows:
        if row in rest:
            rest.remove(row)
        else:
            left.append(row)
    return left
