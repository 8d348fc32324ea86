"""How an experiment is judged: its report is printed, and its problems fail the test."""

from __future__ import annotations

from chaos.__main__ import report
from chaos.outcome import Outcome


def told(name: str, outcome: Outcome) -> list[str]:
    """The problems, after the report."""
    report(name, outcome, 0)
    return outcome.problems
