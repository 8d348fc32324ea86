"""IAM statements with every action written out.

CDK's grant methods use wildcard actions (s3:GetObject*) and hide which resources they touch. Here an action with a
wildcard is refused, and a wildcard in a resource needs its reason on the spot, which is also what cdk-nag is told.
An action that a run in good health never uses says why it is there, in the role's metadata `SlipwayRarelyUsed`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import jsii
from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import IConstruct, IValidation

from stacks.constructs.grantees import Grantee, add, role_of

S3_READ = ("s3:GetObject",)
S3_WRITE = ("s3:PutObject", "s3:AbortMultipartUpload")
KMS_READ = ("kms:Decrypt",)
KMS_WRITE = (*KMS_READ, "kms:GenerateDataKey")
# DynamoDB and Glue ask for these on behalf of the caller. Source: DynamoDB developer guide, "Authorizing use of your
# AWS KMS key"; Glue developer guide, "Setting up encryption".
KMS_ENCRYPT = ("kms:Encrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:DescribeKey")

MOST_RESOURCES = 20  # of a statement; 20 names of tables are about 2,000 characters
RARELY_USED = "SlipwayRarelyUsed"  # metadata of a role: {action: why it stays although an ordinary run never uses it}
# What is true of every role; the reasons of one role stand where the action is allowed.
RARELY_USED_ANYWHERE = {
    "s3:AbortMultipartUpload": "an upload in parts that fails midway must be able to take its parts back",
    "kms:Decrypt": "S3, DynamoDB, SNS and Secrets Manager ask KMS in the caller's name, no line of code does",
    "kms:GenerateDataKey": "S3, DynamoDB and SNS ask KMS in the caller's name, no line of code does",
    **dict.fromkeys(
        KMS_ENCRYPT, "DynamoDB and Glue ask KMS in the caller's name, no line of code does"
    ),
}


def allow(
    grantee: Grantee,
    *,
    actions: Sequence[str],
    resources: Sequence[str],
    conditions: Mapping[str, Mapping[str, Any]] | None = None,
    wildcard_reason: str | None = None,
    rarely_used: str | None = None,
) -> None:
    """Let a role do `actions` on `resources`; `rarely_used` says why although an ordinary run uses none of them.

    Raises ValueError for an action with a wildcard, and for a resource with one but without `wildcard_reason`.
    """
    role = role_of(grantee)
    vague = [action for action in actions if "*" in action]
    if vague:
        raise ValueError(f"{role.node.path}: actions {vague} have wildcards; list what is needed")
    wildcards = [resource for resource in resources if "*" in resource]
    if wildcards and not wildcard_reason:
        raise ValueError(
            f"{role.node.path}: resources {wildcards} have wildcards; say why with wildcard_reason"
        )
    for some in batched(resources):
        statement = iam.PolicyStatement(
            actions=list(actions), resources=some, conditions=conditions or None
        )
        holder = add(grantee, statement)
        for resource in (each for each in some if each in wildcards):
            holder.node.add_validation(_WildcardReason(holder, resource, str(wildcard_reason)))
    note_rarely_used(
        role, {action: rarely_used or RARELY_USED_ANYWHERE.get(action) for action in actions}
    )


def batched(resources: Sequence[str]) -> list[list[str]]:
    """Few enough for one statement: what does not fit into a role CDK puts into managed policies, statement by
    statement, and one of those holds 6,144 characters. Source: IAM user guide, "IAM and STS quotas".
    """
    return [
        list(resources[first : first + MOST_RESOURCES])
        for first in range(0, len(resources), MOST_RESOURCES)
    ]


def service_for(
    scope: IConstruct, service: str, *, source: str | None = None
) -> iam.ServicePrincipal:
    """`<service>.amazonaws.com` as the one who may assume a role, but only on behalf of this account.

    `source` narrows that to resources whose ARN is like it. Without a condition, the service could be made to use the
    role by anybody who can name it. Source: IAM user guide, "The confused deputy problem", cross-service.
    """
    conditions = {"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}}
    if source:
        conditions["ArnLike"] = {"aws:SourceArn": source}
    return iam.ServicePrincipal(f"{service}.amazonaws.com", conditions=conditions)


def note_rarely_used(grantee: Grantee, reasons: Mapping[str, str | None]) -> None:
    """Write down why a role keeps actions that an ordinary run never uses; None is no reason and is left out."""
    role = role_of(grantee)
    resource = role.node.default_child
    if not isinstance(resource, iam.CfnRole):
        raise TypeError(f"{role.node.path}: expected a role of CDK's own, found {resource!r}")
    noted = resource.get_metadata(RARELY_USED) or {}
    if new := {action: reason for action, reason in reasons.items() if reason}:
        resource.add_metadata(RARELY_USED, {**noted, **new})


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Tell cdk-nag that one finding on `construct` is meant, and why."""
    Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))


