"""Over a thousand hostile files: each is loaded, quarantined or rejected, for a reason that names the place.

They are put into the landing bucket as objects, since SFTP cannot express most of their keys. What must become of a
file follows from how it was made (sample_data.hostile), not from what the pipeline says. The files that break every
row are small: a share of bad rows beyond the contract's limit fails the whole run. The full form shows that too, and
that the gate sets such a file aside and the others are loaded without anybody's doing. Rejected files are told in
bursts (docs/decisions/0023), so what the messages count must add up to the rejected files, each once.
"""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chaos import memory, serving
from chaos.batches import batch
from chaos.outcome import Outcome, left_open
from chaos.world import World
from rows.columns import REASONS, RULE_IDS, SOURCE_ROW, SOURCE_SHA256
from sample_data.hostile import KINDS, HostileFile, hostile_files
from sample_data.hostile_draw import Draw, text
from slipway.acting.inbox import Alert

SEED = 7
FULL, SHORT = 1_000, len(KINDS)
UPLOADS_AT_ONCE = 4
POISON_SECONDS = 20 * 60
POISON_ROWS, POISON_NUMBER = (
    300,
    540_000,
)  # the number keeps its orders apart from every other experiment's
REJECTED = re.compile(r"^WARNING \[local\] (\S+): (\d+) files? rejected\b")
Entry = dict[str, Any]


def run(world: World, *, short: bool) -> Outcome:
    """Put all files into landing at once, and account for every one and every row."""
    files = list(hostile_files(SEED, SHORT if short else FULL))
    world.inbox.read()
    began = time.monotonic()
    with memory.watched(world.cloud) as peaks:
        with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
            list(pool.map(lambda file: world.put(file.key, file.body), files))
        world.wait_until_quiet()
    seconds = time.monotonic() - began
    entries = {item["landing_key"]: item for item in world.file_entries()}
    problems = [problem for file in files for problem in _fate(file, entries.get(file.key))]
    alerts = world.inbox.read()
    problems += _rows(world, files, entries) + _told(
        alerts, [entries[file.key] for file in files if file.key in entries]
    )
    problems += serving.unlike_lake(world)
    problems += [] if short else _poison(world)
    problems += left_open(world)
    fates = Counter(_outcome(entries[file.key]) for file in files if file.key in entries)
    return Outcome(
        figures={
            "files": len(files),
            "kinds": len({file.kind for file in files}),
            "bytes": sum(len(file.body) for file in files),
            **{f"files {fate}": count for fate, count in sorted(fates.items())},
            "messages about rejected files": sum(alert.topic == "FileRejected" for alert in alerts),
            "runs": sum(1 for item in world.run_entries() if item["entry"].startswith("run#")),
            "seconds": round(seconds),
            **{
                f"peak memory of {name}": f"{peak / 1024**2:.0f} MiB"
                for name, peak in sorted(peaks.items())
            },
        },
        problems=problems,
    )


def _outcome(entry: Entry) -> str:
    if entry["status"] != "loaded":
        return (
            f"{entry['status']} ({entry['reason']})"
            if entry["status"] == "rejected"
            else str(entry["status"])
        )
    return "quarantined in part or whole" if entry["rows_quarantined"] else "loaded whole"


def _fate(file: HostileFile, entry: Entry | None) -> list[str]:
    """What is wrong with the end that this file met."""
    name, made = f"{file.kind} {file.key[:80]!r}", file.made
    if entry is None:
        return [f"{name}: the ledger does not know it"]
    if entry["status"] == "rejected":
        if "rejected" not in made.fates:
            return [f"{name}: rejected, {entry['reason']}: {entry['detail'][:200]}"]
        named = re.search(made.place, entry["detail"])
        return [] if named else [f"{name}: the reason names no place: {entry['detail'][:200]}"]
    if entry["status"] != "loaded" or not made.fates - {"rejected"}:
        return [f"{name}: {entry['status']}, expected {sorted(made.fates)}"]
    wanted = {"row_count": made.rows, "rows_quarantined": len(made.bad_rows)}
    wanted |= {"rows_deduplicated": made.repeated}
    wanted |= {"rows_loaded": made.rows - len(made.bad_rows) - made.repeated}
    return [
        f"{name}: {count} is {entry[count]}, expected {number}"
        for count, number in wanted.items()
        if entry[count] != number
    ]


