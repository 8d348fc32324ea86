"""No row is lost or doubled, in whatever order writers and extracts take their steps; obvious watermarks lose some."""

from __future__ import annotations

import pytest

from pipeline.ledger.entries import timestamp
from sources.database import client, watermarks
from sources.database.sessions import Session
from sources.tables import LowWatermark
from tests.shop_database import Shop
from tests.unit.sources.database.interleaving import difference, interleaving

SOME, MANY = range(24), range(1000, 1200)


def found(shop: Shop, seeds: range) -> str | None:
    """What differs after the first of these orders of steps that ends badly; None if none does."""
    for seed in seeds:
        with interleaving(shop, seed) as steps:
            steps.run()
            if what := difference(shop, steps):
                return f"seed {seed}: {what}"
    return None


def test_no_interleaving_loses_or_doubles_a_row(shop: Shop) -> None:
    assert found(shop, SOME) is None


@pytest.mark.deep
def test_many_interleavings_lose_or_double_no_row(shop: Shop) -> None:
    assert found(shop, MANY) is None


def newest_stamp(session: Session, _before: str | None) -> LowWatermark:
    """What most scripts do: on from the newest stamp that there is."""
    table = session.source.postgres.table
    [(newest,)] = session.connection.execute(f"select max(updated_at) from {table}").fetchall()  # type: ignore[arg-type]
    return LowWatermark(moment=timestamp(newest) if newest else None)


def test_the_newest_stamp_as_watermark_would_lose_rows(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "low_watermark", newest_stamp)
    assert found(shop, SOME) is not None


@pytest.mark.parametrize(
    ("query", "mutant"),
    [
        (
            "_BEGUN",
            "select min(xact_start), false from pg_stat_activity where backend_xid is not null",
        ),
        ("_PREPARED", "select gid, prepared from pg_prepared_xacts where false"),
    ],
)
def test_a_watermark_that_asks_only_those_who_have_written_would_lose_rows(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, query: str, mutant: str
) -> None:
    monkeypatch.setattr(watermarks, query, mutant)
    assert found(shop, SOME) is not None
