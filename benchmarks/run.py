"""`make bench`, or `python -m benchmarks.run --rows 1000000 --repeats 3`: the figures of the README, also as JSON.

Every task runs in its own process on the same machine and file. All tasks of a repeat follow one another, and the first
repeat only warms the machine up; a figure is the median of the others. Totals of all engines must be equal, row by row
of the results that the gate reads, or the comparison is worth nothing and the command fails.
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
A_MONTH = 1_000_000 // MONTHS  # rows of a month in the tables that one more day comes to
HISTORIES = (1, 24, 60)  # months
ENGINES = {"Spark": "tasks", "DuckDB": "duckdb_tasks"}  # the module with the tasks of each
BARE, YARDSTICK = "bare Spark", "DuckDB without a pipeline"


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--months", type=int, nargs="*", default=HISTORIES)
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="slipway-bench-", ignore_cleanup_errors=True) as folder:
        work = Path(folder)
        document = {
            "repeats": given.repeats,
            "machine": {
                "cores": os.cpu_count(),
                "system": platform.platform(),
                "python": platform.python_version(),
            },
            "tasks": {rows: _tasks(work, rows, given.repeats) for rows in given.rows},
            "one_more_day": _one_more_day(work, given.months, given.repeats),
        }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(document, indent=2) + "\n")
    _show(document)


def _tasks(work: Path, rows: int, repeats: int) -> dict[str, Any]:
    file = work / "sales.csv"
    span = Span(first=date(LAST_MONTH.year - MONTHS // 12 + 1, 1, 1), months=MONTHS)
    write_file(file, rows=rows, span=span, seed=SEED)
    found: dict[str, list[Measured]] = {}
    for repeat in range(repeats + 1):
        folder = work / f"lake{repeat}"
        measured = _once(folder, file, _run_id(repeat))
        for name, one in measured.items() if repeat else ():
            found.setdefault(name, []).append(one)
        shutil.rmtree(folder)
        print(f"{rows:,} rows, repeat {repeat} of {repeats}", flush=True)
    return _summary(found, rows)


def _once(folder: Path, file: Path, run_id: str) -> dict[str, Measured]:
    """Every task once, each engine on tables of its own."""
    measured = {
        BARE: measure("tasks", "bare", str(folder), str(file)),
        YARDSTICK: measure("duckdb_engine", "sales_records", str(file), str(folder / "yardstick")),
    }
    curated = []
    for engine, module in ENGINES.items():
        place = str(folder / engine)
        loaded = measure(module, "load", place, str(file), run_id)
        _same(engine, loaded, measured[YARDSTICK])
        after = json.dumps(loaded.found["after"])
        curated.append(measure(module, "curate", place, str(file), run_id, after))
        measured |= {f"{engine}: load": loaded, f"{engine}: curate": curated[-1]}
    _same_tables(*(one.found["result"] for one in curated))
    return measured


def _one_more_day(work: Path, histories: Sequence[int], repeats: int) -> list[dict[str, Any]]:
    """Seconds of both jobs for a day's file, by engine and by the months that the table holds."""
    return [
        {
            "months": months,
            "rows_a_day": A_MONTH // DAYS_A_MONTH,
            **{engine: _day(work, months, repeats, engine) for engine in ENGINES},
        }
        for months in histories
    ]


def _day(work: Path, months: int, repeats: int, engine: str) -> float:
    """The history is Spark's work for both engines; the first of the days warms the machine up."""
    folder, history = work / f"{engine}{months}", work / "history.csv"
    first = LAST_MONTH.year * 12 + LAST_MONTH.month - months  # counted in months
    span = Span(first=date(first // 12, first % 12 + 1, 1), months=months)
    write_file(history, rows=A_MONTH * months, span=span, seed=SEED)
    measure("tasks", "day", str(folder), str(history), _run_id(0))
    days = []
    for repeat in range(1, repeats + 2):
        file = work / f"day_{repeat}.csv"
        write_file(
            file,
            rows=A_MONTH // DAYS_A_MONTH,
            span=Span(first=LAST_MONTH, months=1),
            seed=f"day{repeat}",
            first_serial=500_000_000 + repeat * A_MONTH,
        )
        days.append(measure(ENGINES[engine], "day", str(folder), str(file), _run_id(repeat)))
    shutil.rmtree(folder)
    print(f"{engine}, one more day on {months} months", flush=True)
    seconds = [float(one.found["seconds"]) for one in days[1:]]
    return round(statistics.median(seconds), 2)


def _run_id(number: int) -> str:
    return f"20250101T{number:06d}-bbbbbbbb"


def _same(engine: str, loaded: Measured, yardstick: Measured) -> None:
    (file,) = LoadResult.from_json(loaded.found["result"]).files
    totals = {name: f"{amount:f}" for name, amount in file.totals.loaded.items()}
    ours = {"rows": str(file.rows_loaded), **totals}
    if ours != yardstick.found["found"]:
        raise RuntimeError(f"not the same: {engine} {ours}, {YARDSTICK} {yardstick.found['found']}")


def _same_tables(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Both engines' results of curating, but for the numbers of their snapshots."""
    numbers = ("snapshot", "before")
    kept = [
        [{key: table[key] for key in table if key not in numbers} for table in found["models"]]
        for found in (one, other)
    ]
    if kept[0] != kept[1]:
        raise RuntimeError(f"not the same curated tables: {kept[0]} and {kept[1]}")


def _summary(found: dict[str, list[Measured]], rows: int) -> dict[str, Any]:
    """By task: median and spread of whole processes in seconds, work alone, rows per second, memory, and ratios."""
    bare = statistics.median(one.seconds for one in found[BARE])
    yardstick = statistics.median(one.seconds for one in found[YARDSTICK])
    return {name: _figures(measured, rows, bare, yardstick) for name, measured in found.items()}


def _figures(
    measured: list[Measured], rows: int, bare: float, yardstick: float
) -> dict[str, float]:
    seconds = [one.seconds for one in measured]
    whole = statistics.median(seconds)
    return {
        "seconds": round(whole, 1),
        "least": round(min(seconds), 1),
        "most": round(max(seconds), 1),
        "seconds_of_work": round(statistics.median(one.found["seconds"] for one in measured), 1),
        "of_bare_spark": round(whole / bare, 2),
        "of_yardstick": round(whole / yardstick, 2),
        "rows_per_second": round(rows / whole),
        "peak_mb": round(statistics.median(one.peak_bytes for one in measured) / 1e6),
    }


def _show(document: dict[str, Any]) -> None:
    machine = document["machine"]
    print(f"\nmedians of {document['repeats']} after a warm-up, {machine['cores']} cores")
    for rows, tasks in document["tasks"].items():
        print(
            f"\n{rows:,} rows: seconds of the process (least to most), work alone, x bare Spark, x {YARDSTICK}"
        )
        for name, task in tasks.items():
            spread = f"({task['least']:.1f} to {task['most']:.1f})"
            print(
                f"{name:26} {task['seconds']:>6.1f} s {spread:18} {task['seconds_of_work']:>6.1f} s "
                f"{task['of_bare_spark']:>5.2f} x {task['of_yardstick']:>5.2f} x {task['peak_mb']:>6,} MB"
            )
    for day in document["one_more_day"]:
        by_engine = ", ".join(f"{engine} {day[engine]:.2f} s" for engine in ENGINES)
        print(f"one more day of {day['rows_a_day']:,} rows on {day['months']} months: {by_engine}")
    print(f"\nwritten to {RESULT}")


if __name__ == "__main__":
    main()
