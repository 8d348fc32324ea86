"""`python -m benchmarks.run --rows 1000000 --repeats 3`: the figures of the README, also as build/benchmarks.json.

Every task runs in its own process on the same machine and file; a figure is the median of its repeats. The totals of
DuckDB must equal those of the jobs, or the comparison is worth nothing and the command fails.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.measuring import Measured, measure
from pipeline.run_documents import LoadResult
from sample_data.sales_rows import Span, write_file

RESULT = Path("build") / "benchmarks.json"
SEED = "benchmarks"
MONTHS = 24
LAST_MONTH = date(2024, 12, 1)
DAYS_A_MONTH = 30


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="slipway-bench-", ignore_cleanup_errors=True) as folder:
        work = Path(folder)
        document = {
            "rows": given.rows,
            "repeats": given.repeats,
            "machine": {
                "cores": os.cpu_count(),
                "system": platform.platform(),
                "python": platform.python_version(),
            },
            "tasks": _tasks(work, given.rows, given.repeats),
            "one_more_day": _one_more_day(work, given.rows, given.repeats),
        }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(document, indent=2) + "\n")
    _show(document)


def _tasks(work: Path, rows: int, repeats: int) -> dict[str, Any]:
    file = work / "sales.csv"
    span = Span(first=date(LAST_MONTH.year - MONTHS // 12 + 1, 1, 1), months=MONTHS)
    write_file(file, rows=rows, span=span, seed=SEED)
    found: dict[str, list[Measured]] = {
        "bare Spark": [],
        "raw_to_processed": [],
        "processed_to_curated": [],
        "DuckDB": [],
    }
    for repeat in range(repeats):
        folder = work / f"lake{repeat}"
        found["bare Spark"].append(measure("tasks", "bare", str(folder), str(file)))
        loaded = measure("tasks", "load", str(folder), str(file), _run_id(repeat))
        after = json.dumps(loaded.found["after"])
        curated = measure("tasks", "curate", str(folder), str(file), _run_id(repeat), after)
        yardstick = measure("duckdb_engine", "sales_records", str(file), str(folder / "duckdb"))
        _same(loaded, yardstick)
        for name, measured in (
            ("raw_to_processed", loaded),
            ("processed_to_curated", curated),
            ("DuckDB", yardstick),
        ):
            found[name].append(measured)
        shutil.rmtree(folder)
    return {name: _summary(measured, rows) for name, measured in found.items()}


def _one_more_day(work: Path, rows: int, repeats: int) -> dict[str, Any]:
    """Seconds of both jobs for a day's file, when the table holds one month and when it holds 24."""
    a_month = rows // MONTHS
    seconds = {}
    for months in (1, MONTHS):
        folder = work / f"months{months}"
        first = date(LAST_MONTH.year - (months - 1) // 12, 1, 1) if months > 1 else LAST_MONTH
        history = work / f"history{months}.csv"
        write_file(history, rows=a_month * months, span=Span(first=first, months=months), seed=SEED)
        measure("tasks", "day", str(folder), str(history), _run_id(0))
        days = []
        for repeat in range(1, repeats + 1):
            file = work / f"day{months}_{repeat}.csv"
            serial = 500_000_000 + repeat * a_month
            span = Span(first=LAST_MONTH, months=1)
            write_file(
                file,
                rows=a_month // DAYS_A_MONTH,
                span=span,
                seed=f"day{repeat}",
                first_serial=serial,
            )
            days.append(
                measure("tasks", "day", str(folder), str(file), _run_id(repeat)).found["seconds"]
            )
        seconds[months] = statistics.median(days)
        shutil.rmtree(folder)
    return {
        "rows_a_day": a_month // DAYS_A_MONTH,
        "rows_a_month": a_month,
        "seconds_with_1_month": round(seconds[1], 2),
        f"seconds_with_{MONTHS}_months": round(seconds[MONTHS], 2),
        "ratio": round(seconds[MONTHS] / seconds[1], 2),
    }


def _run_id(number: int) -> str:
    return f"20250101T{number:06d}-bbbbbbbb"


def _same(loaded: Measured, yardstick: Measured) -> None:
    (file,) = LoadResult.from_json(loaded.found["result"]).files
    totals = {name: f"{amount:f}" for name, amount in file.totals.loaded.items()}
    ours = {"rows": str(file.rows_loaded), **totals}
    if ours != yardstick.found["found"]:
        raise RuntimeError(f"the engines disagree: Spark {ours}, DuckDB {yardstick.found['found']}")


def _summary(measured: list[Measured], rows: int) -> dict[str, float]:
    whole = statistics.median(one.seconds for one in measured)
    work = statistics.median(one.found["seconds"] for one in measured)
    return {
        "seconds": round(whole, 1),
        "seconds_of_work": round(work, 1),
        "rows_per_second": round(rows / whole),
        "peak_mb": round(statistics.median(one.peak_bytes for one in measured) / 1e6),
    }


def _show(document: dict[str, Any]) -> None:
    print(
        f"{document['rows']:,} rows, medians of {document['repeats']}, {document['machine']['cores']} cores\n"
    )
    print(f"{'task':22} {'whole process':>14} {'work alone':>11} {'rows/s':>9} {'peak memory':>12}")
    for name, task in document["tasks"].items():
        print(
            f"{name:22} {task['seconds']:>12.1f} s {task['seconds_of_work']:>9.1f} s {task['rows_per_second']:>9,} "
            f"{task['peak_mb']:>9,} MB"
        )
    day = document["one_more_day"]
    print(
        f"\none more day ({day['rows_a_day']:,} rows): {day['seconds_with_1_month']} s with 1 month in the table, "
        f"{day[f'seconds_with_{MONTHS}_months']} s with {MONTHS}: ratio {day['ratio']}\n\nwritten to {RESULT}"
    )


if __name__ == "__main__":
    main()
