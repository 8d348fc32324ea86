# ruff: noqa: S608 - the SQL is made of a validated contract and of literals that the dialect quotes
"""What rows have in a column that their file lacks: the newest value that any delivery gave for their key.

A row alone cannot say whose such a value is, so the table has an origin beside it, as text that sorts like
rows.columns.ORDER: null is the row's own file, empty is no delivery. Per key and column the greatest origin wins,
so the order and grouping of runs do not matter. docs/decisions/0027 has the design.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from contracts import headers, model
from pipeline.run_documents import ManifestFile
from rows.columns import RECEIVED_AT, SOURCE_ROW, SOURCE_SHA256, origin_name
from rows.dialect import Dialect
from rows.tables import TableColumn

NOBODY = ""  # origin of a value that no delivery gave
ROW_DIGITS = 18  # of a record's number in an origin, so that numbers sort as text
SHA256_PART = 3  # of the parts of an origin, which blanks divide


def origin_column(column: model.Column) -> TableColumn:
    """The column of the processed table that says whose the value of another is."""
    comment = (
        f"Delivery that {column.name} is from, as time, hash and record: null is the row's own, "
        "empty is none, since no file that brought the row had the column."
    )
    return TableColumn(name=origin_name(column.name), type="string", comment=comment)


def lacked_by(contract: model.Contract, file: ManifestFile) -> tuple[model.Column, ...]:
    """The columns that the header of a file lacks and whose values are kept."""
    missing = set(headers.lacking(contract, file.header))
    return tuple(
        column
        for column in contract.columns
        if column.source_name in missing and column.absent == "keep"
    )


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """Queries over relations with the columns of the processed table.

    `columns` are those of the contract whose origins are known; `again`: hashes of the files whose rows were taken
    off the table, since the run reads them anew. What they said before counts for nothing.
    """

    dialect: Dialect
    key: Sequence[str]
    columns: Sequence[str]
    again: Sequence[str]

    def staged(self, without: Sequence[str]) -> str:
        """The origin of a row that was just read; `without` are the hashes of the files that lack the column."""
        text = self.dialect.type("string")
        if not without:
            return f"CAST(NULL AS {text})"
        return (
            f"CASE WHEN {SOURCE_SHA256} IN ({self._listed(without)}) THEN {self._text(NOBODY)} END"
        )

    def concerned(self, held: str, valid: str) -> str:
        """The rows of the table whose key is in the batch, or that keep a value of a file that is read anew."""
        same = " AND ".join(f"t.{name} = v.{name}" for name in self._keys)
        of_batch = f"EXISTS (SELECT 1 FROM {valid} AS v WHERE {same})"
        return f"SELECT * FROM {held} AS t WHERE {' OR '.join([of_batch, *self._from_again()])}"

    def from_again(self) -> str:
        """The condition that a row of the table keeps a value of a file that is read anew."""
        return f"({' OR '.join(self._from_again()) or 'false'})"

    def said_by(self, sha256: str) -> str:
        """The condition that a row of the table keeps a value of this file."""
        return replace(self, again=[sha256]).from_again()

    def said(self, valid: str, held: str, taken_off: str) -> str:
        """Per key and column the newest value that a delivery gave, and its origin.

        `held`: as `concerned` gives it; `taken_off`: the rows that the run took off the table.
        """
        dialect = self.dialect
        parts = [self._given(valid, is_new=True)]
        parts += [self._given(rows, is_new=False) for rows in (held, taken_off)]
        newest = [
            part
            for column in self.columns
            for part in (
                f"max({self._origin(column)}) AS {self._origin(column)}",
                f"{dialect.newest(dialect.name(column), self._origin(column))} AS {dialect.name(column)}",
            )
        ]
        keys = ", ".join(self._keys)
        return (
            f"SELECT {keys}, {', '.join(newest)} FROM ({' UNION ALL '.join(parts)}) GROUP BY {keys}"
        )

    def filled(self, rows: str, said: str, names: Sequence[str]) -> str:
        """The rows of a batch, those of files that lack a column with the value that is kept; `names` are theirs."""
        return self._with_said(rows, said, names)

    def amended(self, held: str, said: str, names: Sequence[str]) -> str:
        """The rows of the table whose kept values are others now; `held` as `concerned` gives it."""
        changed = " OR ".join(
            f"(r.{self._origin(column)} IS NOT NULL AND (r.{self._origin(column)} IS DISTINCT FROM "
            f"coalesce(s.{self._origin(column)}, {self._text(NOBODY)}) "
            f"OR r.{self.dialect.name(column)} IS DISTINCT FROM s.{self.dialect.name(column)}))"
            for column in self.columns
        )
        return f"{self._with_said(held, said, names)} WHERE {changed}"

    @property
    def is_keeping(self) -> str:
        """The condition that a row has a value of another delivery."""
        return " OR ".join(
            f"coalesce({self._origin(column)}, {self._text(NOBODY)}) <> {self._text(NOBODY)}"
            for column in self.columns
        )

    def _with_said(self, rows: str, said: str, names: Sequence[str]) -> str:
        """The rows; where one has no value of its own, with what was said."""
        dialect, replaced = self.dialect, {}
        for column in self.columns:
            name, origin = dialect.name(column), self._origin(column)
            own = f"r.{origin} IS NULL"
            replaced[column] = f"CASE WHEN {own} THEN r.{name} ELSE s.{name} END AS {name}"
            known = f"coalesce(s.{origin}, {self._text(NOBODY)})"
            replaced[origin_name(column)] = f"CASE WHEN NOT ({own}) THEN {known} END AS {origin}"
        found = [replaced.get(name, f"r.{dialect.name(name)}") for name in names]
        same = " AND ".join(f"r.{name} = s.{name}" for name in self._keys)
        return f"SELECT {', '.join(found)} FROM {rows} AS r LEFT JOIN {said} AS s ON {same}"

    def _given(self, rows: str, *, is_new: bool) -> str:
        """What each row says of each column, with its origin; null where the row says nothing."""
        parts = [*self._keys]
        for column in self.columns:
            origin = f"coalesce({self._origin(column)}, {self._order})"
            silent = f"{origin} = {self._text(NOBODY)}"
            if self.again and not is_new:
                silent += f" OR {self._is_of_again(origin)}"
            parts.append(f"CASE WHEN NOT ({silent}) THEN {origin} END AS {self._origin(column)}")
            parts.append(self.dialect.name(column))
        return f"SELECT {', '.join(parts)} FROM {rows} AS g"

    @property
    def _order(self) -> str:
        """rows.columns.ORDER of a row as text that sorts alike."""
        row = f"lpad(CAST({SOURCE_ROW} AS {self.dialect.type('string')}), {ROW_DIGITS}, '0')"
        return f"concat({self.dialect.moment(RECEIVED_AT)}, ' ', {SOURCE_SHA256}, ' ', {row})"

    def _from_again(self) -> list[str]:
        return [self._is_of_again(self._origin(column)) for column in self.columns if self.again]

    def _is_of_again(self, origin: str) -> str:
        part = f"split_part({origin}, ' ', {SHA256_PART})"
        return f"coalesce({part} IN ({self._listed(self.again)}), false)"

    def _origin(self, column: str) -> str:
        return self.dialect.name(origin_name(column))

    @property
    def _keys(self) -> list[str]:
        return [self.dialect.name(name) for name in self.key]

    def _listed(self, hashes: Sequence[str]) -> str:
        return ", ".join(map(self._text, hashes))

    def _text(self, value: str) -> str:
        return self.dialect.text(value)
