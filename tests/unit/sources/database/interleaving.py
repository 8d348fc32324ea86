"""Writers of a shop and extracts of it, step by step in an order drawn from a seed; what is lost or doubled in the end.

One process does all steps, so that a seed is always the same order. Each writer has rows of its own, since one that
waited for another's lock would wait for ever.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.shop_database import Shop, connect
from tests.unit.sources.database.reading import Extracts, nothing

WRITERS, STEPS = 3, 45
CLOCKS = ("now()", "clock_timestamp()")  # what applications stamp their rows with


@dataclass
class Writer:
    """One connection of the shop. `prepared` is the transaction that it has left prepared."""

    number: int
    shop: Shop
    connection: psycopg.Connection[Any]
    draw: random.Random
    begun: bool = False
    prepared: str | None = None
    rows: int = 0

    def step(self) -> None:
        """Something that an application might do next."""
        if self.prepared:
            self._end_prepared()
        elif not self.begun:
            self._run("begin")
            self.begun = True
        else:
            self.draw.choices(
                [
                    self._look,
                    self._insert,
                    self._update,
                    self._commit,
                    self._rollback,
                    self._prepare,
                ],
                [2, 4, 3, 4, 1, 1],
            )[0]()

    def finish(self) -> None:
        """Commit what is open."""
        if self.prepared:
            self._end_prepared()
        elif self.begun:
            self._commit()

    def _look(self) -> None:
        self._run("select 1")

    def _insert(self) -> None:
        self.rows += 1
        self._run("insert into {orders} (id) values (%s)", self.rows * WRITERS + self.number)

    def _update(self) -> None:
        self._run(
            "update {orders} set units = units + 1 where id = %s",
            self.draw.randint(1, self.rows or 1) * WRITERS + self.number,
        )

    def _commit(self) -> None:
        self._run("commit")
        self.begun = False

    def _rollback(self) -> None:
        self._run("rollback")
        self.begun = False

    def _prepare(self) -> None:
        self.prepared = f"{self.shop.schema}-{self.number}"
        self._run(f"prepare transaction '{self.prepared}'")
        self.begun = False

    def _end_prepared(self) -> None:
        self._run(f"commit prepared '{self.prepared}'")
        self.prepared = None

    def _run(self, query: str, *values: object) -> None:
        self.connection.execute(self.shop.sql(query), values or None)


@dataclass
class Interleaving:
    """All writers, and the extracts between and during their steps."""

    extracts: Extracts
    writers: list[Writer]
    draw: random.Random
    read: list[list[str]] = field(default_factory=list)

    def run(self) -> None:
        """Draw steps, then let everybody finish, and extract what is left."""
        for _ in range(STEPS):
            if self.draw.random() < 0.12:
                self._extract(self._some_writes)
            else:
                self._write()
        for writer in self.writers:
            writer.finish()
        self._extract(nothing)

    def _extract(self, meanwhile: Callable[[], None]) -> None:
        rows = self.extracts.extract(
            before_snapshot=meanwhile, in_snapshot=meanwhile, between_chunks=meanwhile
        )
        self.read.append([row[6] for row in rows])

    def _some_writes(self) -> None:
        for _ in range(self.draw.randrange(3)):
            self._write()

    def _write(self) -> None:
        self.draw.choice(self.writers).step()


@contextmanager
def interleaving(shop: Shop, seed: int) -> Iterator[Interleaving]:
    """An interleaving of a shop whose table is empty."""
    draw = random.Random(seed)
    clock = draw.choice(CLOCKS)
    shop.run("truncate {orders}")
    shop.run("alter table {orders} alter updated_at set default " + clock)
    shop.run(
        "create or replace function {schema}.touch() returns trigger language plpgsql as"
        f" $$ begin new.updated_at := {clock}; return new; end $$"
    )
    with ExitStack() as stack:
        writers = [
            Writer(number=n, shop=shop, connection=stack.enter_context(connect(shop.server)), draw=draw)
            for n in range(WRITERS)
        ]  # fmt: skip
        extracts = Extracts(shop=shop, source=shop.source(chunk_rows=draw.choice((2, 5, 1000))))
        try:
            yield Interleaving(extracts=extracts, writers=writers, draw=draw)
        finally:  # a prepared transaction would keep its locks for ever
            for writer in writers:
                writer.finish()


def difference(shop: Shop, done: Interleaving) -> str | None:
    """How what was read differs from the shop's table; None if it does not."""
    table = {str(key): str(units) for key, units in shop.rows("select id, units from {orders}")}
    merged = {key: row[8] for key, row in done.extracts.rows.items()}
    if lost := sorted(set(table) - set(merged), key=int):
        return f"lost: {lost}"
    if stale := sorted(key for key in table if table[key] != merged[key]):
        return f"not as they are now: {stale}"
    if doubled := [keys for keys in done.read if len(keys) != len(set(keys))]:
        return f"twice in one extract: {doubled}"
    return None
