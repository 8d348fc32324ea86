"""Table rules for tests, each named like its kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from contracts.model import TableRule


def rule(kind: str, *columns: str, **changes: Any) -> TableRule:
    """A rule that halts, without limits but those in `changes`."""
    plain = TableRule(
        id=f"{kind}_rule", description=".", kind=kind, action="halt", columns=columns,  # type: ignore[arg-type]
        minimum=None, maximum=None, max_age_hours=None, reference=None,
    )  # fmt: skip
    return replace(plain, **changes)
