"""Where a deployed Slipway is: its stack outputs and clients, the same for the embedded AWS and an account.

Nothing is guessed from names: what a stack does not output does not exist for the command line.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from contracts import naming
from contracts.errors import PermanentError

LOCAL = "local"
STACKS = (
    *("Storage", "Alerts", "Intake", "Processing", "Orchestration", "Analytics"),
    "Monitoring",
)
OPTIONAL_STACKS = (
    "Trail",
    "Warehouse",
    "Database",
    "Sources",
    "Marts",
    "Training",
)  # of features that an environment may leave out


class NotDeployed(PermanentError):
    """The environment asked for cannot be reached or has no Slipway in it."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One deployed environment. `outputs` holds every stack output by its key."""

    environment: str
    region: str
    outputs: dict[str, str]

    def output(self, key: str) -> str:
        """A stack output; NotDeployed names the key when no stack has it."""
        if key not in self.outputs:
            raise NotDeployed(
                f"no stack of environment {self.environment!r} outputs {key!r}; deploy it again"
            )
        return self.outputs[key]

    def client(self, service: str) -> Any:
        """A boto3 client in the deployment's region."""
        return boto3.client(service, region_name=self.region)

    @cached_property
    def file_ledger(self) -> Any:
        """The DynamoDB table with one entry per file."""
        return boto3.resource("dynamodb", region_name=self.region).Table(
            self.output("FileLedgerName")
        )

    @cached_property
    def run_ledger(self) -> Any:
        """The DynamoDB table with one entry per run, and the claim."""
        return boto3.resource("dynamodb", region_name=self.region).Table(
            self.output("RunLedgerName")
        )


def state_directory() -> Path:
    """Where the embedded AWS keeps its state: `.slipway`, or what SLIPWAY_STATE says."""
    return Path(os.environ.get("SLIPWAY_STATE", ".slipway"))


def connect(environment: str) -> Deployment:
    """Find a deployed environment.

    For `local` the running embedded AWS is used, and this process's AWS settings are pointed at it.

    Raises NotDeployed when nothing answers there or the stacks are missing.
    """
    if environment == LOCAL:
        _point_at_local_cloud()
    region = _region()
    return Deployment(environment=environment, region=region, outputs=_outputs(environment, region))


def client_of(service: str) -> Any:
    """A boto3 client of the account of the credentials in use, for what need not be deployed."""
    return boto3.client(service, region_name=_region())


def _region() -> str:
    region = (
        os.environ.get("AWS_REGION")
        or os.environ.get("AWS_DEFAULT_REGION")
        or boto3.Session().region_name
    )
    if not region:
        raise NotDeployed(
            "no AWS region is set; set AWS_REGION or choose a profile with AWS_PROFILE"
        )
    return region


def _point_at_local_cloud() -> None:
    from local_cloud import session

    os.environ.update(session.attach(state_directory()).environment())


def _outputs(environment: str, region: str) -> dict[str, str]:
    cloudformation = boto3.client("cloudformation", region_name=region)
    outputs: dict[str, str] = {}
    for part in (*STACKS, *OPTIONAL_STACKS):
        name = naming.stack(environment, part)
        try:
            stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        except (ClientError, BotoCoreError) as error:
            if part in OPTIONAL_STACKS and _is_missing(error):
                continue
            raise NotDeployed(f"stack {name} cannot be read in {region}: {error}") from error
        outputs |= {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}
    return outputs


def _is_missing(error: Exception) -> bool:
    """Whether CloudFormation has no such stack, which it tells as a ValidationError.

    Source: CloudFormation API reference, DescribeStacks.
    """
    if not isinstance(error, ClientError):
        return False
    told = error.response["Error"]
    return told["Code"] == "ValidationError" and "does not exist" in told["Message"]
