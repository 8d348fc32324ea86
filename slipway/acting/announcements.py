"""Messages to people that could not be published: failed executions of announce.asl.json, which hold them as input.

Only failed ones are sent again: an execution that timed out or was stopped may have published already.
"""

from __future__ import annotations

import json
from typing import Any

from slipway.acting.dead_letters import Redriven
from slipway.deployment import Deployment
from slipway.reading import executions

LOST = "it is older than 14 days; its input has the text"


def untold(deployment: Deployment) -> list[dict[str, Any]]:
    """Failed executions as Step Functions describes them, oldest first."""
    failed = executions.executions(deployment, machine="announce", status="FAILED")
    found = (executions.describe(deployment, item["executionArn"]) for item in failed)
    return [item for item in found if item is not None]


def redrive(deployment: Deployment) -> Redriven:
    """Send each again. Step Functions takes an execution back for 14 days after its end.

    Source: Step Functions API reference, RedriveExecution; DescribeExecution, redriveStatus.
    """
    client, result = deployment.client("stepfunctions"), Redriven()
    for item in untold(deployment):
        if item.get("redriveStatus") == "NOT_REDRIVABLE":
            result.left.append((about(item), item.get("redriveStatusReason") or LOST))
            continue
        client.redrive_execution(executionArn=item["executionArn"])
        result.done.append(about(item))
    return result


def peek(deployment: Deployment) -> Redriven:
    """What they are about."""
    return Redriven(left=[(about(item), "not tried") for item in untold(deployment)])


def about(item: dict[str, Any]) -> str:
    """The subject of the message."""
    return str(json.loads(item.get("input") or "{}").get("subject", item["executionArn"]))
