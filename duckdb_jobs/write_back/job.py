"""The write-back of a dataset: wiring of the lake and the database. This engine alone does it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from contracts import model
from contracts.errors import NeedsSpark, PermanentError
from duckdb_jobs.engine import engine
from duckdb_jobs.workspace import workspace
from duckdb_jobs.write_back.lake import LakeTable
from duckdb_jobs.write_back.run import BY_HAND, WriteBack
from duckdb_jobs.write_back.sessions import Login, connected
from duckdb_jobs.write_back.statements import target
from pipeline.run_documents import DatabaseServed
from rows import table_definitions


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to write: the processed table of a dataset, for a run or by hand (None)."""

    dataset: str
    run_id: str | None
    environment: str
    processed_bucket: str


def run(order: Order, login: Login) -> DatabaseServed:
    """Write the published version of the table, as WriteBack.run does, with the same errors.

    Raises PermanentError when the rows to be written are more than this engine reads: no other writes back.
    """
    contract = model.load(order.dataset)
    table = table_definitions.processed(contract, order.environment, order.processed_bucket)
    try:
        with (
            workspace(),
            engine(contract) as opened,
            connected(login, clock=time.monotonic, sleep=time.sleep) as session,
        ):
            to = target(contract, table)
            lake = LakeTable(
                tables=opened.tables,
                table=table,
                money=to.money,
                folder=opened.folder,
                part_bytes=opened.read_bytes // 2,
            )
            work = WriteBack(target=to, run_id=order.run_id or BY_HAND, lake=lake, session=session)
            written = work.run()
    except NeedsSpark as error:
        raise PermanentError(
            f"{error}; a write-back is done by DuckDB only: raise `duckdb.memory_megabytes` in"
            f" config/{order.environment}.yaml"
        ) from error
    return DatabaseServed(served="database", tables=(written,) if written else ())
