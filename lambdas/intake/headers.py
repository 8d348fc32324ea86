"""Whether a file's header fits the contract, under the stricter of the contract's and the environment's schema change.

Every difference is named at once. Where the contract has personal data an unknown name is not shown: a file without a
header has a person's record in its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contracts.alerts import shortened
from contracts.errors import FileRejected
from contracts.headers import ORIGIN_HEADER, REPLAY_HEADERS, may_lack, stricter
from contracts.model import Column, Contract, SchemaChange, normalized_header

MOST_NAMED = 10
LONGEST_NAME_SHOWN = 60


@dataclass(frozen=True, kw_only=True)
class HeaderRule:
    """What a header must be. `change` is the environment's; a contract may be stricter, never laxer."""

    contract: Contract
    change: SchemaChange
    is_replay: bool = False

    def require(self, names: Sequence[str]) -> None:
        """Raises FileRejected, naming every missing, unknown, repeated or misplaced column at once."""
        problems = list(self._problems(names))
        if problems:
            raise FileRejected("header_mismatch", f"the header does not fit the contract; {'; '.join(problems)}")

    @property
    def _stricter(self) -> SchemaChange:
        return stricter(self.contract.schema_change, self.change)

    def _problems(self, names: Sequence[str]) -> Iterator[str]:
        own = [name for name in names if not (self.is_replay and name in REPLAY_HEADERS)]
        wanted = {normalized_header(column.source_name): column for column in self.contract.columns}
        ignored = {normalized_header(name) for name in self.contract.intake.ignored_headers}
        forms = [normalized_header(name) for name in own]
        present = set(forms)
        missing = [c.source_name for form, c in wanted.items() if form not in present and not self._may_lack(c)]
        if self.is_replay and ORIGIN_HEADER not in names:
            missing.append(ORIGIN_HEADER)
        unknown = [name for form, name in zip(forms, own, strict=True) if form not in wanted and form not in ignored]
        found = [form for form in forms if form in wanted]
        if missing:
            yield f"missing: {_named(missing)}"
        if unknown:
            yield f"unknown: {self._shown(unknown)}"
        times = Counter(found)
        if len(found) > len(times):
            repeated = {name for form, name in zip(forms, own, strict=True) if times[form] > 1}
            yield f"repeated: {_named(sorted(repeated))}"
        elif not missing and self._stricter == "reject" and found != list(wanted):
            yield f"order: the contract allows no other than {_named([c.source_name for c in self.contract.columns])}"

    def _may_lack(self, column: Column) -> bool:
        return self._stricter == "evolve" and may_lack(self.contract, column)

    def _shown(self, unknown: Sequence[str]) -> str:
        if self.contract.protected_columns:
            return f"{len(unknown)} names, not shown because the contract has personal data"
        return _named(unknown)


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(repr(shortened(name, LONGEST_NAME_SHOWN)) for name in names[:MOST_NAMED])
    more = len(names) - MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown
