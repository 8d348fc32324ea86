"""One consistent cut through tables that are published one by one: versions that were all published at one moment.

Each table is looked at twice, every one a first time before any a second time. A table that is found unchanged was so
in between, and the moment between the two rounds is one for all. A version alone does not show that: a rollback brings
an earlier one back, so that the moment since which it is published is compared as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from contracts.errors import PermanentError, RetryableError

ROUNDS = 5  # a run publishes each table once; five changes in a row are no coincidence

Place = TypeVar("Place")


class InputMissing(PermanentError):
    """Nothing was ever published of an input."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """The published version of a table, and since when it is published, in milliseconds of the Unix epoch."""

    version: int
    since_millis: int


Cut = Mapping[str, Published]
"""By name of the input."""


def take_cut(inputs: Mapping[str, Place], published: Callable[[Place], Published | None]) -> Cut:
    """Versions of the inputs that were published at one and the same moment during this call.

    Raises InputMissing for an input that was never published, RetryableError when they do not come to rest.
    """
    seen = _looked_at(inputs, published)
    for _ in range(ROUNDS):
        again = _looked_at(inputs, published)
        if again == seen:
            return again
        seen = again
    raise RetryableError(
        f"{', '.join(inputs)} were published again while their versions were read, {ROUNDS} times in a row; "
        "run the mart again once their runs have ended"
    )


def _looked_at(
    inputs: Mapping[str, Place], published: Callable[[Place], Published | None]
) -> dict[str, Published]:
    found = {name: published(place) for name, place in inputs.items()}
    if missing := [name for name, state in found.items() if state is None]:
        raise InputMissing(
            f"nothing was ever published of {', '.join(missing)}; load a file of each, then run the mart again"
        )
    return {name: state for name, state in found.items() if state is not None}
