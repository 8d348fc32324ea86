"""The instance of the internal database of a deployment: its state at RDS, and the write-backs that hold it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lambdas.rest_database.service import STORE
from pipeline.store_leases import ENTRY
from slipway.deployment import Deployment
from slipway.reading import executions

PATIENCE_SECONDS = 420  # a closing takes 150 seconds, a look 20


def wait(until: Callable[[], bool], what: str) -> None:
    """Raises AssertionError, saying what did not come about."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not until():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


@dataclass(frozen=True)
class RestingDatabase:
    """`deployment` has one."""

    deployment: Deployment

    def status(self) -> str:
        """As RDS says it."""
        name = f"slipway-{self.deployment.environment}"
        found = self.deployment.client("rds").describe_db_instances(DBInstanceIdentifier=name)
        return str(found["DBInstances"][0]["DBInstanceStatus"])

    def becomes(self, status: str) -> None:
        """Wait for a state."""
        wait(lambda: self.status() == status, f"it is {self.status()}, not {status}")

    def started_by_aws(self) -> None:
        """As after seven days."""
        name = f"slipway-{self.deployment.environment}"
        self.deployment.client("rds").start_db_instance(DBInstanceIdentifier=name)
        self.becomes("available")

    def sweep(self) -> dict[str, Any]:
        """What the rule does every quarter of an hour."""
        answer = self.deployment.client("lambda").invoke(
            FunctionName=self.deployment.output("RestDatabaseFunctionName"),
            Payload=json.dumps({"action": "sweep"}),
        )
        assert not answer.get("FunctionError")
        swept: dict[str, Any] = json.loads(answer["Payload"].read())
        return swept

    def write(self, dataset: str) -> str:
        """Begin a write-back by hand."""
        return executions.start(self.deployment, "database", {"dataset": dataset})

    def state(self, execution: str) -> str:
        """The state in which an execution is, or which it entered last; empty before its first."""
        return next(
            (step.name for step in reversed(executions.steps(self.deployment, execution))), ""
        )

    def ended(self, execution: str) -> str:
        """How an execution ended; RUNNING until then."""
        found = self.deployment.client("stepfunctions").describe_execution(executionArn=execution)
        return str(found["status"])

    def let_end(self, owner: str) -> None:
        """The hold of an owner ends, as after two hours."""
        table = self.deployment.run_ledger
        item = table.get_item(Key={"dataset": STORE, "entry": ENTRY})["Item"]
        item["ends"][owner] = 1
        table.put_item(Item=item)
