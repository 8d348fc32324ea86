"""Which field of a file belongs to which contract column, and which files can be read together.

Files with the same order of columns and the same need for a quote-aware reader form one layout: a quote-free file can
be split among executors, a quoted one may hold line breaks inside a field and must be read from its start.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from contracts import model
from contracts.errors import FileRejected
from glue_jobs.batch import BatchFile


@dataclass(frozen=True)
class Layout:
    """Contract column of each field, in the file's order; None for a field that the contract ignores."""

    columns: tuple[str | None, ...]
    has_quotes: bool

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names that a reader gives the fields; positions, since ignored headers may repeat."""
        return tuple(f"field_{position}" for position in range(len(self.columns)))


def by_layout(contract: model.Contract, files: Iterable[BatchFile]) -> dict[Layout, list[BatchFile]]:
    """Group files that can be read together.

    Raises FileRejected when a header does not fit the contract, which intake should have seen.
    """
    found: dict[Layout, list[BatchFile]] = {}
    for file in files:
        found.setdefault(Layout(_columns(contract, file), file.has_quotes), []).append(file)
    return found


def _columns(contract: model.Contract, file: BatchFile) -> tuple[str | None, ...]:
    known = {model.normalized_header(column.source_name): column.name for column in contract.columns}
    ignored = {model.normalized_header(name) for name in contract.intake.ignored_headers}
    names = [model.normalized_header(name) for name in file.header]
    unknown = [name for name in names if name not in known and name not in ignored]
    columns = [known.get(name) for name in names]
    used = [name for name in columns if name]
    missing = sorted(set(known.values()) - set(used))
    repeated = sorted({name for name in used if used.count(name) > 1})
    if unknown or missing or repeated:
        found = f"unknown {unknown}, missing {missing}, repeated {repeated} in header {list(file.header)}"
        raise FileRejected("header_mismatch", f"{file.raw_uri}: {found}")
    return tuple(columns)
