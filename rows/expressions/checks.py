"""The checks that a contract implies, each a condition with the sentence to write when a row breaks it.

A broken value gives one reason: limits are checked only on values that parsed, rules only where all their columns did
(a blank counts as parsed unless the column is required). A row that is not TRUE for a rule breaks it, so null breaks.
Conditions are evaluated for every row and never null; sentences only for rows that are known to be broken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from contracts import model
from contracts.headers import UNCOUNTED, normalized_header
from rows.columns import DAMAGED, IS_HEADER, kept_name, text_name
from rows.dialect import Dialect
from rows.expressions import values
from rows.grammar import portable

FIELD_COUNT = "row.field_count"
REPEATED_HEADER = "row.repeated_header"
ERASED = "subject.erased"


@dataclass(frozen=True)
class Check:
    """One rule: `broken` is TRUE or FALSE, `reason` a sentence to be evaluated only where it is TRUE; both SQL.

    A row that breaks a rule of `needs` cannot be judged by this one.
    """

    rule_id: str
    broken: str
    reason: str
    action: model.RuleAction = "quarantine"
    needs: tuple[str, ...] = ()


def of_contract(
    dialect: Dialect, contract: model.Contract, field_count: int, erased: Sequence[str] = ()
) -> list[Check]:
    """Every check of the contract, in the order in which reasons are written.

    They read the typed columns, their texts (`text_name`), what is kept of personal data (`kept_name`), DAMAGED and
    IS_HEADER. `field_count` is the header's; `erased` are tokens of people whose records are refused.
    """
    return _OfContract(dialect=dialect, contract=contract).all(field_count, erased)


def any_broken(checks: Sequence[Check]) -> str:
    """Whether at least one check is broken; FALSE for no checks."""
    return f"({' OR '.join(check.broken for check in checks) or 'false'})"


def broken_ids(dialect: Dialect, checks: Sequence[Check]) -> str:
    """The ids of the broken checks: an array of strings."""
    return dialect.listed(
        [f"CASE WHEN {check.broken} THEN {dialect.text(check.rule_id)} END" for check in checks]
    )


def reasons(dialect: Dialect, checks: Sequence[Check]) -> str:
    """The sentences of the broken checks, in the order of `broken_ids`."""
    return dialect.listed([f"CASE WHEN {check.broken} THEN {check.reason} END" for check in checks])


def is_header(dialect: Dialect, columns: Sequence[model.Column]) -> str:
    """Whether each value is its column's name. A record with a number or date that parses need not be compared."""
    unparsed = [
        f"{dialect.name(column.name)} IS NULL" for column in columns if column.type != "string"
    ]
    named = []
    for column in columns:
        text = dialect.name(text_name(column.name))
        name = dialect.lowered(dialect.replaced(text, f"[{UNCOUNTED}]", ""))
        named.append(f"{name} = {dialect.text(normalized_header(column.source_name))}")
    return f"coalesce({' AND '.join([*unparsed, *named])}, false)"


