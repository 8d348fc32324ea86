"""Care of a dataset's tables: maintenance, rollback, erasure (docs/reference/state_machines.md).

A care run holds the dataset's lock, so nobody else writes meanwhile. Each mode can be killed anywhere and run again: it
looks at what the tables say, not at how far it came. Only what the first attempt found is written down before anything
changes, because a second attempt could no longer find it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from contracts.errors import PermanentError
from glue_jobs import storage
from glue_jobs.maintenance import erasure, rollback
from glue_jobs.maintenance import upkeep as maintenance
from glue_jobs.maintenance.work import Caring

Sentences = list[str]
MODES: dict[str, tuple[Callable[[Caring, dict[str, Any]], Sentences], str]] = {
    "maintenance": (maintenance.maintain, "maintained"),
    "rollback": (rollback.roll_back, "rolled back"),
    "erasure": (erasure.erase, "erased"),
}


def run(caring: Caring) -> dict[str, Any]:
    """Carry out the request of a care run and return the result document.

    Raises PermanentError, before anything is changed, when the request cannot be carried out.
    """
    started, mode = time.monotonic(), caring.request["mode"]
    if mode not in MODES:
        raise PermanentError(f"care run {caring.run_id}: unknown mode {mode!r}; known: {', '.join(MODES)}")
    carry_out, verb = MODES[mode]
    found = storage.find_json(caring.found_uri)
    if found is None:
        found = {"tables": caring.measured(), **(erasure.found(caring) if mode == "erasure" else {})}
        storage.write_json(caring.found_uri, found)
    report = carry_out(caring, found)
    after = caring.measured()
    return {
        "dataset": caring.contract.dataset,
        "run_id": caring.run_id,
        "mode": mode,
        "tables": [_document(name, verb, found["tables"].get(name), figures) for name, figures in after.items()],
        "duration_seconds": round(time.monotonic() - started, 1),
        "report": report,
    }


def _document(name: str, verb: str, before: dict[str, Any] | None, after: dict[str, Any]) -> dict[str, Any]:
    then = before or {"snapshot": None, "rows": 0, "files": 0, "bytes": 0}
    return {
        "table": name,
        "action": "unchanged" if then["snapshot"] == after["snapshot"] else verb,
        "before": then["snapshot"],
        "after": after["snapshot"],
        "rows_deleted": max(0, then["rows"] - after["rows"]),
        **{f"{what}_before": then[what] for what in ("files", "bytes")},
        **{f"{what}_after": after[what] for what in ("files", "bytes")},
    }
