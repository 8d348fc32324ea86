"""A server of a cluster or an instance: made, stopped and started again, with the endpoint that lets its users in."""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from local_cloud.adapters.rds.front import MEMBERS, RULES, Front
from local_cloud.adapters.rds.tokens import Tokens
from local_cloud.postgres import PREFIX, SUPERUSER, Installed, Postgres, free_port, install
from local_cloud.settings import LOOPBACK, ServerSettings

FOLDER = (
    "rds"  # of links to the folders of servers, which may be elsewhere (local_cloud/session.py)
)
SOCKETS = "sockets"
PROVISIONERS = "ministack.services.cloudformation.provisioners"
RDS = "ministack.services.rds"
WITHOUT_EFFECT = (
    "RDS capacity, parameters and network",
    "RDS TLS, logs and backups",
)
Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]
logger = logging.getLogger("slipway.rds")


@dataclass(kw_only=True)
class Database:
    """A server: `ready` is set once its master user can log in, or it is known that nobody will."""

    name: str
    user: str
    database: str
    folder: Path
    port: int
    resource_id: str
    installed: Installed | None = None
    server: Postgres | None = None
    front: Front | None = None
    ready: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def is_running(self) -> bool:
        """Whether it answers."""
        return self.front is not None

    def begin(self) -> None:
        """Make the server and start it."""
        try:
            sockets = self.folder / SOCKETS
            self.installed = install(
                self.folder,
                settings={"unix_socket_directories": str(sockets)},
                files={"pg_hba.conf": RULES},
                private=(sockets,),
            )
            self.server = self.installed.start()
            self._make_master(self.installed)
            self._answer(self.installed)
        except Exception:
            logger.exception("the server of database %s did not start", self.name)
        finally:
            self.ready.set()

    def start(self) -> None:
        """Start it again, with what it held and where it was."""
        if self.installed is None:
            raise RuntimeError(f"database {self.name} was never made")
        self.server = self.installed.start()
        self._answer(self.installed)

    def stop(self) -> None:
        """Stop it in good order: who is connected is cut off, and what it holds stays."""
        if self.front is not None:
            self.front.close()
            self.front = None
        if self.server is not None:
            self.server.stop()
            self.server = None

    def end(self) -> None:
        """Stop the server and remove what it has."""
        self.ready.wait()
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.ended.set()

    def _answer(self, installed: Installed) -> None:
        self.front = Front(
            port=self.port,
            backend=self.folder / SOCKETS / f".s.PGSQL.{installed.port}",
            may_enter=Tokens(port=self.port, resource_id=self.resource_id).may_enter,
        )

    def _make_master(self, installed: Installed) -> None:
        with psycopg.connect(
            host=LOOPBACK,
            port=installed.port,
            user=SUPERUSER,
            password=installed.password,
            dbname=SUPERUSER,
            autocommit=True,
        ) as connection:
            user = sql.Identifier(self.user)
            connection.execute(
                sql.SQL("create role {}; create role {} login createdb createrole").format(
                    sql.Identifier(MEMBERS), user
                )
            )
            # It may let others in by IAM, and comes in so itself. Source: Aurora user guide, "Creating a database
            # account using IAM authentication".
            connection.execute(
                sql.SQL("grant {} to {} with admin option").format(sql.Identifier(MEMBERS), user)
            )
            connection.execute(
                sql.SQL("create database {} owner {}").format(sql.Identifier(self.database), user)
            )


def require_iam(properties: Mapping[str, Any]) -> None:
    """Raises ValueError for a database whose master user has a password."""
    asked = (
        str(properties.get("EnableIAMDatabaseAuthentication", "")).lower(),
        properties.get("MasterUserAuthenticationType"),
    )
    if asked != ("true", "iam-db-auth"):
        raise ValueError(
            "only databases whose master user comes in by IAM are emulated: EnableIAMDatabaseAuthentication true and"
            f" MasterUserAuthenticationType iam-db-auth, not {asked[0]!r} and {asked[1]!r}"
        )


def require_same(old: Properties, new: Properties, names: Iterable[str]) -> None:
    """Raises ValueError for a change for which CloudFormation would put another database in its place."""
    for name in names:
        if old.get(name) != new.get(name):
            raise ValueError(
                f"{name} cannot be changed from {old.get(name)!r} to {new.get(name)!r} without replacement"
            )


def ending(
    databases: dict[str, Database], delete: Callable[..., None]
) -> Callable[[str, Properties], None]:
    """The handler of a type that deletes the record and ends the server."""

    def deleted(physical_id: str, properties: Properties) -> None:
        delete(physical_id, properties)
        database = databases.pop(physical_id, None)
        if database is not None:
            threading.Thread(target=database.end, daemon=True).start()

    return deleted


def new_database(
    settings: ServerSettings, *, name: str, user: str, database: str, resource_id: str
) -> Database:
    """One that is still to begin, with a folder and a port."""
    # Not below the state: root's servers run as nobody, who may not enter every folder there.
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
    links = settings.state_dir / FOLDER
    links.mkdir(exist_ok=True)
    (links / f"{name}-{uuid.uuid4().hex[:8]}").symlink_to(folder)
    return Database(
        name=name,
        user=user,
        database=database,
        folder=folder,
        port=free_port(),
        resource_id=resource_id,
    )
