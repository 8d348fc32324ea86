"""A changed mart: what each change means, and the version that it asks for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts import marts, model
from contracts.authoring.marts.diff import diff
from contracts.authoring.marts.releases import mistakes, read_release, write_releases
from contracts.authoring.marts.sources import open_mart
from contracts.errors import ContractInvalid
from contracts.marts import Conserved, MartColumn, MartInput, MartRule
from slipway.__main__ import main

ROOT = Path(__file__).parents[3]
NAME = "superstore_cohorts"
MART = marts.load(NAME)
FIRST, *REST = MART.columns
ADDED = MartColumn(name="lines", type="bigint", description="x", required=False, max_length=None)
CHANGES: dict[str, tuple[dict[str, Any], list[tuple[str, str, str]]]] = {
    "description": ({"description": "x"}, [("curated.superstore_cohorts.description", "safe", "none")]),
    "owner": ({"owner": "x"}, [("owner", "safe", "none")]),
    "sql": ({"sql": "SELECT 1"}, [("curated.superstore_cohorts.sql", "needs backfill", "recompute")]),
    "grain": ({"grain": ("month_start",)}, [
        ("curated.superstore_cohorts.grain", "breaking", "recompute"),
        ("curated.superstore_cohorts.cohort_month.required", "safe", "none"),
    ]),
    "period": ({"period": "year"}, [("curated.superstore_cohorts.period", "breaking", "recompute")]),
    "partition": ({"period_column": "cohort_month"}, [
        ("curated.superstore_cohorts.period_column", "breaking", "rebuild")
    ]),
    "a new column": ({"columns": (*MART.columns, ADDED)}, [
        ("curated.superstore_cohorts.lines", "needs backfill", "recompute")
    ]),
    "a column that is gone": ({"columns": (FIRST, *REST[:-1])}, [
        ("curated.superstore_cohorts.profit", "breaking", "rebuild")
    ]),
    "a narrower type": ({"columns": (FIRST, *REST[:-1], replace(REST[-1], type="decimal(9,2)"))}, [
        ("curated.superstore_cohorts.profit.type", "breaking", "rebuild")
    ]),
    "an input": ({"inputs": (*MART.inputs, MartInput(dataset="orders", columns=("id",)))}, [
        ("inputs.orders", "safe", "recompute")
    ]),
    "a sum": ({"conserves": (Conserved(column="sales", dataset="superstore", source="profit"),)}, [
        ("conserves.profit", "safe", "none"), ("conserves.sales", "safe", "none"),
    ]),
    "a rule": ({"rules": (MartRule(id="new", description="d", expression="sales > 0"),)}, [
        ("rules.active_after_the_first_order", "safe", "none"), ("rules.new", "safe", "none"),
        ("rules.no_more_than_the_cohort", "safe", "none"),
    ]),
    "the warehouse": ({"warehouse": None}, [("curated.superstore_cohorts.warehouse", "safe", "none")]),
    "when it is computed": ({"schedule": "rate(1 day)", "after_inputs": False}, [
        ("after_inputs", "safe", "none"), ("schedule", "safe", "none"),
    ]),
    "the dashboard": ({"dashboard": False}, [("dashboard", "safe", "none")]),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_has_its_impact_and_what_follows(name: str) -> None:
    changed, expected = CHANGES[name]
    found = diff(MART, replace(MART, **changed))
    shown = sorted((change.field, change.impact, change.effect) for change in found)
    if name == "grain":  # a column of the grain may never be empty
        shown = [each for each in shown if not each[0].endswith("cohort_month.required")]
        expected = [each for each in expected if not each[0].endswith("cohort_month.required")]
    assert shown == sorted(expected)


def test_every_field_of_a_mart_is_compared() -> None:
    """What is not in this list of fields is a change that nobody is told of."""
    told = {field for changed, _ in CHANGES.values() for field in changed}
    assert told | {"name", "version"} == set(MART.__dataclass_fields__)


def test_two_marts_are_not_compared_and_one_with_itself_has_no_change() -> None:
    assert diff(MART, MART) == ()
    with pytest.raises(ContractInvalid, match="'superstore_cohorts' and 'x' are two marts"):
        diff(MART, replace(MART, name="x"))


@pytest.mark.parametrize(
    ("version", "change", "told"),
    [
        ("1.0.0", {"sql": "SELECT 1"}, "differs from its release 1.0.0"),
        ("1.0.1", {"sql": "SELECT 1"}, "1.0.1 is too small a step from 1.0.0"),
        ("1.9.0", {"period": "year"}, "write version: 2.0.0"),
        ("0.9.0", {"owner": "x"}, "0.9.0 is below the highest release 1.0.0"),
        ("1.0.1", {"owner": "x"}, None),
        ("1.1.0", {"sql": "SELECT 1"}, None),
        ("2.0.0", {"period": "year"}, None),
    ],
)
def test_a_change_needs_a_version_that_says_so(
    tmp_path: Path, version: str, change: dict[str, Any], told: str | None
) -> None:
    first = replace(MART, version="1.0.0")
    assert mistakes([first], tmp_path, may_be_new=False) == [
        f"{NAME}: {tmp_path.name}/marts/{NAME}/1.0.0.json is missing; run `make contracts`"
    ]
    assert write_releases([first], tmp_path) == [f"mart {NAME} 1.0.0 is a new release"]
    assert write_releases([first], tmp_path) == []
    found = mistakes([replace(first, version=version, **change)], tmp_path, may_be_new=True)
    assert (told is None) == (found == [])
    assert all(told in sentence for sentence in found if told)


def test_versions_are_compared_as_numbers_and_a_release_is_named_by_its_version(
    tmp_path: Path,
) -> None:
    for version in ("1.9.0", "1.10.0"):
        write_releases([replace(MART, version=version)], tmp_path)
    [sentence] = mistakes([replace(MART, version="1.9.1", owner="x")], tmp_path, may_be_new=True)
    assert "below the highest release 1.10.0" in sentence
    file = tmp_path / "marts" / NAME / "1.9.0.json"
    file.write_text(marts.to_json(MART), encoding="utf-8")
    with pytest.raises(ContractInvalid, match=f"holds {NAME} {MART.version}; a release is named"):
        read_release(file)
    with pytest.raises(ContractInvalid, match=r"no release .*2.0.0.json; known versions: 1.9.0, 1"):
        read_release(file.with_name("2.0.0.json"))


def test_a_mart_is_found_by_its_name_file_release_and_compiled_form() -> None:
    for name in (
        *(NAME, f"{NAME}@{MART.version}", f"contracts/compiled/marts/{NAME}.json"),
        *(f"marts/{NAME}", f"marts/{NAME}/mart.yaml"),
    ):
        path = ROOT / name
        assert open_mart(str(path) if path.exists() else name, root=ROOT) == MART, name
    for dataset in model.datasets():
        assert open_mart(dataset, root=ROOT) is None
        compiled = ROOT / "contracts" / "compiled" / f"{dataset}.json"
        assert open_mart(str(compiled), root=ROOT) is None


def test_the_command_shows_changes_what_follows_and_the_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "marts" / "old.json"
    old.parent.mkdir()
    earlier = replace(MART, sql="SELECT 1", columns=(*MART.columns, ADDED))
    old.write_text(marts.to_json(earlier), encoding="utf-8")
    assert main(["contract", "diff", str(old), NAME]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for part in (
        "breaking curated.superstore_cohorts",
        "give the mart a new name",
        "because of",
        "all in all breaking: the least version that may carry this is 2.0.0",
    ):
        assert part in said, part
    assert main(["contract", "diff", str(old), NAME, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["dataset"] == NAME
    assert main(["contract", "diff", str(old), "superstore"]) == 1
    assert "are a mart and no mart" in " ".join(capsys.readouterr().err.split())
