"""The kinds of table rules as authors write them: the fields of each, its mistakes, and what it compiles to.

All that authoring knows of a kind stands here, so that a new one is added to this module only. Its mistakes ask for no
more of the table than the columns that it names, because the parser of tables needs these models first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Protocol, TypedDict, assert_never

from pydantic import Field

from contracts import table_rules
from contracts.authoring.problems import Path, did_you_mean
from contracts.authoring.profile import CustomQuality, Property, Strict, Text
from contracts.personal_data import PiiTreatment
from contracts.table_rules import TableRule

DATES = ("date", "timestamp")


class RowCount(Strict):
    """Rows that the table has after a run, inclusive."""

    minimum: int | None = Field(None, ge=1)
    maximum: int | None = Field(None, ge=1)


class Freshness(Strict):
    """How old the newest value of a date or timestamp may be."""

    column: Text
    max_age_hours: int = Field(ge=1)


class Reference(Strict):
    """Whose values those of a column must be: `to` is <dataset>.<column>."""

    column: Text
    to: Text


# The list is the columns of `unique`.
TableWish = RowCount | list[str] | Freshness | Reference


class TableImplementation(Strict):
    """A table rule: one of the kinds, and what happens when it does not hold."""

    action: table_rules.Action
    row_count: RowCount | None = None
    unique: Annotated[list[Text], Field(min_length=1)] | None = None
    freshness: Freshness | None = None
    reference: Reference | None = None

    @property
    def wanted(self) -> TableWish:
        """What the rule wants. `parsed` lets no rule pass that gives none or two."""
        kinds = (self.row_count, self.unique, self.freshness, self.reference)
        (given,) = (kind for kind in kinds if kind is not None)
        return given


class TableCheck(CustomQuality):
    """A check of the whole table."""

    implementation: TableImplementation


class Column(Protocol):
    """A column of the table, as far as rules care."""

    @property
    def spec(self) -> Property: ...
    @property
    def pii(self) -> PiiTreatment | None: ...
    @property
    def stored_type(self) -> str | None: ...


class Columns(Protocol):
    """The columns of the table: all names, and those columns that have the right shape."""

    @property
    def names(self) -> list[str]: ...
    def column(self, name: str) -> Column | None: ...


Mistake = tuple[Path, str]  # where below `implementation`, and what to say


class _Named(TypedDict):
    id: str
    description: str
    action: table_rules.Action


def table_rule_names() -> tuple[str, ...]:
    """How the kinds of table rules are written in a contract, in the order of the model."""
    fields = TableImplementation.model_fields.items()
    return tuple(field.alias or name for name, field in fields if name != "action")


def mistakes(wanted: TableWish, columns: Columns) -> Iterator[Mistake]:
    """What is wrong with a rule about a table that has these columns."""
    match wanted:
        case RowCount():
            yield from _limits(wanted)
        case list():
            yield from _unique(wanted, columns)
        case Freshness():
            place = ("freshness", "column")
            yield from _column(wanted.column, place, columns, _not_a_date)
        case Reference():
            place = ("reference", "column")
            yield from _column(wanted.column, place, columns, _not_comparable)
        case _:
            assert_never(wanted)


def compiled(check: TableCheck) -> TableRule:
    """The rule that runtimes read, of one without mistakes."""
    wanted = check.implementation.wanted
    named = _Named(id=check.id, description=check.description, action=check.implementation.action)
    match wanted:
        case RowCount():
            return table_rules.RowCount(**named, minimum=wanted.minimum, maximum=wanted.maximum)
        case list():
            return table_rules.Unique(**named, columns=tuple(wanted))
        case Freshness():
            return table_rules.Freshness(
                **named, column=wanted.column, max_age_hours=wanted.max_age_hours
            )
        case Reference():
            return table_rules.Reference(**named, column=wanted.column, reference=wanted.to)
        case _:
            assert_never(wanted)


def _limits(limits: RowCount) -> Iterator[Mistake]:
    if limits.minimum is None and limits.maximum is None:
        yield ("rowCount",), "has neither minimum nor maximum, so it says nothing; add one"
    if (
        limits.minimum is not None
        and limits.maximum is not None
        and limits.minimum > limits.maximum
    ):
        message = f"found {limits.minimum}, which is above the maximum {limits.maximum}"
        yield ("rowCount", "minimum"), message


def _unique(names: Sequence[str], columns: Columns) -> Iterator[Mistake]:
    for index, name in enumerate(names):
        place = ("unique", index)
        if name in names[:index]:
            yield place, f"{name!r} is listed twice; remove one"
        yield from _column(name, place, columns, _not_comparable)


def _column(
    name: str, place: Path, columns: Columns, objection: Callable[[Column], str | None]
) -> Iterator[Mistake]:
    if name not in columns.names:
        yield place, f"unknown column {name!r}; {did_you_mean(name, columns.names)}"
    elif (column := columns.column(name)) and (message := objection(column)):
        yield place, message


def _not_comparable(column: Column) -> str | None:
    """Why values of the column cannot be compared in the processed table."""
    name, treatment = column.spec.name, column.pii
    match treatment:
        case None | "hash":
            return None
        case "drop":
            return f"column {name!r} is dropped before the processed table; choose another column"
        case "mask":
            return f"column {name!r} is masked, so different values look alike; hash it instead"
        case _:
            assert_never(treatment)


def _not_a_date(column: Column) -> str | None:
    if column.stored_type in DATES:
        return None
    found = column.stored_type or "dropped"
    return f"column {column.spec.name!r} is {found} in the processed table; expected a date or timestamp"
