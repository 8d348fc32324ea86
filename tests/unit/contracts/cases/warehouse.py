"""Mistakes in what a contract wants of the warehouse."""

from __future__ import annotations

from tests.unit.contracts.cases.base import C

MARK = "{distribution: key, distributionKey: month_start, sortKeys: [month_start]}"
PROPERTY = "schema[1].customProperties[6].value"
CASES = {
    "warehouse_distribution_unknown": C(
        MARK,
        "{distribution: hash}",
        f"{PROPERTY}.distribution",
        "found 'hash'; expected 'auto', 'all', 'even' or 'key'",
    ),
    "warehouse_field_misspelt": C(
        MARK,
        "{distribution: all, sortKey: [month_start]}",
        f"{PROPERTY}.sortKey",
        "did you mean 'sortKeys'?",
    ),
    "warehouse_key_unknown": C(
        MARK,
        "{distribution: key, distributionKey: months}",
        f"{PROPERTY}.distributionKey",
        "unknown column 'months'; did you mean 'month_start'?",
    ),
    "warehouse_sorted_by_unknown": C(
        MARK,
        "{distribution: all, sortKeys: [spent, when]}",
        f"{PROPERTY}.sortKeys[1]",
        "unknown column 'when'; known: month_start, spent, visits",
    ),
    "warehouse_sorted_twice": C(
        MARK, "{sortKeys: [spent, spent]}", f"{PROPERTY}.sortKeys", "'spent' is listed 2 times"
    ),
    "warehouse_by_key_without_key": C(
        MARK, "{distribution: key}", f"{PROPERTY}.distribution", "name the column, or write auto"
    ),
    "warehouse_key_without_by_key": C(
        MARK,
        "{distribution: all, distributionKey: spent}",
        f"{PROPERTY}.distributionKey",
        "with distribution all; write distribution: key",
    ),
    "warehouse_of_a_format_that_redshift_cannot_read": C(
        "value: iceberg",
        "value: delta",
        PROPERTY,
        "the warehouse cannot load tables of format delta: Redshift does not read them; write tableFormat: iceberg",
        at=MARK,
    ),
    "warehouse_mark_is_no_mapping": C(
        MARK, "yes please", PROPERTY, "found 'yes please'; expected a mapping"
    ),
    "warehouse_mark_without_value": C(
        MARK, "null", PROPERTY, "found nothing; write {distribution: auto}"
    ),
    "warehouse_grain_not_required": C(
        "        required: true\n        primaryKey: true\n      - name: visits\n",
        "        primaryKey: true\n      - name: visits\n",
        "schema[1].properties[0].primaryKey",
        "a key column must have required: true",
        at="primaryKey: true\n      - name: visits",
    ),
    "warehouse_name_reserved_in_redshift": C(
        "name: visits\n        logicalType: integer",
        "name: snapshot\n        logicalType: integer",
        "schema[1].properties[1].name",
        "'snapshot' is reserved in Redshift, where this table is loaded",
    ),
    "warehouse_table_reserved_in_redshift": C(
        "name: visits_by_month",
        "name: snapshot",
        "schema[1].name",
        "'snapshot' is reserved in Redshift, where this table is loaded; choose another name",
    ),
    "warehouse_name_too_long": C(
        "name: visits_by_month",
        "name: visits_by_month_and_by_kind_and_by_visitor_and_by_weather_and_mood",
        "schema[1].name",
        "at most 60",
    ),
    "warehouse_too_many_digits_after_the_point": C(
        "physicalType: decimal(12,2)\n",
        "physicalType: decimal(38,38)\n",
        "schema[1].properties[2].physicalType",
        "Redshift keeps at most 37 digits after the point",
    ),
    "warehouse_length_of_a_number": C(
        "description: Number of visits.",
        "description: Number of visits.\n        logicalTypeOptions: {maxLength: 10}",
        "schema[1].properties[1].logicalTypeOptions.maxLength",
        "only string columns have this",
        at="{maxLength: 10}",
    ),
}
