"""Table rules for tests, each named like its kind."""

from __future__ import annotations

from typing import Any

from contracts import table_rules


def rule(kind: str, *columns: str, **changes: Any) -> Any:
    """A rule that halts, without limits but those in `changes`."""
    document = {
        "id": f"{kind}_rule", "description": ".", "kind": kind, "action": "halt",
        "columns": list(columns), "minimum": None, "maximum": None, "max_age_hours": None,
        "reference": None,
    }  # fmt: skip
    return table_rules.from_document(document | changes)
