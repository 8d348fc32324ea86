"""What a destroyed deployment keeps can be taken over: each kept type is known, by the property that identifies it."""

from __future__ import annotations

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from slipway.acting.adoption import IDENTIFIERS, LEFT_ALONE
from tests.infrastructure.support import Assembly


def test_every_type_that_is_kept_can_be_taken_over_or_is_left_alone_on_purpose(
    comprehensive: Assembly,
) -> None:
    kept = {
        resource["Type"]
        for template in comprehensive.templates.values()
        for resource in template["Resources"].values()
        if resource.get("DeletionPolicy", "Delete") != "Delete"
    }
    of_aurora = "AWS::RDS::DBCluster"  # which an instance stands for there
    assert kept | {of_aurora} == {*IDENTIFIERS, *LEFT_ALONE}


@pytest.mark.parametrize(("resource_type", "identifier"), sorted(IDENTIFIERS.items()))
def test_a_resource_is_identified_as_the_registry_says(resource_type: str, identifier: str) -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema
    assert schema["primaryIdentifier"] == [f"/properties/{identifier}"]


def test_a_workgroup_goes_although_somebody_asked_something(comprehensive: Assembly) -> None:
    workgroups = comprehensive.resources("AWS::Athena::WorkGroup").values()
    assert all(each["Properties"]["RecursiveDeleteOption"] for each in workgroups)
