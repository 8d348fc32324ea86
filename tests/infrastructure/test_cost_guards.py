"""What AWS is asked to tell of costs, and that nothing is asked where the settings say so."""

from __future__ import annotations

import json

import pytest

from contracts.errors import ContractInvalid
from stacks.settings import load
from tests.infrastructure.support import Assembly
from tests.infrastructure.test_settings import Edit, edited  # noqa: F401 - a fixture

TOLD = [{"Address": "finance@example.com", "SubscriptionType": "EMAIL"}]


def only(assembly: Assembly, kind: str) -> dict[str, object]:
    [found] = assembly.resources(kind, "Monitoring").values()
    return dict(found["Properties"])


def test_a_budget_of_the_month_counts_this_environment_alone_and_tells_three_times(
    comprehensive: Assembly,
) -> None:
    budget = only(comprehensive, "AWS::Budgets::Budget")
    assert budget["Budget"] == {
        "BudgetName": "Slipway-Prod-Month",
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": 400, "Unit": "USD"},
        "FilterExpression": {
            "And": [
                {"Tags": {"Key": key, "Values": [value], "MatchOptions": ["EQUALS"]}}
                for key, value in (("project", "slipway"), ("environment", "prod"))
            ]
        },
        "Metrics": ["UnblendedCost"],
    }
    assert budget["NotificationsWithSubscribers"] == [
        {
            "Notification": {
                "NotificationType": kind,
                "ComparisonOperator": "GREATER_THAN",
                "Threshold": percent,
                "ThresholdType": "PERCENTAGE",
            },
            "Subscribers": TOLD,
        }
        for kind, percent in (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))
    ]


def test_an_unusual_day_of_this_environment_is_told_by_mail(comprehensive: Assembly) -> None:
    monitor = only(comprehensive, "AWS::CE::AnomalyMonitor")
    assert monitor["MonitorType"] == "CUSTOM"
    assert json.loads(str(monitor["MonitorSpecification"])) == {
        "Tags": {"Key": "environment", "Values": ["prod"]}
    }
    told = only(comprehensive, "AWS::CE::AnomalySubscription")
    assert told["Frequency"] == "DAILY"
    assert told["Subscribers"] == [{"Address": "finance@example.com", "Type": "EMAIL"}]
    threshold = json.loads(str(told["ThresholdExpression"]))["Dimensions"]
    assert (threshold["Key"], threshold["Values"]) == ("ANOMALY_TOTAL_IMPACT_ABSOLUTE", ["25"])


def test_as_shipped_nothing_is_guarded(prod: Assembly) -> None:
    for kind in ("AWS::Budgets::Budget", "AWS::CE::AnomalyMonitor", "AWS::CE::AnomalySubscription"):
        assert prod.resources(kind, "Monitoring") == {}


def test_an_amount_without_an_address_is_refused(edited: Edit) -> None:  # noqa: F811 - the fixture
    folder = edited(("told: [finance@example.com]", "told: []"))
    with pytest.raises(ContractInvalid, match="told is empty, so that nobody would hear of it"):
        load(folder, "prod")
