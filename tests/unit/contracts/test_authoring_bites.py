"""What the check of a contract lets pass, up to the last value that it takes, and mistakes that are no case of one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from contracts import model
from contracts.authoring import check, compile_all, values, yaml_lines
from tests.unit.contracts.cases.base import FIXTURES, MEMBERS, SQL, VISITS, copy_fixtures, edit
from tests.unit.contracts.cases.warehouse import MARK

NUMBER = "        description: Number of the visit.\n"
MOMENT = '        logicalTypeOptions: {format: "yyyy'
PARTITION = """\
        partitioned: true
        logicalTypeOptions: {format: dd.MM.yyyy}
        customProperties:
          - property: partitionTransform
            value: day
"""
BY_MOMENT = """\
        partitioned: true
        partitionKeyPosition: 1
        customProperties:
          - property: partitionTransform
            value: day
"""


@pytest.fixture
def datasets(tmp_path: Path) -> Path:
    """A copy of the tiny dataset, to be edited."""
    return Path(shutil.copytree(FIXTURES / "tiny" / "datasets", tmp_path / "datasets"))


def compiled(datasets: Path) -> model.Contract:
    return model.from_json(compile_all(datasets)["visits"], origin="visits")


def messages(datasets: Path) -> list[str]:
    return [problem.message for problem in check(datasets)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("value: 0.50", "value: 0"),
        ("value: 0.50", "value: 1"),
        ("maxBytes: 1000000", "maxBytes: 5368709120"),
        ("rawArchiveAfterDays: 30", "rawArchiveAfterDays: 364"),
        ("processedDays: 730", "processedDays: 36600"),
        ("minimum: 0.00, maximum: 999.50", "minimum: 999.50, maximum: 999.50"),
        ("maximum: 999.50", "maximum: 999999.99"),
        ("maximum: 999.50", "maximum: 0999999.9"),
        (
            NUMBER,
            f"{NUMBER}        logicalTypeOptions: {{minimum: -999999999999999999, maximum: 999999999999999999}}\n",
        ),
        ("[A-Z]{2}-[0-9]+", "(?:[A-Z]|[0-9])+"),
        (
            "    tool: email\n    url: mailto:shop@example.com\n",
            "    tool: chat\n    url: https://chat.example/shop\n",
        ),
        ("id: browsers_spend_nothing", f"id: {'b' * values.MAX_NAME_LENGTH}"),
    ],
)
def test_the_last_value_that_is_right_is_accepted(old: str, new: str, datasets: Path) -> None:
    edit(datasets / VISITS, old, new)
    assert check(datasets) == []


def test_key_columns_are_ordered_by_their_positions(datasets: Path) -> None:
    edit(
        datasets / VISITS,
        "        primaryKey: true\n",
        "        primaryKey: true\n        primaryKeyPosition: 2\n",
    )
    edit(
        datasets / VISITS,
        MOMENT,
        f"        primaryKey: true\n        primaryKeyPosition: 1\n{MOMENT}",
    )
    assert compiled(datasets).key == ("visited_at", "visit_id")


def test_a_table_may_be_partitioned_by_a_timestamp(datasets: Path) -> None:
    edit(datasets / VISITS, PARTITION, "        logicalTypeOptions: {format: dd.MM.yyyy}\n")
    edit(datasets / VISITS, MOMENT, f"{BY_MOMENT}{MOMENT}")
    assert compiled(datasets).partition_column == "visited_at"


@pytest.mark.parametrize(
    "kind", ["decimal(1,0)", "decimal(38,0)", "decimal(38,38)", *values.SIMPLE_TYPES]
)
def test_a_type_that_every_engine_has_is_accepted(kind: str) -> None:
    assert values.wrong_type(kind) is None


@pytest.mark.parametrize("kind", ["decimal(0,0)", "decimal(39,0)", "decimal(3,4)"])
def test_a_decimal_that_no_engine_has_is_refused(kind: str) -> None:
    assert (
        values.wrong_type(kind)
        == f"found {kind!r}; expected decimal(p,s) with p at most 38 and s at most p"
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1.5", "decimal(8,0)"),
        ("5.55", "decimal(2,2)"),
        ("0.555", "decimal(2,2)"),
        ("", "decimal(8,2)"),
    ],
)
def test_a_limit_that_its_column_cannot_hold_is_refused_and_never_rounded(
    text: str, kind: str
) -> None:
    with pytest.raises(ValueError, match=f"found {text!r}; expected a number that fits into"):
        values.limit_value(text, kind)


@pytest.mark.parametrize(("most", "kind"), [(2**31 - 1, "int"), (2**63 - 1, "bigint")])
def test_a_whole_limit_beyond_what_its_column_holds_is_refused(most: int, kind: str) -> None:
    assert values.limit_value(str(most), kind) == most
    assert values.limit_value(str(-most - 1), kind) == -most - 1
    with pytest.raises(
        ValueError, match=f"found '{most + 1}'; expected a whole number that fits into {kind}"
    ):
        values.limit_value(str(most + 1), kind)


def test_a_moment_needs_its_hour_and_a_day_does_not() -> None:
    assert values.wrong_format("yyyy-MM-dd", "date") is None
    for fraction in (
        "yyyyMMddHHmmss.SSS",
        "yyyy-MM-dd HHmmssSSS",
        "yyMMddHHmmssSSSSSS",
        "HH:mm:ss.SSS dd.MM.yyyy",
    ):
        assert values.wrong_format(fraction, "timestamp") is None
    expected = "format 'yyyy-MM-dd' must have each of y, M, d, H exactly once, and no field twice"
    assert values.wrong_format("yyyy-MM-dd", "timestamp") == expected


def test_a_table_may_be_asked_for_one_number_of_rows(tmp_path: Path) -> None:
    both = copy_fixtures(tmp_path / "datasets")
    edit(both / MEMBERS, "{minimum: 1, maximum: 8000000000}", "{minimum: 1, maximum: 1}")
    assert check(both) == []


def test_yaml_that_only_libyaml_refuses_is_told_in_its_words() -> None:
    """No such text is known; one would be refused, not read."""
    error = yaml.YAMLError("as libyaml says")
    assert yaml_lines._explained("a: b\n", error) is error


def test_a_fraction_alone_fits_into_a_column_of_fractions() -> None:
    assert str(values.limit_value("-0.55", "decimal(2,2)")) == "-0.55"


def test_a_folder_whose_name_cannot_be_a_table_is_refused(datasets: Path) -> None:
    (datasets / "visits").rename(datasets / "Visits")
    expected = (
        "found 'Visits'; expected snake_case: a-z, 0-9 and _, starting with a letter, at most 60"
    )
    assert expected in [problem.message for problem in check(datasets) if problem.field == "name"]


def test_a_table_that_cannot_be_read_hides_no_wrong_name_of_another(datasets: Path) -> None:
    edit(datasets / VISITS, "    description: Visits, one row per visit.\n", "")
    edit(datasets / VISITS, "name: visits_by_month", "name: Visits")
    assert [problem.field for problem in check(datasets)] == [
        "schema[0].description",
        "schema[1].name",
    ]


def test_a_rule_over_a_column_of_an_unknown_type_gets_no_mistake_of_its_own(datasets: Path) -> None:
    edit(
        datasets / VISITS,
        "physicalType: string\n        description: Why",
        "physicalType: txt\n        description: Why",
    )
    assert [problem.field for problem in check(datasets)] == [
        "schema[0].properties[4].physicalType"
    ]


@pytest.mark.parametrize(
    ("count", "more"), [(400, []), (401, ["found 401; Redshift takes at most 400"])]
)
def test_more_sort_keys_than_redshift_takes_are_refused(
    count: int, more: list[str], datasets: Path
) -> None:
    edit(datasets / VISITS, MARK, f"{{sortKeys: [{', '.join(['spent'] * count)}]}}")
    found = [(problem.field, problem.message) for problem in check(datasets)]
    place = "schema[1].customProperties[6].value.sortKeys"
    repeated = f"'spent' is listed {count} times; a row is sorted by it once"
    assert found == [(place, message) for message in sorted([repeated, *more])]


def test_as_many_digits_after_the_point_as_redshift_keeps_are_accepted(datasets: Path) -> None:
    edit(datasets / VISITS, "decimal(12,2)", "decimal(38,37)")
    edit(datasets / SQL, "decimal(12, 2)", "decimal(38, 37)")
    assert check(datasets) == []
