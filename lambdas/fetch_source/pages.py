"""One call of a fetch from an API: pages are taken until all are there, the time is up, or it asks for patience.

Each write of the ledger holds the next position together with the parts that hold the rows before it. So a call that
is killed loses what came since then, and the next one asks for it again: no page is lost, none counts twice. The
watermark moves only after the file is in landing.
"""

from __future__ import annotations

import dataclasses
import secrets
from dataclasses import dataclass
from datetime import timedelta

from contracts import naming
from lambdas.fetch_source.call import Answer, Call
from lambdas.fetch_source.landing import PART_BYTES, Rows
from pipeline.ledger.entries import timestamp
from sources.client import Client, Taken
from sources.errors import ListChanged, SourceFailed, TryLater
from sources.fetches import Fetch
from sources.paging import Seen

MOST_ATTEMPTS = 3  # to get a list that does not change meanwhile
CHANGED_WAIT_SECONDS = 60.0


@dataclass(kw_only=True)
class PagesCall(Call):
    """A call that takes pages of an API; `rows` are in no part yet."""

    client: Client
    rows: Rows

    def run(self) -> Answer:
        """Take pages, then deliver."""
        while not self.fetch.has_all_pages:
            if self.time_is_up():
                return self.later(0)
            try:
                taken = self.client.take(self.fetch, self.state)
            except TryLater as later:
                if (answer := self.patient(later)) is not None:
                    return answer
                continue
            if taken is None:
                return self.ended("unchanged", "the source says that nothing has changed")
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
            self.write()
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
            started_at=timestamp(self.around.now()),
            since=fetch.since,
            attempt=fetch.attempt + 1,
            requests=fetch.requests + 1,
            seen=Seen(),
        )
        return self.later(CHANGED_WAIT_SECONDS)

    def write(self, wait: timedelta = timedelta()) -> None:
        """Keep the rows so far in a part, and the position after them, in this order."""
        if self.rows.content:
            content = self.rows.taken()
            key = self._part_key()
            self.around.landing.keep(key, content)
            self.fetch = dataclasses.replace(
                self.fetch,
                parts=(*self.fetch.parts, key),
                size_bytes=self.fetch.size_bytes + len(content),
            )
        super().write(wait)

    def _part_key(self) -> str:
        """Never that of another call's part: a call that lost the fetch must not overwrite what the other wrote."""
        folder = f"{naming.FETCHING_PREFIX}{self.around.source.name}/{self.fetch.fetch_id}/"
        return f"{folder}{len(self.fetch.parts):05d}-{secrets.token_hex(4)}.csv"

    def _require_size(self) -> None:
        most = self.around.contract.intake.max_bytes
        if self.fetch.size_bytes + len(self.rows.content) > most:
            raise SourceFailed(
                f"there are more than the {most} bytes that the contract takes as one file; describe a watermark,"
                " or raise intake.maxBytes"
            )

    def _deliver(self) -> Answer:
        if not self.fetch.seen.records:
            return self.ended("empty", "the source has no records")
        self.write()
        key = self._landing_key()
        if not self.around.landing.was_delivered(key):
            self.around.landing.deliver(
                key, header=self._header(), parts=self.fetch.parts, metadata=self._metadata()
            )
        return self.ended("delivered", key)

    def _header(self) -> bytes:
        header = Rows(delimiter=self.around.contract.intake.delimiter)
        contract = self.around.contract
        header.add([[contract.column(name).source_name for name, _ in self.client.source.fields]])
        return header.taken()

    def _landing_key(self) -> str:
        suffix = plain_suffix(self.around.contract.intake.suffixes)
        name = self.client.source.name
        return f"{self.around.folder}{name}_{self.fetch.fetch_id}{suffix}"

    def _metadata(self) -> dict[str, str]:
        """Where the file came from, as metadata of the object: ASCII, without the parameters of the URL."""
        fetch = self.fetch
        return {
            "source": self.around.source.name,
            "fetched-from": self.client.url.partition("?")[0],
            "fetch-id": fetch.fetch_id,
            "fetch-started": fetch.started_at,
            "fetch-since": fetch.since or "",
            "fetch-pages": str(fetch.seen.pages),
            naming.RECORDS_METADATA: str(fetch.seen.records),
        }


def plain_suffix(suffixes: tuple[str, ...]) -> str:
    """The first suffix of a file that is not compressed; authoring requires that there is one."""
    return next(suffix for suffix in suffixes if not suffix.endswith(".gz"))
