"""Which engine does the runs of a deployed pipeline from now on: the setting of ClaimBatch is changed where it runs.

One deployment so serves experiments and stories of both engines, and is not synthesized and deployed once for each.
"""

from __future__ import annotations

from typing import Any

from contracts import naming
from slipway.deployment import Deployment

OFF = {"DUCKDB_MAX_ROWS": "0", "DUCKDB_MAX_MEGABYTES": "0"}  # as duckdb.max_rows: 0 in the settings
STACK, FUNCTION = "Orchestration", "ClaimBatchFunction"


class Engines:
    """Switches a deployment between Spark only and the limits with which it was deployed."""

    def __init__(self, deployment: Deployment) -> None:
        self._functions: Any = deployment.client("lambda")
        listed = deployment.client("cloudformation").describe_stack_resources(
            StackName=naming.stack(deployment.environment, STACK)
        )
        (self._name,) = [
            item["PhysicalResourceId"]
            for item in listed["StackResources"]
            if item["LogicalResourceId"].startswith(FUNCTION)
            and item["ResourceType"] == "AWS::Lambda::Function"
        ]
        found = self._functions.get_function_configuration(FunctionName=self._name)
        self._as_deployed: dict[str, str] = found["Environment"]["Variables"]

    def spark_only(self) -> None:
        """Let Spark do every run."""
        self._set(self._as_deployed | OFF)

    def as_deployed(self) -> None:
        """Let DuckDB do the small runs again."""
        self._set(self._as_deployed)

    def _set(self, variables: dict[str, str]) -> None:
        self._functions.update_function_configuration(
            FunctionName=self._name, Environment={"Variables": variables}
        )
        self._functions.get_waiter("function_updated_v2").wait(FunctionName=self._name)
