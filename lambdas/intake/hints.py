"""What a file that does not fit plainly is, in words that say what to do; only what its first bytes and line show.

A hint never decides: it is added to a rejection that was made without it. It shows no value of the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from contracts.headers import normalized_header
from contracts.model import Contract
from contracts.texts import escaped

HEAD_BYTES = 8  # as many as the longest beginning below
SAVE = "save it as CSV UTF-8"
# First bytes of what people send instead of a UTF-8 text. Source: the formats' own specifications.
OTHER_FORMATS = (
    (b"\x1f\x8b", "a gzip file; its name should end with .csv.gz"),
    (b"PK\x03\x04", f"a zip or Excel file; {SAVE}"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", f"an Excel or Word file of before 2007; {SAVE}"),
    (b"PAR1", f"a Parquet file; {SAVE}"),
    (b"Obj\x01", f"an Avro file; {SAVE}"),
    (b"ORC", f"an ORC file; {SAVE}"),
    (b"%PDF", f"a PDF; {SAVE}"),
    (b"\xff\xd8\xff", "a picture"),
    (b"BZh", "a bzip2 file; send it as .csv, or compressed by gzip as .csv.gz"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-zip archive; send it as .csv, or compressed by gzip as .csv.gz"),
    (b"\xff\xfe", f"a UTF-16 text; {SAVE}"),
    (b"\xfe\xff", f"a UTF-16 text; {SAVE}"),
)
DELIMITERS = {";": "semicolons", ",": "commas", "\t": "tabs", "|": "vertical bars"}
# Besides letters, what texts of Windows have beyond ASCII: euro, dots, quotes, dashes, and a few signs.
SIGNS_OF_WINDOWS = "\u20ac\u2026\u2018\u2019\u201c\u201d\u201e\u2013\u2014\u00a0\u00a3\u00a7\u00ab\u00b0\u00b4\u00bb"
_VALUE = re.compile(r"[+-]?\d[\d.,:/-]*")


def of_bytes(head: bytes) -> str:
    """What begins with these bytes, as the end of a sentence; empty when they say nothing."""
    found = next((hint for start, hint in OTHER_FORMATS if head.startswith(start)), None)
    return f"; it begins like {found}" if found else ""


def of_undecodable(head: bytes, bad: int) -> str:
    """Why a byte may not be UTF-8: another format, or the code page of Windows."""
    if hint := of_bytes(head):
        return hint
    is_text = all(byte >= ord(" ") or byte in b"\t\r\n" for byte in head)
    character = bytes([bad]).decode("cp1252", "ignore")
    if is_text and character and (character.isalpha() or character in SIGNS_OF_WINDOWS):
        return f"; it looks like Windows-1252, where this byte is '{escaped(character)}'; {SAVE}"
    return ""


def of_no_gzip(head: bytes) -> str:
    """What a file whose name says gzip is instead."""
    if hint := of_bytes(head):
        return hint
    is_plain = all(ord(" ") <= byte < 0x7F or byte in b"\t\r\n" for byte in head)
    return (
        "; it begins like a text that is not compressed; its name should end with .csv"
        if is_plain
        else ""
    )


def of_header(contract: Contract, names: Sequence[str]) -> str:
    """What stands where the header should be, when no column of the contract does."""
    first = names[0].strip()
    if first.lower().startswith("sep="):
        return "; the first line is Excel's `sep=`: remove it, the header must be the first line"
    if first.startswith(("{", "[")):
        return "; it begins like JSON; " + SAVE
    if first.startswith("<"):
        return "; it begins like HTML or XML; " + SAVE
    wanted = {normalized_header(column.source_name) for column in contract.columns}
    if any(normalized_header(name) in wanted for name in names):
        return ""
    if other := _other_delimiter(contract, wanted, contract.intake.delimiter.join(names)):
        return other
    if any(_VALUE.fullmatch(name.strip()) for name in names):
        return "; the first line looks like a record: put a line with the names of the columns before it"
    return ""


def _other_delimiter(contract: Contract, wanted: set[str], line: str) -> str:
    for delimiter, called in DELIMITERS.items():
        parts = line.split(delimiter)
        known = sum(normalized_header(part) in wanted for part in parts)
        if delimiter != contract.intake.delimiter and known and 2 * known >= len(parts):
            agreed = DELIMITERS.get(contract.intake.delimiter, repr(contract.intake.delimiter))
            return (
                f"; the columns are separated by {called}, the contract says {agreed}: save it with {agreed},"
                " and with a point before decimals, or change `delimiter` in the contract"
            )
    return ""
