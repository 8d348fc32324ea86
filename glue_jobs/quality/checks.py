"""The checks that a contract implies, each a condition with the sentence to write when a row breaks it.

A broken value gives one reason: limits are checked only on values that parsed, rules only where all their columns did
(a blank counts as parsed unless the column is required). A row that is not TRUE for a rule breaks it, so null breaks.
Conditions are evaluated for every row and never null; sentences only for rows that are known to be broken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

from pyspark.sql import Column
from pyspark.sql import functions as F

from contracts import model
from glue_jobs.transforms import parsing

FIELD_COUNT = "row.field_count"
DAMAGED = "_damaged"  # the row as written, where its number of fields is not the header's

BROKEN_TYPE = "array<struct<rule_id: string, reason: string>>"


@dataclass(frozen=True)
class Check:
    """One rule: `broken` is TRUE or FALSE, `reason` a sentence to be evaluated only where it is TRUE."""

    rule_id: str
    broken: Column
    reason: Column
    action: model.RuleAction = "quarantine"


def text_name(name: str) -> str:
    """Column that holds the trimmed text of the contract column `name` beside its typed value."""
    return f"_text_{name}"


def of_contract(contract: model.Contract, field_count: int) -> list[Check]:
    """Every check of the contract, in the order in which reasons are written.

    Works on a frame with the typed columns, their texts (`text_name`) and DAMAGED; `field_count` is the header's.
    """
    found = [_fields(contract.intake.delimiter, field_count)]
    for column in contract.columns:
        found += _of_column(column, is_required(contract, column))
    return found + [_of_rule(contract, rule) for rule in contract.rules]


def any_broken(checks: list[Check]) -> Column:
    """TRUE when at least one check is broken; FALSE for no checks."""
    return reduce(or_, (check.broken for check in checks), F.lit(False))


def broken(checks: list[Check]) -> Column:
    """The broken checks of a row: array<struct<rule_id, reason>>."""
    found = [
        F.when(check.broken, F.struct(F.lit(check.rule_id).alias("rule_id"), check.reason.alias("reason")))
        for check in checks
    ]
    # The cast gives the array its type where a contract has no check of a kind: array() alone has none.
    return F.array_compact(F.array(*found)).cast(BROKEN_TYPE)


def is_required(contract: model.Contract, column: model.Column) -> bool:
    """Whether a blank breaks the column; a key must always be there, or two rows could not be told apart."""
    return column.required or column.name in contract.key


def _fields(delimiter: str, field_count: int) -> Check:
    row = F.col(DAMAGED)
    unquoted = F.regexp_replace(row, '"([^"]|"")*"', "")
    found = F.length(unquoted) - F.length(F.replace(unquoted, F.lit(delimiter), F.lit(""))) + 1
    reason = F.concat(F.lit("row: "), found.cast("string"), F.lit(f" fields where the header has {field_count}"))
    return Check(FIELD_COUNT, row.isNotNull(), reason)


def _of_column(column: model.Column, required: bool) -> Iterator[Check]:
    text, value = F.col(text_name(column.name)), F.col(column.name)
    if required:
        empty = F.col(DAMAGED).isNull() & text.isNull()
        yield Check(f"{column.name}.required", empty, F.lit(f"{column.name}: no value, but the contract requires one"))
    if column.type != "string":
        yield Check(f"{column.name}.type", _did_not_parse(column), _sentence(column, parsing.complaint(column, text)))
    limits = {"minimum": (column.minimum, value.__lt__, "below"), "maximum": (column.maximum, value.__gt__, "above")}
    for name, (limit, beyond, side) in limits.items():
        if limit is not None:
            broken = _true(beyond(F.lit(limit).cast(column.type)))
            yield Check(f"{column.name}.{name}", broken, _sentence(column, F.lit(f"is {side} the {name} {limit}")))
    if column.allowed:
        choice = F.lit(f"is not one of {', '.join(column.allowed)}")
        yield Check(f"{column.name}.allowed", _true(~text.isin(*column.allowed)), _sentence(column, choice))
    if column.pattern:
        wrong = _true(~text.rlike(rf"\A(?:{column.pattern})\z"))
        yield Check(f"{column.name}.pattern", wrong, _sentence(column, F.lit(f"does not match {column.pattern}")))
    if column.max_length is not None:
        too_long = _true(F.length(text) > column.max_length)
        size = F.lit(f"has more than {column.max_length} characters")
        yield Check(f"{column.name}.max_length", too_long, _sentence(column, size))


def _of_rule(contract: model.Contract, rule: model.Rule) -> Check:
    columns = [contract.column(name) for name in rule.columns]
    parsed = reduce(and_, (_is_parsed(contract, column) for column in columns), F.col(DAMAGED).isNull())
    holds = F.coalesce(F.expr(rule.expression), F.lit(False))
    values = [
        F.concat(F.lit(f"{column.name} "), F.coalesce(parsing.shown(column, _text(column)), F.lit("blank")))
        for column in columns
    ]
    reason = F.concat(F.lit(f"{rule.description.rstrip('.')}; found "), F.concat_ws(", ", *values))
    return Check(rule.id, parsed & ~holds, reason, rule.action)


def _is_parsed(contract: model.Contract, column: model.Column) -> Column:
    return F.col(column.name).isNotNull() if is_required(contract, column) else ~_did_not_parse(column)


def _did_not_parse(column: model.Column) -> Column:
    return _text(column).isNotNull() & F.col(column.name).isNull()


def _sentence(column: model.Column, ending: Column) -> Column:
    return F.concat(F.lit(f"{column.name}: "), parsing.shown(column, _text(column)), F.lit(" "), ending)


def _text(column: model.Column) -> Column:
    return F.col(text_name(column.name))


def _true(condition: Column) -> Column:
    return F.coalesce(condition, F.lit(False))
