"""One connection to the internal database: who is let in, over TLS, how long anything may take, what failures mean.

A database that sleeps wakes up when it is asked for a connection, so that asking is what wakes it: the first answer may
take half a minute. Source: Aurora user guide, "Scaling to Zero ACUs with automatic pause and resume": about 15 seconds,
30 or more after a day of sleep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors

from contracts.errors import (
    DatabaseUnprepared,
    PermanentError,
    RetryableError,
    StoreAsleep,
    WriteBackFailed,
)
from duckdb_jobs.write_back.statements import Query

CONNECT_SECONDS = 30  # of one attempt: it waits while the database wakes up
WAKE_SECONDS = 120  # of all attempts
PAUSE_SECONDS = 2.0
BLOCK_BYTES = 1024 * 1024
AUTHORITIES = Path(__file__).with_name("rds_authorities.pem")
SETTINGS = {
    "search_path": "pg_catalog",  # names mean what PostgreSQL means by them
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "client_encoding": "UTF8",
    "statement_timeout": "600s",
    "lock_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",  # a function that was killed must not hold its locks for long
}
LOCAL = "local"  # the environment whose database is on this machine (decision 1)
# A server says these when it is reached and refuses; anything else may pass.
UNKNOWN_USER = ("authentication failed", "is not permitted to log in")
REFUSALS = (
    "no pg_hba.conf entry",
    "certificate",
    "does not support SSL",
)
# A right that is missing, or what the preparation makes: the table of loads and the schemas.
UNPREPARED = (errors.InsufficientPrivilege, errors.UndefinedTable, errors.InvalidSchemaName)
IN_THE_WAY = (errors.SerializationFailure, errors.DeadlockDetected, errors.LockNotAvailable)
# What a person must mend, with what to do. Asked before ENDED: a full disk is an OperationalError, too.
FULL = "the database has no room left; give it more storage, or take something out of it, then try again"
CHANGED = (
    "somebody has changed the columns of the table; put them back, or drop the table and write back again, which"
    " makes it anew"
)
MENDED_BY_HAND: tuple[tuple[type[psycopg.Error], str], ...] = (
    (errors.DiskFull, FULL),
    (errors.UndefinedColumn, CHANGED),
    (errors.DatatypeMismatch, CHANGED),
    (errors.NotNullViolation, CHANGED),
    (errors.InvalidColumnReference, CHANGED),  # ON CONFLICT finds no primary key
)
# A server that shuts down, starts, or gave up waiting for this end; a broken connection is OperationalError, too.
ENDED = (psycopg.OperationalError, errors.IdleInTransactionSessionTimeout)


@dataclass(frozen=True, kw_only=True)
class Login:
    """Where the database is and who asks, with a token of IAM. Without `needs_tls` it is reached over loopback only
    (decision 1).
    """

    host: str
    port: int
    database: str
    username: str
    password: str = field(repr=False)
    needs_tls: bool = True
    authorities: Path = AUTHORITIES


def login_by_token(
    rds: Any, *, host: str, port: int, database: str, user: str, environment: str
) -> Login:
    """A login with a token of IAM; `rds` is boto3's client, whose role signs it, good for 15 minutes.

    No call is made for it.
    """
    token = rds.generate_db_auth_token(DBHostname=host, Port=port, DBUsername=user)
    return Login(
        host=host,
        port=port,
        database=database,
        username=user,
        password=token,
        needs_tls=environment != LOCAL,
    )


@dataclass(frozen=True, kw_only=True)
class Session:
    """A connection. Every method raises RetryableError, DatabaseUnprepared or WriteBackFailed."""

    connection: psycopg.Connection[Any]

    def rows(self, query: Query) -> list[tuple[Any, ...]]:
        """All rows of a query that has few."""
        with understood():
            return self.connection.execute(query).fetchall()

    def run(self, query: Query) -> int:
        """A statement without an answer; how many rows it changed."""
        with understood():
            return self.connection.execute(query).rowcount

    def copy(self, query: Query, file: Path) -> int:
        """Send the content of a file to COPY ... FROM STDIN; how many rows the server took."""
        with understood(), self.connection.cursor() as cursor, file.open("rb") as content:
            with cursor.copy(query) as copy:
                while block := content.read(BLOCK_BYTES):
                    copy.write(block)
            return cursor.rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements of the block, or none."""
        self.run("begin")
        try:
            yield
            self.run("commit")
        except BaseException:
            if not self.connection.closed and not self.connection.broken:
                self.connection.rollback()
            raise


@contextmanager
def connected(
    to: Login, *, clock: Callable[[], float], sleep: Callable[[float], None]
) -> Iterator[Session]:
    """A session until the block ends. Raises DatabaseUnprepared when the user is refused, PermanentError when anything
    else about the connection is, StoreAsleep when the database does not answer in WAKE_SECONDS.
    """
    connection = _woken(to, clock, sleep)
    try:
        yield Session(connection=connection)
    finally:
        connection.close()


def _woken(
    to: Login, clock: Callable[[], float], sleep: Callable[[float], None]
) -> psycopg.Connection[Any]:
    began = clock()
    while True:
        try:
            return psycopg.connect(**_parameters(to))
        except psycopg.OperationalError as error:
            said = " ".join(str(error).split())
            if any(words in said for words in UNKNOWN_USER):
                raise DatabaseUnprepared(
                    f"the database at {to.host}:{to.port} does not let {to.username} in: {said}"
                ) from error
            if any(words in said for words in REFUSALS):
                raise PermanentError(
                    f"the database at {to.host}:{to.port} refuses the connection: {said}"
                ) from error
            waited = clock() - began
            if waited >= WAKE_SECONDS:
                raise StoreAsleep(
                    f"the database at {to.host}:{to.port} did not answer within {WAKE_SECONDS} s: {said}"
                ) from error
        sleep(PAUSE_SECONDS)


def _parameters(to: Login) -> dict[str, Any]:
    settings = " ".join(
        f"-c {name}={value}".replace(", ", r",\ ") for name, value in SETTINGS.items()
    )
    tls = (
        {"sslmode": "verify-full", "sslrootcert": str(to.authorities)}
        if to.needs_tls
        else {"sslmode": "prefer"}
    )
    return {
        "host": to.host,
        "port": to.port,
        "dbname": to.database,
        "user": to.username,
        "password": to.password,
        "application_name": "slipway write-back",
        "connect_timeout": CONNECT_SECONDS,
        "options": settings,
        # A server that is gone is noticed, whatever the network does with its packets.
        **{"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4},
        "tcp_user_timeout": 30_000,
        "autocommit": True,
        **tls,
    }


@contextmanager
def understood() -> Iterator[None]:
    """What the server says, as an error of ours. Its details are left out: they quote rows."""
    try:
        yield
    except psycopg.Error as error:
        said = (error.diag.message_primary or str(error)).strip()
        if isinstance(error, IN_THE_WAY):
            raise RetryableError(f"somebody else was in the way in the database: {said}") from error
        if step := next((step for kind, step in MENDED_BY_HAND if isinstance(error, kind)), None):
            raise WriteBackFailed(f"{step} (it is as before; the database said: {said})") from error
        if isinstance(error, ENDED) and not isinstance(error, errors.QueryCanceled):
            raise RetryableError(f"the database ended the connection: {said}") from error
        if isinstance(error, UNPREPARED):
            raise DatabaseUnprepared(
                f"the database refused a statement and is as before: {said}"
            ) from error
        raise WriteBackFailed(
            f"the database refused a statement and is as before: {said}"
        ) from error
