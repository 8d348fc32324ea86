"""The checks that a contract implies, each a condition with the sentence to write when a row breaks it.

A broken value gives one reason: limits are checked only on values that parsed, rules only where all their columns did
(a blank counts as parsed unless the column is required). A row that is not TRUE for a rule breaks it, so null breaks.
Conditions are evaluated for every row and never null; sentences only for rows that are known to be broken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_, or_

from pyspark.sql import Column
from pyspark.sql import functions as F

from contracts import model
from glue_jobs import parsing
from rows.columns import DAMAGED, IS_HEADER, kept_name, text_name

FIELD_COUNT = "row.field_count"
REPEATED_HEADER = "row.repeated_header"
ERASED = "subject.erased"

BROKEN_TYPE = "array<struct<rule_id: string, reason: string>>"


@dataclass(frozen=True)
class Check:
    """One rule: `broken` is TRUE or FALSE, `reason` a sentence to be evaluated only where it is TRUE.

    A row that breaks a rule of `needs` cannot be judged by this one.
    """

    rule_id: str
    broken: Column
    reason: Column
    action: model.RuleAction = "quarantine"
    needs: tuple[str, ...] = ()


def of_contract(
    contract: model.Contract, field_count: int, erased: Sequence[str] = ()
) -> list[Check]:
    """Every check of the contract, in the order in which reasons are written.

    Works on a frame with the typed columns, their texts (`text_name`), what is kept of personal data (`kept_name`),
    DAMAGED and IS_HEADER. `field_count` is the header's; `erased` are tokens of people whose records are refused.
    """
    found = [_erased(contract.subject_column, erased)] if contract.subject_column else []
    for column in contract.columns:
        found += _of_column(column, contract.is_required(column))
    found += [_of_rule(contract, rule) for rule in contract.rules]
    fields = _fields(contract.intake.delimiter, field_count)
    return [fields, _repeated_header(), *map(_of_records_only, found)]


def any_broken(checks: list[Check]) -> Column:
    """TRUE when at least one check is broken; FALSE for no checks."""
    return reduce(or_, (check.broken for check in checks), F.lit(False))


def broken(checks: list[Check]) -> Column:
    """The broken checks of a row: array<struct<rule_id, reason>>."""
    found = [
        F.when(
            check.broken,
            F.struct(F.lit(check.rule_id).alias("rule_id"), check.reason.alias("reason")),
        )
        for check in checks
    ]
    # The cast gives the array its type where a contract has no check of a kind: array() alone has none.
    return F.array_compact(F.array(*found)).cast(BROKEN_TYPE)


def _fields(delimiter: str, field_count: int) -> Check:
    row = F.col(DAMAGED)
    unquoted = F.regexp_replace(row, '"([^"]|"")*"', "")
    found = F.length(unquoted) - F.length(F.replace(unquoted, F.lit(delimiter), F.lit(""))) + 1
    reason = F.concat(
        F.lit("row: "), found.cast("string"), F.lit(f" fields where the header has {field_count}")
    )
    return Check(FIELD_COUNT, row.isNotNull(), reason)


def _repeated_header() -> Check:
    reason = F.lit("row: the header again, which is no record; files were probably joined")
    return Check(REPEATED_HEADER, F.col(IS_HEADER), reason, needs=(FIELD_COUNT,))


def _of_records_only(check: Check) -> Check:
    """The check, put to no header: one reason is enough for it."""
    return replace(
        check, broken=check.broken & ~F.col(IS_HEADER), needs=(*check.needs, REPEATED_HEADER)
    )


def _erased(subject: model.Column, erased: Sequence[str]) -> Check:
    broken = _true(F.col(kept_name(subject.name)).isin(*erased)) if erased else F.lit(False)
    reason = F.lit(f"{subject.name}: this person's records were erased and are not taken again")
    return Check(ERASED, broken, reason, needs=(FIELD_COUNT,))


def _of_column(column: model.Column, required: bool) -> Iterator[Check]:
    text, value = F.col(text_name(column.name)), F.col(column.name)
    if required:
        empty = F.col(DAMAGED).isNull() & text.isNull()
        reason = F.lit(f"{column.name}: no value, but the contract requires one")
        yield Check(f"{column.name}.required", empty, reason, needs=(FIELD_COUNT,))
    reason = _sentence(column, parsing.complaint(column, text))
    yield Check(f"{column.name}.type", _did_not_parse(column), reason, needs=(FIELD_COUNT,))
    needs = _value_of(column)
    limits = {
        "minimum": (column.minimum, value.__lt__, "below"),
        "maximum": (column.maximum, value.__gt__, "above"),
    }
    for name, (limit, beyond, side) in limits.items():
        if limit is not None:
            broken = _true(beyond(F.lit(limit).cast(column.type)))
            reason = _sentence(column, F.lit(f"is {side} the {name} {limit}"))
            yield Check(f"{column.name}.{name}", broken, reason, needs=needs)
    parsed = value.isNotNull()
    if column.allowed:
        choice = F.lit(f"is not one of {', '.join(column.allowed)}")
        refused = _true(parsed & ~text.isin(*column.allowed))
        yield Check(f"{column.name}.allowed", refused, _sentence(column, choice), needs=needs)
    if column.pattern:
        wrong = _true(parsed & ~text.rlike(rf"\A(?:{column.pattern})\z"))
        reason = _sentence(column, F.lit(f"does not match {column.pattern}"))
        yield Check(f"{column.name}.pattern", wrong, reason, needs=needs)
    if column.max_length is not None:
        too_long = _true(parsed & (F.length(text) > column.max_length))
        size = F.lit(f"has more than {column.max_length} characters")
        yield Check(f"{column.name}.max_length", too_long, _sentence(column, size), needs=needs)


def _of_rule(contract: model.Contract, rule: model.Rule) -> Check:
    columns = [contract.column(name) for name in rule.columns]
    parsed = reduce(
        and_, (_is_parsed(contract, column) for column in columns), F.col(DAMAGED).isNull()
    )
    holds = F.coalesce(F.expr(rule.expression), F.lit(False))
    values = [
        F.concat(
            F.lit(f"{column.name} "),
            F.coalesce(parsing.shown(column, _text(column)), F.lit("blank")),
        )
        for column in columns
    ]
    reason = F.concat(F.lit(f"{rule.description.rstrip('.')}; found "), F.concat_ws(", ", *values))
    needs = dict.fromkeys(rule_id for column in columns for rule_id in _value_of(column))
    return Check(rule.id, parsed & ~holds, reason, rule.action, tuple(needs))


def _value_of(column: model.Column) -> tuple[str, ...]:
    """Rules without which a row has no value in this column that another rule could judge."""
    return FIELD_COUNT, f"{column.name}.required", f"{column.name}.type"


def _is_parsed(contract: model.Contract, column: model.Column) -> Column:
    return (
        F.col(column.name).isNotNull() if contract.is_required(column) else ~_did_not_parse(column)
    )


def _did_not_parse(column: model.Column) -> Column:
    return _text(column).isNotNull() & F.col(column.name).isNull()


def _sentence(column: model.Column, ending: Column) -> Column:
    return F.concat(
        F.lit(f"{column.name}: "), parsing.shown(column, _text(column)), F.lit(" "), ending
    )


def _text(column: model.Column) -> Column:
    return F.col(text_name(column.name))


def _true(condition: Column) -> Column:
    return F.coalesce(condition, F.lit(False))
