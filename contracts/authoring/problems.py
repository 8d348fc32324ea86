"""A mistake in a contract: where it is, what is there, what would be right.

Mistakes are values, not exceptions, so that one check reports all of them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

Path = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True, order=True)
class Problem:
    """One mistake. `file` starts with the datasets folder; `line` counts from 1; `field` is a dotted path."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}: {self.message}"


def dotted(path: Path) -> str:
    """('schema', 0, 'name') as schema[0].name; the empty path as (document)."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "(document)"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """'; did you mean x?' for the nearest known name, otherwise the list of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}"
