"""Who shows a mart outside the lake, and which of them do not show its published version yet.

A run notes for each consumer the version that it shows. So whatever went wrong with one is made up for by the mart's
next run, also by one that finds its inputs as they were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.marts import Mart
from pipeline import serving
from pipeline.failed_tasks import as_object, error_of_machine, readable
from pipeline.run_documents import RefreshOrdered, serve_result
from rows.marts import MartResult, fingerprint

Shown = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Served:
    """What the consumers did: `figures` as the run ledger keeps them, `shown` what they show, `problems` in words."""

    figures: dict[str, Any]
    shown: Shown
    problems: dict[str, str]


def consumers(mart: Mart, deployed: Iterable[str]) -> tuple[str, ...]:
    """The consumers of the environment for which the mart is marked."""
    marks = {"warehouse": mart.warehouse is not None, "dashboards": mart.dashboard}
    return tuple(name for name in deployed if marks[name])


def owed(mart: Mart, deployed: Iterable[str], shown: Mapping[str, str], version: int) -> list[str]:
    """Those of them that do not show this version of this mart."""
    state = _state(mart, str(version))
    return [name for name in consumers(mart, deployed) if shown.get(name) != state]


def lake_of(result: MartResult) -> dict[str, Any]:
    """What a run did to the table, for whoever shows only what changed; versions as texts."""
    return {
        "before": None if result.before is None else str(result.before),
        "after": str(result.version),
        "periods": [day.isoformat() for day in result.periods or ()],
    }


def rolled_back(version: int) -> dict[str, Any]:
    """The same of a rollback: which periods differ is not known."""
    return {"before": None, "after": str(version), "periods": []}


def concluded(
    mart: Mart, version: str, earlier: Mapping[str, str], answers: Iterable[Mapping[str, Any]]
) -> Served:
    """What the state machine says of each consumer: its result, or the failure of its machine."""
    shown, figures, problems = dict(earlier), dict[str, Any](), dict[str, str]()
    for answer in answers:
        name = str(answer["consumer"])
        if failure := answer.get("failure"):
            problems[name] = _problem(failure)
            figures[name] = {"problem": problems[name]}
            continue
        result = serve_result(answer["result"])
        figures |= serving.kept([result], {})
        if isinstance(result, RefreshOrdered) and result.problem:
            problems[name] = result.problem
        else:
            shown[name] = _state(mart, version)
    return Served(figures=figures, shown=shown, problems=problems)


def _problem(failure: Mapping[str, Any]) -> str:
    """The error of the consumer's machine, then what went wrong there."""
    cause = str(failure.get("Cause") or "")
    error = error_of_machine(as_object(cause)) or failure["Error"]
    return f"{error}: {readable(cause)}"


def _state(mart: Mart, version: str) -> str:
    """A version of the table as this definition shows it: other columns or another layout are shown anew."""
    form = repr((fingerprint(mart), mart.warehouse))
    return f"{version} {hashlib.sha256(form.encode()).hexdigest()[:16]}"
