"""Mistakes in aggregates and in their SQL."""

from __future__ import annotations

from tests.unit.contracts.cases.base import SQL, C

CASES = {
    "sql_file_missing": C(
        "curated/visits_by_month.sql",
        "curated/other.sql",
        "schema[1].customProperties[1].value",
        "no such file",
    ),
    "unknown_period_column": C(
        "value: month_start",
        "value: months_start",
        "schema[1].customProperties[3].value",
        "did you mean 'month_start'?",
    ),
    "period_of_another_length": C(
        "value: month\n",
        "value: quarter\n",
        "schema[1].customProperties[3].value",
        "CAST(date_trunc('quarter', visit_date) AS date) AS month_start",
        at="value: month_start",
    ),
    "source_date_is_not_a_date": C(
        "value: visit_date",
        "value: visited_at",
        "schema[1].customProperties[4].value",
        "must be a required date",
    ),
    "sql_file_of_another_dataset": C(
        "curated/visits_by_month.sql",
        "../members/curated/members_by_month.sql",
        "schema[1].customProperties[1].value",
        "no such file in datasets/visits",
    ),
    "aggregate_without_period": C(
        "      - property: period\n        value: month\n",
        "",
        "schema[1].customProperties.period",
        "'period' is missing; add it",
        at="    customProperties:\n      - property: layer\n        value: curated",
    ),
    "aggregate_named_like_the_dataset": C(
        "name: visits_by_month",
        "name: visits",
        "schema[1].name",
        "duplicate table 'visits'; choose another name",
        at="name: visits\n    description: Spending",
    ),
    "conserves_nothing": C(
        "value: {spent: spent}",
        "value: {}",
        "schema[1].customProperties[5].value",
        "found {}; expected at least 1 entry",
    ),
    "conserves_unknown_column": C(
        "{spent: spent}",
        "{spent: spend}",
        "schema[1].customProperties[5].value.spent",
        "unknown column 'spend' of the",
    ),
    "conserves_a_count": C(
        "{spent: spent}",
        "{visits: spent}",
        "schema[1].customProperties[5].value.visits",
        "expected a decimal",
    ),
    "model_without_grain": C(
        "        required: true\n        primaryKey: true\n      - name: visits\n",
        "        required: true\n      - name: visits\n",
        "schema[1].properties",
        "the key is the grain of a model",
        at="    properties:\n      - name: month_start",
    ),
    "limit_on_a_model": C(
        "description: Number of visits.",
        "description: Number of visits.\n        logicalTypeOptions: {minimum: 1}",
        "schema[1].properties[1].logicalTypeOptions",
        "is not enforced on a curated column",
        at="{minimum: 1}",
    ),
    "table_named_like_a_quarantine": C(
        "name: visits_by_month",
        "name: visits_quarantine",
        "schema[1].name",
        "belong to quarantine tables",
    ),
    "sql_reads_another_table": C(
        "FROM visits", "FROM visitors", "visits_by_month", "expected only 'visits'", file=SQL
    ),
    "sql_reads_unknown_column": C(
        "sum(spent)", "sum(paid)", "visits_by_month", "'paid' could not be resolved", file=SQL
    ),
    "sql_column_without_cast": C(
        "CAST(count(*) AS bigint)",
        "count(*)",
        "visits_by_month",
        "write CAST(... AS bigint)",
        file=SQL,
        at="count(*)",
    ),
    "sql_of_another_type": C(
        "decimal(12, 2)", "decimal(8, 2)", "visits_by_month", "declares decimal(12,2)", file=SQL
    ),
    "sql_gives_other_columns": C(
        "AS visits,",
        "AS visit_count,",
        "visits_by_month",
        "missing visits; not declared visit_count",
        file=SQL,
        at="SELECT",
    ),
    "sql_by_the_clock": C(
        "FROM visits",
        "FROM visits WHERE visit_date < current_date()",
        "visits_by_month",
        "a different result each time",
        file=SQL,
    ),
    "sql_with_limit": C(
        "GROUP BY ALL", "GROUP BY ALL LIMIT 5", "visits_by_month", "LIMIT drops", file=SQL
    ),
    "sql_does_not_parse": C("GROUP BY ALL", "GROUP BY )", "visits_by_month", "not SQL", file=SQL),
    "SQL_that_does_not_parse": C(
        "SELECT",
        "SELECT FROM (",
        "visits_by_month",
        "not SQL that Spark and DuckDB both read: Expecting )",
        at="FROM visits",
        file=SQL,
    ),
    "SQL_of_two_statements": C(
        "SELECT",
        "SELECT 1; SELECT",
        "visits_by_month",
        "found SELECT, SELECT; expected exactly one SELECT",
        file=SQL,
    ),
}
