"""What a destroyed deployment left behind, as the mappings with which `cdk import` takes it into new stacks.

CloudFormation remembers a deleted stack for 90 days, and which of its resources it kept: nothing is guessed from names
or tags. Source: CloudFormation API reference, ListStackResources and ListStacks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts import naming
from slipway.deployment import OPTIONAL_STACKS, STACKS

# The property that identifies a resource of a type when it is imported.
# Source: the types' schemas in the CloudFormation registry, primaryIdentifier.
IDENTIFIERS = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Glue::Database": "DatabaseName",
    "AWS::KMS::Key": "KeyId",
    "AWS::RDS::DBCluster": "DBClusterIdentifier",
    "AWS::RDS::DBInstance": "DBInstanceIdentifier",
    "AWS::RedshiftServerless::Namespace": "NamespaceName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SecretsManager::Secret": "Id",
}
# Kept too, but not taken over: a new deployment writes logs of its own, and the old ones end by their retention.
LEFT_ALONE = ("AWS::Logs::LogGroup",)
KEPT = "DELETE_SKIPPED"


@dataclass(frozen=True, kw_only=True)
class Left:
    """What one deleted stack left: by logical id the identifiers that `cdk import --resource-mapping` reads."""

    stack: str
    mapping: dict[str, dict[str, str]]

    def write(self, folder: Path) -> Path:
        """Write the mapping to `<folder>/<stack>.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.stack}.json"
        file.write_text(json.dumps(self.mapping, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        return file


def left_behind(cloudformation: Any, environment: str) -> Iterator[Left]:
    """What the deleted stacks of an environment left, in the order in which it can be taken over.

    Of several deletions of one stack the newest that left anything counts. A stack that exists is left out: it has
    resources of its own.
    """
    deleted = sorted(
        _stacks(cloudformation, "DELETE_COMPLETE"),
        key=lambda each: each["DeletionTime"],
        reverse=True,
    )
    for part in (*STACKS, *OPTIONAL_STACKS):
        name = naming.stack(environment, part)
        if _exists(cloudformation, name):
            continue
        of_name = (each["StackId"] for each in deleted if each["StackName"] == name)
        mappings = (_mapping(cloudformation, stack_id) for stack_id in of_name)
        if newest := next((mapping for mapping in mappings if mapping), None):
            yield Left(stack=name, mapping=newest)


def _stacks(cloudformation: Any, *statuses: str) -> Iterator[dict[str, Any]]:
    pages = cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=list(statuses))
    return (stack for page in pages for stack in page["StackSummaries"])


def _exists(cloudformation: Any, name: str) -> bool:
    """Whether a stack of this name is there, also one that failed: CloudFormation does not import beside it."""
    pages = cloudformation.get_paginator("list_stacks").paginate()
    every = (stack for page in pages for stack in page["StackSummaries"])
    return any(
        stack["StackName"] == name and stack["StackStatus"] != "DELETE_COMPLETE" for stack in every
    )


def _mapping(cloudformation: Any, stack_id: str) -> dict[str, dict[str, str]]:
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_id)
    return {
        resource["LogicalResourceId"]: {
            IDENTIFIERS[resource["ResourceType"]]: resource["PhysicalResourceId"]
        }
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceStatus"] == KEPT and resource["ResourceType"] in IDENTIFIERS
    }
