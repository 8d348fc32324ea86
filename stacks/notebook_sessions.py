"""Glue interactive sessions: the role that a notebook's code runs under, and what whoever opens one may do.

A session belongs to who opened it, by the tag `owner` that must be set when it is created: nobody runs statements in
the session of somebody else. It can be given one role, and that role to Glue alone. Sources: AWS Glue developer guide,
"Interactive sessions with IAM" (client principal, runtime role, TagOnCreate); AWS managed policy reference,
AwsGlueSessionUserRestrictedPolicy, version 3, of which the statements for people are the part about sessions.
"""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from contracts import naming
from stacks.base import Blueprint
from stacks.constructs import permissions
from stacks.constructs.grantees import Grantee
from stacks.constructs.spark_job import allow_glue_runtime
from stacks.storage import StorageStack
from stacks.table_access import TABLES_PREFIX

OWNER = {"aws:RequestTag/owner": "${aws:userid}"}
OWNED = {"aws:ResourceTag/owner": "${aws:userid}"}
USE = (
    *("glue:GetSession", "glue:StopSession", "glue:DeleteSession"),
    *("glue:RunStatement", "glue:GetStatement", "glue:ListStatements", "glue:CancelStatement"),
)
READ_CATALOG = ("glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartitions")
BY_HAND = "somebody opens a notebook"


def session_role(scope: Construct, *, blueprint: Blueprint, storage: StorageStack) -> iam.Role:
    """What the code of a notebook runs under: it reads all three zones, and writes nothing."""
    role = iam.Role(
        scope,
        "SessionRole",
        assumed_by=permissions.service_for(scope, "glue"),
        description="What the code in an interactive session of Glue may do",
    )
    prefixes = [f"{contract.dataset}/" for contract in blueprint.contracts]
    for bucket, below in (
        (storage.raw, prefixes),
        (storage.processed, [TABLES_PREFIX]),
        (storage.curated, [TABLES_PREFIX]),
    ):
        permissions.allow_s3_read(role, bucket=bucket, prefixes=below, rarely_used=BY_HAND)
        permissions.allow_s3_list(role, bucket=bucket)
    for key in (storage.originals_key, storage.data_key):
        permissions.allow_key(role, key=key, services=["s3"], write=False)
    stack = Stack.of(scope)
    zones: tuple[naming.Zone, ...] = ("raw", "processed", "curated")
    databases = [blueprint.database(zone) for zone in zones]
    permissions.allow(
        role,
        actions=READ_CATALOG,
        resources=[
            stack.format_arn(service="glue", resource="catalog"),
            *(
                stack.format_arn(service="glue", resource=kind, resource_name=f"{name}{rest}")
                for name in databases
                for kind, rest in (("database", ""), ("table", "/*"))
            ),
        ],
        wildcard_reason="tables and views of these databases come and go with contracts and crawls",
        rarely_used=BY_HAND,
    )
    allow_glue_runtime(role, log_groups="/aws-glue/sessions", log_key=storage.operations_key)
    return role


def allow_sessions(to: Grantee, session: iam.Role, environment: str) -> None:
    """Open sessions whose ids begin with `slipway-<environment>-`, and use one's own."""
    stack = Stack.of(session)
    sessions = stack.format_arn(
        service="glue", resource="session", resource_name=f"slipway-{environment}-*"
    )
    named = (
        "ids of sessions are made when they are opened; %session_id_prefix is what they begin with"
    )
    permissions.allow(
        to,
        actions=["glue:CreateSession"],
        resources=[sessions],
        conditions={
            "StringEquals": OWNER,
            "ForAnyValue:StringEquals": {"aws:TagKeys": ["owner"]},
        },
        wildcard_reason=named,
        rarely_used=BY_HAND,
    )
    permissions.allow(
        to,
        actions=["glue:TagResource"],
        resources=[sessions],
        conditions={"StringEquals": {**OWNED, **OWNER}},
        wildcard_reason=named,
        rarely_used=BY_HAND,
    )
    permissions.allow(
        to,
        actions=USE,
        resources=[sessions],
        conditions={"StringEquals": OWNED},
        wildcard_reason=named,
        rarely_used=BY_HAND,
    )
    permissions.allow(
        to,
        actions=["iam:PassRole"],
        resources=[session.role_arn],
        conditions={"StringEquals": {"iam:PassedToService": "glue.amazonaws.com"}},
        rarely_used=BY_HAND,
    )
