"""The keys that a table had when it was read last, and which of them are gone.

They are kept beside the state of the source, in items of DynamoDB (400 KB at most), in one of two generations: what
the state names stays until an extract has ended that names the other. Compared are hashes of eight bytes, so that
millions fit into a function: of five million keys two are alike once in a million times, and a row that is gone would
then not be noticed.
"""

from __future__ import annotations

import hashlib
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sources.errors import SourceFailed

PIECE_BYTES = 300_000  # of keys, which as a rule are a tenth when packed. Source: DynamoDB, "Service quotas", 400 KB
BATCH_BYTES = 30_000  # psycopg gives each row by itself
MOST_KEYS = 5_000_000
MOST_NAMED = 3
GENERATIONS = ("a", "b")


@dataclass(frozen=True, kw_only=True)
class KnownKeys:
    """Which keys are kept: of which extract, in how many items of which generation."""

    fetch_id: str
    generation: str
    pieces: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class Vanished:
    """How many of the rows that were known are gone, and some of their keys."""

    rows: int
    known: int
    named: tuple[str, ...]

    @property
    def share(self) -> float:
        """Of the rows that were known."""
        return self.rows / self.known if self.known else 0.0


@dataclass(kw_only=True)
class KeysRead:
    """The keys of a table, taken as bytes while they come; each line is a key."""

    keep: Callable[[bytes], None]
    table: str
    hashes: array[int] = field(default_factory=lambda: array("Q"))
    _rest: bytearray = field(default_factory=bytearray)

    def take(self, block: bytes) -> None:
        """Some bytes, as a rule one key. Raises SourceFailed for more keys than can be compared."""
        self._rest += block
        if len(self._rest) >= BATCH_BYTES:
            self._hash_whole_keys()

    def finish(self) -> None:
        """Nothing more comes."""
        self._hash_whole_keys()

    def _hash_whole_keys(self) -> None:
        end = self._rest.rfind(b"\n") + 1
        lines = bytes(self._rest[:end])
        self.hashes.extend([_hash(line) for line in lines.splitlines()])
        if self.rows > MOST_KEYS:
            raise SourceFailed(
                f"{self.table} has more than {MOST_KEYS:,} rows, which is the most whose keys are compared; leave out"
                " postgres.maxDeletedShare, and mark rows as deleted in a column"
            )
        self.keep(lines)
        del self._rest[:end]

    @property
    def rows(self) -> int:
        """How many keys came."""
        return len(self.hashes)

    def missing(self, before: Iterable[bytes], known: int) -> Vanished:
        """Which of the keys in `before`, packed as `keep` got them, did not come."""
        now, gone, named = array("Q", sorted(self.hashes)), 0, list[str]()
        for piece in before:
            for line in piece.splitlines():
                if not _holds(now, _hash(line)):
                    gone += 1
                    named += [line.decode().replace("\t", ", ")] if len(named) < MOST_NAMED else []
        return Vanished(rows=gone, known=known, named=tuple(named))


@dataclass(kw_only=True)
class KeyPieces:
    """Writes one generation of keys, an item at a time, over a boto3 Table."""

    table: Any
    source: str
    generation: str
    pieces: int = 0
    _waiting: bytearray = field(default_factory=bytearray)

    def keep(self, lines: bytes) -> None:
        """Whole keys."""
        self._waiting += lines
        if len(self._waiting) >= PIECE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            item = _key(self.source, self.generation, self.pieces)
            self.table.put_item(Item={**item, "keys": zlib.compress(bytes(self._waiting))})
            self.pieces += 1
            self._waiting.clear()


def pieces(table: Any, source: str, known: KnownKeys) -> Iterator[bytes]:
    """The keys that are kept, some at a time."""
    for number in range(known.pieces):
        key = _key(source, known.generation, number)
        item = table.get_item(Key=key, ConsistentRead=True)["Item"]
        yield zlib.decompress(bytes(item["keys"]))


def other_generation(known: KnownKeys | None) -> str:
    """Where the next extract writes, so that what is known stays until it has ended."""
    return (
        GENERATIONS[1]
        if known is not None and known.generation == GENERATIONS[0]
        else GENERATIONS[0]
    )


def _key(source: str, generation: str, number: int) -> dict[str, str]:
    return {"source": source, "entry": f"keys#{generation}#{number:05}"}


def _hash(line: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(line, digest_size=8).digest())


def _holds(sorted_hashes: array[int], value: int) -> bool:
    place = bisect_left(sorted_hashes, value)
    return place < len(sorted_hashes) and sorted_hashes[place] == value
