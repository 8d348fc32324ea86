"""Leases of the internal database's instance: who holds it keeps it awake, and nobody stops it in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from contracts.errors import PermanentError, StoreAsleep
from lambdas.rest_database import handler
from lambdas.rest_database.instances import RdsInstance
from lambdas.rest_database.service import (
    BROKEN,
    CLOSING_SECONDS,
    LEASE_SECONDS,
    STORE,
    WAKE_SECONDS,
    RestDatabase,
)
from pipeline.store_leases import StoreLeases


@dataclass
class Instance:
    """One that does at once what it is told."""

    now: str
    name: str = "slipway-test"
    calls: list[str] = field(default_factory=list)

    def status(self) -> str:
        return self.now

    def start(self) -> None:
        self.calls.append("start")
        self.now = "starting"

    def stop(self) -> None:
        self.calls.append("stop")
        self.now = "stopping"


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Place:
    """A function, an instance and a clock; each call has an object of its own, as in Lambda."""

    table: Any
    instance: Instance
    clock: Clock

    @property
    def service(self) -> RestDatabase:
        leases = StoreLeases(table=self.table, store=STORE)
        return RestDatabase(leases=leases, instance=self.instance, clock=self.clock)

    def resume(self, owner: str) -> bool:
        return self.service.resume(owner, since=self.clock()).is_awake


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        keys = (("dataset", "HASH"), ("entry", "RANGE"))
        yield boto3.resource("dynamodb").create_table(
            TableName="runs",
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],  # type: ignore[misc]
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name, _ in keys
            ],
            BillingMode="PAY_PER_REQUEST",
        )


@pytest.fixture
def asleep(table: Any) -> Place:
    return Place(table, Instance("stopped"), Clock())


def test_the_first_who_asks_starts_it_and_writes_once_it_is_available(asleep: Place) -> None:
    assert not asleep.resume("one")
    assert not asleep.resume("one")
    assert asleep.instance.calls == ["start"]
    asleep.instance.now = "available"
    assert asleep.resume("one")


def test_it_is_stopped_by_the_last_who_gives_it_back(asleep: Place) -> None:
    asleep.instance.now = "available"
    assert all(asleep.resume(owner) for owner in ("one", "two"))
    first = asleep.service.pause("one")
    assert (first.is_stopped, first.held_by) == (False, ("two",))
    assert asleep.service.pause("two").is_stopped
    assert asleep.instance.calls == ["stop"]
    assert not asleep.service.pause("two").is_stopped  # repeated


def test_who_comes_while_it_is_being_stopped_waits_until_no_stop_can_come(asleep: Place) -> None:
    asleep.instance.now = "available"
    asleep.service.sweep()
    asleep.instance.now = "available"  # as an answer of RDS that is late would say
    assert not asleep.resume("one")
    asleep.clock.now += CLOSING_SECONDS + 1
    assert asleep.resume("one")


def test_a_sweep_leaves_what_is_held_until_the_hold_has_ended(asleep: Place) -> None:
    asleep.instance.now = "available"
    asleep.resume("killed")
    assert asleep.service.sweep().held_by == ("killed",)
    asleep.clock.now += LEASE_SECONDS + 1
    swept = asleep.service.sweep()
    assert (swept.is_stopped, swept.is_awake_for_nobody) == (True, True)


@pytest.mark.parametrize(
    ("status", "is_told"),
    [("stopped", False), ("stopping", False), ("storage-full", True), ("starting", True)],
)
def test_what_costs_by_the_hour_for_nobody_is_told(
    asleep: Place, status: str, is_told: bool
) -> None:
    asleep.instance.now = status
    assert asleep.service.sweep().is_awake_for_nobody is is_told
    assert asleep.instance.calls == []


@pytest.mark.parametrize("status", BROKEN)
def test_a_state_that_only_a_person_can_end_is_named(asleep: Place, status: str) -> None:
    asleep.instance.now = status
    with pytest.raises(PermanentError, match=f"slipway-test is '{status}'"):
        asleep.resume("one")


def test_a_run_waits_half_an_hour_and_no_longer(asleep: Place) -> None:
    began = asleep.clock()
    assert not asleep.service.resume("one", since=began).is_awake
    asleep.clock.now += WAKE_SECONDS + 1
    with pytest.raises(StoreAsleep, match="within 30 minutes: it is 'starting'"):
        asleep.service.resume("one", since=began)
    asleep.instance.now = "available"
    assert asleep.service.resume("one", since=began).is_awake


def test_changes_of_others_are_never_overwritten(asleep: Place) -> None:
    leases = StoreLeases(table=asleep.table, store=STORE)
    busy = asleep.table.put_item

    def overtaken(**given: Any) -> Any:
        asleep.table.put_item = busy
        StoreLeases(table=asleep.table, store=STORE).hold("other", until=99)
        return busy(**given)

    asleep.table.put_item = overtaken
    assert set(leases.hold("one", until=99).ends) == {"one", "other"}


def client(error: str | None) -> Any:
    """One whose calls that change something are refused."""

    class Client:
        def start_db_instance(self, **given: str) -> None:
            assert given == {"DBInstanceIdentifier": "slipway-test"}
            if error:
                raise ClientError({"Error": {"Code": error, "Message": "no"}}, "StartDBInstance")

        stop_db_instance = start_db_instance

    return Client()


def test_an_instance_in_another_state_is_left_as_it_is() -> None:
    for error in (None, "InvalidDBInstanceState"):
        instance = RdsInstance(client=client(error), name="slipway-test")
        instance.start()
        instance.stop()


def test_what_rds_refuses_for_another_reason_is_told() -> None:
    with pytest.raises(ClientError):
        RdsInstance(client=client("AccessDenied"), name="slipway-test").stop()
    with pytest.raises(StoreAsleep, match="no capacity"):
        RdsInstance(client=client("InsufficientDBInstanceCapacity"), name="slipway-test").start()


def test_the_handler_tells_its_log_what_alarms_count(
    asleep: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(handler, "_service", lambda: asleep.service)
    asleep.instance.now = "available"
    asked = {"action": "resume", "owner": "one", "since": "1970-01-12T13:46:40.000Z"}
    assert handler.handle(asked, None)["is_awake"]
    handler.handle({"action": "sweep"}, None)
    assert handler.AWAKE_FOR_NOBODY not in capsys.readouterr().out
    asleep.service.leases.release("one")
    assert handler.handle({"action": "sweep"}, None)["is_stopped"]
    assert handler.AWAKE_FOR_NOBODY in capsys.readouterr().out
    assert handler.handle({"action": "pause", "owner": "one"}, None)["status"] == "stopping"
    with pytest.raises(PermanentError, match="resume, pause or sweep"):
        handler.handle({"action": "dance"}, None)
