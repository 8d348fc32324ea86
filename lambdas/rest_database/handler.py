"""Entry point: Resume and Pause of the state machine write_back, and the sweep of a rule. Wiring only."""

from __future__ import annotations

import dataclasses
import functools
import os
import time
from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config

from contracts.errors import PermanentError
from lambdas.rest_database.instances import RdsInstance
from lambdas.rest_database.service import STORE, RestDatabase, Rested
from lambdas.rest_database.settings import Settings
from pipeline.aws_errors import retryable
from pipeline.environment import read_settings
from pipeline.logs import Log
from pipeline.store_leases import StoreLeases

AWAKE_FOR_NOBODY = "the database is awake and nobody holds it"  # counted by stacks/monitoring.py
# Once: see RdsInstance. All calls of one invocation fit into the time limit of the function.
ONE_ATTEMPT = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=15)


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """`event`: {action: resume, owner, since}, {action: pause, owner} or {action: sweep}. The answer says how it is.

    Raises StoreAsleep, PermanentError, or RetryableError.
    """
    service, action = _service(), event["action"]
    if action == "resume":
        since = datetime.fromisoformat(event["since"]).timestamp()
        return dataclasses.asdict(service.resume(event["owner"], since=since))
    if action == "pause":
        return dataclasses.asdict(service.pause(event["owner"]))
    if action == "sweep":
        return _told(service.sweep())
    raise PermanentError(f"action is {action!r}; it must be resume, pause or sweep")


def _told(rested: Rested) -> dict[str, Any]:
    answer = dataclasses.asdict(rested)
    if rested.is_awake_for_nobody:
        Log().warning(AWAKE_FOR_NOBODY, **answer)
    return answer


@functools.cache
def _service() -> RestDatabase:
    settings = read_settings(Settings, os.environ)
    table = boto3.resource("dynamodb").Table(settings.run_ledger)
    client = boto3.client("rds", config=ONE_ATTEMPT)
    return RestDatabase(
        leases=StoreLeases(table=table, store=STORE),
        instance=RdsInstance(client=client, name=settings.database_instance),
        clock=time.time,
    )