@dataclass(frozen=True, kw_only=True)
class _OfContract:
    """The checks of one contract in one dialect."""

    dialect: Dialect
    contract: model.Contract

    def all(self, field_count: int, erased: Sequence[str]) -> list[Check]:
        subject, found = self.contract.subject_column, list[Check]()
        if subject:
            found.append(self._erased(subject, erased))
        for column in self.contract.columns:
            found += self._of_column(column)
        found += map(self._of_rule, self.contract.rules)
        return [
            self._fields(field_count),
            self._repeated_header(),
            *map(self._of_records_only, found),
        ]

    def _fields(self, field_count: int) -> Check:
        dialect, delimiter = self.dialect, self.dialect.text(self.contract.intake.delimiter)
        unquoted = dialect.replaced(DAMAGED, '"([^"]|"")*"', "")
        fields = f"(length({unquoted}) - length(replace({unquoted}, {delimiter}, '')) + 1)"
        ending = dialect.text(f" fields where the header has {field_count}")
        reason = f"'row: ' || CAST({fields} AS {dialect.type('string')}) || {ending}"
        return Check(FIELD_COUNT, f"({DAMAGED} IS NOT NULL)", reason)

    def _repeated_header(self) -> Check:
        reason = "row: the header again, which is no record; files were probably joined"
        return Check(REPEATED_HEADER, IS_HEADER, self.dialect.text(reason), needs=(FIELD_COUNT,))

    def _of_records_only(self, check: Check) -> Check:
        """The check, put to no header: one reason is enough for it."""
        return replace(
            check,
            broken=f"({check.broken} AND NOT {IS_HEADER})",
            needs=(*check.needs, REPEATED_HEADER),
        )

    def _erased(self, subject: model.Column, erased: Sequence[str]) -> Check:
        tokens = ", ".join(map(self.dialect.text, erased))
        token = self.dialect.name(kept_name(subject.name))
        broken = f"coalesce({token} IN ({tokens}), false)" if erased else "false"
        reason = f"{subject.name}: this person's records were erased and are not taken again"
        return Check(ERASED, broken, self.dialect.text(reason), needs=(FIELD_COUNT,))

    def _of_column(self, column: model.Column) -> Iterator[Check]:
        dialect, text = self.dialect, self._text(column)
        if self.contract.is_required(column):
            reason = dialect.text(f"{column.name}: no value, but the contract requires one")
            empty = f"({DAMAGED} IS NULL AND {text} IS NULL)"
            yield Check(f"{column.name}.required", empty, reason, needs=(FIELD_COUNT,))
        reason = self._sentence(column, values.complaint(dialect, column, text))
        unparsed = self._did_not_parse(column)
        yield Check(f"{column.name}.type", unparsed, reason, needs=(FIELD_COUNT,))
        for name, condition, ending in (*self._limits(column), *self._texts(column)):
            yield Check(
                f"{column.name}.{name}",
                f"coalesce({condition}, false)",
                self._sentence(column, dialect.text(ending)),
                needs=_value_of(column),
            )

    def _limits(self, column: model.Column) -> Iterator[tuple[str, str, str]]:
        """Name, condition and end of the sentence of each check of a value."""
        sides = (
            ("minimum", column.minimum, "<", "below"),
            ("maximum", column.maximum, ">", "above"),
        )
        for name, limit, beyond, side in sides:
            if limit is not None:
                bound = f"CAST({self.dialect.text(limit)} AS {self.dialect.type(column.type)})"
                condition = f"{self.dialect.name(column.name)} {beyond} {bound}"
                yield name, condition, f"is {side} the {name} {limit}"

    def _texts(self, column: model.Column) -> Iterator[tuple[str, str, str]]:
        """Name, condition and end of the sentence of each check of a text whose value parsed."""
        dialect, text = self.dialect, self._text(column)
        parsed = f"{dialect.name(column.name)} IS NOT NULL"
        if column.allowed:
            known = ", ".join(map(dialect.text, column.allowed))
            condition = f"{parsed} AND {text} NOT IN ({known})"
            yield "allowed", condition, f"is not one of {', '.join(column.allowed)}"
        if column.pattern:
            whole = dialect.matches(text, rf"\A(?:{portable(column.pattern)})\z")
            yield "pattern", f"{parsed} AND NOT ({whole})", f"does not match {column.pattern}"
        if column.max_length is not None:
            condition = f"{parsed} AND length({text}) > {column.max_length}"
            yield "max_length", condition, f"has more than {column.max_length} characters"

    def _of_rule(self, rule: model.Rule) -> Check:
        dialect = self.dialect
        columns = [self.contract.column(name) for name in rule.columns]
        parsed = " AND ".join([f"{DAMAGED} IS NULL", *map(self._is_parsed, columns)])
        broken = f"({parsed} AND NOT coalesce(({rule.expression}), false))"
        begin = dialect.text(f"{rule.description.rstrip('.')}; found ")
        reason = " || ".join([begin, " || ', ' || ".join(map(self._named, columns))])
        needs = dict.fromkeys(rule_id for column in columns for rule_id in _value_of(column))
        return Check(rule.id, broken, reason, rule.action, tuple(needs))

    def _named(self, column: model.Column) -> str:
        shown = values.shown(self.dialect, column, self._text(column))
        return f"{self.dialect.text(f'{column.name} ')} || coalesce({shown}, 'blank')"

    def _is_parsed(self, column: model.Column) -> str:
        if self.contract.is_required(column):
            return f"{self.dialect.name(column.name)} IS NOT NULL"
        return f"NOT {self._did_not_parse(column)}"

    def _did_not_parse(self, column: model.Column) -> str:
        return f"({self._text(column)} IS NOT NULL AND {self.dialect.name(column.name)} IS NULL)"

    def _sentence(self, column: model.Column, ending: str) -> str:
        shown = values.shown(self.dialect, column, self._text(column))
        return f"{self.dialect.text(f'{column.name}: ')} || {shown} || ' ' || {ending}"

    def _text(self, column: model.Column) -> str:
        return self.dialect.name(text_name(column.name))


def _value_of(column: model.Column) -> tuple[str, ...]:
    """Rules without which a row has no value in this column that another rule could judge."""
    return FIELD_COUNT, f"{column.name}.required", f"{column.name}.type"
