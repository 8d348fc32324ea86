"""A forecast that was published before takes the place of the published one.

Asked for by version on both sides: what was published meanwhile is never undone unseen, and a repetition changes
nothing. The next run finds a forecast that was not made from the newest tables, and so makes a new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from contracts.errors import PermanentError
from pipeline.run_documents import ForecastRollback, ForecastRolledBack, TableFigures
from rows.forecast_run import RUN, SOURCE_SNAPSHOT
from rows.tables import Table


class Versions(Protocol):
    """Tables that know their published versions."""

    def history(self, table: Table) -> list[tuple[int, dict[str, str]]]:
        """The published version and those it was built on, newest first, each with its properties."""

    def roll_back(self, table: Table, version: int) -> None:
        """Publish an earlier version again, of which the published one is built; again is harmless."""

    def figures(self, table: Table, version: int) -> TableFigures:
        """Rows, data files and their size in a version."""


def roll_back(tables: Versions, table: Table, wanted: ForecastRollback) -> ForecastRolledBack:
    """Publish `wanted.back_to` again; what was done.

    Raises PermanentError, and changes nothing, when another forecast is published than `wanted.undone`, or when the
    forecast to go back to is not among those that it was built on.
    """
    undone, back_to = int(wanted.undone), int(wanted.back_to)
    kept = {version: found for version, found in tables.history(table) if SOURCE_SNAPSHOT in found}
    published = next(iter(kept), None)
    if published not in (undone, back_to):
        raise PermanentError(
            f"{table.name}: the published forecast is {published}, not {undone}: another one was made meanwhile; "
            f"choose again: {_HISTORY}"
        )
    if back_to not in kept:
        raise PermanentError(
            f"{table.name} has no forecast {back_to} to go back to, it keeps {', '.join(map(str, kept))}; "
            f"choose another one: {_HISTORY}"
        )
    tables.roll_back(table, back_to)
    before, after = tables.figures(table, undone), tables.figures(table, back_to)
    return ForecastRolledBack(
        table=table.name,
        before=wanted.undone,
        after=wanted.back_to,
        rows_before=before.rows,
        rows_after=after.rows,
        files_before=before.files,
        files_after=after.files,
        bytes_before=before.bytes,
        bytes_after=after.bytes,
        report=(
            f"{table.name} has the forecast {wanted.back_to} again{_origin(kept[back_to])}; "
            f"{wanted.undone} was taken back. Reason: {wanted.reason}",
            "The next run makes a new forecast.",
        ),
    )


_HISTORY = "slipway forecast show --history"


def _origin(properties: Mapping[str, str]) -> str:
    return f", of run {properties[RUN]}" if RUN in properties else ""
