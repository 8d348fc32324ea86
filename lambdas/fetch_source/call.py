"""What one call of a fetch does whatever its source is: it writes down where it stands, waits, and ends the fetch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from contracts import naming
from contracts.model import Contract
from lambdas.fetch_source.landing import Landing
from pipeline.ledger.entries import timestamp
from pipeline.logs import Log
from sources.errors import SourceFailed, TryLater
from sources.fetches import Fetch, FetchLedger, State
from sources.model import Source

# What is left when a call stops taking pages or parts: the slowest request, a part, and the ledger.
RESERVE_MILLIS = 150_000
LONGEST_PAUSE_SECONDS = 20.0  # longer ones are waited for by the state machine, which costs nothing
MOST_WAIT_SECONDS = 3600.0
MOST_FAILURES = (
    8  # in a row: with doubling pauses some four minutes, more if the source asks for it
)
HOLD = timedelta(hours=1)  # a call, and the state machine's retries of it

Said = Literal["more", "delivered", "empty", "unchanged", "busy"]
Ended = Literal["delivered", "empty", "unchanged"]
Answer = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a call works with, besides what asks its source."""

    source: Source
    contract: Contract
    ledger: FetchLedger
    landing: Landing
    now: Callable[[], datetime]
    pause: Callable[[float], None]
    millis_left: Callable[[], float]

    @property
    def folder(self) -> str:
        """Where in landing the files of the source are delivered."""
        partner = naming.source_partner(self.source.name)
        return naming.landing_folder(partner, self.contract.intake.folder)


@dataclass(kw_only=True)
class Call:
    """What one call changes: the state as it was written last, and the fetch since."""

    around: Surroundings
    state: State

    def __post_init__(self) -> None:
        if self.state.fetch is None:
            raise TypeError("a call needs the fetch that it goes on with")
        self.fetch: Fetch = self.state.fetch
        self.log = Log({"source": self.around.source.name, "fetch_id": self.fetch.fetch_id})

    def time_is_up(self) -> bool:
        """Whether nothing more should be begun in this call."""
        return self.around.millis_left() < RESERVE_MILLIS

    def patient(self, later: TryLater) -> Answer | None:
        """Wait here if that is short, and go on; otherwise the answer that has the state machine wait."""
        failures = self.fetch.failures + 1
        self.fetch = dataclasses.replace(
            self.fetch, failures=failures, requests=self.fetch.requests + 1
        )
        if failures > MOST_FAILURES:
            raise SourceFailed(
                f"gave up after {failures} tries in a row; the last one: {later.reason}"
            )
        wait = float(2**failures) if later.seconds is None else later.seconds
        if wait > MOST_WAIT_SECONDS:
            raise SourceFailed(
                f"{later.reason}, and asks to wait {wait:.0f} s; at most {MOST_WAIT_SECONDS:.0f} s are waited for"
            )
        self.log.warning("asked again later", detail=later.reason, wait_seconds=wait)
        left = self.around.millis_left()
        if wait > LONGEST_PAUSE_SECONDS or left < RESERVE_MILLIS + wait * 1000:
            return self.later(wait)
        self.around.pause(wait)
        return None

    def later(self, wait_seconds: float) -> Answer:
        """The answer that has the fetch go on in another call."""
        self.write(timedelta(seconds=wait_seconds))
        self.log.info("goes on in another call", pages=self.fetch.seen.pages)
        return answer("more", wait_seconds, records=self.fetch.seen.records)

    def write(self, wait: timedelta = timedelta()) -> None:
        """Write down where the fetch stands. Raises SourceBusy if another call did."""
        held_until = timestamp(self.around.now() + HOLD + wait)
        self.state = self.around.ledger.write(
            dataclasses.replace(self.state, fetch=self.fetch, held_until=held_until)
        )

    def next_watermark(self) -> str | None:
        """What the next fetch asks from; None: everything."""
        return self.fetch.started_at

    def ended(self, how: Ended, detail: str) -> Answer:
        """The fetch is over: the next one asks from here."""
        moment, fetch = timestamp(self.around.now()), self.fetch
        self.around.ledger.note(fetch, how, moment=moment, detail=detail)
        said = answer(how, records=fetch.seen.records, detail=detail)
        # An answer that nothing has changed need not repeat them. Source: RFC 9110, 15.4.5.
        kept = self.state if how == "unchanged" else fetch
        self.around.ledger.write(
            dataclasses.replace(
                self.state,
                watermark=self.next_watermark(),
                etag=kept.etag,
                last_modified=kept.last_modified,
                fetch=None,
                held_until="",
                last_execution=fetch.execution,
                last_answer=said,
                keys=fetch.table.keys or self.state.keys,
            )
        )
        self.log.info(how, pages=fetch.seen.pages, records=fetch.seen.records, detail=detail)
        return said


def answer(status: Said, wait_seconds: float = 0, *, records: int = 0, detail: str = "") -> Answer:
    """What state_machines/source_fetch.asl.json reads. `records` is 0 where files are taken as they are."""
    return {
        "status": status,
        "wait_seconds": math.ceil(wait_seconds),
        "records": records,
        "detail": detail,
    }
