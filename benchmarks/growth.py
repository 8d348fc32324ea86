"""How both Spark jobs grow with the rows of a run: `python -m benchmarks.growth --rows 1000000 5000000`, by hand.

A run of several files in one load, each job in a process of its own on local Spark with two cores and 2 GB, tables on
the local file system. Printed for each size: seconds of each repeat, processor seconds of a million rows, peak memory,
data files and their size, and the disk that was used; last how a row's processor time grows from the smallest size on.
Processor seconds count the start of Python and Spark, and are what can be compared between busy hours.
50 million rows take about 25 GB of disk and two hours on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from benchmarks.measuring import Measured, measure
from pipeline.run_documents import LoadResult
from sample_data.sales_rows import Span, write_file

RESULT = Path("build") / "growth.json"
MONTHS, FIRST = 24, date(2023, 1, 1)
MILLION = 1_000_000


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[MILLION, 5 * MILLION])
    parser.add_argument("--files", type=int, default=5, help="of a run (default: 5)")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where to work (default: the temporary one)")
    given = parser.parse_args(argv)
    sizes = []
    for rows in given.rows:
        sizes.append(_size(rows, given.files, given.repeats, given.folder))
        print(json.dumps(sizes[-1]), flush=True)
    document = {
        "at": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": {"cores": os.cpu_count(), "system": platform.platform()},
        "load_average": os.getloadavg()[0],
        "sizes": sizes,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(document, indent=2) + "\n")
    for line in table(sizes):
        print(line)


def _size(rows: int, files: int, repeats: int, folder: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(
        prefix="slipway-growth-", dir=folder, ignore_cleanup_errors=True
    ) as name:
        work = Path(name)
        megabytes = _write(work / "files", rows, files) / MILLION
        runs = [_run(work, rows, repeat) for repeat in range(1, repeats + 1)]
    return {"rows": rows, "files": files, "megabytes": round(megabytes), "runs": runs}


def _write(folder: Path, rows: int, files: int) -> int:
    """Files of so many rows together, no key twice; their bytes."""
    folder.mkdir()
    span, each = Span(first=FIRST, months=MONTHS), rows // files
    for number in range(files):
        file = folder / f"sales_{number}.csv"
        write_file(file, rows=each, span=span, seed=f"growth{number}", first_serial=number * each)
    return sum(file.stat().st_size for file in folder.iterdir())


def _run(work: Path, rows: int, repeat: int) -> dict[str, Any]:
    lake, files = work / f"lake{repeat}", str(work / "files")
    run_id = f"20250101T{repeat:06d}-cccccccc"
    load = measure("tasks", "load", str(lake), files, run_id)
    _require_all(load, rows)
    after = json.dumps(load.found["after"])
    curate = measure("tasks", "curate", str(lake), files, run_id, after)
    found = {
        "load": _figures(load, rows),
        "curate": _figures(curate, rows),
        "tables": dict(_data_files(lake / "tables")),
        "disk_bytes": sum(file.stat().st_size for file in work.rglob("*") if file.is_file()),
    }
    shutil.rmtree(lake)
    return found


def _require_all(load: Measured, rows: int) -> None:
    loaded = sum(file.rows_loaded for file in LoadResult.from_json(load.found["result"]).files)
    if loaded != rows:
        raise RuntimeError(f"{loaded:,} of {rows:,} rows were loaded: the figures would be of less")


def _figures(one: Measured, rows: int) -> dict[str, float]:
    """Of a whole process and of its work alone, without the start of Python and Spark."""
    work = float(one.found["seconds"])
    return {
        "process_seconds": round(one.seconds, 1),
        "work_seconds": round(work, 1),
        "processor_seconds": round(one.processor_seconds, 1),
        "processor_seconds_by_million": round(one.processor_seconds / rows * MILLION, 2),
        "peak_bytes": one.peak_bytes,
    }


def _data_files(tables: Path) -> Iterator[tuple[str, dict[str, int]]]:
    """By table: how many data files there are, the bytes of all, and of the smallest."""
    for table in sorted(place for place in tables.glob("*/*") if place.is_dir()):
        sizes = [file.stat().st_size for file in (table / "data").rglob("*.parquet")]
        if sizes:
            yield table.name, {"files": len(sizes), "bytes": sum(sizes), "smallest": min(sizes)}


def table(sizes: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The page's table, as Markdown; medians of the repeats."""
    yield "| rows | files, MB | load, s | curate, s | processor s of a million | growth | peak memory | data files |"
    yield "|--:|---|---|---|--:|--:|--:|---|"
    first = None
    for size in sizes:
        by_million = sum(
            _median(size, job, "processor_seconds_by_million") for job in ("load", "curate")
        )
        first = first or by_million
        tables = size["runs"][-1]["tables"]
        processed = tables.get("sales_records", {"files": 0, "bytes": 0})
        small = f"{processed['files']} of {processed['bytes'] / max(processed['files'], 1) / MILLION:.1f} MB"
        peak = max(_median(size, job, "peak_bytes") for job in ("load", "curate")) / MILLION
        yield (
            f"| {size['rows']:,} | {size['files']}, {size['megabytes']:,} | {_each(size, 'load')} |"
            f" {_each(size, 'curate')} | {by_million:.1f} | {by_million / first:.2f} | {peak:,.0f} MB | {small} |"
        )


def _median(size: dict[str, Any], job: str, figure: str) -> float:
    return float(statistics.median(run[job][figure] for run in size["runs"]))


def _each(size: dict[str, Any], job: str) -> str:
    return ", ".join(f"{run[job]['work_seconds']:.0f}" for run in size["runs"])


if __name__ == "__main__":
    main()
