"""A Redshift in memory, as far as a load needs one: batches through a Data API's client, over DuckDB.

What a batch does is true (one transaction, serially, rolled back as a whole, temporary tables gone at its end); SQL is
translated by sqlglot. Times, roles and limits of the real thing are left to the end-to-end tests.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from contracts.model import CuratedModel

SCANNED_BYTES = 100  # by every look into the lake
STAGED = re.compile(r'CREATE TEMP TABLE ("\w+") \(LIKE ("\w+"\."\w+")\)$')


class ClientError(Exception):
    """botocore's, as far as anybody looks at it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.response = {"Error": {"Code": code}}


class Exceptions:
    """What a client calls its exceptions."""

    ClientError = ClientError


@dataclass
class Submitted:
    """A batch: how often it is still seen running, and what became of each statement."""

    identifier: str
    given: dict[str, Any]
    looks: int
    ended: bool = False
    error: str = ""
    results: list[Any] = field(default_factory=list)

    def query_id(self, number: int) -> int:
        return 1000 * int(self.identifier.partition("-")[2]) + number

    @property
    def status(self) -> str:
        if not self.ended:
            return "STARTED"
        return "FAILED" if self.error else "FINISHED"


@dataclass
class Redshift:
    """The client of the Data API and the database behind it. `before` is done before a statement: crashes, changes."""

    database: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)
    looks: int = 0
    page: int = 1000
    before: Callable[[str], object] = lambda _statement: None
    refuse: str = ""
    submitted: dict[str, Submitted] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    exceptions: type[Exceptions] = Exceptions

    def __post_init__(self) -> None:
        self.database.execute("SET TimeZone = 'UTC'; CREATE SCHEMA lake")
        self.database.execute(
            "CREATE TABLE sys_external_query_detail (query_id BIGINT, returned_bytes BIGINT)"
        )

    # the Data API

    def batch_execute_statement(self, **given: Any) -> dict[str, Any]:
        if self.refuse:
            raise ClientError(self.refuse)
        assert 1 <= len(given["Sqls"]) <= 40
        assert len(given.get("ClientToken", "x")) <= 64
        token = given.get("ClientToken", f"generated-{len(self.submitted)}")
        if token not in self.tokens:
            batch = Submitted(
                identifier=f"batch-{len(self.submitted)}", given=given, looks=self.looks
            )
            self.submitted[batch.identifier] = batch
            self.tokens[token] = batch.identifier
        batch = self.submitted[self.tokens[token]]
        assert batch.given["Sqls"] == given["Sqls"], "one token, two requests"
        return {"Id": batch.identifier}

    def describe_statement(self, *, Id: str) -> dict[str, Any]:  # noqa: N803 - AWS's names
        batch = self.submitted[Id]
        if batch.looks:
            batch.looks -= 1
        elif not batch.ended:
            self._run(batch)
        parts = [
            {
                "Id": f"{Id}:{number}",
                "QueryString": text,
                "Status": self._part_status(batch, number),
                "RedshiftQueryId": batch.query_id(number),
            }
            for number, text in enumerate(batch.given["Sqls"], start=1)
        ]
        failed = [part for part in parts if part["Status"] == "FAILED"]
        for part in failed:
            part["Error"] = f"ERROR: {batch.error}"
        found = {
            "Id": Id,
            "Status": batch.status,
            "SubStatements": parts[::-1],
        }  # no order is promised
        return {**found, "Error": f"Query #1 failed with ERROR: {batch.error}"} if failed else found

    def get_statement_result(self, *, Id: str, NextToken: str = "0") -> dict[str, Any]:  # noqa: N803 - AWS's names
        identifier, _, number = Id.rpartition(":")
        names, rows = self.submitted[identifier].results[int(number) - 1]
        start, end = int(NextToken), int(NextToken) + self.page
        page = {
            "ColumnMetadata": [{"name": name} for name in names],
            "Records": [[_field(value) for value in row] for row in rows[start:end]],
        }
        return {**page, "NextToken": str(end)} if end < len(rows) else page

    def cancel_statement(self, *, Id: str) -> dict[str, Any]:  # noqa: N803 - AWS's names
        batch = self.submitted[Id]
        batch.ended, batch.error = True, "canceled on user's request"
        return {"Status": True}

    # what tests say and ask

    def fill(self, model: CuratedModel, *rows: tuple[Any, ...]) -> None:
        """Make a table of the lake hold just these rows."""
        types = {"string": "VARCHAR"}
        columns = ", ".join(f'"{c.name}" {types.get(c.type, c.type)}' for c in model.columns)
        self.database.execute(f'CREATE OR REPLACE TABLE lake."{model.name}" ({columns})')
        marks = ", ".join("?" for _ in model.columns)
        for row in rows:
            self.database.execute(f'INSERT INTO lake."{model.name}" VALUES ({marks})', row)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.database.execute(query).fetchall()

    def _part_status(self, batch: Submitted, number: int) -> str:
        if not batch.error:
            return batch.status
        done = len(batch.results)
        return "FAILED" if number == done + 1 else "ABORTED"

    def _run(self, batch: Submitted) -> None:
        self.database.execute("BEGIN")
        temporary = []
        try:
            for statement in batch.given["Sqls"]:
                self.before(statement)
                if found := STAGED.search(statement):
                    temporary.append(found[1])
                batch.results.append(self._execute(statement))
                scans = [(batch.query_id(len(batch.results)), SCANNED_BYTES)] * statement.count(
                    'FROM "lake".'
                )
                for scan in scans:
                    self.database.execute(
                        "INSERT INTO sys_external_query_detail VALUES (?, ?)", scan
                    )
            for name in temporary:
                self.database.execute(f"DROP TABLE {name}")
            self.database.execute("COMMIT")
        except duckdb.Error as error:
            self.database.execute("ROLLBACK")
            batch.error = str(error)
        batch.ended = True

    def _execute(self, statement: str) -> Any:
        if statement.startswith("CREATE EXTERNAL SCHEMA"):
            return [], []
        if found := STAGED.search(statement):
            self.database.execute(
                f"CREATE TEMP TABLE {found[1]} AS SELECT * FROM {found[2]} LIMIT 0"
            )
            return [], []
        tree = sqlglot.parse_one(statement, read="redshift")
        for key in list(tree.find_all(exp.PrimaryKey)):  # only information in Redshift
            key.pop()
        done = self.database.execute(
            tree.sql("duckdb", unsupported_level=sqlglot.ErrorLevel.IGNORE)
        )
        return [column[0] for column in done.description or ()], done.fetchall()


def _field(value: Any) -> dict[str, Any]:
    if value is None:
        return {"isNull": True}
    if isinstance(value, bool):
        return {"booleanValue": value}
    if isinstance(value, int):
        return {"longValue": value}
    assert isinstance(value, str | Decimal | datetime)
    return {"stringValue": str(value)}


def numbers() -> Callable[[], float]:
    """A clock that goes on by a second whenever it is asked."""
    counter = itertools.count()
    return lambda: float(next(counter))
