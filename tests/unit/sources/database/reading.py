"""Extracts by the parts that read, without AWS: what is in the files, put together as the pipeline does, by key."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from contracts import model as contracts
from pipeline.ledger.entries import timestamp
from sources.database.client import opened
from sources.model import PostgresSource
from tests.shop_database import Shop

CONTRACT = contracts.load("sales_records")


def nothing() -> None:
    """Between two steps of an extract nobody does anything."""


@dataclass
class Extracts:
    """Extracts of a shop one after the other, each from the watermark of the one before."""

    shop: Shop
    source: PostgresSource
    watermark: str | None = None
    rows: dict[str, list[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def extract(
        self,
        *,
        before_snapshot: Callable[[], None] = nothing,
        in_snapshot: Callable[[], None] = nothing,
        between_chunks: Callable[[], None] = nothing,
    ) -> list[list[str]]:
        """The rows of one more extract, which take the place of those with the same key."""
        content = bytearray()
        overlap = (
            self.source.postgres.watermark.overlap_minutes if self.source.postgres.watermark else 0
        )
        with opened(self.source, CONTRACT, self.shop.secret(), needs_tls=False) as table:
            low = table.low_watermark(self.watermark)
            before_snapshot()
            with table.snapshot(earlier(self.watermark, overlap)) as snapshot:
                in_snapshot()
                piece = snapshot.read(None, content.extend)
                while piece.next is not None:
                    between_chunks()
                    piece = snapshot.read(piece.next, content.extend)
                notes = (*low.notes, *snapshot.notes)
        taken = list(csv.reader(io.StringIO(content.decode(), newline="")))
        key = [column for column, _ in self.source.fields].index("order_id")
        self.rows.update({row[key]: row for row in taken})
        self.watermark, self.notes = low.moment, notes
        return taken

    def ids(self) -> set[int]:
        """Keys of all rows that were ever read."""
        return {int(number) for number in self.rows}


def earlier(watermark: str | None, minutes: int) -> str | None:
    """Where an extract begins that follows the one that left this watermark."""
    if watermark is None:
        return None
    return timestamp(datetime.fromisoformat(watermark) - timedelta(minutes=minutes))
