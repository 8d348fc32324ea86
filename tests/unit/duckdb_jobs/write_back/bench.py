"""A small lake, a database, and write-backs from one into the other that may end at any statement."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psycopg

from duckdb_jobs.write_back.lake import LakeTable
from duckdb_jobs.write_back.run import WriteBack
from duckdb_jobs.write_back.sessions import Login, Session, connected
from duckdb_jobs.write_back.statements import Query, target
from duckdb_jobs.write_back.users import MASTER, WRITER, prepare
from local_cloud.postgres import SUPERUSER, Postgres
from pipeline.run_documents import DatabaseTable
from tests.unit.duckdb_jobs.small_lake import SmallLake

HOST = "127.0.0.1"
PASSWORD = "none"  # of both users: tokens are not what is tested here, but tests/unit/local_cloud/test_rds_login.py
COLUMNS = ("order_id", "order_date", "status", "amount", "_run_id")
Side = Literal["before", "after"]
Act = Callable[[Session], None]
Moment = Callable[[list[str]], bool]


def number(at: int) -> Moment:
    """The statement with this number, from 1."""
    return lambda made: len(made) == at


NEVER = number(0)


def writing(made: list[str]) -> bool:
    """The statement that begins the transaction of the write."""
    return made[-1] == "begin"


def connect(server: Postgres, database: str) -> psycopg.Connection[Any]:
    """A connection as somebody else, who commits each statement."""
    return psycopg.connect(
        host=HOST,
        port=server.port,
        user=SUPERUSER,
        password=server.password,
        dbname=database,
        autocommit=True,
        options="-c lock_timeout=5s",
    )


def make_master(server: Postgres) -> None:
    """The roles that RDS has in a new server."""
    with connect(server, SUPERUSER) as connection:
        connection.execute(
            f"create role rds_iam; create role {MASTER} login createdb createrole password '{PASSWORD}'"
        )
        connection.execute(f"grant rds_iam to {MASTER} with admin option")


def make_database(server: Postgres, name: str) -> None:
    """A database of the master user, as RDS makes it, prepared for write-backs."""
    with connect(server, SUPERUSER) as connection:
        connection.execute(f"create database {name} owner {MASTER}")  # type: ignore[call-overload]
    prepare_database(server, name)
    with connect(server, SUPERUSER) as connection:
        connection.execute(f"alter role {WRITER} password '{PASSWORD}'")


def login_as(user: str, server: Postgres, database: str) -> Login:
    """A login with the password of tests."""
    return Login(
        host=HOST,
        port=server.port,
        database=database,
        username=user,
        password=PASSWORD,
        needs_tls=False,
    )


def prepare_database(server: Postgres, name: str) -> None:
    """What the function prepare_database does."""
    master = login_as(MASTER, server, name)
    with connected(master, clock=time.monotonic, sleep=time.sleep) as session:
        prepare(session)


@dataclass(frozen=True, kw_only=True)
class WatchedSession(Session):
    """A session whose statements are noted; `act` happens before or after the one that `at` knows by those so far."""

    act: Act
    at: Moment
    side: Side
    made: list[str] = field(default_factory=list)

    def _watched(self, query: Query, make: Callable[[], Any]) -> Any:
        self.made.append(query if isinstance(query, str) else query.as_string())
        mine = self.at(self.made)
        if mine and self.side == "before":
            self.act(self)
        made = make()
        if mine and self.side == "after":
            self.act(self)
        return made

    def rows(self, query: Query) -> list[tuple[Any, ...]]:
        rows = super().rows
        return list(self._watched(query, lambda: rows(query)))

    def run(self, query: Query) -> int:
        run = super().run
        return int(self._watched(query, lambda: run(query)))

    def copy(self, query: Query, file: Path) -> int:
        copy = super().copy
        return int(self._watched(query, lambda: copy(query, file)))


@dataclass
class Bench:
    """The lake and the database; each write-back is a process of its own."""

    server: Postgres
    database: str
    lake: SmallLake
    part_bytes: int = 10**9
    made: list[str] = field(default_factory=list)

    @property
    def login(self) -> Login:
        return login_as(WRITER, self.server, self.database)

    def write_back(
        self, run_id: str, *, act: Act | None = None, at: Moment = NEVER, side: Side = "before"
    ) -> DatabaseTable | None:
        """One attempt."""
        with (
            self.lake.tables() as tables,
            tempfile.TemporaryDirectory(dir=self.lake.folder) as folder,
            connected(self.login, clock=time.monotonic, sleep=time.sleep) as session,
        ):
            session.run("set lock_timeout = '300ms'")  # no test waits for a minute
            to = target(self.lake.contract, self.lake.processed)
            watched = WatchedSession(
                connection=session.connection, act=act or (lambda _session: None), at=at, side=side
            )
            self.made = watched.made
            work = WriteBack(
                target=to,
                run_id=run_id,
                lake=LakeTable(
                    tables=tables,
                    table=self.lake.processed,
                    money=to.money,
                    folder=Path(folder),
                    part_bytes=self.part_bytes,
                ),
                session=watched,
            )
            return work.run()

    def there(self) -> list[tuple[Any, ...]]:
        """Rows of the database in order, asked by somebody else."""
        return self.ask(
            f"select {', '.join(COLUMNS)} from silver.{self.lake.processed.name} order by 1"
        )

    def here(self) -> list[tuple[Any, ...]]:
        """Rows of the lake in order."""
        return self.lake.rows(self.lake.processed, *COLUMNS)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with connect(self.server, self.database) as connection:
            return connection.execute(query).fetchall()  # type: ignore[arg-type] # tests write queries in full

    def tell(self, statement: str) -> None:
        with connect(self.server, self.database) as connection:
            connection.execute(statement)  # type: ignore[arg-type] # as above
