"""A run that is killed at any write and repeated gives the tables of a run that nobody disturbed, row for row.

`SLIPWAY_FAULTS=all` tries both sides of every write and every way to go on, in each table format, also for the very
first run; `kinds` the first and last write of each kind, each on one side and with one way to go on, in Iceberg;
without it a few of those.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from contracts.model import TableFormat
from contracts.table_rules import RowCount
from glue_jobs import storage
from tests.spark.faults import EVERY, Checkpoint, Killed, Writes, points
from tests.spark.keeping import FIRST, ORDERS_OF_CUSTOMERS, SECOND, THIRD, KeptLake
from tests.spark.lake import Lake, lines
from tests.spark.orders import HEADER

LOADED = "raw_to_processed.json"
OF_CUSTOMERS = HEADER + ",customer"
EARLIER = (
    "1,1/2/2024,open,1,10.00,a,anna", "2,2/2/2024,open,1,20.00,a,berta", "3,5/2/2024,open,1,50.00,a,anna",
    "4,5/3/2024,sent,1,5.00,refused,anna", "x,5/3/2024,open,1,6.00,refused,berta",
)  # fmt: skip
CORRECTING = (
    "1,5/9/2024,paid,1,11.00,moved to another month,anna", "5,2/9/2024,open,1,1.00,new,carl",
    "5,2/9/2024,paid,,2.00,newer in the same file and without a quantity,carl", "3,5/2/2024,open,1,oops,broken,anna",
)  # fmt: skip
LATER = (
    "5,3/9/2024,paid,1,3.00,newest of all and moved,carl",
    "6,1/9/2024,paid,1,0.00,breaks a rule,dora",
)
REPLAYED = ("4,5/3/2024,open,1,5.00,mended,anna,4",)
RULES = (
    RowCount(
        id="has_rows", description="There are orders.", action="halt", minimum=1, maximum=None
    ),
)


FORMATS: tuple[TableFormat, ...] = get_args(TableFormat) if EVERY else ("iceberg",)


@pytest.fixture(params=FORMATS)
def kept(lake: Lake, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> KeptLake:
    """An empty lake whose contract uses everything."""
    contract = replace(ORDERS_OF_CUSTOMERS, table_rules=RULES, table_format=request.param)
    found = KeptLake(
        spark=lake.spark, folder=lake.folder, environment=lake.environment, contract=contract
    )
    found.pii_key = b"a key of the tests with 32 bytes."
    found.keep_documents_here(monkeypatch)
    return found


def raw_to_processed(kept: KeptLake, files: list[dict[str, Any]], run_id: str) -> None:
    """The first job, as its entry script wires it."""
    result = kept.load(*files, run_id=run_id)
    storage.write_json(f"{kept.runs_uri}{run_id}/{LOADED}", result)


def processed_to_curated(kept: KeptLake, run_id: str) -> None:
    """The second job."""
    result = kept.curate(run_id)
    storage.write_json(f"{kept.runs_uri}{run_id}/processed_to_curated.json", result)


def whole(kept: KeptLake, files: list[dict[str, Any]], run_id: str) -> None:
    """Both jobs."""
    raw_to_processed(kept, files, run_id)
    processed_to_curated(kept, run_id)


def outcome(kept: KeptLake, run_id: str) -> dict[str, Any]:
    """All that must not depend on how often a run was killed."""
    loaded = kept.results[run_id]
    measured = {
        name: loaded[name]
        for name in ("observed", "files", "quarantine_by_rule", "row_rules", "touched_dates")
    }
    # Of rows that an attempt has published, the next one finds that the table has them from this very file.
    measured["files"] = [
        {name: value for name, value in file.items() if name != "effect"}
        for file in measured["files"]
    ]
    return {
        **kept.content(of_runs=(FIRST, run_id)),
        "measured": measured,
        "unpublished": kept.unpublished(),
    }


def earlier(kept: KeptLake) -> dict[str, Any]:
    """The file that the lake holds before the run."""
    return kept.put(lines(*EARLIER, header=OF_CUSTOMERS), "0.csv", 0)


def files(kept: KeptLake) -> list[dict[str, Any]]:
    """Files with corrections, repeated keys, broken records and a replay of what was refused."""
    replayed = kept.put(
        lines(*REPLAYED, header=OF_CUSTOMERS + ",_source_row"),
        "3.csv",
        3,
        replay_of=earlier(kept)["sha256"],
    )
    return [
        kept.put(lines(*CORRECTING, header=OF_CUSTOMERS), "1.csv", 1),
        kept.put(lines(*LATER, header=OF_CUSTOMERS), "2.csv", 2),
        replayed,
    ]


def recoveries(kept: KeptLake) -> list[tuple[str, str, Callable[[list[dict[str, Any]]], None]]]:
    """What may be done after a kill: name, run id, deed. The second job can go on only if the first one has ended."""
    found: list[tuple[str, str, Callable[[list[dict[str, Any]]], None]]] = [
        ("a new run", THIRD, lambda given: whole(kept, given, THIRD)),
        ("the run from its start", SECOND, lambda given: whole(kept, given, SECOND)),
    ]
    if f"{kept.runs_uri}{SECOND}/{LOADED}" in kept.documents:
        found.append(("the second job", SECOND, lambda _: processed_to_curated(kept, SECOND)))
    return found


@pytest.mark.parametrize("history", ["later run", "first run"] if EVERY else ["later run"])
def test_a_run_killed_at_any_write_and_repeated_gives_the_same_tables(
    kept: KeptLake,
    history: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Any,
) -> None:
    given = files(kept)
    if history == "later run":
        whole(kept, [earlier(kept)], FIRST)
    start = Checkpoint(kept, tmp_path / "aside")
    writes = Writes()
    writes.watch(monkeypatch)
    whole(kept, given, SECOND)
    expected, kinds = outcome(kept, SECOND), list(writes.kinds)
    print(f"{time.strftime('%X')} {history}: {len(kinds)} writes: {', '.join(kinds)}", flush=True)
    assert len(kinds) > 20
    tried = 0
    for point, (number, side) in enumerate(points(kinds)):
        for choice in range(3):
            writes.at, writes.side = 0, side
            start.restore()
            writes.kinds.clear()
            writes.at = number
            with pytest.raises(Killed, match=f"{side} write {number}, "):
                whole(kept, given, SECOND)
            possible = recoveries(kept)
            if choice >= len(possible):
                break
            name, run_id, recover = possible[choice if EVERY else (point + choice) % len(possible)]
            recover(given)
            assert outcome(kept, run_id) == expected, (
                f"killed {side} write {number}, {kinds[number - 1]}; then {name}"
            )
            tried += 1
            print(
                f"{time.strftime('%X')} killed {side} write {number}, {kinds[number - 1]}; then {name}",
                flush=True,
            )
            if not EVERY:
                break
    record_property("fault points", f"{history}: {tried} kills over {len(kinds)} writes: {kinds}")
    print(f"{history}: {tried} kills over {len(kinds)} writes: {kinds}")
