"""Variables in the conditions of policies, such as `${aws:userid}`, which the emulator compares as they are written.

Source: IAM user guide, "IAM policy elements: Variables and tags".
"""

from __future__ import annotations

import re
from typing import Any

from local_cloud.patching import original, replace

EVALUATOR = "ministack.core.iam_evaluator"
_VARIABLE = re.compile(r"\$\{([A-Za-z0-9:/_-]+)\}")


def install() -> None:
    """Put values in before conditions are compared."""
    replace(EVALUATOR, "_conditions_met", _with_variables)


def _with_variables(met: Any) -> Any:
    def conditions_met(conditions: dict[str, Any], context: Any) -> bool:
        return bool(met(_filled(conditions, context), context))

    return conditions_met


def _filled(node: Any, context: Any) -> Any:
    """A variable that has no value here stays as written, and so equals nothing."""
    if isinstance(node, dict):
        return {key: _filled(value, context) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, context) for value in node]
    if not isinstance(node, str):
        return node

    def value_of(match: re.Match[str]) -> str:
        value = original(EVALUATOR, "_resolve_condition_key")(match[1], context)
        return match[0] if value is None else str(value)

    return _VARIABLE.sub(value_of, node)
