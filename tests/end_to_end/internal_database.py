"""The internal database of a deployment, asked by its master user, who is none of the product's code."""

from __future__ import annotations

import json
from typing import Any

import psycopg

from slipway.deployment import Deployment


def ask(deployment: Deployment, query: str) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    outputs = deployment.outputs
    secrets = deployment.client("secretsmanager")
    secret = json.loads(
        secrets.get_secret_value(SecretId=outputs["DatabaseSecretArn"])["SecretString"]
    )
    with psycopg.connect(
        host=outputs["DatabaseHost"],
        port=int(outputs["DatabasePort"]),
        dbname=outputs["DatabaseName"],
        user=secret["username"],
        password=secret["password"],
        autocommit=True,
    ) as connection:
        return connection.execute(query).fetchall()  # type: ignore[arg-type] # tests write queries in full
