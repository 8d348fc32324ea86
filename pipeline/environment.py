"""Settings of a function come from its environment, once, and what is missing is named before any work is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from decimal import Decimal, InvalidOperation
from types import NoneType, UnionType
from typing import Any, Literal, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

from contracts.errors import ContractInvalid

Settings = TypeVar("Settings")
Limit = NewType("Limit", int)  # a number that may be 0


def read_settings(kind: type[Settings], environment: Mapping[str, str]) -> Settings:
    """The dataclass `kind`, each field from the variable of its name in capitals.

    A field is a text that is not empty, a positive whole number (`int`), one that may be 0 (`Limit`), a positive
    `Decimal` or one of some words (`Literal`). With a default it may be missing, as for a feature that is off.
    Raises ContractInvalid, naming the first variable that is missing or is none of these.
    """
    types = get_type_hints(kind)
    names = [
        field.name
        for field in fields(kind)  # type: ignore[arg-type]  # TypeVar cannot say "a dataclass"
        if field.default is MISSING or field.name.upper() in environment
    ]
    return kind(**{name: _value(environment, name.upper(), types[name]) for name in names})


def _value(environment: Mapping[str, str], name: str, kind: Any) -> str | int | Decimal:
    if get_origin(kind) in (Union, UnionType):
        [kind] = [option for option in get_args(kind) if option is not NoneType]  # `X | None`
    value = environment.get(name, "")
    if not value:
        raise ContractInvalid(
            f"environment variable {name} is not set; the stack of this function must set it"
        )
    if kind in (int, Limit):
        if not value.isdecimal() or (int(value) == 0 and kind is int):
            wanted = "a positive whole number" if kind is int else "a whole number, 0 or more"
            raise ContractInvalid(f"environment variable {name} is {value!r}; it must be {wanted}")
        return int(value)
    if kind is Decimal:
        return _positive(name, value)
    if get_origin(kind) is Literal and value not in get_args(kind):
        known = ", ".join(get_args(kind))
        raise ContractInvalid(
            f"environment variable {name} is {value!r}; it must be one of: {known}"
        )
    return value


def _positive(name: str, value: str) -> Decimal:
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal(0)
    if not number.is_finite() or number <= 0:
        raise ContractInvalid(
            f"environment variable {name} is {value!r}; it must be a positive number"
        )
    return number
