"""One call of a fetch: pages are taken until all are there, the time is up, or the source asks for patience.

Each write of the ledger holds the next position together with the parts that hold the rows before it. So a call that
is killed loses what came since then, and the next one asks for it again: no page is lost, none counts twice. The
watermark moves only after the file is in landing.
"""

from __future__ import annotations

import dataclasses
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from contracts import naming
from contracts.errors import PermanentError
from contracts.model import Contract
from lambdas.fetch_source.landing import PART_BYTES, Landing, Rows
from pipeline.ledger.entries import new_run_id, timestamp
from pipeline.logs import Log
from sources.client import Client, Taken
from sources.errors import ListChanged, SourceFailed, TryLater
from sources.fetches import Fetch, FetchLedger, State, Status
from sources.model import Source
from sources.paging import Seen

# What is left when a call stops taking pages: the slowest request, a part, and the ledger.
RESERVE_MILLIS = 150_000
LONGEST_PAUSE_SECONDS = 20.0  # longer ones are waited for by the state machine, which costs nothing
MOST_WAIT_SECONDS = 3600.0
MOST_FAILURES = (
    8  # in a row: with doubling pauses some four minutes, more if the source asks for it
)
MOST_ATTEMPTS = 3  # to get a list that does not change meanwhile
CHANGED_WAIT_SECONDS = 60.0
HOLD = timedelta(hours=1)  # a call, and the state machine's retries of it