def allow_s3_read(
    grantee: Grantee,
    *,
    bucket: s3.IBucket,
    prefixes: Sequence[str],
    versions: bool = False,
    rarely_used: str | None = None,
) -> None:
    """Let a role read objects below `prefixes`; with `versions` also one that was overwritten or deleted."""
    actions = (*S3_READ, "s3:GetObjectVersion") if versions else S3_READ
    _allow_objects(grantee, actions, bucket, prefixes, rarely_used)


def allow_s3_write(grantee: Grantee, *, bucket: s3.IBucket, prefixes: Sequence[str]) -> None:
    """Let a role write objects below `prefixes`."""
    _allow_objects(grantee, S3_WRITE, bucket, prefixes)


def allow_s3_delete(
    grantee: Grantee, *, bucket: s3.IBucket, prefixes: Sequence[str], rarely_used: str | None = None
) -> None:
    """Let a role remove objects below `prefixes`; their versions stay until the bucket's own rules end them."""
    _allow_objects(grantee, ("s3:DeleteObject",), bucket, prefixes, rarely_used)


def allow_s3_list(grantee: Grantee, *, bucket: s3.IBucket, prefix: str | None = None) -> None:
    """Let a role list keys, all or those below `prefix`.

    Code that must tell a missing object (404) from a forbidden one (403) needs this without a prefix, since S3 decides
    between the two by ListBucket on the bucket. Source: S3 API reference, GetObject and HeadObject, Permissions.
    """
    allow(
        grantee,
        actions=["s3:ListBucket"],
        resources=[bucket.bucket_arn],
        conditions={"StringLike": {"s3:prefix": [prefix, f"{prefix}*"]}} if prefix else None,
        rarely_used=None if prefix else "S3 asks for it only when an object is missing, to say so",
    )


def _allow_objects(
    grantee: Grantee,
    actions: Sequence[str],
    bucket: s3.IBucket,
    prefixes: Sequence[str],
    rarely_used: str | None = None,
) -> None:
    allow(
        grantee,
        actions=actions,
        resources=[bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes],
        wildcard_reason="objects below this prefix are named by file, hash and run at run time",
        rarely_used=rarely_used,
    )


def allow_key(grantee: Grantee, *, key: kms.IKey, services: Sequence[str], write: bool) -> None:
    """Let a role use `key` through the named services (s3, dynamodb, ...) only."""
    stack = Stack.of(role_of(grantee))
    actions = KMS_WRITE if write else KMS_READ
    allow(
        grantee,
        actions=(*actions, *KMS_ENCRYPT) if "dynamodb" in services else actions,
        resources=[key.key_arn],
        conditions={
            "StringEquals": {
                "kms:ViaService": [f"{name}.{stack.region}.{stack.url_suffix}" for name in services]
            }
        },
    )


def allow_table(
    grantee: Grantee, *, table: dynamodb.Table, actions: Sequence[str], index: str | None = None
) -> None:
    """Let a role do `actions` (without their `dynamodb:` prefix) on a table, and query `index`."""
    allow(
        grantee, actions=[f"dynamodb:{action}" for action in actions], resources=[table.table_arn]
    )
    if index:
        allow(grantee, actions=["dynamodb:Query"], resources=[f"{table.table_arn}/index/{index}"])


@jsii.implements(IValidation)
class _WildcardReason:
    """Acknowledges one wildcard when the tree is validated.

    Not earlier, because cdk-nag names the finding by the final form of the resource, and references between stacks get
    theirs only while synthesizing.
    """

    def __init__(self, holder: IConstruct, resource: str, reason: str) -> None:
        self._holder = holder
        self._resource = resource
        self._reason = reason

    def validate(self) -> list[str]:
        resource = _flat(Stack.of(self._holder).resolve(self._resource))
        acknowledge(self._holder, f"AwsSolutions-IAM5[Resource::{resource}]", self._reason)
        return []


def _flat(node: Any) -> str:
    """A CloudFormation value as cdk-nag prints it, e.g. <Bucket83908E77.Arn>/raw/* (its flattenCfnReference)."""
    if isinstance(node, str):
        return node
    [(function, argument)] = node.items()
    if function == "Fn::Join":
        return str(argument[0]).join(_flat(item) for item in argument[1])
    if function == "Fn::GetAtt":
        return f"<{argument[0]}.{argument[1]}>"
    if function == "Ref":
        return f"<{argument}>"
    return json.dumps(node, separators=(",", ":"))
