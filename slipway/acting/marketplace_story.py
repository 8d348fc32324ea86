"""From a marketplace's database to its marts: six tables that keep changing, read three times, and compared each time.

The shop writes all the while, and one of its transactions is committed only after a later one was read. After each of
the source runs everybody who holds the tables is asked for every row (slipway.acting.marketplace_accounts).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contracts import marts, model, naming
from contracts.errors import PermanentError
from local_cloud.postgres import running
from sample_data import marketplace, marketplace_shop
from sample_data.marketplace import Row
from sample_data.marketplace_shop import Counter
from slipway.acting import marketplace_accounts, progress
from slipway.acting.marketplace_accounts import MartCompared, TableCompared
from slipway.acting.shop_database import ShopDatabase
from slipway.console import Stopwatch
from slipway.deployment import Deployment
from slipway.reading import executions, lake, ledgers, pii_key, sources
from sources.model import names as described_sources

FOLDER = Path("examples") / "marketplace"
SOURCES = {name: f"market_{name}" for name in marketplace.NAMES}
SECRET_NAME = "slipway/marketplace"  # noqa: S105 - the name of one
RUNS = 3
ROWS_OF_AN_ORDER = 4  # itself, two lines, a payment
PAUSE_SECONDS = 0.1  # between two customers
PATIENCE = 100  # times that a mart, which other runs hold, is asked again
BUSY_SECONDS = 2.0

# What the newest run of each dataset found; its table rules are about the whole table.
FINDINGS = """
    select '{dataset}' as dataset, rule_id, rows_failed, rows_checked
    from processed.{dataset}_quality
    where rows_failed > 0 and run_id = (select max(run_id) from processed.{dataset}_quality)
