"""Characters that nobody sees: what is no part of a value, and how messages show the rest.

Data, not code, as far as possible: the jobs build Spark's and DuckDB's expressions from it. Both
constants are bodies of a character class that Python, Java and RE2 read alike.
"""

from __future__ import annotations

import re

# Trimmed from both ends of values and header names. Beyond ASCII: no-break space (spreadsheets),
# figure space and narrow no-break space (number formats), ideographic space, zero-width space,
# joiners, byte order mark (joined files).
BLANKS = " \t\r\n\u00a0\u2007\u202f\u3000\u200b\u200c\u200d\ufeff"
BYTE_ORDER_MARK = "\ufeff"  # also removed inside: joined files have one in the middle
# Control characters, every space but the ASCII one, and format characters. Source: Unicode 15.1,
# general categories Cc, Cf, Zs, Zl and Zp, below U+10000.
INVISIBLE = (
    r"\x01-\x1f\x7f-\x9f"
    "\u00a0\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u1680\u180e"
    "\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ufff9-\ufffb"
)
QUOTE = '"'
_INVISIBLE = re.compile(f"[{INVISIBLE}]")


def cleaned(text: str) -> str:
    """The value that a field holds: without blanks around it and byte order marks in it."""
    return text.replace(BYTE_ORDER_MARK, "").strip(BLANKS)


def is_quoted(value: str) -> bool:
    """Whether a cleaned value begins and ends with a quote that CSV has left in it."""
    return value.startswith(QUOTE) and value.endswith(QUOTE)


def unquoted(value: str) -> str:
    """A cleaned value without the quotes that CSV has left around it."""
    return cleaned(value[1:-1]) if is_quoted(value) else value


def escaped(text: str) -> str:
    """`text` with invisible characters as \\u escapes, such as \\u00a0."""
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def shortened(text: str, length: int) -> str:
    """`text`, cut to `length` characters with `...` at the end when it is longer."""
    return text if len(text) <= length else text[: length - 3] + "..."


def shown(text: str, length: int) -> str:
    """A text in quotes as a message shows it: shortened, invisible characters as \\u escapes."""
    return f"'{escaped(shortened(text, length))}'"
