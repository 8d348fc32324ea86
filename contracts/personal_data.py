"""How personal data is protected: the one definition that jobs (as Spark columns) and tools (as Python) share.

A token is HMAC-SHA256 under a key that only the jobs' role and the operators may read, never a bare hash: names and
e-mail addresses are few enough to be guessed and hashed by anybody. The same text gives the same token in every
dataset, so that tables can still be joined; null stays null. Source: RFC 2104; NIST FIPS 198-1.
"""

from __future__ import annotations

import hashlib
import hmac
import re

HIDDEN = "***"
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")  # what the jobs read as int or bigint
_RANGES = {"int": range(-(2**31), 2**31), "bigint": range(-(2**63), 2**63)}


def written(kind: str, text: str) -> str:
    """The text whose token stands for a value of type `kind` (string, int, bigint): 7 for +007, as an int is written.

    What is no such number, and every string, is its trimmed text.
    """
    is_number = kind in _RANGES and _WHOLE_NUMBER.fullmatch(text) and int(text) in _RANGES[kind]
    return str(int(text)) if is_number else text


def token(key: bytes, text: str) -> str:
    """The token of a text, as `written` gives it: 64 lower-case hex digits."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def masked(text: str) -> str:
    """The first character and `***`, whatever the length, so that the length says nothing."""
    return text[:1] + HIDDEN
