"""How old the data of a dataset is: the time since the end of the last load that succeeded and was not rolled back.

Without such a load, it is the time since the dataset was measured first, so that a new one is quiet until data is due.
Written as a log line from which CloudWatch takes the metric, so the function needs no permission to write metrics.
Source: CloudWatch user guide, "Specification: Embedded metric format".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO

from contracts.model import Contract
from pipeline.ledger import RunLedger, timestamp

NAMESPACE = "Slipway"
METRIC = "AgeHours"
MILLIS = 1000
SECONDS_PER_HOUR = 60 * 60


@dataclass(frozen=True, kw_only=True)
class MeasureFreshness:
    """Measures ages."""

    environment: str
    runs: RunLedger
    now: Callable[[], datetime]

    def measure(self, contracts: Iterable[Contract], out: TextIO) -> dict[str, float]:
        """Write a line for each dataset to `out`: the hours by dataset.

        Hours of days on which its contract expects no file do not count.
        """
        moment = self.now()
        ages = {contract.dataset: self._age_hours(contract, moment) for contract in contracts}
        for dataset, age in ages.items():
            out.write(json.dumps(self._line(dataset, age, moment)) + "\n")
        return ages

    def _age_hours(self, contract: Contract, moment: datetime) -> float:
        loads = (run for run in self.runs.newest_first(contract.dataset) if run["mode"] == "load")
        last = next((run for run in loads if run["status"] == "succeeded"), None)
        since = datetime.fromisoformat(
            last["ended_at"]
            if last
            else self.runs.first_seen(contract.dataset, moment=timestamp(moment))
        )
        quiet = contract.days_without_files.hours_between(since, moment)
        return round((moment - since).total_seconds() / SECONDS_PER_HOUR - quiet, 3)

    def _line(self, dataset: str, age: float, moment: datetime) -> dict[str, object]:
        metric = {
            "Namespace": NAMESPACE,
            "Dimensions": [["Environment", "Dataset"]],
            "Metrics": [{"Name": METRIC, "Unit": "None"}],
        }
        return {
            "_aws": {"Timestamp": int(moment.timestamp() * MILLIS), "CloudWatchMetrics": [metric]},
            "Environment": self.environment,
            "Dataset": dataset,
            METRIC: age,
        }
