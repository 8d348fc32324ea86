"""The key under which the jobs make tokens, for those who may read it."""

from __future__ import annotations

from slipway.deployment import Deployment


def read(deployment: Deployment) -> bytes:
    """The key, read as the jobs read it (glue_jobs/pii_key.py)."""
    found = deployment.client("secretsmanager").get_secret_value(
        SecretId=deployment.output("PiiKeySecretArn")
    )
    return (
        bytes(found["SecretBinary"])
        if "SecretBinary" in found
        else str(found["SecretString"]).encode()
    )
