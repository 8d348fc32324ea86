"""What the internal database says of its own tables, on this machine: in an account only its network reaches it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import LiteralString

import psycopg
from psycopg import sql

from contracts.model import Contract
from slipway.deployment import LOCAL, Deployment

HOST, PORT, NAME, USER = "DatabaseHost", "DatabasePort", "DatabaseName", "DatabaseMasterUser"
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
    with psycopg.connect(
        host=host,
        port=port,
        dbname=outputs[NAME],
        user=user,
        password=token,
        autocommit=True,
    ) as connection:
        return connection.execute(query).fetchall()
