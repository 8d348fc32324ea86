"""The few constructs that Spark and DuckDB write differently; all other SQL text of `rows` is read alike by both.

A dialect turns SQL text into SQL text and knows no engine. Regular expressions are those of Java and
RE2 at once (`rows.grammar.portable`), so that one pattern means the same in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

INNER_PAD, OUTER_PAD = "_inner_pad", "_outer_pad"  # columns of the relation that tokens are made on


class Dialect(Protocol):
    """SQL text of one engine. Arguments called `text` are SQL expressions, `value` and `pattern` plain strings."""

    def text(self, value: str) -> str:
        """A string literal."""

    def name(self, name: str) -> str:
        """A column name, quoted."""

    def type(self, kind: str) -> str:
        """A contract's type, as CAST takes it."""

    def lowered(self, text: str) -> str:
        """`text` in small letters; of some beyond ASCII each engine's own, so only to compare with plain words."""

    def trimmed(self, text: str, characters: str) -> str:
        """`text` without any of these characters at its ends."""

    def matches(self, text: str, pattern: str) -> str:
        """Whether the pattern occurs in `text`; null for null."""

    def replaced(self, text: str, pattern: str, by: str) -> str:
        """`text` with every match replaced by the string `by`, which refers to no group."""

    def escaped(self, text: str, characters: str) -> str:
        """`text` with each character of a class (its body) as \\u and four hex digits."""

    def date(self, text: str, date_format: str) -> str:
        """The date that `text`, of the shape of the format, is; null when there is no such day."""

    def timestamp(self, text: str, date_format: str) -> str:
        """The timestamp without a zone that `text`, of the shape of the format, is; null when there is none."""

    def moment(self, timestamp: str) -> str:
        """A timestamp without a zone as text to the microsecond, which sorts like it."""

    def newest(self, value: str, order: str) -> str:
        """An aggregate: `value`, also null, of the row with the greatest `order`; rows without one do not count."""

    def listed(self, items: Sequence[str]) -> str:
        """An array of strings: those of the items that are not null, in their order."""

    def token(self, text: str) -> str:
        """HMAC-SHA256 of `text` as hex, on a relation with INNER_PAD and OUTER_PAD (RFC 2104, section 2)."""
