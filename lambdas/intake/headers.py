"""Whether a file's header fits: the stricter of the contract's and the environment's schema change decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.errors import FileRejected
from contracts.fields import Fields
from contracts.headers import LONGEST_NAME_SHOWN, problems, stricter
from contracts.model import Contract, SchemaChange
from contracts.texts import shown
from lambdas.intake import hints


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
            hint = hints.of_header(self.contract, names)
            raise FileRejected(
                "header_mismatch", f"the header does not fit the contract; {'; '.join(found)}{hint}"
            )

    def require_names(self, fields: Fields) -> None:
        """Raises FileRejected when a value stands in a column without a name, which would be dropped unseen."""
        found = fields.nameless_value
        if found is None:
            return
        hidden = "a value, not shown because the contract has personal data,"
        value = (
            hidden if self.contract.protected_columns else shown(found.value, LONGEST_NAME_SHOWN)
        )
        raise FileRejected(
            "header_mismatch",
            f"column {found.column} has no name in the header, but record {found.record} has {value} in it; name the "
            "column, or leave it empty in every record",
        )
