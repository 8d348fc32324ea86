"""An Athena view as a Glue table, so that views are deployed with the stack and not by a query somebody must run.

Athena keeps a view as a table of type VIRTUAL_VIEW whose text is Trino's view definition, JSON in base64 in a comment.
Source: Trino, plugin/trino-hive, ViewReaderUtil and ConnectorViewDefinition.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from aws_cdk import aws_glue as glue
from constructs import Construct

# Hive's names of types, which the catalog uses, in Trino's spelling; decimals and everything else are alike.
TRINO_TYPES = {"string": "varchar", "int": "integer", "timestamp": "timestamp(3)"}


@dataclass(frozen=True, kw_only=True)
class ViewColumn:
    """One column: `type` as the catalog writes it."""

    name: str
    type: str
    description: str


@dataclass(frozen=True, kw_only=True)
class View:
    """A view in `database`; `sql` is in Athena's dialect and names tables with their database."""

    name: str
    database: str
    description: str
    sql: str
    columns: tuple[ViewColumn, ...]


def athena_view(
    scope: Construct, construct_id: str, *, catalog_id: str, view: View
) -> glue.CfnTable:
    """Declare `view` in the catalog."""
    return glue.CfnTable(
        scope,
        construct_id,
        catalog_id=catalog_id,
        database_name=view.database,
        table_input=glue.CfnTable.TableInputProperty(
            name=view.name,
            description=view.description,
            table_type="VIRTUAL_VIEW",
            # Trino reads a table as its own view only with exactly this flag and comment.
            parameters={"presto_view": "true", "comment": "Presto View"},
            view_original_text=f"/* Presto View: {encoded(view)} */",
            view_expanded_text="/* Presto View */",
            partition_keys=[],
            storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                location="",
                columns=[
                    glue.CfnTable.ColumnProperty(
                        name=column.name, type=column.type, comment=column.description
                    )
                    for column in view.columns
                ],
                serde_info=glue.CfnTable.SerdeInfoProperty(),
            ),
        ),
    )


def encoded(view: View) -> str:
    """Trino's definition of the view, in base64."""
    definition = {
        "originalSql": view.sql,
        "catalog": "awsdatacatalog",
        "schema": view.database,
        "columns": [
            {"name": column.name, "type": TRINO_TYPES.get(column.type, column.type)}
            for column in view.columns
        ],
        "runAsInvoker": False,
        "properties": {},
    }
    return base64.b64encode(json.dumps(definition).encode()).decode()
