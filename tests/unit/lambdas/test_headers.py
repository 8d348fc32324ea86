"""Which headers are accepted, by contract and environment, and that nobody's data is shown when one is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contracts import model
from contracts.errors import FileRejected
from contracts.headers import STRICTEST_FIRST
from lambdas.intake.headers import HeaderRule

NAMES = ("Region", "Item Type", "Order ID", "Note", "Email")


@pytest.fixture
def small(contract: model.Contract) -> model.Contract:
    """Five columns: the key Order ID and Region are needed, Note is optional, Email is optional personal data."""
    columns = tuple(
        replace(
            contract.columns[0],
            name=name,
            source_name=name,
            required=name == "Region",
            pii="hash" if name == "Email" else None,
        )
        for name in NAMES
    )
    intake = replace(contract.intake, ignored_headers=("Internal",))
    return replace(
        contract, columns=columns, key=("Order ID",), intake=intake, schema_change="evolve"
    )


def refusal(small: model.Contract, *names: str, **rule: Any) -> str:
    """The detail of the rejection, or an empty text when the header is accepted."""
    given = {"change": "evolve", **rule}
    try:
        HeaderRule(contract=small, **given).require(names)
    except FileRejected as why:
        return f"{why.reason}: {why.detail}"
    return ""


SWAPPED = ("Item Type", "Region", "Order ID", "Note", "Email")
SHORT = ("Region", "Order ID", "Email")  # without the optional Item Type and Note


@pytest.mark.parametrize("contracts", STRICTEST_FIRST)
@pytest.mark.parametrize("environments", STRICTEST_FIRST)
def test_the_stricter_of_contract_and_environment_decides(
    small: model.Contract, contracts: Any, environments: Any
) -> None:
    strictness = min(STRICTEST_FIRST.index(contracts), STRICTEST_FIRST.index(environments))
    given = replace(small, schema_change=contracts)
    assert refusal(given, *NAMES, change=environments) == ""
    assert bool(refusal(given, *SWAPPED, change=environments)) == (strictness == 0)
    assert bool(refusal(given, *SHORT, change=environments)) == (strictness < 2)


def test_a_contract_may_refuse_files_without_an_optional_column(small: model.Contract) -> None:
    columns = [
        replace(column, absent="refuse" if column.name == "Note" else "clear")
        for column in small.columns
    ]
    told = refusal(replace(small, columns=tuple(columns)), *SHORT)
    assert "missing: 'Note'" in told
    assert "Item Type" not in told


def test_another_order_is_told_with_the_order_that_is_wanted(small: model.Contract) -> None:
    told = refusal(small, *SWAPPED, change="reject")
    assert (
        "order: the contract allows no other than 'Region', 'Item Type', 'Order ID', 'Note', 'Email'"
        in told
    )


def test_ignored_headers_may_stand_anywhere_in_the_strictest_order(small: model.Contract) -> None:
    assert (
        refusal(small, "Internal", "Region", "Item Type", "internal", *NAMES[2:], change="reject")
        == ""
    )


@pytest.mark.parametrize("missing", ["Region", "Order ID", "Email"])
@pytest.mark.parametrize("change", STRICTEST_FIRST)
def test_required_columns_the_key_and_personal_data_may_never_lack(
    small: model.Contract, missing: str, change: Any
) -> None:
    names = [name for name in NAMES if name != missing]
    assert f"missing: '{missing}'" in refusal(small, *names, change=change)


def test_unknown_names_are_not_shown_where_the_contract_has_personal_data(
    small: model.Contract,
) -> None:
    told = refusal(small, "Asia", "Snacks", "7", "call back", "jane@example.org")
    assert "unknown: 5 names, not shown because the contract has personal data" in told
    assert "jane" not in told
    harmless = replace(small, columns=tuple(replace(column, pii=None) for column in small.columns))
    assert "'jane@example.org'" in refusal(
        harmless, "Asia", "Snacks", "7", "call back", "jane@example.org"
    )


def test_a_name_that_is_nearly_that_of_a_lacking_column_is_offered_it(
    small: model.Contract,
) -> None:
    harmless = replace(small, columns=tuple(replace(column, pii=None) for column in small.columns))
    wrong = f"{NAMES[0][:-1]}m{NAMES[0][-1]}"
    assert f"unknown: '{wrong}' (is it '{NAMES[0]}'?)" in refusal(harmless, wrong, *NAMES[1:])
    other = refusal(harmless, "Colour", *NAMES[1:])
    assert "unknown: 'Colour'" in other
    assert "is it" not in other
    assert "is it" not in refusal(harmless, wrong, *NAMES)  # no column is lacking
    assert "is it" not in refusal(small, wrong, *NAMES[1:])  # personal data: no name is shown


def test_ten_thousand_columns_are_told_in_few_words(small: model.Contract) -> None:
    harmless = replace(small, columns=tuple(replace(column, pii=None) for column in small.columns))
    told = refusal(harmless, *NAMES, *(f"column {number} {'x' * 500}" for number in range(10_000)))
    assert "and 9990 more" in told
    assert len(told) < 1500
    assert "repeated: 'Region'" in refusal(harmless, *NAMES, *["Region"] * 10_000)


def test_only_a_replay_may_have_the_headers_of_an_export(small: model.Contract) -> None:
    exported = (*NAMES, "_source_row", "_reasons")
    for change in STRICTEST_FIRST:
        assert refusal(small, *exported, is_replay=True, change=change) == ""
    assert "unknown: 2 names" in refusal(small, *exported)
    assert refusal(small, *NAMES, "_source_row", is_replay=True) == ""  # the reasons may be deleted
    assert "missing: '_source_row'" in refusal(small, *NAMES, "_reasons", is_replay=True)
    assert "missing: '_source_row'" in refusal(small, *NAMES, is_replay=True)
