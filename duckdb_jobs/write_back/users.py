"""Who writes back: a user of the database that comes in by a token of IAM and may write into schema `silver` alone.

The master user makes it, whenever a write-back finds that it may not come in or lacks a right: in a new database, in
one that was restored, or after somebody took a right away. So nothing else ever comes in as the master user. Neither
has a password. Since PostgreSQL 16 whoever makes a user is a member of it, so the master user is a member of rds_iam,
too, and a password of it would be refused. Source: Aurora user guide, "Creating a database account using IAM
authentication"; PostgreSQL, "CREATE ROLE", notes.
"""

from __future__ import annotations

from psycopg import sql

from duckdb_jobs.write_back.sessions import Session
from duckdb_jobs.write_back.statements import LOADS, OPERATIONS, SCHEMA, Query

WRITER = "slipway_writer"
MASTER = "slipway_admin"
LOCK = (
    7_530_190_712  # any number that nobody else locks: two preparations at once would both create
)
_WRITER = sql.Identifier(WRITER)
_HAS_WRITER = "select true from pg_roles where rolname = {}"
# Tables that the master user or an administrator owns cannot be changed by the writer.
_FOREIGN = (
    "select t.tablename from {loads} as l join pg_tables as t on t.tablename = l.table_name"
    " where t.schemaname = {schema} and t.tableowner <> {writer}"
)


def prepare(session: Session) -> None:
    """Make the user, the schemas and the table of loads as far as they are missing, and give the user its rights."""
    with session.transaction():
        session.run(sql.SQL("select pg_advisory_xact_lock({})").format(sql.Literal(LOCK)))
        if not session.rows(sql.SQL(_HAS_WRITER).format(sql.Literal(WRITER))):
            session.run(sql.SQL("create role {}").format(_WRITER))
        for query in (*_objects(), *_rights()):
            session.run(query)
        for (name,) in session.rows(_foreign()):
            place = sql.Identifier(SCHEMA, name)
            session.run(sql.SQL("alter table {} owner to {}").format(place, _WRITER))


def _objects() -> list[Query]:
    return [
        sql.SQL("create schema if not exists {}").format(sql.Identifier(SCHEMA)),
        sql.SQL("create schema if not exists {}").format(sql.Identifier(OPERATIONS)),
        sql.SQL(
            "create table if not exists {} (table_name text primary key, change bigint not null, version bigint,"
            " shape text, run_id text, mode text, written_rows bigint, removed_rows bigint, figures jsonb,"
            " compared jsonb, written_at timestamptz)"
        ).format(LOADS),
    ]


def _rights() -> list[Query]:
    """What it needs: tables of its own in `silver`, and what it notes of them. Temporary tables everybody may have."""
    return [
        sql.SQL("alter role {} login").format(_WRITER),
        sql.SQL("grant rds_iam to {}").format(_WRITER),
        sql.SQL("grant {} to current_user").format(_WRITER),  # to hand tables over to it
        sql.SQL("grant usage, create on schema {} to {}").format(sql.Identifier(SCHEMA), _WRITER),
        sql.SQL("grant usage on schema {} to {}").format(sql.Identifier(OPERATIONS), _WRITER),
        sql.SQL("grant select, insert, update on {} to {}").format(LOADS, _WRITER),
    ]


def _foreign() -> Query:
    return sql.SQL(_FOREIGN).format(
        loads=LOADS, schema=sql.Literal(SCHEMA), writer=sql.Literal(WRITER)
    )
