"""The kinds of table rules, one dataclass each: a match over `TableRule` that forgets a kind fails type checking.

A table rule judges the table as a run would publish it. A halt fails the run at the gate; a warning is announced. A
rule that looks at no row at all is unproven, which fails like a broken one. Compiled JSON keeps one form for all kinds,
with null where a kind has no such field: released contracts are written in it and never change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, assert_never, get_args

Action = Literal["warn", "halt"]
Kind = Literal["row_count", "unique", "freshness", "reference"]


@dataclass(frozen=True, kw_only=True)
class _Named:
    id: str
    description: str
    action: Action


@dataclass(frozen=True, kw_only=True)
class RowCount(_Named):
    """The table has `minimum` to `maximum` rows, inclusive; either may be None."""

    kind: ClassVar[Literal["row_count"]] = "row_count"
    minimum: int | None
    maximum: int | None


@dataclass(frozen=True, kw_only=True)
class Unique(_Named):
    """No two rows share the values of all `columns`; a row with a null in one of them equals no other."""

    kind: ClassVar[Literal["unique"]] = "unique"
    columns: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Freshness(_Named):
    """The greatest value of `column` is at most `max_age_hours` before the run."""

    kind: ClassVar[Literal["freshness"]] = "freshness"
    column: str
    max_age_hours: int


@dataclass(frozen=True, kw_only=True)
class Reference(_Named):
    """Every value of `column` is in `reference`, written `<dataset>.<column>`; null passes."""

    kind: ClassVar[Literal["reference"]] = "reference"
    column: str
    reference: str

    @property
    def other_dataset(self) -> str:
        """The dataset whose processed table has the known values."""
        return self.reference.partition(".")[0]

    @property
    def other_column(self) -> str:
        """The column of that table."""
        return self.reference.partition(".")[2]


TableRule = RowCount | Unique | Freshness | Reference


def from_document(document: Mapping[str, Any]) -> TableRule:
    """The rule of one entry of `table_rules` in compiled JSON.

    Raises KeyError for a missing field, ValueError for an unknown kind and for a field that the kind does not have.
    """
    rule = _read(document)
    if to_document(rule) != document:
        raise ValueError(
            f"table rule {rule.id!r} of kind {rule.kind!r} has fields of a different kind: {document!r}"
        )
    return rule


def to_document(rule: TableRule) -> dict[str, Any]:
    """The rule as compiled JSON has it: the same fields, in the same order, for every kind."""
    return {
        "id": rule.id,
        "description": rule.description,
        "kind": rule.kind,
        "action": rule.action,
        "columns": [],
        "minimum": None,
        "maximum": None,
        "max_age_hours": None,
        "reference": None,
        **_own_fields(rule),
    }


def in_short(rule: TableRule) -> str:
    """What a rule wants, in a few words, for people who compare two: `unique member day warn`."""
    return " ".join([rule.kind, *_wanted(rule), rule.action])


def _wanted(rule: TableRule) -> list[str]:
    match rule:
        case RowCount():
            limits = {"minimum": rule.minimum, "maximum": rule.maximum}
            return [f"{name} {value}" for name, value in limits.items() if value is not None]
        case Unique():
            return list(rule.columns)
        case Freshness():
            return [rule.column, f"hours {rule.max_age_hours}"]
        case Reference():
            return [rule.column, f"in {rule.reference}"]
        case _:
            assert_never(rule)


def _own_fields(rule: TableRule) -> dict[str, Any]:
    match rule:
        case RowCount():
            return {"minimum": rule.minimum, "maximum": rule.maximum}
        case Unique():
            return {"columns": list(rule.columns)}
        case Freshness():
            return {"columns": [rule.column], "max_age_hours": rule.max_age_hours}
        case Reference():
            return {"columns": [rule.column], "reference": rule.reference}
        case _:
            assert_never(rule)


def _read(document: Mapping[str, Any]) -> TableRule:
    named = {name: document[name] for name in ("id", "description", "action")}
    columns, kind = document["columns"], _kind(document["kind"])
    match kind:
        case "row_count":
            return RowCount(**named, minimum=document["minimum"], maximum=document["maximum"])
        case "unique":
            return Unique(**named, columns=tuple(columns))
        case "freshness":
            return Freshness(**named, column=columns[0], max_age_hours=document["max_age_hours"])
        case "reference":
            return Reference(**named, column=columns[0], reference=document["reference"])
        case _:
            assert_never(kind)


def _kind(value: Any) -> Kind:
    if value not in get_args(Kind):
        raise ValueError(
            f"unknown kind of table rule {value!r}; known: {', '.join(get_args(Kind))}"
        )
    kind: Kind = value
    return kind
