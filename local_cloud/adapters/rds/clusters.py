"""AWS::RDS::DBCluster of PostgreSQL: a real server on this machine, whose master user comes in by a token of IAM.

The server starts beside the deployment, and whoever connects earlier waits, as for a database that wakes up. Its master
user is no superuser, as in RDS. Capacity, TLS, backups, logs and the network have no effect, which each deployment
says. Source: CloudFormation template reference, AWS::RDS::DBCluster, return values.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from local_cloud.adapters.rds.front import MEMBERS, RULES, Front
from local_cloud.adapters.rds.tokens import Tokens
from local_cloud.instruments import recorded_types
from local_cloud.patching import original
from local_cloud.postgres import PREFIX, SUPERUSER, Installed, Postgres, free_port, install
from local_cloud.settings import LOOPBACK, ServerSettings

PROVISIONERS = "ministack.services.cloudformation.provisioners"
RDS = "ministack.services.rds"
FOLDER = (
    "rds"  # of links to the folders of servers, which may be elsewhere (local_cloud/session.py)
)
CLUSTER, INSTANCE = "AWS::RDS::DBCluster", "AWS::RDS::DBInstance"
ENGINES = ("aurora-postgresql",)
SOCKETS = "sockets"
WITHOUT_EFFECT = (
    "RDS capacity, parameters and network",
    "RDS TLS, logs and backups",
)
Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]
logger = logging.getLogger("slipway.rds")


@dataclass(kw_only=True)
class Database:
    """A server of a cluster: `ready` is set once its master user can log in, or it is known that nobody will."""

    name: str
    user: str
    database: str
    folder: Path
    port: int
    resource_id: str
    server: Postgres | None = None
    front: Front | None = None
    ready: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        """Make the server and start it."""
        try:
            sockets = self.folder / SOCKETS
            installed = install(
                self.folder,
                settings={"unix_socket_directories": str(sockets)},
                files={"pg_hba.conf": RULES},
                private=(sockets,),
            )
            self.server = installed.start()
            self._make_master(installed)
            tokens = Tokens(port=self.port, resource_id=self.resource_id)
            self.front = Front(
                port=self.port,
                backend=sockets / f".s.PGSQL.{installed.port}",
                may_enter=tokens.may_enter,
            )
        except Exception:
            logger.exception("the server of cluster %s did not start", self.name)
        finally:
            self.ready.set()

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

    def end(self) -> None:
        """Stop the server and remove what it has."""
        self.ready.wait()
        if self.front is not None:
            self.front.close()
        if self.server is not None:
            self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.ended.set()


databases: dict[str, Database] = {}


def install_types(settings: ServerSettings) -> None:
    """Put our handlers before those of the emulator, which know no server."""
    handlers = original(PROVISIONERS, "_RESOURCE_HANDLERS")
    theirs = handlers[CLUSTER]
    handlers[CLUSTER] = theirs | {
        "create": _create(settings, theirs["create"]),
        "update": _update(theirs["update"]),
        "delete": _delete(theirs["delete"]),
    }


def _create(settings: ServerSettings, create: Callable[..., Created]) -> Callable[..., Created]:
    def created(logical_id: str, properties: Properties, stack: str) -> Created:
        if properties.get("Engine") not in ENGINES:
            raise ValueError(
                f"a cluster of {properties.get('Engine')!r} is not emulated; known: {', '.join(ENGINES)}"
            )
        _require_iam(properties)
        name, _ = create(logical_id, properties, stack)
        record = original(RDS, "_clusters")[name]
        database = _database(settings, name, properties, record["DbClusterResourceId"])
        databases[name] = database
        record |= {"Endpoint": LOOPBACK, "ReaderEndpoint": LOOPBACK, "Port": database.port}
        recorded_types.recorded.update(WITHOUT_EFFECT)
        threading.Thread(target=database.begin, daemon=True).start()
        return name, _values(record)

    return created


def _update(update: Callable[..., Created]) -> Callable[..., Created]:
    def updated(
        physical_id: str, old: Properties, new: Properties, *rest: Any, **more: Any
    ) -> Created:
        for name in ("DatabaseName", "MasterUsername", "DBClusterIdentifier", "Engine"):
            if old.get(name) != new.get(name):
                raise ValueError(
                    f"{name} cannot be changed from {old.get(name)!r} to {new.get(name)!r} without replacement"
                )
        update(physical_id, old, new, *rest, **more)
        record = original(RDS, "_clusters")[physical_id]
        record["Port"] = databases[physical_id].port
        return physical_id, _values(record)

    return updated


def _delete(delete: Callable[..., None]) -> Callable[..., None]:
    def deleted(physical_id: str, properties: Properties) -> None:
        delete(physical_id, properties)
        database = databases.pop(physical_id, None)
        if database is not None:
            threading.Thread(target=database.end, daemon=True).start()

    return deleted


def _values(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "DBClusterArn": record["DBClusterArn"],
        "DBClusterResourceId": record["DbClusterResourceId"],
        "Endpoint.Address": record["Endpoint"],
        "Endpoint.Port": str(record["Port"]),
        "ReadEndpoint.Address": record["ReaderEndpoint"],
    }


def _require_iam(properties: Properties) -> None:
    asked = (
        str(properties.get("EnableIAMDatabaseAuthentication", "")).lower(),
        properties.get("MasterUserAuthenticationType"),
    )
    if asked != ("true", "iam-db-auth"):
        raise ValueError(
            "only databases whose master user comes in by IAM are emulated: EnableIAMDatabaseAuthentication true and"
            f" MasterUserAuthenticationType iam-db-auth, not {asked[0]!r} and {asked[1]!r}"
        )


def _database(
    settings: ServerSettings, name: str, properties: Properties, resource_id: str
) -> Database:
    # Not below the state: root's servers run as nobody, who may not enter every folder there.
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
    links = settings.state_dir / FOLDER
    links.mkdir(exist_ok=True)
    (links / f"{name}-{uuid.uuid4().hex[:8]}").symlink_to(folder)
    return Database(
        name=name,
        user=properties["MasterUsername"],
        database=properties["DatabaseName"],
        folder=folder,
        port=free_port(),
        resource_id=resource_id,
    )
