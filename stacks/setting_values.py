"""What single values of the settings may be: each type refuses with what is wrong and what is expected."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from contracts import naming

ANALYSTS = "analysts"  # the Athena workgroup that every environment has
AUDIT = "audit"  # the workgroup of auditors, over the trail
ZONES = 3

# RFC 4253 and RFC 5656 names of the key types that Transfer Family accepts for service-managed users.
# Source: Transfer Family user guide, "Managing SSH and PGP keys".
PUBLIC_KEY = re.compile(
    r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]{60,}={0,3}( \S.*)?"
)

# The retention periods that CloudWatch Logs accepts. Source: PutRetentionPolicy API reference.
LOG_RETENTION_DAYS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    3653,
)


def _public_key(value: str) -> str:
    if not PUBLIC_KEY.fullmatch(value):
        raise ValueError(
            "is not an OpenSSH public key: expected one line like 'ssh-ed25519 AAAA... comment'"
        )
    return value


def _network(value: str) -> str:
    try:
        network = ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError(
            f"is not a network in CIDR notation ({error}): expected one like 203.0.113.0/24"
        ) from error
    if network.prefixlen == 0:
        raise ValueError("allows everybody: leave allowed_networks empty if that is meant")
    return value


def _partner(value: str) -> str:
    if value in naming.BY_OPERATORS:
        raise ValueError(
            "is reserved: operators put files below its prefix that do not come by SFTP; choose another name"
        )
    if value.startswith(naming.SOURCE_PARTNER):
        raise ValueError(
            f"is reserved: names that begin with {naming.SOURCE_PARTNER} belong to fetched sources; choose another name"
        )
    return value


def _log_days(value: int) -> int:
    if value not in LOG_RETENTION_DAYS:
        raise ValueError(
            f"is not a period that CloudWatch Logs knows: {', '.join(map(str, LOG_RETENTION_DAYS))}"
        )
    return value


def _tag_key(value: str) -> str:
    if value in ("project", "environment") or value.startswith("aws:"):
        raise ValueError("is a tag that every resource has already: choose another key")
    return value


def _team(value: str) -> str:
    if value == ANALYSTS:
        raise ValueError(
            f"is the workgroup that always exists: set its limit with athena.scan_limit_gib, not {ANALYSTS}"
        )
    if value == AUDIT:
        raise ValueError(f"is the workgroup of auditors, which features.trail makes: not {AUDIT}")
    return value


def _private_network(value: str) -> str:
    try:
        network = ipaddress.IPv4Network(value)
    except ValueError as error:
        raise ValueError(
            f"is not a network in CIDR notation ({error}): expected one like 10.80.0.0/22"
        ) from error
    # Three subnets of 256 addresses are cut out of it. A VPC is at most a /16: VPC user guide, "VPC CIDR blocks".
    if not network.is_private or not 16 <= network.prefixlen <= 22:
        raise ValueError(
            "is not a private network between /16 and /22: expected one like 10.80.0.0/22"
        )
    return value


def _zones(value: list[int]) -> list[int]:
    # With enhanced VPC routing a workgroup needs three subnets in three zones.
    # Source: Redshift management guide, "Considerations when using Amazon Redshift Serverless".
    if len(value) != ZONES or len(set(value)) != ZONES:
        raise ValueError(
            f"names not {ZONES} different zones: expected numbers like [0, 1, 2], of the region's zones in order"
        )
    return value


def _rpus(value: int) -> int:
    # Source: Redshift management guide, "Compute capacity for Amazon Redshift Serverless"; 4 since 2025.
    if value != 4 and not (8 <= value <= 512 and value % 8 == 0):
        raise ValueError(
            "is not a capacity that Redshift Serverless offers: 4, or 8 to 512 in steps of 8"
        )
    return value


def _acus(value: float) -> float:
    # Source: RDS API reference, ServerlessV2ScalingConfiguration, MaxCapacity: half steps, at least 1.
    if not 1 <= value <= 256 or value * 2 % 1:
        raise ValueError(
            "is not a capacity that Aurora Serverless offers: 1 to 256 in steps of 0.5"
        )
    return value


Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
PublicKey = Annotated[str, AfterValidator(_public_key)]
PartnerNetwork = Annotated[str, AfterValidator(_network)]
Zones = Annotated[list[Annotated[int, Field(ge=0, le=9)]], AfterValidator(_zones)]
PrivateNetwork = Annotated[str, AfterValidator(_private_network)]
Rpus = Annotated[int, AfterValidator(_rpus)]
Acus = Annotated[float, AfterValidator(_acus)]
LogDays = Annotated[int, AfterValidator(_log_days)]
# Source: Transfer Family CreateUser, UserName pattern; lower case, because it becomes part of object keys.
Partner = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{2,99}$"), AfterValidator(_partner)]
Team = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,39}$"), AfterValidator(_team)]
# In GiB; Athena's smallest limit is 10 MB. Source: AWS::Athena::WorkGroup BytesScannedCutoffPerQuery.
# Only names: CloudFormation reads a secret by a dynamic reference, whose parts are separated by colons.
# Source: Secrets Manager API reference, CreateSecret, Name.
SecretName = Annotated[str, Field(pattern=r"^[A-Za-z0-9/_+=.@-]{1,512}$")]
# A role, also one that IAM Identity Center made, or everybody in an account whose own policies allow it. Never a user:
# a user has a password or a key that lasts. Source: IAM user guide, "AWS JSON policy elements: Principal".
RolePrincipal = Annotated[str, Field(pattern=r"^arn:aws:iam::\d{12}:(role/[\w+=,.@/-]+|root)$")]
# Source: Tagging AWS resources user guide, "Tag naming limits and requirements"; two keys are ours.
TagKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9 _.:/=+@-]{1,128}$"), AfterValidator(_tag_key)]
TagValue = Annotated[str, Field(pattern=r"^[A-Za-z0-9 _.:/=+@-]{0,256}$")]
ScanLimit = Annotated[int, Field(ge=1, le=10240)]
QuickSightPrincipal = Annotated[
    str, Field(pattern=r"^arn:[a-z-]+:quicksight:[a-z0-9-]+:\d{12}:(user|group)/.+$")
]
Expression = Annotated[str, Field(pattern=r"^(cron|rate)\(.+\)$")]
# Without a login, and without a fragment, which is never sent; http is for the embedded AWS (stacks/settings.py).
# An API, a bucket and a prefix that ends with a slash, or a folder of an SFTP server (sources/model.py).
SourceUrl = Annotated[
    str,
    Field(
        pattern=r"^(https?://[^\s/@#?]+(/[^\s#]*)?|s3://[a-z0-9][a-z0-9.-]+(/|/\S+/)?|sftp://[^\s/@#?]+(/[^\s#?]*)?)$"
    ),
]
