"""Delta beside Iceberg: `python -m benchmarks.formats [--rows 1000000]`, seconds and bytes as ratios, by hand.

Each format does the same operations of the jobs in a Spark of its own, one after the other (format_tasks). The two must
agree on every row before anything is printed, and deltalake, an independent reader, with Spark. Also written to
build/formats.json, with the load of the machine: figures of a busy one say little, but for processor seconds and bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.measuring import Measured, measure

RESULT = Path("build") / "formats.json"
FORMATS = ("iceberg", "delta")
SEEN = ("merged", "travelled", "rolled back", "erased")  # what both must see alike


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, compare, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where to work (default: the temporary one)")
    given = parser.parse_args(argv)
    measured = {name: _measured(name, given.rows, given.folder) for name in FORMATS}
    if wrong := list(differences({name: each.found for name, each in measured.items()})):
        raise SystemExit("\n".join(["the formats do not hold the same rows:", *wrong]))
    document = {
        "at": f"{datetime.now(UTC):%Y-%m-%d}",
        "rows": given.rows,
        "machine": {"cores": os.cpu_count(), "system": platform.platform()},
        "load_average": os.getloadavg()[0],
        "formats": {
            name: {
                **each.found,
                "whole_seconds": each.seconds,
                "processor_seconds": each.processor_seconds,
            }
            for name, each in measured.items()
        },
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(document, indent=2) + "\n")
    for line in table(document):
        print(line)


def _measured(name: str, rows: int, folder: Path | None) -> Measured:
    with tempfile.TemporaryDirectory(
        prefix="slipway-formats-", dir=folder, ignore_cleanup_errors=True
    ) as work:
        return measure("format_tasks", name, str(Path(work) / "lake"), str(rows))


def differences(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Where the formats, or an independent reader of Delta, see other rows; one sentence each."""
    iceberg, delta = (found[name] for name in FORMATS)
    for what in SEEN:
        if iceberg[what] != delta[what]:
            yield f"{what}: iceberg has {iceberg[what]} and delta {delta[what]} (rows, sums)"
    if delta["other_reader"] != delta["erased"]:
        yield f"deltalake sees {delta['other_reader']} and Spark {delta['erased']}"


def table(document: Mapping[str, Any]) -> Iterator[str]:
    """One line for each operation and size: both formats, and Delta in Icebergs."""
    iceberg, delta = (document["formats"][name] for name in FORMATS)
    yield f"{document['rows']:,} rows, load of the machine {document['load_average']:.1f}"
    yield f"{'':<28}{'iceberg':>12}{'delta':>12}{'ratio':>8}"
    for name, seconds in iceberg["seconds"].items():
        yield _line(f"{name}, s", seconds, delta["seconds"][name])
    yield _line(
        "processor seconds in all", iceberg["processor_seconds"], delta["processor_seconds"]
    )
    sizes = {
        "MB of the merged table": (each["state"]["bytes"] for each in (iceberg, delta)),
        "MB on disk, all versions": (each["bytes_on_disk"] for each in (iceberg, delta)),
        "MB left after expiry": (each["bytes_left"] for each in (iceberg, delta)),
    }
    for name, (ours, theirs) in sizes.items():
        yield _line(name, ours / 1e6, theirs / 1e6)
    yield _line("files of the merged table", *(each["state"]["files"] for each in (iceberg, delta)))


def _line(name: str, iceberg: float, delta: float) -> str:
    ratio = f"{delta / iceberg:.2f} x" if iceberg else "-"
    return f"{name:<28}{iceberg:>12,.2f}{delta:>12,.2f}{ratio:>8}"


if __name__ == "__main__":
    main()
