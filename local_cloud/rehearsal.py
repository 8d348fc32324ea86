"""Settings of another environment, rehearsed on the embedded AWS: what they say, under the name `local`.

Only the name, the account and the region are replaced, line by line, so that a mistake keeps its line. The name decides
what must differ on this machine: packages of functions are this machine's, and sources are asked on it alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from local_cloud.settings import ACCOUNT, REGION

HOST_KEY = "AWS::Transfer::HostKey"
# Source: CloudFormation user guide, "Get a secret or secret value from Secrets Manager".
REFERENCE = re.compile(r"\{\{resolve:secretsmanager:([^:}]+):")


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """Settings as they are deployed here, and what was replaced in them."""

    text: str
    replaced: tuple[str, ...]


def of(settings: Path) -> Rehearsal:
    """The settings in a file, for the embedded AWS."""
    lines = settings.read_text(encoding="utf-8").splitlines()
    here = {"environment": "local", "account": "null", "region": "null"}
    elsewhere = {"account": ACCOUNT, "region": REGION}
    replaced: list[str] = []
    for number, line in enumerate(lines):
        found = re.match(r"(environment|account|region): *(\"?[\w-]+\"?)", line)
        if found is None:
            continue
        field, given = found[1], found[2].strip('"')
        lines[number] = f"{field}: {here[field]}"
        replaced.append(f"{field} {given} is {elsewhere.get(field, here[field])} here")
        if field in elsewhere and given != "null":
            # ARNs of people and groups name both.
            lines = [each.replace(given, elsewhere[field]) for each in lines]
    return Rehearsal(text="\n".join(lines) + "\n", replaced=tuple(replaced))


def expected_secrets(assembly: Path) -> Iterator[str]:
    """Names of secrets with a host key that somebody makes before the deployment, as templates refer to them."""
    for file in sorted(assembly.glob("*.template.json")):
        resources: dict[str, Any] = json.loads(file.read_text("utf-8"))["Resources"]
        for resource in resources.values():
            if resource["Type"] == HOST_KEY:
                yield from REFERENCE.findall(json.dumps(resource["Properties"]["HostKeyBody"]))


def host_key() -> str:
    """A new private key as the text of such a secret, of a type that the embedded SFTP server has no older key of."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        .decode()
    )
