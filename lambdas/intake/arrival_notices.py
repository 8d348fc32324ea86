"""People may be told of files that were taken: one message for those of a dataset that come close together.

Off unless the settings say how long to collect. A file joins its burst before its event is done with, and only once, so
an event that comes again tells nothing twice (pipeline/bursts.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from contracts.naming import partner_of
from pipeline.alerts import Announcer, arrivals_of
from pipeline.bursts import Bursts
from pipeline.ledger import Item


@dataclass(frozen=True, kw_only=True)
class ArrivalNotices:
    """Arranges that people are told of taken files; `collect_seconds` 0: nobody is."""

    environment: str
    collect_seconds: int
    bursts: Bursts
    announcer: Announcer

    def note(self, dataset: str, item: Item) -> None:
        """A file with this entry of the ledger was taken."""
        if not self.collect_seconds:
            return
        burst = self.bursts.join(
            arrivals_of(dataset), item["entry"], partner_of(item["landing_key"])
        )
        tell_at = datetime.now(UTC) + timedelta(seconds=self.collect_seconds)
        self.announcer.tell_of_burst(
            dataset, burst, digest="arrived", environment=self.environment, at=tell_at
        )
