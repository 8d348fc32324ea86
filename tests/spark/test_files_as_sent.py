"""Files as people really send them (tests/cases), in one load: intake, Spark, the export and a count of its own agree.

What each file must become is in the table below; the headers that intake refuses are in tests/unit/lambdas.
"""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from contracts import model, naming, records
from lambdas.intake.headers import HeaderRule
from lambdas.intake.inspection import inspect
from rows.expressions.values import QUOTED
from slipway.reading import independent_count
from tests.spark.lake import Lake, counts

pytestmark = pytest.mark.push

CASES = Path(__file__).parents[1] / "cases"
SALES = model.load("sales_records")
QUOTED_IN_22 = ["country.type", "item_type.type", "sales_channel.type", "order_priority.type"]
# rows, and the rules that the refused records break, by the number of the record
EXPECTED: dict[str, tuple[int, dict[int, list[str]]]] = {
    "07_number_spellings/c07_number_spellings.csv": (
        130,
        {
            4: ["total_revenue.type"],  # $1470.95
            11: ["total_revenue.type"],  # 1,391.86
            18: ["total_profit.type"],  # (7707.33)
            25: ["total_profit.type"],  # 4135.50-
            32: ["total_profit.type"],  # '-23985.90
            53: ["order_id.type"],  # 3.0007E+08
            60: ["order_date.type"],  # 45383
            67: ["total_revenue.type"],  # 10723.70000000002
            74: ["cost_is_units_times_cost"],  # .99 is read, and is not the cost of this item
            81: ["order_priority.allowed"],  # #N/A
        },
    ),
    "12_header_repeated/c12_header_repeated.csv": (61, {31: ["row.repeated_header"]}),
    "12_header_repeated/c12b_bom_mid_file.csv": (60, {}),
    "14_trailing_empty_columns/c14_trailing_empty_columns.csv": (12, {}),
    "17_trailing_delimiter/c17_trailing_delimiter.csv": (12, {}),
    "19_odd_blanks/c19_odd_blanks.csv": (40, {}),
    "22_space_before_quote/c22_space_before_quote.csv": (
        30,
        dict.fromkeys(range(1, 31), QUOTED_IN_22),
    ),
    "22_space_before_quote/c22b_space_quote_text_only.csv": (
        30,
        dict.fromkeys(range(1, 31), QUOTED_IN_22[:2]),
    ),
    "38_long_numbers/c38_long_numbers.csv": (40, {}),
}
NAMELESS = "14_trailing_empty_columns/c14_trailing_empty_columns.csv"


@pytest.fixture(scope="module")
def lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """All files, loaded and published by one run, with the headers that intake notes down."""
    environment = "assent"
    for zone in ("processed", "curated"):
        spark.sql(f"CREATE NAMESPACE glue_catalog.{naming.database(environment, zone)}")
    lake = Lake(
        spark=spark, folder=tmp_path_factory.mktemp("raw"), environment=environment, contract=SALES
    )
    files = []
    for minute, case in enumerate(EXPECTED):
        body = (CASES / case).read_bytes()
        found = inspect([body], HeaderRule(contract=SALES, change="evolve"), gzipped=False)
        files.append(
            {**lake.put(body, case.rpartition("/")[2], minute), "header": list(found.header)}
        )
    # A value without a name, which intake would refuse: the job does not drop it either.
    unnamed = (
        (CASES / NAMELESS)
        .read_text(encoding="utf-8")
        .replace(",,,\n", ",,x,\n")
        .replace(",30014", ",30914")
    )
    header, _, rest = unnamed.partition("\n")
    files.append(
        lake.put(f"{header.removesuffix(',,x,')},,,\n{rest}".encode(), "unnamed.csv", len(files))
    )
    lake.load(*files)
    lake.curate()
    return lake


def refused(lake: Lake, name: str) -> dict[int, dict[str, Any]]:
    """The refused records of a file by their number."""
    rows = lake.tables.read(lake.quarantine).where(f"_source_file = '{name}'").collect()
    return {row["_source_row"]: row.asDict() for row in rows}


def test_each_record_is_loaded_or_refused_for_exactly_its_reason(lake: Lake) -> None:
    (result,) = lake.results.values()
    assert counts(result)[:-1] == [
        (rows, rows - len(bad), len(bad), 0) for rows, bad in EXPECTED.values()
    ]
    for case, (_, bad) in EXPECTED.items():
        found = refused(lake, case.rpartition("/")[2])
        assert {row: record["rule_ids"] for row, record in found.items()} == bad, case


def test_the_money_that_was_read_is_what_an_independent_count_finds(lake: Lake) -> None:
    (result,) = lake.results.values()
    for case, file in zip(EXPECTED, result["files"], strict=False):
        expected = independent_count.delivered([CASES / case], SALES)
        assert {
            name: Decimal(total) for name, total in file["totals"]["read"].items()
        } == expected.totals, case
        assert file["rows_read"] == expected.rows


def test_a_refused_record_is_shown_as_the_export_reads_it(lake: Lake) -> None:
    for case, (_, bad) in EXPECTED.items():
        found = refused(lake, case.rpartition("/")[2])
        with (CASES / case).open("rb") as stream:
            exported = {
                n: values
                for n, values in records.read(stream, delimiter=",", gzipped=False)
                if n in bad
            }
        assert {
            n: next(csv.reader([record["raw_text"]])) for n, record in found.items()
        } == exported


def test_one_country_has_one_name_and_no_byte_order_mark_is_part_of_a_value(lake: Lake) -> None:
    rows = lake.tables.read(lake.processed)
    countries = {row[0] for row in rows.select("country").distinct().collect()}
    assert countries == {"Canada", "India", "Japan", "Kenya", "Latvia", "NULL", "Portugal"}
    assert {row[0] for row in rows.select("region").distinct().collect()} == {
        "Asia",
        "Europe",
        "North America",
        "Sub-Saharan Africa",
    }


def test_numbers_are_read_without_loss_and_over_their_whole_range(lake: Lake) -> None:
    rows = lake.tables.read(lake.processed).select(
        "_source_file", "_source_row", "order_id", "units_sold", "unit_price"
    )
    found = {(file, row): values for file, row, *values in rows.collect()}
    long, spelt = "c38_long_numbers.csv", "c07_number_spellings.csv"
    assert found[long, 4] == [1234567890123456789, 115, Decimal("47.45")]
    assert found[long, 14] == [300380099, 83, Decimal("152.58")]
    assert found[long, 24] == [300380024, 36, Decimal("205.70")]
    assert found[spelt, 39] == [300070039, 183, Decimal("47.45")]
    assert found[spelt, 46] == [300070046, 238, Decimal("47.45")]


def test_quotes_that_are_left_and_a_header_again_are_said_in_plain_words(lake: Lake) -> None:
    assert refused(lake, "c22b_space_quote_text_only.csv")[1]["reasons"] == [
        f"country: '\"India\"' {QUOTED}",
        f"item_type: '\"Cereal\"' {QUOTED}",
    ]
    assert refused(lake, "c12_header_repeated.csv")[31]["reasons"] == [
        "row: the header again, which is no record; files were probably joined"
    ]


def test_a_value_without_a_name_is_a_field_too_many(lake: Lake) -> None:
    found = refused(lake, "unnamed.csv")
    assert {tuple(record["rule_ids"]) for record in found.values()} == {("row.field_count",)}
    assert found[1]["reasons"] == ["row: 17 fields where the header has 14"]
    assert found[1]["raw_text"].endswith(",334.99,,x,")
