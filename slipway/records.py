"""The records of a raw file, numbered as the pipeline numbers them: the first data record is 1, a blank line is none.

Python's csv module reads them in the dialect in which intake counted them (lambdas/intake/inspection.py, which this
package may not import); tests/unit/slipway/test_records.py holds the two against each other.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from typing import IO

BLANKS = "".join(chr(code) for code in range(ord(" ") + 1))


def read(stream: IO[bytes], *, delimiter: str, gzipped: bool) -> Iterator[tuple[int, list[str]]]:
    """(number, values) of each record of a file that intake accepted; number 0 is the header."""
    plain = gzip.GzipFile(fileobj=stream, mode="rb") if gzipped else stream
    text = io.TextIOWrapper(plain, encoding="utf-8-sig", newline="")
    lines = _Lines(text)
    before = 0
    number = 0
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    for values in reader:
        spanned, before = reader.line_num - before, reader.line_num
        if spanned == 1 and not lines.last.strip(BLANKS):
            continue
        yield number, values
        number += 1


class _Lines:
    """Lines of a text, and the last one that was read."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.last = ""

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self.last = line
            yield line
