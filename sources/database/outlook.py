"""What an extract would read, asked of the catalog, the statistics and the planner: EXPLAIN, and no row is read."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from psycopg import sql

from contracts.model import Contract
from sources.database.chunks import Position, Reader
from sources.database.sessions import Session
from sources.database.tables import described, looked_at, qualified
from sources.database.watermarks import low_watermark
from sources.plans import Outlook, PlannedPart, PlannedQuery

# reltuples is -1 where the table was never analysed. Source: PostgreSQL manual, pg_class.
_SIZE = "select reltuples::bigint, pg_table_size(oid) from pg_class where oid = to_regclass(%s)"


def outlook(session: Session, contract: Contract, since: str | None, before: str | None) -> Outlook:
    """The next extract of the table, which reads since a moment; `before` is the watermark that is kept."""
    with session.during("asking since when others are at work"):
        low = low_watermark(session, before)
    with session.snapshot(), session.during("looking at its columns"):
        [(identity,)] = session.rows("select pg_current_snapshot()::text")
        findings = looked_at(session, contract)
        name = qualified(session.source).as_string(session.connection)
        [(rows, size)] = session.rows(_SIZE, name)
        reader = None if findings.refusals else _reader(session, contract, since)
        with session.during("asking the planner"):
            parts = _parts(reader) if reader else ()
        return Outlook(
            columns=tuple(
                (column, given, findings.columns[given].shown)
                for column, given in session.source.fields
                if given in findings.columns
            ),
            refusals=findings.refusals,
            additions=findings.additions,
            notes=(*findings.notes, *low.notes),
            parts=parts,
            key_queries=_key_queries(reader) if reader else (),
            table_rows=None if rows < 0 else int(rows),
            table_bytes=int(size),
            snapshot=str(identity),
            next_watermark=low.moment,
        )


def _reader(session: Session, contract: Contract, since: str | None) -> Reader:
    moment = None if since is None else datetime.fromisoformat(since)
    table = described(session, contract)
    return Reader(session=session, contract=contract, table=table, since=moment)


def _parts(reader: Reader) -> tuple[PlannedPart, ...]:
    found = []
    position: Position | None = reader.first()
    while position is not None:
        found.append(_part(reader, position))
        position = reader.following(position, None)
    return tuple(found)


def _part(reader: Reader, position: Position) -> PlannedPart:
    rows, width = _expected(reader, position)
    chunk_rows = reader.session.source.postgres.chunk_rows
    return PlannedPart(
        part=position.phase,
        rows=rows,
        row_bytes=width,
        chunks=max(1, math.ceil(rows / chunk_rows)),
        queries=tuple(
            PlannedQuery(purpose=purpose, text=query.as_string(reader.session.connection))
            for purpose, query in reader.queries(position)
        ),
    )


def _key_queries(reader: Reader) -> tuple[PlannedQuery, ...]:
    """Of the comparison of keys, if the description wants it."""
    if reader.session.source.postgres.max_deleted_share is None:
        return ()
    text = reader.key_query(Position(phase="all"), None).as_string(reader.session.connection)
    return (PlannedQuery(purpose="keys", text=text),)


def _expected(reader: Reader, position: Position) -> tuple[int, int]:
    """Rows and bytes of each, as the planner expects them."""
    query = sql.SQL("explain (format json) select {} from {} where {}").format(
        sql.SQL(", ").join(reader.table.values),
        reader.table.name,
        reader.where(position, None),
    )
    [(answer,)] = reader.session.rows(query)
    expected: dict[str, Any] = answer[0]["Plan"]
    return int(expected["Plan Rows"]), int(expected["Plan Width"])
