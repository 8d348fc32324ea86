"""What a role needs to reach tables: entries of the Glue catalog, and the files below them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from stacks.constructs import permissions

TABLES_PREFIX = "tables/"
ICEBERG_READ = ("glue:GetDatabase", "glue:GetTable")
ICEBERG_COMMIT = (*ICEBERG_READ, "glue:UpdateTable")
ICEBERG_WRITE = (*ICEBERG_COMMIT, "glue:CreateTable")
UNDO = "Iceberg removes the files of a commit that failed"


def allow_files(
    role: iam.Role, bucket: s3.IBucket, prefixes: Sequence[str], deletes_rarely: str | None = None
) -> None:
    """Let `role` read, write and remove files below `prefixes`, and list the bucket."""
    permissions.allow_s3_read(role, bucket=bucket, prefixes=prefixes)
    permissions.allow_s3_write(role, bucket=bucket, prefixes=prefixes)
    permissions.allow_s3_delete(role, bucket=bucket, prefixes=prefixes, rarely_used=deletes_rarely)
    permissions.allow_s3_list(role, bucket=bucket)


def allow_tables(
    role: iam.Role,
    database: str,
    actions: Sequence[str],
    tables: Sequence[str],
    rarely_used: Mapping[str, str] | None = None,
) -> None:
    """Let `role` do `actions` on tables of one database, which also takes the database and the catalog."""
    stack = Stack.of(role)
    permissions.allow(
        role,
        actions=actions,
        resources=[
            stack.format_arn(service="glue", resource="catalog"),
            stack.format_arn(service="glue", resource="database", resource_name=database),
            *(
                stack.format_arn(
                    service="glue", resource="table", resource_name=f"{database}/{table}"
                )
                for table in tables
            ),
        ],
    )
    permissions.note_rarely_used(role, rarely_used or {})
