"""Every kind of change has the impact and the effect that it has on partners, readers and rows."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import Any, get_args

import pytest

from contracts.authoring.diff import diff, gravest
from contracts.errors import ContractInvalid
from contracts.model import Contract, Maintenance
from contracts.table_rules import TableRule
from tests.unit.contracts.cases.changes import CHANGES
from tests.unit.contracts.versions import members, new_column, with_column, with_model

M = members()
INTAKE, CURATED = M.intake, M.curated[0]
SUBJECT_MOVED = replace(
    M, columns=tuple(replace(item, data_subject=item.name == "full_name") for item in M.columns)
)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_has_its_impact_and_its_effect(name: str) -> None:
    changed, expected = CHANGES[name]
    found = diff(M, changed)
    assert [(change.field, change.impact, change.effect) for change in found] == [expected]
    (change,) = found
    assert change.old != change.new
    assert change.why
    assert not change.why.endswith(".")
    assert (change.table is not None) == (change.effect in ("recompute", "rebuild"))


def test_a_table_in_delta_does_not_widen() -> None:
    wider = replace(with_column("weeks", type="bigint"), table_format="delta")
    (change,) = diff(replace(M, table_format="delta"), wider)
    assert (change.field, change.impact, change.effect) == (
        "columns.weeks.type",
        "breaking",
        "rebuild",
    )


def test_nothing_changes_between_a_contract_and_itself_or_its_next_version() -> None:
    assert diff(M, M) == diff(M, replace(M, version="9.9.9")) == ()
    assert gravest(()) == "safe"


def test_two_datasets_are_not_compared() -> None:
    with pytest.raises(ContractInvalid, match="'members' and 'others' are two datasets"):
        diff(M, replace(M, dataset="others"))


def test_the_data_subject_moves_from_one_column_to_another() -> None:
    found = {change.field: change.impact for change in diff(M, SUBJECT_MOVED)}
    assert found == {
        "columns.member.data_subject": "needs backfill",
        "columns.full_name.data_subject": "needs backfill",
    }


def test_an_optional_column_is_safe_where_tables_evolve_and_needs_a_backfill_where_its_header_was_skipped() -> (
    None
):
    evolving = replace(M, schema_change="evolve")
    added = replace(evolving, columns=(*M.columns, new_column()))
    assert [change.impact for change in diff(evolving, added)] == ["safe"]
    skipped = replace(evolving, intake=replace(INTAKE, ignored_headers=("NICKNAME",)))
    taken = replace(added, intake=skipped.intake)
    (change,) = diff(skipped, taken)
    assert (change.field, change.impact, change.effect) == (
        "columns.nickname",
        "needs backfill",
        "backfill",
    )


def test_a_dropped_column_that_files_may_still_carry_is_removed_safely() -> None:
    without = replace(
        M,
        columns=tuple(item for item in M.columns if item.name != "phone"),
        intake=replace(INTAKE, ignored_headers=("Phone",)),
    )
    assert {change.field: change.impact for change in diff(M, without)} == {
        "columns.phone": "safe",
        "intake.ignored_headers": "safe",
    }


@pytest.mark.parametrize(
    ("name", "before", "after", "word"),
    [
        ("minimum", None, "1", "rows that are loaded may break it"),
        ("minimum", "1", None, "records in quarantine may keep it"),
        ("minimum", "9", "10", "rows that are loaded may break it"),
        ("minimum", "10", "9", "records in quarantine may keep it"),
        ("maximum", "9", "10", "records in quarantine may keep it"),
        ("maximum", "10", "9", "rows that are loaded may break it"),
        ("max_length", 9, 10, "records in quarantine may keep it"),
        ("max_length", 10, 9, "rows that are loaded may break it"),
        ("allowed", ("a", "b"), ("a",), "rows that are loaded may break it"),
        ("allowed", ("a",), ("a", "b"), "records in quarantine may keep it"),
        ("allowed", ("a",), ("b",), "rows and records in quarantine may be judged otherwise"),
        ("pattern", "a", "b", "rows and records in quarantine may be judged otherwise"),
    ],
)
def test_a_limit_says_whether_it_became_stricter_or_looser(
    name: str, before: Any, after: Any, word: str
) -> None:
    old, new = (with_column("weeks", **{name: value}) for value in (before, after))
    (change,) = diff(old, new)
    assert word in change.why


def test_a_limit_of_a_date_is_compared_as_a_date() -> None:
    old, new = (with_column("joined_on", minimum=value) for value in ("2009-12-31", "2010-01-01"))
    (change,) = diff(old, new)
    assert "rows that are loaded may break it" in change.why


def test_a_plain_text_that_becomes_a_token_breaks_its_readers_and_is_made_anew() -> None:
    (change,) = diff(with_column("full_name", pii=None), with_column("full_name", pii="hash"))
    assert (change.impact, change.effect) == ("breaking", "backfill")
    assert "snapshots from before keep the old values until they expire" in change.why


def test_the_gravest_change_comes_first_and_decides() -> None:
    changed = replace(
        with_column("weeks", minimum="1"), description="x", key=("member", "joined_on")
    )
    found = diff(M, changed)
    assert [change.impact for change in found] == ["breaking", "needs backfill", "safe"]
    assert gravest(found) == "breaking"


# What a change of one of these alone cannot be: they are derived from others, or name what is compared.
IDENTITY = {"Contract": {"dataset", "version"}, "Rule": {"id", "columns"}, "Column": {"name"}}
IDENTITY |= {kind.__name__: {"id"} for kind in get_args(TableRule)}
NESTED = {
    "intake",
    "retention",
    "maintenance",
    "replacing",
    "columns",
    "rules",
    "table_rules",
    "curated",
    "warehouse",
    "forecast",
}


def other(value: Any) -> Any:
    """A value of the same kind that differs."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return (*value, "other") if isinstance(value, tuple) else "other"


