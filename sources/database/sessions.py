"""One connection to a database: who is let in, over TLS, and how long anything may take.

psycopg with libpq inside: the client of PostgreSQL's own project, with verify-full and COPY. What the server
says is turned into SourceFailed or TryLater here, so that nothing above knows its codes.
"""

from __future__ import annotations

import json
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg import errors, sql

from sources.errors import CredentialsRefused, SourceFailed, TryLater
from sources.model import PostgresSource
from sources.tables import LOCK_SECONDS

CONNECT_SECONDS = 10
IDLE_SECONDS = 120  # a call that is killed must not hold its snapshot for long
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
FIELDS = ("host", "dbname", "username", "password")
# A server says these when it is reached and refuses; anything else may pass.
REFUSALS = ("authentication failed", "is not permitted to log in", "no pg_hba.conf entry")
NOT_THERE = ('database "', 'role "')
FULL = (
    "too many c",
    "remaining connection slots",
)  # too many clients already, too many connections for role
CERTIFICATE = ("certificate", "SSL error", "does not support SSL")

Query = sql.Composed | LiteralString


@dataclass(frozen=True, kw_only=True)
class Login:
    """What the secret says: the fields that Secrets Manager gives to secrets of RDS."""

    host: str
    port: int
    dbname: str
    username: str
    password: str = field(repr=False)


def login_of(text: str, *, secret: str) -> Login:
    """The login in the text of a secret. Raises SourceFailed, naming the field that is missing."""
    try:
        data = json.loads(text)
        given = {name: data[name] for name in FIELDS}
        port = int(data.get("port", 5432))
    except (ValueError, KeyError, TypeError, AttributeError):
        given, port = {}, 0  # said below, without a cause that might show the secret
    if not port or not all(isinstance(value, str) and value for value in given.values()):
        raise SourceFailed(
            f"secret {secret!r} must be a JSON object with the texts {', '.join(FIELDS)}, and port"
        )
    return Login(port=port, **given)


