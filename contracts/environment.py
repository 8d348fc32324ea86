"""Settings of a function come from its environment, once, and a missing one is named before any work is done."""

from __future__ import annotations

from collections.abc import Mapping

from contracts.errors import ContractInvalid


def required(environment: Mapping[str, str], name: str) -> str:
    """The value of `name`. Raises ContractInvalid when it is missing or empty."""
    value = environment.get(name, "")
    if not value:
        raise ContractInvalid(f"environment variable {name} is not set; the stack of this function must set it")
    return value


def required_int(environment: Mapping[str, str], name: str) -> int:
    """The value of `name` as a positive whole number. Raises ContractInvalid otherwise."""
    value = required(environment, name)
    if not value.isdecimal() or int(value) == 0:
        raise ContractInvalid(f"environment variable {name} is {value!r}; it must be a positive whole number")
    return int(value)
