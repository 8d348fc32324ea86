"""Which field of a file belongs to which contract column, and which files can be read together.

Files with the same order of columns and the same need for a quote-aware reader form one layout: a quote-free file can
be split among executors, a quoted one may hold line breaks inside a field and must be read from its start.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from contracts import headers, model
from contracts.errors import FileRejected
from pipeline.run_documents import ManifestFile


@dataclass(frozen=True)
class Layout:
    """Contract column of each field, in the file's order; None for a field that the contract ignores.

    `origin_position` is the field in which a file of corrected records says which record each one corrects.
    `nameless` are the fields to which the header gives no name: a value in one is a field too many.
    """

    columns: tuple[str | None, ...]
    has_quotes: bool
    origin_position: int | None = None
    nameless: tuple[int, ...] = ()

    @property
    def named_fields(self) -> int:
        """How many fields the header has a name for."""
        return len(self.columns) - len(self.nameless)

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names that a reader gives the fields; positions, since ignored headers may repeat."""
        return tuple(f"field_{position}" for position in range(len(self.columns)))


def by_layout(
    contract: model.Contract, files: Iterable[ManifestFile], change: model.SchemaChange
) -> dict[Layout, list[ManifestFile]]:
    """Group files that can be read together; without any file, none in the order of the contract's columns.

    Raises FileRejected when a header does not fit the contract under `change`, which intake should have seen.
    """
    found: dict[Layout, list[ManifestFile]] = {}
    for file in files:
        found.setdefault(_layout(contract, file, change), []).append(file)
    return found or {_of_contract(contract): []}


def _of_contract(contract: model.Contract) -> Layout:
    return Layout(columns=tuple(column.name for column in contract.columns), has_quotes=False)


def _layout(contract: model.Contract, file: ManifestFile, change: model.SchemaChange) -> Layout:
    is_replay = file.replay_of is not None
    problems = headers.problems(contract, file.header, change, is_replay=is_replay)
    if problems:
        raise FileRejected("header_mismatch", f"{file.raw_uri}: {'; '.join(problems)}")
    return Layout(
        columns=headers.columns_of(contract, file.header, is_replay=is_replay),
        has_quotes=file.has_quotes,
        origin_position=file.header.index(headers.ORIGIN_HEADER) if is_replay else None,
        nameless=headers.nameless(file.header),
    )
