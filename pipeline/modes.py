"""What a run is for, each mode once.

The load modes take files and belong to the machine dataset_run. The maintenance modes work on the
tables as they are and belong to dataset_care.
"""

from __future__ import annotations

from typing import Literal, TypeGuard, cast, get_args

LoadMode = Literal["load", "backfill", "replay", "retraction"]
MaintenanceMode = Literal["maintenance", "rollback", "erasure", "forecast_rollback"]
RunMode = Literal[LoadMode, MaintenanceMode]


def works_on_files(mode: object) -> TypeGuard[LoadMode]:
    """Whether a run of this mode takes files, and publishes what they hold."""
    return mode in get_args(LoadMode)


def loads_again(mode: LoadMode) -> bool:
    """Whether a run of this mode takes the rows of its files off the table first and loads them anew."""
    return mode in ("backfill", "retraction")


def known(mode: str) -> RunMode | None:
    """The mode of this name; None for a word that is none, as an operator may have written it."""
    return cast(RunMode, mode) if mode in get_args(RunMode) else None
