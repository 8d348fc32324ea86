"""Which field of a file belongs to which contract column, and which files can be read together.

Files with the same order of columns and the same need for a quote-aware reader form one layout: a quote-free file can
be split among executors, a quoted one may hold line breaks inside a field and must be read from its start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from contracts import model
from contracts.errors import FileRejected
from contracts.headers import ORIGIN_HEADER, REPLAY_HEADERS, may_lack
from glue_jobs.batch import BatchFile


@dataclass(frozen=True)
class Layout:
    """Contract column of each field, in the file's order; None for a field that the contract ignores.

    `origin_position` is the field in which a file of corrected records says which record each one corrects.
    """

    columns: tuple[str | None, ...]
    has_quotes: bool
    origin_position: int | None = None

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names that a reader gives the fields; positions, since ignored headers may repeat."""
        return tuple(f"field_{position}" for position in range(len(self.columns)))


def by_layout(
    contract: model.Contract, files: Iterable[BatchFile], change: model.SchemaChange
) -> dict[Layout, list[BatchFile]]:
    """Group files that can be read together.

    Raises FileRejected when a header does not fit the contract under `change`, which intake should have seen.
    """
    found: dict[Layout, list[BatchFile]] = {}
    for file in files:
        found.setdefault(_layout(contract, file, change), []).append(file)
    return found


def _layout(contract: model.Contract, file: BatchFile, change: model.SchemaChange) -> Layout:
    known = {model.normalized_header(column.source_name): column.name for column in contract.columns}
    extra = REPLAY_HEADERS if file.replay_of else ()
    names = [name if name in extra else model.normalized_header(name) for name in file.header]
    problems = list(_problems(contract, [name for name in names if name not in extra], known, change))
    if problems:
        raise FileRejected("header_mismatch", f"{file.raw_uri}: {'; '.join(problems)}")
    origin = names.index(ORIGIN_HEADER) if file.replay_of and ORIGIN_HEADER in names else None
    return Layout(tuple(known.get(name) for name in names), file.has_quotes, origin)


def _problems(
    contract: model.Contract, names: list[str], known: dict[str, str], change: model.SchemaChange
) -> Iterator[str]:
    ignored = {model.normalized_header(name) for name in contract.intake.ignored_headers}
    unknown = [name for name in names if name not in known and name not in ignored]
    used = [known[name] for name in names if name in known]
    needed = [column for column in contract.columns if change != "evolve" or not may_lack(contract, column)]
    missing = sorted(column.name for column in needed if column.name not in used)
    repeated = sorted({name for name in used if used.count(name) > 1})
    if unknown or missing or repeated:
        # In a file without a header a person's record would stand there.
        shown = f"{len(unknown)} names, not shown: personal data" if unknown and contract.protected_columns else unknown
        yield f"header has unknown {shown}, missing {missing}, repeated {repeated}"
    elif change == "reject" and used != [column.name for column in contract.columns]:
        yield f"header has its columns as {used}, not in the contract's order, which schemaChange wants"
