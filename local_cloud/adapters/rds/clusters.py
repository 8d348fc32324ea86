"""AWS::RDS::DBCluster of PostgreSQL: a real server on this machine, whose master user comes in by a token of IAM.

The server starts beside the deployment, and whoever connects earlier waits, as for a database that wakes up. Its master
user is no superuser, as in RDS. Capacity, TLS, backups, logs and the network have no effect, which each deployment
says. Source: CloudFormation template reference, AWS::RDS::DBCluster, return values.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from local_cloud.adapters.rds.databases import (
    PROVISIONERS,
    RDS,
    WITHOUT_EFFECT,
    Created,
    Database,
    Properties,
    ending,
    new_database,
    require_iam,
    require_same,
)
from local_cloud.instruments import recorded_types
from local_cloud.patching import original
from local_cloud.settings import LOOPBACK, ServerSettings

CLUSTER = "AWS::RDS::DBCluster"
ENGINES = ("aurora-postgresql",)
# A change of one of these would be another cluster.
REPLACING = ("DatabaseName", "MasterUsername", "DBClusterIdentifier", "Engine")
databases: dict[str, Database] = {}


def install_types(settings: ServerSettings) -> None:
    """Put our handlers before those of the emulator, which know no server."""
    handlers = original(PROVISIONERS, "_RESOURCE_HANDLERS")
    theirs = handlers[CLUSTER]
    handlers[CLUSTER] = theirs | {
        "create": _create(settings, theirs["create"]),
        "update": _update(theirs["update"]),
        "delete": ending(databases, theirs["delete"]),
    }


def _create(settings: ServerSettings, create: Callable[..., Created]) -> Callable[..., Created]:
    def created(logical_id: str, properties: Properties, stack: str) -> Created:
        if properties.get("Engine") not in ENGINES:
            raise ValueError(
                f"a cluster of {properties.get('Engine')!r} is not emulated; known: {', '.join(ENGINES)}"
            )
        require_iam(properties)
        name, _ = create(logical_id, properties, stack)
        record = original(RDS, "_clusters")[name]
        database = new_database(
            settings,
            name=name,
            user=properties["MasterUsername"],
            database=properties["DatabaseName"],
            resource_id=record["DbClusterResourceId"],
        )
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
        require_same(old, new, REPLACING)
        update(physical_id, old, new, *rest, **more)
        record = original(RDS, "_clusters")[physical_id]
        record["Port"] = databases[physical_id].port
        return physical_id, _values(record)

    return updated


def _values(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "DBClusterArn": record["DBClusterArn"],
        "DBClusterResourceId": record["DbClusterResourceId"],
        "Endpoint.Address": record["Endpoint"],
        "Endpoint.Port": str(record["Port"]),
        "ReadEndpoint.Address": record["ReaderEndpoint"],
    }
