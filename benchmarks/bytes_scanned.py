# ruff: noqa: S608 - the SQL is made from our own questions and paths
"""`python -m benchmarks.bytes_scanned`: bytes that Athena reads for three questions, processed table beside CSV files.

Athena charges by the bytes that a query scans. This counts them from the files, since the embedded Athena reads whole
tables. Also written to build/bytes_scanned.json. What is assumed stands in docs/analyst.md.

- CSV: every byte of every file, as they are or as gzip; a query can skip none of them, for partitions of raw are by day
  of arrival.
- Iceberg: the data files left by partition and by minimum and maximum of columns (pyiceberg's plan); of those the
  chunks of the columns that the question names, and the footers. Row groups and pages are not skipped, so this is the
  most that is read. Source: Athena user guide, "Optimize your data" (columnar formats) and "Optimize Iceberg tables".

Each answer is computed from the counted files and columns alone and must equal the one from the CSV.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import duckdb
import pyarrow.parquet as pq
import sqlglot
from pyiceberg.table import FileScanTask, StaticTable
from sqlglot import exp

from benchmarks.files import DATASET, ENVIRONMENT
from benchmarks.measuring import measure
from contracts import model, naming
from contracts.texts import BLANKS
from sample_data.sales_rows import Span, order_number, write_file

RESULT = Path("build") / "bytes_scanned.json"
FIRST_MONTH = date(2022, 1, 1)
RUN_ID = "20250101T000000-bbbbbbbb"
FOOTER_TAIL_BYTES = 8  # length of the footer and the magic number; Parquet format, "File format"
GZIP_LEVEL = 6  # of the gzip command, and of Python's


@dataclass(frozen=True, kw_only=True)
class Question:
    """`where` is read by DuckDB and pyiceberg alike; `sql` has {orders} and {where}."""

    name: str
    where: str
    sql: str

    def over(self, orders: str) -> str:
        """The question over a table expression."""
        return self.sql.format(orders=orders, where=self.where)

    @property
    def columns(self) -> list[str]:
        """Columns of orders that the question names."""
        named = {
            column.name
            for column in sqlglot.parse_one(self.over("orders"), read="duckdb").find_all(exp.Column)
        }
        return [column.name for column in model.load(DATASET).columns if column.name in named]


def questions(rows: int) -> tuple[Question, ...]:
    """The three questions of an analyst, and the third again for somebody who knows the month."""
    order = f"order_id = {order_number(rows // 2)}"
    month = "order_date >= '2023-06-01' AND order_date < '2023-07-01'"
    one_order = (
        "SELECT order_id, order_date, country, item_type, units_sold, total_revenue, total_profit "
        "FROM {orders} WHERE {where} ORDER BY order_id"
    )
    return (
        Question(
            name="one month by region",
            where=month,
            sql=(
                "SELECT region, sum(total_revenue), sum(total_profit) FROM {orders} WHERE {where} "
                "GROUP BY region ORDER BY region"
            ),
        ),
        Question(
            name="top ten countries in a year",
            where="order_date >= '2023-01-01' AND order_date < '2024-01-01'",
            sql=(
                "SELECT country, sum(total_revenue) AS revenue FROM {orders} WHERE {where} "
                "GROUP BY country ORDER BY revenue DESC, country LIMIT 10"
            ),
        ),
        Question(name="one order", where=order, sql=one_order),
        Question(
            name="one order, the year known",
            where=f"{order} AND order_date >= '2023-01-01' AND order_date < '2024-01-01'",
            sql=one_order,
        ),
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Load, count, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=240_000)
    parser.add_argument("--months", type=int, default=36)
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="slipway-bytes-", ignore_cleanup_errors=True) as folder:
        document = _counted(Path(folder), given.rows, given.months)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    _show(document)


def _counted(work: Path, rows: int, months: int) -> dict[str, Any]:
    file = work / "sales.csv"
    write_file(file, rows=rows, span=Span(first=FIRST_MONTH, months=months), seed="bytes")
    loaded = measure("tasks", "load", str(work / "lake"), str(file), RUN_ID).found
    table = naming.database(ENVIRONMENT, "processed"), DATASET
    metadata = work / "lake" / "tables" / "/".join(table) / "metadata"
    newest = max(
        metadata.glob("v*.metadata.json"), key=lambda found: int(found.name[1:].partition(".")[0])
    )
    processed = StaticTable.from_metadata(str(newest))
    head = loaded["after"][DATASET]
    csv_bytes = file.stat().st_size
    return {
        "rows": rows,
        "months": months,
        "csv_bytes": csv_bytes,
        "csv_gz_bytes": len(gzip.compress(file.read_bytes(), GZIP_LEVEL, mtime=0)),
        "table_bytes": sum(
            task.file.file_size_in_bytes for task in processed.scan(snapshot_id=head).plan_files()
        ),
        "questions": [_question(question, processed, head, file) for question in questions(rows)],
    }


def _question(question: Question, table: StaticTable, head: int, file: Path) -> dict[str, Any]:
    """Files and bytes that one question reads; RuntimeError when they do not hold its answer."""
    scan = table.scan(row_filter=question.where, snapshot_id=head)
    tasks = list(scan.plan_files())
    paths = [_path(task) for task in tasks]
    read = ", ".join(f"'{path}'" for path in paths)
    columns = ", ".join(question.columns)
    _same(question, f"(SELECT {columns} FROM read_parquet([{read}]))", _csv(file))
    return {
        "name": question.name,
        "columns": question.columns,
        "files": len(tasks),
        "files_in_all": len(list(table.scan(snapshot_id=head).plan_files())),
        "bytes": sum(scanned_bytes(path, question.columns) for path in paths)
        + sum(delete.file_size_in_bytes for task in tasks for delete in task.delete_files),
    }


def _path(task: FileScanTask) -> Path:
    return Path(urlparse(task.file.file_path).path)


def scanned_bytes(path: Path, columns: Sequence[str]) -> int:
    """Bytes of a Parquet file that a reader of `columns` needs: their chunks as stored, and the footer."""
    metadata = pq.ParquetFile(path).metadata
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    chunks = [group.column(number) for group in groups for number in range(group.num_columns)]
    needed: int = sum(
        chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema in columns
    )
    footer: int = metadata.serialized_size + FOOTER_TAIL_BYTES
    return needed + footer


def _csv(file: Path) -> str:
    """The CSV as a table with the names and types of the contract, texts trimmed as the jobs do."""
    columns = model.load(DATASET).columns
    types = ", ".join(f"'{column.name}': '{column.type}'" for column in columns)
    values = [
        f"trim({c.name}, '{BLANKS}') AS {c.name}" if c.type == "string" else c.name for c in columns
    ]
    read = f"read_csv('{file}', header = true, columns = {{{types}}}, dateformat = '%-m/%-d/%Y')"
    return f"(SELECT {', '.join(values)} FROM {read})"


def _same(question: Question, first: str, second: str) -> None:
    with duckdb.connect() as connection:
        answers = [
            connection.execute(question.over(orders)).fetchall() for orders in (first, second)
        ]
    if not answers[0] or answers[0] != answers[1]:
        raise RuntimeError(
            f"{question.name!r}: {answers[0]} from the counted bytes, {answers[1]} from the CSV"
        )


def _show(document: dict[str, Any]) -> None:
    plain, packed = document["csv_bytes"], document["csv_gz_bytes"]
    print(
        f"{document['rows']:,} orders of {document['months']} months: CSV {plain:,} bytes, gzip {packed:,}, ",
        end="",
    )
    print(f"table {document['table_bytes']:,}\n")
    print(
        f"{'question':28} {'files':>9} {'bytes scanned':>14} {'CSV reads':>10} {'CSV as gzip reads':>18}"
    )
    for question in document["questions"]:
        files = f"{question['files']} of {question['files_in_all']}"
        ratios = [f"{size / question['bytes']:,.1f} x" for size in (plain, packed)]
        print(
            f"{question['name']:28} {files:>9} {question['bytes']:>14,} {ratios[0]:>10} {ratios[1]:>18}"
        )
    print(f"\nwritten to {RESULT}")


if __name__ == "__main__":
    main()
