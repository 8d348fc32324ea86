"""Care of tables, and what starts by itself: who may touch what, and when."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from stacks.settings import ENVIRONMENTS, load
from tests.infrastructure.support import ROOT, Assembly, actions_of, resources_of


def allowed(assembly: Assembly, stack: str, role: str) -> dict[str, set[str]]:
    """Resources by action, without the prefix of references between stacks."""
    found: dict[str, set[str]] = {}
    for statement in assembly.statements_of_role(stack, role):
        for action in actions_of(statement):
            found.setdefault(action, set()).update(resources_of(statement))
    return found


def places(resources: set[str]) -> set[str]:
    """`<Processed...>/runs/*` as `Processed/runs/*`."""
    return {
        re.sub(r"<.*?(Landing|Raw|Processed|Curated)[0-9A-F]{8}.*>", r"\1", resource)
        for resource in resources
    }


def test_care_reaches_tables_and_its_own_documents_and_nothing_else(prod: Assembly) -> None:
    role = allowed(prod, "Processing", "CareRole")
    tables = {"Processed/tables/*", "Curated/tables/*"}
    of_data = {
        action: {place for place in places(role[action]) if not place.startswith("arn:")}
        for action in role
    }
    assert of_data["s3:GetObject"] == {*tables, "Processed/runs/*"}
    assert of_data["s3:PutObject"] == {
        *tables,
        "Processed/runs/*/found.json*",
        "Processed/runs/*/care.json*",
    }
    assert of_data["s3:DeleteObject"] == {*tables, "Processed/runs/*/staged/*"}
    assert not any(
        "Raw" in r or "Landing" in r or "Originals" in r for found in role.values() for r in found
    )


def test_care_and_the_second_job_never_make_a_table_of_the_processed_zone(prod: Assembly) -> None:
    for role in ("CareRole", "ProcessedToCuratedRole"):
        created = allowed(prod, "Processing", role)["glue:CreateTable"]
        assert not any("slipway_prod_processed" in resource for resource in created), role


def test_quality_results_are_written_by_the_first_job_and_cared_for(prod: Assembly) -> None:
    for role, expected in {
        "RawToProcessedRole": True,
        "ProcessedToCuratedRole": False,
        "CareRole": True,
    }.items():
        tables = allowed(prod, "Processing", role)["glue:UpdateTable"]
        assert any(table.endswith("/sales_records_quality") for table in tables) is expected, role


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (
            "HoldDatasetRole",
            {"s3:PutObject", "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Query"},
        ),
        (
            "ReleaseDatasetRole",
            {
                *("s3:GetObject", "s3:ListBucket", "states:StartExecution"),
                *("dynamodb:Query", "dynamodb:DeleteItem"),
                "sqs:SendMessage",  # an event that it failed to handle, to where those are kept
            },
        ),
    ],
)
def test_functions_of_care_do_what_is_documented(
    prod: Assembly, role: str, expected: set[str]
) -> None:
    always = {
        *("logs:CreateLogStream", "logs:PutLogEvents", "dynamodb:GetItem", "dynamodb:UpdateItem"),
        *(
            "kms:Decrypt",
            "kms:GenerateDataKey",
            "kms:Encrypt",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
        ),
        *("kms:DescribeKey", "s3:AbortMultipartUpload"),
    }
    assert set(allowed(prod, "Orchestration", role)) - always == expected


def test_people_are_told_by_one_machine_alone(prod: Assembly) -> None:
    """Beside the rule for failed jobs."""
    telling = {
        (
            place.partition("/")[0],
            policy["Properties"]["Roles"][0]["Ref"].rstrip("0123456789ABCDEF"),
        )
        for place, policy in prod.resources("AWS::IAM::Policy").items()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "sns:Publish" in actions_of(statement)
    }
    assert telling == {("Alerts", "AnnounceRole"), ("Monitoring", "FailedJobsRole")}


def schedules(assembly: Assembly) -> dict[str, dict[str, Any]]:
    """Those of the orchestration stack; a source has its own, in test_sources.py."""
    return {
        place.partition("/")[2]: r["Properties"]
        for place, r in assembly.resources("AWS::Scheduler::Schedule").items()
        if place.startswith("Orchestration/")
    }


def test_runs_and_maintenance_start_by_themselves_unless_settings_say_never(
    comprehensive: Assembly,
) -> None:
    found = {
        name: (properties["ScheduleExpression"], json.loads(properties["Target"]["Input"]))
        for name, properties in schedules(comprehensive).items()
    }
    maintenance = {"trigger": "schedule", "mode": "maintenance"}
    assert found == {
        "ScheduleSalesRecords": (
            "cron(15 4 * * ? *)",
            {"dataset": "sales_records", "trigger": "schedule"},
        ),
        "MaintenanceSalesRecords": (
            "cron(15 23 ? * SAT *)",
            {"dataset": "sales_records", **maintenance},
        ),
        "MaintenanceTiny": ("cron(45 23 * * ? *)", {"dataset": "tiny", **maintenance}),
    }


def test_each_schedule_starts_its_machine_and_keeps_what_it_could_not(
    comprehensive: Assembly,
) -> None:
    for name, properties in schedules(comprehensive).items():
        machine = properties["Target"]["Arn"]["Ref"]
        assert machine.startswith(
            "DatasetRunMachine" if name.startswith("Schedule") else "DatasetCareMachine"
        )
        assert properties["ScheduleExpressionTimezone"] == "UTC"
        assert properties["Target"]["DeadLetterConfig"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_maintenance_has_ended_before_the_daily_run_begins(environment: str) -> None:
    settings = load(ROOT / "config", environment)
    of = settings.schedules
    if of.runs.default is None or of.maintenance.default is None:
        return
    minutes_between = (minute_of_day(of.runs.default) - minute_of_day(of.maintenance.default)) % (
        24 * 60
    )
    assert minutes_between > 2 * settings.glue.timeout_minutes


def minute_of_day(expression: str) -> int:
    minute, hour = expression.removeprefix("cron(").split()[:2]
    return int(hour) * 60 + int(minute)
