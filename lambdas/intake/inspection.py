"""One pass over a file's bytes: hash, size, encoding, CSV form, header and number of records, in constant memory.

Records are counted with Python's csv module on purpose: the Spark job counts them again with another parser, and the
gate compares the two. Everything that cannot be counted without doubt is rejected here, with the place.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from contracts.errors import FileRejected
from lambdas.intake.headers import HeaderRule

CHUNK_BYTES = 1024 * 1024
MOST_BLANK_LINES = 1_000_000  # a gzip of 1 MB holds a thousand times as many, and reading those takes minutes
MOST_FIELDS = 20_000  # Spark gives up beyond 20,480 (its option maxColumns)
LONGEST_LINE = 1024 * 1024  # characters; also what keeps a file without any line break out of memory
LONGEST_RECORD = 4 * LONGEST_LINE  # characters over all its lines; a quoted value may span as many as it likes
LONGEST_FIELD = 128 * 1024  # characters; the default of Python's csv.field_size_limit, which nothing here changes
GZIP_FORMAT = 31  # zlib: 16 for a gzip header, 15 for its largest window
BYTE_ORDER_MARK = "\ufeff"
BLANKS = "".join(chr(code) for code in range(ord(" ") + 1))  # what Java's trim removes, so that Spark agrees
# First bytes of what people send instead of a UTF-8 text.
OTHER_FORMATS = (
    (b"\x1f\x8b", "it begins like a gzip file; its name should end with .csv.gz"),
    (b"PK\x03\x04", "it begins like a zip or Excel file; save it as CSV UTF-8"),
    (b"\xff\xfe", "it begins like a UTF-16 text; save it as CSV UTF-8"),
    (b"\xfe\xff", "it begins like a UTF-16 text; save it as CSV UTF-8"),
)


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What is known of an acceptable file.

    `row_count` leaves out the header and blank lines. `spans_lines`: a quoted value holds a line break, so that whoever
    splits the file at line breaks would count too many records.
    """

    sha256: str
    size_bytes: int
    row_count: int
    header: tuple[str, ...]
    spans_lines: bool


def inspect(chunks: Iterable[bytes], rule: HeaderRule, *, gzipped: bool) -> Inspection:
    """Read all of `chunks`, the bytes of a file as it was delivered.

    The contract's `max_bytes` limits them both as delivered and, of a gzip file, as decompressed: reading stops there.

    Raises FileRejected with reason empty_file, too_large, bad_gzip, nul_byte, not_utf8, malformed_csv, header_mismatch
    or no_rows.
    """
    contract = rule.contract
    delivered = _Delivered(contract.intake.max_bytes)
    plain = _gunzipped(delivered.watch(chunks), contract.intake.max_bytes) if gzipped else delivered.watch(chunks)
    records = _Records(_readline_of(_Text().watch(plain)), contract.intake.delimiter)
    header, row_count = _count(records, rule)
    return Inspection(
        sha256=delivered.digest.hexdigest(),
        size_bytes=delivered.size_bytes,
        row_count=row_count,
        header=header,
        spans_lines=records.spans_lines,
    )


