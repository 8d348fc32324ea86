"""Mistakes in names, types, keys and the partition of columns."""

from __future__ import annotations

from tests.unit.contracts.cases.base import C, allowed

P = "schema[0].properties"
CASES = {
    "unknown_type": C(
        "physicalType: bigint",
        "physicalType: long",
        f"{P}[0].physicalType",
        "'long'; write 'bigint'",
    ),
    "unknown_type_of_a_model": C(
        "physicalType: decimal(12,2)",
        "physicalType: foo",
        "schema[1].properties[2].physicalType",
        "unknown type 'foo'",
    ),
    "type_with_blank": C(
        "decimal(8,2)", "decimal(8, 2)", f"{P}[5].physicalType", "write 'decimal(8,2)'"
    ),
    "too_many_digits": C("decimal(8,2)", "decimal(39,2)", f"{P}[5].physicalType", "p at most 38"),
    "logical_type_differs": C(
        "logicalType: integer",
        "logicalType: string",
        f"{P}[0].logicalType",
        "expected 'integer'",
    ),
    "logical_type_missing": C(
        "        logicalType: integer\n",
        "",
        f"{P}[0].logicalType",
        "'logicalType' is missing",
        at="      - name: visit_id",
    ),
    "name_of_slipway": C(
        "name: visitor", "name: _visitor", f"{P}[3].name", "belong to Slipway's own columns"
    ),
    "name_not_snake_case": C(
        "name: visitor", "name: Visitor", f"{P}[3].name", "expected snake_case"
    ),
    "reserved_name": C("name: visitor", "name: order", f"{P}[3].name", "reserved word in SQL"),
    "duplicate_column": C(
        "name: kind",
        "name: visitor",
        f"{P}[4].name",
        "duplicate column 'visitor', first on",
        at="name: visitor\n        logicalType: string\n        physicalType: string\n        description: Why",
    ),
    "type_with_a_length": C(
        "physicalType: string",
        "physicalType: varchar(12)",
        f"{P}[3].physicalType",
        "write 'string'",
    ),
    "duplicate_column_whose_name_comes_later": C(
        "      - name: visitor\n        logicalType: string\n",
        "      - logicalType: string\n        name: kind\n",
        f"{P}[4].name",
        "duplicate column 'kind', first on line 59",
        at="name: kind\n        logicalType: string\n        physicalType: string\n        description: Why",
    ),
    "header_of_nothing": C(
        "Visited At (UTC)",
        "'(-)'",
        f"{P}[1].physicalName",
        "found '(-)'; a header has a letter, a digit or a symbol",
    ),
    "headers_that_look_alike": C(
        "Visited At (UTC)",
        "Visit-Date",
        f"{P}[2].name",
        "duplicate header 'visitdate'",
        at="name: visit_date",
    ),
    "no_key": C(
        "        required: true\n        primaryKey: true\n      - name: visited_at",
        "        required: true\n      - name: visited_at",
        "schema[0].properties",
        "a dataset needs a key",
        at="    properties:",
    ),
    "key_not_required": C(
        "        required: true\n        primaryKey: true\n      - name: visited_at",
        "        primaryKey: true\n      - name: visited_at",
        f"{P}[0].primaryKey",
        "must have required: true",
        at="        primaryKey: true",
    ),
    "key_position_without_key": C(
        "name: visitor\n",
        "name: visitor\n        primaryKeyPosition: 2\n",
        f"{P}[3].primaryKeyPosition",
        "without primaryKey: true",
        at="primaryKeyPosition: 2",
    ),
    "no_partition": C(
        "        partitioned: true\n",
        "",
        "schema[0].properties",
        "exactly one column must have it",
        at="    properties:",
    ),
    "partitioned_by_arrival_too": C(
        "      - property: tableFormat\n",
        "      - property: partitionedByArrival\n        value: month\n      - property: tableFormat\n",
        "schema[0].customProperties[2].value",
        "found it together with partitioned: true on visit_date",
        at="value: month\n      - property: tableFormat",
    ),
    "partitioned_by_arrival_of_nothing": C(
        "      - property: tableFormat\n",
        "      - property: partitionedByArrival\n        value: null\n      - property: tableFormat\n",
        "schema[0].customProperties[2].value",
        "found nothing; write day, month or year",
        at="value: null\n      - property: tableFormat",
    ),
    "partitioned_by_arrival_in_delta": C(
        "      - property: tableFormat\n        value: iceberg\n",
        "      - property: partitionedByArrival\n        value: month\n"
        "      - property: tableFormat\n        value: delta\n",
        "schema[0].customProperties[2].value",
        "tables of format delta need a partition column of the contract",
        at="value: month\n      - property: tableFormat",
    ),
    "partition_by_text": C(
        "name: visitor\n",
        "name: visitor\n        partitioned: true\n",
        f"{P}[3].partitioned",
        "must be a required date or timestamp",
        at="partitioned: true\n        logicalType: string",
    ),
    "partition_without_transform": C(
        "        customProperties:\n          - property: partitionTransform\n            value: day\n",
        "",
        f"{P}[2].partitioned",
        "needs the custom property partitionTransform",
        at="partitioned: true",
    ),
    "two_keys_without_positions": C(
        '        required: true\n        logicalTypeOptions: {format: "yyyy',
        '        required: true\n        primaryKey: true\n        logicalTypeOptions: {format: "yyyy',
        "schema[0].properties[0].primaryKeyPosition",
        "found None; the 2 key columns must be numbered 1, 2, ...",
        at="- name: visit_id",
    ),
    "two_keys_of_which_one_has_a_position": C(
        '        required: true\n        logicalTypeOptions: {format: "yyyy',
        "        required: true\n        primaryKey: true\n        primaryKeyPosition: 2\n"
        '        logicalTypeOptions: {format: "yyyy',
        f"{P}[0].primaryKeyPosition",
        "found None; the 2 key columns must be numbered 1, 2, ...",
        at="- name: visit_id",
    ),
    "partition_by_an_optional_date": C(
        "        required: true\n        partitioned: true\n",
        "        partitioned: true\n",
        f"{P}[2].partitioned",
        "the partition column must be a required date or timestamp; 'visit_date' is not",
        at="partitioned: true",
    ),
    "second_partition_column": C(
        "        partitioned: true\n",
        "        partitioned: true\n        partitionKeyPosition: 2\n",
        "schema[0].properties[2].partitionKeyPosition",
        "found 2; there is one partition column, so expected 1",
        at="partitionKeyPosition: 2",
    ),
    "aggregate_column_with_limits": C(
        "        description: Number of visits.\n",
        "        description: Number of visits.\n        logicalTypeOptions: {minimum: 1}\n",
        "schema[1].properties[1].logicalTypeOptions",
        "logicalTypeOptions is not enforced on a curated column; remove it",
        at="logicalTypeOptions: {minimum: 1}",
    ),
    "aggregate_column_with_allowed_values": C(
        "        description: Number of visits.\n",
        "        description: Number of visits.\n        quality:\n" + allowed("[a]"),
        "schema[1].properties[1].quality",
        "quality is not enforced on a curated column; remove it",
        at="quality:\n          - metric: invalidValues\n            arguments: {validValues: [a]}",
    ),
    "aggregate_column_partitioned": C(
        "        description: Number of visits.\n",
        "        description: Number of visits.\n        partitioned: true\n",
        "schema[1].properties[1].partitioned",
        "partitioned is not enforced on a curated column; remove it",
        at="partitioned: true\n        required: true",
    ),
    "aggregate_column_with_partition_position": C(
        "        description: Number of visits.\n",
        "        description: Number of visits.\n        partitionKeyPosition: 1\n",
        "schema[1].properties[1].partitionKeyPosition",
        "partitionKeyPosition is not enforced on a curated column; remove it",
        at="partitionKeyPosition: 1",
    ),
    "aggregate_column_with_header": C(
        "        description: Number of visits.\n",
        "        description: Number of visits.\n        physicalName: Visits\n",
        "schema[1].properties[1].physicalName",
        "physicalName is not enforced on a curated column; remove it",
        at="physicalName: Visits",
    ),
    "aggregate_column_with_custom_property": C(
        "        description: Number of visits.\n",
        "        description: Number of visits.\n"
        "        customProperties:\n          - property: controlTotal\n            value: true\n",
        "schema[1].properties[1].customProperties",
        "customProperties is not enforced on a curated column; remove it",
        at="customProperties:\n          - property: controlTotal\n            value: true\n        required: true",
    ),
    "money_that_is_kept": C(
        "        description: Money spent.\n        required: true\n"
        "        logicalTypeOptions: {minimum: 0.00, maximum: 999.50}\n        customProperties:\n",
        "        description: Money spent.\n"
        "        logicalTypeOptions: {minimum: 0.00, maximum: 999.50}\n        customProperties:\n"
        "          - property: absent\n            value: keep\n",
        "schema[0].properties[5].customProperties[0].value",
        "found 'keep', but money that is added up (controlTotal) would be loaded without having been read",
        at="value: keep",
    ),
}
