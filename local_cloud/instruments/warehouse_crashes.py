"""Lets the warehouse die at a chosen statement of a batch: the operator's tool for experiments.

The engine is closed as it stands, so the open transaction is lost and the batch fails; the next statement finds the
warehouse up again. Each armed crash strikes once.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

MOMENTS = ("before", "after")


@dataclass(kw_only=True)
class Armed:
    """A crash that waits, for the number of a statement in its batch (1 is the first) or for a text in it."""

    moment: str
    statement: str

    def strikes(self, moment: str, number: int, sql: str) -> bool:
        """Whether this is the moment."""
        if moment != self.moment:
            return False
        return (
            number == int(self.statement)
            if self.statement.isdigit()
            else self.statement.lower() in sql.lower()
        )


_armed: list[Armed] = []
_struck: list[dict[str, Any]] = []
_lock = threading.Lock()


def arm(moment: str, statement: str) -> dict[str, Any]:
    """`before` or `after` a statement: its number in its batch, or a word in it such as MERGE."""
    if moment not in MOMENTS:
        return {"message": f"{moment!r} is not one of {', '.join(MOMENTS)}"}
    with _lock:
        _armed.append(Armed(moment=moment, statement=statement))
    return {"armed": f"{moment} {statement}"}


def disarm() -> dict[str, Any]:
    """Forget what has not struck; the answer names it."""
    with _lock:
        waiting = [f"{crash.moment} {crash.statement}" for crash in _armed]
        _armed.clear()
    return {"not_struck": waiting}


def struck() -> list[dict[str, Any]]:
    """All crashes so far: moment, number of the statement, its text."""
    return _struck


def strikes(moment: str, number: int, sql: str) -> bool:
    """Asked around every statement; true when the warehouse must die now."""
    with _lock:
        crash = next((crash for crash in _armed if crash.strikes(moment, number, sql)), None)
        if crash is None:
            return False
        _armed.remove(crash)
        _struck.append({"moment": moment, "statement": number, "sql": sql})
    return True
