"""One pass over a file's bytes: hash, size, encoding, CSV form, header and number of records, in constant memory.

Records are counted with Python's csv module on purpose: the Spark job counts them again with another parser, and the
gate compares the two. Everything that cannot be counted without doubt is rejected here, with the place.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import itertools
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.errors import FileRejected
from contracts.fields import Fields
from contracts.records import Records
from lambdas.intake import hints
from lambdas.intake.headers import HeaderRule

CHUNK_BYTES = 1024 * 1024
GZIP_FORMAT = 31  # zlib: 16 for a gzip header, 15 for its largest window


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What is known of an acceptable file.

    `row_count` leaves out the header and blank lines. `spans_lines`: a quoted value holds a line break, so that whoever
    splits the file at line breaks would count too many records. `header` has a name for every field of a sound record,
    an empty one where the header has none; `notes` are sentences about fields that were skipped and lose nothing.
    `checksum` is that of the bytes as delivered, if one was asked for.
    """

    sha256: str
    size_bytes: int
    row_count: int
    header: tuple[str, ...]
    spans_lines: bool
    notes: tuple[str, ...] = ()
    checksum: str | None = None


def inspect(
    chunks: Iterable[bytes],
    rule: HeaderRule,
    *,
    gzipped: bool,
    checksum: hashlib._Hash | None = None,
) -> Inspection:
    """Read all of `chunks`, the bytes of a file as it was delivered; `checksum` is given them too.

    The contract's `max_bytes` limits them both as delivered and, of a gzip file, as decompressed: reading stops there.

    Raises FileRejected with reason empty_file, too_large, bad_gzip, nul_byte, not_utf8, malformed_csv, header_mismatch
    or no_rows.
    """
    contract = rule.contract
    digests = [checksum] if checksum else []
    delivered = _Delivered(contract.intake.max_bytes, digests)
    plain = (
        _gunzipped(delivered.watch(chunks), contract.intake.max_bytes)
        if gzipped
        else delivered.watch(chunks)
    )
    head, plain = _peeked(plain)
    records = Records(_readline_of(_Text(head).watch(plain)), contract.intake.delimiter)
    fields, row_count = _count(records, rule)
    return Inspection(
        sha256=delivered.digest.hexdigest(),
        size_bytes=delivered.size_bytes,
        row_count=row_count,
        header=fields.names,
        spans_lines=records.spans_lines,
        notes=tuple(fields.notes()),
        checksum=checksum.hexdigest() if checksum else None,
    )


class _Delivered:
    """Hash and size of the bytes as delivered."""

    def __init__(self, max_bytes: int, others: Sequence[hashlib._Hash]) -> None:
        self.digest = hashlib.sha256()
        self._digests = (self.digest, *others)
        self.size_bytes = 0
        self._max_bytes = max_bytes

    def watch(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            for digest in self._digests:
                digest.update(chunk)
            self.size_bytes += len(chunk)
            if self.size_bytes > self._max_bytes:
                raise too_large(self._max_bytes, "")
            yield chunk
        if self.size_bytes == 0:
            raise FileRejected("empty_file", "the file has 0 bytes")


class _Text:
    """Checks that bytes are UTF-8 without NUL; `head` are the first of them."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._offset = 0

    def watch(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder("utf-8")()
        for chunk in chunks:
            nul = chunk.find(b"\0")
            self._refuse_undecodable(decoder, chunk if nul < 0 else chunk[:nul], final=False)
            if nul >= 0:
                detail = f"byte {self._offset + nul} is NUL, so this is not a text file{hints.of_bytes(self._head)}"
                raise FileRejected("nul_byte", detail)
            self._offset += len(chunk)
            yield chunk
        self._refuse_undecodable(decoder, b"", final=True)

    def _refuse_undecodable(
        self, decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool
    ) -> None:
        held_back = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            offset = self._offset - held_back + error.start
            bad = error.object[error.start]
            is_cut = error.reason == "unexpected end of data"
            hint = hints.of_bytes(self._head) if is_cut else hints.of_undecodable(self._head, bad)
            detail = f"byte {offset} (0x{bad:02x}) is not UTF-8: {error.reason}{hint}"
            raise FileRejected("not_utf8", detail) from error


def too_large(max_bytes: int, what: str) -> FileRejected:
    """The rejection of a file beyond the contract's limit."""
    return FileRejected(
        "too_large", f"the file{what} has more than the {max_bytes} bytes that the contract allows"
    )


def _gunzipped(chunks: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    """The content of one or more gzip members, never more than CHUNK_BYTES at a time."""
    head, chunks = _peeked(chunks)
    member = zlib.decompressobj(GZIP_FORMAT)
    begun = False
    produced = 0
    for chunk in chunks:
        pending = chunk
        while pending:
            if member.eof:
                member = zlib.decompressobj(GZIP_FORMAT)
            piece = _decompress(member, pending, produced, head)
            begun = True
            produced += len(piece)
            if produced > max_bytes:
                raise too_large(max_bytes, ", once decompressed,")
            pending = member.unused_data if member.eof else member.unconsumed_tail
            if piece:
                yield piece
    while begun and not member.eof:
        piece = _decompress(member, b"", produced, head)
        if not piece:
            raise FileRejected(
                "bad_gzip", f"the gzip data breaks off after {produced} decompressed bytes"
            )
        produced += len(piece)
        yield piece
    if produced == 0:
        raise FileRejected("empty_file", "the gzip file holds 0 bytes")


def _peeked(chunks: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, of which hints speak, and all of the chunks."""
    every = iter(chunks)
    taken: list[bytes] = []
    while sum(map(len, taken)) < hints.HEAD_BYTES and (chunk := next(every, None)) is not None:
        taken.append(chunk)
    return b"".join(taken)[: hints.HEAD_BYTES], itertools.chain(taken, every)


def _decompress(member: zlib._Decompress, data: bytes, produced: int, head: bytes) -> bytes:
    try:
        return member.decompress(data, CHUNK_BYTES)
    except zlib.error as error:
        why = _in_words(error, produced) + ("" if produced else hints.of_no_gzip(head))
        raise FileRejected(
            "bad_gzip", f"not gzip after {produced} decompressed bytes: {why}"
        ) from error


def _in_words(error: zlib.error, produced: int) -> str:
    """What is wrong, for people who do not know zlib."""
    if "header check" not in str(error):
        return "the compressed data is damaged"
    return (
        "other bytes follow the end of the compressed data"
        if produced
        else "the file is not compressed by gzip"
    )


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
    return io.TextIOWrapper(
        io.BufferedReader(stream, CHUNK_BYTES), encoding="utf-8", newline=""
    ).readline


def _count(records: Records, rule: HeaderRule) -> tuple[Fields, int]:
    every = iter(records)
    header = next(every, None)
    if header is None:
        raise FileRejected("empty_file", "the file has only blank lines")
    rule.require(header)
    fields = Fields(header)
    row_count = fields.count(every)
    if row_count == 0:
        raise FileRejected("no_rows", "the file has a header and no rows")
    records.refuse_doubt()
    rule.require_names(fields)
    return fields, row_count
