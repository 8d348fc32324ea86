"""One run as people read it: its fields, then a table each for totals, snapshots, rules and what was served.

The ledger keeps a hundred figures of a run. A table has one line per column, table or rule instead of
one per figure, and rules that nothing broke are counted. What this module does not know is shown as
plain fields, so nothing is hidden.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline import costs
from pipeline.run_documents import PARTS
from slipway.console import counted, say, table
from slipway.showing import views

LAID_OUT = ("totals", "snapshots", "row_rules", "table_rules", "served", "report", "notes")
FOR_THE_LEDGER = (
    "file_hashes",
    "entry",
    "dataset_status",
)  # files are shown apart, keys say nothing more
TOTALS = ("read", *PARTS)


def show(item: Mapping[str, Any]) -> None:
    """Everything the run ledger holds on one run, without its files."""
    rest = {name: value for name, value in item.items() if name not in (*LAID_OUT, *FOR_THE_LEDGER)}
    views.fields(item["run_id"], rest)
    _totals(item.get("totals") or {})
    _snapshots(item.get("snapshots") or {})
    _rules(item)
    for sentence in costs.sentences(item):
        say(sentence)
    for name, served in sorted((item.get("served") or {}).items()):
        _served(name, served)
    for sentence in (*item.get("report", ()), *item.get("notes", ())):
        say(sentence)


def _totals(totals: Mapping[str, Mapping[str, Any]]) -> None:
    columns = sorted({column for sums in totals.values() for column in sums})
    if columns:
        rows = [
            (column, *(totals.get(part, {}).get(column) for part in TOTALS)) for column in columns
        ]
        table("totals", ("column", *TOTALS), rows, right=range(1, len(TOTALS) + 1))


def _snapshots(snapshots: Mapping[str, Mapping[str, Any]]) -> None:
    if snapshots:
        rows = [
            (name, change["before"] or "empty", change["after"])
            for name, change in sorted(snapshots.items())
        ]
        table("snapshots", ("table", "before", "after"), rows)


def _rules(item: Mapping[str, Any]) -> None:
    """Those that were broken or looked at nothing; the others as a number."""
    every = [*item.get("row_rules", ()), *item.get("table_rules", ())]
    rows = [
        *(_row_rule(rule) for rule in item.get("row_rules", ()) if rule["rows_failed"]),
        *(_table_rule(rule) for rule in item.get("table_rules", ()) if rule["status"] != "passed"),
    ]
    if rows:
        table(
            counted(len(rows), "rule") + " to look at",
            ("rule", "action", "found", "expected"),
            rows,
        )
    if every:
        say(f"{counted(len(every) - len(rows), 'rule')} kept by all rows\n")


def _row_rule(rule: Mapping[str, Any]) -> tuple[object, ...]:
    checked = int(rule["rows_checked"])
    return (
        rule["rule_id"],
        rule["action"],
        f"{int(rule['rows_failed'])} of {counted(checked, 'row')} broke it",
        "",
    )


def _table_rule(rule: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        rule["rule_id"],
        rule["action"],
        f"{rule['status']}: {rule['measured']}",
        rule["expected"],
    )


def _served(name: str, served: Mapping[str, Any]) -> None:
    tables = served.get("tables")
    if not tables:
        views.fields(f"served: {name}", served)
        return
    headers = (
        "table",
        "loaded",
        "rows loaded",
        "rows removed",
        "rows in all",
        "lake bytes read",
        f"totals in lake and {name}",
    )
    rows = [
        (
            each,
            found["mode"],
            found["loaded_rows"],
            found.get("removed_rows"),
            found["rows"],
            found.get("lake_bytes"),
            _compared(found, name),
        )
        for each, found in sorted(tables.items())
    ]
    table(f"served: {name}", headers, rows, right=[2, 3, 4, 5])


def _compared(found: Mapping[str, Any], consumer: str) -> str:
    return ", ".join(_both(found.get("totals", {}), consumer))


def _both(totals: Mapping[str, Mapping[str, Any]], consumer: str) -> Iterator[str]:
    """The sum of a column once when both sides have it, as every load that succeeded has."""
    for column, sums in sorted(totals.items()):
        sides = (str(sums["lake"]), str(sums[consumer]))
        yield (
            f"{column} {sides[0]}"
            if sides[0] == sides[1]
            else f"{column} {sides[0]} and {sides[1]}"
        )
