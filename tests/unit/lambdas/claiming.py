"""What the tests of claiming share: the service over the account, requests, and files in the ledger."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from lambdas.claim_batch import requests
from lambdas.claim_batch.engines import EngineLimits, SmallBatch
from lambdas.claim_batch.resuming import Resumption
from lambdas.claim_batch.selection import Selector
from lambdas.claim_batch.service import ClaimBatch
from pipeline.ledger import file_entry
from pipeline.locking import DatasetLock

DATASET = "sales_records"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LEASE_SECONDS = 3600


def service(account: Any, *, at: datetime = NOON, max_files: int = 10) -> ClaimBatch:
    files, runs, s3 = account.files(), account.runs(), account.fused("s3")
    return ClaimBatch(
        lock=DatasetLock(files=files, runs=runs, lease_seconds=LEASE_SECONDS, now=lambda: at),
        engines=EngineLimits(small=SmallBatch(max_rows=0, max_megabytes=0)),
        selector=Selector(files=files, s3=s3, raw_bucket="raw", max_files=max_files),
        resumption=Resumption(runs=runs, s3=s3, processed_bucket="processed"),
        s3=s3,
        raw_bucket="raw",
        processed_bucket="processed",
    )


def request(execution: str = "one", **given: Any) -> requests.Request:
    """A request as the state machine hands it over."""
    return requests.parse(
        {
            "dataset": DATASET,
            "request": {"dataset": DATASET, "trigger": "file_arrived", **given},
            "execution_arn": f"arn:aws:states:::execution:m:{execution}",
        }
    )


def digest(name: str) -> str:
    """A hash that says which file it is of: the name, filled up with zeros."""
    return name.ljust(64, "0")


def wait(account: Any, *hashes: str, **more: Any) -> None:
    """Put waiting files into the ledger; the first is the oldest."""
    for position, sha256 in enumerate(hashes):
        account.files().add(
            {
                "dataset": DATASET,
                "entry": file_entry(sha256),
                "status": "waiting",
                "sha256": sha256,
                "file_name": f"{sha256}.csv",
                "landing_key": f"partners/acme/sales_records/{sha256}.csv",
                "raw_key": f"{DATASET}/ingest_date=2026-11-20/{sha256}/{sha256}.csv",
                "size_bytes": 10,
                "received_at": f"2026-11-20T08:00:0{position}.000000Z",
                "row_count": 3,
                "header": ["Region"],
                "has_quotes": False,
                **more,
            }
        )


def load(account: Any, *hashes: str, in_raw: bool = True) -> None:
    """Put loaded files into the ledger, and into raw."""
    wait(account, *hashes)
    for sha256 in hashes:
        account.files().claim(DATASET, sha256, "earlier")
        account.files().close(DATASET, sha256, "earlier", {"rows_loaded": 3})
        if in_raw:
            key = f"{DATASET}/ingest_date=2026-11-20/{sha256}/{sha256}.csv"
            account.s3.put_object(Bucket="raw", Key=key, Body=b"x")


def statuses(account: Any) -> dict[str, str]:
    return {item["sha256"]: item["status"] for item in account.entries().values()}


def manifest(account: Any, run_id: str) -> dict[str, Any]:
    return dict(json.loads(account.objects("processed")[f"runs/{DATASET}/{run_id}/manifest.json"]))


def run(account: Any, run_id: str) -> dict[str, Any]:
    return dict(account.entries("run_table")[f"{DATASET}/run#{run_id}"])