Said = Literal["more", "delivered", "empty", "unchanged", "busy"]
Answer = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call: the execution that a fetch belongs to, and from when it asks if not from the watermark."""

    execution: str
    since: str | None


@dataclass(frozen=True, kw_only=True)
class FetchSource:
    """Fetches one source."""

    source: Source
    contract: Contract
    client: Client
    ledger: FetchLedger
    landing: Landing
    now: Callable[[], datetime]
    pause: Callable[[float], None]
    millis_left: Callable[[], float]

    def step(self, request: Request) -> Answer:
        """What the state machine decides by: `more` after `wait_seconds`, or how the fetch ended.

        Raises SourceFailed with the message for people, SourceBusy and errors of AWS for another try.
        """
        state = self.ledger.read()
        if state.last_execution == request.execution:
            return dict(state.last_answer)
        held = self._held(state, request)
        if held is None:
            return _answer("busy", detail="a fetch of another execution is under way")
        try:
            return _Call(parts=self, state=held, rows=Rows(delimiter=self._delimiter)).run()
        finally:
            self.client.close()

    def give_up(self, execution: str, detail: str) -> Fetch | None:
        """End the fetch of an execution that failed; None if it had none."""
        state = self.ledger.read()
        fetch = state.fetch
        if fetch is None or fetch.execution != execution:
            return None
        self.ledger.note(fetch, "failed", moment=timestamp(self.now()), detail=detail)
        self.ledger.write(dataclasses.replace(state, fetch=None, held_until=""))
        return fetch

    @property
    def _delimiter(self) -> str:
        return self.contract.intake.delimiter

    def _held(self, state: State, request: Request) -> State | None:
        """The state with the fetch of this execution; None while that of another goes on."""
        moment, fetch = timestamp(self.now()), state.fetch
        if fetch is not None and fetch.execution != request.execution:
            if moment < state.held_until:
                return None
            self.ledger.note(fetch, "failed", moment=moment, detail="nobody went on with it")
            fetch = None
        if fetch is None:
            fetch = self._begun(state, request, moment)
            self.ledger.note(fetch, "running", moment=moment)
        held_until = timestamp(self.now() + HOLD)
        return self.ledger.write(dataclasses.replace(state, fetch=fetch, held_until=held_until))

    def _begun(self, state: State, request: Request, moment: str) -> Fetch:
        return Fetch(
            fetch_id=new_run_id(self.now()),
            execution=request.execution,
            started_at=moment,
            since=self._since(state, request),
        )

    def _since(self, state: State, request: Request) -> str | None:
        watermark = self.source.http.watermark
        if watermark is None:
            if request.since:
                raise PermanentError(
                    f"source {self.source.name!r} has no watermark, so it cannot be asked since {request.since};"
                    " leave out --since"
                )
            return None
        if request.since or state.watermark is None:
            return request.since or watermark.start
        overlap = timedelta(minutes=watermark.overlap_minutes)
        return timestamp(datetime.fromisoformat(state.watermark) - overlap)


@dataclass(kw_only=True)
class _Call:
    """What one call changes: the state as it was written last, the fetch since, and rows that are in no part yet."""

    parts: FetchSource
    state: State
    rows: Rows

    def __post_init__(self) -> None:
        if self.state.fetch is None:
            raise TypeError("a call needs the fetch that it goes on with")
        self.fetch: Fetch = self.state.fetch
        self.log = Log({"source": self.parts.source.name, "fetch_id": self.fetch.fetch_id})

    def run(self) -> Answer:
        """Take pages, then deliver."""
        while not self.fetch.has_all_pages:
            if self.parts.millis_left() < RESERVE_MILLIS:
                return self._later(0)
            try:
                taken = self.parts.client.take(self.fetch, self.state)
            except TryLater as later:
                if (answer := self._patient(later)) is not None:
                    return answer
                continue
            if taken is None:
                return self._ended("unchanged", "the source says that nothing has changed")
            if (answer := self._take(taken)) is not None:
                return answer
        return self._deliver()

    def _take(self, taken: Taken) -> Answer | None:
        """Add a page; an answer if the fetch must begin anew."""
        if why := self._changed(taken):
            return self._again(why)
        self.rows.add(taken.page.rows)
        headers = taken.answer.headers
        first = self.fetch.seen.pages == 0
        self.fetch = dataclasses.replace(
            self.fetch,
            position=taken.next,
            has_all_pages=taken.next is None,
            seen=taken.seen,
            total=self.fetch.total if taken.page.total is None else taken.page.total,
            requests=self.fetch.requests + 1,
            failures=0,
            etag=headers.get("etag") if first else self.fetch.etag,
            last_modified=headers.get("last-modified") if first else self.fetch.last_modified,
        )
        self._require_size()
        if len(self.rows.content) >= PART_BYTES:
            self._write()
        return None

    def _changed(self, taken: Taken) -> str | None:
        """How the list changed while it was paged through, as far as its totals tell."""
        total, before = taken.page.total, self.fetch.total
        if total is not None and before is not None and total != before:
            return f"the source said {before} records and on page {taken.seen.pages} {total}"
        said = before if total is None else total
        if taken.next is None and said is not None and said != taken.seen.records:
            return f"the source said {said} records and gave {taken.seen.records}"
        return None

    def _again(self, why: str) -> Answer:
        fetch = self.fetch
        if fetch.attempt >= MOST_ATTEMPTS:
            raise ListChanged(
                f"{why}, in {MOST_ATTEMPTS} attempts; page by a cursor if the source has one, or fetch when it is quiet"
            )
        self.log.warning("the list changed; it is fetched anew", detail=why, attempt=fetch.attempt)
        self.rows.taken()
        self.fetch = Fetch(
            fetch_id=fetch.fetch_id,
            execution=fetch.execution,
            started_at=timestamp(self.parts.now()),
            since=fetch.since,
            attempt=fetch.attempt + 1,
            requests=fetch.requests + 1,
            seen=Seen(),
        )
        return self._later(CHANGED_WAIT_SECONDS)

    def _patient(self, later: TryLater) -> Answer | None:
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
        if wait > LONGEST_PAUSE_SECONDS or self.parts.millis_left() < RESERVE_MILLIS + wait * 1000:
            return self._later(wait)
        self.parts.pause(wait)
        return None

    def _later(self, wait_seconds: float) -> Answer:
        self._write(timedelta(seconds=wait_seconds))
        self.log.info("goes on in another call", pages=self.fetch.seen.pages)
        return _answer("more", wait_seconds, records=self.fetch.seen.records)

    def _write(self, wait: timedelta = timedelta()) -> None:
        """Keep the rows so far in a part, and the position after them, in this order."""
        if self.rows.content:
            content = self.rows.taken()
            key = self._part_key()
            self.parts.landing.keep(key, content)
            self.fetch = dataclasses.replace(
                self.fetch,
                parts=(*self.fetch.parts, key),
                size_bytes=self.fetch.size_bytes + len(content),
            )
        held_until = timestamp(self.parts.now() + HOLD + wait)
        self.state = self.parts.ledger.write(
            dataclasses.replace(self.state, fetch=self.fetch, held_until=held_until)
        )

    def _part_key(self) -> str:
        """Never that of another call's part: a call that lost the fetch must not overwrite what the other wrote."""
        folder = f"{naming.FETCHING_PREFIX}{self.parts.source.name}/{self.fetch.fetch_id}/"
        return f"{folder}{len(self.fetch.parts):05d}-{secrets.token_hex(4)}.csv"

    def _require_size(self) -> None:
        most = self.parts.contract.intake.max_bytes
        if self.fetch.size_bytes + len(self.rows.content) > most:
            raise SourceFailed(
                f"there are more than the {most} bytes that the contract takes as one file; describe a watermark,"
                " or raise intake.maxBytes"
            )

    def _deliver(self) -> Answer:
        if not self.fetch.seen.records:
            return self._ended("empty", "the source has no records")
        self._write()
        key = self._landing_key()
        if not self.parts.landing.was_delivered(key):
            self.parts.landing.deliver(
                key, header=self._header(), parts=self.fetch.parts, metadata=self._metadata()
            )
        return self._ended("delivered", key)

    def _ended(self, how: Literal["delivered", "empty", "unchanged"], detail: str) -> Answer:
        """The fetch is over: the next one asks from here."""
        status: Status = how
        moment, fetch = timestamp(self.parts.now()), self.fetch
        self.parts.ledger.note(fetch, status, moment=moment, detail=detail)
        answer = _answer(how, records=fetch.seen.records, detail=detail)
        # An answer that nothing has changed need not repeat them. Source: RFC 9110, 15.4.5.
        kept = self.state if how == "unchanged" else fetch
        self.parts.ledger.write(
            dataclasses.replace(
                self.state,
                watermark=fetch.started_at,
                etag=kept.etag,
                last_modified=kept.last_modified,
                fetch=None,
                held_until="",
                last_execution=fetch.execution,
                last_answer=answer,
            )
        )
        self.log.info(how, pages=fetch.seen.pages, records=fetch.seen.records, detail=detail)
        return answer

    def _header(self) -> bytes:
        header = Rows(delimiter=self.parts.contract.intake.delimiter)
        contract = self.parts.contract
        header.add([[contract.column(name).source_name for name, _ in self.parts.source.fields]])
        return header.taken()

    def _landing_key(self) -> str:
        source, intake = self.parts.source, self.parts.contract.intake
        folder = naming.landing_folder(naming.source_partner(source.name), intake.folder)
        return f"{folder}{source.name}_{self.fetch.fetch_id}{plain_suffix(intake.suffixes)}"

    def _metadata(self) -> dict[str, str]:
        """Where the file came from, as metadata of the object: ASCII, without the parameters of the URL."""
        fetch = self.fetch
        return {
            "source": self.parts.source.name,
            "fetched-from": self.parts.client.url.partition("?")[0],
            "fetch-id": fetch.fetch_id,
            "fetch-started": fetch.started_at,
            "fetch-since": fetch.since or "",
            "fetch-pages": str(fetch.seen.pages),
            "fetch-records": str(fetch.seen.records),
        }


def plain_suffix(suffixes: tuple[str, ...]) -> str:
    """The first suffix of a file that is not compressed; authoring requires that there is one."""
    return next(suffix for suffix in suffixes if not suffix.endswith(".gz"))


def _answer(status: Said, wait_seconds: float = 0, *, records: int = 0, detail: str = "") -> Answer:
    """What state_machines/source_fetch.asl.json reads."""
    return {
        "status": status,
        "wait_seconds": math.ceil(wait_seconds),
        "records": records,
        "detail": detail,
    }
