"""Entry point: the task between loading and publishing."""

from __future__ import annotations

import functools
import os
from typing import Any

import boto3

from contracts import documents, model, naming
from contracts.aws_errors import retryable
from contracts.errors import ReconciliationFailed
from contracts.logs import Log
from lambdas.gate.service import reconcile
from lambdas.gate.settings import Settings


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """`event`: {dataset, run_id}. Raises ReconciliationFailed when the figures do not add up."""
    dataset, run_id = event["dataset"], event["run_id"]
    log = Log({"dataset": dataset, "run_id": run_id})
    bucket, s3 = _bucket_and_client()
    manifest = documents.read_json(
        s3, bucket=bucket, key=naming.manifest_key(dataset, run_id), written_by="claim_batch"
    )
    result = documents.read_json(
        s3, bucket=bucket, key=naming.result_key(dataset, run_id, "raw_to_processed"), written_by="raw_to_processed"
    )
    try:
        summary = reconcile(manifest, result, model.load(dataset))
    except ReconciliationFailed as failure:
        log.error("the figures do not add up", detail=str(failure))
        raise
    log.info("the figures add up", **{key: summary[key] for key in ("file_count", "rows_read", "rows_loaded")})
    return summary


@functools.cache
def _bucket_and_client() -> tuple[str, Any]:
    return Settings.read(os.environ).processed_bucket, boto3.client("s3")
