"""From when the next extract must read, so that no row is lost that was written earlier and is committed later.

`updated_at` is set when a transaction begins or writes, rows are seen when it commits. So everybody who is in a
transaction is asked since when, BEFORE the snapshot is taken: whoever is not seen in the snapshot was in a transaction
at that moment, or began later. docs/decisions/0029 has the proof, and what the more obvious formulas lose.
"""

from __future__ import annotations

from datetime import datetime

from pipeline.ledger.entries import timestamp
from sources.database.sessions import Session
from sources.tables import LowWatermark

_SERVER = """
select statement_timestamp(), pg_is_in_recovery(), pg_has_role(current_user, 'pg_read_all_stats', 'usage'),
       case when pg_is_in_recovery() then pg_last_xact_replay_timestamp() end
"""
# Not only those that have written: `now()` of a transaction that only read so far is when it began.
_BEGUN = """
select min(xact_start), coalesce(bool_or(state = 'disabled'), false) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type <> 'autovacuum worker'
"""
# When it was prepared is known, not when it began; so as long as there is one the watermark stays where it is.
_PREPARED = """
select gid, prepared from pg_prepared_xacts where database = current_database() order by prepared limit 1
"""


def low_watermark(session: Session, before: str | None) -> LowWatermark:
    """The watermark that the next extract reads from. To be asked outside and before the snapshot.

    `before` is that of the extract before; None if this is the first.
    """
    [(now, is_replica, sees_all, replayed)] = session.rows(_SERVER)
    if is_replica:
        return _low(min(now, replayed or now), _replica_note(session))
    if not sees_all:
        return _low(now, _blind_note(session))
    [(begun, someone_hides)] = session.rows(_BEGUN)
    if someone_hides:
        return _low(now, _hidden_note(session))
    # In this order: who prepares in between was still in a transaction just now.
    if prepared := session.rows(_PREPARED):
        [(gid, since)] = prepared
        note = f"the prepared transaction {gid!r} of {since:%Y-%m-%d %H:%M} UTC keeps the watermark where it is"
        return LowWatermark(moment=before, notes=(note,))
    return _low(min(now, begun or now))


def _low(moment: datetime, *notes: str) -> LowWatermark:
    return LowWatermark(moment=timestamp(moment), notes=notes)


def _replica_note(session: Session) -> str:
    return (
        "it is a replica, which does not know the transactions of its primary: one that takes longer than"
        f" {_overlap(session)} minutes may be missed"
    )


def _blind_note(session: Session) -> str:
    return (
        "the reader does not see other transactions: one that takes longer than"
        f" {_overlap(session)} minutes may be missed; grant pg_read_all_stats to it"
    )


def _hidden_note(session: Session) -> str:
    return (
        "a connection does not say since when it is in a transaction: one that takes longer than"
        f" {_overlap(session)} minutes may be missed; switch track_activities on for its role"
    )


def _overlap(session: Session) -> int:
    watermark = session.source.postgres.watermark
    return watermark.overlap_minutes if watermark else 0
