"""The mart of the marketplace on DuckDB: what plain Python gives, from one cut, published whole or not at all."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from contracts import model
from contracts.authoring import compile_all
from contracts.authoring.marts.workspace import check
from contracts.errors import PermanentError, ReconciliationFailed
from contracts.marts import Mart, MartInput, MartRule
from duckdb_jobs.marts import DuckDbMarts
from rows import marts, table_definitions
from rows.cuts import InputMissing
from rows.marts import MartResult, MartRun
from rows.tables import Table
from sample_data import marketplace as sample
from sample_data.marketplace import Row
from tests.unit.duckdb_jobs.test_marketplace import (
    DATASETS,
    PUBLISHED,
    SECOND,
    Marketplace,
)

FOLDER = DATASETS.parent / "marts"
SALES = "marketplace_sales"


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Marketplace:
    """A lake in which nothing was loaded yet."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return Marketplace(tmp_path, contracts())


@pytest.fixture
def marketplace(empty: Marketplace) -> Marketplace:
    """The inputs of the sales, loaded, for a test that loads more."""
    return with_sales(empty)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Marketplace]:
    """The same for tests that load nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield with_sales(Marketplace(tmp_path_factory.mktemp("marketplace"), contracts()))


def with_sales(marketplace: Marketplace) -> Marketplace:
    for name in compiled()[SALES].datasets:
        marketplace.load(name)
    return marketplace


@functools.cache
def contracts() -> dict[str, model.Contract]:
    return {
        name: model.from_json(text, origin=name) for name, text in compile_all(DATASETS).items()
    }


@functools.cache
def compiled() -> dict[str, Mart]:
    """The marts of examples/marketplace, which have no mistakes."""
    problems, found = check(FOLDER, contracts().values())
    assert problems == []
    return found


@contextmanager
def at_work(
    marketplace: Marketplace, run_id: str, mart: Mart | None = None
) -> Iterator[MartRun[str]]:
    mart = mart or compiled()[SALES]
    with marketplace.lakes["orders"].opened() as (tables, _work):
        yield MartRun(
            mart=mart,
            run_id=run_id,
            table=table(mart.name),
            inputs={name: marketplace.lakes[name].processed for name in mart.datasets},
            tables=tables,
            engine=DuckDbMarts(tables.database),
        )


def run(
    marketplace: Marketplace,
    run_id: str = "m1",
    mart: Mart | None = None,
    after_cut: Callable[[], object] = lambda: None,
) -> MartResult:
    """A run of the mart; `after_cut` is what others do once its cut is taken."""
    with at_work(marketplace, run_id, mart) as work:
        ensure = work.tables.ensure

        def ensure_later(table: Table, *, may_evolve: bool) -> list[str]:
            after_cut()
            return ensure(table, may_evolve=may_evolve)

        work.tables.ensure = ensure_later  # type: ignore[method-assign]
        return marts.run(work)


def table(name: str) -> Table:
    return table_definitions.mart(compiled()[name], "test", None)


def rows(marketplace: Marketplace, name: str = SALES) -> list[tuple[Any, ...]]:
    columns = (each.name for each in compiled()[name].columns)
    return marketplace.lakes["orders"].rows(table(name), *columns)


def expected(items: list[Row]) -> list[tuple[str, ...]]:
    """The mart by plain Python over the published files."""
    return sample.sales({**PUBLISHED, "order_items": items})


# A line of an order that the shop corrected.
CHANGED: Row = {**PUBLISHED["order_items"][0], "total_price": "1.00", "quantity": "9"}


def deliver_changed(marketplace: Marketplace) -> None:
    """The first line again, with other values."""
    marketplace.load(
        "order_items",
        f"{','.join(CHANGED)}\n{','.join(CHANGED.values())}\n".encode(),
        run_id=SECOND,
    )


def as_text(found: list[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    return sorted(tuple(map(str, row)) for row in found)


def months(found: list[tuple[Any, ...]]) -> set[str]:
    return {row[0] for row in as_text(found)}


def test_a_mart_is_what_plain_python_makes_of_the_files_and_remembers_its_cut(
    loaded: Marketplace,
) -> None:
    result = run(loaded)
    items = PUBLISHED["order_items"]
    assert as_text(rows(loaded)) == expected(items)
    assert {str(month) for month in result.periods or ()} == months(rows(loaded))
    assert result.totals == {
        "sales": sum(Decimal(item["total_price"]) for item in items),
        "units": sum(int(item["quantity"]) for item in items),
    }
    assert result.rows == len(expected(items))
    with loaded.lakes["orders"].opened() as (tables, _work):
        memory = tables.last_properties(table(SALES), marts.CUT)
        inputs = compiled()[SALES].datasets
        heads = {name: tables.head(loaded.lakes[name].processed) for name in inputs}
    assert json.loads(memory[marts.CUT]) == heads
    again = run(loaded, "m2")
    assert (again.is_new, again.version, again.rows) == (False, result.version, result.rows)
    assert again.totals == result.totals
    of_a_run_that_died_after_publishing = run(loaded)
    assert of_a_run_that_died_after_publishing == replace(result, periods=None)


def test_a_later_delivery_changes_the_mart_at_its_next_run_and_only_the_months_it_concerns(
    marketplace: Marketplace,
) -> None:
    first = run(marketplace, after_cut=lambda: deliver_changed(marketplace))
    assert as_text(rows(marketplace)) == expected(PUBLISHED["order_items"])
    second = run(marketplace, "m2")
    assert as_text(rows(marketplace)) == expected([CHANGED, *PUBLISHED["order_items"][1:]])
    [order] = [o for o in PUBLISHED["orders"] if o["id"] == CHANGED["order_id"]]
    assert [str(month) for month in second.periods or ()] == [order["order_date"][:7] + "-01"]
    with marketplace.lakes["orders"].opened() as (tables, _work):
        assert first.version
        assert second.version
        changed = tables.changed_partitions(table(SALES), first.version, second.version)
    assert changed == list(second.periods or ())


def test_a_mart_goes_back_by_itself_or_with_its_inputs_and_forward_with_its_next_run(
    marketplace: Marketplace,
) -> None:
    items, orders = PUBLISHED["order_items"], marketplace.lakes["order_items"]
    first = run(marketplace)
    deliver_changed(marketplace)
    second = run(marketplace, "m2")
    assert first.version
    assert second.version
    with at_work(marketplace, "m3") as work:
        done = [marts.roll_back(work, undone=second.version) for _ in range(2)]
    assert {(each.version, each.rows) for each in done} == {(first.version, first.rows)}
    assert done[0].totals == first.totals
    assert done[0].cut == {name: each.version for name, each in first.cut.items()}
    assert as_text(rows(marketplace)) == expected(items)
    with (
        at_work(marketplace, "m4") as work,
        pytest.raises(
            PermanentError, match=f"no version before the published one; .* {first.version}"
        ),
    ):
        marts.roll_back(work, undone=first.version)
    assert run(marketplace, "m5").is_new
    assert as_text(rows(marketplace)) == expected([CHANGED, *items[1:]])
    with orders.opened() as (tables, _work):
        tables.roll_back(orders.processed, first.cut["order_items"].version)
    followed = run(marketplace, "m6")
    assert (followed.is_new, followed.periods) == (True, second.periods)
    assert as_text(rows(marketplace)) == expected(items)


def broken() -> Iterator[tuple[str, Mart]]:
    """What is told of each mart that must not be published."""
    sales = compiled()[SALES]
    lossy = sales.sql.replace("LEFT JOIN products", "INNER JOIN products")
    yield r"sales [0-9.]+, order_items\.total_price", replace(sales, sql=lossy)
    coarse = replace(sales, grain=("month_start", "product"))
    yield "share their month_start, product", coarse
    rule = MartRule(id="few", description="few units", expression="units < 3")
    yield r"rule few \(few units\): [0-9]+ rows break it", replace(sales, rules=(rule,))
    daily = sales.sql.replace("'month', orders", "'day', orders")
    yield "month_start is the first day of its month: ", replace(sales, sql=daily)
    nameless = sales.sql.replace("coalesce(products.name, '(unknown)')", "products.name")
    yield "product is never empty: [0-9]+ rows", replace(sales, sql=nameless)


def test_a_mart_that_breaks_what_it_declares_is_not_published(loaded: Marketplace) -> None:
    run(loaded)
    before = rows(loaded)
    for number, (message, mart) in enumerate(broken(), start=2):
        with pytest.raises(ReconciliationFailed, match=message):
            run(loaded, f"m{number}", mart)
    assert rows(loaded) == before


def test_a_line_whose_order_has_not_come_is_counted_and_finds_its_month_later(
    empty: Marketplace,
) -> None:
    first, *others = PUBLISHED["orders"]
    header = ",".join(first)
    lines = [",".join(row.values()) for row in others]
    empty.load("orders", "\n".join([header, *lines, ""]).encode())
    for name in ("users", "products", "order_items"):
        empty.load(name)
    run(empty)
    assert "1970-01-01" in months(rows(empty))
    late = "\n".join([header, ",".join(first.values()), ""]).encode()
    empty.load("orders", late, run_id=SECOND)
    run(empty, "m2")
    assert as_text(rows(empty)) == expected(PUBLISHED["order_items"])


def test_an_input_that_was_never_loaded_is_named(loaded: Marketplace) -> None:
    sales = compiled()[SALES]
    returns = MartInput(dataset="returns", columns=("id",))
    with pytest.raises(InputMissing, match="nothing was ever published of returns"):
        run(loaded, mart=replace(sales, inputs=(*sales.inputs, returns)))


@pytest.mark.parametrize("name", ["marketplace_payments", "marketplace_customers"])
def test_each_other_mart_is_what_plain_python_counts(empty: Marketplace, name: str) -> None:
    for dataset in compiled()[name].datasets:
        empty.load(dataset)
    run(empty, mart=compiled()[name])
    assert as_text(rows(empty, name)) == sample.MARTS[name](PUBLISHED)
