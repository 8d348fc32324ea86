"""What the tests of close_run and fail_run share: a run that has two files and the lock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts import model
from lambdas.close_run.comparison import Written
from lambdas.close_run.service import CloseRun
from lambdas.fail_run.service import FailRun
from pipeline.ledger import HELD_STATUS, file_entry
from pipeline.modes import RunMode
from pipeline.run_documents import CurateResult, JobResult, LoadResult, Manifest, serve_result
from tests import run_samples

DATASET, RUN = "sales_records", "20261120T120000-0a1b2c3d"
EARLIER = {"run_id": "earlier", "rows_loaded": 4, "rows_quarantined": 1, "rows_deduplicated": 0}
EXECUTION = "arn:aws:states:us-east-1:111122223333:execution:dataset-run:sales_records-abc"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MONEY = ("total_revenue", "total_cost", "total_profit")
JOBS = {"raw_to_processed": 194, "processed_to_curated": 120}
JOB_RESULTS = {
    name: JobResult(
        engine="spark", seconds=97, worker_seconds=seconds, size_bytes=4321, fallback=None
    )
    for name, seconds in JOBS.items()
}
REVENUE = {"lake": "14.50", "warehouse": "14.50"}
# What the step Serve gave: the answers of the machines, as docs/reference/run_documents.md has them.
SERVE: list[dict[str, Any]] = [
    {
        "served": "warehouse",
        "tables": [
            {
                "table": "by_item",
                "mode": "periods",
                "loaded_rows": 3,
                "rows": 9,
                "totals": {"revenue": REVENUE},
            },
            {"table": "by_region", "mode": "none", "loaded_rows": 0, "rows": 4, "totals": {}},
        ],
    },
    {"served": "dashboards", "data_sets": 2, "rows": 14},
]


def claim(account: Any, mode: RunMode = "load") -> Any:
    """The account, in which a run of `mode` has files a and b, and the lock; those of a backfill have a load."""
    held = HELD_STATUS.get(mode)
    hashes = ["a", "b"] if held else []
    for sha256 in hashes:
        entry = {
            "dataset": DATASET,
            "entry": file_entry(sha256),
            "sha256": sha256,
            "received_at": "2026-11-20T08",
        }
        names = {
            "file_name": f"{sha256}.csv",
            "landing_key": f"partners/acme/{DATASET}/{sha256}.csv",
        }
        load = {**EARLIER, "loads": [EARLIER]} if held == "loaded" else {}
        account.files().add({**entry, **names, **load, "status": held})
        account.files().claim(DATASET, sha256, RUN, held=held)
    account.runs().take_lock(DATASET, run_id=RUN, execution_arn=EXECUTION, expires_at=2_000_000_000)
    account.runs().start(
        DATASET,
        RUN,
        trigger="operator",
        execution_arn=EXECUTION,
        started_at="2026-11-20T12:00:00.000000Z",
        contract_version="1.0.0",
        file_hashes=hashes,
        mode=mode,
    )
    return account


@dataclass
class WrittenJson:
    """What the earlier steps of the run wrote down, as JSON that a test may change."""

    manifest: dict[str, Any]
    processed: dict[str, Any]
    curated: dict[str, Any]
    serve: list[dict[str, Any]] | None = None

    def read(self) -> Written:
        """As close_run reads it."""
        return Written(
            manifest=Manifest.from_json(self.manifest),
            processed=LoadResult.from_json(self.processed),
            curated=CurateResult.from_json(self.curated),
            serve=None if self.serve is None else [serve_result(answer) for answer in self.serve],
        )


def written(contract: model.Contract) -> WrittenJson:
    """Documents of the run that add up: 15 rows read, 14 loaded."""

    def done(sha256: str, loaded: int, quarantined: int) -> dict[str, Any]:
        counts = {
            "rows_read": loaded + quarantined,
            "rows_loaded": loaded,
            "rows_quarantined": quarantined,
        }
        amounts = {
            "read": f"{loaded}.50",
            "loaded": f"{loaded}.25",
            "quarantined": "0.25",
            "deduplicated": "0.00",
        }
        totals = {part: dict.fromkeys(MONEY, amount) for part, amount in amounts.items()}
        return {
            "sha256": sha256,
            "file_name": f"{sha256}.csv",
            **counts,
            "rows_deduplicated": 0,
            "totals": totals,
        }

    same = {"processed": "100.50", "curated": "100.500"}
    processed = run_samples.load_result(
        done("a", 9, 1),
        done("b", 5, 0),
        engine="spark 4.1.1",
        bytes_read=4321,
        snapshots={
            DATASET: {"before": 11, "after": 12},
            f"{DATASET}_quarantine": {"before": None, "after": 22},
        },
        row_rules=[{"rule_id": "r", "action": "warn", "rows_checked": 15, "rows_failed": 0}],
    )
    models = [
        run_samples.curated_table(
            wanted.name,
            periods=["2026-11-01"],
            rows=3,
            before=31,
            snapshot=32,
            totals={column: dict(same) for column, _ in wanted.conserves},
        )
        for wanted in contract.curated
    ]
    files = (
        run_samples.manifest_file("a", row_count=10),
        run_samples.manifest_file("b", row_count=5),
    )
    return WrittenJson(
        manifest=run_samples.manifest(*files),
        processed=processed,
        curated=run_samples.curate_result(*models),
    )


def closer(account: Any) -> CloseRun:
    return CloseRun(
        environment="dev",
        files=account.files(),
        runs=account.runs(),
        announcer=account.announcer(),
        prices=run_samples.PRICES,
        now=lambda: NOON + timedelta(seconds=90),
    )


def close(account: Any, documents: WrittenJson, contract: model.Contract) -> dict[str, Any]:
    return closer(account).close(
        DATASET, RUN, documents.read(), contract, worker_seconds=JOBS, jobs=JOB_RESULTS
    )


def failer(account: Any) -> FailRun:
    return FailRun(
        environment="dev",
        files=account.files(),
        runs=account.runs(),
        announcer=account.announcer(),
        prices=run_samples.PRICES,
        now=lambda: NOON + timedelta(seconds=90),
    )


def caught(account: Any, machine: str = "dataset_run") -> dict[str, Any]:
    """What the Catch of a state machine hands over after the first job failed."""
    event = account.event("caught_glue_failure")
    event["state"]["claim"]["run_id"] = RUN
    if machine == "dataset_care":
        event["state"]["hold"] = {"run_id": event["state"].pop("claim")["run_id"]}
        event["state"]["forecast_rollback"] = {}  # as NoForecastTakenBack leaves it
    return {**event, "machine": machine}
