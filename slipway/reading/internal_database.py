"""What the internal database says of its own tables, on this machine: in an account only its network reaches it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from contracts.errors import PermanentError
from contracts.model import Contract
from slipway.deployment import LOCAL, Deployment

HOST, PORT, NAME, USER = "DatabaseHost", "DatabasePort", "DatabaseName", "DatabaseMasterUser"
REST = "RestDatabaseFunctionName"  # there if the database is an instance, which must be started and stopped
LOOK_SECONDS = 5.0
SCHEMA = "silver"


def holds(deployment: Deployment, contract: Contract) -> bool:
    """Whether the table of a dataset is written back, into a database that can be asked from here."""
    return deployment.environment == LOCAL and HOST in deployment.outputs and contract.write_back


def rows(
    deployment: Deployment, contract: Contract, columns: LiteralString, condition: LiteralString
) -> list[tuple[str, ...]]:
    """Columns of the rows for which a condition holds, as text, in the order of the key; null is the text None."""
    query = sql.SQL("select {} from {} as t where {} order by {}").format(
        sql.SQL(columns),
        sql.Identifier(SCHEMA, contract.dataset),
        sql.SQL(condition),
        sql.SQL(", ").join(map(sql.Identifier, contract.key)),
    )
    return [tuple(map(str, row)) for row in _answer(deployment, query)]


def texts(
    deployment: Deployment, contract: Contract, columns: Iterable[str]
) -> list[tuple[str, ...]]:
    """Every row of a table, its columns as text, in the order of the key; null is an empty text."""
    names = [sql.SQL("coalesce({}::text, '')").format(sql.Identifier(column)) for column in columns]
    query = sql.SQL("select {} from {} order by {}").format(
        sql.SQL(", ").join(names),
        sql.Identifier(SCHEMA, contract.dataset),
        sql.SQL(", ").join(map(sql.Identifier, contract.key)),
    )
    return [tuple(map(str, row)) for row in _answer(deployment, query)]


def sums(deployment: Deployment, contract: Contract) -> tuple[str, ...]:
    """Rows and the sum of each control column of the whole table, as text."""
    totals = [
        sql.SQL("coalesce(sum({}), 0)").format(sql.Identifier(column.name))
        for column in contract.control_columns
    ]
    listed = sql.SQL(", ").join([sql.SQL("count(*)"), *totals])
    query = sql.SQL("select {} from {}").format(listed, sql.Identifier(SCHEMA, contract.dataset))
    [found] = _answer(deployment, query)
    return tuple(map(str, found))


def _answer(deployment: Deployment, query: sql.Composed) -> list[tuple[object, ...]]:
    outputs = deployment.outputs
    host, port, user = outputs[HOST], int(outputs[PORT]), outputs[USER]
    token = deployment.client("rds").generate_db_auth_token(
        DBHostname=host, Port=port, DBUsername=user
    )
    with (
        _awake(deployment),
        psycopg.connect(
            host=host,
            port=port,
            dbname=outputs[NAME],
            user=user,
            password=token,
            autocommit=True,
        ) as connection,
    ):
        return connection.execute(query).fetchall()


@contextmanager
def _awake(deployment: Deployment) -> Iterator[None]:
    """An instance is held meanwhile, as a write-back holds it; Aurora wakes up by itself."""
    if REST not in deployment.outputs:
        yield
        return
    owner, since = f"reader {secrets.token_hex(4)}", datetime.now(UTC).isoformat()
    try:
        while not _asked(deployment, action="resume", owner=owner, since=since)["is_awake"]:
            time.sleep(LOOK_SECONDS)
        yield
    finally:
        _asked(deployment, action="pause", owner=owner)


def _asked(deployment: Deployment, **event: str) -> dict[str, Any]:
    answer = deployment.client("lambda").invoke(
        FunctionName=deployment.outputs[REST], Payload=json.dumps(event).encode()
    )
    text = answer["Payload"].read().decode()
    if answer.get("FunctionError"):
        raise PermanentError(f"the internal database was not woken: {text[:2000]}")
    answered: dict[str, Any] = json.loads(text)
    return answered
