"""A curated table that its contract marks for the warehouse: compiled, compared, refused when a load cannot hold it."""

from __future__ import annotations

import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from contracts import model
from contracts.authoring import check, require_current
from contracts.authoring.diff import diff
from contracts.warehouse import statements as warehouse
from tests.unit.contracts.cases.base import FIXTURES, VISITS, edit
from tests.unit.contracts.cases.warehouse import MARK
from tests.unit.contracts.versions import members, with_model, with_model_column

TINY = FIXTURES / "tiny"
PLAIN = model.Warehouse(distribution="auto", distribution_key=None, sort_keys=())
MARKED = with_model(warehouse=PLAIN)


def test_the_mark_reaches_the_runtime() -> None:
    (visits,) = require_current(TINY / "datasets", TINY / "compiled")
    assert visits.curated[0].warehouse == model.Warehouse(
        distribution="key", distribution_key="month_start", sort_keys=("month_start",)
    )
    assert warehouse.marked(visits) == visits.curated
    assert warehouse.marked(members()) == ()


@pytest.mark.parametrize("dataset", model.datasets())
def test_every_curated_table_of_both_datasets_is_loaded(dataset: str) -> None:
    contract = model.load(dataset)
    assert warehouse.marked(contract) == contract.curated
    assert len(contract.curated) <= warehouse.MOST_TABLES


def test_marking_and_unmarking_are_safe_and_say_what_happens() -> None:
    (marked,) = diff(members(), MARKED)
    assert (marked.field, marked.impact, marked.effect) == (
        "curated.members_by_month.warehouse",
        "safe",
        "none",
    )
    assert (marked.old, marked.new) == (None, "distribution auto")
    assert (
        marked.why
        == "the next load copies the whole table into the warehouse; the lake is as before"
    )
    (unmarked,) = diff(MARKED, members())
    assert (unmarked.old, unmarked.new, unmarked.impact) == ("distribution auto", None, "safe")
    assert unmarked.why.startswith(
        "the table in the warehouse stays as it is and is not loaded any more"
    )


CHANGED: dict[str, tuple[Any, str]] = {
    "distribution": ("all", "distribution all"),
    "distribution_key": ("fees", "distribution auto by fees"),
    "sort_keys": (("month_start", "fees"), "distribution auto, sorted by month_start, fees"),
}


@pytest.mark.parametrize("field", [field.name for field in fields(model.Warehouse)])
def test_no_field_of_the_mark_changes_unnoticed(field: str) -> None:
    value, shown = CHANGED[field]
    (change,) = diff(MARKED, with_model(warehouse=replace(PLAIN, **{field: value})))
    assert (change.old, change.new, change.impact) == ("distribution auto", shown, "safe")
    assert change.why == "the next load rebuilds the table in the warehouse; the lake is as before"


def test_another_length_of_a_text_is_a_change() -> None:
    (change,) = diff(members(), with_model_column("first_member", max_length=64))
    assert (change.field, change.impact) == (
        "curated.members_by_month.first_member.max_length",
        "safe",
    )


def many(datasets: Path, count: int) -> list[str]:
    """Make `count` marked tables of the one there is, and give what the check says of marks."""
    text = (datasets / VISITS).read_text(encoding="utf-8")
    table = text[text.index("  - name: visits_by_month\n") :]
    sql = datasets / "visits" / "curated" / "visits_by_month.sql"
    for number in range(2, count + 1):
        copy = shutil.copy(sql, sql.with_name(f"visits_{number}.sql"))
        text += table.replace("name: visits_by_month\n", f"name: visits_{number}\n", 1).replace(
            "curated/visits_by_month.sql", f"curated/{Path(copy).name}", 1
        )
    (datasets / VISITS).write_text(text, encoding="utf-8")
    return [f"{problem.field}: {problem.message}" for problem in check(datasets)]


def test_one_table_more_than_a_transaction_holds_is_refused_and_named(tmp_path: Path) -> None:
    datasets = Path(shutil.copytree(TINY / "datasets", tmp_path / "datasets"))
    (message,) = many(datasets, warehouse.MOST_TABLES + 1)
    assert message == (
        "schema[6].customProperties[6].value: is table 6 of this dataset in the warehouse; a load is one transaction "
        "of 40 statements, which holds 5 tables: remove one mark"
    )


def test_as_many_tables_as_a_transaction_holds_are_accepted_and_loaded_in_one(
    tmp_path: Path,
) -> None:
    datasets = Path(shutil.copytree(TINY / "datasets", tmp_path / "datasets"))
    assert many(datasets, warehouse.MOST_TABLES) == []


def test_a_length_is_enforced_only_on_a_table_in_the_warehouse(tmp_path: Path) -> None:
    datasets = Path(shutil.copytree(FIXTURES / "people" / "datasets", tmp_path / "datasets"))
    shutil.copytree(TINY / "datasets", datasets, dirs_exist_ok=True)
    file = datasets / "members" / "contract.yaml"
    old = "description: The least token.\n"
    edit(file, old, f"{old}        logicalTypeOptions: {{maxLength: 64}}\n")
    assert [problem.message for problem in check(datasets)] == [
        "logicalTypeOptions is not enforced on a curated column; remove it"
    ]
    edit(
        file,
        "value: {fees: fee}\n",
        "value: {fees: fee}\n      - property: warehouse\n        value: {}\n",
    )
    assert check(datasets) == []


def test_a_table_that_is_not_loaded_may_have_a_name_that_redshift_reserves(tmp_path: Path) -> None:
    datasets = Path(shutil.copytree(TINY / "datasets", tmp_path / "datasets"))
    text = (datasets / VISITS).read_text(encoding="utf-8")
    name = "name: visits\n        logicalType: integer"
    sql = datasets / "visits" / "curated" / "visits_by_month.sql"
    edit(sql, "AS visits,", "AS snapshot,")
    (datasets / VISITS).write_text(
        text.replace(name, name.replace("visits", "snapshot")), encoding="utf-8"
    )
    assert [problem.field for problem in check(datasets)] == ["schema[1].properties[1].name"]
    edit(datasets / VISITS, f"      - property: warehouse\n        value: {MARK}\n", "")
    assert check(datasets) == []
