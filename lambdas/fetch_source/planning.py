"""What the next fetch of a table would do: the plan that people review, and that a run may be held to."""

from __future__ import annotations

from contracts.model import Contract
from sources.errors import SourceFailed
from sources.fetches import State
from sources.model import PostgresSource
from sources.plans import Plan
from sources.tables import LOCK_SECONDS, OpenTable


def plan(
    source: PostgresSource, contract: Contract, table: OpenTable, state: State, since: str | None
) -> Plan:
    """Reads the catalog and statistics only. Raises SourceFailed or TryLater as a fetch does."""
    postgres, keys = source.postgres, state.keys
    compares = postgres.max_deleted_share is not None
    return Plan(
        source=source.name,
        dataset=source.dataset,
        contract_version=contract.version,
        table=postgres.table,
        since=since,
        chunk_rows=postgres.chunk_rows,
        statement_seconds=postgres.statement_seconds,
        lock_seconds=LOCK_SECONDS,
        most_deleted_share=postgres.max_deleted_share,
        known_keys=keys.rows if compares and keys else None,
        known_keys_of=keys.fetch_id if compares and keys else None,
        line_breaks=source.line_breaks,
        outlook=table.outlook(since, state.watermark),
    )


def require(expected: str, found: Plan) -> None:
    """Raises SourceFailed if what would be read is not what was reviewed."""
    if found.seal != expected:
        raise SourceFailed(
            f"plan {expected} is not what would be read now, which is plan {found.seal}; nothing was read. Look at it"
            f" with: slipway source plan {found.source}"
        )
