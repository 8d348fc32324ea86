"""Mistakes in formats, limits, patterns, allowed values and control totals."""

from __future__ import annotations

from tests.unit.contracts.cases.base import C

P = "schema[0].properties"
CASES = {
    "date_without_format": C(
        "logicalTypeOptions: {format: dd.MM.yyyy}",
        "logicalTypeOptions: {}",
        f"{P}[2].logicalTypeOptions.format",
        "is missing; a date needs one",
    ),
    "format_of_another_language": C(
        "{format: dd.MM.yyyy}",
        "{format: '%d.%m.%Y'}",
        f"{P}[2].logicalTypeOptions.format",
        "'m' in format",
    ),
    "format_without_year": C("dd.MM.yyyy", "dd.MM.", f"{P}[2].logicalTypeOptions.format", "must have each of y, M, d"),
    "format_without_separator": C("dd.MM.yyyy", "dMyyyy", f"{P}[2].logicalTypeOptions.format", "'dM'"),
    "minimum_above_maximum": C(
        "minimum: 0.00,",
        "minimum: 999.51,",
        f"{P}[5].logicalTypeOptions.minimum",
        "above the maximum 999.50",
    ),
    "limit_does_not_fit_the_type": C(
        "maximum: 999.50",
        "maximum: 999.505",
        f"{P}[5].logicalTypeOptions.maximum",
        "fits into decimal(8,2)",
    ),
    "limit_of_a_timestamp": C(
        "2020-01-01T00:00:00",
        "01.01.2020",
        f"{P}[1].logicalTypeOptions.minimum",
        "expected YYYY-MM-DDTHH:MM:SS",
    ),
    "limit_on_text": C("maxLength: 12}", "minimum: 3}", f"{P}[3].logicalTypeOptions.minimum", "has no minimum"),
    "limit_that_is_not_enforced": C(
        "{minimum: 0.00,",
        "{exclusiveMinimum: 0.00,",
        f"{P}[5].logicalTypeOptions.exclusiveMinimum",
        "unknown field 'exclusiveMinimum'; known: format, maxLength, maximum, minimum, pattern",
    ),
    "length_of_a_number": C(
        "{minimum: 0.00,",
        "{maxLength: 3,",
        f"{P}[5].logicalTypeOptions.maxLength",
        "only string columns",
    ),
    "pattern_does_not_compile": C(
        "[A-Z]{2}-[0-9]+",
        "[A-Z{2}",
        f"{P}[3].logicalTypeOptions.pattern",
        "not a regular expression",
    ),
    "pattern_with_look_ahead": C(
        "[A-Z]{2}-[0-9]+",
        "(?=A)A",
        f"{P}[3].logicalTypeOptions.pattern",
        "differ between engines",
    ),
    "allowed_value_is_not_text": C(
        "[browse, buy]",
        "[browse, 1]",
        f"{P}[4].quality[0].arguments.validValues[1]",
        "found 1; expected text",
    ),
    "allowed_value_twice": C(
        "[browse, buy]",
        "[buy, buy]",
        f"{P}[4].quality[0].arguments.validValues[1]",
        "'buy' is listed twice",
    ),
    "allowed_values_with_tolerance": C("mustBe: 0", "mustBe: 5", f"{P}[4].quality[0].mustBe", "expected 0"),
    "control_total_of_a_count": C(
        "physicalType: decimal(8,2)",
        "physicalType: bigint",
        f"{P}[5].customProperties[0].value",
        "only decimal columns have a control total",
        at="            value: true",
    ),
}
