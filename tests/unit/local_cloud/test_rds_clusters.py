"""A cluster of the embedded AWS is a server that lets its master user in by IAM, under the policies of who comes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest

from local_cloud.adapters.rds import clusters
from local_cloud.patching import original
from local_cloud.settings import ServerSettings

CLUSTER = {
    "DBClusterIdentifier": "slipway-test",
    "Engine": "aurora-postgresql",
    "DatabaseName": "slipway",
    "MasterUsername": "boss",
    "EnableIAMDatabaseAuthentication": True,
    "MasterUserAuthenticationType": "iam-db-auth",
}


def settings(folder: Path) -> ServerSettings:
    return ServerSettings(
        state_dir=folder, jars_dir=folder, port=1, sftp_port=2, control_token="none"
    )


@pytest.fixture
def handlers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The emulator's handlers of the type, with ours before them."""
    table = original(clusters.PROVISIONERS, "_RESOURCE_HANDLERS")
    monkeypatch.setitem(table, clusters.CLUSTER, table[clusters.CLUSTER])
    clusters.install_types(settings(tmp_path))
    return dict(table[clusters.CLUSTER])


@dataclass(frozen=True, kw_only=True)
class Made:
    """A cluster that answers."""

    values: dict[str, Any]
    database: clusters.Database

    def token(self, user: str) -> str:
        rds = boto3.client(
            "rds", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
        )
        return str(
            rds.generate_db_auth_token(
                DBHostname=self.values["Endpoint.Address"],
                Port=int(self.values["Endpoint.Port"]),
                DBUsername=user,
            )
        )

    def connect(self, user: str) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=self.values["Endpoint.Address"],
            port=int(self.values["Endpoint.Port"]),
            dbname="slipway",
            user=user,
            password=self.token(user),
            autocommit=True,
        )


@pytest.fixture
def made(handlers: dict[str, Any]) -> Iterator[Made]:
    name, values = handlers["create"]("Cluster", CLUSTER, "stack")
    database = clusters.databases[name]
    database.ready.wait(60)
    yield Made(values=values, database=database)
    handlers["delete"](name, CLUSTER)
    database.ended.wait(60)


def test_its_master_user_makes_users_of_iam_and_is_no_superuser(made: Made) -> None:
    assert made.values["DBClusterResourceId"].startswith("cluster-")
    with made.connect("boss") as boss:
        boss.execute("create role writer login; grant rds_iam to writer; create schema silver")
        assert boss.execute("show is_superuser").fetchall() == [("off",)]
    with made.connect("writer") as writer, pytest.raises(psycopg.errors.InsufficientPrivilege):
        writer.execute("create table silver.orders (n int)")


def test_while_policies_are_enforced_they_decide(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def enforce(_key: str, action: str, *_rest: str, resource_arn: str, **_more: Any) -> object:
        asked.append((action, resource_arn))
        return object()  # denied

    monkeypatch.setattr("local_cloud.adapters.roles.enforced", lambda: True)
    monkeypatch.setattr("ministack.core.iam_evaluator.enforce", enforce)
    with pytest.raises(psycopg.OperationalError, match="PAM authentication failed"):
        made.connect("boss")
    resource = made.values["DBClusterResourceId"]
    user = f"arn:aws:rds-db:us-east-1:000000000000:dbuser:{resource}/boss"
    assert asked == [("rds-db:connect", user)]


@pytest.mark.parametrize(
    "change",
    [
        {"Engine": "aurora-mysql"},
        {"EnableIAMDatabaseAuthentication": False},
        {"MasterUserAuthenticationType": "password"},
        {"MasterUserAuthenticationType": None, "ManageMasterUserPassword": True},
    ],
)
def test_what_is_not_emulated_is_refused_by_name(
    handlers: dict[str, Any], change: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="emulated"):
        handlers["create"]("Cluster", {**CLUSTER, **change}, "stack")
