"""Mistakes in formats, limits, patterns, allowed values and control totals."""

from __future__ import annotations

from tests.unit.contracts.cases.base import C, allowed

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
    "format_without_year": C(
        "dd.MM.yyyy", "dd.MM.", f"{P}[2].logicalTypeOptions.format", "must have each of y, M, d"
    ),
    "format_without_separator": C(
        "dd.MM.yyyy", "dMyyyy", f"{P}[2].logicalTypeOptions.format", "'dM'"
    ),
    "fraction_without_separator": C(
        "yyyy-MM-dd'T'HH:mm:ss",
        "yyyyMMddHHmmssSSS",
        f"{P}[1].logicalTypeOptions.format",
        "have it written 'yyyyMMddHHmmss.SSS', or make the column a string",
    ),
    "field_directly_after_a_fraction": C(
        "yyyy-MM-dd'T'HH:mm:ss",
        "HHmmssSSSyyyyMMdd",
        f"{P}[1].logicalTypeOptions.format",
        "have it written 'HHmmss.SSS yyyyMMdd'",
    ),
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
    "limit_on_text": C(
        "maxLength: 12}", "minimum: 3}", f"{P}[3].logicalTypeOptions.minimum", "has no minimum"
    ),
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
    "allowed_values_with_tolerance": C(
        "mustBe: 0", "mustBe: 5", f"{P}[4].quality[0].mustBe", "expected 0"
    ),
    "control_total_of_a_count": C(
        "physicalType: decimal(8,2)",
        "physicalType: bigint",
        f"{P}[5].customProperties[0].value",
        "only decimal columns have a control total",
        at="            value: true",
    ),
    "format_of_a_text": C(
        "{pattern:",
        "{format: yyyy, pattern:",
        "schema[0].properties[3].logicalTypeOptions.format",
        "found 'yyyy'; only date and timestamp columns have a format, remove it",
    ),
    "two_lists_of_allowed_values": C(
        "            mustBe: 0\n",
        "            mustBe: 0\n" + allowed("[rest]"),
        "schema[0].properties[4].quality",
        "found several lists of allowed values; write one",
        at="quality:",
    ),
    "allowed_values_of_a_number": C(
        "        description: Number of the visit.\n",
        "        description: Number of the visit.\n        quality:\n" + allowed("['1']"),
        "schema[0].properties[0].quality",
        "only string columns have allowed values; use minimum and maximum",
        at="quality:",
    ),
    "limit_with_decimals_of_a_count": C(
        "        description: Number of the visit.\n",
        "        description: Number of the visit.\n        logicalTypeOptions: {minimum: 1.5}\n",
        "schema[0].properties[0].logicalTypeOptions.minimum",
        "found '1.5'; expected a whole number that fits into bigint",
        at="logicalTypeOptions: {minimum: 1.5}",
    ),
    "limit_with_too_many_digits": C(
        "maximum: 999.50",
        "maximum: 1000000.00",
        f"{P}[5].logicalTypeOptions.maximum",
        "found '1000000.00'; expected a number that fits into decimal(8,2)",
    ),
    "limits_of_a_count_upside_down": C(
        "        description: Number of the visit.\n",
        "        description: Number of the visit.\n        logicalTypeOptions: {minimum: 10, maximum: 9}\n",
        f"{P}[0].logicalTypeOptions.minimum",
        "found 10, which is above the maximum 9",
        at="logicalTypeOptions: {minimum: 10",
    ),
    "both_limits_on_text": C(
        "maxLength: 12}",
        "minimum: 3, maximum: 9}",
        f"{P}[3].logicalTypeOptions.maximum",
        "has no maximum, remove it",
    ),
    "pattern_of_a_number": C(
        "{minimum: 0.00,",
        "{pattern: '[0-9]+',",
        f"{P}[5].logicalTypeOptions.pattern",
        "only string columns have this",
    ),
    "allowed_value_with_a_blank": C(
        "[browse, buy]",
        "[browse, 'buy ']",
        f"{P}[4].quality[0].arguments.validValues[1]",
        "found 'buy '; expected text without blanks around it: quote it",
    ),
    "allowed_value_with_a_blank_that_nobody_sees": C(
        "[browse, buy]",
        '[browse, "buy\\u200b"]',
        f"{P}[4].quality[0].arguments.validValues[1]",
        "found 'buy\\u200b'; expected text without blanks around it: quote it",
    ),
    "allowed_value_in_quotes_of_its_own": C(
        "[browse, buy]",
        "[browse, '\"buy\"']",
        f"{P}[4].quality[0].arguments.validValues[1]",
        "found '\"buy\"'; no file can carry it",
    ),
    "allowed_value_of_no_text": C(
        "[browse, buy]",
        "[browse, '']",
        f"{P}[4].quality[0].arguments.validValues[1]",
        "found ''; expected text without blanks around it: quote it",
    ),
    "limit_beyond_the_type": C(
        "        description: Number of the visit.\n",
        "        description: Number of the visit.\n        logicalTypeOptions: {maximum: 9223372036854775808}\n",
        "schema[0].properties[0].logicalTypeOptions.maximum",
        "found '9223372036854775808'; expected a whole number that fits into bi",
        at="logicalTypeOptions: {maximum: 9223372036854775808}",
    ),
    "limit_of_a_date": C(
        "{format: dd.MM.yyyy}",
        "{format: dd.MM.yyyy, minimum: 01.01.2020}",
        "schema[0].properties[2].logicalTypeOptions.minimum",
        "found '01.01.2020'; expected YYYY-MM-DD, whatever the column's own for",
    ),
    "limit_with_a_fraction_of_a_second": C(
        '"2020-01-01T00:00:00"',
        '"2020-01-01T00:00:00.5"',
        "schema[0].properties[1].logicalTypeOptions.minimum",
        "found '2020-01-01T00:00:00.5'; expected YYYY-MM-DDTHH:MM:SS, without f",
    ),
    "pattern_with_a_unicode_class": C(
        "[A-Z]{2}-[0-9]+",
        "\\\\p{Lu}+",
        "schema[0].properties[3].logicalTypeOptions.pattern",
        "found '\\\\p{Lu}+'; not a regular expression: bad escape \\p at position ",
    ),
    "pattern_with_an_anchor": C(
        "[A-Z]{2}-[0-9]+",
        "\\\\A[0-9]+\\\\Z",
        "schema[0].properties[3].logicalTypeOptions.pattern",
        "found '\\\\A[0-9]+\\\\Z'; look-around, back references, flags and possessi",
    ),
    "pattern_with_a_possessive_quantifier": C(
        "[A-Z]{2}-[0-9]+",
        "[0-9]++",
        "schema[0].properties[3].logicalTypeOptions.pattern",
        "found '[0-9]++'; look-around, back references, flags and possessive qu",
    ),
    "pattern_with_a_back_reference": C(
        "[A-Z]{2}-[0-9]+",
        "(a)\\\\1",
        "schema[0].properties[3].logicalTypeOptions.pattern",
        "found '(a)\\\\1'; look-around, back references, flags and possessive qua",
    ),
}
