"""Entry point: the tasks of the state machine warehouse_load."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Mapping
from typing import Any

import boto3

from contracts import marts, model
from contracts.errors import PermanentError
from contracts.model import CuratedModel
from contracts.warehouse import statements as warehouse
from lambdas.load_warehouse.data_api import DataApi
from lambdas.load_warehouse.decisions import Lake, of_care, of_mart, of_run
from lambdas.load_warehouse.service import LoadWarehouse
from lambdas.load_warehouse.settings import Settings
from pipeline.aws_errors import retryable
from pipeline.environment import read_settings
from pipeline.logs import Log
from pipeline.run_documents import CurateResult, MaintenanceResult, store

MART = "mart"  # caller of a load whose `dataset` is the name of a mart


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """`event`: {action, dataset, run_id, caller, ...} as docs/reference/warehouse.md says; so is the answer.

    Raises WarehouseLoadFailed, WarehouseConflict, or RetryableError for a call of AWS that may succeed later.
    """
    action, service = event["action"], _service(event)
    if action == "prepare":
        return service.prepare(event["attempt"])
    if action == "look":
        return service.look(event["statement"], functools.partial(_lake, event))
    if action == "load":
        return service.load(event["prepared"], _lake(event), event["attempt"])
    if action == "conclude":
        return service.conclude(event["loaded"]).to_json()
    if action == "cancel":
        return service.cancel(event["statement"])
    raise PermanentError(
        f"unknown action {action!r}; expected prepare, look, load, conclude or cancel"
    )


def _lake(event: Mapping[str, Any]) -> dict[str, Lake]:
    """What the run or the care did to the lake; nothing is known of it when somebody loads by hand."""
    dataset, run_id = event["dataset"], event.get("run_id")
    if event["caller"] == MART:
        return of_mart(dataset, event["lake"])
    if run_id is None:
        return {}
    s3, place = (
        _s3(),
        {"bucket": _settings().processed_bucket, "dataset": dataset, "run_id": run_id},
    )
    match event["caller"]:
        case "run":
            return of_run(store.read(s3, CurateResult, **place))
        case "care":
            return of_care(store.read(s3, MaintenanceResult, **place))
        case other:
            raise PermanentError(
                f"unknown caller {other!r} of run {run_id!r}; expected run, care or mart"
            )


def _models(name: str, caller: str) -> tuple[CuratedModel, ...]:
    """The marked tables of a dataset, or the mart of this name if it is marked."""
    if caller != MART:
        return warehouse.marked(model.load(name))
    mart = marts.as_curated(marts.load(name))
    return (mart,) if mart.warehouse else ()


def _service(event: Mapping[str, Any]) -> LoadWarehouse:
    settings, dataset, run_id = _settings(), event["dataset"], event.get("run_id")
    return LoadWarehouse(
        api=DataApi(
            client=_redshift(),
            workgroup=settings.warehouse_workgroup,
            database=settings.warehouse_database,
            secret_arn=settings.warehouse_secret_arn,
            sleep=time.sleep,
            clock=time.monotonic,
        ),
        owner=dataset,
        models=_models(dataset, event["caller"]),
        run_id=run_id,
        curated_database=settings.curated_database,
        log=Log({"dataset": dataset, "run_id": run_id}),
    )


@functools.cache
def _settings() -> Settings:
    return read_settings(Settings, os.environ)


@functools.cache
def _s3() -> Any:
    return boto3.client("s3")


@functools.cache
def _redshift() -> Any:
    return boto3.client("redshift-data")
