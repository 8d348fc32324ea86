"""A table as the catalog describes it now: what the description misses is refused, what is new is told."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg import sql

from contracts.model import Contract
from sources.database.rendering import TableColumn, date_style, mismatch, rendered
from sources.database.sessions import Session
from sources.errors import SourceFailed
from sources.model import PostgresSource

# Compared and written alike on both sides of a query; other types may have operators of their own.
KEY_TYPES = frozenset(
    {"int2", "int4", "int8", "numeric", "uuid", "text", "varchar", "bpchar"}
    | {"date", "timestamp", "timestamptz", "bool"}
)
STAMPS = {"timestamptz": "timestamptz", "timestamp": "timestamp"}
ALIKE = 0.6

_COLUMNS = """
select a.attname, case when b.typtype = 'e' then 'enum' else b.typname end, format_type(a.atttypid, a.atttypmod),
       a.attnotnull,
       case when b.typname in ('timestamp', 'timestamptz') and a.atttypmod >= 0 then a.atttypmod else 6 end
from pg_attribute a
join pg_type t on t.oid = a.atttypid
join pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end
where a.attrelid = to_regclass(%s) and a.attnum > 0 and not a.attisdropped
order by a.attnum
"""
_INDEXES = """
select i.indisunique and i.indpred is null and i.indexprs is null,
       array(select a.attname::text from unnest(i.indkey[0:i.indnkeyatts - 1]) with ordinality k(number, place)
             join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number order by k.place)
from pg_index i where i.indrelid = to_regclass(%s) and i.indisvalid
"""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table that can be read as the description says. `key` are its columns of the contract's key.

    `columns` are of the contract, in the order of the file, `values` their SQL, which needs dates in `date_style`;
    `totals` are those whose sums the database is asked for.
    """

    name: sql.Composable
    key: tuple[TableColumn, ...]
    stamp: TableColumn | None
    columns: tuple[str, ...]
    values: tuple[sql.Composable, ...]
    date_style: str
    totals: tuple[tuple[str, TableColumn], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """A table as it is beside its description. `refusals` are why it cannot be read any more, `additions` are columns
    that the description does not name, which are left out; `notes` are for people.
    """

    columns: dict[str, TableColumn]
    refusals: tuple[str, ...]
    additions: tuple[str, ...]
    notes: tuple[str, ...]


def looked_at(session: Session, contract: Contract) -> Findings:
    """What the catalog says. Raises SourceFailed if there is no such table."""
    source = session.source
    shown = qualified(source).as_string(session.connection)
    columns = {
        row[0]: TableColumn(name=row[0], type=row[1], shown=row[2], not_null=row[3], digits=row[4])
        for row in session.rows(_COLUMNS, shown)
    }
    if not columns:
        raise SourceFailed(
            f"there is no table {source.postgres.table}, or the reader may not use its schema; correct"
            " postgres.table, or grant it usage, as docs/sources.md shows"
        )
    indexes = [(bool(unique), tuple(names)) for unique, names in session.rows(_INDEXES, shown)]
    return Findings(
        columns=columns,
        refusals=(
            *_drift(source, contract, columns),
            *_order_problems(source, contract, columns, indexes),
        ),
        additions=tuple(_new_columns(source, columns)),
        notes=tuple(_slow(source, indexes)),
    )


def described(session: Session, contract: Contract) -> Table:
    """The table of a source. Raises SourceFailed naming everything that does not fit, before a row is read."""
    source, findings = session.source, looked_at(session, contract)
    if findings.refusals:
        raise SourceFailed(f"{source.postgres.table} does not fit: {'; '.join(findings.refusals)}")
    columns = findings.columns
    fields = dict(source.fields)
    stamp = source.postgres.watermark
    pairs = [(contract.column(column), columns[given]) for column, given in source.fields]
    style = date_style(pairs)
    return Table(
        name=qualified(source),
        key=tuple(columns[fields[key]] for key in contract.key),
        stamp=columns[stamp.column] if stamp else None,
        columns=tuple(column for column, _ in source.fields),
        values=tuple(rendered(*pair, source.line_breaks, style) for pair in pairs),
        date_style=style,
        totals=tuple(
            (column.name, columns[fields[column.name]])
            for column in contract.control_columns
            if column.name in fields
        ),
        notes=(*findings.additions, *findings.notes),
    )


def qualified(source: PostgresSource) -> sql.Identifier:
    """The table's name with its schema, quoted."""
    return sql.Identifier(*source.postgres.table.split("."))


def _drift(
    source: PostgresSource, contract: Contract, columns: dict[str, TableColumn]
) -> Iterator[str]:
    """What of the description the table does not have any more."""
    unused = set(columns) - {given for _, given in source.fields} - set(source.ignored_columns)
    for name, given in source.fields:
        if given not in columns:
            alike = difflib.get_close_matches(given, sorted(unused), 1, ALIKE)
            hint = f"was it renamed to {alike[0]!r}?" if alike else "is it gone?"
            yield f"it has no column {given!r}, which is {name!r} of the contract; {hint}"
        elif why := mismatch(contract.column(name), columns[given]):
            yield why


def _order_problems(
    source: PostgresSource,
    contract: Contract,
    columns: dict[str, TableColumn],
    indexes: Sequence[tuple[bool, tuple[str, ...]]],
) -> Iterator[str]:
    """Why it could not be read in pieces without losing a row."""
    fields = dict(source.fields)
    key = [columns[fields[name]] for name in contract.key if fields[name] in columns]
    for column in key:
        if not column.not_null:
            yield f"the key {column.name!r} may be NULL; make it NOT NULL"
        if column.type not in KEY_TYPES:
            yield f"the key {column.name!r} is {column.shown}, which cannot be read in pieces"
    names = {column.name for column in key}
    if names and not any(unique and set(have) == names for unique, have in indexes):
        yield f"it has no unique index on {', '.join(sorted(map(repr, names)))}, the key of the contract"
    watermark = source.postgres.watermark
    if watermark is None:
        return
    stamp = columns.get(watermark.column)
    if stamp is None:
        yield f"it has no column {watermark.column!r}, the watermark"
    elif stamp.type not in STAMPS:
        yield f"the watermark {stamp.name!r} is {stamp.shown}; a timestamp with time zone is needed"
    elif stamp.type == "timestamp" and watermark.zone is None:
        yield f"the watermark {stamp.name!r} has no time zone; say in watermark.zone that it is UTC, if it is"


def _new_columns(source: PostgresSource, columns: dict[str, TableColumn]) -> Iterator[str]:
    watermark = source.postgres.watermark
    known = {given for _, given in source.fields} | set(source.ignored_columns)
    known |= {watermark.column} if watermark else set()
    if new := sorted(set(columns) - known):
        yield (
            f"{source.postgres.table} has columns that the description does not name: {', '.join(map(repr, new))}"
        )


def _slow(source: PostgresSource, indexes: Sequence[tuple[bool, tuple[str, ...]]]) -> Iterator[str]:
    watermark = source.postgres.watermark
    if watermark and not any(have[:1] == (watermark.column,) for _, have in indexes):
        yield f"no index begins with {watermark.column!r}, so each extract reads the whole table"
