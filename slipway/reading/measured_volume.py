"""The volume of the last 30 days, from the run ledger: runs, files, rows, bytes, and the seconds of each engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from pipeline.ledger import Item
from pricing.volume import DatasetVolume, Volume
from slipway.deployment import Deployment
from slipway.reading import ledgers

DAYS = 30


def last_month(deployment: Deployment) -> Volume:
    """The runs that ended in the last 30 days, by dataset; maintenance and failed runs count, they cost too."""
    since = datetime.now(UTC) - timedelta(days=DAYS)
    by_dataset = {
        contract.dataset: _ended_since(ledgers.runs(deployment, contract.dataset), since)
        for contract in ledgers.contracts_of(None)
    }
    return Volume(
        source=f"run ledger of {deployment.environment}, {DAYS} days",
        datasets={name: of_runs(runs) for name, runs in by_dataset.items() if runs},
    )


def of_runs(runs: Sequence[Item]) -> DatasetVolume:
    """Runs added up. What the buckets hold of a dataset is in no ledger."""
    return DatasetVolume(
        runs=Decimal(len(runs)),
        files=_sum(runs, "file_count"),
        rows=_sum(runs, "rows_read"),
        megabytes=_sum(runs, "bytes_read") / 1_000_000,
        stored_gigabytes=None,
        worker_seconds=_worker_seconds(runs),
    )


def _ended_since(runs: Iterable[Item], since: datetime) -> list[Item]:
    return [
        run
        for run in runs
        if "ended_at" in run and datetime.fromisoformat(str(run["ended_at"])) >= since
    ]


def _sum(runs: Iterable[Item], name: str) -> Decimal:
    return sum((Decimal(str(run.get(name) or 0)) for run in runs), Decimal(0))


def _worker_seconds(runs: Iterable[Item]) -> dict[str, Decimal]:
    """Seconds by engine; a job of which no engine is written down ran on Spark."""
    seconds: dict[str, Decimal] = {}
    for run in runs:
        engines = run.get("engines", {})
        for job, each in run.get("worker_seconds", {}).items():
            engine = str(engines.get(job, "spark"))
            seconds[engine] = seconds.get(engine, Decimal(0)) + Decimal(str(each))
    return seconds
