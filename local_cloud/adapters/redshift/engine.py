"""One namespace's database: a DuckDB file, opened when first asked, and the sessions that run statements in it.

A session is what the Data API opens for one statement or one batch: its temporary tables end with it. External tables
and system views are put beside the file for the length of one statement.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from sqlglot import exp

from local_cloud.adapters.redshift import (
    ddl as redshift_ddl,
)
from local_cloud.adapters.redshift import (
    lake as redshift_lake,
)
from local_cloud.adapters.redshift import (
    rewriting as redshift_rewriting,
)
from local_cloud.adapters.redshift import (
    sql as redshift_sql,
)
from local_cloud.adapters.redshift import (
    system as redshift_system,
)
from local_cloud.adapters.redshift import (
    types as redshift_types,
)
from local_cloud.adapters.redshift.ddl import ExternalSchema
from local_cloud.adapters.redshift.sql import StatementRefused

# SQL names tables, never files or variables of this process
CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "python_enable_replacements": "false",
}
CATALOG = """
    CREATE SCHEMA IF NOT EXISTS public;
    CREATE SCHEMA IF NOT EXISTS slipway_catalog;
    CREATE TABLE IF NOT EXISTS slipway_catalog.external_schemas (name VARCHAR, glue_database VARCHAR, role VARCHAR);
    CREATE TABLE IF NOT EXISTS slipway_catalog.without_effect (user_name VARCHAR, object VARCHAR, what VARCHAR);
"""
logger = logging.getLogger("slipway.redshift")


class WarehouseDied(Exception):
    """The engine ended in the middle of a batch; what was not committed is lost."""


@dataclass(frozen=True, kw_only=True)
class User:
    """A database user: `IAMR:<role>`, `IAM:<user>`, or the namespace's admin, who alone is a superuser."""

    name: str
    number: int
    superuser: bool


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a statement gave: rows and their columns (name, DuckDB type), or how many rows it changed."""

    columns: list[tuple[str, str]] | None
    rows: list[tuple[Any, ...]]
    row_count: int


@dataclass(kw_only=True)
class Engine:
    """The database of one namespace."""

    file: Path
    endpoint: str
    default_role: Callable[[], str | None]
    user_arns: Callable[[], str]  # how the ARNs of its database users begin
    log: redshift_system.Log = field(default_factory=redshift_system.Log)
    _database: duckdb.DuckDBPyConnection | None = None

    @contextlib.contextmanager
    def session(self, user: User) -> Iterator[Session]:
        """A connection of its own; whatever is not committed at its end is rolled back."""
        if self._database is None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self._database = duckdb.connect(str(self.file), config=CONFIG)
            self._database.execute(CATALOG)
        connection = self._database.cursor()
        try:
            connection.execute("SET TimeZone = 'UTC'; SET search_path = 'public'")
            yield Session(engine=self, connection=connection, user=user)
        finally:
            connection.close()

    def stop(self) -> None:
        """Close the file; the next session opens it again."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def delete(self) -> None:
        """Close and remove the database."""
        self.stop()
        for leftover in self.file.parent.glob(f"{self.file.name}*"):
            leftover.unlink()


