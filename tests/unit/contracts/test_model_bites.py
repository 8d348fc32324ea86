"""The compiled contract as runtimes load it: every list is frozen, and what is wrong names the file."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import get_args

import pytest

from contracts import model, personal_data, table_rules
from contracts.errors import ContractInvalid
from contracts.warehouse import ddl

COMPILED = Path(model.__file__).parent / "compiled"
VISITS = (Path(__file__).parent / "fixtures" / "tiny" / "compiled" / "visits.json").read_text(
    encoding="utf-8"
)


def as_json(value: object) -> object:
    """A frozen value as JSON would hold it."""
    if isinstance(value, table_rules.TableRule):
        return table_rules.to_document(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    assert not isinstance(value, list | dict), f"{value!r} is not frozen"
    return [as_json(entry) for entry in value] if isinstance(value, tuple) else value


@pytest.mark.parametrize("dataset", model.datasets())
def test_a_contract_holds_every_word_of_its_json_and_nothing_that_can_change(dataset: str) -> None:
    text = (COMPILED / f"{dataset}.json").read_text(encoding="utf-8")
    assert as_json(model.load(dataset)) == json.loads(text)


def test_the_second_contract_holds_every_word_of_its_json_too() -> None:
    assert as_json(model.from_json(VISITS, origin="visits.json")) == json.loads(VISITS)


def test_an_aggregate_without_a_layout_in_the_warehouse_has_none() -> None:
    contract = json.loads(VISITS)
    contract["curated"][0]["warehouse"] = None
    assert as_json(model.from_json(json.dumps(contract), origin="visits.json")) == contract


def test_datasets_are_the_compiled_files_in_order() -> None:
    assert list(model.datasets()) == sorted(file.stem for file in COMPILED.glob("*.json"))


def test_an_unknown_dataset_is_told_with_those_that_are_known() -> None:
    known = ", ".join(model.datasets())
    with pytest.raises(
        ContractInvalid, match=f"^no compiled contract for dataset 'sails'; known: {known}$"
    ):
        model.load("sails")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "JSONDecodeError"),
        ("[]", "TypeError"),
        (json.dumps({**json.loads(VISITS), "more": 1}), "more"),
        (
            json.dumps(
                {name: value for name, value in json.loads(VISITS).items() if name != "key"}
            ),
            "KeyError('key')",
        ),
    ],
)
def test_what_is_no_compiled_contract_is_refused_with_its_origin_and_the_command(
    text: str, told: str
) -> None:
    with pytest.raises(ContractInvalid) as caught:
        model.from_json(text, origin="somewhere.json")
    message = str(caught.value)
    assert message.startswith("somewhere.json is not a compiled contract: ")
    assert told in message
    assert message.endswith("; run `make contracts`")


def test_a_column_is_found_by_its_name_only() -> None:
    visits = model.from_json(VISITS, origin="visits.json")
    assert [visits.column(column.name) for column in visits.columns] == list(visits.columns)
    with pytest.raises(KeyError, match="nothing"):
        visits.column("nothing")


def column(kind: str) -> model.Column:
    first, *_ = model.from_json(VISITS, origin="visits.json").columns
    return dataclasses.replace(first, type=kind)


@pytest.mark.parametrize("kind", get_args(model.ColumnKind))
def test_a_column_is_of_the_kind_of_its_type(kind: str) -> None:
    assert column("decimal(9,2)" if kind == "decimal" else kind).kind == kind


@pytest.mark.parametrize("kind", ["uuid", "decimal", "Date", "decimal(9)", ""])
def test_an_unknown_type_has_no_kind(kind: str) -> None:
    with pytest.raises(ContractInvalid, match=f"is '{re.escape(kind)}'; known types: string, int"):
        assert column(kind).kind


def test_only_a_warning_lets_a_row_into_the_table() -> None:
    out = {action: model.keeps_row_out(action) for action in get_args(model.RuleAction)}
    assert out == {"warn": False, "quarantine": True, "halt": True}


def test_a_table_keeps_personal_data_as_text_or_not_at_all() -> None:
    kept = {way: personal_data.stored_type("int", way) for way in ("hash", "mask", "drop", None)}
    assert kept == {"hash": "string", "mask": "string", "drop": None, None: "int"}


def test_a_table_that_is_distributed_by_a_key_names_it() -> None:
    (sales, *_) = (table for table in model.load("sales_records").curated if table.warehouse)
    by_key = model.Warehouse(distribution="key", distribution_key="region", sort_keys=())
    assert ddl.layout(dataclasses.replace(sales, warehouse=by_key)).splitlines() == [
        "DISTSTYLE KEY",
        'DISTKEY ("region")',
    ]
    without = dataclasses.replace(by_key, distribution_key=None)
    with pytest.raises(ContractInvalid, match="is distributed by key and names none"):
        ddl.layout(dataclasses.replace(sales, warehouse=without))
