"""One call of a fetch from a table: pieces are read until all are there, or the call's time is up.

Rows are kept in parts as pages of an API are; the ledger's write holds the position after them. All pieces of a call
are of one snapshot. The next call reads on in a later one: whoever changed a row meanwhile has a stamp after the
watermark, which was taken before the first piece, so the next extract reads it again. No row is lost between the two.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
from dataclasses import dataclass
from decimal import Decimal

from contracts import naming
from lambdas.fetch_source.call import Answer, Call
from lambdas.fetch_source.landing import PART_BYTES, Rows
from lambdas.fetch_source.pages import plain_suffix
from lambdas.fetch_source.planning import plan, require
from sources.errors import SourceFailed, TryLater
from sources.fetches import Fetch, TableSeen
from sources.keys import KeysRead, KnownKeys, Vanished
from sources.tables import OpenTable, Piece, RemoteTable, Snapshot

FULL_SHARE = 2  # a file is full at half of what the contract takes, since a piece more must fit in


@dataclass(kw_only=True)
class TableCall(Call):
    """A call that reads a table; `rows` are in no part yet, `parts` in none that the ledger knows."""

    table: RemoteTable
    rows: bytearray = dataclasses.field(default_factory=bytearray)
    parts: tuple[str, ...] = ()
    part_bytes: int = 0

    def run(self) -> Answer:
        """Read, and deliver what was read."""
        while True:
            try:
                return self._read()
            except TryLater as later:
                self._forget()
                if (answer := self.patient(later)) is not None:
                    return answer

    def _read(self) -> Answer:
        if not self.fetch.has_all_pages:
            with self.table.connect() as table:
                if not self.fetch.table.begun:
                    self._require_plan(table)
                    low = table.low_watermark(self.state.watermark)
                    self._seen(begun=True, next_watermark=low.moment, notes=low.notes)
                with table.snapshot(self.fetch.since) as snapshot:
                    if not self._pieces(snapshot):
                        return self.later(0)
        self._deliver()
        return self._end()

    def _require_plan(self, table: OpenTable) -> None:
        """Raises SourceFailed if somebody has reviewed another plan than this fetch would follow."""
        if self.fetch.plan:
            around, source = self.around, self.table.source
            found = plan(source, around.contract, table, self.state, self.fetch.since)
            require(self.fetch.plan, found)

    def _pieces(self, snapshot: Snapshot) -> bool:
        """Read pieces until the end of the table, which is True, or of this call's time."""
        self._note(snapshot.notes)
        self._seen(snapshots=(*self.fetch.table.snapshots, snapshot.identity))
        self._compare_keys(snapshot)
        while not self.fetch.has_all_pages:
            if self._is_full():
                self._deliver()
            if self.time_is_up():
                return False
            self._add(snapshot.read(self.fetch.position, self._take))
        return True

    def _compare_keys(self, snapshot: Snapshot) -> None:
        """Before a row is read: which rows are gone since the last extract that ended. Raises SourceFailed for many."""
        postgres, before = self.table.source.postgres, self.state.keys
        if postgres.max_deleted_share is None or self.fetch.table.keys is not None:
            return
        written = self.around.ledger.key_pieces(before)
        read = KeysRead(keep=written.keep, table=postgres.table)
        snapshot.keys(read.take)
        read.finish()
        written.flush()
        if before is not None:
            self._judge(read.missing(self.around.ledger.keys(before), before.rows), before)
        self._seen(
            keys=KnownKeys(
                fetch_id=self.fetch.fetch_id,
                generation=written.generation,
                pieces=written.pieces,
                rows=read.rows,
            )
        )
        self.write()

    def _judge(self, vanished: Vanished, before: KnownKeys) -> None:
        postgres = self.table.source.postgres
        if not vanished.rows:
            return
        named = "; ".join(vanished.named)
        told = (
            f"{vanished.rows:,} of the {vanished.known:,} rows that {postgres.table} had at fetch {before.fetch_id} are"
            f" gone, such as {named}"
        )
        if vanished.share > (postgres.max_deleted_share or 0.0) and not self.fetch.accepts_deleted:
            raise SourceFailed(
                f"{told}; more than postgres.maxDeletedShare, {postgres.max_deleted_share:.2%}, so nothing was read. If"
                f" the shop did delete them: slipway source run {self.around.source.name} --accept-deleted"
            )
        self._note((f"{told}; the tables keep them",))

    def _take(self, block: bytes) -> None:
        """Some bytes of rows. They are in no part of the file before their piece is whole."""
        if self.table.source.line_breaks == "keep" and b"\r" in block:
            raise SourceFailed(
                f"a text of {self.table.source.postgres.table} has a carriage return, which a file cannot hold; set"
                " lineBreaks to spaces"
            )
        self.rows += block
        if len(self.rows) >= PART_BYTES:
            self._keep()

    def _keep(self) -> None:
        key, content = self._part_key(), bytes(self.rows)
        self.around.landing.keep(key, content)
        self.rows.clear()
        self.parts, self.part_bytes = (*self.parts, key), self.part_bytes + len(content)

    def _add(self, piece: Piece) -> None:
        """A piece that is whole: its rows, figures and the position after it are written down together."""
        seen, before = self.fetch.seen, dict(self.fetch.table.totals)
        totals = {
            name: str(total + Decimal(before.get(name, 0))) for name, total in piece.totals.items()
        }
        self._seen(records=self.fetch.table.records + piece.records, totals=tuple(totals.items()))
        self.fetch = dataclasses.replace(
            self.fetch,
            position=piece.next,
            has_all_pages=piece.next is None,
            seen=dataclasses.replace(
                seen, pages=seen.pages + 1, records=seen.records + piece.records
            ),
            requests=self.fetch.requests + 1,
            failures=0,
        )
        self._require_size()
        if self.parts:
            self._write_down()

    def _write_down(self) -> None:
        if self.rows:
            self._keep()
        self.fetch = dataclasses.replace(
            self.fetch,
            parts=(*self.fetch.parts, *self.parts),
            size_bytes=self.fetch.size_bytes + self.part_bytes,
        )
        self.parts, self.part_bytes = (), 0
        self.write()

    def later(self, wait_seconds: float) -> Answer:
        """The answer that has the fetch go on in another call."""
        self._write_down()
        return super().later(wait_seconds)

    def _forget(self) -> None:
        """Go back to what was written down; what came since is read again."""
        self.rows.clear()
        self.parts, self.part_bytes = (), 0
        if self.state.fetch is not None:
            self.fetch = dataclasses.replace(self.state.fetch, failures=self.fetch.failures)

    def _seen(self, **changes: object) -> None:
        seen = dataclasses.replace(self.fetch.table, **changes)  # type: ignore[arg-type]  # names are those of TableSeen
        self.fetch = dataclasses.replace(self.fetch, table=seen)

    def _note(self, notes: tuple[str, ...]) -> None:
        known = self.fetch.table.notes
        self._seen(notes=(*known, *(note for note in notes if note not in known)))

    def _is_full(self) -> bool:
        return self._size() >= self.around.contract.intake.max_bytes // FULL_SHARE

    def _size(self) -> int:
        return self.fetch.size_bytes + self.part_bytes + len(self.rows)

    def _require_size(self) -> None:
        most = self.around.contract.intake.max_bytes
        if self._size() > most:
            raise SourceFailed(
                f"{self.table.source.postgres.chunk_rows} rows are more than the {most} bytes that the contract takes"
                " as one file; lower postgres.chunkRows, or raise intake.maxBytes"
            )

    def _deliver(self) -> None:
        """Put the file under way into landing, and begin the next one."""
        if not self.fetch.table.records:
            return
        self._write_down()
        key = self._landing_key()
        if not self.around.landing.was_delivered(key):
            self.around.landing.deliver(
                key, header=self._header(), parts=self.fetch.parts, metadata=self._metadata()
            )
        self._seen(records=0, totals=(), delivered=(*self.fetch.table.delivered, key))
        self.fetch = dataclasses.replace(self.fetch, parts=(), size_bytes=0)
        self.write()

    def _end(self) -> Answer:
        seen = self.fetch.table
        notes = [*seen.delivered, *(f"note: {note}" for note in seen.notes)]
        for note in seen.notes:
            self.log.warning("to be known of the table", detail=note)
        if seen.delivered:
            return self.ended("delivered", "; ".join(notes))
        return self.ended("empty", "; ".join(["nothing has changed", *notes]))

    def next_watermark(self) -> str | None:
        """Taken before the first piece; where a later --since left out changes it stays, so that nothing is skipped."""
        before, since = self.state.watermark, self.fetch.since
        skips = before is not None and since is not None and since > before
        return before if skips else self.fetch.table.next_watermark

    def _header(self) -> bytes:
        contract = self.around.contract
        header = Rows(delimiter=contract.intake.delimiter)
        header.add([[contract.column(name).source_name for name, _ in self.table.source.fields]])
        return header.taken()

    def _part_key(self) -> str:
        """Never that of another call's part: a call that lost the fetch must not overwrite what the other wrote."""
        folder = f"{naming.FETCHING_PREFIX}{self.around.source.name}/{self.fetch.fetch_id}/"
        number = len(self.fetch.parts) + len(self.parts)
        return f"{folder}{number:05d}-{secrets.token_hex(4)}.csv"

    def _landing_key(self) -> str:
        suffix = plain_suffix(self.around.contract.intake.suffixes)
        number = len(self.fetch.table.delivered) + 1
        part = f"_{number}" if number > 1 else ""
        return f"{self.around.folder}{self.around.source.name}_{self.fetch.fetch_id}{part}{suffix}"

    def _metadata(self) -> dict[str, str]:
        """Where the file came from and what the database said is in it, as metadata of the object: ASCII."""
        return metadata(self.fetch, self.table)


def metadata(fetch: Fetch, table: RemoteTable) -> dict[str, str]:
    """What goes with a file; `fetch-totals` is JSON, each total by its column of the contract."""
    seen: TableSeen = fetch.table
    return {
        "source": table.source.name,
        "fetched-from": table.source.url,
        "fetch-id": fetch.fetch_id,
        "fetch-started": fetch.started_at,
        "fetch-since": fetch.since or "",
        "fetch-pages": str(fetch.seen.pages),
        naming.RECORDS_METADATA: str(seen.records),
        naming.TOTALS_METADATA: json.dumps(dict(seen.totals)),
    }
