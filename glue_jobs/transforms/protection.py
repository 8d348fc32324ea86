"""Personal data as what the tables keep of it (contracts.personal_data), in Spark's own functions: no Python per row.

HMAC-SHA256 is two hashes over the key's two pads (RFC 2104, section 2). The pads come as a frame of one row that is
broadcast, not as literals: plans, logs and event logs print literals, and of a frame only the names of its columns.
"""

from __future__ import annotations

import hashlib
from typing import assert_never

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from contracts import model
from contracts.errors import PermanentError
from contracts.personal_data import HIDDEN
from glue_jobs import parsing
from rows.columns import kept_name, text_name

INNER, OUTER = "_inner_pad", "_outer_pad"
PADS_SCHEMA = f"{INNER} binary, {OUTER} binary"
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


def protected(rows: DataFrame, contract: model.Contract, key_pads: DataFrame | None) -> DataFrame:
    """Add what is kept of each hashed and masked column as `kept_name`; null stays null.

    `key_pads` is one row of PADS_SCHEMA, for contracts with hashed columns.
    """
    if key_pads is not None:
        rows = rows.crossJoin(F.broadcast(key_pads))
    forms = ((column.name, _form(column)) for column in contract.protected_columns)
    return rows.withColumns({kept_name(name): form for name, form in forms if form is not None})


def _form(column: model.Column) -> Column | None:
    """What is kept of a protected column; None when nothing is."""
    match column.pii:
        case "hash":
            return token(written(column))
        case "mask":
            return masked(written(column))
        case "drop" | None:
            return None
        case _:
            assert_never(column.pii)


def written(column: model.Column) -> Column:
    """The text that is protected: of equal values the same, however they were written (7 and "+007" for an int).

    Another type than string is cast to string (12.50, 2024-05-31, true); what does not parse, and every string, is its
    trimmed text without quotes around it: a refused record is the person's, too. Equals rows.grammar.subject_text.
    """
    text = parsing.unquoted(F.col(text_name(column.name)))
    return (
        text
        if column.type == "string"
        else F.coalesce(parsing.value(column, text).cast("string"), text)
    )


def token(text: Column) -> Column:
    """HMAC-SHA256 as hex; on a frame with the pads. Equals contracts.personal_data.token."""
    inner = F.unhex(F.sha2(F.concat(F.col(INNER), text.cast("binary")), 256))
    return F.sha2(F.concat(F.col(OUTER), inner), 256)


def masked(text: Column) -> Column:
    """Equals contracts.personal_data.masked."""
    return F.concat(F.substring(text, 1, 1), F.lit(HIDDEN))
