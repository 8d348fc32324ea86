"""Table rules as compiled JSON holds them: each kind has its own fields, and nothing else is read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from contracts import table_rules
from contracts.authoring.table_rule_kinds import TableCheck, compiled, table_rule_names
from contracts.table_rules import Freshness, Reference, RowCount, TableRule, Unique

ROOT = Path(__file__).parents[3]
NAMED: dict[str, Any] = {"id": "r", "description": "d", "action": "warn"}
EMPTY = {"columns": [], "minimum": None, "maximum": None, "max_age_hours": None, "reference": None}
# Each kind once: the rule, its own fields in compiled JSON, and how a contract says it.
RULES: dict[str, tuple[TableRule, dict[str, Any], dict[str, Any]]] = {
    "row_count": (
        RowCount(**NAMED, minimum=1, maximum=None),
        {"minimum": 1},
        {"rowCount": {"minimum": 1}},
    ),
    "unique": (
        Unique(**NAMED, columns=("a", "b")),
        {"columns": ["a", "b"]},
        {"unique": ["a", "b"]},
    ),
    "freshness": (
        Freshness(**NAMED, column="a", max_age_hours=24),
        {"columns": ["a"], "max_age_hours": 24},
        {"freshness": {"column": "a", "maxAgeHours": 24}},
    ),
    "reference": (
        Reference(**NAMED, column="a", reference="other.b"),
        {"columns": ["a"], "reference": "other.b"},
        {"reference": {"column": "a", "to": "other.b"}},
    ),
}


def document(kind: str) -> dict[str, Any]:
    return {**NAMED, "kind": kind, **EMPTY, **RULES[kind][1]}


@pytest.mark.parametrize("kind", get_args(table_rules.Kind))
def test_a_rule_is_written_with_the_fields_of_every_kind_and_read_back(kind: str) -> None:
    rule, *_ = RULES[kind]
    assert rule.kind == kind
    assert table_rules.to_document(rule) == document(kind)
    assert table_rules.from_document(document(kind)) == rule


@pytest.mark.parametrize("kind", get_args(table_rules.Kind))
def test_what_a_contract_says_is_the_rule_that_runs(kind: str) -> None:
    rule, _, written = RULES[kind]
    check = {
        **{"id": "r", "description": "d", "type": "custom", "engine": "slipway"},
        "implementation": {"action": "warn", **written},
    }
    assert compiled(TableCheck.model_validate(check)) == rule


def test_every_kind_has_a_class_and_a_name_that_contracts_use() -> None:
    kinds = get_args(table_rules.Kind)
    assert [rule.kind for rule in get_args(TableRule)] == list(kinds)
    assert [
        re.sub("[A-Z]", lambda one: f"_{one[0].lower()}", name) for name in table_rule_names()
    ] == list(kinds)


def test_authors_can_read_about_every_kind() -> None:
    page = (ROOT / "datasets" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+): ", page, re.MULTILINE)
    assert rows == list(table_rule_names())


def test_a_reference_knows_where_the_known_values_are() -> None:
    rule = Reference(**NAMED, column="a", reference="other.b")
    assert (rule.other_dataset, rule.other_column) == ("other", "b")


@pytest.mark.parametrize(
    ("kind", "fields", "told"),
    [
        ("row_count", {"kind": "spread"}, "unknown kind of table rule 'spread'; known: row_count,"),
        ("row_count", {"columns": ["a"]}, "'r' of kind 'row_count' has fields of a different kind"),
        ("unique", {"maximum": 3}, "'r' of kind 'unique' has fields of a different kind"),
        ("freshness", {"columns": ["a", "b"]}, "'r' of kind 'freshness' has fields of a different"),
        ("reference", {"more": 1}, "'r' of kind 'reference' has fields of a different kind"),
    ],
)
def test_what_a_kind_does_not_have_is_refused(kind: str, fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        table_rules.from_document(document(kind) | fields)


@pytest.mark.parametrize("name", ["description", "kind", "minimum", "columns"])
def test_a_missing_field_is_never_filled_in(name: str) -> None:
    given = document("row_count")
    del given[name]
    with pytest.raises((KeyError, ValueError)):
        table_rules.from_document(given)
