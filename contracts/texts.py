"""How a text is shown to people, wherever it comes from."""

from __future__ import annotations


def shortened(text: str, length: int) -> str:
    """`text`, cut to `length` characters with `...` at the end when it is longer."""
    return text if len(text) <= length else text[: length - 3] + "..."
