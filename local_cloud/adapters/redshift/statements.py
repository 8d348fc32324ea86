"""Statements of the Data API: kept, run one after the other per namespace, described.

A batch is one transaction unless it says AUTO_COMMIT. Source: Redshift Data API reference, BatchExecuteStatement and
DescribeStatement; Redshift management guide, "Considerations when calling the Amazon Redshift Data API".
"""

from __future__ import annotations

import contextvars
import itertools
import logging
import re
import threading
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import duckdb
from sqlglot.errors import SqlglotError

from local_cloud.adapters.redshift import results as redshift_results
from local_cloud.adapters.redshift.engine import Outcome, Session, User, WarehouseDied
from local_cloud.adapters.redshift.serverless import Workgroup
from local_cloud.adapters.redshift.sql import StatementRefused
from local_cloud.instruments import warehouse_crashes

NANOS = 1_000_000_000
ENDED = ("FINISHED", "FAILED", "ABORTED")
DIED = "ERROR: terminating connection: the warehouse stopped"
_TOO_LONG = re.compile(r"strlen\((\w+)\) <= (\d+)")
logger = logging.getLogger("slipway.redshift")
_query_ids = itertools.count(1)
_pids = itertools.count(1_073_741_825)


@dataclass(kw_only=True)
class Part:
    """One SQL statement and what became of it."""

    part_id: str
    sql: str
    status: str = "SUBMITTED"
    error: str | None = None
    outcome: Outcome | None = None
    columns: list[dict[str, Any]] = field(default_factory=list)
    query_id: int = 0
    started: float = 0.0  # seconds, of a monotonic clock
    duration_nanos: int = 0
    created_at: float = field(default_factory=time.time)
    updated_at: float = field(default_factory=time.time)

    @property
    def has_result(self) -> bool:
        """Whether GetStatementResult has rows to give, none included."""
        return self.outcome is not None and self.outcome.columns is not None

    def turn(self, status: str, error: str | None = None) -> None:
        """Enter a status."""
        now = time.monotonic()
        if status == "STARTED":
            self.started, self.query_id = now, next(_query_ids)
        elif self.started:
            self.duration_nanos = int((now - self.started) * NANOS)
        self.status, self.error, self.updated_at = status, error, time.time()


@dataclass(kw_only=True)
class Statement:
    """What one call of ExecuteStatement or BatchExecuteStatement sent."""

    parts: list[Part]
    workgroup: Workgroup
    database: str
    owner: str  # the role or user who may read it
    owner_user_id: str  # aws:userid of the caller
    user: User
    batch: bool
    mode: str  # TRANSACTION or AUTO_COMMIT
    parameters: Mapping[str, str]
    request: dict[str, Any]
    statement_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    pid: int = field(default_factory=lambda: next(_pids))
    cancelled: bool = False
    connection: duckdb.DuckDBPyConnection | None = None
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def status(self) -> str:
        """Of the whole: the worst of what ended, else how far it is."""
        found = [part.status for part in self.parts]
        for status in ("FAILED", "ABORTED"):
            if status in found and self.done.is_set():
                return status
        if self.done.is_set():
            return "FINISHED"
        return "SUBMITTED" if set(found) == {"SUBMITTED"} else "STARTED"


statements: dict[str, Statement] = {}
_workers: dict[str, ThreadPoolExecutor] = {}


def submit(statement: Statement) -> None:
    """Queue it behind the other statements of its namespace."""
    statements[statement.statement_id] = statement
    worker = _workers.setdefault(
        statement.workgroup.namespace.name, ThreadPoolExecutor(1, "redshift")
    )
    worker.submit(contextvars.copy_context().run, _run, statement)


def cancel(statement: Statement) -> bool:
    """Stop it, if it has not ended."""
    if statement.done.is_set():
        return False
    statement.cancelled = True
    if statement.connection is not None:
        statement.connection.interrupt()
    return True


def _run(statement: Statement) -> None:
    namespace = statement.workgroup.namespace
    try:
        if statement.database != namespace.database:
            raise StatementRefused(f'FATAL: database "{statement.database}" does not exist')
        with namespace.engine.session(statement.user) as session:
            statement.connection = session.connection
            _run_parts(statement, session)
    except WarehouseDied:
        namespace.engine.stop()
    except Exception as exc:  # noqa: BLE001 -- a failed statement is where the Data API reports every cause
        logger.info("statement %s failed: %s", statement.statement_id, exc)
        waiting = [part for part in statement.parts if part.status not in ENDED]
        if waiting:
            waiting[0].turn("FAILED", _error_text(exc))
    finally:
        statement.connection = None
        for part in statement.parts:
            if part.status not in ENDED:
                part.turn("ABORTED", "Statement was cancelled" if statement.cancelled else None)
        statement.done.set()


def _run_parts(statement: Statement, session: Session) -> None:
    whole = statement.mode == "TRANSACTION"
    if whole:
        session.connection.execute("BEGIN TRANSACTION")
    for number, part in enumerate(statement.parts, 1):
        if statement.cancelled:
            return
        part.turn("STARTED")
        if not whole:
            session.connection.execute("BEGIN TRANSACTION")
        try:
            _strike("before", number, part)
            part.outcome = session.run(
                part.sql,
                statement.parameters,
                query_id=part.query_id,
                in_batch=whole and statement.batch,
            )
            part.columns = [
                redshift_results.column_metadata(*column) for column in part.outcome.columns or []
            ]
            _strike("after", number, part)
            if not whole or number == len(statement.parts):
                session.connection.execute("COMMIT")
            part.turn("FINISHED")
        except (duckdb.Error, SqlglotError, StatementRefused, ValueError) as exc:
            part.outcome = None
            if statement.cancelled:
                part.turn("ABORTED", "Statement was cancelled")
            else:
                part.turn("FAILED", _error_text(exc))
            if whole:
                return  # the session ends without a commit, which is a rollback
            session.connection.execute("ROLLBACK")


def _strike(moment: str, number: int, part: Part) -> None:
    if warehouse_crashes.strikes(moment, number, part.sql):
        part.outcome = None
        part.turn("FAILED", DIED)
        raise WarehouseDied(moment)


def _error_text(exc: Exception) -> str:
    first = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
    too_long = _TOO_LONG.search(first)
    if too_long:
        first = f"Value too long for character type: column {too_long[1]} takes {too_long[2]} bytes"
    return first if first.startswith("FATAL") else f"ERROR: {first}"
