"""The SQL text of one pass over a small contract, kept as files so that a change of it is seen and decided.

`python -m tests.unit.rows.golden_texts` writes them again.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from contracts.model import Contract, Rule
from contracts.texts import escaped
from rows.columns import SOURCE_ROW, SOURCE_SHA256
from rows.dialect import Dialect
from rows.duckdb_dialect import DuckDBDialect
from rows.expressions.one_pass import OnePass, query
from rows.layout import Layout
from rows.spark_dialect import SparkDialect
from tests.spark.orders import ORDERS, column

FOLDER = Path(__file__).parent / "golden"
COMMAND = "python -m tests.unit.rows.golden_texts"
VISITS: Contract = replace(
    ORDERS,
    dataset="visits",
    intake=replace(ORDERS.intake, delimiter=";"),
    columns=(
        column("visit", "bigint", required=True, minimum="1"),
        column("day", "date", required=True, format="M/d/yyyy"),
        column("began", "timestamp", format="d.M.yy HH:mm"),
        column("is_paid", "boolean"),
        column("amount", "decimal(8,2)", control_total=True, maximum="100"),
        column("note", pattern=r".+\s?x", allowed=("it's x",), max_length=6),
        column("person", "int", pii="hash", data_subject=True),
        column("mail", pii="mask"),
        column("age", "int", pii="drop"),
        column("lacking"),
    ),
    key=("visit",),
    rules=(
        Rule(id="paid", description="Who paid, paid.", action="warn", columns=("is_paid", "amount"),
             expression="NOT is_paid OR amount > 0"),
    ),
)  # fmt: skip
NAMES = tuple(one.name for one in VISITS.columns if one.name != "lacking")
LAYOUT = Layout(columns=(*NAMES, None, None), has_quotes=True, nameless=(10,), origin_position=9)


def one_pass(dialect: Dialect) -> OnePass:
    """The pass over files of that layout."""
    return OnePass(dialect=dialect, contract=VISITS, layout=LAYOUT, erased=("a" * 64,))


def texts() -> dict[str, str]:
    """By file name: what each engine is given."""
    spark = one_pass(SparkDialect())
    steps = [*spark.parsing(), *spark.judging(), spark.kept()]
    lines = ["\n".join(f"{name} = {sql}" for name, sql in step.items()) for step in steps]
    duckdb = query(one_pass(DuckDBDialect()), "raw", (SOURCE_SHA256, SOURCE_ROW), "pads")
    return {"duckdb.sql": _visible(duckdb), "spark.sql": _visible("\n\n".join(lines))}


def _visible(text: str) -> str:
    """The text with what nobody sees as escapes, but for the ends of lines, of which the last has one."""
    return "".join(f"{escaped(line)}\n" for line in text.split("\n"))


if __name__ == "__main__":
    for file_name, text in texts().items():
        (FOLDER / file_name).write_text(text, encoding="utf-8", newline="\n")
