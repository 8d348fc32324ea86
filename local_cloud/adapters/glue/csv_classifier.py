"""What a custom CSV classifier says of one file: its columns, and how its table must be read. No AWS, no state.

Documented: the delimiter, the quote symbol and the heading are the classifier's; at most the first 1,000 records or the
first megabyte are looked at; names are lower case with their blanks. Sources: Glue API reference, CsvClassifier; AWS
knowledge center, "How does the AWS Glue crawler detect the schema?"; Glue developer guide, "Data preparation using
ResolveChoice" (the table `medicare`). Not documented, and assumed here: which of bigint, double and string a column
is (the widest that all its values need), that a byte order mark is no part of a name, and that quotes in a file mean
OpenCSVSerde, as in a table that a crawler left (AWS Well-Architected labs, "Pricing Models").
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SAMPLE_BYTES, SAMPLE_RECORDS = 1_000_000, 1_000
LONG = range(-(2**63), 2**63)
INTEGER = re.compile(r"[+-]?[0-9]+")
DECIMAL = re.compile(r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?")
# What a classifier of ours has. Anything else changes the result in ways that are not followed here.
FOLLOWED = {
    *("Name", "Delimiter", "QuoteSymbol", "ContainsHeader", "DisableValueTrimming"),
    *("AllowSingleColumn", "CreationTime", "LastUpdated", "Version"),
}
WIDER = {frozenset({"bigint", "double"}): "double"}


class NotClassified(Exception):
    """The embedded AWS does not say what Glue would make of a file."""


@dataclass(frozen=True, kw_only=True)
class Schema:
    """Columns in the order of the file: name and type. `record_bytes` is the mean of the records looked at."""

    columns: Mapping[str, str]
    delimiter: str
    quoted: bool
    record_bytes: int


def classified(
    classifier: Mapping[str, Any], head: bytes, *, whole: bool, name: str
) -> Schema | None:
    """What a file begins with, as one classifier sees it; None if the classifier does not recognize it.

    `whole` tells that `head` is the whole file. Raises NotClassified, naming file and reason.
    """
    if unknown := sorted(classifier.keys() - FOLLOWED):
        raise NotClassified(
            f"classifier {classifier['Name']}: {', '.join(unknown)} is not followed by the embedded AWS"
        )
    if classifier.get("ContainsHeader") != "PRESENT":
        raise NotClassified(
            f"classifier {classifier['Name']}: ContainsHeader other than PRESENT is not followed by the embedded AWS"
        )
    quote = classifier.get("QuoteSymbol") or '"'
    records = list(
        _records(head, classifier.get("Delimiter") or ",", quote, whole=whole, name=name)
    )
    if not records:
        return None
    heading, *values = records
    if len(heading) < 2 and not _yes(classifier.get("AllowSingleColumn")):
        return None
    names = [text.strip().lower() for text in heading]
    if repeated := sorted({each for each in names if names.count(each) > 1}):
        raise NotClassified(f"{name}: the heading has {repeated[0]!r} more than once")
    trimmed = not _yes(classifier.get("DisableValueTrimming"))
    even = [record[: len(names)] + [""] * (len(names) - len(record)) for record in values]
    columns = zip(*even, strict=True)
    types = [column_type(column, trimmed=trimmed) for column in columns] or ["string"] * len(names)
    return Schema(
        columns=dict(zip(names, types, strict=True)),
        delimiter=classifier.get("Delimiter") or ",",
        quoted=quote.encode() in head,
        record_bytes=max(1, len(head) // len(records)),
    )


def _records(
    head: bytes, delimiter: str, quote: str, *, whole: bool, name: str
) -> Iterator[list[str]]:
    """The records looked at; the last one of a part may have been cut and is none."""
    text = head if whole else head[: head.rfind(b"\n") + 1]
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise NotClassified(
            f"{name}: byte {exc.start} is not UTF-8, which classifiers read"
        ) from exc
    reader = csv.reader(io.StringIO(decoded, newline=""), delimiter=delimiter, quotechar=quote)
    for number, record in enumerate(record for record in reader if record):
        if number > SAMPLE_RECORDS:  # the heading is none of them
            return
        yield record


def column_type(values: tuple[str, ...], *, trimmed: bool) -> str:
    """bigint, double or string; a column without a value is a string."""
    given = [value.strip() if trimmed else value for value in values]
    kinds = {_value_type(value) for value in given if value}
    return widest(kinds) if kinds else "string"


def widest(kinds: set[str]) -> str:
    """The one type for columns that are alike in name only."""
    [first, *others] = sorted(kinds)
    return first if not others else WIDER.get(frozenset(kinds), "string")


def _value_type(value: str) -> str:
    if INTEGER.fullmatch(value):
        return "bigint" if int(value) in LONG else "string"
    return "double" if DECIMAL.fullmatch(value) else "string"


def _yes(flag: Any) -> bool:
    return str(flag).lower() == "true"  # CloudFormation may write it as text
