"""The Redshift Data API, as far as a load needs it: batches that are transactions, how they end, and their results.

Source: Redshift Data API reference, BatchExecuteStatement, DescribeStatement, GetStatementResult, CancelStatement.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.errors import PermanentError, RetryableError
from pipeline.aws_errors import code

RUNNING = frozenset({"SUBMITTED", "PICKED", "STARTED"})
FINISHED = "FINISHED"
BROKEN = frozenset({"FAILED", "ABORTED"})
# What the Data API answers while it or the database has too much to do, beside what every service answers.
# Source: Redshift Data API reference, BatchExecuteStatement, Errors.
BUSY = frozenset(
    {
        "ActiveSessionsExceededException",
        "ActiveStatementsExceededException",
        "BatchExecuteStatementException",
        "DatabaseConnectionException",
        "InternalServerException",
    }
)
POLL_SECONDS = 1.0

Row = dict[str, str | int | bool | None]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One statement of a batch; `error` is empty unless it failed, `query_id` is the database's own number of it."""

    identifier: str
    text: str
    status: str
    error: str
    query_id: int | None


@dataclass(frozen=True, kw_only=True)
class Batch:
    """How a batch stands; `parts` as they were given, in order; `error` is what the database said when it failed."""

    identifier: str
    status: str
    error: str
    parts: tuple[Part, ...]

    @property
    def failed_part(self) -> Part | None:
        """The statement at which a batch failed; None when it failed at none, as when nobody could sign in."""
        return next((part for part in self.parts if part.status == "FAILED"), None)


@dataclass(frozen=True, kw_only=True)
class DataApi:
    """Batches in one database of one workgroup, as the user of one secret."""

    client: Any
    workgroup: str
    database: str
    secret_arn: str
    sleep: Callable[[float], None]
    clock: Callable[[], float]

    def submit(self, statements: Sequence[str], *, token: str | None = None) -> str:
        """Start `statements` as one transaction and give its id; two calls with one `token` start one.

        Raises RetryableError when the Data API or the database is too busy.
        """
        given = (
            {"ClientToken": hashlib.sha256(token.encode()).hexdigest()} if token else {}
        )  # at most 64 characters
        answer = self._called(
            "batch_execute_statement",
            WorkgroupName=self.workgroup,
            Database=self.database,
            SecretArn=self.secret_arn,
            Sqls=list(statements),
            **given,
        )
        return str(answer["Id"])

    def cancel(self, identifier: str) -> bool:
        """Stop a batch, which is rolled back then; False when it was not stopped."""
        return bool(self._called("cancel_statement", Id=identifier)["Status"])

    def describe(self, identifier: str) -> Batch:
        """How a batch stands now."""
        found = self._called("describe_statement", Id=identifier)
        parts = [
            Part(
                identifier=item["Id"],
                text=item.get("QueryString", ""),
                status=item["Status"],
                error=item.get("Error", ""),
                query_id=item.get("RedshiftQueryId"),
            )
            for item in found.get("SubStatements", ())
        ]
        # An id of a part is that of the batch, a colon and its number, from 1.
        ordered = sorted(parts, key=lambda part: int(part.identifier.rpartition(":")[2]))
        return Batch(
            identifier=identifier,
            status=found["Status"],
            error=found.get("Error", ""),
            parts=tuple(ordered),
        )

    def wait(self, identifier: str, seconds: float) -> Batch:
        """The batch once it has ended, or as it stands after `seconds`."""
        until = self.clock() + seconds
        batch = self.describe(identifier)
        while batch.status in RUNNING and self.clock() < until:
            self.sleep(POLL_SECONDS)
            batch = self.describe(identifier)
        return batch

    def rows(self, batch: Batch, from_end: int) -> list[Row]:
        """What the statement returned that is `from_end` (1: the last) in a batch that has finished."""
        if batch.status != FINISHED or len(batch.parts) < from_end:
            found_here = f"{batch.status} with {len(batch.parts)} statements"
            raise PermanentError(
                f"batch {batch.identifier} is {found_here}; its results cannot be read"
            )
        part, token, found = batch.parts[-from_end], "", list[Row]()
        while True:
            page = self._called(
                "get_statement_result",
                Id=part.identifier,
                **({"NextToken": token} if token else {}),
            )
            names = [str(column["name"]) for column in page["ColumnMetadata"]]
            found += [
                dict(zip(names, map(_value, record), strict=True)) for record in page["Records"]
            ]
            token = page.get("NextToken", "")
            if not token:
                return found

    def _called(self, name: str, **arguments: Any) -> Any:
        try:
            return getattr(self.client, name)(**arguments)
        except self.client.exceptions.ClientError as error:
            if code(error) in BUSY:
                raise RetryableError(
                    f"the Redshift Data API is busy: {code(error)}: {error}"
                ) from error
            raise


def _value(field: dict[str, Any]) -> str | int | bool | None:
    """A field of a result; decimals and times are text in it (management guide, "Mapping JDBC data types")."""
    if field.get("isNull"):
        return None
    for kind in ("stringValue", "longValue", "booleanValue"):
        if kind in field:
            value: str | int | bool = field[kind]
            return value
    raise PermanentError(
        f"a result of the Data API holds {field!r}; no query of a load returns such a value"
    )
