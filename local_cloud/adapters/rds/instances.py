"""AWS::RDS::DBInstance of PostgreSQL: a real server, which StartDBInstance and StopDBInstance start and stop.

States are those of RDS: a call in the wrong one is refused with InvalidDBInstanceState, and who is connected to a
server that stops is cut off. A stopped instance cannot be changed. AWS takes minutes where this takes a second, and
starts an instance after seven days, which this does not. An instance of a cluster stays the emulator's own record.
Sources: RDS user guide, "Stopping an Amazon RDS DB instance temporarily" and "Viewing Amazon RDS DB instance status".
"""

from __future__ import annotations

import logging
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

INSTANCE = "AWS::RDS::DBInstance"
ENGINES = ("postgres",)
# A change of one of these would be another instance.
REPLACING = ("DBName", "MasterUsername", "DBInstanceIdentifier", "Engine")
SEVEN_DAYS = "RDS start of a stopped instance after seven days"
Answer = tuple[int, dict[str, str], bytes]
logger = logging.getLogger("slipway.rds")
servers: dict[str, Database] = {}
_changing = threading.Lock()


def install(settings: ServerSettings) -> None:
    """Put our handlers of the type and of the two calls before those of the emulator, which know no server."""
    handlers = original(PROVISIONERS, "_RESOURCE_HANDLERS")
    theirs = handlers[INSTANCE]
    handlers[INSTANCE] = theirs | {
        "create": _create(settings, theirs["create"]),
        "update": _update(theirs["update"]),
        "delete": ending(servers, theirs["delete"]),
    }
    actions = original(RDS, "_ACTION_MAP")
    actions["StartDBInstance"] = _changed(
        actions["StartDBInstance"], "Start", "stopped", "starting", "available"
    )
    actions["StopDBInstance"] = _changed(
        actions["StopDBInstance"], "Stop", "available", "stopping", "stopped"
    )
    actions["ModifyDBInstance"] = _unless_stopped(actions["ModifyDBInstance"])


def _create(settings: ServerSettings, create: Callable[..., Created]) -> Callable[..., Created]:
    def created(logical_id: str, properties: Properties, stack: str) -> Created:
        if properties.get("DBClusterIdentifier"):
            return create(logical_id, properties, stack)
        if properties.get("Engine") not in ENGINES:
            raise ValueError(
                f"an instance of {properties.get('Engine')!r} is not emulated; known: {', '.join(ENGINES)}"
            )
        require_iam(properties)
        if str(properties.get("MultiAZ", "")).lower() == "true":
            raise ValueError("an instance in several zones is not emulated; MultiAZ must be false")
        name, _ = create(logical_id, properties, stack)
        record = original(RDS, "_instances")[name]
        database = new_database(
            settings,
            name=name,
            user=properties["MasterUsername"],
            database=properties["DBName"],
            resource_id=record["DbiResourceId"],
        )
        servers[name] = database
        record["Endpoint"] |= {"Address": LOOPBACK, "Port": database.port}
        record["DBInstanceStatus"] = "creating"
        recorded_types.recorded.update({*WITHOUT_EFFECT, SEVEN_DAYS})
        _in_background(record, database.begin, database, "available")
        return name, _values(record)

    return created


def _update(update: Callable[..., Created]) -> Callable[..., Created]:
    def updated(
        physical_id: str, old: Properties, new: Properties, *rest: Any, **more: Any
    ) -> Created:
        database = servers.get(physical_id)
        if database is None:
            return update(physical_id, old, new, *rest, **more)
        require_same(old, new, REPLACING)
        record = original(RDS, "_instances")[physical_id]
        if record["DBInstanceStatus"] == "stopped":
            raise ValueError(f"{physical_id} is stopped and cannot be changed; start it first")
        update(physical_id, old, new, *rest, **more)
        record["Endpoint"]["Port"] = database.port
        return physical_id, _values(record)

    return updated


def _changed(
    theirs: Callable[[Any], Answer], verb: str, needed: str, now: str, then: str
) -> Callable[[Any], Answer]:
    """StartDBInstance or StopDBInstance: from the state that it needs, by way of another, to its own."""

    def changed(parameters: Any) -> Answer:
        record = _record(parameters)
        database = servers.get(record["DBInstanceIdentifier"]) if record else None
        if record is None or database is None:
            return theirs(parameters)
        with _changing:
            if record["DBInstanceStatus"] != needed:
                return _wrong_state(record, needed)
            record["DBInstanceStatus"] = now
        work = database.start if verb == "Start" else database.stop
        _in_background(record, work, database, then)
        answer: Answer = original(RDS, "_single_instance_response")(
            f"{verb}DBInstanceResponse", f"{verb}DBInstanceResult", record
        )
        return answer

    return changed


def _unless_stopped(theirs: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    def modified(parameters: Any) -> Answer:
        record = _record(parameters)
        if record is not None and record["DBInstanceStatus"] == "stopped":
            return _wrong_state(record, "available")
        return theirs(parameters)

    return modified


def _in_background(
    record: dict[str, Any], work: Callable[[], None], database: Database, then: str
) -> None:
    """What takes a while on RDS is not waited for; whoever wants to know asks for the status."""

    def run() -> None:
        try:
            work()
        except Exception:
            logger.exception("instance %s is broken", database.name)
        reached = database.is_running == (then == "available")
        record["DBInstanceStatus"] = then if reached else "failed"

    threading.Thread(target=run, daemon=True).start()


def _record(parameters: Any) -> dict[str, Any] | None:
    name = original(RDS, "_p")(parameters, "DBInstanceIdentifier")
    record: dict[str, Any] | None = original(RDS, "_resolve_instance")(name)
    return record


def _wrong_state(record: dict[str, Any], needed: str) -> Answer:
    name, status = record["DBInstanceIdentifier"], record["DBInstanceStatus"]
    answer: Answer = original(RDS, "_error")(
        "InvalidDBInstanceState",
        f"Instance {name} is not in {needed} state: it is {status}.",
        400,
    )
    return answer


def _values(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "DBInstanceArn": record["DBInstanceArn"],
        "DbiResourceId": record["DbiResourceId"],
        "Endpoint.Address": record["Endpoint"]["Address"],
        "Endpoint.Port": str(record["Endpoint"]["Port"]),
    }
