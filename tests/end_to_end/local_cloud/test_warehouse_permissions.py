"""Who may use the embedded warehouse, what they see of it, and as whom it reads the lake."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.end_to_end.local_cloud.bench import Bench
from tests.end_to_end.local_cloud.warehouse import (
    ANYBODY,
    DATABASE,
    MAY_READ_LAKE,
    NAME,
    USERS,
    Warehouse,
    trust,
)


def role(bench: Bench, name: str, arn: str, *more: dict[str, Any]) -> dict[str, str]:
    """Credentials of a role that may run statements on one workgroup and see its own."""
    run = {
        "Action": ["redshift-data:ExecuteStatement", "redshift-data:BatchExecuteStatement"],
        "Resource": arn,
    }
    look = {
        "Action": ["redshift-data:DescribeStatement", "redshift-data:GetStatementResult"],
        "Resource": "*",
        "Condition": {
            "StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}
        },
    }
    return bench.assume(bench.role(name, ANYBODY, run, look, *more))


def test_a_role_needs_the_workgroup_and_its_credentials(
    bench: Bench, stack: dict[str, str], warehouse: Warehouse
) -> None:
    stranger = role(
        bench, "stranger", "arn:aws:redshift-serverless:us-east-1:000000000000:workgroup/other"
    )
    with pytest.raises(ClientError, match=r"AccessDenied.*redshift-data:ExecuteStatement"):
        Warehouse(bench, stranger).ask("SELECT 1")
    half = role(bench, "half", stack["Arn"])
    with pytest.raises(ClientError, match=r"AccessDenied.*redshift-serverless:GetCredentials"):
        Warehouse(bench, half).ask("SELECT 1")
    credentials = {"Action": "redshift-serverless:GetCredentials", "Resource": stack["Arn"]}
    loader = Warehouse(bench, role(bench, "loader", stack["Arn"], credentials))
    assert loader.ask("SELECT CURRENT_USER, 'own' AS word") == [["IAMR:loader", "own"]]
    with pytest.raises(ClientError, match="AccessDenied"):
        loader.api.list_statements()
    sent = warehouse.api.execute_statement(Sql="SELECT 1", WorkgroupName=NAME, Database=DATABASE)
    with pytest.raises(ClientError, match="AccessDenied"):
        loader.api.describe_statement(Id=sent["Id"])


def test_only_the_identity_that_ran_a_statement_sees_it(bench: Bench, warehouse: Warehouse) -> None:
    everything = {"Action": "redshift-data:*", "Resource": "*"}
    other = Warehouse(bench, bench.assume(bench.role("curious", ANYBODY, everything)))
    sent = warehouse.api.execute_statement(
        Sql="SELECT 1", WorkgroupName=NAME, Database=DATABASE, WaitTimeSeconds=10
    )
    for look in (
        other.api.describe_statement,
        other.api.get_statement_result,
        other.api.cancel_statement,
    ):
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            look(Id=sent["Id"])
    assert other.api.list_statements(Status="ALL")["Statements"] == []
    assert sent["Id"] in [item["Id"] for item in warehouse.api.list_statements()["Statements"]]


def test_the_lake_is_read_as_the_namespaces_role(bench: Bench, warehouse: Warehouse) -> None:
    bench.allow("reader", MAY_READ_LAKE[0])
    try:
        reason = warehouse.refused("SELECT COUNT(*) FROM lake.sales")
    finally:
        bench.allow("reader", *MAY_READ_LAKE)
    assert "assumed-role/reader" in reason
    assert "s3:GetObject" in reason
    bench.allow("reader", MAY_READ_LAKE[1])
    try:
        assert "glue:GetTable" in warehouse.refused("SELECT COUNT(*) FROM lake.sales")
    finally:
        bench.allow("reader", *MAY_READ_LAKE)


def test_the_role_of_the_lake_may_be_kept_to_some_database_users(
    bench: Bench, warehouse: Warehouse
) -> None:
    trust("reader", bench, f"{USERS}IAMR:loader")
    try:
        assert "is not authorized to perform: sts:AssumeRole" in warehouse.refused(
            "SELECT COUNT(*) FROM lake.sales"
        )
    finally:
        trust("reader", bench, f"{USERS}*")
    assert warehouse.ask("SELECT COUNT(*) FROM lake.sales")


def test_the_admin_logs_in_with_the_secret_that_the_service_keeps(
    bench: Bench, stack: dict[str, str], warehouse: Warehouse
) -> None:
    value = json.loads(
        bench.client("secretsmanager").get_secret_value(SecretId=stack["Secret"])["SecretString"]
    )
    assert value["username"] == "boss"
    api = warehouse.api
    sent = api.execute_statement(Sql="SELECT CURRENT_USER", WorkgroupName=NAME, Database=DATABASE,
                                 SecretArn=stack["Secret"], WaitTimeSeconds=10)  # fmt: skip
    assert sent["DbUser"] == "boss"
    assert api.get_statement_result(Id=sent["Id"])["Records"] == [[{"stringValue": "boss"}]]
    may_not = Warehouse(bench, role(bench, "no-secret", stack["Arn"]))
    with pytest.raises(ClientError, match=r"AccessDenied.*secretsmanager:GetSecretValue"):
        may_not.batch("SELECT 1", SecretArn=stack["Secret"])
    reads = {"Action": "secretsmanager:GetSecretValue", "Resource": stack["Secret"]}
    may = Warehouse(bench, role(bench, "has-secret", stack["Arn"], reads))
    assert may.batch("SELECT 1", SecretArn=stack["Secret"])["DbUser"] == "boss"