def fields_of(item: Any) -> list[str]:
    """Names of the fields whose change must be noticed."""
    skipped = IDENTITY.get(type(item).__name__, set())
    return [field.name for field in dataclasses.fields(item) if field.name not in skipped | NESTED]


def every_change() -> dict[str, Contract]:
    """Members with each field of the model changed alone, one contract for each."""
    found = {
        f"Contract.{name}": replace(M, **{name: other(getattr(M, name))}) for name in fields_of(M)
    }
    for owner in ("intake", "retention", "maintenance", "replacing"):
        item = getattr(M, owner)
        for name in fields_of(item):
            found[f"{owner}.{name}"] = replace(
                M, **{owner: replace(item, **{name: other(getattr(item, name))})}
            )
    for index, rule in enumerate(M.table_rules):
        for name in fields_of(rule):
            rules = list(M.table_rules)
            rules[index] = replace(rule, **{name: other(getattr(rule, name))})
            found[f"table_rules.{rule.kind}.{name}"] = replace(M, table_rules=tuple(rules))
    for owner in ("rules", "columns"):
        first, *others = getattr(M, owner)
        for name in fields_of(first):
            changed = replace(first, **{name: other(getattr(first, name))})
            found[f"{owner}.{name}"] = replace(M, **{owner: (changed, *others)})
    for name in fields_of(CURATED):
        if name != "name":
            found[f"curated.{name}"] = with_model(**{name: other(getattr(CURATED, name))})
    return found


# Values that only others of the same kind compare with; cases/changes.py has a change of each.
ORDERED = {"Contract.schema_change", "columns.type", "columns.pii", "rules.action"}


@pytest.mark.parametrize("place", [name for name in every_change() if name not in ORDERED])
def test_no_field_of_the_model_changes_unnoticed(place: str) -> None:
    assert diff(M, every_change()[place]) != ()


def test_maintenance_has_no_field_that_the_diff_does_not_know() -> None:
    changed = replace(
        M,
        maintenance=Maintenance(
            target_file_mb=1, snapshot_days=1, least_snapshots=1, orphan_days=9
        ),
    )
    assert len(diff(M, changed)) == len(dataclasses.fields(Maintenance))
