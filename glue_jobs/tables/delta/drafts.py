"""A draft: a second log, in a folder inside the table's own, that begins with the published files.

One small file names the draft that may still be published, so a killed run's draft is out as soon as a new one begins,
even while that run still writes: each attempt has its own folder. Publishing a draft enters its files into the table's
log and moves none: they lie below the table already.
Source: Delta transaction log protocol, "Add File and Remove File" (a path may be absolute, as in a shallow clone).
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from pyspark.sql import SparkSession

from glue_jobs.tables.delta import files
from glue_jobs.tables.delta.history import VERSION, State, states
from glue_jobs.tables.delta.log import DataFile, Log

POINTER = "_slipway/draft.json"  # readers of Delta skip folders that begin with an underscore
COMMITS_OF_A_DRAFT = 1 << 12  # so many numbers belong to it


@dataclass(frozen=True, kw_only=True)
class Draft:
    """`folder` lies inside the table's; the draft began from the state `base`, which `base_commit` made."""

    name: str
    folder: str
    first: int
    base: int | None
    base_commit: int

    def log(self, spark: SparkSession, path: str) -> Log:
        """Its own log."""
        return Log(spark, f"{path}/{self.folder}")

    def number(self, commit: int) -> int:
        """The number of the state after a commit of its log; that of the table while nothing was written."""
        return self.base if not commit and self.base is not None else self.first + commit

    def holds(self, number: int) -> bool:
        """Whether the draft made the state of this number."""
        return self.first <= number < self.first + COMMITS_OF_A_DRAFT


def current(spark: SparkSession, path: str) -> Draft | None:
    """The draft of the table at `path` that may still be published."""
    text = files.read(spark, f"{path}/{POINTER}")
    return None if text is None else Draft(**json.loads(text))


def start(spark: SparkSession, path: str, name: str, base: State | None) -> Draft:
    """Begin a draft from the table's newest state, in place of any other."""
    table, before = Log(spark, path), current(spark, path)
    first = ((1 << 48) | secrets.randbits(48)) * COMMITS_OF_A_DRAFT  # from 2^60 on, and below 2^61
    draft = Draft(
        name=name,
        folder=f"{name}-{first:x}",
        first=first,
        base=base.number if base else None,
        base_commit=table.version(),
    )
    own = draft.log(spark, path)
    root = files.qualified(spark, path)
    files.write(spark, f"{own.folder}/{0:020d}.json", "\n".join(_first_commit(table, root)))
    files.write(spark, f"{path}/{POINTER}", json.dumps(asdict(draft)))
    if before:
        _forget_log(spark, path, before)
    return draft


def drop(spark: SparkSession, path: str, draft: Draft) -> None:
    """Let nobody publish the draft any more. Its files stay: they may be published, and are orphans if not."""
    files.remove(spark, f"{path}/{POINTER}")
    _forget_log(spark, path, draft)


def published_files(spark: SparkSession, path: str, draft: Draft) -> dict[str, DataFile]:
    """The files of a draft as the table's own log names them."""
    prefix = f"{files.qualified(spark, path)}/"
    found = {}
    for name, file in draft.log(spark, path).live_files().items():
        inside = name.removeprefix(prefix) if name != name.removeprefix(prefix) else None
        found[inside or f"{draft.folder}/{name}"] = file
    return found


def draft_states(spark: SparkSession, path: str, draft: Draft, newest: int) -> Iterator[State]:
    """The states of a draft up to a commit, newest first, without the one that it began from."""
    log = draft.log(spark, path)
    for number in range(newest, -1 if draft.base is None else 0, -1):
        commit = log.commit_at(number)
        if commit is not None:
            yield State(
                number=draft.number(number),
                log=log,
                at=number,
                timestamp_ms=commit.timestamp_ms,
                properties={k: v for k, v in commit.notes.items() if k != VERSION},
                step=commit if number else None,
            )


def lineage(spark: SparkSession, path: str, number: int) -> Iterator[State]:
    """The state of this number and those it was built on; nothing when it is not known."""
    draft = current(spark, path)
    if draft and draft.holds(number):
        yield from draft_states(spark, path, draft, number - draft.first)
        yield from states(Log(spark, path), draft.base_commit)
        return
    reached = False
    for state in states(Log(spark, path)):
        reached = reached or state.number == number
        if reached:
            yield state


def _first_commit(table: Log, root: str) -> Iterator[str]:
    """Protocol, metadata and files of the table; with an id of its own, since Delta remembers tables by their ids."""
    yield json.dumps({"protocol": table.protocol()})
    yield json.dumps({"metaData": {**table.metadata(), "id": str(uuid.uuid4())}})
    for name, file in table.live_files().items():
        yield json.dumps({"add": {**file, "path": f"{root}/{name}", "dataChange": True}})


def _forget_log(spark: SparkSession, path: str, draft: Draft) -> None:
    files.remove(spark, draft.log(spark, path).folder)