@dataclass(kw_only=True)
class Session:
    """One connection, for one statement or one batch."""

    engine: Engine
    connection: duckdb.DuckDBPyConnection
    user: User
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def run(
        self, sql: str, parameters: Mapping[str, str], *, query_id: int, in_batch: bool
    ) -> Outcome:
        """Carry out one statement.

        Raises:
            StatementRefused: it cannot be carried out as Redshift would, or Redshift would refuse it.
            duckdb.Error: it failed.
        """
        external = redshift_ddl.external_schema(sql)
        if external is not None:
            return self._add_external_schema(external)
        note = redshift_ddl.noted(sql)
        if note is not None:
            return self._note("users and privileges", note)
        statement = redshift_sql.parse(sql, parameters)
        if isinstance(statement, exp.Grant):
            return self._note("users and privileges", statement.sql(redshift_sql.DIALECT))
        if isinstance(statement, exp.TruncateTable) and in_batch:
            raise StatementRefused(
                "TRUNCATE commits the transaction that it is in; use DELETE in a batch"
            )
        if isinstance(statement, exp.Create) and statement.kind == "TABLE":
            self._note_table(redshift_ddl.table(statement))
        if isinstance(statement, exp.Drop):
            return self._drop(statement)
        with self._foreign(statement, sql, query_id):
            outcome = self._execute(self._translated(statement))
        if isinstance(statement, exp.Create) and (like := statement.find(exp.LikeProperty)):
            self._copy_not_null(like.this, statement.this.this)
        return outcome

    def _copy_not_null(self, source: exp.Table, target: exp.Table) -> None:
        for column, _, nullable, *_ in self.connection.execute(
            f"DESCRIBE {source.sql('duckdb')}"
        ).fetchall():
            if nullable == "NO":
                quoted = exp.to_identifier(column, quoted=True).sql("duckdb")
                self.connection.execute(
                    f"ALTER TABLE {target.sql('duckdb')} ALTER COLUMN {quoted} SET NOT NULL"
                )

    def _translated(self, statement: exp.Expr) -> str:
        if (
            isinstance(statement, exp.Create)
            and statement.kind == "TABLE"
            and not statement.expression
        ):
            return redshift_ddl.table(statement).sql
        redshift_rewriting.name_results(statement)
        redshift_rewriting.replace_functions(statement, user=self.user.name)
        typed = redshift_types.compute_as_redshift(
            statement, lambda: redshift_types.columns_of(statement, self.connection)
        )
        if isinstance(typed, exp.Create) and typed.kind == "TABLE":
            return redshift_ddl.table(typed).sql
        return typed.sql(dialect="duckdb")

    def _execute(self, sql: str) -> Outcome:
        self.connection.execute(sql)
        description = [
            (str(column[0]), str(column[1])) for column in self.connection.description or []
        ]
        rows = self.connection.fetchall()
        if [name for name, _ in description] in (["Count"], ["Success"]) and not sql.lstrip(
            "( "
        ).startswith(("SELECT", "WITH", "VALUES")):
            return Outcome(
                columns=None, rows=[], row_count=int(rows[0][0]) if rows and rows[0] else 0
            )
        return Outcome(columns=description, rows=rows, row_count=len(rows))

    @contextlib.contextmanager
    def _foreign(self, statement: exp.Expr, sql: str, query_id: int) -> Iterator[None]:
        """External tables and system views of a statement, there while it runs."""
        schemas = self._external_schemas()
        hidden = {cte.alias.lower() for cte in statement.find_all(exp.CTE)}
        names = []
        for table in list(statement.find_all(exp.Table)):
            schema, name = table.db.lower(), table.name.lower()
            if schema in schemas:
                if table is statement.this or table.parent is statement.this:
                    raise redshift_sql.unsupported(f"writing to external table {schema}.{name}")
                data = self._scan(table, f"{schema}.{name}", schemas[schema], sql, query_id)
            elif (
                not schema and name == redshift_system.EXTERNAL_QUERY_DETAIL and name not in hidden
            ):
                data = self.engine.log.external_query_detail(
                    None if self.user.superuser else self.user.number
                )
            else:
                continue
            registered = f"slipway_foreign_{next(self._numbers)}"
            self.connection.register(registered, data)
            names.append(registered)
            redshift_rewriting.rename(table, registered)
        yield
        for registered in names:  # after a failure they go with the transaction
            self.connection.unregister(registered)

    def _scan(
        self, table: exp.Table, name: str, source: tuple[str, str | None], sql: str, query_id: int
    ) -> Any:
        database, role = source
        role = role or self.engine.default_role()
        if role is None:
            raise StatementRefused(
                f"external schema of {name}: the namespace has no default IAM role"
            )
        started = dt.datetime.now(dt.UTC)
        user = f"{self.engine.user_arns()}/{self.user.name}"
        scan = redshift_lake.scan(
            name, database, table, role=role, user=user, endpoint=self.engine.endpoint
        )
        self.engine.log.scanned(
            scan, user_id=self.user.number, query_id=query_id, started=started, sql=sql
        )
        return scan.data

    def _external_schemas(self) -> dict[str, tuple[str, str | None]]:
        found = self.connection.execute("FROM slipway_catalog.external_schemas").fetchall()
        return {name: (database, role) for name, database, role in found}

    def _add_external_schema(self, schema: ExternalSchema) -> Outcome:
        if schema.name in self._external_schemas():
            if not schema.if_not_exists:
                raise StatementRefused(f'schema "{schema.name}" already exists')
        else:
            row = [schema.name, schema.database, schema.role]
            self.connection.execute(
                "INSERT INTO slipway_catalog.external_schemas VALUES (?, ?, ?)", row
            )
        return Outcome(columns=None, rows=[], row_count=0)

    def _drop(self, statement: exp.Drop) -> Outcome:
        tables = statement.args.get("tables") or []
        if (
            statement.kind not in ("TABLE", "SCHEMA")
            or len(tables) != 1
            or statement.args.get("cascade")
        ):
            raise redshift_sql.unsupported(statement.sql(redshift_sql.DIALECT))
        name = str(tables[0].db).lower()
        if statement.kind == "SCHEMA" and name in self._external_schemas():
            self.connection.execute(
                "DELETE FROM slipway_catalog.external_schemas WHERE name = ?", [name]
            )
            return Outcome(columns=None, rows=[], row_count=0)
        return self._execute(statement.sql(dialect="duckdb"))

    def _note_table(self, table: redshift_ddl.Table) -> None:
        if table.without_effect:
            self._note(table.name.sql(dialect="duckdb"), table.without_effect)

    def _note(self, subject: str, what: str) -> Outcome:
        logger.info("without effect here: %s: %s", subject, what)
        row = [self.user.name, subject, what]
        self.connection.execute(
            "INSERT INTO slipway_catalog.without_effect SELECT $1, $2, $3 WHERE NOT EXISTS (FROM "
            "slipway_catalog.without_effect WHERE user_name = $1 AND object = $2 AND what = $3)",
            row,
        )
        return Outcome(columns=None, rows=[], row_count=0)
