"""A namespace and workgroup made by CloudFormation, over a lake of one Iceberg table, and short ways to ask them."""

from __future__ import annotations

import datetime as dt
import json
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import DateType, DecimalType, NestedField, StringType

from tests.end_to_end.local_cloud.bench import Bench

ANYBODY = {"AWS": "arn:aws:iam::000000000000:root"}
REDSHIFT = {"Service": "redshift-serverless.amazonaws.com"}
USERS = "arn:aws:redshift:us-east-1:000000000000:dbuser:serverless-000000000000-*/"
NAME, DATABASE = "wh-test", "slipway"
SCHEMA = Schema(
    NestedField(1, "period", DateType(), required=False),
    NestedField(2, "region", StringType(), required=False),
    NestedField(3, "revenue", DecimalType(18, 2), required=False),
)
MAY_READ_LAKE = (
    {
        "Action": ["glue:GetDatabase", "glue:GetTable"],
        "Resource": [
            f"arn:aws:glue:*:*:{part}" for part in ("catalog", "database/lake", "table/lake/*")
        ],
    },
    {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::lake/tables/*"},
)
JANUARY, FEBRUARY = dt.date(2026, 1, 1), dt.date(2026, 2, 1)
TARGET = """CREATE TABLE IF NOT EXISTS curated.sales (
    period date NOT NULL ENCODE az64, region varchar(40) NOT NULL, revenue decimal(18,2), PRIMARY KEY (period, region)
) DISTSTYLE KEY DISTKEY (region) COMPOUND SORTKEY (period, region)"""


@dataclass(frozen=True)
class Lake:
    """An Iceberg table `lake.sales` of the emulated Glue catalog, one file per month."""

    bench: Bench

    def append(self, *rows: tuple[dt.date, str, str]) -> None:
        """Add rows (period, region, revenue) as a new snapshot."""
        names = [field.name for field in SCHEMA.fields]
        records = [
            dict(zip(names, (period, region, Decimal(money)), strict=True))
            for period, region, money in rows
        ]
        data = pa.Table.from_pylist(records, schema=SCHEMA.as_arrow())
        self._catalog().load_table("lake.sales").append(data)

    def create(self) -> None:
        self.bench.client("s3").create_bucket(Bucket="lake")
        self.bench.client("glue").create_database(DatabaseInput={"Name": "lake"})
        spec = PartitionSpec(PartitionField(1, 1000, IdentityTransform(), "period"))
        self._catalog().create_table("lake.sales", SCHEMA, "s3://lake/tables/sales", spec)

    def _catalog(self) -> GlueCatalog:
        keys = {"access-key-id": "test", "secret-access-key": "test", "region": "us-east-1"}
        properties = {
            f"{service}.{name}": value for service in ("glue", "s3") for name, value in keys.items()
        }
        endpoints = {f"{service}.endpoint": self.bench.cloud.endpoint for service in ("glue", "s3")}
        return GlueCatalog(
            "bench", **properties, **endpoints, **{"s3.force-virtual-addressing": "false"}
        )


@dataclass(frozen=True)
class Warehouse:
    """The Data API, as its administrator or as another identity."""

    bench: Bench
    credentials: dict[str, str] | None = None

    @property
    def api(self) -> Any:
        return self.bench.client("redshift-data", self.credentials)

    def ask(self, sql: str, **parameters: str) -> list[list[Any]]:
        """Rows of one statement; an empty list if it has none."""
        named = [{"name": name, "value": value} for name, value in parameters.items()]
        sent = {"Sql": sql, "WorkgroupName": NAME, "Database": DATABASE} | (
            {"Parameters": named} if named else {}
        )
        described = self.ended(self.api.execute_statement(**sent)["Id"])
        assert described["Status"] == "FINISHED", described.get("Error")
        if not described["HasResultSet"]:
            return []
        pages = self.api.get_paginator("get_statement_result").paginate(Id=described["Id"])
        return [[value(field) for field in record] for page in pages for record in page["Records"]]

    def batch(self, *sqls: str, **more: Any) -> dict[str, Any]:
        """The description of a batch that has ended."""
        sent = self.api.batch_execute_statement(
            Sqls=list(sqls), WorkgroupName=NAME, Database=DATABASE, **more
        )
        return self.ended(sent["Id"])

    def done(self, *sqls: str) -> dict[str, Any]:
        described = self.batch(*sqls)
        assert described["Status"] == "FINISHED", described.get("Error")
        return described

    def refused(self, sql: str) -> str:
        """Why a statement failed."""
        sent = self.api.execute_statement(Sql=sql, WorkgroupName=NAME, Database=DATABASE)
        described = self.ended(sent["Id"])
        assert described["Status"] == "FAILED"
        return str(described["Error"])

    def ended(self, statement_id: str) -> dict[str, Any]:
        api, deadline = self.api, time.monotonic() + 60
        while (found := api.describe_statement(Id=statement_id))["Status"] not in (
            "FINISHED",
            "FAILED",
            "ABORTED",
        ):
            assert time.monotonic() < deadline, f"{statement_id} has not ended"
            time.sleep(0.05)
        return dict(found)


def value(field: dict[str, Any]) -> Any:
    """What a Field of the Data API holds."""
    return None if field.get("isNull") else next(iter(field.values()))


# As CDK's custom resource is given it: CloudFormation does not tell the ARN of the secret.
LOOK_UP = json.dumps(
    {
        "service": "redshift-serverless",
        "action": "GetNamespace",
        "parameters": {"namespaceName": NAME},
        "physicalResourceId": {"id": "look"},
        "outputPaths": ["namespace.adminPasswordSecretArn"],
    }
)


def template(reader: str, **workgroup: Any) -> str:
    """A namespace with a managed admin secret and its workgroup."""
    named = {
        "NamespaceName": NAME,
        "DbName": DATABASE,
        "AdminUsername": "boss",
        "ManageAdminPassword": True,
    }
    roles = {"DefaultIamRoleArn": reader, "IamRoles": [reader]}
    resources = {
        "Namespace": {"Type": "AWS::RedshiftServerless::Namespace", "Properties": named | roles},
        "Workgroup": {
            "Type": "AWS::RedshiftServerless::Workgroup",
            "DependsOn": "Namespace",
            "Properties": {"WorkgroupName": NAME, "NamespaceName": NAME, "BaseCapacity": 4}
            | workgroup,
        },
        "Look": {
            "Type": "Custom::RedshiftAdminSecret",
            "DependsOn": "Namespace",
            "Properties": {"Create": LOOK_UP},
        },
    }
    outputs = {
        "Arn": {"Value": {"Fn::GetAtt": ["Workgroup", "Workgroup.WorkgroupArn"]}},
        "NamespaceArn": {"Value": {"Fn::GetAtt": ["Namespace", "Namespace.NamespaceArn"]}},
        "Secret": {"Value": {"Fn::GetAtt": ["Look", "namespace.adminPasswordSecretArn"]}},
        "Name": {"Value": {"Ref": "Workgroup"}},
    }
    return json.dumps({"Resources": resources, "Outputs": outputs})


def deploy(bench: Bench, body: str) -> dict[str, str]:
    """Create the stack; its outputs."""
    cloudformation = bench.client("cloudformation")
    cloudformation.create_stack(StackName=NAME, TemplateBody=body)
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=NAME, WaiterConfig={"Delay": 1}
    )
    found = cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]["Outputs"]
    return {item["OutputKey"]: item["OutputValue"] for item in found}


def trust(name: str, bench: Bench, users: str) -> None:
    """Let Redshift assume a role for certain database users."""
    statement = {"Effect": "Allow", "Principal": REDSHIFT, "Action": "sts:AssumeRole"}
    statement |= {"Condition": {"StringLike": {"sts:ExternalId": users}}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    bench.client("iam").update_assume_role_policy(RoleName=name, PolicyDocument=policy)
