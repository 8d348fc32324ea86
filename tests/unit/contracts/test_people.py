"""A contract with personal data, table rules, a reference and maintenance: what the runtimes are told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from contracts import model
from contracts.authoring import compile_all
from contracts.table_rules import Freshness, Reference, RowCount, Unique
from tests.unit.contracts.cases.base import VISITS, copy_fixtures, edit


@pytest.fixture
def contracts(tmp_path: Path) -> dict[str, model.Contract]:
    """Both fixture datasets as their runtimes load them."""
    texts = compile_all(copy_fixtures(tmp_path / "datasets"))
    return {name: model.from_json(text, origin=name) for name, text in texts.items()}


def test_personal_data_is_stored_as_tokens_masks_or_not_at_all(
    contracts: dict[str, model.Contract],
) -> None:
    members = contracts["members"]
    treated = {
        column.name: (column.type, column.pii, column.stored_type)
        for column in members.protected_columns
    }
    assert treated == {
        "member": ("string", "hash", "string"),
        "full_name": ("string", "mask", "string"),
        "phone": ("string", "drop", None),
    }
    assert "phone" not in [column.name for column in members.stored_columns]
    assert members.subject_column == members.column("member")
    assert contracts["visits"].protected_columns == ()
    assert contracts["visits"].subject_column is None


def test_rules_about_the_whole_table_reach_the_runtime(
    contracts: dict[str, model.Contract],
) -> None:
    members = contracts["members"]
    assert [rule.id for rule in members.rules] == ["visits_are_few", "phone_is_international"]
    described = {rule.id: replace(rule, description="") for rule in members.table_rules}
    assert described == {
        "there_are_members": RowCount(
            id="there_are_members", description="", action="halt", minimum=1, maximum=8_000_000_000
        ),
        "one_membership_a_day": Unique(
            id="one_membership_a_day",
            description="",
            action="warn",
            columns=("member", "joined_on"),
        ),
        "somebody_joined": Freshness(
            id="somebody_joined",
            description="",
            action="warn",
            column="joined_on",
            max_age_hours=2160,
        ),
        "first_visit_is_known": Reference(
            id="first_visit_is_known",
            description="",
            action="halt",
            column="first_visit",
            reference="visits.visit_id",
        ),
    }
    assert members.table_rules[0].description == "The shop has members, and not all of mankind."


def test_schema_change_and_maintenance_are_written_out_even_when_the_contract_leaves_them_out(
    contracts: dict[str, model.Contract],
) -> None:
    members, visits = contracts["members"], contracts["visits"]
    assert members.schema_change == "strict"
    assert members.maintenance == model.Maintenance(
        target_file_mb=64, snapshot_days=10, least_snapshots=3, orphan_days=4
    )
    assert visits.schema_change == "evolve"
    assert visits.maintenance == model.Maintenance(
        target_file_mb=128, snapshot_days=7, least_snapshots=5, orphan_days=3
    )


def test_a_reference_compares_tokens_with_tokens(tmp_path: Path) -> None:
    datasets = copy_fixtures(tmp_path / "datasets")
    edit(
        datasets / VISITS,
        "description: Pseudonym of the visitor.",
        "description: Who came.\n        classification: pii\n        customProperties:\n"
        "          - property: piiTreatment\n            value: hash",
    )
    edit(
        datasets / "members" / "contract.yaml",
        "column: first_visit, to: visits.visit_id",
        "column: member, to: visits.visitor",
    )
    (rule,) = [
        rule
        for rule in model.from_json(compile_all(datasets)["members"], origin="members").table_rules
        if isinstance(rule, Reference)
    ]
    assert (rule.column, rule.reference) == ("member", "visits.visitor")


def test_a_circle_of_references_is_allowed_when_one_of_them_only_warns(tmp_path: Path) -> None:
    datasets = copy_fixtures(tmp_path / "datasets")
    edit(
        datasets / VISITS,
        "    quality:\n      - id: browsers",
        "    quality:\n      - id: known_member\n        type: custom\n        engine: slipway\n"
        "        description: Who came first is known.\n        implementation:\n"
        "          reference: {column: visit_id, to: members.first_visit}\n          action: warn\n"
        "      - id: browsers",
    )
    assert set(compile_all(datasets)) == {"members", "visits"}
