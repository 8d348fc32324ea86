"""Every mistake gets one message with its line; the table is also the list of what is checked."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.authoring import check, compile_all, require_current
from contracts.authoring.problems import Problem
from contracts.errors import ContractInvalid

TINY = Path(__file__).parent / "fixtures" / "tiny"
CONTRACT = Path("visits") / "contract.yaml"
SQL = Path("visits") / "curated" / "visits_by_month.sql"


@dataclass(frozen=True)
class Case:
    """Replace `old` by `new`; the message must appear at the line of `at` (by default of `new`)."""

    old: str
    new: str
    field: str
    message: str
    at: str | None = None
    file: Path = CONTRACT


C = Case
P = "schema[0].properties"
CASES = {
    "wrong_version_of_the_standard": C("apiVersion: v3.2.0", "apiVersion: v2.0.0", "apiVersion", "expected 'v3.2.0'"),
    "version_is_not_semantic": C("version: 0.1.0", "version: '1'", "version", "found '1'"),
    "missing_owner": C("team:\n  name: Shop\n", "", "team", "'team' is missing; add it", at="apiVersion"),
    "unknown_field": C("status: draft", "status: draft\nstate: x", "state", "unknown field 'state'", at="state: x"),
    "misspelt_field": C(
        "        required: true\n        primaryKey",
        "        requird: true\n        primaryKey",
        f"{P}[0].requird",
        "did you mean 'required'?",
        at="requird",
    ),
    "name_is_not_the_folder": C("\nname: visits", "\nname: visit", "name", "expected 'visits'", at="name: visit"),
    "alert_address_is_not_one": C("mailto:shop@example.com", "shop@example.com", "support[0].url", "expected mailto:"),
    "freshness_without_number": C("value: 2\n", "value: two\n", "slaProperties[0].value", "found 'two'"),
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
    "table_format_unknown": C("value: iceberg", "value: hudi", "schema[0].customProperties[2].value", "found 'hudi'"),
    "share_above_one": C("value: 0.50", "value: 50", "schema[0].customProperties[3].value", "expected a share from 0"),
    "archived_after_deleted": C(
        "rawArchiveAfterDays: 30",
        "rawArchiveAfterDays: 400",
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
    "unknown_type": C("physicalType: bigint", "physicalType: long", f"{P}[0].physicalType", "'long'; write 'bigint'"),
    "unknown_type_of_a_model": C(
        "physicalType: decimal(12,2)", "physicalType: foo", "schema[1].properties[2].physicalType", "unknown type 'foo'"
    ),
    "type_with_blank": C("decimal(8,2)", "decimal(8, 2)", f"{P}[5].physicalType", "write 'decimal(8,2)'"),
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
    "name_of_slipway": C("name: visitor", "name: _visitor", f"{P}[3].name", "belong to Slipway's own columns"),
    "name_not_snake_case": C("name: visitor", "name: Visitor", f"{P}[3].name", "expected snake_case"),
    "reserved_name": C("name: visitor", "name: order", f"{P}[3].name", "reserved word in SQL"),
    "duplicate_column": C(
        "name: kind",
        "name: visitor",
        f"{P}[4].name",
        "duplicate column 'visitor', first on",
        at="name: visitor\n        logicalType: string\n        physicalType: string\n        description: Why",
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
    "personal_data": C(
        "description: Pseudonym of the visitor.",
        "description: E-mail.\n        classification: pii",
        f"{P}[3].classification",
        "no job protects personal data yet",
        at="classification: pii",
    ),
    "rule_reads_unknown_column": C(
        "or spent = 0",
        "or spend = 0",
        "schema[0].quality[0].implementation.expression",
        "unknown column 'spend'; did you mean 'spent'?",
    ),
    "rule_is_not_a_condition": C(
        "coalesce(kind, '') <> 'browse' or spent = 0",
        "spent + 1",
        "schema[0].quality[0].implementation.expression",
        "a rule must be true or false",
    ),
    "rule_is_not_sql": C(
        "or spent = 0",
        "or spent =",
        "schema[0].quality[0].implementation.expression",
        "not a SQL expression",
    ),
    "rule_over_all_rows": C(
        "or spent = 0",
        "or sum(spent) = 0",
        "schema[0].quality[0].implementation.expression",
        "SUM(spent) is not allowed in a row rule",
    ),
    "rule_with_subquery": C(
        "or spent = 0",
        "or spent = (select 1)",
        "schema[0].quality[0].implementation.expression",
        "(SELECT 1) is not allowed",
    ),
    "rule_by_the_clock": C(
        "or spent = 0",
        "or visit_date <= current_date()",
        "schema[0].quality[0].implementation.expression",
        "CURRENT_DATE is not allowed",
    ),
    "rule_that_divides": C(
        "or spent = 0",
        "or 1 / spent > 2",
        "schema[0].quality[0].implementation.expression",
        "1 / spent is not allowed",
    ),
    "rule_in_double_quotes": C(
        "<> 'browse'",
        '<> "browse"',
        "schema[0].quality[0].implementation.expression",
        "quote text with single quotes",
    ),
    "rule_with_unknown_action": C(
        "action: halt",
        "action: stop",
        "schema[0].quality[0].implementation.action",
        "found 'stop'",
    ),
    "unknown_quality_engine": C("engine: slipway", "engine: soda", "schema[0].quality[0].engine", "expected 'slipway'"),
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
    "duplicate_yaml_key": C(
        "status: draft",
        "status: draft\nstatus: active",
        "status",
        "duplicate key 'status', first on line",
        at="status: active",
    ),
    "yaml_does_not_parse": C(
        "kind: DataContract", "kind: [DataContract", "(document)", "not valid YAML", at="id: visits"
    ),
    "yaml_alias": C(
        "  name: Shop", "  name: &n Shop\n  id: *n", "(document)", "alias *n is not supported", at="id: *n"
    ),
    "sql_reads_another_table": C("FROM visits", "FROM visitors", "visits_by_month", "expected only 'visits'", file=SQL),
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
    "sql_of_another_type": C("decimal(12, 2)", "decimal(8, 2)", "visits_by_month", "declares decimal(12,2)", file=SQL),
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
        "another result each time",
        file=SQL,
    ),
    "sql_with_limit": C("GROUP BY ALL", "GROUP BY ALL LIMIT 5", "visits_by_month", "LIMIT drops", file=SQL),
    "sql_does_not_parse": C("GROUP BY ALL", "GROUP BY )", "visits_by_month", "not SQL", file=SQL),
}


@pytest.fixture
def datasets(tmp_path: Path) -> Path:
    """A copy of the tiny dataset, to be broken."""
    return Path(shutil.copytree(TINY / "datasets", tmp_path / "datasets"))


def edit(file: Path, old: str, new: str) -> str:
    """Replace the first `old` of a file, and give the new text."""
    text = file.read_text(encoding="utf-8")
    assert old in text, f"the case is stale: {old!r} is not in {file.name}"
    changed = text.replace(old, new, 1)
    file.write_text(changed, encoding="utf-8")
    return changed


def line_of(text: str, marker: str) -> int:
    """Line, counted from 1, on which `marker` starts."""
    return text[: text.index(marker)].count("\n") + 1


@pytest.mark.parametrize("name", CASES)
def test_one_mistake_gives_one_message_at_its_line(name: str, datasets: Path) -> None:
    case = CASES[name]
    text = edit(datasets / case.file, case.old, case.new)
    found = check(datasets)
    at = case.at or next(line for line in case.new.splitlines() if line)
    expected = (f"datasets/{case.file.as_posix()}", line_of(text, at), case.field)
    matching = [problem for problem in found if (problem.file, problem.line, problem.field) == expected]
    assert matching, f"expected {expected}, found:\n" + "\n".join(map(str, found))
    assert any(case.message in problem.message for problem in matching), [problem.message for problem in matching]


def test_mistakes_of_shape_and_of_meaning_are_reported_together(datasets: Path) -> None:
    edit(datasets / CONTRACT, "status: draft", "status: sketch")
    edit(datasets / CONTRACT, "physicalType: bigint", "physicalType: long")
    edit(datasets / CONTRACT, "maxLength: 12", "maxLenght: 12")
    edit(datasets / CONTRACT, "or spent = 0", "or spend = 0")
    edit(datasets / CONTRACT, "rawArchiveAfterDays: 30", "rawArchiveAfterDays: 400")
    edit(datasets / CONTRACT, "{spent: spent}", "{spent: spend}")
    fields = {problem.field.rsplit(".", 1)[-1] for problem in check(datasets)}
    assert fields == {"status", "physicalType", "maxLenght", "expression", "rawArchiveAfterDays", "spent"}


def test_a_contract_without_mistakes_has_no_problem() -> None:
    assert check(TINY / "datasets") == []


def test_a_problem_prints_as_one_line_that_editors_can_open() -> None:
    problem = Problem(file="datasets/a/contract.yaml", line=7, field="schema[0].name", message="found 'A'")
    assert str(problem) == "datasets/a/contract.yaml:7: schema[0].name: found 'A'"


def test_compiling_a_broken_contract_raises_with_every_mistake(datasets: Path) -> None:
    edit(datasets / CONTRACT, "status: draft", "status: sketch")
    edit(datasets / CONTRACT, "value: iceberg", "value: hudi")
    with pytest.raises(ContractInvalid, match=r"2 mistakes(?s:.*)status(?s:.*)'hudi'"):
        compile_all(datasets)


def test_two_datasets_cannot_share_a_folder_or_a_table(datasets: Path) -> None:
    shutil.copytree(datasets / "visits", datasets / "calls")
    file = datasets / "calls" / "contract.yaml"
    for old, new in (
        ("id: visits", "id: calls"),
        ("name: visits\n", "name: calls\n"),
        ("- name: visits\n", "- name: calls\n"),
    ):
        edit(file, old, new)
    edit(datasets / "calls" / "curated" / "visits_by_month.sql", "FROM visits", "FROM calls")
    messages = [problem.message for problem in check(datasets)]
    assert messages == [
        "intake folder 'visits' belongs to dataset 'calls' already; choose another",
        "table 'visits_by_month' belongs to dataset 'calls' already; choose another",
    ]


def test_a_folder_without_contract_and_sql_without_table_are_mistakes(datasets: Path) -> None:
    (datasets / "forgotten").mkdir()
    (datasets / "visits" / "curated" / "old.sql").write_text("SELECT 1", encoding="utf-8")
    found = {(problem.file, problem.message.split(";")[0]) for problem in check(datasets)}
    assert found == {
        ("datasets/forgotten", "holds no contract.yaml"),
        ("datasets/visits/curated/old.sql", "no table of the contract names this file as its sqlFile"),
    }


def test_a_file_that_is_not_utf8_or_empty_is_a_mistake(datasets: Path) -> None:
    (datasets / CONTRACT).write_bytes(b"name: caf\xe9\n")
    assert "byte 9 is not UTF-8" in check(datasets)[0].message
    (datasets / CONTRACT).write_bytes(b"# nothing\n")
    assert check(datasets)[0].message == "the file is empty; a contract was expected"


def test_synth_refuses_a_stale_missing_or_left_over_compiled_file(datasets: Path, tmp_path: Path) -> None:
    compiled = Path(shutil.copytree(TINY / "compiled", tmp_path / "compiled"))
    assert [contract.dataset for contract in require_current(datasets, compiled)] == ["visits"]
    (compiled / "gone.json").write_text("{}", encoding="utf-8")
    edit(datasets / CONTRACT, "maximum: 999.50", "maximum: 999.51")
    with pytest.raises(ContractInvalid, match=r"run `make contracts` \(gone.json has no contract; visits.json differs"):
        require_current(datasets, compiled)
    (compiled / "visits.json").unlink()
    with pytest.raises(ContractInvalid, match=r"visits\.json is missing"):
        require_current(datasets, compiled)
