"""How personal data is protected: the one definition that jobs (as Spark columns) and tools (as Python) share.

A token is HMAC-SHA256 under a key that only the jobs' role and the operators may read, never a bare hash: names and
e-mail addresses are few enough to be guessed and hashed by anybody. The same text gives the same token in every
dataset, so that tables can still be joined; null stays null. Source: RFC 2104; NIST FIPS 198-1.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Literal, assert_never

PiiTreatment = Literal["hash", "mask", "drop"]
HIDDEN = "***"


def stored_type(kind: str, treatment: PiiTreatment | None) -> str | None:
    """What a processed table keeps of a column of type `kind`; None for one that is dropped."""
    match treatment:
        case None:
            return kind
        case "hash" | "mask":
            return "string"
        case "drop":
            return None
        case _:
            assert_never(treatment)


def token(key: bytes, text: str) -> str:
    """The token of a text, as rows.grammar.subject_text gives it: 64 lower-case hex digits."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def masked(text: str) -> str:
    """The first character and `***`, whatever the length, so that the length says nothing."""
    return text[:1] + HIDDEN
