# ruff: noqa: S608 - the SQL is made of a validated contract and of literals that the dialect quotes
"""The one pass over raw records, as steps of columns: text, typed values, and what is wrong with each.

Every record is kept, in the order and number in which it was read, so that all later figures can be checked against
this relation. Sentences and raw text are built only for rows that need them. Rules judge the values as they came; only
what is kept of personal data leaves the pass. Spark takes the steps one by one, DuckDB all as one query.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from contracts import model
from rows.columns import (
    DAMAGED,
    IS_BROKEN,
    IS_HEADER,
    ORIGIN_ROW,
    STAGED_RAW_TEXT,
    STAGED_REASONS,
    STAGED_RULE_IDS,
    WARNINGS,
    bare_name,
    kept_name,
    text_name,
)
from rows.dialect import INNER_PAD, OUTER_PAD, Dialect
from rows.expressions import checks, protection, raw_text, values
from rows.layout import Layout

Step = Mapping[
    str, str
]  # columns to add, or to replace, and the SQL of each; they do not see each other


@dataclass(frozen=True, kw_only=True)
class OnePass:
    """How the records of files of one layout are read and judged.

    Starts from a relation with the layout's fields as text and DAMAGED: the record as written where its number of
    fields is not the header's, else null. `erased`: tokens of data subjects whose records are refused.
    """

    dialect: Dialect
    contract: model.Contract
    layout: Layout
    erased: Sequence[str] = ()

    def parsing(self) -> list[Step]:
        """Steps that add the typed columns, their trimmed texts and IS_HEADER."""
        dialect, columns = self.dialect, self.contract.columns
        named = [self.contract.column(name) for name in self._places]
        texts = {text_name(name): self._trimmed(place) for name, place in self._places.items()}
        filled = {name: values.present(dialect.name(name)) for name in texts}
        nothing = f"CAST(NULL AS {dialect.type('string')})"
        lacking = {text_name(one.name): nothing for one in columns if one not in named}
        typed = {
            one.name: values.value(dialect, one, dialect.name(text_name(one.name)))
            for one in columns
        }
        header = {IS_HEADER: checks.is_header(dialect, named)}
        return [*self._too_many_fields(), texts, {**filled, **lacking}, typed, header]

    def judging(self) -> list[Step]:
        """Steps that add the verdict, and what is kept of personal data, to a parsed relation.

        It must also have INNER_PAD and OUTER_PAD when the contract needs a key.
        """
        dialect = self.dialect
        every = checks.of_contract(dialect, self.contract, self.layout.named_fields, self.erased)
        refusing = [check for check in every if model.keeps_row_out(check.action)]
        warning = [check for check in every if not model.keeps_row_out(check.action)]
        ids, reasons = checks.broken_ids(dialect, refusing), checks.reasons(dialect, refusing)
        warned = (
            f"CASE WHEN {checks.any_broken(warning)} THEN {checks.broken_ids(dialect, warning)} END"
        )
        verdict = {
            STAGED_RULE_IDS: f"CASE WHEN {IS_BROKEN} THEN {ids} END",
            STAGED_REASONS: f"CASE WHEN {IS_BROKEN} THEN {reasons} END",
            WARNINGS: warned,
        }
        written = raw_text.written(dialect, self.contract, self.layout)
        shown = {STAGED_RAW_TEXT: f"CASE WHEN {IS_BROKEN} THEN {written} END"}
        return [*self._protection(), {IS_BROKEN: checks.any_broken(refusing)}, verdict, shown]

    def kept(self) -> dict[str, str]:
        """What leaves the pass, besides what identifies a record: each column, with its SQL."""
        stored = {
            column.name: self.dialect.name(kept_name(column.name) if column.pii else column.name)
            for column in self.contract.stored_columns
        }
        verdict = (STAGED_RULE_IDS, STAGED_REASONS, STAGED_RAW_TEXT, WARNINGS)
        return {**stored, ORIGIN_ROW: self._origin_row(), **{name: name for name in verdict}}

    @property
    def _places(self) -> dict[str, str]:
        """The field of each contract column that the files have."""
        fields = zip(self.layout.field_names, self.layout.columns, strict=True)
        return {name: field for field, name in fields if name}

    def _trimmed(self, field: str) -> str:
        """The text of an intact record's field; line breaks in it as \\n, whatever the file's own."""
        text = self.dialect.replaced(field, r"\r\n?", "\n") if self.layout.has_quotes else field
        return values.trimmed(self.dialect, f"CASE WHEN {DAMAGED} IS NULL THEN {text} END")

    def _too_many_fields(self) -> list[Step]:
        """A field without a name that holds a value damages its record; intake refuses such files."""
        if not self.layout.nameless:
            return []
        names = self.layout.field_names
        filled = " OR ".join(
            f"coalesce({values.trimmed(self.dialect, names[place])} <> '', false)"
            for place in self.layout.nameless
        )
        record = raw_text.as_csv(self.dialect, self.contract, names)
        return [{DAMAGED: f"coalesce({DAMAGED}, CASE WHEN {filled} THEN {record} END)"}]

    def _protection(self) -> list[Step]:
        some = [column for column in self.contract.columns if protection.is_kept(column)]
        if not some:
            return []
        bare = {bare_name(column.name): protection.bare(self.dialect, column) for column in some}
        kept = {kept_name(column.name): protection.kept(self.dialect, column) for column in some}
        return [bare, kept]

    def _origin_row(self) -> str:
        if self.layout.origin_position is None:
            return "CAST(NULL AS bigint)"
        field = values.trimmed(self.dialect, self.layout.field_names[self.layout.origin_position])
        is_number = self.dialect.matches(field, r"\A[0-9]+\z")
        return f"CASE WHEN {DAMAGED} IS NULL AND {is_number} THEN TRY_CAST({field} AS bigint) END"


def query(one_pass: OnePass, relation: str, passed: Sequence[str], pads: str | None = None) -> str:
    """The whole pass as one query over `relation`, whose columns `passed` go along; in DuckDB's SQL.

    `pads` is a relation of one row with INNER_PAD and OUTER_PAD, for contracts that need a key.
    """
    columns = [*one_pass.layout.field_names, DAMAGED, *passed]
    columns += [INNER_PAD, OUTER_PAD] if pads else []
    source = f"{relation} CROSS JOIN {pads}" if pads else relation
    steps = [*one_pass.parsing(), *one_pass.judging()]
    last = [*passed, *_named(one_pass.dialect, one_pass.kept())]
    return _query(one_pass.dialect, source, columns, steps, ", ".join(last))


def parsing_query(one_pass: OnePass, relation: str) -> str:
    """The typed columns alone, as a query over `relation`; in DuckDB's SQL."""
    columns = [*one_pass.layout.field_names, DAMAGED]
    typed = ", ".join(one_pass.dialect.name(column.name) for column in one_pass.contract.columns)
    return _query(one_pass.dialect, relation, columns, one_pass.parsing(), typed)


def _query(
    dialect: Dialect, source: str, columns: Sequence[str], steps: Iterable[Step], last: str
) -> str:
    """The steps one after the other, each over the one before it; `last` is what is selected in the end."""
    parts = [f"step_0 AS (SELECT {', '.join(columns)} FROM {source})"]
    known = set(columns)
    for step in steps:
        selected = _selected(dialect, step, known)
        parts.append(f"step_{len(parts)} AS (SELECT {selected} FROM step_{len(parts) - 1})")
        known |= step.keys()
    return "WITH " + ",\n".join(parts) + f"\nSELECT {last} FROM step_{len(parts) - 1}"


def _selected(dialect: Dialect, step: Step, known: Collection[str]) -> str:
    """What a step makes of the columns that are known: all of them, with those that it adds or replaces."""
    changed = _named(dialect, {name: sql for name, sql in step.items() if name in known})
    added = _named(dialect, {name: sql for name, sql in step.items() if name not in known})
    every = f"* REPLACE ({', '.join(changed)})" if changed else "*"
    return ", ".join([every, *added])


def _named(dialect: Dialect, columns: Step) -> list[str]:
    return [f"{sql} AS {dialect.name(name)}" for name, sql in columns.items()]
