"""Which events a trail takes, by its advanced event selectors; pure, no state.

An event is taken if all fields of one selector hold. Source: CloudTrail API reference, AdvancedFieldSelector.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Event = Mapping[str, Any]
OPERATORS = ("Equals", "StartsWith", "EndsWith", "NotEquals", "NotStartsWith", "NotEndsWith")
TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "Equals": operator.eq,
    "StartsWith": str.startswith,
    "EndsWith": str.endswith,
}
FIELDS = (
    "eventCategory",
    "eventName",
    "eventSource",
    "readOnly",
    "resources.type",
    "resources.ARN",
)


class NotSelected(ValueError):
    """A selector that CloudTrail, or the embedded one, does not take."""


def check(selectors: Sequence[Mapping[str, Any]]) -> None:
    """Raises NotSelected, naming what is not followed."""
    if not selectors:
        raise NotSelected(
            "the embedded AWS follows AdvancedEventSelectors only, and there are none"
        )
    for selector in selectors:
        fields = {each["Field"]: each for each in selector["FieldSelectors"]}
        if unknown := sorted(fields.keys() - set(FIELDS)):
            raise NotSelected(
                f"AdvancedEventSelectors: {unknown[0]} is not followed by the embedded AWS"
            )
        if [*fields.get("eventCategory", {}).get("Equals", [])] not in (["Data"], ["Management"]):
            raise NotSelected(
                "AdvancedEventSelectors: eventCategory Equals Data or Management is needed"
            )
        if fields["eventCategory"]["Equals"] == ["Data"] and fields.get("resources.type", {}).get(
            "Equals"
        ) != ["AWS::S3::Object"]:
            raise NotSelected("the embedded AWS has data events of AWS::S3::Object only")


def selects(selectors: Sequence[Mapping[str, Any]], event: Event) -> bool:
    """Whether a trail with these selectors takes the event."""
    return any(
        all(_holds(field, _values(field["Field"], event)) for field in selector["FieldSelectors"])
        for selector in selectors
    )


def _values(field: str, event: Event) -> list[str]:
    if field == "readOnly":
        return [str(event["readOnly"]).lower()]
    if not field.startswith("resources."):
        return [str(event.get(field, ""))]
    name = field.removeprefix("resources.")
    kept = [each for each in event.get("resources") or [] if each["type"] == "AWS::S3::Object"]
    return [str(each.get(name) or each.get(f"{name}Prefix", "")) for each in kept]


def _holds(field: Mapping[str, Any], values: Sequence[str]) -> bool:
    for name in OPERATORS:
        if wanted := field.get(name):
            test = TESTS[name.removeprefix("Not")]
            found = any(test(value, each) for value in values for each in wanted)
            if found == name.startswith("Not"):
                return False
    return True
