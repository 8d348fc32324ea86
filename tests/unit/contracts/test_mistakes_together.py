"""Mistakes of several kinds, datasets and files are reported at once, and synth refuses what they leave."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from contracts.authoring import check, compile_all, require_current
from contracts.authoring.problems import Problem
from contracts.errors import ContractInvalid
from tests.unit.contracts.cases.base import FIXTURES, VISITS, edit


@pytest.fixture
def datasets(tmp_path: Path) -> Path:
    """A copy of the tiny dataset, to be broken."""
    return Path(shutil.copytree(FIXTURES / "tiny" / "datasets", tmp_path / "datasets"))


def test_mistakes_of_shape_and_of_meaning_are_reported_together(datasets: Path) -> None:
    edit(datasets / VISITS, "status: draft", "status: sketch")
    edit(datasets / VISITS, "physicalType: bigint", "physicalType: long")
    edit(datasets / VISITS, "maxLength: 12", "maxLenght: 12")
    edit(datasets / VISITS, "or spent = 0", "or spend = 0")
    edit(datasets / VISITS, "rawArchiveAfterDays: 30", "rawArchiveAfterDays: 400")
    edit(datasets / VISITS, "{spent: spent}", "{spent: spend}")
    fields = {problem.field.rsplit(".", 1)[-1] for problem in check(datasets)}
    assert fields == {
        "status",
        "physicalType",
        "maxLenght",
        "expression",
        "rawArchiveAfterDays",
        "spent",
    }


def test_a_contract_without_mistakes_has_no_problem() -> None:
    assert check(FIXTURES / "tiny" / "datasets") == []


def test_a_problem_prints_as_one_line_that_editors_can_open() -> None:
    problem = Problem(
        file="datasets/a/contract.yaml", line=7, field="schema[0].name", message="found 'A'"
    )
    assert str(problem) == "datasets/a/contract.yaml:7: schema[0].name: found 'A'"


def test_compiling_a_broken_contract_raises_with_every_mistake(datasets: Path) -> None:
    edit(datasets / VISITS, "status: draft", "status: sketch")
    edit(datasets / VISITS, "value: iceberg", "value: hudi")
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
        (
            "datasets/visits/curated/old.sql",
            "no table of the contract names this file as its sqlFile",
        ),
    }


def test_a_file_that_is_not_utf8_or_empty_is_a_mistake(datasets: Path) -> None:
    (datasets / VISITS).write_bytes(b"name: caf\xe9\n")
    assert "byte 9 is not UTF-8" in check(datasets)[0].message
    (datasets / VISITS).write_bytes(b"# nothing\n")
    assert check(datasets)[0].message == "the file is empty; a contract was expected"


def test_synth_refuses_a_stale_missing_or_left_over_compiled_file(
    datasets: Path, tmp_path: Path
) -> None:
    compiled = Path(shutil.copytree(FIXTURES / "tiny" / "compiled", tmp_path / "compiled"))
    shutil.copytree(FIXTURES / "tiny" / "released", tmp_path / "released")
    assert [contract.dataset for contract in require_current(datasets, compiled)] == ["visits"]
    (compiled / "gone.json").write_text("{}", encoding="utf-8")
    edit(datasets / VISITS, "maximum: 999.50", "maximum: 999.51")
    with pytest.raises(
        ContractInvalid,
        match=r"run `make contracts` \(gone.json has no contract; visits.json differs",
    ):
        require_current(datasets, compiled)
    (compiled / "visits.json").unlink()
    with pytest.raises(ContractInvalid, match=r"visits\.json is missing"):
        require_current(datasets, compiled)
