"""Which fields of a file's records are columns, where header and records do not say the same.

Spreadsheets leave `,,,` behind a header, and exports write a delimiter at the end of each record. A
field without a name is no column while it is empty in every record; a value in it is never dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from contracts.headers import nameless
from contracts.texts import cleaned


@dataclass(frozen=True, kw_only=True)
class NamelessValue:
    """The first value that stands in a column without a name; records and columns count from 1."""

    record: int
    column: int
    value: str


class Fields:
    """The header of a file as its records bear it out."""

    def __init__(self, header: Sequence[str]) -> None:
        self._header = tuple(header)
        self._nameless = nameless(header)
        named = [place for place in range(len(header)) if place not in self._nameless]
        self._named_width = named[-1] + 1 if named else 0
        self._fits_header = False  # a record has as many fields as the header
        self._widths: set[int] = set()  # of records that are empty beyond the last name
        self._values: dict[int, NamelessValue] = {}  # first one, by width of its record

    def count(self, records: Iterable[list[str]]) -> int:
        """Read the data records; how many there are."""
        width, simple = len(self._header), not self._nameless
        number = 0
        for number, record in enumerate(records, start=1):
            if simple and len(record) == width:
                self._fits_header = True
            else:
                self._look(number, record)
        return number

    @property
    def names(self) -> tuple[str, ...]:
        """One name per field of a sound record, as written; an empty one behind the header's end."""
        width = self._width
        return (*self._header, *[""] * (width - len(self._header)))[:width]

    @property
    def nameless_value(self) -> NamelessValue | None:
        """A value of a sound record that no name says the meaning of; None if there is none."""
        return self._values.get(self._width)

    def notes(self) -> Iterator[str]:
        """What was left out and loses nothing, as sentences for people."""
        width = self._width
        skipped = [place + 1 for place in self._nameless if place < width]
        if skipped:
            yield f"{_columns(skipped)} without a name, empty in every record: skipped"
        if width > len(self._header):
            extra = width - len(self._header)
            fields = "an empty field" if extra == 1 else f"{extra} empty fields"
            yield f"every record ends with {fields} more than the header has names: skipped"
        if width < len(self._header):
            lacking = len(self._header) - width
            names = "a delimiter" if lacking == 1 else f"{lacking} delimiters"
            yield f"the header ends with {names} more than the records: skipped"

    @property
    def _width(self) -> int:
        """Fields of a sound record: the header's, unless no record has as many and all others agree."""
        others = self._widths - self._values.keys()
        if self._fits_header or len(others) != 1:
            return len(self._header)
        return next(iter(others))

    def _look(self, number: int, record: list[str]) -> None:
        width = len(record)
        if width < self._named_width:
            return  # no sound record, whatever the others are like
        self._fits_header = self._fits_header or width == len(self._header)
        self._widths.add(width)
        places = [place for place in self._nameless if place < width]
        for place in (*places, *range(len(self._header), width)):
            if width not in self._values and (value := cleaned(record[place])):
                self._values[width] = NamelessValue(record=number, column=place + 1, value=value)


def _columns(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"column {numbers[0]}"
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"columns {numbers[0]} to {numbers[-1]}"
    return f"columns {', '.join(map(str, numbers))}"
