"""What the warehouse holds beside the lake: every row of every table that the contract marks for it.

Both are read with plain queries, past what a load writes down about itself.
"""

from __future__ import annotations

from chaos.outcome import differences
from chaos.world import DATASET, Row, World
from contracts import model
from contracts.warehouse import statements as warehouse
from slipway.reading import warehouse as queries

Tables = dict[str, list[Row]]
NO_TABLE = "does not exist"  # in the database's own words, for a table and for a schema


def in_lake(world: World) -> Tables:
    """Rows of the marked tables in the curated zone, as text and in order."""
    return {table: world.rows(table, columns) for table, columns in _marked().items()}


def in_warehouse(world: World) -> Tables:
    """The same of the warehouse; no rows while no load has made a table."""
    return {table: _rows(world, table, columns) for table, columns in _marked().items()}


def unlike_lake(world: World) -> list[str]:
    """Rows that only the lake or only the warehouse has."""
    return [f"warehouse: {line}" for line in differences(in_lake(world), in_warehouse(world))]


def _marked() -> dict[str, list[str]]:
    marked = warehouse.marked(model.load(DATASET))
    return {f"curated.{item.name}": [column.name for column in item.columns] for item in marked}


def _rows(world: World, table: str, columns: list[str]) -> list[Row]:
    try:
        found = queries.query(world.deployment, f"select {', '.join(columns)} from {table}")  # noqa: S608 - a contract's
    except queries.StatementFailed as error:
        if NO_TABLE not in str(error):
            raise
        return []
    return sorted(tuple(map(str, row)) for row in found.rows)
