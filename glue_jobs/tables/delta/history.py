"""The published states of a Delta table, newest first, under numbers that outlive a publication and a rollback.

Delta numbers commits; Slipway needs a number that a draft already has, that the table has once the draft is published,
and that comes back with a rollback. Such a commit carries it as a note. Other states go by the number of their commit;
the two cannot be confused, as drafts count from 2^60. A commit that only alters columns or properties is no state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from glue_jobs.tables.delta.log import Commit, DataFile, Log

VERSION = "slipway.version"  # the state that a commit made, if it is not the commit's own number
SAME_AS = "slipway.same-as"  # the commit whose files a rollback put in place again
OWN = {VERSION, SAME_AS}


@dataclass(frozen=True, kw_only=True)
class State:
    """A state of a table: which commit of which log to read, and what led to it (None: not known any more)."""

    number: int
    log: Log
    at: int
    timestamp_ms: int
    properties: Mapping[str, str]
    step: Commit | None


def states(log: Log, at: int | None = None) -> Iterator[State]:
    """The state as of commit `at` (None: the newest) and those it was built on, as far back as the log is kept."""
    number = log.version() if at is None else at
    shown: Commit | None = None  # the commit of a rollback, for which the next state stands
    while number >= 0:
        commit = log.commit_at(number)
        if commit is None:
            if shown is not None:
                yield _state(log, shown, None)
            return
        if shown is None and SAME_AS in commit.notes:
            shown, number = commit, int(commit.notes[SAME_AS])
            continue
        if SAME_AS in commit.notes:
            number = int(commit.notes[SAME_AS])
            continue
        if shown is not None:
            yield _state(log, shown, commit)
            shown = None
        elif _is_state(commit):
            yield _state(log, commit, commit)
        number -= 1


def own_notes(state: State) -> dict[str, str]:
    """The notes by which a new commit stands for the same state."""
    return {**state.properties, VERSION: str(state.number), SAME_AS: str(state.at)}


def changed_files(steps: list[State]) -> Iterator[DataFile]:
    """Files by which rows may have changed in these steps."""
    for state in steps:
        if state.step is not None:
            yield from state.step.changed


def _is_state(commit: Commit) -> bool:
    return bool(commit.adds or commit.removes or commit.notes)


def _state(log: Log, shown: Commit, step: Commit | None) -> State:
    return State(
        number=int(shown.notes.get(VERSION, shown.version)),
        log=log,
        at=shown.version,
        timestamp_ms=shown.timestamp_ms,
        properties={name: value for name, value in shown.notes.items() if name not in OWN},
        step=step,
    )
