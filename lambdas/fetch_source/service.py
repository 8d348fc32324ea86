"""One call of a fetch, for the execution that it belongs to: begun, gone on with, ended once, or given up."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from contracts.errors import PermanentError
from lambdas.fetch_source.call import HOLD, Answer, Surroundings, answer
from lambdas.fetch_source.extract import TableCall
from lambdas.fetch_source.files import FilesCall
from lambdas.fetch_source.landing import Rows
from lambdas.fetch_source.pages import PagesCall
from lambdas.fetch_source.planning import plan
from pipeline.ledger.entries import new_run_id, timestamp
from sources.client import Client
from sources.fetches import Fetch, State
from sources.files import RemoteFiles
from sources.model import (
    BucketSource,
    ChangeColumn,
    HttpSource,
    PostgresSource,
    SftpSource,
    Source,
    Watermark,
)
from sources.plans import Plan, no_table
from sources.tables import RemoteTable


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call: the execution that a fetch belongs to, and from when it asks if not from the watermark.

    `accepts_deleted`: somebody has looked at how many rows of a table were deleted. `plan` is the seal of the plan that
    somebody has reviewed.
    """

    execution: str
    since: str | None
    accepts_deleted: bool = False
    plan: str | None = None


@dataclass(frozen=True, kw_only=True)
class FetchSource:
    """Fetches one source, which is asked by `client`."""

    around: Surroundings
    client: Client | RemoteFiles | RemoteTable

    def step(self, request: Request) -> Answer:
        """What the state machine decides by: `more` after `wait_seconds`, or how the fetch ended.

        Raises SourceFailed with the message for people, SourceBusy and errors of AWS for another try.
        """
        state = self.around.ledger.read()
        if state.last_execution == request.execution:
            return dict(state.last_answer)
        held = self._held(state, request)
        if held is None:
            return answer("busy", detail="a fetch of another execution is under way")
        try:
            return self._call(held).run()
        finally:
            self.client.close()

    def plan(self, request: Request) -> Plan:
        """What the next fetch would do. Nothing is written, and no row is read.

        Raises PermanentError for a source that is no table, SourceFailed and TryLater as a fetch does.
        """
        source, table = self.around.source, self.client
        if not isinstance(source, PostgresSource) or not isinstance(table, RemoteTable):
            raise no_table(source.name)
        state = self.around.ledger.read()
        with table.connect() as opened:
            since = self._since(state, request)
            return plan(source, self.around.contract, opened, state, since)

    def give_up(self, execution: str, detail: str) -> Fetch | None:
        """End the fetch of an execution that failed; None if it had none."""
        state = self.around.ledger.read()
        fetch = state.fetch
        if fetch is None or fetch.execution != execution:
            return None
        self._drop(fetch, detail)
        self.around.ledger.write(dataclasses.replace(state, fetch=None, held_until=""))
        return fetch

    def _call(self, held: State) -> PagesCall | FilesCall | TableCall:
        if isinstance(self.client, Client):
            rows = Rows(delimiter=self.around.contract.intake.delimiter)
            return PagesCall(around=self.around, state=held, client=self.client, rows=rows)
        if isinstance(self.client, RemoteTable):
            return TableCall(around=self.around, state=held, table=self.client)
        return FilesCall(around=self.around, state=held, remote=self.client)

    def _drop(self, fetch: Fetch, detail: str) -> None:
        """Write down that a fetch failed; what it had uploaded of a file is removed."""
        if upload := fetch.files.upload:
            self.around.landing.abort(upload.key, upload.upload_id)
        self.around.ledger.note(fetch, "failed", moment=self._moment, detail=detail)

    @property
    def _moment(self) -> str:
        return timestamp(self.around.now())

    def _held(self, state: State, request: Request) -> State | None:
        """The state with the fetch of this execution; None while that of another goes on."""
        moment, fetch = self._moment, state.fetch
        if fetch is not None and fetch.execution != request.execution:
            if moment < state.held_until:
                return None
            self._drop(fetch, "nobody went on with it")
            fetch = None
        if fetch is None:
            fetch = self._begun(state, request, moment)
            self.around.ledger.note(fetch, "running", moment=moment)
        held_until = timestamp(self.around.now() + HOLD)
        return self.around.ledger.write(
            dataclasses.replace(state, fetch=fetch, held_until=held_until)
        )

    def _begun(self, state: State, request: Request, moment: str) -> Fetch:
        if request.plan and not isinstance(self.around.source, PostgresSource):
            raise no_table(self.around.source.name)
        return Fetch(
            fetch_id=new_run_id(self.around.now()),
            execution=request.execution,
            started_at=moment,
            since=self._since(state, request),
            accepts_deleted=request.accepts_deleted,
            plan=request.plan,
        )

    def _since(self, state: State, request: Request) -> str | None:
        source = self.around.source
        watermark = _watermark_of(source)
        if watermark is None:
            if request.since:
                raise PermanentError(
                    f"source {source.name!r} has no watermark, so it cannot be asked since {request.since};"
                    " leave out --since"
                )
            return None
        if request.since or state.watermark is None:
            start = watermark.start if isinstance(watermark, Watermark) else None
            return request.since or start
        overlap = timedelta(minutes=watermark.overlap_minutes)
        return timestamp(datetime.fromisoformat(state.watermark) - overlap)


def _watermark_of(source: Source) -> Watermark | ChangeColumn | None:
    match source:
        case HttpSource():
            return source.http.watermark
        case PostgresSource():
            return source.postgres.watermark
        case BucketSource() | SftpSource():
            return None
        case _:
            assert_never(source)
