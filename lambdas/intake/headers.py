"""Whether a file's header fits: the stricter of the contract's and the environment's schema change decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.errors import FileRejected
from contracts.headers import problems, stricter
from contracts.model import Contract, SchemaChange


@dataclass(frozen=True, kw_only=True)
class HeaderRule:
    """What a header must be. `change` is the environment's; a contract may be stricter, never laxer."""

    contract: Contract
    change: SchemaChange
    is_replay: bool = False

    def require(self, names: Sequence[str]) -> None:
        """Raises FileRejected, naming every missing, unknown, repeated or misplaced column at once."""
        change = stricter(self.contract.schema_change, self.change)
        found = problems(self.contract, names, change, is_replay=self.is_replay)
        if found:
            raise FileRejected("header_mismatch", f"the header does not fit the contract; {'; '.join(found)}")
