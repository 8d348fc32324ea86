"""An instance of the embedded AWS is a server that StartDBInstance and StopDBInstance really start and stop.

What starts and stops it in AWS does so here, asked over boto3, while three runs write: it never sleeps under one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from lambdas.rest_database import service
from lambdas.rest_database.instances import RdsInstance
from local_cloud.adapters.rds import instances
from local_cloud.patching import original
from local_cloud.settings import ServerSettings
from pipeline.store_leases import StoreLeases
from tests.simulation.table import MemoryTable

NAME = "slipway-test"
INSTANCE = {
    "DBInstanceIdentifier": NAME,
    "DBInstanceClass": "db.t4g.micro",
    "Engine": "postgres",
    "DBName": "slipway",
    "MasterUsername": "boss",
    "MultiAZ": False,
    "EnableIAMDatabaseAuthentication": True,
    "MasterUserAuthenticationType": "iam-db-auth",
}


@dataclass(frozen=True)
class Raw:
    """The body of an answer as botocore reads it."""

    body: bytes

    def stream(self) -> Iterator[bytes]:
        yield self.body


def rds() -> Any:
    """boto3's client, whose requests go to the emulator's service without a network."""
    client = boto3.client(
        "rds", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )

    def answer(request: Any, **_: Any) -> AWSResponse:
        handle = original("ministack.services.rds", "_handle_request_sync")
        body = request.body if isinstance(request.body, bytes) else str(request.body).encode()
        status, headers, content = handle("POST", "/", {}, body, {})
        return AWSResponse(request.url, status, headers, Raw(content))

    client.meta.events.register("before-send.rds", answer)
    return client


@dataclass(frozen=True, kw_only=True)
class Made:
    """An instance that was made; `handlers` are those of its type."""

    handlers: dict[str, Any]
    values: dict[str, Any]
    client: Any

    @property
    def status(self) -> str:
        [found] = self.client.describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"]
        return str(found["DBInstanceStatus"])

    def becomes(self, status: str) -> None:
        deadline = time.monotonic() + 60
        while self.status != status:
            assert time.monotonic() < deadline, self.status
            time.sleep(0.02)

    def connect(self) -> psycopg.Connection[Any]:
        host, port = self.values["Endpoint.Address"], int(self.values["Endpoint.Port"])
        token = self.client.generate_db_auth_token(DBHostname=host, Port=port, DBUsername="boss")
        return psycopg.connect(
            host=host, port=port, dbname="slipway", user="boss", password=token, autocommit=True
        )


@pytest.fixture
def handlers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The emulator's handlers of the type and its calls, with ours before them."""
    table = original(instances.PROVISIONERS, "_RESOURCE_HANDLERS")
    monkeypatch.setitem(table, instances.INSTANCE, table[instances.INSTANCE])
    actions = original(instances.RDS, "_ACTION_MAP")
    for name in ("StartDBInstance", "StopDBInstance", "ModifyDBInstance"):
        monkeypatch.setitem(actions, name, actions[name])
    instances.install(
        ServerSettings(
            state_dir=tmp_path, jars_dir=tmp_path, port=1, sftp_port=2, control_token="none"
        )
    )
    return dict(table[instances.INSTANCE])


@pytest.fixture
def made(handlers: dict[str, Any]) -> Iterator[Made]:
    _, values = handlers["create"]("Server", INSTANCE, "stack")
    database = instances.servers[NAME]
    made = Made(handlers=handlers, values=values, client=rds())
    made.becomes("available")
    yield made
    handlers["delete"](NAME, INSTANCE)
    database.ended.wait(60)


def test_it_is_stopped_and_started_with_what_it_holds_and_where_it_is(made: Made) -> None:
    assert made.values["DbiResourceId"].startswith("db-")
    with made.connect() as boss:
        boss.execute("create table kept (n int); insert into kept values (7)")
        assert (
            made.client.stop_db_instance(DBInstanceIdentifier=NAME)["DBInstance"][
                "DBInstanceStatus"
            ]
            == "stopping"
        )
        made.becomes("stopped")
        with pytest.raises(psycopg.OperationalError):
            boss.execute("select 1")
    with pytest.raises(psycopg.OperationalError, match="refused"):
        made.connect()
    made.client.start_db_instance(DBInstanceIdentifier=NAME)
    made.becomes("available")
    with made.connect() as boss:
        assert boss.execute("select n from kept").fetchall() == [(7,)]


