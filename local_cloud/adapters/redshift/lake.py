"""External tables: Iceberg tables of the Glue catalog, read as the namespace's role and no more than a query needs.

Only the columns that the statement names are read, and only the data files that can hold rows which its WHERE keeps, as
Redshift Spectrum does; what was read is counted from the sizes that Iceberg keeps per file and column.
"""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlparse

import pyarrow as pa
from pyiceberg import expressions as iceberg
from pyiceberg.expressions import BooleanExpression
from pyiceberg.table import StaticTable
from sqlglot import exp

from local_cloud.adapters import roles
from local_cloud.adapters.redshift.sql import StatementRefused
from local_cloud.patching import original
from local_cloud.settings import ACCOUNT, REGION

SERVICE = "redshift-serverless.amazonaws.com"
GLUE = "ministack.services.glue"
_any_of: Any = iceberg.In  # its types know only the form with objects, not with a name and values
_COMPARISONS: dict[type[exp.Expr], Any] = {
    exp.EQ: iceberg.EqualTo,
    exp.GT: iceberg.GreaterThan,
    exp.GTE: iceberg.GreaterThanOrEqual,
    exp.LT: iceberg.LessThan,
    exp.LTE: iceberg.LessThanOrEqual,
}


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What one statement read of one external table."""

    table: str
    location: str
    data: pa.Table
    files: int
    bytes_read: int


def scan(
    name: str, database: str, table: exp.Table, *, role: str, user: str, endpoint: str
) -> Scan:
    """The rows of external table `name` that the statement around `table` can need.

    `role` is an ARN, `user` that of the database user for whom it is assumed. Raises StatementRefused when the table
    does not exist, is not Iceberg, or may not be read.
    """
    try:
        session = roles.assume(role, user.rpartition("/")[2], SERVICE, external_id=user)
        location = _metadata_location(name, database, session)
        return _read(name, location, table, session, endpoint)
    except roles.AccessDenied as exc:
        raise StatementRefused(f"external table {name}: {exc}") from exc
    except PermissionError as exc:  # pyarrow's and pyiceberg's word for S3's AccessDenied
        raise StatementRefused(
            f"external table {name}: role {role} may not read its files: {exc}"
        ) from exc


def _metadata_location(name: str, database: str, session: roles.Session) -> str:
    table_name = name.rpartition(".")[2]
    arn = f"arn:aws:glue:{REGION}:{ACCOUNT}:"
    roles.require(session, "glue:GetTable", f"{arn}table/{database}/{table_name}")
    found = original(GLUE, "_tables").get(f"{database}/{table_name}")
    if found is None:
        raise StatementRefused(
            f'relation "{name}" does not exist: there is no table {table_name} in Glue {database}'
        )
    parameters = found.get("Parameters", {})
    if str(parameters.get("table_type", "")).upper() != "ICEBERG" or not parameters.get(
        "metadata_location"
    ):
        raise StatementRefused(
            f"external table {name} is not an Iceberg table; the embedded warehouse reads no other format"
        )
    return str(parameters["metadata_location"])


def _read(
    name: str, location: str, table: exp.Table, session: roles.Session, endpoint: str
) -> Scan:
    metadata = urlparse(location)
    roles.require(session, "s3:GetObject", f"arn:aws:s3:::{metadata.netloc}{metadata.path}")
    loaded = StaticTable.from_metadata(location, _properties(session, endpoint))
    columns = [field.name for field in loaded.schema().fields]
    wanted = _columns_needed(table, columns)
    chosen = loaded.scan(
        row_filter=_row_filter(table, loaded.schema()), selected_fields=tuple(wanted)
    )
    ids = [loaded.schema().find_field(column).field_id for column in wanted]
    files = [task.file for task in chosen.plan_files()]
    read = sum(_bytes(file.column_sizes or {}, ids) or file.file_size_in_bytes for file in files)
    return Scan(
        table=name,
        location=loaded.location(),
        data=chosen.to_arrow(),
        files=len(files),
        bytes_read=read,
    )


def _bytes(column_sizes: dict[int, int], ids: list[int]) -> int:
    return sum(column_sizes.get(number, 0) for number in ids)


def _properties(session: roles.Session, endpoint: str) -> dict[str, str]:
    return {
        "s3.endpoint": endpoint,
        "s3.region": REGION,
        "s3.access-key-id": session.access_key_id,
        "s3.secret-access-key": session.secret_access_key,
        "s3.session-token": session.session_token,
        "s3.force-virtual-addressing": "false",
    }


def _columns_needed(table: exp.Table, columns: list[str]) -> list[str]:
    """Every column of the table whose name stands anywhere in the statement; all when a star is read."""
    statement = table.root()
    if any(not isinstance(star.parent, exp.Count) for star in statement.find_all(exp.Star)):
        return columns
    named = {column.name.lower() for column in statement.find_all(exp.Column)}
    found = [column for column in columns if column.lower() in named]
    return found or columns[:1]  # a count needs some column


def _row_filter(table: exp.Table, schema: Any) -> BooleanExpression:
    """What of the WHERE beside the table can be told from one row of it; the engine applies the whole WHERE again."""
    select = table.parent.parent if table.parent else None
    if (
        not isinstance(table.parent, exp.From)
        or not isinstance(select, exp.Select)
        or select.args.get("joins")
    ):
        return iceberg.AlwaysTrue()
    where = select.args.get("where")
    if where is None:
        return iceberg.AlwaysTrue()
    types = {field.name.lower(): str(field.field_type) for field in schema.fields}
    parts = where.this.flatten() if isinstance(where.this, exp.And) else [where.this]
    conditions = [_condition(part, table.alias_or_name, types) for part in parts]
    everything: BooleanExpression = iceberg.AlwaysTrue()
    return functools.reduce(
        iceberg.And, [known for known in conditions if known is not None], everything
    )


def _condition(node: exp.Expr, alias: str, types: dict[str, str]) -> BooleanExpression | None:
    node = node.unnest()
    column = node.this
    if not isinstance(column, exp.Column) or types.get(column.name.lower()) not in (
        "date",
        "string",
        "int",
        "long",
    ):
        return None
    if column.table and column.table.lower() != alias.lower():
        return None
    kind = types[column.name.lower()]
    if isinstance(node, exp.In) and node.expressions:
        values = [_value(item, kind) for item in node.expressions]
        return None if None in values else _any_of(column.name, values)
    compare = _COMPARISONS.get(type(node))
    value = _value(node.expression, kind) if compare is not None else None
    return None if compare is None or value is None else compare(column.name, value)


def _value(node: exp.Expr, kind: str) -> str | int | None:
    literal = node.this if isinstance(node, exp.Cast) and node.to.is_type("date") else node
    if not isinstance(literal, exp.Literal):
        return None
    if kind == "date":
        return dt.date.fromisoformat(literal.name).isoformat() if literal.is_string else None
    if kind == "string":
        return literal.name if literal.is_string and literal is node else None
    return int(literal.name) if not literal.is_string and literal.name.isdigit() else None
