"""`python -m benchmarks.table_extract`: an extract of a table beside a bare COPY of it, and the longest query.

A PostgreSQL of its own holds the orders of a shop. Each figure is the median of some repeats; the first repeat
warms up. What is read is thrown away, so that neither S3 nor a disk counts. A machine that does something else
meanwhile is named as loaded. Also written to build/table_extract.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from contracts import model
from local_cloud.postgres import SUPERUSER, Postgres, running
from local_cloud.settings import LOOPBACK
from sample_data import shop
from sources.database.client import OpenPostgres
from sources.database.sessions import Login, Query, Session, connected
from sources.keys import KeysRead
from sources.model import PostgresSource, load

RESULT = Path("build") / "table_extract.json"
BUSY_SHARE = 0.3
SCHEMA, DAY, DAYS = "public", "2023-01-01", 730
COPY = "copy (select {} from public.orders) to stdout with (format csv)"


@dataclass(frozen=True, kw_only=True)
class TimedSession(Session):
    """Notes how long each query took, and with COPY what was done with its bytes."""

    seconds: list[float] = field(default_factory=list)

    def rows(self, query: Query, *values: object) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._timed():
            return super().rows(query, *values)

    def copy(self, query: Query, take: Callable[[bytes], None]) -> int:
        """The bytes of a COPY."""
        with self._timed():
            return super().copy(query, take)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self.seconds.append(time.monotonic() - begun)


@dataclass(frozen=True, kw_only=True)
class Extract:
    """One extract: rows and bytes, its seconds, and those of its longest query."""

    rows: int
    size_bytes: int
    seconds: float
    longest_query: float


def is_loaded() -> bool:
    """Whether others wanted a processor in the last minute, so that figures are of a busy machine."""
    return os.getloadavg()[0] > BUSY_SHARE * (os.cpu_count() or 1)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args(argv)
    loaded = is_loaded()
    with running() as server, _shop(server, given.rows) as connection:
        figures = _measured(server, connection, given.rows, given.repeats)
    figures["machine"] = "loaded" if loaded else "quiet"
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n")
    print("\n".join(_lines(figures)))


@contextmanager
def _shop(server: Postgres, rows: int) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(
        host=LOOPBACK,
        port=server.port,
        user=SUPERUSER,
        password=server.password,
        dbname=SUPERUSER,
        autocommit=True,
    ) as connection:
        shop.make_reader(connection, server.password)
        shop.open_shop(connection, SCHEMA)
        shop.order(connection, SCHEMA, first=1, count=rows, day=DAY, days=DAYS)
        connection.execute("vacuum analyze public.orders")
        yield connection


def _measured(
    server: Postgres, connection: psycopg.Connection[Any], rows: int, repeats: int
) -> dict[str, Any]:
    source = load("shop_orders")
    if not isinstance(source, PostgresSource):
        raise TypeError("shop_orders is a table")
    copies, extracts = [], []
    for _ in range(repeats + 1):
        copies.append(_copied(connection, source))
        extracts.append(_extracted(server, source, None))
    keys = [_compared(server, source, rows) for _ in range(repeats + 1)]
    [(moment,)] = connection.execute("select now()::text").fetchall()
    shop.order(connection, SCHEMA, first=rows + 1, count=rows // DAYS, day="2025-01-01")
    changes = [_extracted(server, source, moment) for _ in range(repeats + 1)]
    if {each.rows for each in extracts} != {rows}:
        raise RuntimeError(f"{rows} rows are there, and {extracts[0].rows} were read")
    copy, extract, day = (
        statistics.median(each[1:])
        for each in (copies, [e.seconds for e in extracts], [e.seconds for e in changes])
    )
    return {
        "rows": rows,
        "megabytes": round(extracts[0].size_bytes / 1e6, 1),
        "copy_seconds": round(copy, 3),
        "extract_seconds": round(extract, 3),
        "times_copy": round(extract / copy, 2),
        "longest_query_seconds": round(max(e.longest_query for e in extracts[1:]), 3),
        "keys_seconds": round(statistics.median(e.seconds for e in keys[1:]), 3),
        "keys_longest_query_seconds": round(max(e.longest_query for e in keys[1:]), 3),
        "one_more_day_rows": changes[0].rows,
        "one_more_day_seconds": round(day, 3),
    }


def _copied(connection: psycopg.Connection[Any], source: PostgresSource) -> float:
    """Seconds of one COPY of the same columns."""
    columns = ", ".join(given for _, given in source.fields)
    begun = time.monotonic()
    with connection.cursor().copy(COPY.format(columns)) as copy:
        for _ in copy:
            pass
    return time.monotonic() - begun


def _extracted(server: Postgres, source: PostgresSource, since: str | None) -> Extract:
    rows, size = 0, 0

    def take(block: bytes) -> None:
        nonlocal size
        size += len(block)

    begun = time.monotonic()
    with _opened(server, source) as (session, table):
        table.low_watermark(None)
        with table.snapshot(since) as snapshot:
            position: str | None = None
            while True:
                piece = snapshot.read(position, take)
                rows, position = rows + piece.records, piece.next
                if position is None:
                    break
    seconds = time.monotonic() - begun
    return Extract(rows=rows, size_bytes=size, seconds=seconds, longest_query=max(session.seconds))


def _compared(server: Postgres, source: PostgresSource, rows: int) -> Extract:
    """The keys of the table compared with themselves, as an extract does that looks for deleted rows."""
    kept = list[bytes]()
    begun = time.monotonic()
    read = KeysRead(keep=kept.append, table=source.postgres.table)
    with _opened(server, source) as (session, table), table.snapshot(None) as snapshot:
        snapshot.keys(read.take)
    read.finish()
    if read.rows != rows or read.missing(kept, rows).rows:
        raise RuntimeError(f"{rows} keys are there, and {read.rows} were read")
    size, seconds = sum(map(len, kept)), time.monotonic() - begun
    return Extract(rows=rows, size_bytes=size, seconds=seconds, longest_query=max(session.seconds))


@contextmanager
def _opened(
    server: Postgres, source: PostgresSource
) -> Iterator[tuple[TimedSession, OpenPostgres]]:
    login = Login(
        host=LOOPBACK,
        port=server.port,
        dbname=SUPERUSER,
        username=shop.READER,
        password=server.password,
    )
    with connected(source, login, needs_tls=False) as plain:
        session = TimedSession(source=source, connection=plain.connection)
        yield session, OpenPostgres(session=session, contract=model.load(source.dataset))


def _lines(figures: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{figures['rows']:,} rows, {figures['megabytes']} MB: COPY {figures['copy_seconds']} s, extract"
        f" {figures['extract_seconds']} s ({figures['times_copy']} times), longest query"
        f" {figures['longest_query_seconds']} s"
    )
    yield (
        f"keys compared: {figures['keys_seconds']} s, longest query {figures['keys_longest_query_seconds']} s"
    )
    yield (
        f"one more day, {figures['one_more_day_rows']:,} rows: {figures['one_more_day_seconds']} s"
    )
    yield f"machine: {figures['machine']}"


if __name__ == "__main__":
    main()
