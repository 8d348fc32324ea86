"""The internal database of a deployment, asked by its master user, who is none of the product's code."""

from __future__ import annotations

from typing import Any

import psycopg

from slipway.deployment import Deployment


def ask(deployment: Deployment, query: str) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    outputs = deployment.outputs
    host, port = outputs["DatabaseHost"], int(outputs["DatabasePort"])
    user = outputs["DatabaseMasterUser"]
    token = deployment.client("rds").generate_db_auth_token(
        DBHostname=host, Port=port, DBUsername=user
    )
    with psycopg.connect(
        host=host,
        port=port,
        dbname=outputs["DatabaseName"],
        user=user,
        password=token,
        autocommit=True,
    ) as connection:
        return connection.execute(query).fetchall()  # type: ignore[arg-type] # tests write queries in full
