"""`hostile_files(seed, count)`: distinct files that a partner may send by mistake or malice, each with its fates.

Kinds take turns, and each kind walks through its variants, so that a short set already holds every kind. Nothing here
knows the pipeline: what must become of a file follows from how it was made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sample_data.hostile_bytes import BYTE_KINDS
from sample_data.hostile_draw import Build, Draw, Made
from sample_data.hostile_keys import FOLDER, KEY_KINDS
from sample_data.hostile_shapes import SHAPE_KINDS
from sample_data.hostile_values import VALUE_KINDS

KINDS: dict[str, Build] = BYTE_KINDS | SHAPE_KINDS | VALUE_KINDS | KEY_KINDS


@dataclass(frozen=True, kw_only=True)
class HostileFile:
    """One file: where it is put in the landing bucket, how it was made, and what may become of it."""

    kind: str
    key: str
    made: Made

    @property
    def body(self) -> bytes:
        """The bytes as delivered."""
        return self.made.body


def hostile_files(seed: int, count: int) -> Iterator[HostileFile]:
    """`count` files with different keys and contents; the same arguments give the same files."""
    names = list(KINDS)
    for number in range(count):
        kind = names[number % len(names)]
        made = KINDS[kind](Draw(seed=seed, number=number, turn=number // len(names)))
        key = made.key or FOLDER + (made.file_name or f"h{number:05d}_{kind}.csv")
        yield HostileFile(kind=kind, key=key, made=made)
