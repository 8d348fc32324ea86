"""Superstore through both jobs: rows and money exact, reruns change nothing, aggregates and segments as counted.

The published file is used where it is there, else the generator's; expected figures come from plain Python
(tests.unit.sample_data.superstore_figures) over the same files. The view is run by DuckDB over what Spark published.
"""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from contracts import model, personal_data
from sample_data import superstore
from sample_data.superstore import MonthFile
from stacks.view_files import views_in
from tests.spark.lake import Lake, counts
from tests.unit.sample_data import superstore_figures
from tests.unit.sample_data.superstore_figures import REAL_FILE, ROOT, Line

pytestmark = pytest.mark.push

CONTRACT = model.load("superstore")
KEY = b"a key that nobody may ever see, at least 32 bytes"
FIRST, SECOND = (f"20240501T10000{n}-0000000{n}" for n in (1, 2))


def token(text: str) -> str:
    return personal_data.token(KEY, text)


@pytest.fixture
def store(lake: Lake) -> Lake:
    lake.contract, lake.pii_key = CONTRACT, KEY
    return lake


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[MonthFile]:
    return superstore.split(REAL_FILE, tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def lines(files: list[MonthFile]) -> list[Line]:
    return superstore_figures.read([file.path for file in files], token)


def joined(files: list[MonthFile], folder: Path) -> tuple[Path, Path]:
    """The months as two deliveries, so that a Spark run has two files to read and not 48."""
    half = len(files) // 2
    paths = (folder / "first.csv", folder / "second.csv")
    for path, of in zip(paths, (files[:half], files[half:]), strict=True):
        with path.open("w", encoding="utf-8-sig", newline="") as stream:
            writer = csv.DictWriter(stream, superstore.HEADER)
            writer.writeheader()
            writer.writerows(superstore_figures.records(file.path for file in of))
    return paths


def everything(store: Lake) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of processed and curated, without which run wrote it."""
    found = {
        curated.name: store.rows(
            store.curated(curated.name), *(column.name for column in curated.columns)
        )
        for curated in CONTRACT.curated
    }
    found["processed"] = store.rows(
        store.processed, *(column.name for column in CONTRACT.stored_columns)
    )
    return found


def by_duckdb(store: Lake) -> list[tuple[Any, ...]]:
    """The rows of the view over the published table, sorted, checked for the types that it declares."""
    (view,) = views_in(ROOT, "superstore", store.environment)
    table = store.tables.read(store.curated("superstore_customers_by_month")).toArrow()
    with duckdb.connect() as connection:
        connection.execute(f"CREATE SCHEMA {view.database}")
        connection.register("published", table)
        connection.execute(
            f"CREATE VIEW {view.database}.superstore_customers_by_month AS FROM published"
        )
        answer = connection.execute(view.sql)
        types = [(str(name), str(kind).lower()) for name, kind, *_ in answer.description or ()]
        expected = {"string": "varchar", "int": "integer"}
        assert types == [
            (column.name, expected.get(column.type, column.type)) for column in view.columns
        ]
        return sorted(answer.fetchall())


def knows_nobody(
    store: Lake, published: dict[str, list[tuple[Any, ...]]], files: list[MonthFile]
) -> None:
    """The tables hold tokens and first letters, and no postal code."""
    people = {
        (one["Customer ID"], one["Customer Name"])
        for one in superstore_figures.records([files[0].path])
    }
    held = {value for rows in published.values() for row in rows for value in row}
    assert {token(number) for number, _ in people} | {
        f"{name[:1]}***" for _, name in people
    } <= held
    assert not {text for person in people for text in person} & held
    assert "postal_code" not in store.tables.read(store.processed).columns


@pytest.mark.deep
def test_superstore_is_loaded_exactly_without_names_and_a_rerun_changes_nothing(
    store: Lake, files: list[MonthFile], lines: list[Line], tmp_path: Path
) -> None:
    paths = joined(files, tmp_path)
    batch = [store.put(path.read_bytes(), path.name, minute) for minute, path in enumerate(paths)]
    result = store.run(*batch, run_id=FIRST)

    half = sum(file.rows for file in files[: len(files) // 2])
    assert counts(result) == [(half, half, 0, 0), (len(lines) - half, len(lines) - half, 0, 0)]
    published = everything(store)
    sales, profit = superstore_figures.money(lines)
    assert len(published["processed"]) == len(lines)
    assert sum(row[-4] for row in published["processed"]) == sales
    assert sum(row[-1] for row in published["processed"]) == profit
    assert (len(lines), sales) == (519, Decimal("160484.4323"))
    warned = {
        rule["rule_id"]: rule["rows_failed"]
        for rule in result["row_rules"]
        if rule["action"] == "warn"
    }
    assert warned == {"sold_above_cost": 103}

    expected = superstore_figures.curated(lines)
    assert {name: rows for name, rows in published.items() if name != "processed"} == expected
    assert by_duckdb(store) == superstore_figures.customers(lines)
    knows_nobody(store, published, files)

    rerun = store.run(*batch, run_id=SECOND)
    assert [(read, refused) for read, _, refused, _ in counts(rerun)] == [
        (half, 0),
        (len(lines) - half, 0),
    ]
    assert everything(store) == published


REFUSED = {
    "profit_is_part_of_sales": {"Profit": "100000"},
    "product_belongs_to_category": {"Category": "Technology", "Product ID": "FUR-CH-10000454"},
    "shipped_on_or_after_order": {"Order Date": "1/2/2016", "Ship Date": "1/1/2016"},
    "sales.type": {"Sales": "1.23456"},
    "discount.maximum": {"Discount": "1.01"},
    "customer_id.pattern": {"Customer ID": "12520"},
}


def test_each_rule_refuses_its_row_and_shows_no_personal_data(store: Lake, tmp_path: Path) -> None:
    (month,) = superstore.generate(tmp_path, seed=9, months=1, rows=100)
    found = superstore_figures.records([month.path])
    for record, changes in zip(found, REFUSED.values(), strict=False):
        record.update(changes)
    (changed,) = superstore.write_months(tmp_path / "changed", found)
    result = store.load(store.put(changed.path.read_bytes()))
    rows = store.rows(
        store.quarantine, "_source_row", "rule_ids", "reasons", "raw_text", branch=result["branch"]
    )
    assert [rules for _, rules, *_ in rows] == [[rule] for rule in REFUSED]
    shown = repr(rows)
    for record in found[: len(REFUSED)]:
        assert record["Customer Name"] not in shown
        assert record["Customer ID"] not in shown
