"""Every statement that the application sends to the warehouse runs on the embedded one: loads, comments, samples."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from sqlglot import exp

from contracts import model
from contracts.model import Column, CuratedModel
from contracts.warehouse import statements as warehouse
from contracts.warehouse.statements import TableLoad
from local_cloud.adapters.redshift import lake as redshift_lake
from local_cloud.adapters.redshift.engine import Engine, Session, User

ROOT = Path(__file__).resolve().parents[3]
BOSS = User(name="slipway_admin", number=100, superuser=True)
MONTHS = (dt.date(2026, 1, 1), dt.date(2026, 2, 1))
MODELS = [item for dataset in model.datasets() for item in warehouse.marked(model.load(dataset))]
SAMPLES = sorted((ROOT / "sql" / "redshift").glob("[!l]*/*.sql"))


def value(column: Column, of: CuratedModel, month: dt.date, number: int) -> Any:
    if column.name == of.period_column:
        return month
    if column.type.startswith("decimal"):
        return Decimal(number) * 100 + Decimal("0.01")
    known: dict[str, Any] = {
        "string": f"{column.name} {number}",
        "date": month,
        "boolean": True,
        "double": 0.5,
    }
    return known.get(column.type, number + 10 * month.month)  # no two months share a grain


class Lake:
    """What stands for the tables of the lake: rows by table, handed out whole."""

    def __init__(self) -> None:
        self.tables = {
            of.name: [self.row(of, month, n) for month in MONTHS for n in (1, 2)] for of in MODELS
        }

    @staticmethod
    def row(of: CuratedModel, month: dt.date, number: int) -> dict[str, Any]:
        return {column.name: value(column, of, month, number) for column in of.columns}

    def scan(self, name: str, _database: str, _table: exp.Table, **_: str) -> redshift_lake.Scan:
        rows = self.tables[name.partition(".")[2]]
        return redshift_lake.Scan(
            table=name, location="s3://lake", data=pa.Table.from_pylist(rows), files=1, bytes_read=1
        )


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> Lake:
    lake = Lake()
    monkeypatch.setattr(redshift_lake, "scan", lake.scan)
    return lake


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(
        file=tmp_path / "n.duckdb",
        endpoint="",
        default_role=lambda: "arn:role",
        user_arns=lambda: "arn:dbuser",
    )
    yield engine
    engine.stop()


def batch(engine: Engine, statements: list[str]) -> list[list[tuple[Any, ...]]]:
    """One transaction; the rows of each statement."""
    with engine.session(BOSS) as session:
        session.connection.execute("BEGIN")
        rows = [run(session, sql) for sql in statements]
        session.connection.execute("COMMIT")
    return rows


def run(session: Session, sql: str) -> list[tuple[Any, ...]]:
    return session.run(sql, {}, query_id=1, in_batch=True).rows


def load(of: CuratedModel, *months: dt.date, anew: bool = False) -> TableLoad:
    return TableLoad(
        model=of,
        mode="periods" if months else "everything",
        periods=tuple(month.isoformat() for month in months),
        anew=anew,
        snapshot_id=7_000_000_000_000_000_001,
    )


def test_there_are_tables_and_samples_to_try() -> None:
    assert MODELS
    assert SAMPLES


@pytest.mark.parametrize("of", MODELS, ids=lambda of: of.name)
def test_a_table_is_loaded_whole_then_by_period_then_anew(
    engine: Engine, lake: Lake, of: CuratedModel
) -> None:
    assert batch(engine, warehouse.preparation([of], "slipway_local_curated"))[-1] == []
    figures = batch(engine, warehouse.loading([of], [load(of)], "run-1"))[-1]
    assert {row[0] for row in figures} == {of.name}
    assert all(row[5] == row[6] for row in figures)  # lake and warehouse
    assert {row[4]: row[5] for row in figures}["rows"] == "4"
    batch(engine, warehouse.descriptions([of]))

    lake.tables[
        of.name
    ].pop()  # the lake lost a row of the second month and got another of the first
    lake.tables[of.name].append(Lake.row(of, MONTHS[0], 9))
    batch(engine, warehouse.loading([of], [load(of, *MONTHS)], "run-2"))
    batch(engine, warehouse.loading([of], [load(of, anew=True)], "run-3"))
    [[(table, snapshot, shape)]] = batch(
        engine, warehouse.preparation([of], "slipway_local_curated")[-1:]
    )
    assert (table, snapshot, shape) == (of.name, 7_000_000_000_000_000_001, warehouse.shape(of))


@pytest.mark.parametrize("of", MODELS, ids=lambda of: of.name)
def test_a_load_that_differs_from_the_lake_is_undone_and_says_by_how_much(
    engine: Engine, lake: Lake, of: CuratedModel
) -> None:
    batch(engine, warehouse.preparation([of], "slipway_local_curated"))
    batch(engine, warehouse.loading([of], [load(of)], "run-1"))
    lake.tables[of.name].append(Lake.row(of, MONTHS[0], 9))
    with pytest.raises(duckdb.ConstraintException, match=r"NOT NULL.*equal_to_lake"):
        batch(
            engine, warehouse.loading([of], [load(of, MONTHS[1])], "run-2")
        )  # the change is in another month
    [found] = batch(engine, [warehouse.difference(of, [MONTHS[1].isoformat()])])
    assert ("rows", "5", "4") in found
    batch(engine, [warehouse.refusal(of, "run-2")])
    [[(_, snapshot, _)]] = batch(engine, warehouse.preparation([of], "slipway_local_curated")[-1:])
    assert snapshot is None


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
@pytest.mark.usefixtures("lake")
def test_a_sample_query_runs(engine: Engine, sample: Path) -> None:
    models = warehouse.marked(model.load(sample.parent.name))
    batch(engine, warehouse.preparation(models, "slipway_local_curated"))
    for of in models:
        batch(engine, warehouse.loading(models, [load(of)], "run-1"))
    [rows] = batch(engine, [sample.read_text("utf-8")])
    assert rows or "before" in sample.stem  # nothing is a year old here
