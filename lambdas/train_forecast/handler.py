"""Entry point: one step of a training of the model of forecasts. Wiring only."""

from __future__ import annotations

import functools
import os
from typing import Any

import boto3

from duckdb_jobs import forecast_training
from duckdb_jobs.workspace import workspace
from lambdas.train_forecast.service import Training
from lambdas.train_forecast.settings import Settings
from pipeline.aws_errors import retryable
from pipeline.environment import read_settings


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """`event`: {action, dataset}; for lay_out {execution, started}, then {training}; with what SageMaker wrote."""
    settings = _settings()
    training = Training(
        s3=boto3.client("s3"),
        engine=forecast_training,
        environment=settings.environment,
        processed_bucket=settings.processed_bucket,
        curated_bucket=settings.curated_bucket,
    )
    with workspace() as folder:
        match event["action"]:
            case "lay_out":
                dataset, execution = event["dataset"], event["execution"]
                return training.lay_out(dataset, execution, event["started"], folder)
            case "judge":
                return training.judge(event["dataset"], event["training"], event["model"])
            case "publish":
                return training.publish(event["dataset"], event["training"], event["model"])
            case unknown:
                raise ValueError(f"action is {unknown!r}; expected lay_out, judge or publish")


@functools.cache
def _settings() -> Settings:
    return read_settings(Settings, os.environ)
