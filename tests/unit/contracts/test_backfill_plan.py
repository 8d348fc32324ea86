"""The plan names every table that a change reaches, who brings it in line, and when a backfill would do harm."""

from __future__ import annotations

from dataclasses import replace

from contracts.authoring.backfill_plan import Plan, plan
from contracts.authoring.diff import diff
from contracts.model import Contract
from tests.unit.contracts.versions import members, new_column, with_column, with_model, with_rule

M = members()


def plan_of(changed: Contract) -> Plan:
    return plan(changed, diff(M, changed))


def test_safe_changes_ask_for_nothing() -> None:
    found = plan_of(
        replace(M, description="x", maintenance=replace(M.maintenance, snapshot_days=1))
    )
    assert (found.steps, found.warnings) == ((), ())


def test_a_changed_rule_rewrites_every_partition_the_quarantine_and_what_derives_from_them() -> (
    None
):
    (step,) = plan_of(with_rule("visits_are_few", expression="weeks > 1")).steps
    assert step.action == "backfill"
    assert step.tables == ("members", "members_quarantine", "members_by_month")
    assert step.partitions == (
        "every month of joined_on with a row of a file that is still in raw; the curated periods of these rows"
    )
    assert step.how == "slipway backfill --dataset members (first with --plan)"
    assert step.because == ("rules.visits_are_few.expression",)


def test_changed_sql_recomputes_its_own_table_without_raw() -> None:
    second = replace(M.curated[0], name="members_by_year")
    old = replace(M, curated=(*M.curated, second))
    new = replace(old, curated=(M.curated[0], replace(second, sql="SELECT 1")))
    (step,) = plan(new, diff(old, new)).steps
    assert (step.action, step.tables, step.partitions) == (
        "recompute",
        ("members_by_year",),
        "every period",
    )
    assert step.how == "by itself, with the next run that publishes"


def test_changed_sql_beside_a_backfill_needs_no_run_of_its_own() -> None:
    changed = replace(with_model(sql="SELECT 1"), columns=with_column("weeks", minimum="1").columns)
    steps = plan_of(changed).steps
    assert [step.action for step in steps] == ["backfill", "recompute"]
    assert steps[1].how == "by itself, with the backfill"
    assert steps[1].because == ("curated.members_by_month.sql",)


def test_what_a_table_does_not_take_in_place_is_named() -> None:
    changed = replace(
        M, key=("member", "joined_on"), curated=with_model(columns=M.curated[0].columns[1:]).curated
    )
    (step,) = plan_of(changed).steps
    assert (step.action, set(step.tables)) == ("rebuild", {"members", "members_by_month"})
    assert (step.partitions, step.because) == (
        "all",
        ("curated.members_by_month.month_start", "key"),
    )
    assert step.how == (
        "the table does not take this in place and a run would stop with that message: give the dataset (or the "
        "curated table) a new name, load its files again, then move partners and readers over"
    )


def test_a_backfill_is_warned_of_when_the_new_contract_refuses_the_files_in_raw() -> None:
    reformatted = with_column("joined_on", format="dd.MM.yyyy")
    assert plan_of(reformatted).warnings == ()  # nothing asks for a backfill
    (warning,) = plan_of(replace(reformatted, rules=M.rules[1:])).warnings
    assert warning == (
        "files in raw were written for the old contract and would be refused because of columns.joined_on.format: a "
        "backfill would empty the table; carry out the backfill before this change, in a version of its own"
    )
    columns = tuple(
        replace(item, source_name="Visit") if item.name == "first_visit" else item
        for item in M.columns
    )
    both = replace(M, columns=columns, rules=M.rules[1:], intake=replace(M.intake, delimiter=";"))
    (warning,) = plan_of(both).warnings
    assert "because of columns.first_visit.source_name, intake.delimiter: a backfill" in warning
    (warning,) = plan_of(
        replace(M, rules=M.rules[1:], columns=(*M.columns, new_column(required=True)))
    ).warnings
    assert "because of columns.nickname" in warning
