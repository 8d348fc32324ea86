"""Mistakes in row rules."""

from __future__ import annotations

from tests.unit.contracts.cases.base import MEMBERS, C

EXPRESSION = "schema[0].quality[0].implementation.expression"
CASES = {
    "rule_reads_unknown_column": C(
        "or spent = 0",
        "or spend = 0",
        EXPRESSION,
        "unknown column 'spend'; did you mean 'spent'?",
    ),
    "rule_is_not_a_condition": C(
        "coalesce(kind, '') <> 'browse' or spent = 0",
        "spent + 1",
        EXPRESSION,
        "a rule must be true or false",
    ),
    "rule_is_not_sql": C(
        "or spent = 0",
        "or spent =",
        EXPRESSION,
        "not a SQL expression",
    ),
    "rule_with_a_backslash": C(
        "or spent = 0",
        r"or customer_name like 'a\_b'",
        EXPRESSION,
        "a text holds a backslash",
    ),
    "rule_over_all_rows": C(
        "or spent = 0",
        "or sum(spent) = 0",
        EXPRESSION,
        "SUM(spent) is not allowed in a row rule",
    ),
    "rule_with_subquery": C(
        "or spent = 0",
        "or spent = (select 1)",
        EXPRESSION,
        "(SELECT 1) is not allowed",
    ),
    "rule_by_the_clock": C(
        "or spent = 0",
        "or visit_date <= current_date()",
        EXPRESSION,
        "CURRENT_DATE is not allowed",
    ),
    "rule_that_divides": C(
        "or spent = 0",
        "or 1 / spent > 2",
        EXPRESSION,
        "1 / spent is not allowed",
    ),
    "rule_in_double_quotes": C(
        "<> 'browse'",
        '<> "browse"',
        EXPRESSION,
        "quote text with single quotes",
    ),
    "rule_with_unknown_action": C(
        "action: halt",
        "action: stop",
        "schema[0].quality[0].implementation.action",
        "found 'stop'",
    ),
    "unknown_quality_engine": C(
        "engine: slipway", "engine: soda", "schema[0].quality[0].engine", "expected 'slipway'"
    ),
    "rule_that_overflows_int": C(
        "cast(visits_a_week as bigint) * weeks",
        "visits_a_week * weeks",
        EXPRESSION,
        "can overflow int; write CAST(visits_a_week AS BIGINT) * CAST(weeks AS BIGINT)",
        file=MEMBERS,
    ),
    "rule_that_overflows_bigint": C(
        "cast(visits_a_week as bigint) * weeks",
        "first_visit * weeks",
        EXPRESSION,
        "can overflow bigint; write CAST(first_visit AS DECIMAL(19, 0)) * CAST(weeks AS DECIMAL(10, 0))",
        file=MEMBERS,
    ),
    "rule_with_a_cast_that_can_fail": C(
        "cast(visits_a_week as bigint)",
        "cast(member as bigint)",
        EXPRESSION,
        "CAST(member AS BIGINT) can fail or lose digits",
        file=MEMBERS,
    ),
    "rule_with_double_quotes": C(
        "<> 'browse'",
        '<> "browse"',
        "schema[0].quality[0].implementation.expression",
        "Spark and DuckDB read different columns; quote text with single quotes",
    ),
    "rule_of_two_expressions": C(
        "or spent = 0",
        "or spent = 0; 1 = 1",
        "schema[0].quality[0].implementation.expression",
        "not a SQL expression that Spark and DuckDB both read: expected exactly",
    ),
    "rule_that_names_a_table": C(
        "or spent = 0",
        "or visits.spent = 0",
        "schema[0].quality[0].implementation.expression",
        "a column is written with a table name; a rule sees one row, write the ",
    ),
    "rule_that_reads_nothing": C(
        "coalesce(kind, '') <> 'browse' or spent = 0",
        "1 = 1",
        "schema[0].quality[0].implementation.expression",
        "the expression reads no column, so it says nothing about a row",
    ),
    "rule_that_is_a_number": C(
        "coalesce(kind, '') <> 'browse' or spent = 0",
        "spent + 1",
        "schema[0].quality[0].implementation.expression",
        "gives decimal(8,2); a rule must be true or false, so compare with some",
    ),
    "rule_id_in_capitals": C(
        "id: browsers_spend_nothing",
        "id: Browsers",
        "schema[0].quality[0].id",
        "found 'Browsers'; expected snake_case: a-z, 0-9 and _, starting with a letter, at most 60",
    ),
    "rule_with_a_query": C(
        "or spent = 0",
        "or spent in (select 1)",
        "schema[0].quality[0].implementation.expression",
        "(SELECT 1) is not allowed in a row rule; allowed are comparisons, and/",
    ),
}