"""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Rows of a dataset that break a rule, and keep their place: rules of the example warn."""

    dataset: str
    rule_id: str
    rows_failed: int
    rows_checked: int


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What everybody said after a source run."""

    tables: tuple[TableCompared, ...]
    marts: tuple[MartCompared, ...]

    @property
    def differences(self) -> list[str]:
        """How they differ from the shop; empty when they do not."""
        of_tables = [difference for each in self.tables for difference in each.differences]
        return of_tables + [difference for each in self.marts for difference in each.differences]


@dataclass(kw_only=True)
class Story:
    """The shop, and the deployment that reads it."""

    deployment: Deployment
    watch: Stopwatch
    shop: ShopDatabase
    files: Path
    last: dict[str, list[Row]] = field(default_factory=dict)  # what the last source run read

    def tell(self, *, orders: int, seed: int) -> Compared:
        """Read the shop three times while it writes, the last time after it has closed; how the last one compares.

        Raises PermanentError with what differs after an earlier one.
        """
        with self.shop.connected() as connection, self.shop.connected() as asking:
            marketplace_shop.open_shop(connection, self.files)
            marketplace_shop.make_reader(connection, self.shop.server.password)
            marketplace_shop.order(connection, first=marketplace_shop.FIRST_ORDER, count=orders)
            books = marketplace_shop.books(asking, self.files)
            rows = sum(len(books.now(name)) for name in marketplace.NAMES)
            self.watch.say(f"a shop has opened; its PostgreSQL has six tables with {rows:,} rows")
            with self.shop.let_in(self.deployment, SECRET_NAME):
                with self.shop.writing(lambda own: Counter(own, seed=seed).step, PAUSE_SECONDS):
                    for number in range(1, RUNS):
                        self._round(books, number)
                self.watch.say("the shop has closed; everybody has committed")
                compared = self._compared(books, self._source_run(RUNS))
            if [name for name in marketplace.NAMES if books.now(name) != self.last[name]]:
                raise PermanentError("the last run did not read what the shop has now")
            return compared

    def _round(self, books: marketplace_shop.Books, number: int) -> None:
        """A source run under which a transaction stays open, and what comes of it."""
        order = marketplace_shop.LATE_ORDER + number - 1
        with self.shop.connected() as connection:
            with marketplace_shop.late(connection, order):
                self.watch.say(f"order {order} is written, and not committed yet")
                snapshots = self._source_run(number)
            self.watch.say(f"order {order} is committed, after later ones were read")
        compared = self._compared(books, snapshots)
        if any(row["id"] == str(order) for row in self.last["orders"]):
            raise PermanentError(f"order {order} was read before it was committed")
        _raise_on(compared.differences)

    def _source_run(self, number: int) -> dict[str, str]:
        """All six sources at once, until what they delivered is loaded; the snapshot that each of them read."""
        following = progress.begin(self.deployment, lambda _step: None)
        started = {
            name: executions.start_fetch(
                self.deployment, source, {"source": source, "dataset": name}
            )
            for name, source in SOURCES.items()
        }
        said = {name: self._fetched(name, arn) for name, arn in started.items()}
        records = {name: answer["records"] for name, answer in said.items()}
        changed = ", ".join(f"{count:,} {name}" for name, count in records.items())
        self.watch.say(f"source run {number}: {changed}")
        for name, answer in said.items():
            self._loaded(following, name, answer["detail"])
        self.watch.say("loaded; the marts follow by themselves, and once more by hand")
        return {name: self._snapshot(name) for name in SOURCES}

    def _fetched(self, name: str, arn: str) -> dict[str, Any]:
        ending = executions.wait(self.deployment, arn, lambda _step: None)
        if not ending.succeeded:
            source = SOURCES[name]
            raise PermanentError(f"a fetch of {source} failed: slipway source show {source}")
        return dict(ending.output["fetch"])

    def _loaded(self, following: progress.Watch, name: str, detail: str) -> None:
        keys = {part for part in detail.split("; ") if part.startswith(naming.LANDING_PREFIX)}
        outcome = progress.until_fates(following, dataset=name, awaited=keys, known=())
        if outcome.failed_executions:
            raise PermanentError(f"a run failed: {outcome.failed_executions[0]}; slipway runs list")
        _raise_on(
            [
                f"{fate.file_name} is {fate.status}: {fate.explanation}"
                for fate in ledgers.files(self.deployment, name)
                if fate.landing_key in keys and fate.status != "loaded"
            ]
        )

    def _snapshot(self, name: str) -> str:
        """What the source of a table read last, in the words of the database."""
        snapshots = sources.one(self.deployment, SOURCES[name]).fetches[0]["snapshots"]
        if len(snapshots) != 1:
            raise PermanentError(
                f"{SOURCES[name]} read {len(snapshots)} snapshots; fewer --rows are one"
            )
        return str(snapshots[0])

    def _compared(self, books: marketplace_shop.Books, snapshots: dict[str, str]) -> Compared:
        self.last = {name: books.seen_by(snapshots[name], name) for name in snapshots}
        key = pii_key.read(self.deployment)
        tables = tuple(
            marketplace_accounts.table(self.deployment, name, rows, key)
            for name, rows in self.last.items()
        )
        for name in marketplace.MARTS:
            _compute(self.deployment, name)
        computed = tuple(
            marketplace_accounts.mart(self.deployment, name, self.last)
            for name in marketplace.MARTS
        )
        compared = Compared(tables=tables, marts=computed)
        rows = sum(each.rows for each in tables)
        if not compared.differences:
            asked, holders = ", ".join(tables[0].asked), " and ".join(computed[0].asked)
            self.watch.say(
                f"{rows:,} rows: {asked}, and three marts in {holders}, say what the shop says"
            )
        return compared


def is_told_here() -> bool:
    """Whether this project has the six datasets, their sources and the three marts."""
    has = {*model.datasets(), *described_sources(), *marts.names()}
    return {*SOURCES, *SOURCES.values(), *marketplace.MARTS} <= has


def tell(
    deployment: Deployment, watch: Stopwatch, folder: Path, *, rows: int, seed: int
) -> Compared:
    """Open a shop with the files in `folder` and more orders, some `rows` in all, and read it into the marts.

    Raises PermanentError when a file or a mart meets another fate than it should, PostgresUnusable before `make setup`.
    """
    with running() as server:
        shop = ShopDatabase(server=server, reader=marketplace_shop.READER)
        story = Story(deployment=deployment, watch=watch, shop=shop, files=folder)
        return story.tell(orders=max(1, rows // ROWS_OF_AN_ORDER), seed=seed)


def findings(deployment: Deployment) -> list[Finding]:
    """What each dataset's newest run found wrong with its rows."""
    asked = " union all ".join(FINDINGS.format(dataset=name) for name in marketplace.NAMES)
    answer = lake.query(deployment, f"{asked} order by 1, 2")
    return [
        Finding(
            dataset=row.dataset,
            rule_id=row.rule_id,
            rows_failed=int(row.rows_failed),
            rows_checked=int(row.rows_checked),
        )
        for row in answer.itertuples(index=False)
    ]


def _compute(deployment: Deployment, mart: str) -> None:
    """One run of a mart over what is published now; others may hold it meanwhile."""
    for _ in range(PATIENCE):
        arn = executions.start(deployment, "mart", {"mart": mart})
        ending = executions.wait(deployment, arn, lambda _step: None)
        if not ending.succeeded:
            raise PermanentError(f"a run of {mart} failed: slipway mart show {mart}")
        if ending.output["status"] != "busy":
            return
        time.sleep(BUSY_SECONDS)
    raise PermanentError(f"{mart} was busy {PATIENCE} times: slipway mart show {mart}")


def _raise_on(problems: list[str]) -> None:
    if problems:
        raise PermanentError("\n".join(problems))
