"""What tells that an environment costs more than it should: a budget of the month, and days that are unlike the others.

AWS writes the mails itself, without our topic: whether a budget may publish to an encrypted one could not be settled.
Both see costs hours late, and by tags that an administrator has activated as cost allocation tags: the budget by
`project` and `environment`, the monitor by `environment`. They tell, and stop nothing.
"""

from __future__ import annotations

import json

from aws_cdk import Stack
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_ce as ce

from contracts import naming
from stacks.settings import Costs, Settings

PERCENT_OF_BUDGET = 80  # of what was spent; the forecast and the whole are told as well
UNBLENDED = "UnblendedCost"  # what is on the bill; a filter expression needs a metric (CreateBudget, Metrics)


def guard_costs(stack: Stack, settings: Settings) -> None:
    """Add the guards that the settings ask for."""
    costs = settings.costs
    if costs.monthly_usd:
        _budget(stack, settings.environment, costs.monthly_usd, costs)
    if costs.anomaly_usd:
        _anomalies(stack, settings.environment, costs.anomaly_usd, costs)


def _budget(stack: Stack, environment: str, usd: int, costs: Costs) -> None:
    tagged = [
        budgets.CfnBudget.ExpressionProperty(
            tags=budgets.CfnBudget.TagValuesProperty(
                key=key, values=[value], match_options=["EQUALS"]
            )
        )
        for key, value in (("project", "slipway"), ("environment", environment))
    ]
    budgets.CfnBudget(
        stack,
        "MonthlyBudget",
        budget=budgets.CfnBudget.BudgetDataProperty(
            budget_name=naming.stack(environment, "Month"),
            budget_type="COST",
            time_unit="MONTHLY",
            budget_limit=budgets.CfnBudget.SpendProperty(amount=usd, unit="USD"),
            filter_expression=budgets.CfnBudget.ExpressionProperty(and_=tagged),
            metrics=[UNBLENDED],
        ),
        notifications_with_subscribers=[
            _notification(kind, percent, costs)
            for kind, percent in (
                ("ACTUAL", PERCENT_OF_BUDGET),
                ("ACTUAL", 100),
                ("FORECASTED", 100),
            )
        ],
    )


def _notification(
    kind: str, percent: int, costs: Costs
) -> budgets.CfnBudget.NotificationWithSubscribersProperty:
    return budgets.CfnBudget.NotificationWithSubscribersProperty(
        notification=budgets.CfnBudget.NotificationProperty(
            notification_type=kind,
            comparison_operator="GREATER_THAN",
            threshold=percent,
            threshold_type="PERCENTAGE",
        ),
        subscribers=[
            budgets.CfnBudget.SubscriberProperty(subscription_type="EMAIL", address=address)
            for address in costs.told
        ],
    )


def _anomalies(stack: Stack, environment: str, usd: int, costs: Costs) -> None:
    # A monitor of ours by tag: an account takes one by service, which others may want.
    monitor = ce.CfnAnomalyMonitor(
        stack,
        "CostMonitor",
        monitor_name=naming.stack(environment, "Costs"),
        monitor_type="CUSTOM",
        monitor_specification=json.dumps({"Tags": {"Key": "environment", "Values": [environment]}}),
    )
    impact = {
        "Key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
        "MatchOptions": ["GREATER_THAN_OR_EQUAL"],
        "Values": [str(usd)],
    }
    ce.CfnAnomalySubscription(
        stack,
        "CostAnomalies",
        subscription_name=naming.stack(environment, "Costs"),
        frequency="DAILY",  # mails; IMMEDIATE is for topics alone
        monitor_arn_list=[monitor.attr_monitor_arn],
        threshold_expression=json.dumps({"Dimensions": impact}),
        subscribers=[
            ce.CfnAnomalySubscription.SubscriberProperty(type="EMAIL", address=address)
            for address in costs.told
        ],
    )