def test_a_call_in_the_wrong_state_is_refused_as_rds_refuses_it(made: Made) -> None:
    with pytest.raises(ClientError, match="InvalidDBInstanceState"):
        made.client.start_db_instance(DBInstanceIdentifier=NAME)
    made.client.stop_db_instance(DBInstanceIdentifier=NAME)
    made.becomes("stopped")
    for call in (made.client.stop_db_instance, made.client.modify_db_instance):
        with pytest.raises(ClientError, match="InvalidDBInstanceState"):
            call(DBInstanceIdentifier=NAME)
    with pytest.raises(ValueError, match="start it first"):
        made.handlers["update"](NAME, INSTANCE, {**INSTANCE, "AllocatedStorage": "40"}, "stack")


@pytest.mark.parametrize(
    "change",
    [
        {"Engine": "mysql"},
        {"MultiAZ": True},
        {"EnableIAMDatabaseAuthentication": False},
        {"MasterUserAuthenticationType": "password"},
    ],
)
def test_what_is_not_emulated_is_refused_by_name(
    handlers: dict[str, Any], change: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="emulated"):
        handlers["create"]("Server", {**INSTANCE, **change}, "stack")


FASTER = 60  # the clock of the function, so that a closing takes 2.5 seconds


@dataclass(kw_only=True)
class Runs:
    """Runs beside each other, as the states of write_back.asl.json; some are killed and leave their hold."""

    made: Made
    table: MemoryTable = field(
        default_factory=lambda: MemoryTable(
            name="runs", call=lambda _label, do: do(), watch=lambda _before, _after: None
        )
    )
    lock: threading.Lock = field(default_factory=threading.Lock)
    written: list[str] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def service(self) -> service.RestDatabase:
        return service.RestDatabase(
            leases=StoreLeases(table=self.table, store=service.STORE),
            instance=RdsInstance(client=rds(), name=NAME),
            clock=lambda: time.time() * FASTER,
        )

    def run(self, owner: str, *, seconds: float, is_killed: bool = False) -> None:
        try:
            began = time.time() * FASTER
            while not self._asked("resume", owner, began):
                time.sleep(0.1)
            with self.made.connect() as boss:
                deadline = time.monotonic() + seconds
                while time.monotonic() < deadline:
                    boss.execute("insert into written values (%s)", [owner])
            self.written.append(owner)
            if not is_killed:
                self._asked("pause", owner, began)
        except BaseException as error:  # noqa: BLE001 - told by the test
            self.failures.append(error)

    def _asked(self, action: str, owner: str, began: float) -> bool:
        with self.lock:  # MemoryTable is for one thread at a time
            if action == "pause":
                return self.service().pause(owner).is_stopped
            return self.service().resume(owner, since=began).is_awake

    def sweep(self) -> service.Rested:
        with self.lock:
            return self.service().sweep()


def test_it_never_sleeps_under_three_runs_and_is_asleep_after_the_last(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "LEASE_SECONDS", 15 * FASTER)
    with made.connect() as boss:
        boss.execute("create table written (run text)")
    runs = Runs(made=made)
    runs.sweep()
    made.becomes("stopped")
    work = (("one", 0.5, False), ("two", 4.0, False), ("three", 1.0, True))
    threads = [
        threading.Thread(
            target=runs.run, args=(owner,), kwargs={"seconds": seconds, "is_killed": killed}
        )
        for owner, seconds, killed in work
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert runs.sweep().is_stopped is False
        time.sleep(0.2)
    assert (runs.failures, sorted(runs.written)) == ([], ["one", "three", "two"])
    assert made.status == "available"  # the killed one holds it until its lease has ended
    deadline = time.monotonic() + 60
    while not runs.sweep().is_stopped:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    made.becomes("stopped")
