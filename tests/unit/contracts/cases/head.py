"""Mistakes in the head of a contract, in how files arrive, and in the YAML itself."""

from __future__ import annotations

from tests.unit.contracts.cases.base import C

CASES = {
    "wrong_version_of_the_standard": C(
        "apiVersion: v3.2.0", "apiVersion: v2.0.0", "apiVersion", "expected 'v3.2.0'"
    ),
    "version_is_not_semantic": C("version: 0.1.0", "version: '1'", "version", "found '1'"),
    "missing_owner": C(
        "team:\n  name: Shop\n", "", "team", "'team' is missing; add it", at="apiVersion"
    ),
    "unknown_field": C(
        "status: draft", "status: draft\nstate: x", "state", "unknown field 'state'", at="state: x"
    ),
    "misspelt_field": C(
        "        required: true\n        primaryKey",
        "        requird: true\n        primaryKey",
        "schema[0].properties[0].requird",
        "did you mean 'required'?",
        at="requird",
    ),
    "name_is_not_the_folder": C(
        "\nname: visits", "\nname: visit", "name", "expected 'visits'", at="name: visit"
    ),
    "alert_address_is_not_one": C(
        "mailto:shop@example.com", "shop@example.com", "support[0].url", "expected mailto:"
    ),
    "freshness_without_number": C(
        "value: 2\n", "value: two\n", "slaProperties[0].value", "found 'two'"
    ),
    "unknown_custom_property": C(
        "property: tableFormat",
        "property: tableFromat",
        "schema[0].customProperties[2].property",
        "unknown custom property 'tableFromat'; did you mean 'tableFormat'?",
    ),
    "missing_custom_property": C(
        "      - property: tableFormat\n        value: iceberg\n",
        "",
        "schema[0].customProperties.tableFormat",
        "'tableFormat' is missing",
        at="    customProperties:",
    ),
    "table_format_unknown": C(
        "value: iceberg", "value: hudi", "schema[0].customProperties[2].value", "found 'hudi'"
    ),
    "share_above_one": C(
        "value: 0.50",
        "value: 1.01",
        "schema[0].customProperties[3].value",
        "expected a share from 0",
    ),
    "archived_after_deleted": C(
        "rawArchiveAfterDays: 30",
        "rawArchiveAfterDays: 365",
        "schema[0].customProperties[4].value.rawArchiveAfterDays",
        "must be archived before rawDays (365)",
    ),
    "unknown_retention_zone": C(
        "quarantineDays: 90",
        "quarantinDays: 90",
        "schema[0].customProperties[4].value.quarantinDays",
        "did you mean 'quarantineDays'?",
    ),
    "file_larger_than_a_copy": C(
        "maxBytes: 1000000",
        "maxBytes: 9000000000",
        "schema[0].customProperties[1].value.maxBytes",
        "S3 copies at most",
    ),
    "suffix_of_partial_uploads": C(
        "suffixes: [.csv]",
        "suffixes: [.part]",
        "schema[0].customProperties[1].value.suffixes[0]",
        "found '.part'",
    ),
    "delimiter_of_two_characters": C(
        'delimiter: ";"',
        'delimiter: "||"',
        "schema[0].customProperties[1].value.delimiter",
        "found '||'",
    ),
    "ignored_header_is_a_column": C(
        "maxBytes: 1000000}",
        "maxBytes: 1000000, ignoredColumns: [Visit-ID]}",
        "schema[0].customProperties[1].value.ignoredColumns[0]",
        "'Visit-ID', which is the header of a column",
    ),
    "duplicate_yaml_key": C(
        "status: draft",
        "status: draft\nstatus: active",
        "status",
        "duplicate key 'status', first on line",
        at="status: active",
    ),
    "yaml_does_not_parse": C(
        "kind: DataContract",
        "kind: [DataContract",
        "(document)",
        "not valid YAML: expected ',' or ']', but got ':' (line 4, column 3)",
        at="id: visits",
    ),
    "character_that_yaml_has_not": C(
        "id: visits",
        "id: vi\x01sits",
        "(document)",
        "not valid YAML: character U+0001 (line 4, column 7)",
        at="sits",
    ),
    "yaml_alias": C(
        "  name: Shop",
        "  name: &n Shop\n  id: *n",
        "(document)",
        "alias *n is not supported",
        at="id: *n",
    ),
    "id_is_not_the_folder": C(
        "\nid: visits",
        "\nid: visit",
        "id",
        "found 'visit'; expected 'visits', the name of the folder",
    ),
    "intake_folder_of_two_parts": C(
        "folder: visits,",
        "folder: shop/visits,",
        "schema[0].customProperties[1].value.folder",
        "found 'shop/visits'; expected one folder name of a-z, 0-9, _ and -",
    ),
    "suffix_in_capitals": C(
        "[.csv]",
        "[.CSV]",
        "schema[0].customProperties[1].value.suffixes[0]",
        "found '.CSV'; expected a lower-case suffix such as .csv or .csv.gz, no",
    ),
    "kept_for_centuries": C(
        "rawDays: 365",
        "rawDays: 40000",
        "schema[0].customProperties[4].value.rawDays",
        "found 40000; expected days, at most 36600 (100 years)",
    ),
    "table_is_not_the_dataset": C(
        "  - name: visits\n",
        "  - name: visit\n",
        "schema[0].name",
        "found 'visit'; the first table is the dataset itself: expected 'visits",
    ),
    "unusual_delimiter": C(
        '";"',
        '"#"',
        "schema[0].customProperties[1].value.delimiter",
        "found '#'; expected one of ',', ';', '|', '\\t'",
    ),
    "ignored_header_of_nothing": C(
        "maxBytes: 1000000}",
        "maxBytes: 1000000, ignoredColumns: ['--']}",
        "schema[0].customProperties[1].value.ignoredColumns[0]",
        "found '--'; a header has a letter, a digit or a symbol",
    ),
    "share_of_replaced_rows_above_one": C(
        "      - property: tableFormat\n        value: iceberg\n",
        "      - property: tableFormat\n        value: iceberg\n"
        "      - property: replacing\n        value: {maxShare: 0.5, maxOthersShare: 1.5}\n",
        "schema[0].customProperties[3].value.maxOthersShare",
        "found 1.5; expected a share from 0 to 1",
        at="        value: {maxShare: 0.5, maxOthersShare: 1.5}",
    ),
    "no_name_of_a_partner": C(
        'delimiter: ";", maxBytes: 1000000}',
        'delimiter: ";", maxBytes: 1000000, partners: [acme, slipway-replay]}',
        "schema[0].customProperties[1].value.partners[1]",
        "found 'slipway-replay'; expected the user name of a partner",
    ),
    "share_below_zero": C(
        "value: 0.50",
        "value: -0.01",
        "schema[0].customProperties[3].value",
        "found -0.01; expected a share from 0",
    ),
    "alert_address_without_domain": C(
        "mailto:shop@example.com",
        "mailto:shop",
        "support[0].url",
        "found 'mailto:shop'; expected mailto:",
    ),
    "alert_address_of_another_scheme": C(
        "mailto:shop@example.com",
        "smtp:shop@example.com",
        "support[0].url",
        "found 'smtp:shop@example.com'; expected",
    ),
    "alerts_by_email_without_address": C(
        "    tool: email\n    url: mailto:shop@example.com\n",
        "    tool: email\n",
        "support[0].url",
        "found None; expected mailto:someone@company.example",
        at="- channel: shop-alerts",
    ),
    "no_table_at_all": C(
        "\nschema:\n", "\nschemas:\n", "schemas", "unknown field 'schemas'; did you mean 'schema'?"
    ),
    "text_for_a_mapping": C(
        "team:\n  name: Shop\n", "team: Shop\n", "team", "found 'Shop'; expected a mapping"
    ),
    "not_a_mapping_of_columns": C(
        "      - name: visit_id\n",
        "      - visit\n      - name: visit_id\n",
        "schema[0].properties[0]",
        "found 'visit'; expected a mapping with businessName, classification, c",
    ),
    "custom_property_twice": C(
        "      - property: tableFormat\n        value: iceberg\n",
        "      - property: tableFormat\n        value: iceberg\n" * 2,
        "schema[0].customProperties[3].property",
        "custom property 'tableFormat' is given twice; remove one",
        at="- property: tableFormat\n        value: iceberg\n      - property: maxQuarantinedShare",
    ),
    "a_day_without_files_that_does_not_exist": C(
        "      - property: tableFormat\n        value: iceberg\n",
        "      - property: tableFormat\n        value: iceberg\n"
        "      - property: daysWithoutFiles\n        value: {dates: [2026-02-31]}\n",
        "schema[0].customProperties[3].value.dates[0]",
        "found '2026-02-31'; expected a day that exists",
        at="        value: {dates: [2026-02-31]}",
    ),
    "files_without_a_table_format": C(
        "        value: iceberg\n",
        "        value: parquet\n",
        "schema[0].customProperties[2].value",
        "found 'parquet'; files of Parquet alone are no table that a run can publish at once",
        at="        value: parquet",
    ),
    "write_back_of_a_format_that_duckdb_cannot_read": C(
        "        value: iceberg\n",
        "        value: delta\n      - property: writeBack\n        value: true\n",
        "schema[0].customProperties[3].value",
        "tables of format delta are not written back: DuckDB reads the table for it and reads no such",
        at="        value: true",
    ),
    "custom_value_of_another_kind": C(
        'value: {folder: visits, suffixes: [.csv], delimiter: ";", maxBytes: 1000000}',
        "value: visits",
        "schema[0].customProperties[1].value",
        "found 'visits'; expected a mapping",
    ),
}
