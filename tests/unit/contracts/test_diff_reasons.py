"""The one sentence of a change says what its reader must know; changes that come together do not hide each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contracts.authoring import releases
from contracts.authoring.diff import diff
from contracts.errors import ContractInvalid
from contracts.model import Contract
from tests.unit.contracts.versions import members, with_column, with_model, with_rule

M = members()
SNAPSHOTS = "snapshots from before keep the old values until they expire"


@pytest.mark.parametrize(
    ("before", "after", "impact", "effect", "why"),
    [
        (None, "drop", "breaking", "rebuild", f"readers of the table lose the column; {SNAPSHOTS}"),
        (
            "hash",
            "drop",
            "breaking",
            "rebuild",
            f"readers of the table lose the column; {SNAPSHOTS}",
        ),
        (
            None,
            "hash",
            "breaking",
            "backfill",
            f"readers find tokens in place of values; {SNAPSHOTS}",
        ),
        (
            None,
            "mask",
            "breaking",
            "backfill",
            f"readers find masks in place of values; {SNAPSHOTS}",
        ),
        (
            "hash",
            None,
            "breaking",
            "backfill",
            "what was protected becomes readable for all who read the table",
        ),
        ("hash", "mask", "breaking", "backfill", "tables can no longer be joined by its tokens"),
        (
            "mask",
            "hash",
            "needs backfill",
            "backfill",
            "rows that are loaded hold the old form; a backfill makes",
        ),
        (
            "drop",
            "hash",
            "needs backfill",
            "backfill",
            "rows that are loaded hold the old form; a backfill makes",
        ),
        (
            "drop",
            "mask",
            "needs backfill",
            "backfill",
            "rows that are loaded hold the old form; a backfill makes",
        ),
    ],
)
def test_another_treatment_of_a_text_says_what_its_readers_find(
    before: Any, after: Any, impact: str, effect: str, why: str
) -> None:
    old, new = (with_column("phone", pii=treatment) for treatment in (before, after))
    (change,) = diff(old, new)
    assert (change.impact, change.effect) == (impact, effect)
    assert change.why.startswith(why)


def test_a_dropped_column_that_is_required_cannot_be_taken_back_in_place() -> None:
    old, new = (
        with_column("phone", pii=treatment, required=True) for treatment in ("drop", "hash")
    )
    (change,) = diff(old, new)
    assert (change.impact, change.effect, change.table) == ("breaking", "rebuild", "members")


def test_a_number_that_becomes_a_token_changes_its_type_in_the_table() -> None:
    found = {
        change.field: change.effect
        for change in diff(M, with_column("weeks", type="string", pii="hash"))
    }
    assert found == {"columns.weeks.pii": "rebuild", "columns.weeks.type": "rebuild"}


@pytest.mark.parametrize(
    ("rule", "attributes", "field", "why"),
    [
        (
            "phone_is_international",
            {"action": "halt"},
            "action",
            "rows that are loaded may break it",
        ),
        ("visits_are_few", {"action": "warn"}, "action", "records in quarantine may keep it now"),
        ("visits_are_few", {"action": "halt"}, "action", "rows that break it stay out as before"),
        (
            "visits_are_few",
            {"expression": "weeks > 1"},
            "expression",
            "rows and records in quarantine may be judged",
        ),
        (
            "phone_is_international",
            {"expression": "weeks > 1"},
            "expression",
            "a warning keeps no row out",
        ),
    ],
)
def test_a_changed_rule_says_which_rows_it_concerns(
    rule: str, attributes: dict[str, Any], field: str, why: str
) -> None:
    (change,) = diff(M, with_rule(rule, **attributes))
    assert change.field == f"rules.{rule}.{field}"
    assert change.why.startswith(why)


def test_a_rule_that_starts_to_keep_rows_out_by_another_expression_needs_a_backfill_for_both() -> (
    None
):
    found = diff(
        M, with_rule("phone_is_international", action="quarantine", expression="weeks > 1")
    )
    assert [change.impact for change in found] == ["needs backfill"] * 2


def test_whole_rules_are_shown_with_what_they_say() -> None:
    (removed,) = diff(M, replace(M, rules=M.rules[1:]))
    assert (removed.old, removed.new) == (
        "cast(visits_a_week as bigint) * weeks <= 10000 (quarantine)",
        None,
    )
    assert removed.why.startswith("records in quarantine may keep it now")
    (added,) = diff(replace(M, rules=M.rules[1:]), M)
    assert added.why.startswith("rows that are loaded may break it")
    texts = {change.field: change.old for change in diff(M, replace(M, table_rules=()))}
    assert texts == {
        "table_rules.there_are_members": "row_count minimum 1 maximum 8000000000 halt",
        "table_rules.one_membership_a_day": "unique member joined_on warn",
        "table_rules.somebody_joined": "freshness joined_on hours 2160 warn",
        "table_rules.first_visit_is_known": "reference first_visit in visits.visit_id halt",
    }


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (with_model(sql="SELECT 1"), "the next run recomputes every period by itself"),
        (with_model(grain=("fees",)), "a row means something else to its readers"),
    ],
)
def test_a_changed_aggregate_says_whether_its_meaning_changed(changed: Contract, why: str) -> None:
    (change,) = diff(M, changed)
    assert change.why == why


@pytest.mark.parametrize("version", ["1.2", "1.2.x", "1.2.3.4", "1.2.-3", "", "v1.2.3"])
def test_a_version_is_three_numbers(version: str) -> None:
    with pytest.raises(ContractInvalid, match="expected three numbers"):
        releases.number(version)
