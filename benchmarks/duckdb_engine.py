# ruff: noqa: S608 - the SQL is made from a validated contract and a path of our own
"""The work of both jobs in DuckDB, from the same contract: the yardstick, and a sketch of the engine for small batches.

Same strict parsing by the same regular expressions, same limits and rules with reasons, newest row by key, Parquet by
month, quarantine, curated models by the contract's SQL. What it leaves out: atomic publication, comparison with rows
of earlier runs, per-file accounting.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb

from contracts import model
from contracts.texts import BLANKS, BYTE_ORDER_MARK
from rows import grammar

DATE_PARTS = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "M": "%m", "d": "%d"}


def run(contract: model.Contract, file: Path, out: Path) -> dict[str, str]:
    """Do the work and return the loaded rows and the money totals."""
    out.mkdir(parents=True)
    with duckdb.connect(str(out / "work.duckdb")) as connection:
        connection.execute("SET threads = 2")
        connection.execute(f"CREATE TABLE checked AS {_checked(contract, file)}")
        connection.execute(f"CREATE VIEW valid AS {_newest(contract)}")
        connection.execute(
            f"COPY (SELECT *, date_trunc('month', {contract.partition_column}) AS month FROM valid) "
            f"TO '{out}/processed' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (month))"
        )
        connection.execute(
            f"COPY (SELECT * FROM checked WHERE len(reasons) > 0) TO '{out}/quarantine.parquet' (FORMAT parquet)"
        )
        connection.execute(
            f"CREATE VIEW {contract.dataset} AS SELECT * FROM read_parquet('{out}/processed/*/*.parquet')"
        )
        for curated in contract.curated:
            connection.execute(
                f"COPY ({curated.sql}) TO '{out}/{curated.name}.parquet' (FORMAT parquet)"
            )
        sums = ", ".join(f"sum({column.name})::text" for column in contract.control_columns)
        row = connection.execute(
            f"SELECT count(*)::text, {sums} FROM {contract.dataset}"
        ).fetchall()[0]
    return dict(
        zip(("rows", *(column.name for column in contract.control_columns)), row, strict=True)
    )


def _checked(contract: model.Contract, file: Path) -> str:
    blanks, mark = BLANKS, BYTE_ORDER_MARK
    texts = [
        f"nullif(trim(replace(\"{_header(column)}\", '{mark}', ''), '{blanks}'), '') AS text_{column.name}"
        for column in contract.columns
    ]
    values = [f"{_value(column)} AS {column.name}" for column in contract.columns]
    reasons = [
        f"CASE WHEN {broken} THEN {_text(reason)} {ending} END"
        for broken, reason, ending in _checks(contract)
    ]
    read = (
        f"read_csv('{file}', header = true, delim = '{contract.intake.delimiter}', quote = '\"', escape = '\"', "
        "all_varchar = true, normalize_names = true)"
    )
    return (
        f"WITH texts AS (SELECT {', '.join(texts)}, row_number() OVER () AS source_row FROM {read}), "
        f"typed AS (SELECT *, {', '.join(values)} FROM texts) "
        f"SELECT {', '.join(column.name for column in contract.columns)}, source_row, "
        f"list_filter([{', '.join(reasons)}], lambda reason: reason IS NOT NULL) AS reasons FROM typed"
    )


def _newest(contract: model.Contract) -> str:
    key = ", ".join(contract.key)
    columns = ", ".join(column.name for column in contract.columns)
    newest = f"row_number() OVER (PARTITION BY {key} ORDER BY source_row DESC) = 1"
    return f"SELECT {columns}, source_row FROM checked WHERE len(reasons) = 0 QUALIFY {newest}"


def _value(column: model.Column) -> str:
    text = f"text_{column.name}"
    if column.type == "string":
        return text
    shape = (grammar.shape(column) or "").removeprefix(r"\A").removesuffix(r"\z")
    return (
        f"CASE WHEN regexp_full_match({text}, {_text(shape)}) THEN {_converted(column, text)} END"
    )


def _converted(column: model.Column, text: str) -> str:
    if column.type != "date":
        return f"TRY_CAST({text} AS {column.type})"
    pattern = column.format or ""
    for part, letter in DATE_PARTS.items():
        pattern = pattern.replace(part, letter) if letter not in pattern else pattern
    return f"TRY_CAST(try_strptime({text}, {_text(pattern)}) AS date)"


def _checks(contract: model.Contract) -> Iterator[tuple[str, str, str]]:
    """(condition, sentence, SQL that adds the value to it) of each check that quarantines."""
    for column in contract.columns:
        name, shown = column.name, f"|| ': ' || text_{column.name}"
        if column.required:
            yield f"text_{name} IS NULL", f"{name}: no value", ""
        yield f"text_{name} IS NOT NULL AND {name} IS NULL", f"{name}: not a {column.type}", shown
        if column.minimum is not None:
            yield (
                f"{name} < CAST('{column.minimum}' AS {column.type})",
                f"{name}: below {column.minimum}",
                shown,
            )
        if column.maximum is not None:
            yield (
                f"{name} > CAST('{column.maximum}' AS {column.type})",
                f"{name}: above {column.maximum}",
                shown,
            )
        if column.max_length is not None:
            yield (
                f"length(text_{name}) > {column.max_length}",
                f"{name}: longer than {column.max_length}",
                shown,
            )
        if column.allowed:
            yield (
                f"text_{name} NOT IN ({', '.join(map(_text, column.allowed))})",
                f"{name}: not allowed",
                shown,
            )
    for rule in contract.rules:
        if rule.action != "warn":
            parsed = " AND ".join(f"{name} IS NOT NULL" for name in rule.columns)
            yield f"{parsed} AND NOT coalesce({rule.expression}, false)", rule.description, ""


def _header(column: model.Column) -> str:
    return column.source_name.lower().replace(" ", "_")


def _text(value: str) -> str:
    escaped = value.replace("'", "''")
    return f"'{escaped}'"


if __name__ == "__main__":
    _, dataset, file, out = sys.argv
    started = time.monotonic()
    found = run(model.load(dataset), Path(file), Path(out))
    print(json.dumps({"seconds": time.monotonic() - started, "found": found}))
