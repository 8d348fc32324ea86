"""A state machine without the states of a feature that is off."""

from __future__ import annotations

import json
from collections.abc import Sequence


def pruned(definition: str, without: Sequence[str]) -> str:
    """The text of a machine without some states of its top level and the choices that lead to them."""
    if not without:
        return definition
    machine = json.loads(definition)
    kept = {name: state for name, state in machine["States"].items() if name not in without}
    for state in kept.values():
        if "Choices" in state:
            state["Choices"] = [rule for rule in state["Choices"] if rule["Next"] not in without]
    return json.dumps({**machine, "States": kept})
