"""One page of a source as rows of text in the order of the contract's columns.

Numbers stay the very text that the source wrote (parse_float=str), so no amount passes through a float. Nothing is
coerced and nothing is dropped unseen: what cannot be one value, or is not described, is refused by its name.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, assert_never

from sources.connection import Answer
from sources.errors import SourceFailed
from sources.model import CsvFormat, HttpSource, JsonFormat, JsonLinesFormat, Path

MOST_NAMED = 5
LARGEST_SHOWN = 40
BYTE_ORDER_MARK = "\ufeff"

Row = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Page:
    """Rows of a page; `total` of all pages if the source says it; `document` is its JSON, None for CSV."""

    rows: tuple[Row, ...]
    total: int | None
    document: Any


def read_page(source: HttpSource, answer: Answer, *, number: int) -> Page:
    """The rows of an answer. `number` is that of the page, from 1, for messages. Raises SourceFailed."""
    reader = _Reader(source, number)
    match source.http.format:
        case JsonFormat() as form:
            return reader.json(form, answer.body)
        case JsonLinesFormat():
            return reader.json_lines(answer)
        case CsvFormat() as form:
            return reader.csv(form, answer)
        case _:
            assert_never(source.http.format)


def at(value: Any, path: Path) -> Any:
    """What stands at `path`; None if a part of it is missing. Raises SourceFailed below what is no object."""
    for depth, name in enumerate(path):
        if value is None:
            return None
        if not isinstance(value, dict):
            raise SourceFailed(
                f"{_dotted(path[:depth])} is {_kind(value)}, so there is no {_dotted(path)} in it"
            )
        value = value.get(name)
    return value


@dataclass(frozen=True)
class _Reader:
    """Reads one page; every refusal names it."""

    source: HttpSource
    number: int

    def json(self, form: JsonFormat, body: bytes) -> Page:
        document = self._parsed(body)
        records = self._at(document, form.records)
        if not isinstance(records, list):
            self._refuse(
                f"has {_kind(records)} at {_dotted(form.records)} where the list of records was expected"
            )
        return Page(
            rows=tuple(self._rows(records)), total=self._total(document, form), document=document
        )

    def json_lines(self, answer: Answer) -> Page:
        self._require_end(answer, "JSON lines")
        # Only these end a line: in a string JSON allows others that str.splitlines splits at. Source: RFC 8259, 7.
        lines = self._text(answer.body).replace("\r\n", "\n").split("\n")
        records = [
            self._parsed_text(line, f"line {number} ")
            for number, line in enumerate(lines, 1)
            if line.strip()
        ]
        return Page(rows=tuple(self._rows(records)), total=None, document=None)

    def csv(self, form: CsvFormat, answer: Answer) -> Page:
        self._require_end(answer, "CSV")
        text = self._text(answer.body).removeprefix(BYTE_ORDER_MARK)
        try:
            lines = [
                line
                for line in csv.reader(
                    io.StringIO(text, newline=""), delimiter=form.delimiter, strict=True
                )
                if line
            ]
        except csv.Error as error:
            self._refuse(f"is not CSV: {error}")
        if not lines:
            self._refuse("is empty; a header was expected")
        return Page(rows=tuple(self._csv_rows(lines[0], lines[1:])), total=None, document=None)

    def _csv_rows(self, header: Sequence[str], lines: Iterable[Sequence[str]]) -> Iterator[Row]:
        if repeated := sorted({name for name in header if header.count(name) > 1}):
            self._refuse(f"has more than one column {', '.join(map(repr, repeated))}")
        taken = {path for _, path in self.source.fields}
        self._require_known([(name,) for name in header if (name,) not in taken], "header")
        places: dict[Path, int] = {(name,): place for place, name in enumerate(header)}
        columns = [places.get(path) for _, path in self.source.fields]
        for count, line in enumerate(lines, 1):
            if len(line) != len(header):
                self._refuse(
                    f"record {count} has {len(line)} fields where the header has {len(header)}"
                )
            yield tuple(
                "" if place is None else self._on_lines(line[place], path, count)
                for place, (_, path) in zip(columns, self.source.fields, strict=True)
            )

    def _require_end(self, answer: Answer, what: str) -> None:
        """What breaks off between two lines looks whole."""
        if not answer.tells_its_end:
            self._refuse(f"is {what} without a length: whether it is whole cannot be known")

    def _parsed(self, body: bytes) -> Any:
        return self._parsed_text(self._text(body), "")

    def _parsed_text(self, text: str, where: str) -> Any:
        """`where` names the part of the page that `text` is, for messages; '' for all of it."""
        try:
            return json.loads(
                text,
                parse_float=str,
                parse_int=str,
                parse_constant=self._constant,
                object_pairs_hook=self._object,
            )
        except RecursionError:
            self._refuse(f"{where}is nested too deeply")
        except json.JSONDecodeError as error:
            self._refuse(f"{where}is not JSON: {error}")

    def _text(self, body: bytes) -> str:
        try:
            return body.decode("utf-8")
        except UnicodeDecodeError as error:
            self._refuse(f"is not UTF-8: byte {error.start} is {body[error.start]:#04x}")

    def _constant(self, name: str) -> NoReturn:
        self._refuse(f"has {name}, which is no number of JSON")

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            self._refuse(f"has an object with two fields {_shown(twice)}")
        return made

    def _total(self, document: Any, form: JsonFormat) -> int | None:
        if form.total is None:
            return None
        total = self._at(document, form.total)
        if not isinstance(total, str) or not (total.isascii() and total.isdecimal()):
            self._refuse(f"has {_kind(total)} at {_dotted(form.total)} where a total was expected")
        return int(total[:18])

    def _at(self, document: Any, path: Path) -> Any:
        try:
            return at(document, path)
        except SourceFailed as error:
            self._refuse(f"does not fit: {error}")

    def _rows(self, records: Iterable[Any]) -> Iterator[Row]:
        described = _tree(path for _, path in self.source.fields)
        ignored = set(self.source.ignored_fields)
        for count, record in enumerate(records, 1):
            if not isinstance(record, dict):
                self._refuse(f"record {count} is {_kind(record)} where an object was expected")
            unknown = list(_undescribed(record, described, ignored, ()))
            self._require_known(unknown, f"record {count}")
            yield tuple(self._value(record, path, count) for _, path in self.source.fields)

    def _require_known(self, unknown: Sequence[Path], where: str) -> None:
        left = [path for path in unknown if path not in set(self.source.ignored_fields)]
        if left and self.source.unknown_fields == "refuse":
            named = ", ".join(_dotted(path) for path in left[:MOST_NAMED])
            more = f" and {len(left) - MOST_NAMED} more" if len(left) > MOST_NAMED else ""
            self._refuse(
                f"{where} has fields that the description does not know: {named}{more}; take them in fields,"
                " list them in ignoredFields, or set unknownFields to ignore"
            )

    def _value(self, record: dict[str, Any], path: Path, count: int) -> str:
        try:
            value = at(record, path)
        except SourceFailed as error:
            self._refuse(f"record {count}: {error}")
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, str):
            self._refuse(
                f"record {count}: {_dotted(path)} is {_kind(value)}; name a value in it,"
                f" as in {_dotted((*path, 'name'))}"
            )
        if not _is_text(value):
            self._refuse(f"record {count}: {_dotted(path)} has half a character (a lone surrogate)")
        return self._on_lines(value, path, count)

    def _on_lines(self, value: str, path: Path, count: int) -> str:
        """Intake refuses a file whose quoted values break lines in two ways (contracts.records)."""
        if "\r" not in value and "\n" not in value:
            return value
        if self.source.line_breaks == "spaces":
            return " ".join(value.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
        if "\r" in value:
            self._refuse(
                f"record {count}: {_dotted(path)} has a carriage return, which a file cannot hold;"
                " set lineBreaks to spaces"
            )
        return value

    def _refuse(self, what: str) -> NoReturn:
        raise SourceFailed(f"page {self.number} {what}")


Tree = dict[str, Any]  # name -> Tree of what is described below it; an empty one for a value


def _tree(paths: Iterable[Path]) -> Tree:
    root: Tree = {}
    for path in paths:
        branch = root
        for name in path:
            branch = branch.setdefault(name, {})
    return root


def _undescribed(
    value: dict[str, Any], described: Tree, ignored: set[Path], above: Path
) -> Iterator[Path]:
    """Fields that no path leads to or through."""
    for name, inner in value.items():
        path = (*above, name)
        if path in ignored:
            continue
        if name not in described:
            yield path
        elif described[name] and isinstance(inner, dict):
            yield from _undescribed(inner, described[name], ignored, path)


def _is_text(value: str) -> bool:
    """Whether it can be written as UTF-8; JSON may escape half of a pair of surrogates."""
    if value.isascii():
        return True
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _dotted(path: Path) -> str:
    return _shown(".".join(path)) if path else "the top"


def _shown(text: str) -> str:
    return repr(text if len(text) <= LARGEST_SHOWN else text[:LARGEST_SHOWN] + "...")


def _kind(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case str():
            return "one value"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return type(value).__name__