@dataclass(frozen=True, kw_only=True)
class Session:
    """A connection that reads only. Every method raises SourceFailed or TryLater."""

    source: PostgresSource
    connection: psycopg.Connection[Any]
    doing: list[str] = field(default_factory=lambda: ["at the beginning"])

    @contextmanager
    def during(self, step: str) -> Iterator[None]:
        """What is being done, which messages say."""
        self.doing.append(step)
        try:
            yield
        finally:
            self.doing.pop()

    def rows(self, query: Query, *values: object) -> list[tuple[Any, ...]]:
        """All rows of a query that has few."""
        with self._understood():
            return self.connection.execute(query, values or None).fetchall()

    def copy(self, query: Query, take: Callable[[bytes], None]) -> int:
        """Hand the bytes of a COPY ... TO STDOUT to `take`, some at a time; how many rows the server says it sent."""
        with self._understood(), self.connection.cursor() as cursor:
            with cursor.copy(query) as copy:
                for block in copy:
                    take(bytes(block))
            return cursor.rowcount

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """One transaction in which every query sees the same."""
        self.run("begin isolation level repeatable read, read only")
        try:
            yield
        finally:
            if not self.connection.broken:
                self.connection.rollback()

    def set_local(self, name: str, value: str) -> None:
        """A setting until the transaction ends, or it is set again."""
        self.rows("select set_config(%s, %s, true)", name, value)

    def run(self, query: Query) -> None:
        """A statement without an answer."""
        with self._understood():
            self.connection.execute(query)

    @contextmanager
    def _understood(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise meaning(error, self.source, self.doing[-1]) from error


@contextmanager
def connected(source: PostgresSource, login: Login, *, needs_tls: bool) -> Iterator[Session]:
    """A session until the block ends. Without `needs_tls` loopback is reached without, if it offers none.

    Raises CredentialsRefused, SourceFailed or TryLater.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".pem", encoding="ascii") as authorities:
        authorities.write(source.postgres.certificates or "")
        authorities.flush()
        own = authorities.name if source.postgres.certificates else None
        try:
            connection = psycopg.connect(
                **_parameters(source, login), **_tls(source, login, own, needs_tls)
            )
        except psycopg.Error as error:
            raise _refusal(error, source, login) from error
    try:
        session = Session(source=source, connection=connection)
        _settle(session)
        yield session
    finally:
        connection.close()


def meaning(error: psycopg.Error, source: PostgresSource, step: str) -> Exception:
    """What to raise for an error of a statement. The server's details are left out: they may quote rows."""
    said = (error.diag.message_primary or str(error)).strip()
    table, limit = f"{source.postgres.table}, {step}", source.postgres.statement_seconds
    match error:
        case errors.QueryCanceled():
            return SourceFailed(
                f"{table}: a query took longer than {limit} s and was ended; see to an index on its key and its"
                " watermark, lower postgres.chunkRows, or raise postgres.statementSeconds"
            )
        case errors.LockNotAvailable():
            return TryLater(f"{table}: it is locked: {said}")
        case errors.InsufficientPrivilege():
            return SourceFailed(
                f"{table}: the reader may not read it: {said}; grant it select, as docs/sources.md shows"
            )
        case errors.UndefinedTable() | errors.UndefinedColumn():
            return SourceFailed(f"{table}: it changed while it was read: {said}; fetch again")
        case errors.SerializationFailure():
            return TryLater(f"{table}: the snapshot was lost ({said}); a replica ends long reads")
        case errors.DiskFull() | errors.OutOfMemory() | errors.ConfigurationLimitExceeded():
            return TryLater(f"{table}: the database has no room for a query: {said}")
        case psycopg.OperationalError():
            return TryLater(f"{table}: the database ended the connection: {said}")
        case _:
            return SourceFailed(f"{table}: the database refused a query: {said}")


def _parameters(source: PostgresSource, login: Login) -> dict[str, Any]:
    return {
        "host": login.host,
        "port": login.port,
        "dbname": login.dbname,
        "user": login.username,
        "password": login.password,
        "application_name": f"slipway {source.name}",
        "connect_timeout": CONNECT_SECONDS,
        # A server that is gone is noticed, whatever the network does with its packets.
        **{"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4},
        "tcp_user_timeout": 30_000,
        "autocommit": True,
    }


def _tls(source: PostgresSource, login: Login, own: str | None, needs_tls: bool) -> dict[str, Any]:
    if not needs_tls and login.host in LOOPBACK:
        return {"sslmode": "prefer"}
    authorities = own or ssl.get_default_verify_paths().cafile
    if authorities is None:
        raise SourceFailed(
            f"source {source.name!r} has no certificates, and this machine has none of its own; name them"
            " in postgres.certificates"
        )
    return {"sslmode": "verify-full", "sslrootcert": authorities}


def _settle(session: Session) -> None:
    """Names mean what PostgreSQL means by them, times are UTC, and nothing may take long or hide rows."""
    seconds = session.source.postgres.statement_seconds
    settings = {
        "search_path": "pg_catalog",
        "timezone": "UTC",
        "datestyle": "ISO, YMD",
        "intervalstyle": "iso_8601",
        "extra_float_digits": "1",
        "client_encoding": "UTF8",
        "statement_timeout": f"{seconds}s",
        "lock_timeout": f"{LOCK_SECONDS}s",
        "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
        "row_security": "off",  # a policy that hides rows is an error, not a smaller table
    }
    calls = [
        sql.SQL("set_config({}, {}, false)").format(sql.Literal(name), sql.Literal(value))
        for name, value in settings.items()
    ]
    session.rows(sql.SQL("select {}").format(sql.SQL(", ").join(calls)))


def _refusal(error: psycopg.Error, source: PostgresSource, login: Login) -> Exception:
    """A connection that was not made has no code, only words."""
    said = " ".join(str(error).split())
    where = f"{source.postgres.table}, connecting: {login.host}:{login.port}"
    secret = source.postgres.secret
    if any(words in said for words in REFUSALS) or (
        "does not exist" in said and any(words in said for words in NOT_THERE)
    ):
        return CredentialsRefused(f"{where} refuses the login: {said}; renew the secret {secret!r}")
    if any(words in said for words in CERTIFICATE):
        return SourceFailed(
            f"{where} has no TLS that can be trusted: {said}; put the authority of its certificate into"
            " postgres.certificates, and the name that the certificate has into the secret as host"
        )
    if any(words in said for words in FULL):
        return TryLater(f"{where} takes no more connections: {said}")
    return TryLater(f"{where} cannot be reached: {said}")
