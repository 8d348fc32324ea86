"""The records of a CSV file, read once for intake, which counts them, and for the operator's export.

Python's csv module reads them on purpose: the Spark job counts them again with another parser, and
the gate compares the two. What cannot be counted without doubt is refused, with its line.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterator
from typing import IO, NoReturn

from contracts.errors import FileRejected

# A gzip of 1 MB holds a thousand times as many, and reading those takes minutes.
MOST_BLANK_LINES = 1_000_000
MOST_FIELDS = 20_000  # Spark gives up beyond 20,480 (its option maxColumns)
LONGEST_LINE = 1024 * 1024  # characters; also keeps a file without any line break out of memory
LONGEST_RECORD = 4 * LONGEST_LINE  # characters over all lines of a record
# Characters; the default of Python's csv.field_size_limit, which nothing here changes.
LONGEST_FIELD = 128 * 1024
BYTE_ORDER_MARK = "\ufeff"
# What Java's trim removes: Spark takes a line of nothing else for a blank one.
BLANKS_OF_A_LINE = "".join(chr(code) for code in range(ord(" ") + 1))


def read(stream: IO[bytes], *, delimiter: str, gzipped: bool) -> Iterator[tuple[int, list[str]]]:
    """(number, values) of each record; number 0 is the header, the first data record is 1.

    Raises FileRejected (malformed_csv) for a record that is not CSV, which no file that intake
    accepted has.
    """
    plain = gzip.GzipFile(fileobj=stream, mode="rb") if gzipped else stream
    text = io.TextIOWrapper(plain, encoding="utf-8", newline="")
    yield from enumerate(Records(text.readline, delimiter))


class Records:
    """Records that are not blank, header included, and what their lines look like.

    A record is blank when it is one line of nothing but white space, as Spark sees it too when it
    reads line by line. `readline` takes the most characters to return, and keeps line ends as they
    are. Iterating raises FileRejected (malformed_csv) with the line.
    """

    def __init__(self, readline: Callable[[int], str], delimiter: str) -> None:
        self.spans_lines = False
        self._readline = readline
        self._delimiter = delimiter
        self._line = ""
        self._record_line = 1
        self._record_characters = 0
        self._line_ends: dict[str, int] = {}  # line end -> first line that has it
        self._white_line: int | None = None  # first line of white space only that is not empty
        self._blank_lines = 0

    def __iter__(self) -> Iterator[list[str]]:
        reader = csv.reader(self._lines(), delimiter=self._delimiter, strict=True)
        before = 0
        while True:
            self._record_line, self._record_characters = before + 1, 0
            try:
                record = next(reader, None)
            except csv.Error as error:
                _malformed(before + 1, f"is not CSV: {error}")
            if record is None:
                return
            lines, before = reader.line_num - before, reader.line_num
            self._line_ends.setdefault(self._line[len(self._line.rstrip("\r\n")) :], before)
            self.spans_lines = self.spans_lines or lines > 1
            if lines == 1 and not self._line.strip(BLANKS_OF_A_LINE):
                self._note_blank(before)
                continue
            if len(record) > MOST_FIELDS:
                _malformed(before, f"has {len(record)} fields, more than {MOST_FIELDS}")
            yield record

    def refuse_doubt(self) -> None:
        """Refuse a file with values that span lines when two readers could split it differently.

        Measured with Spark 4.1.1: its multi-line reader takes the first line end for the only one,
        and a line of white space for a record; Python's csv does neither.
        """
        if not self.spans_lines:
            return
        if self._white_line:
            _malformed(
                self._white_line, "is only white space, in a file whose quoted values span lines"
            )
        first, *others = ((end, line) for end, line in self._line_ends.items() if end)
        for end, line in others:
            _malformed(
                line,
                f"ends with {end!r}, earlier ones with {first[0]!r}, and quoted values span lines",
            )

    def _note_blank(self, line: int) -> None:
        if self._line.strip("\r\n"):
            self._white_line = self._white_line or line
        self._blank_lines += 1
        if self._blank_lines > MOST_BLANK_LINES:
            _malformed(line, f"is blank, as are {MOST_BLANK_LINES} before it")

    def _lines(self) -> Iterator[str]:
        number = 0
        while line := self._readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE and not line.endswith(("\n", "\r")):
                _malformed(number, f"has more than {LONGEST_LINE} characters in a line")
            self._record_characters += len(line)
            if self._record_characters > LONGEST_RECORD:
                _malformed(
                    self._record_line,
                    f"goes on for more than {LONGEST_RECORD} characters; a quote may not be closed",
                )
            self._line = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
            yield self._line


def _malformed(line: int, problem: str) -> NoReturn:
    raise FileRejected("malformed_csv", f"the record at line {line} {problem}")
