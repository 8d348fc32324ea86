"""Mistakes in rules about a whole table, in references between datasets, in schema change and maintenance."""

from __future__ import annotations

from contracts.authoring.table_rule_kinds import table_rule_names
from tests.unit.contracts.cases.base import MEMBERS, C

Q = "schema[0].quality"
ROWS, UNIQUE, FRESH, REFERENCE = (f"{Q}[{index}].implementation" for index in (2, 3, 4, 5))
REFERENCE_TO = "reference: {column: first_visit, to: visits.visit_id}"
CASES = {
    "rule_without_a_kind": C(
        "          rowCount: {minimum: 1, maximum: 8000000000}\n",
        "",
        ROWS,
        f"found no rule; expected one of expression (a row rule), {', '.join(table_rule_names())} (table rules)",
        at="        implementation:\n          action: halt",
        file=MEMBERS,
    ),
    "rule_of_a_misspelt_kind": C(
        "rowCount:",
        "rowcount:",
        ROWS,
        "did you mean 'rowCount'?",
        at="implementation:\n          rowcount",
        file=MEMBERS,
    ),
    "rule_of_two_kinds": C(
        "          unique: [member, joined_on]\n",
        "          unique: [member, joined_on]\n          rowCount: {minimum: 1}\n",
        UNIQUE,
        "found unique and rowCount; write one rule for each",
        at="implementation:\n          unique",
        file=MEMBERS,
    ),
    "table_rule_that_quarantines": C(
        "maximum: 8000000000}\n          action: halt",
        "maximum: 8000000000}\n          action: quarantine",
        f"{ROWS}.action",
        "found 'quarantine'; expected 'warn' or 'halt'",
        at="action: quarantine\n      - id: one",
        file=MEMBERS,
    ),
    "row_count_without_limit": C(
        "rowCount: {minimum: 1, maximum: 8000000000}",
        "rowCount: {}",
        f"{ROWS}.rowCount",
        "has neither minimum nor maximum",
        file=MEMBERS,
    ),
    "row_count_of_nothing": C(
        "minimum: 1, maximum",
        "minimum: 0, maximum",
        f"{ROWS}.rowCount.minimum",
        "found 0; expected at least 1",
        file=MEMBERS,
    ),
    "row_count_upside_down": C(
        "minimum: 1, maximum: 8000000000",
        "minimum: 9, maximum: 8",
        f"{ROWS}.rowCount.minimum",
        "found 9, which is above the maximum 8",
        file=MEMBERS,
    ),
    "unique_over_an_unknown_column": C(
        "unique: [member,",
        "unique: [membr,",
        f"{UNIQUE}.unique[0]",
        "did you mean 'member'?",
        file=MEMBERS,
    ),
    "unique_over_one_column_twice": C(
        "[member, joined_on]",
        "[member, member]",
        f"{UNIQUE}.unique[1]",
        "'member' is listed twice",
        file=MEMBERS,
    ),
    "unique_over_a_masked_column": C(
        "[member, joined_on]",
        "[full_name]",
        f"{UNIQUE}.unique[0]",
        "column 'full_name' is masked, so different values look alike",
        file=MEMBERS,
    ),
    "unique_over_a_dropped_column": C(
        "[member, joined_on]",
        "[phone]",
        f"{UNIQUE}.unique[0]",
        "column 'phone' is dropped",
        file=MEMBERS,
    ),
    "freshness_of_a_number": C(
        "column: joined_on, max",
        "column: weeks, max",
        f"{FRESH}.freshness.column",
        "column 'weeks' is int in the processed table; expected a date or timestamp",
        file=MEMBERS,
    ),
    "freshness_in_days": C(
        "maxAgeHours: 2160",
        "maxAgeDays: 90",
        f"{FRESH}.freshness.maxAgeDays",
        "unknown field 'maxAgeDays'; did you mean 'maxAgeHours'?",
        file=MEMBERS,
    ),
    "reference_of_an_unknown_column": C(
        "column: first_visit,",
        "column: last_visit,",
        f"{REFERENCE}.reference.column",
        "unknown column 'last_visit'; did you mean 'first_visit'?",
        file=MEMBERS,
    ),
    "reference_of_a_dropped_column": C(
        REFERENCE_TO,
        "reference: {column: phone, to: visits.visitor}",
        f"{REFERENCE}.reference.column",
        "column 'phone' is dropped before the processed table",
        file=MEMBERS,
    ),
    "reference_to_a_dataset_alone": C(
        "to: visits.visit_id",
        "to: visits",
        f"{REFERENCE}.reference.to",
        "expected <dataset>.<column>",
        file=MEMBERS,
    ),
    "reference_to_an_unknown_dataset": C(
        "to: visits.visit_id",
        "to: visit.visit_id",
        f"{REFERENCE}.reference.to",
        "unknown dataset 'visit'; did you mean 'visits'?",
        file=MEMBERS,
    ),
    "reference_to_an_unknown_column": C(
        "to: visits.visit_id",
        "to: visits.visits_id",
        f"{REFERENCE}.reference.to",
        "unknown column 'visits_id' of 'visits'; did you mean 'visit_id'?",
        file=MEMBERS,
    ),
    "reference_to_another_type": C(
        "to: visits.visit_id",
        "to: visits.visitor",
        f"{REFERENCE}.reference.to",
        "'first_visit' is bigint and 'visits.visitor' is string; both must have one type and treatment",
        file=MEMBERS,
    ),
    "reference_from_a_token_to_a_text": C(
        REFERENCE_TO,
        "reference: {column: member, to: visits.visitor}",
        f"{REFERENCE}.reference.to",
        "'member' is string (hashed) and 'visits.visitor' is string",
        file=MEMBERS,
    ),
    "reference_to_a_masked_column": C(
        "        implementation:\n          expression: coalesce(kind",
        "        implementation:\n"
        "          reference: {column: visitor, to: members.full_name}\n          action: warn\n"
        "      - id: browsers_spend_little\n        type: custom\n        engine: slipway\n"
        "        description: Who only browses spends nothing.\n"
        "        implementation:\n          expression: coalesce(kind",
        f"{Q}[0].implementation.reference.to",
        "column 'members.full_name' is protected by 'mask', so no value can be found in it",
        at="reference: {column: visitor",
    ),
    "reference_to_itself": C(
        "to: visits.visit_id",
        "to: members.weeks",
        f"{REFERENCE}.reference.to",
        "which is this dataset",
        file=MEMBERS,
    ),
    "references_in_a_circle": C(
        "        implementation:\n          expression: coalesce(kind",
        "        implementation:\n          reference: {column: visit_id, to: members.first_visit}\n"
        "          action: halt\n"
        "      - id: browsers_spend_little\n        type: custom\n        engine: slipway\n"
        "        description: Who only browses spends nothing.\n"
        "        implementation:\n          expression: coalesce(kind",
        f"{Q}[0].implementation.reference.to",
        "visits -> members -> visits: none of them could be loaded first",
        at="reference: {column: visit_id",
    ),
    "rule_id_used_twice": C(
        "id: there_are_members",
        "id: visits_are_few",
        f"{Q}[2].id",
        "duplicate rule 'visits_are_few'",
        at="id: visits_are_few\n        type: custom\n        engine: slipway\n        description: The shop",
        file=MEMBERS,
    ),
    "rule_id_used_by_a_table_rule_above": C(
        "    quality:\n      - id: browsers_spend_nothing\n",
        "    quality:\n      - id: browsers_spend_nothing\n        type: custom\n        engine: slipway\n"
        "        description: Somebody came.\n        implementation: {rowCount: {minimum: 1}, action: warn}\n"
        "      - id: browsers_spend_nothing\n",
        f"{Q}[1].id",
        "duplicate rule 'browsers_spend_nothing'; choose another id",
        at="id: browsers_spend_nothing\n        type: custom\n        engine: slipway\n        description: Who",
    ),
    "rule_on_an_aggregate": C(
        "      - name: fees\n        logicalType: number\n        physicalType: decimal(18,2)\n"
        "        description: What they paid.\n        required: true\n",
        "      - name: fees\n        logicalType: number\n        physicalType: decimal(18,2)\n"
        "        description: What they paid.\n        required: true\n"
        "    quality:\n      - id: some\n        type: custom\n        engine: slipway\n        description: Some.\n"
        "        implementation: {rowCount: {minimum: 1}, action: warn}\n",
        "schema[1].quality[0]",
        "rules are enforced on the first table only; remove it",
        at="id: some\n",
        file=MEMBERS,
    ),
    "unknown_schema_change": C(
        "value: strict",
        "value: allow",
        "schema[0].customProperties[5].value",
        "found 'allow'; expected 'reject', 'strict' or 'evolve'",
        file=MEMBERS,
    ),
    "orphans_of_today": C(
        "orphanDays: 4",
        "orphanDays: 1",
        "schema[0].customProperties[6].value.orphanDays",
        "found 1; files of a running job must not be taken for orphans: expected at least 3",
        file=MEMBERS,
    ),
    "no_snapshot_kept": C(
        "leastSnapshots: 3",
        "leastSnapshots: 0",
        "schema[0].customProperties[6].value.leastSnapshots",
        "found 0; expected at least 1",
        file=MEMBERS,
    ),
    "unknown_maintenance": C(
        "targetFileMb: 64",
        "targetFileMB: 64",
        "schema[0].customProperties[6].value.targetFileMB",
        "did you mean 'targetFileMb'?",
        file=MEMBERS,
    ),
    "table_named_like_a_history": C(
        "name: members_by_month",
        "name: members_history",
        "schema[1].name",
        "names that end with _history belong to history tables",
        file=MEMBERS,
    ),
    "table_named_like_quality_results": C(
        "name: members_by_month",
        "name: members_quality",
        "schema[1].name",
        "names that end with _quality belong to quality tables",
        file=MEMBERS,
    ),
}
