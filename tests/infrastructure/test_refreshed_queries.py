"""Saved queries that are asked again: only what is there and holds no personal data, as what analysts may read."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from contracts.errors import ContractInvalid
from stacks.base import Blueprint
from stacks.refreshed_queries import file_of
from tests.infrastructure.support import Assembly

ROOT = Path(__file__).parents[2]


def blueprint() -> Blueprint:
    contracts = [SimpleNamespace(dataset="sales_records")]
    settings = SimpleNamespace(environment="prod")
    return cast(Any, SimpleNamespace(root=ROOT, contracts=contracts, settings=settings))


@pytest.mark.parametrize(
    "name", ["sales_records/nothing", "superstore/row_count", "sales_records/../x"]
)
def test_a_query_that_no_file_describes_is_refused_with_what_there_is(name: str) -> None:
    with pytest.raises(ContractInvalid) as refusal:
        file_of(blueprint(), name)
    message = str(refusal.value)
    assert message.startswith(
        f"config/prod.yaml: athena.refreshed: {name!r} is described by no file"
    )
    assert "sales_records/row_count" in message
    assert "superstore" not in message.partition("known: ")[2]


def test_a_query_over_files_as_they_came_is_refused() -> None:
    with pytest.raises(ContractInvalid, match="personal data included"):
        file_of(blueprint(), "sales_records/records_per_file_as_sent")


def test_the_machine_asks_what_the_settings_name_and_runs_serve_it(
    comprehensive: Assembly, local: Assembly
) -> None:
    analytics = comprehensive.templates["Analytics"]["Resources"]
    (machine,) = [
        each["Properties"]["DefinitionSubstitutions"]
        for each in analytics.values()
        if each["Type"] == "AWS::StepFunctions::StateMachine"
    ]
    (pair,) = machine["SavedQueries"]["Fn::Join"][1][1:] or [None]
    assert machine["SavedQueries"]["Fn::Join"][1][0] == "sales_records="
    saved = analytics[pair["Ref"]]["Properties"]
    assert saved["Name"] == "sales_records: row count"
    assert saved["WorkGroup"] == "slipway-prod-analysts"
    others = local.templates["Analytics"]["Resources"].values()
    assert "AWS::StepFunctions::StateMachine" not in {each["Type"] for each in others}
