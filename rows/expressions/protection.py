"""Personal data as what the tables keep of it (contracts.personal_data), without Python per row.

HMAC-SHA256 is two hashes over the key's two pads (RFC 2104, section 2). The pads come as columns of a relation of one
row, not as literals: plans, logs and event logs print literals, and of a relation only the names of its columns.
"""

from __future__ import annotations

import hashlib
from typing import assert_never

from contracts import model
from contracts.errors import PermanentError
from contracts.personal_data import HIDDEN
from rows.columns import bare_name, text_name
from rows.dialect import Dialect
from rows.expressions import values

BLOCK_BYTES = 64  # of SHA-256. Source: FIPS 180-4, figure 1
LEAST_KEY_BYTES = 32  # RFC 2104, section 3: a key shorter than the hash's output weakens it


def pads(key: bytes) -> tuple[bytes, bytes]:
    """The inner and the outer pad of a key. Raises PermanentError when the key is too short to keep anything secret."""
    if len(key) < LEAST_KEY_BYTES:
        raise PermanentError(
            f"the key for personal data has {len(key)} bytes, at least {LEAST_KEY_BYTES} are needed; put a new value "
            "into the secret before anything is loaded: tokens of another key do not match"
        )
    block = (hashlib.sha256(key).digest() if len(key) > BLOCK_BYTES else key).ljust(
        BLOCK_BYTES, b"\0"
    )
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


def needs_key(contract: model.Contract) -> bool:
    """Whether a column becomes tokens."""
    return any(column.pii == "hash" for column in contract.columns)


def is_kept(column: model.Column) -> bool:
    """Whether a table keeps something in place of the personal data of this column."""
    return column.pii in ("hash", "mask")


def bare(dialect: Dialect, column: model.Column) -> str:
    """The trimmed text without quotes around it: a refused record is the person's, too."""
    return values.unquoted(dialect, dialect.name(text_name(column.name)))


def kept(dialect: Dialect, column: model.Column) -> str:
    """What is kept of a hashed or masked column, on a relation with `bare` as `bare_name`; null stays null."""
    text = _written(dialect, column)
    match column.pii:
        case "hash":
            return dialect.token(text)
        case "mask":  # equals contracts.personal_data.masked
            return f"substring({text}, 1, 1) || {dialect.text(HIDDEN)}"
        case "drop" | None:
            raise ValueError(f"nothing is kept in place of column {column.name!r}")
        case _:
            assert_never(column.pii)


def _written(dialect: Dialect, column: model.Column) -> str:
    """The text that is protected: of equal values the same, however they were written (7 and "+007" for an int).

    Another type than string is cast to string (12.50, 2024-05-31, true); what does not parse, and every string, is its
    bare text. Equals rows.grammar.subject_text.
    """
    text = dialect.name(bare_name(column.name))
    if column.type == "string":
        return text
    value = values.value(dialect, column, text)
    return f"coalesce(CAST({value} AS {dialect.type('string')}), {text})"
