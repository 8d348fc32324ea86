"""Entry point: one step of a training of the model of forecasts. Wiring only."""

from __future__ import annotations

import functools
import os
from typing import Any

import boto3

from duckdb_jobs import forecast_training
from duckdb_jobs.workspace import workspace
from lambdas.train_forecast.features_engine import FeatureLimits
from lambdas.train_forecast.service import Training
from lambdas.train_forecast.settings import Settings
from pipeline.aws_errors import retryable
from pipeline.environment import read_settings


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """`event`: {action, dataset}; for choose {execution, started, engine}, then {training}.

    With lay_out and laid_out comes {features}: the engine and why; with judge and publish {model}, by SageMaker.
    """
    settings = _settings()
    training = Training(
        s3=boto3.client("s3"),
        engine=forecast_training,
        environment=settings.environment,
        processed_bucket=settings.processed_bucket,
        curated_bucket=settings.curated_bucket,
        limits=FeatureLimits(
            spark_above_megabytes=settings.spark_above_megabytes,
            emr_above_megabytes=settings.emr_above_megabytes,
        ),
    )
    dataset = event["dataset"]
    with workspace() as folder:
        match event["action"]:
            case "choose":
                execution, engine = event["execution"], event["engine"]
                return training.choose(dataset, execution, event["started"], engine)
            case "lay_out":
                return training.lay_out(dataset, event["training"], event["features"], folder)
            case "laid_out":
                return training.laid_out(dataset, event["training"], event["features"])
            case "judge":
                return training.judge(dataset, event["training"], event["model"])
            case "publish":
                return training.publish(dataset, event["training"], event["model"])
            case unknown:
                raise ValueError(
                    f"action is {unknown!r}; expected choose, lay_out, laid_out, judge or publish"
                )


@functools.cache
def _settings() -> Settings:
    return read_settings(Settings, os.environ)