def told(alerts: Iterable[Alert]) -> Counter[str]:
    """How many rejected files of each dataset people were told of.

    Raises ValueError for a message about rejected files whose subject does not say how many.
    """
    counted: Counter[str] = Counter()
    for alert in alerts:
        if alert.topic == "FileRejected":
            found = REJECTED.match(alert.subject)
            if found is None:
                raise ValueError(
                    f"the subject {alert.subject!r} does not say how many files were rejected"
                )
            counted[found[1]] += int(found[2])
    return counted


def _told(alerts: Iterable[Alert], entries: Iterable[Entry]) -> list[str]:
    """Each rejected file once, whichever burst it was in."""
    wanted = Counter(str(entry["dataset"]) for entry in entries if entry["status"] == "rejected")
    found = told(alerts)
    return (
        []
        if found == wanted
        else [f"people were told of {dict(found)} rejected files, there are {dict(wanted)}"]
    )


def _rows(world: World, files: Sequence[HostileFile], entries: dict[str, Entry]) -> list[str]:
    """Rows in the tables against rows in the files, file by file, and the place of every refused row."""
    accepted = [file for file in files if entries.get(file.key, {}).get("status") == "loaded"]
    sound: dict[str, int] = dict(
        world.ask(
            f"select {SOURCE_SHA256}, cast(count(*) as integer) "  # noqa: S608 - the pipeline's own names
            f"from processed.sales_records group by {SOURCE_SHA256}"
        )
    )
    refused: dict[str, set[int]] = defaultdict(set)
    silent = []
    for sha256, row, rules, reasons in world.ask(
        f"select {SOURCE_SHA256}, {SOURCE_ROW}, array_join({RULE_IDS}, ','), array_join({REASONS}, '; ') "  # noqa: S608 - as above
        "from processed.sales_records_quarantine"
    ):
        refused[sha256].add(int(row))
        silent += (
            []
            if rules and reasons
            else [f"row {row} of {sha256} is in quarantine without a reason"]
        )
    problems = []
    for file in accepted:
        sha256, made = entries[file.key]["sha256"], file.made
        rows = made.rows - len(made.bad_rows) - made.repeated
        if sound.get(sha256, 0) != rows:
            problems.append(
                f"{file.kind} {file.key[:80]!r}: {sound.get(sha256, 0)} rows in the table, expected {rows}"
            )
        if refused[sha256] != set(made.bad_rows):
            problems.append(
                f"{file.kind}: rows {sorted(refused[sha256])} in quarantine, expected {made.bad_rows}"
            )
    return silent + problems


def _poison(world: World) -> list[str]:
    """A file of bad rows only, larger than the others together: it is set aside, and the others are loaded."""
    world.inbox.read()
    rows = len(world.tables()["processed.sales_records"])
    sound, poisoned = batch("beside_poison", count=2, first=30_000)
    bad = Draw(seed=SEED, number=POISON_NUMBER, turn=0).records(POISON_ROWS)
    body = text([[*record[:5], "31/12/2024", *record[6:]] for record in bad]).encode()
    for key, content in ((sound.key, sound.body), (poisoned.key, body)):
        world.put(key, content)
    deadline = time.monotonic() + POISON_SECONDS
    fate: dict[str, str] = {}
    while fate.get(sound.key) != "loaded" and time.monotonic() < deadline:
        world.wait_until_quiet()
        fate = {item["landing_key"]: item["status"] for item in world.file_entries()}
    found = fate[sound.key], fate[poisoned.key]
    if found != ("loaded", "set_aside"):
        return [f"beside a file of bad rows only: {found}"]
    failed = [alert.subject for alert in world.inbox.read() if alert.topic == "RunFailed"]
    added = len(world.tables()["processed.sales_records"]) - rows
    problems = (
        []
        if added == len(sound.records)
        else [f"{added} rows were added beside a file that was set aside"]
    )
    return problems + (
        []
        if len(failed) == 1
        else [f"told {len(failed)} times of the file that was set aside: {failed}"]
    )
