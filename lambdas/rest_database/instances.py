"""An instance of RDS as RestDatabase knows it, asked by boto3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from contracts.errors import StoreAsleep
from pipeline import aws_errors

# Source: RDS API reference, StartDBInstance and StopDBInstance, errors.
WRONG_STATE, NO_ROOM = "InvalidDBInstanceState", "InsufficientDBInstanceCapacity"


@dataclass(frozen=True, kw_only=True)
class RdsInstance:
    """`client` must try each call once: a stop that is repeated later than the closing that allows it may hit a run."""

    client: Any
    name: str

    def status(self) -> str:
        """As RDS calls it."""
        [found] = self.client.describe_db_instances(DBInstanceIdentifier=self.name)["DBInstances"]
        return str(found["DBInstanceStatus"])

    def start(self) -> None:
        """Start it, if it is stopped. Raises StoreAsleep when AWS has no such machine at the moment."""
        try:
            self._change(self.client.start_db_instance)
        except ClientError as error:
            if aws_errors.code(error) == NO_ROOM:
                raise StoreAsleep(
                    f"AWS has no capacity to start the database {self.name} at the moment"
                ) from error
            raise

    def stop(self) -> None:
        """Stop it, if it is available."""
        self._change(self.client.stop_db_instance)

    def _change(self, call: Callable[..., object]) -> None:
        try:
            call(DBInstanceIdentifier=self.name)
        except ClientError as error:
            if aws_errors.code(error) != WRONG_STATE:
                raise
