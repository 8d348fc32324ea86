"""Saved queries that are asked again after each run, for whoever reads a result without asking.

The machine asks in the workgroup of analysts, under its scan limit, and may read what analysts may: tables and views of
processed and curated. A query over files as they came is refused, since those have personal data in clear.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_athena as athena
from aws_cdk import aws_iam as iam
from constructs import Construct

from contracts.errors import ContractInvalid
from stacks.alerts import AlertsStack
from stacks.base import Blueprint
from stacks.constructs import permissions
from stacks.constructs.dataset_machine import DatasetMachine, Offer
from stacks.setting_values import ANALYSTS
from stacks.storage import StorageStack
from stacks.table_access import TABLES_PREFIX

ASK = ("athena:GetNamedQuery", "athena:StartQueryExecution", "athena:GetQueryExecution")
CATALOG = ("glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartitions")
IN_PARTS = "Athena writes large results in parts"


def file_of(blueprint: Blueprint, name: str) -> Path:
    """The file of `<dataset>/<query>` of `athena.refreshed`.

    Raises ContractInvalid, with what there is, for one that no file describes, or that reads files as they came.
    """
    folder = blueprint.root / "sql" / "athena"
    file = folder / f"{name}.sql"
    place = f"config/{blueprint.settings.environment}.yaml: athena.refreshed: {name!r}"
    dataset = name.partition("/")[0]
    if dataset not in {contract.dataset for contract in blueprint.contracts} or not file.is_file():
        known = sorted(
            f"{each.parent.name}/{each.stem}"
            for contract in blueprint.contracts
            for each in (folder / contract.dataset).glob("*.sql")
        )
        raise ContractInvalid(
            f"{place} is described by no file of sql/athena/; known: {', '.join(known)}"
        )
    if "{raw}" in file.read_text(encoding="utf-8"):
        raise ContractInvalid(
            f"{place} reads files as they were sent, personal data included; take one over {{processed}} or {{curated}}"
        )
    return file


def query_refresh(
    scope: Construct,
    *,
    blueprint: Blueprint,
    storage: StorageStack,
    alerts: AlertsStack,
    queries: Mapping[str, athena.CfnNamedQuery],
) -> DatasetMachine:
    """The machine that asks again; `queries` by their name in the settings."""
    saved = ",".join(f"{name.partition('/')[0]}={query.ref}" for name, query in queries.items())
    machine = DatasetMachine(
        scope,
        "QueryRefresh",
        blueprint=blueprint,
        name="query_refresh",
        comment="Asks saved queries of one dataset again and has people told",
        offer=Offer(
            values={
                "Environment": blueprint.settings.environment,
                "SavedQueries": saved,
                "AnnounceStateMachineArn": alerts.announce.arn,
            }
        ),
        operations_key=storage.operations_key,
    )
    permissions.allow(
        machine.role, actions=["states:StartExecution"], resources=[alerts.announce.arn]
    )
    _allow_asking(machine.role, blueprint, storage)
    return machine


def _allow_asking(role: iam.Role, blueprint: Blueprint, storage: StorageStack) -> None:
    stack = Stack.of(role)
    workgroup = f"slipway-{blueprint.settings.environment}-{ANALYSTS}"
    permissions.allow(
        role,
        actions=ASK,
        resources=[
            stack.format_arn(service="athena", resource="workgroup", resource_name=workgroup)
        ],
    )
    databases = [blueprint.database("processed"), blueprint.database("curated")]
    permissions.allow(
        role,
        actions=CATALOG,
        resources=[
            stack.format_arn(service="glue", resource="catalog"),
            *(
                stack.format_arn(service="glue", resource=kind, resource_name=f"{name}{rest}")
                for name in databases
                for kind, rest in (("database", ""), ("table", "/*"))
            ),
        ],
        wildcard_reason="views and tables of these databases come and go with contracts",
        rarely_used="which of them a query needs is up to the query",
    )
    for bucket in (storage.processed, storage.curated):
        permissions.allow_s3_read(
            role, bucket=bucket, prefixes=[TABLES_PREFIX], rarely_used="the tables of its queries"
        )
        permissions.allow_s3_list(role, bucket=bucket)
    results = storage.results
    permissions.allow_s3_write(role, bucket=results, prefixes=[f"{ANALYSTS}/"])
    permissions.allow_s3_list(role, bucket=results)
    # Source: Athena user guide, "Amazon S3 permissions": what the principal of a query needs where results are kept.
    permissions.allow(
        role,
        actions=["s3:GetBucketLocation"],
        resources=[bucket.bucket_arn for bucket in (storage.processed, storage.curated, results)],
    )
    permissions.allow(
        role,
        actions=["s3:ListMultipartUploadParts"],
        resources=[results.arn_for_objects(f"{ANALYSTS}/*")],
        wildcard_reason="results of queries are named at run time",
        rarely_used=IN_PARTS,
    )
    permissions.allow(
        role,
        actions=["s3:ListBucketMultipartUploads"],
        resources=[results.bucket_arn],
        rarely_used=IN_PARTS,
    )
    permissions.allow_key(role, key=storage.data_key, services=["s3"], write=True)
