"""Refused records that a person looked at and leaves as they are: who, when and why stands with their file.

The tables change only when a run publishes, so a dismissal is kept in the file ledger, as spans of record numbers, and
every question to the quarantine about open records leaves these out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from contracts.errors import PermanentError
from pipeline.ledger import Item
from rows.columns import SOURCE_ROW, SOURCE_SHA256
from slipway.deployment import Deployment
from slipway.reading import lake, ledgers

MOST_SPANS = 5_000  # a query has 256 KB (Athena quotas), a span in it some 30 bytes

Span = tuple[int, int]  # first and last number


@dataclass(frozen=True, kw_only=True)
class Dismissal:
    """Records of one file that were dismissed together."""

    spans: tuple[Span, ...]
    by: str
    reason: str
    at: str

    def covers(self, record: int) -> bool:
        """Whether the record is one of them."""
        return any(first <= record <= last for first, last in self.spans)

    @property
    def text(self) -> str:
        """Who, when and why."""
        return f"dismissed by {self.by} at {self.at}: {self.reason}"


@dataclass(frozen=True)
class Dismissals:
    """Every dismissal of a dataset, by the hash of the file."""

    of_file: Mapping[str, tuple[Dismissal, ...]]

    def of(self, sha256: str, record: int) -> Dismissal | None:
        """The dismissal of a record, or None."""
        return next((each for each in self.of_file.get(sha256, ()) if each.covers(record)), None)

    @property
    def condition(self) -> str:
        """The condition of a `where` that leaves dismissed records out."""
        return " and ".join(["true", *map(self._not_of, self.of_file)])

    def _not_of(self, sha256: str) -> str:
        spans = [span for each in self.of_file[sha256] for span in each.spans]
        rows = " or ".join(f"{SOURCE_ROW} between {first} and {last}" for first, last in spans)
        return f"not ({SOURCE_SHA256} = {lake.literal(sha256)} and ({rows}))"


def of_dataset(deployment: Deployment, dataset: str) -> Dismissals:
    """Every dismissal of a dataset."""
    items = (item for item in ledgers.entries(deployment, dataset) if item.get("dismissals"))
    return Dismissals({str(item["sha256"]): tuple(_dismissals(item)) for item in items})


def spans(records: Iterable[int]) -> str:
    """Numbers as people and the ledger write them: `3, 7-12`. Raises PermanentError when they are too scattered."""
    runs = [
        [number for _, number in group]
        for _, group in groupby(enumerate(sorted(set(records))), lambda pair: pair[1] - pair[0])
    ]
    if len(runs) > MOST_SPANS:
        raise PermanentError(
            f"these records lie in {len(runs)} places of one file, and one dismissal takes {MOST_SPANS};"
            " dismiss them in parts, for example by --rule"
        )
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _dismissals(item: Item) -> Iterator[Dismissal]:
    for each in item["dismissals"]:
        yield Dismissal(
            spans=tuple(map(_span, str(each["records"]).split(", "))),
            by=each["by"],
            reason=each["reason"],
            at=each["at"],
        )


def _span(text: str) -> Span:
    first, _, last = text.partition("-")
    return int(first), int(last or first)
