"""The rule of headers, once: intake, the jobs and the operator's command must agree on every file.

Every difference is named at once. Where the contract has personal data an unknown name is not
shown: a file without a header has a person's record in its place.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from contracts.model import Column, Contract, SchemaChange
from contracts.texts import INVISIBLE, shown

STRICTEST_FIRST: tuple[SchemaChange, ...] = ("reject", "strict", "evolve")
# What `slipway quarantine export` adds to a file's own header; only a replay may have them.
# Source: docs/reference/tables.md
ORIGIN_HEADER = "_source_row"
REPLAY_HEADERS = (ORIGIN_HEADER, "_reasons")
# Body of a character class: what does not count when header names are compared. Hyphens and quotes
# also as word processors write them (U+2010 to U+2015, U+2018 to U+201F, guillemets).
UNCOUNTED = (
    " " + INVISIBLE + r"_\-./()" + "\u2010-\u2015" + "\"'`\u2018-\u201f\u2039\u203a\u00ab\u00bb"
)
_UNCOUNTED = re.compile(f"[{UNCOUNTED}]")
NAMELESS = ""  # normal form of a column without a name
MOST_NAMED = 10
LONGEST_NAME_SHOWN = 60
ALIKE = 0.75  # of two names that a slip of the pen tells apart; difflib.SequenceMatcher.ratio
COMPARED = "headers are compared without case, blanks, quotes and any of _ - . / ( )"
A_NAME = (
    "a header has a letter, a digit or a symbol, not only blanks, quotes and any of _ - . / ( )"
)


def normalized_header(name: str) -> str:
    """The form in which header names are compared; empty for a column without a name.

    Case, blanks, underscores, hyphens, dots, slashes, parentheses, quotes and BOM do not count.
    Every other symbol does: `%`, `$` and `(€)` are three names.
    """
    return _UNCOUNTED.sub("", unicodedata.normalize("NFC", name).casefold())


def stricter(one: SchemaChange, other: SchemaChange) -> SchemaChange:
    """Of what a contract and an environment allow, what both do."""
    return min(one, other, key=STRICTEST_FIRST.index)


def may_lack(contract: Contract, column: Column) -> bool:
    """Whether a header without this column is one that `evolve` explains.

    A key tells rows apart, and personal data is never guessed to be absent. The contract may also have
    files refused that lack an optional column.
    """
    is_needed = column.required or column.pii is not None or column.name in contract.key
    return not is_needed and column.absent != "refuse"


def columns_of(
    contract: Contract, names: Sequence[str], *, is_replay: bool = False
) -> tuple[str | None, ...]:
    """The contract column of each header name; None for a name that is no column."""
    known = {normalized_header(column.source_name): column.name for column in contract.columns}
    extra = REPLAY_HEADERS if is_replay else ()
    return tuple(None if name in extra else known.get(normalized_header(name)) for name in names)


def lacking(contract: Contract, names: Sequence[str]) -> tuple[str, ...]:
    """The header names of the contract's columns that `names` does not have, in the contract's order."""
    present = {normalized_header(name) for name in names}
    wanted = (column.source_name for column in contract.columns)
    return tuple(name for name in wanted if normalized_header(name) not in present)


def nameless(names: Sequence[str]) -> tuple[int, ...]:
    """The places of a header, from 0, that hold no name."""
    return tuple(place for place, name in enumerate(names) if normalized_header(name) == NAMELESS)


def problems(
    contract: Contract,
    names: Sequence[str],
    schema_change: SchemaChange,
    *,
    is_replay: bool = False,
) -> list[str]:
    """What keeps a header from fitting the contract, one phrase per kind; empty when it fits.

    `schema_change` is the stricter of the contract's and the environment's. A replay must name the
    records that it corrects, and only a replay may.
    """
    own = tuple(name for name in names if not (is_replay and name in REPLAY_HEADERS))
    header = _Header(contract=contract, names=own, change=schema_change)
    missing = header.missing
    if is_replay and ORIGIN_HEADER not in names:
        missing.append(ORIGIN_HEADER)
    found = [f"missing: {_named(missing)}"] if missing else []
    found += header.unknown()
    misplaced = header.repeated() or ([] if missing else header.order())
    return [*found, *misplaced]


@dataclass(frozen=True, kw_only=True)
class _Header:
    """A file's own header names, compared with a contract."""

    contract: Contract
    names: tuple[str, ...]
    change: SchemaChange

    @property
    def _forms(self) -> list[str]:
        return [normalized_header(name) for name in self.names]

    @property
    def _wanted(self) -> dict[str, Column]:
        return {normalized_header(column.source_name): column for column in self.contract.columns}

    @property
    def missing(self) -> list[str]:
        """Names of the columns that the header lacks and must have."""
        present = set(self._forms)
        return [
            column.source_name
            for form, column in self._wanted.items()
            if form not in present and not self._may_lack(column)
        ]

    def unknown(self) -> Iterator[str]:
        """Names that the contract neither wants nor ignores; contracts.fields judges nameless ones."""
        ignored = {normalized_header(name) for name in self.contract.intake.ignored_headers}
        known = self._wanted.keys() | ignored | {NAMELESS}
        names = [
            name for form, name in zip(self._forms, self.names, strict=True) if form not in known
        ]
        if names:
            yield f"unknown: {self._shown(names)}"

    def repeated(self) -> list[str]:
        """Names that stand for the same column."""
        wanted = self._wanted
        times = Counter(form for form in self._forms if form in wanted)
        repeated = {
            name for form, name in zip(self._forms, self.names, strict=True) if times[form] > 1
        }
        return [f"repeated: {_named(sorted(repeated))}"] if repeated else []

    def order(self) -> list[str]:
        """The order that the contract wants, where it allows no other."""
        wanted = self._wanted
        if self.change != "reject" or [f for f in self._forms if f in wanted] == list(wanted):
            return []
        names = [column.source_name for column in self.contract.columns]
        return [f"order: the contract allows no other than {_named(names)}"]

    def _may_lack(self, column: Column) -> bool:
        return self.change == "evolve" and may_lack(self.contract, column)

    def _shown(self, unknown: Sequence[str]) -> str:
        if self.contract.protected_columns:
            return f"{len(unknown)} names, not shown because the contract has personal data"
        meant = self._meant(unknown)
        hints = {name: f" (is it {shown(meant[name], LONGEST_NAME_SHOWN)}?)" for name in meant}
        return _named(unknown, hints)

    def _meant(self, unknown: Sequence[str]) -> dict[str, str]:
        """For each unknown name that is nearly that of a column which the header lacks, that column's name."""
        lacking = {form: column for form, column in self._wanted.items() if form not in self._forms}
        found = {}
        for name in unknown[:MOST_NAMED]:
            for form in difflib.get_close_matches(normalized_header(name), lacking, 1, ALIKE):
                found[name] = lacking.pop(form).source_name
        return found


def _named(names: Sequence[str], after: Mapping[str, str] | None = None) -> str:
    """The first names, each with what is said after it."""
    added = after or {}
    listed = ", ".join(
        shown(name, LONGEST_NAME_SHOWN) + added.get(name, "") for name in names[:MOST_NAMED]
    )
    more = len(names) - MOST_NAMED
    return f"{listed} and {more} more" if more > 0 else listed
