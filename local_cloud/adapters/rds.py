"""AWS::RDS::DBCluster of PostgreSQL: a real server on this machine, with the master user's secret as RDS keeps it.

The server starts beside the deployment, and whoever connects earlier waits, as for a database that wakes up. Its master
user is no superuser, as in RDS. Capacity, TLS, backups, logs and the network have no effect, which each deployment
says. Source: CloudFormation template reference, AWS::RDS::DBCluster, return values; Aurora user guide, "Password
management with Amazon Aurora and AWS Secrets Manager".
"""

from __future__ import annotations

import json
import logging
import secrets
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

from local_cloud.instruments import recorded_types
from local_cloud.patching import original
from local_cloud.postgres import PREFIX, SUPERUSER, Installed, Postgres, free_port, install
from local_cloud.settings import LOOPBACK, ServerSettings

PROVISIONERS = "ministack.services.cloudformation.provisioners"
RDS = "ministack.services.rds"
SECRETS = "ministack.services.secretsmanager"
FOLDER = (
    "rds"  # of links to the folders of servers, which may be elsewhere (local_cloud/session.py)
)
CLUSTER, INSTANCE = "AWS::RDS::DBCluster", "AWS::RDS::DBInstance"
ENGINES = ("aurora-postgresql",)
WITHOUT_EFFECT = (
    "RDS capacity, parameters and network",
    "RDS TLS, IAM authentication, logs and backups",
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
    password: str = field(repr=False)
    folder: Path
    port: int
    secret_arn: str | None = None
    server: Postgres | None = None
    ready: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        """Make the server and start it."""
        try:
            installed = install(self.folder, port=self.port)
            self.server = installed.start()
            self._make_master(installed)
        except Exception:
            logger.exception("the server of cluster %s did not start", self.name)
        finally:
            self.ready.set()

    def _make_master(self, installed: Installed) -> None:
        with psycopg.connect(
            host=LOOPBACK,
            port=self.port,
            user=SUPERUSER,
            password=installed.password,
            dbname=SUPERUSER,
            autocommit=True,
        ) as connection:
            user = sql.Identifier(self.user)
            connection.execute(
                sql.SQL("create role {} login createdb createrole password {}").format(
                    user, sql.Literal(self.password)
                )
            )
            connection.execute(
                sql.SQL("create database {} owner {}").format(sql.Identifier(self.database), user)
            )

    def end(self) -> None:
        """Stop the server and remove what it has."""
        self.ready.wait()
        if self.server is not None:
            self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


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
        if str(properties.get("ManageMasterUserPassword", "")).lower() != "true":
            raise ValueError("only clusters whose master password RDS manages are emulated")
        name, _ = create(logical_id, properties, stack)
        database = _database(settings, name, properties)
        databases[name] = database
        database.secret_arn = _create_secret(database, properties)
        record = original(RDS, "_clusters")[name]
        record |= {"Endpoint": LOOPBACK, "ReaderEndpoint": LOOPBACK, "Port": database.port}
        record["MasterUserSecret"] = {"SecretArn": database.secret_arn, "SecretStatus": "active"}
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
            original(SECRETS, "_delete_secret")(
                {"SecretId": database.secret_arn, "ForceDeleteWithoutRecovery": True}
            )
            threading.Thread(target=database.end, daemon=True).start()

    return deleted


def _values(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "DBClusterArn": record["DBClusterArn"],
        "DBClusterResourceId": record["DbClusterResourceId"],
        "Endpoint.Address": record["Endpoint"],
        "Endpoint.Port": str(record["Port"]),
        "ReadEndpoint.Address": record["ReaderEndpoint"],
        "MasterUserSecret.SecretArn": record["MasterUserSecret"]["SecretArn"],
    }


def _database(settings: ServerSettings, name: str, properties: Properties) -> Database:
    # Not below the state: root's servers run as nobody, who may not enter every folder there.
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
    links = settings.state_dir / FOLDER
    links.mkdir(exist_ok=True)
    (links / f"{name}-{uuid.uuid4().hex[:8]}").symlink_to(folder)
    return Database(
        name=name,
        user=properties["MasterUsername"],
        database=properties["DatabaseName"],
        password=secrets.token_urlsafe(24),
        folder=folder,
        port=free_port(),
    )


def _create_secret(database: Database, properties: Properties) -> str:
    """Its name and value, as RDS keeps it."""
    key = (properties.get("MasterUserSecret") or {}).get("KmsKeyId")
    request = {
        "Name": f"rds!cluster-{uuid.uuid4()}",
        "SecretString": json.dumps({"username": database.user, "password": database.password}),
        **({"KmsKeyId": key} if key else {}),
    }
    status, _, body = original(SECRETS, "_create_secret")(request)
    answer = json.loads(body)
    if status >= 400:
        raise ValueError(f"secret of cluster {database.name}: {answer}")
    return str(answer["ARN"])