class _Delivered:
    """Hash and size of the bytes as delivered."""

    def __init__(self, max_bytes: int) -> None:
        self.digest = hashlib.sha256()
        self.size_bytes = 0
        self._max_bytes = max_bytes

    def watch(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.digest.update(chunk)
            self.size_bytes += len(chunk)
            if self.size_bytes > self._max_bytes:
                raise too_large(self._max_bytes, "")
            yield chunk
        if self.size_bytes == 0:
            raise FileRejected("empty_file", "the file has 0 bytes")


class _Text:
    """Checks that bytes are UTF-8 without NUL."""

    def __init__(self) -> None:
        self._first_bytes = b""
        self._offset = 0

    def watch(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder("utf-8")()
        for chunk in chunks:
            self._first_bytes = (self._first_bytes + chunk[:4])[:4]
            nul = chunk.find(b"\0")
            self._refuse_undecodable(decoder, chunk if nul < 0 else chunk[:nul], final=False)
            if nul >= 0:
                detail = f"byte {self._offset + nul} is NUL, so this is no text file{self._hint()}"
                raise FileRejected("nul_byte", detail)
            self._offset += len(chunk)
            yield chunk
        self._refuse_undecodable(decoder, b"", final=True)

    def _refuse_undecodable(self, decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool) -> None:
        held_back = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            offset = self._offset - held_back + error.start
            bad = error.object[error.start]
            detail = f"byte {offset} (0x{bad:02x}) is not UTF-8: {error.reason}{self._hint()}"
            raise FileRejected("not_utf8", detail) from error

    def _hint(self) -> str:
        found = next((hint for start, hint in OTHER_FORMATS if self._first_bytes.startswith(start)), None)
        return f"; {found}" if found else ""


def too_large(max_bytes: int, what: str) -> FileRejected:
    """The rejection of a file beyond the contract's limit."""
    return FileRejected("too_large", f"the file{what} has more than the {max_bytes} bytes that the contract allows")


def _gunzipped(chunks: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    """The content of one or more gzip members, never more than CHUNK_BYTES at a time."""
    member = zlib.decompressobj(GZIP_FORMAT)
    begun = False
    produced = 0
    for chunk in chunks:
        pending = chunk
        while pending:
            if member.eof:
                member = zlib.decompressobj(GZIP_FORMAT)
            piece = _decompress(member, pending, produced)
            begun = True
            produced += len(piece)
            if produced > max_bytes:
                raise too_large(max_bytes, ", once decompressed,")
            pending = member.unused_data if member.eof else member.unconsumed_tail
            if piece:
                yield piece
    while begun and not member.eof:
        piece = _decompress(member, b"", produced)
        if not piece:
            raise FileRejected("bad_gzip", f"the gzip data breaks off after {produced} decompressed bytes")
        produced += len(piece)
        yield piece
    if produced == 0:
        raise FileRejected("empty_file", "the gzip file holds 0 bytes")


def _decompress(member: zlib._Decompress, data: bytes, produced: int) -> bytes:
    try:
        return member.decompress(data, CHUNK_BYTES)
    except zlib.error as error:
        raise FileRejected("bad_gzip", f"not gzip after {produced} decompressed bytes: {error}") from error


class _Stream(io.RawIOBase):
    """Bytes from an iterator as a readable stream."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        taken = min(len(buffer), len(self._rest))
        buffer[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken


def _readline_of(chunks: Iterator[bytes]) -> Callable[[int], str]:
    stream: io.RawIOBase = _Stream(chunks)
    # newline="" leaves line ends as they are: inside quotes they belong to the value.
    return io.TextIOWrapper(io.BufferedReader(stream, CHUNK_BYTES), encoding="utf-8", newline="").readline


def _count(records: _Records, rule: HeaderRule) -> tuple[tuple[str, ...], int]:
    every = iter(records)
    header = next(every, None)
    if header is None:
        raise FileRejected("empty_file", "the file has only blank lines")
    rule.require(header)
    row_count = sum(1 for _ in every)
    if row_count == 0:
        raise FileRejected("no_rows", "the file has a header and no rows")
    records.refuse_doubt()
    return tuple(header), row_count


class _Records:
    """Records that are not blank, and what their lines look like.

    A record is blank when it is one line of nothing but white space, as Spark sees it too when it reads line by line.
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
            if lines == 1 and not self._line.strip(BLANKS):
                if self._line.strip("\r\n"):
                    self._white_line = self._white_line or before
                self._blank_lines += 1
                if self._blank_lines > MOST_BLANK_LINES:
                    _malformed(before, f"is blank, as are {MOST_BLANK_LINES} before it")
                continue
            if len(record) > MOST_FIELDS:
                _malformed(before, f"has {len(record)} fields, more than {MOST_FIELDS}")
            yield record

    def refuse_doubt(self) -> None:
        """Refuse a file with values that span lines when two readers could split it into different records.

        Measured with Spark 4.1.1: its multi-line reader takes the first line end for the only one, and a line of white
        space for a record; Python's csv does neither.
        """
        if not self.spans_lines:
            return
        if self._white_line:
            _malformed(self._white_line, "is only white space, in a file whose quoted values span lines")
        first, *others = ((end, line) for end, line in self._line_ends.items() if end)
        for end, line in others:
            _malformed(line, f"ends with {end!r}, earlier ones with {first[0]!r}, and quoted values span lines")

    def _lines(self) -> Iterator[str]:
        number = 0
        while line := self._readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE and not line.endswith(("\n", "\r")):
                _malformed(number, f"has more than {LONGEST_LINE} characters in a line")
            self._record_characters += len(line)
            if self._record_characters > LONGEST_RECORD:
                _malformed(
                    self._record_line, f"goes on for more than {LONGEST_RECORD} characters; a quote may not be closed"
                )
            self._line = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
            yield self._line


def _malformed(line: int, problem: str) -> NoReturn:
    raise FileRejected("malformed_csv", f"the record at line {line} {problem}")
