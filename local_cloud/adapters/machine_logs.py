"""A machine that logs needs a role that may set up its log delivery; otherwise no execution of it starts here.

On AWS such a machine cannot be created, but here stacks are deployed before policies are enforced, so the first task of
each execution finds out. Source: Step Functions developer guide, "Using CloudWatch Logs to log execution history",
IAM policies for logging.
"""

from __future__ import annotations

from typing import Any

from local_cloud.adapters import roles

DELIVERY = (
    *(
        "logs:CreateLogDelivery",
        "logs:GetLogDelivery",
        "logs:UpdateLogDelivery",
        "logs:DeleteLogDelivery",
    ),
    *(
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:DescribeResourcePolicies",
        "logs:DescribeLogGroups",
    ),
)
_seen: set[str] = set()


def require(execution: dict[str, Any], machine: dict[str, Any], session: roles.Session) -> None:
    """Once for each execution. Raises roles.AccessDenied."""
    arn = str(execution["executionArn"])
    logging = machine.get("loggingConfiguration") or {}
    if arn in _seen or str(logging.get("Level") or logging.get("level") or "OFF") == "OFF":
        return
    for action in DELIVERY:  # none of them has a resource type
        roles.require(session, action, "*")
    _seen.add(arn)
