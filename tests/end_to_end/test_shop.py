"""A shop's PostgreSQL, read while the shop writes to it, into the tables that people ask, under the deployed roles."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from contracts import model, naming
from local_cloud.postgres import Postgres, running
from slipway import __main__ as command_line
from slipway.acting import shop_story
from slipway.console import Stopwatch
from slipway.reading import ledgers
from tests.end_to_end.internal_database import ask
from tests.end_to_end.pipeline import DATASET, Pipeline
from tests.end_to_end.test_sources import until
from tests.shop_database import FIELDS, Shop, make_reader, shop

SOURCE, SECRET = "shop_orders", "slipway/shop_orders"
FIRST_ORDER = 773_000_001
LANDS_IN = naming.landing_folder(naming.source_partner(SOURCE), DATASET)


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with running() as server:
        make_reader(server)
        yield server


@pytest.fixture(scope="module")
def orders(database: Postgres, pipeline: Pipeline) -> Iterator[Shop]:
    """The shop's table as sources/shop_orders.yaml describes it, and the secret that says where it is."""
    secrets = pipeline.deployment.client("secretsmanager")
    with shop(database, "public") as made:
        secrets.create_secret(Name=SECRET, SecretString=made.secret())
        yield made
        secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)


def extract(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> str:
    """What `slipway source run` says in the end, once what it delivered is loaded."""
    assert command_line.main(["source", "run", SOURCE]) == 0
    said = capsys.readouterr().out
    until(lambda: {f.status for f in delivered(pipeline)} == {"loaded"}, "the file is loaded")
    return said


def delivered(pipeline: Pipeline) -> list[ledgers.FileFate]:
    files = ledgers.files(pipeline.deployment, DATASET)
    return [fate for fate in files if fate.landing_key.startswith(LANDS_IN)]


def in_the_lake(pipeline: Pipeline) -> list[tuple[str, ...]]:
    """Every order of the shop as the processed table has it, in the order of their numbers.

    Partners of other stories have orders among these numbers, too, so the files of the source are named.
    """
    files = ", ".join(f"'{fate.sha256}'" for fate in delivered(pipeline))
    columns = ", ".join(f"cast({column} as varchar)" for column in FIELDS)
    rows = pipeline.ask(
        f"select {columns} from processed.sales_records where order_id >= {FIRST_ORDER}"
        f" and order_id < {FIRST_ORDER + 1_000_000} and _source_sha256 in ({files}) order by order_id"
    )
    return [tuple(map(str, row)) for row in rows]


def in_the_shop(orders: Shop) -> list[tuple[str, ...]]:
    columns = ", ".join(f"{column}::text" for column in FIELDS.values())
    return [tuple(row) for row in orders.rows(f"select {columns} from {{orders}} order by id")]


def test_a_shop_that_keeps_writing_is_in_the_lake_row_for_row_and_to_the_cent(
    pipeline: Pipeline,
) -> None:
    ending = shop_story.tell(pipeline.deployment, Stopwatch(), orders=500, runs=2)
    assert ending.differences == ()
    [there, processed, curated, back] = [account.figures for account in ending.accounts]
    assert there == processed == curated == back
    assert there[0] > 500


@pytest.mark.usefixtures("orders")
def test_a_plan_says_what_the_next_extract_does_and_nothing_has_happened(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    before = len(delivered(pipeline))
    assert command_line.main(["source", "plan", SOURCE]) == 0
    shown = capsys.readouterr().out
    assert "changes of the table: none" in shown
    assert 'from "public"."orders"' in shown
    assert command_line.main(["source", "plan", SOURCE, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert f"slipway source run {SOURCE} --plan {plan['seal']}" in shown
    assert len(delivered(pipeline)) == before
    assert command_line.main(["source", "run", SOURCE, "--plan", "0" * 16]) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert f"which is plan {plan['seal']}; nothing was read" in told


def test_a_commit_that_comes_late_is_in_the_next_file(
    pipeline: Pipeline, orders: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    with orders.transaction() as late:
        orders.order(FIRST_ORDER, connection=late)
        orders.order(FIRST_ORDER + 1)
        assert "delivered: 1 records" in extract(pipeline, capsys)
        late.commit()
    orders.run("update {orders} set region = E'Nord \"1\", Süd' where id = %s", FIRST_ORDER + 1)
    extract(pipeline, capsys)
    assert in_the_lake(pipeline) == in_the_shop(orders)


def test_a_column_that_was_renamed_is_told_before_anything_is_delivered(
    pipeline: Pipeline, orders: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    before = len(delivered(pipeline))
    orders.run("alter table {orders} rename channel to sales_channel")
    assert command_line.main(["source", "plan", SOURCE]) == 1
    assert "breaking" in capsys.readouterr().out
    assert command_line.main(["source", "run", SOURCE]) == 1
    told = " ".join(capsys.readouterr().out.split())  # the console folds long lines
    assert "public.orders does not fit: it has no column 'channel'" in told
    assert len(delivered(pipeline)) == before


def in_the_database(pipeline: Pipeline, condition: str) -> list[tuple[str, ...]]:
    """Rows of schema silver, every column as text, in the order of their numbers."""
    names = [column.name for column in model.load(DATASET).stored_columns]
    columns = ", ".join(f"{name}::text" for name in names)
    query = f"select {columns} from silver.{DATASET} where {condition} order by order_id"
    return [tuple(map(str, row)) for row in ask(pipeline.deployment, query)]


def in_athena(pipeline: Pipeline, condition: str) -> list[tuple[str, ...]]:
    names = [column.name for column in model.load(DATASET).stored_columns]
    columns = ", ".join(f"cast({name} as varchar)" for name in names)
    query = f"select {columns} from processed.{DATASET} where {condition} order by order_id"
    return [tuple(map(str, row)) for row in pipeline.ask(query)]


def test_the_shop_is_back_in_a_database_row_for_row_and_a_retracted_file_is_not(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything that other stories loaded is there, too: the whole table, by Athena and by PostgreSQL."""
    there = in_the_database(pipeline, "true")
    assert there == in_athena(pipeline, "true")
    assert len(there) > 500
    [last] = sorted(delivered(pipeline), key=lambda fate: fate.received_at)[-1:]
    assert (
        command_line.main(["files", "retract", last.sha256, "--reason", "not ours", "--yes"]) == 0
    )
    said = capsys.readouterr().out
    shorter = in_the_database(pipeline, "true")
    assert shorter == in_athena(pipeline, "true")
    assert shorter != there, said


@pytest.mark.usefixtures("pipeline")
def test_a_write_back_by_hand_finds_that_nothing_is_missing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command_line.main(["database", "write", DATASET]) == 0
    assert "total_revenue" in capsys.readouterr().out
