"""A shop that keeps writing while its table is read into the lake: a real PostgreSQL, and a comparison in the end.

The comparison asks the shop and Athena, and shares no code with what reads or loads. Orders have a country of their
own, so that the story can be told in a deployment that has others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg

from contracts import model, naming
from contracts.errors import PermanentError
from local_cloud.postgres import running
from sample_data import shop
from slipway.acting import progress
from slipway.acting.shop_database import ShopDatabase
from slipway.console import Stopwatch
from slipway.deployment import Deployment
from slipway.reading import executions, internal_database, lake
from sources.model import PostgresSource, load

SOURCE, SCHEMA = "shop_orders", "public"
FIRST_ORDER, LATER_ORDER = 774_000_001, 774_500_001
DAY, DAYS = "2023-01-01", 730
PAUSE_SECONDS = 0.02  # between two writes of the clerk
MOST_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class Account:
    """What one of those who were asked says: orders, revenue, cost and profit."""

    label: str
    figures: tuple[int, Decimal, Decimal, Decimal]


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What was said in the end, and how it differs (empty when nothing does)."""

    accounts: tuple[Account, ...]
    differences: tuple[str, ...]


@dataclass(kw_only=True)
class Story:
    """The shop, and the deployment that reads it."""

    deployment: Deployment
    watch: Stopwatch
    shop: ShopDatabase
    source: PostgresSource

    def tell(self, *, orders: int, runs: int, seed: int) -> Ending:
        """Extract `runs` times, the last time after the shop has closed, and compare."""
        with self.shop.connected() as connection:
            shop.make_reader(connection, self.shop.server.password)
            shop.open_shop(connection, SCHEMA)
            shop.order(connection, SCHEMA, first=FIRST_ORDER, count=orders, day=DAY, days=DAYS)
            self.watch.say(f"a shop has opened with {orders:,} orders in its PostgreSQL")
            with self.shop.let_in(self.deployment, self.source.postgres.secret):
                with self._writing(seed):
                    for _ in range(runs - 1):
                        self.extract()
                self.watch.say("the shop has closed; everybody has committed")
                self.extract()
            return self._compared(connection)

    def extract(self) -> None:
        """One fetch, until what it delivered is loaded. Raises PermanentError when that fails."""
        following = progress.begin(self.deployment, lambda _step: None)
        request = {"source": SOURCE, "dataset": self.source.dataset}
        arn = executions.start_fetch(self.deployment, SOURCE, request)
        ending = executions.wait(self.deployment, arn, lambda _step: None)
        if not ending.succeeded:
            raise PermanentError(f"a fetch of {SOURCE} failed: slipway source show {SOURCE}")
        said = ending.output["fetch"]
        self.watch.say(f"extract: {said['status']}, {said['records']:,} orders")
        keys = {
            part for part in said["detail"].split("; ") if part.startswith(naming.LANDING_PREFIX)
        }
        if keys:
            progress.until_fates(following, dataset=self.source.dataset, awaited=keys, known=())
            self.watch.say("loaded")

    @contextmanager
    def _writing(self, seed: int) -> Iterator[None]:
        """A clerk takes orders and corrects them meanwhile, and commits some late."""
        with self.shop.connected() as connection:
            clerk = shop.Clerk(connection, SCHEMA, seed=seed, first=LATER_ORDER)
            with self.shop.writing(lambda _own: clerk.step, PAUSE_SECONDS):
                yield
            clerk.finish()

    def _compared(self, connection: psycopg.Connection[Any]) -> Ending:
        fields = self.source.fields
        theirs = ", ".join(f"{given}::text" for _, given in fields)
        there = connection.execute(f"select {theirs} from public.orders order by id").fetchall()  # noqa: S608 - names of the example
        ours = ", ".join(f"cast({column} as varchar)" for column, _ in fields)
        here = _rows(
            self.deployment,
            f"select {ours} from processed.{self.source.dataset} where country = '{shop.COUNTRY}'"  # noqa: S608 - the same
            " order by order_id",
        )
        accounts = (
            Account(label="the shop's own table", figures=_sums(there)),
            Account(label="processed, by Athena", figures=_sums(here)),
            self._curated(),
            *self._written_back(),
        )
        return Ending(accounts=accounts, differences=tuple(_differences(there, here, accounts)))

    def _written_back(self) -> Iterator[Account]:
        """The orders as the internal database has them, if there is one."""
        contract = model.load(self.source.dataset)
        if internal_database.holds(self.deployment, contract):
            money = "total_revenue, total_cost, total_profit"
            back = internal_database.rows(
                self.deployment, contract, money, f"country = '{shop.COUNTRY}'"
            )
            yield Account(label="silver, by PostgreSQL", figures=_sums(back))

    def _curated(self) -> Account:
        sums = "sum(orders), sum(revenue), sum(cost), sum(profit)"
        [(orders, *money)] = _rows(
            self.deployment,
            f"select {sums} from curated.sales_by_region_quarter where country = '{shop.COUNTRY}'",  # noqa: S608
        )
        revenue, cost, profit = map(Decimal, money)
        return Account(label="curated, by Athena", figures=(int(orders), revenue, cost, profit))


def tell(
    deployment: Deployment, watch: Stopwatch, *, orders: int, runs: int = 3, seed: int = 7
) -> Ending:
    """Open a shop, read it `runs` times while it writes, and compare it with the lake.

    Raises PermanentError when a fetch fails, PostgresUnusable before `make setup`.
    """
    source = load(SOURCE)
    if not isinstance(source, PostgresSource):
        raise PermanentError(f"source {SOURCE!r} is no table of a database; run `make contracts`")
    with running() as server:
        database = ShopDatabase(server=server, reader=shop.READER)
        story = Story(deployment=deployment, watch=watch, shop=database, source=source)
        return story.tell(orders=orders, runs=runs, seed=seed)


def _rows(deployment: Deployment, query: str) -> list[tuple[str, ...]]:
    answer = lake.query(deployment, query)
    return [tuple(map(str, row)) for row in answer.itertuples(index=False)]


def _sums(rows: list[tuple[str, ...]]) -> tuple[int, Decimal, Decimal, Decimal]:
    """Rows and the sums of their last three columns, which are money."""
    revenue, cost, profit = (
        sum((Decimal(row[at]) for row in rows), Decimal(0)) for at in (-3, -2, -1)
    )
    return len(rows), revenue, cost, profit


def _differences(
    there: list[tuple[str, ...]], here: list[tuple[str, ...]], accounts: tuple[Account, ...]
) -> Iterator[str]:
    for what, rows in (
        ("only in the shop", set(there) - set(here)),
        ("only in the lake", set(here) - set(there)),
    ):
        if rows:
            yield f"{len(rows)} rows are {what}, such as {sorted(rows)[:MOST_NAMED]}"
    if len({account.figures for account in accounts}) > 1:
        yield "; ".join(f"{each.label}: {each.figures}" for each in accounts)
