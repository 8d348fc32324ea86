"""The key of the tokens that stand for personal data, from Secrets Manager; read only by the job that makes tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contracts import model
from contracts.errors import PermanentError
from rows.expressions import protection


def key_of(contract: model.Contract, secret_arn: str, secrets: Callable[[], Any]) -> bytes | None:
    """The key as bytes (a text secret as UTF-8); None when the contract has nothing to hash.

    `secrets` makes a client of Secrets Manager, which few contracts need. Raises
    PermanentError when a key is needed and no secret was named.
    """
    if not protection.needs_key(contract):
        return None
    if not secret_arn:
        hashed = ", ".join(column.name for column in contract.columns if column.pii == "hash")
        raise PermanentError(
            f"{contract.dataset} keeps {hashed} as tokens, but the job argument --pii_secret_arn is empty; deploy the "
            "storage and processing stacks again, which make the secret and name it"
        )
    found = secrets().get_secret_value(SecretId=secret_arn)
    return (
        bytes(found["SecretBinary"])
        if "SecretBinary" in found
        else str(found["SecretString"]).encode()
    )
