"""Entry point: the task between loading and publishing."""

from __future__ import annotations

import functools
import os
from datetime import UTC, datetime
from typing import Any

import boto3

from contracts import model
from contracts.errors import QuarantineLimitExceeded, ReconciliationFailed
from lambdas.gate.aside import set_aside
from lambdas.gate.replacing import files_over, joined
from lambdas.gate.service import files_over_limit, reconcile
from lambdas.gate.settings import Settings
from pipeline import table_effects
from pipeline.aws_errors import retryable
from pipeline.environment import read_settings
from pipeline.ledger import FileLedger
from pipeline.logs import Log
from pipeline.run_documents import LoadResult, Manifest, store
from pipeline.table_effects import OF_OTHERS, Partners


@retryable
def handle(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """`event`: {dataset, run_id}. Raises ReconciliationFailed when the figures do not add up."""
    dataset, run_id = event["dataset"], event["run_id"]
    log = Log({"dataset": dataset, "run_id": run_id})
    bucket, s3 = _settings().processed_bucket, _s3()
    manifest = store.read(s3, Manifest, bucket=bucket, dataset=dataset, run_id=run_id)
    result = store.read(s3, LoadResult, bucket=bucket, dataset=dataset, run_id=run_id)
    contract, partners = model.load(dataset), Partners(files=_files(), dataset=dataset)
    effects = {file.sha256: file.effect for file in result.files}

    def of_others(sha256: str) -> int:
        return int(table_effects.kept(effects[sha256], sha256, partners).get(OF_OTHERS, 0))

    try:
        summary = reconcile(manifest, result, contract, of_others)
    except QuarantineLimitExceeded as failure:
        log.error("too many rows of a file are bad or replace others", detail=str(failure))
        over = joined(
            files_over_limit(manifest, result, contract),
            files_over(manifest, result, contract, of_others),
        )
        told = set_aside(_files(), manifest, result, over, now=datetime.now(UTC))
        raise QuarantineLimitExceeded("\n".join([str(failure), *told])) from failure
    except ReconciliationFailed as failure:
        log.error("the figures do not add up", detail=str(failure))
        raise
    table_effects.mark_replaced(_files(), manifest, result)
    log.info(
        "the figures add up",
        **{key: summary[key] for key in ("file_count", "rows_read", "rows_loaded")},
    )
    return summary


@functools.cache
def _settings() -> Settings:
    return read_settings(Settings, os.environ)


@functools.cache
def _s3() -> Any:
    return boto3.client("s3")


@functools.cache
def _files() -> FileLedger:
    return FileLedger(boto3.resource("dynamodb").Table(_settings().file_ledger))
