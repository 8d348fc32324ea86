"""Dataclasses as JSON and back, strictly: a field holds what its type says; none is missing, none unknown.

These documents carry the figures by which a run is reconciled. A missing count read as zero, or money read as a float,
could make sums agree that must not. So every difference is one error that names document, field and value.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, Self, Union, get_args, get_origin, get_type_hints

from contracts.errors import PermanentError

AMOUNT = re.compile(r"-?[0-9]+(\.[0-9]+)?")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
LONGEST_VALUE = 80  # characters of a wrong value in a message


class JsonDocument:
    """A frozen dataclass that is written as one JSON object.

    Types of fields: str, bool, int (0 or more), float (0 or more), Decimal (as text, since a JSON
    number may lose cents), date, datetime (UTC without a zone, as the tables keep it), Literal,
    other documents, `tuple[X, ...]`, `Mapping[str, X]`, and `X | None`. A field with a default is
    left out of the JSON while it is None.
    """

    WRITTEN_BY: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        """The JSON object: what `json.dumps` takes, and `from_json` reads back as an equal document."""
        return _object(self)

    @classmethod
    def from_json(cls, data: object, *, place: str | None = None) -> Self:
        """The document in a parsed JSON object; `place` is where it was read, for the error.

        Raises PermanentError, naming document, field and value, unless every field is as declared.
        """
        try:
            found: Self = _document_of(cls, data, "")
        except WrongField as wrong:
            raise PermanentError(
                f"{place or cls.__name__}, written by {cls.WRITTEN_BY}: {wrong}; it was written by"
                " another version, or changed by hand: run the step that wrote it again"
            ) from wrong
        return found


class WrongField(Exception):
    """A field that is not as its type says; the text names its path and its value."""


def _wrong(path: str, value: object, expected: str) -> WrongField:
    shown = repr(value)
    if len(shown) > LONGEST_VALUE:
        shown = shown[:LONGEST_VALUE] + "..."
    return WrongField(f"{path or 'the document'} is {shown}, expected {expected}")


def _document_of(kind: Any, data: object, path: str) -> Any:
    if not isinstance(data, dict):
        raise _wrong(path, data, "an object")
    known = _fields(kind)
    for name in data:
        if name not in known:
            expected = f"no field of this name; known: {', '.join(known)}"
            raise _wrong(_below(path, name), data[name], expected)
    missing = [
        _below(path, name) for name, (_, needed) in known.items() if needed and name not in data
    ]
    if missing:
        raise WrongField(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    return kind(**{name: _value(known[name][0], data[name], _below(path, name)) for name in data})


@functools.cache
def _fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Type of each field, and whether it must be there."""
    types = get_type_hints(kind)
    return {field.name: (types[field.name], field.default is MISSING) for field in fields(kind)}


def _value(kind: Any, data: object, path: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        [kind] = [option for option in arguments if option is not NoneType]  # `X | None`
        return None if data is None else _value(kind, data, path)
    if origin is Literal:
        if not isinstance(data, str) or data not in arguments:
            raise _wrong(path, data, f"one of {', '.join(arguments)}")
        return data
    if origin is tuple:
        return tuple(_items(arguments[0], data, path))
    if origin is Mapping:
        return _entries(arguments[1], data, path)
    return _document_of(kind, data, path) if is_dataclass(kind) else _scalar(kind, data, path)


def _items(kind: Any, data: object, path: str) -> list[Any]:
    if not isinstance(data, list):
        raise _wrong(path, data, "a list")
    return [_value(kind, item, f"{path}[{position}]") for position, item in enumerate(data)]


def _entries(kind: Any, data: object, path: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise _wrong(path, data, "an object")
    return {name: _value(kind, value, _below(path, name)) for name, value in data.items()}


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _scalar(kind: type, data: object, path: str) -> Any:
    read, expected = SCALARS[kind]
    found = read(data)
    if found is None:
        raise _wrong(path, data, expected)
    return found


def _text(data: object) -> str | None:
    return data if isinstance(data, str) else None


def _flag(data: object) -> bool | None:
    return data if isinstance(data, bool) else None


def _whole(data: object) -> int | None:
    """JSON has one kind of number: 7.0 is whole too (RFC 8259, section 6)."""
    if isinstance(data, bool) or not isinstance(data, int | float):
        return None
    return int(data) if data >= 0 and data == data // 1 else None


def _number(data: object) -> float | None:
    if isinstance(data, bool) or not isinstance(data, int | float):
        return None
    return float(data) if 0 <= data < float("inf") else None


def _amount(data: object) -> Decimal | None:
    """No float, no exponent, no NaN: exactly the digits that were written."""
    return Decimal(data) if isinstance(data, str) and AMOUNT.fullmatch(data) else None


def _day(data: object) -> date | None:
    if not isinstance(data, str) or not DAY.fullmatch(data):
        return None
    try:
        return date.fromisoformat(data)
    except ValueError:
        return None


def _moment(data: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(data) if isinstance(data, str) else None
    except ValueError:
        return None
    return found.astimezone(UTC).replace(tzinfo=None) if found and found.tzinfo else found


SCALARS: dict[type, tuple[Callable[[object], Any], str]] = {
    str: (_text, "a text"),
    bool: (_flag, "true or false"),
    int: (_whole, "a whole number, 0 or more"),
    float: (_number, "a number, 0 or more"),
    Decimal: (_amount, "an exact amount as text, such as '12.50'"),
    date: (_day, "a date as text, YYYY-MM-DD"),
    datetime: (_moment, "a time as text, ISO 8601"),
}


def _object(document: Any) -> dict[str, Any]:
    values = ((field, getattr(document, field.name)) for field in fields(document))
    return {
        field.name: _plain(value)
        for field, value in values
        if value is not None or field.default is MISSING
    }


def _plain(value: Any) -> Any:
    if isinstance(value, JsonDocument):
        return _object(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(inner) for inner in value]
    return value
