"""The Sales Records contract on the committed samples: ten ways to break a row, and totals computed without Spark."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from contracts import model
from rows import table_definitions
from tests.spark.lake import Lake, counts

pytestmark = pytest.mark.push

SAMPLES = Path(__file__).parents[2] / "sample_data"
MONEY = ("Total Revenue", "Total Cost", "Total Profit")


def test_samples_load_to_the_cent_and_ten_broken_rows_have_ten_different_rules(lake: Lake) -> None:
    lake.contract = model.load("sales_records")
    names = ("sales_records_valid.csv", "sales_records_broken.csv")
    files = [
        lake.put((SAMPLES / name).read_bytes(), name, minute) for minute, name in enumerate(names)
    ]
    result = lake.load(*files)
    assert counts(result) == [(20, 20, 0, 0), (200, 190, 10, 0)]
    assert list(result["quarantine_by_rule"].values()) == [1] * 10
    refused = {
        number for (number,) in lake.rows(lake.quarantine, "_source_row", branch=result["branch"])
    }
    expected = {name: Decimal(0) for name in MONEY}
    for name in names:
        with (SAMPLES / name).open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=1):
                if name == names[0] or number not in refused:
                    expected = {
                        title: total + Decimal(row[title]) for title, total in expected.items()
                    }
    lake.curate()
    for curated in lake.contract.curated:
        table = lake.tables.read(table_definitions.curated(curated, lake.environment, None))
        (found,) = table.selectExpr("sum(revenue)", "sum(cost)", "sum(profit)").collect()
        assert list(found) == list(expected.values())
