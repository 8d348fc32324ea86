"""The one definition of what a contract says, computed by both engines over the same hostile records: no cell differs.

Two engines take the same SQL text, each in its dialect, to the same values, verdicts, sentences, raw texts and tokens.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import duckdb
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from contracts import model, personal_data
from contracts.model import Contract
from glue_jobs import session
from glue_jobs.transforms import staging
from rows.columns import DAMAGED, SOURCE_SHA256, SPLIT_ROW, SPLIT_START
from rows.dialect import INNER_PAD, OUTER_PAD
from rows.duckdb_dialect import DuckDBDialect
from rows.expressions import one_pass, protection
from rows.expressions.one_pass import OnePass
from rows.layout import Layout
from rows.spark_dialect import SparkDialect
from tests.spark import hostile_records
from tests.spark.hostile_records import EVERYTHING, Record
from tests.spark.orders import ORDERS

KEY = b"a key that nobody may ever see, at least 32 bytes"
SEED = int(os.environ.get("SLIPWAY_SEED", "7"))
ROWS = 500
MANY = int(os.environ.get("SLIPWAY_RECORDS", "2500"))  # of each contract
Rows = list[dict[str, Any]]


def half(number: int) -> Contract:
    """Every second column of EVERYTHING, with the rules that need no other: Spark compiles no pass over all 30."""
    columns = EVERYTHING.columns[number::2]
    names = {column.name for column in columns}
    rules = tuple(rule for rule in EVERYTHING.rules if set(rule.columns) <= names)
    return replace(
        EVERYTHING, dataset=f"half{number}", columns=columns, rules=rules, key=(), curated=()
    )


EXAMPLES = (half(0), half(1), ORDERS)
DEEP = (*EXAMPLES, *map(model.load, model.datasets()))


class Pass:
    """The same records of one contract, for each engine to judge them."""

    def __init__(self, spark: SparkSession, contract: Contract, records: list[Record]) -> None:
        session.prepare(spark, 0)
        self.spark, self.contract = spark, contract
        self.layout: Layout = hostile_records.layout(contract)
        self.fields = (*self.layout.field_names, DAMAGED)
        self.records = [(*record, number) for number, record in enumerate(records)]
        token = personal_data.token(KEY, hostile_records.ERASED)
        self.erased = [token] if contract.subject_column else []

    @property
    def frame(self) -> DataFrame:
        """The records in Spark."""
        columns = [f"{name} string" for name in self.fields]
        raw = self.spark.createDataFrame(self.records, ", ".join([*columns, f"{SPLIT_ROW} bigint"]))
        return raw.withColumns({SOURCE_SHA256: F.lit("s"), SPLIT_START: F.lit(0)})

    @property
    def pads(self) -> DataFrame | None:
        """The pads of the key in Spark."""
        needed = protection.needs_key(self.contract)
        return staging.key_pads(self.spark, KEY) if needed else None

    def on_spark(self) -> Rows:
        """As the Spark job judges them."""
        steps = OnePass(
            dialect=SparkDialect(), contract=self.contract, layout=self.layout, erased=self.erased
        )
        return self._collected(staging.checked(staging.parsed(self.frame, steps), steps, self.pads))

    def on_duckdb(self) -> Rows:
        """As the DuckDB engine judges them."""
        steps = OnePass(
            dialect=DuckDBDialect(), contract=self.contract, layout=self.layout, erased=self.erased
        )
        with duckdb.connect() as database:
            database.execute("SET TimeZone = 'UTC'")
            columns = [f"{name} varchar" for name in self.fields]
            database.execute(f"CREATE TABLE raw ({', '.join([*columns, f'{SPLIT_ROW} bigint'])})")
            marks = ", ".join("?" for _ in self.records[0])
            database.execute("BEGIN")
            database.executemany(f"INSERT INTO raw VALUES ({marks})", self.records)
            database.execute("COMMIT")
            pads = None if self.pads is None else "pads"
            if pads:
                database.execute(f"CREATE TABLE pads ({INNER_PAD} blob, {OUTER_PAD} blob)")
                database.execute("INSERT INTO pads VALUES (?, ?)", list(protection.pads(KEY)))
            judged = one_pass.query(steps, "raw", [SPLIT_ROW], pads)
            database.execute(f"CREATE TABLE judged AS {judged}")
            kinds = database.execute("DESCRIBE judged").fetchall()
            texts = ", ".join(_in_python(name, kind) for name, kind, *_ in kinds)
            found = database.execute(f"SELECT {texts} FROM judged ORDER BY {SPLIT_ROW}")
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def _collected(self, rows: DataFrame) -> Rows:
        """The rows in their order; days and moments as both engines can give them, whatever the year."""
        forms = {"date": F.unix_date, "timestamp_ntz": lambda one: F.col(one).cast("string")}
        shown = (forms.get(kind, F.col)(name).alias(name) for name, kind in rows.dtypes)
        found = [row.asDict() for row in rows.select(*shown).collect()]
        names = (SOURCE_SHA256, SPLIT_START)
        others = [{name: one for name, one in row.items() if name not in names} for row in found]
        return sorted(others, key=lambda row: row[SPLIT_ROW])


def _in_python(name: str, kind: str) -> str:
    forms = {
        "DATE": f"date_diff('day', DATE '1970-01-01', \"{name}\")",
        "TIMESTAMP": f'CAST("{name}" AS varchar)',
    }
    return f'{forms.get(kind, name)} AS "{name}"'


def differences(records: list[Record], ours: Rows, theirs: Rows) -> list[str]:
    """Every cell that differs, with its record."""
    assert len(ours) == len(theirs) == len(records)
    return [
        f"{name}: {one[name]!r} or {other[name]!r} of {record!r}"
        for record, one, other in zip(records, ours, theirs, strict=True)
        for name in one.keys() | other.keys()
        if one[name] != other[name]
    ]


def compared(spark: SparkSession, contracts: Iterable[Contract], rows: int) -> list[str]:
    """Every cell on which the engines differ, and contracts that took no record, or all."""
    found = []
    for contract in contracts:
        records = hostile_records.records(contract, SEED, rows)
        judged = Pass(spark, contract, records)
        on_duckdb = judged.on_duckdb()
        found += differences(records, judged.on_spark(), on_duckdb)
        refused = sum(row["_rule_ids"] is not None for row in on_duckdb)
        found += (
            []
            if 0 < refused < rows or contract not in EXAMPLES
            else [f"{contract.dataset}: {refused} of {rows} refused"]
        )
    return found


def test_no_cell_differs_between_the_engines(spark: SparkSession) -> None:
    assert compared(spark, EXAMPLES, ROWS) == []


@pytest.mark.deep
def test_no_cell_differs_between_the_engines_over_many_records(spark: SparkSession) -> None:
    assert compared(spark, DEEP, MANY) == []


WRONG = {  # a dialect's method, and what one slip in the text of DuckDB would make of it
    "a day read as its month": ("date", lambda right: right.replace("%m/%d", "%d/%m")),
    "only the first match replaced": ("replaced", lambda right: right.replace(", 'g')", ")")),
    "a token of the outer pad alone": ("token", lambda right: right.replace(OUTER_PAD, INNER_PAD)),
}


@pytest.mark.deep
@pytest.mark.parametrize("slip", WRONG)
def test_a_slip_of_one_dialect_is_a_difference(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, slip: str
) -> None:
    """The comparison can fail: each of three slips in the text that one engine gets is found."""
    name, wrong = WRONG[slip]
    right = getattr(DuckDBDialect, name)
    monkeypatch.setattr(DuckDBDialect, name, lambda dialect, *parts: wrong(right(dialect, *parts)))
    assert compared(spark, DEEP, ROWS)


def test_an_average_made_of_whole_numbers_is_rounded_half_up_by_both_engines(
    spark: SparkSession,
) -> None:
    """The form that duckdb_jobs.proven_sql allows; many of these groups are ties."""
    twice = "(sum(days) * 20000 + count(*))"
    average = f"({twice} - {twice} % (2 * count(*))) / (2 * count(*))"
    query = (
        f"SELECT size, CAST(sum(days) AS bigint) AS days, "
        f"CAST(CAST({average} AS bigint) * 0.0001 AS decimal(9, 4)) AS average "
        "FROM shipped GROUP BY size, part ORDER BY size, days"
    )
    made = (
        "SELECT size, days AS part, CASE WHEN place = 1 THEN days ELSE 0 END AS days "
        "FROM (SELECT explode(array(7, 32, 96, 160, 625)) AS size) "
        "LATERAL VIEW explode(sequence(1, 400, 3)) d AS days "
        "LATERAL VIEW explode(sequence(1, size)) p AS place"
    )
    spark.sql(made).createOrReplaceTempView("shipped")
    by_spark = [tuple(row) for row in spark.sql(query).collect()]
    database = duckdb.connect()
    database.execute(
        "CREATE TABLE shipped AS SELECT size, days AS part, CASE WHEN place = 1 THEN days ELSE 0 END AS days "
        "FROM (SELECT unnest([7, 32, 96, 160, 625]) AS size), "
        "(SELECT unnest(range(1, 401, 3)) AS days), LATERAL (SELECT unnest(range(1, size + 1)) AS place)"
    )
    assert database.execute(query).fetchall() == by_spark
    exact = [
        (Decimal(days) / size).quantize(Decimal("0.0001"), ROUND_HALF_UP)
        for size, days, _ in by_spark
    ]
    assert [average for *_, average in by_spark] == exact
    assert sum(days * 10_000 % size * 2 == size for size, days, _ in by_spark) > 100  # are ties
