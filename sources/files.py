"""Files of somebody else's system: what a bucket and an SFTP server have in common.

A file is what its path and its version say: the version changes whenever the content may have, so that each is taken
once, and one that changes while it is read is noticed.
"""

from __future__ import annotations

import hashlib
import heapq
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

# Of one listing are taken at once; a file is some 500 bytes, so 5 MB. What is left is listed again after them.
MOST_AT_ONCE = 10_000
MOST_LISTED = 1_000_000  # at 1,000 an answer and 10 a second, less than two minutes
LONGEST_NAME = 100  # characters of a name that are kept in landing


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteFile:
    """A file as it was listed. `modified_at` is ISO 8601 in UTC, by the clock of the other system."""

    path: str
    size_bytes: int
    modified_at: str
    version: str

    @property
    def name(self) -> str:
        """The path after its last slash."""
        return self.path.rpartition("/")[2]

    @property
    def key(self) -> str:
        """Names this version of this file: the same whenever it is fetched."""
        identity = f"{self.path}\n{self.version}"
        return hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:16]


class RemoteFiles(Protocol):
    """One place of files.

    Everything raises TryLater for what may pass, SourceFailed when no file can be had, FileRefused and FileChanged for
    the one file that was asked for.
    """

    @property
    def quiet_seconds(self) -> float:
        """How long a file must not have changed to count as whole; 0 where files appear whole."""

    @property
    def puts_away(self) -> bool:
        """Whether a file that was delivered does not stay where it was."""

    def place(self, file: RemoteFile) -> str:
        """Where the file is, as a URL."""

    def listed(self) -> Iterator[RemoteFile]:
        """Every file that the description wants, in any order."""

    def read(self, file: RemoteFile, start: int, length: int) -> bytes:
        """That part of exactly this version."""

    def confirm(self, file: RemoteFile) -> None:
        """Raise FileChanged unless the file still is as it was listed."""

    def put_away(self, file: RemoteFile) -> None:
        """What the description wants to be done with a file that was delivered."""

    def close(self) -> None:
        """End every connection."""


def is_wanted(name: str, patterns: Iterable[str]) -> bool:
    """Whether the name of a file is like one of the patterns; capitals count."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def oldest(files: Iterable[RemoteFile], most: int) -> list[RemoteFile]:
    """The `most` that changed longest ago, the oldest first: of two files with one row the newer must come last."""
    return heapq.nsmallest(most, files, key=lambda file: (file.modified_at, file.path))


def plain_name(name: str) -> str:
    """A name as it may stand in a key of landing: other characters become _, and of a long one the end is kept."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[-LONGEST_NAME:]
