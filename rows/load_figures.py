"""What a load says about each file, from the figures that an engine measured; money is exact and never a float."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from contracts import headers, model
from pipeline.run_documents import (
    HistoryRows,
    LoadedFile,
    ManifestFile,
    PartTotals,
    RefusedSample,
    TableEffect,
)
from rows.keeping import lacked_by
from rows.money import EXACT, money

FIRST_ZONE = timedelta(hours=14)  # where a day begins first: Pacific/Kiritimati, UTC+14
SAMPLES_PER_RULE = 3
SAMPLES_PER_FILE = 30  # an entry of the file ledger has 400 KB (DynamoDB quotas)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """How many rows of a file, and the sum of each money column over them."""

    rows: int
    totals: Mapping[str, Decimal]


ByFile = Mapping[str, Figures]  # by content hash; a file without any row may be left out


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The figures of a load by file, each measured at another place, and what is said besides them."""

    read: ByFile
    loaded: ByFile
    quarantined: ByFile
    deduplicated: ByFile
    effects: Mapping[str, TableEffect]
    erased: Mapping[str, int] = field(default_factory=dict)
    samples: Mapping[str, tuple[RefusedSample, ...]] = field(default_factory=dict)
    last_days: Mapping[str, date] = field(default_factory=dict)
    keeping: Mapping[str, int] = field(default_factory=dict)
    history: ByFile | None = None


def loaded_files(
    contract: model.Contract, files: Iterable[ManifestFile], measured: Measured
) -> tuple[LoadedFile, ...]:
    """What became of each file, in the order of the manifest."""
    return tuple(_loaded_file(contract, file, measured) for file in files)


def added(contract: model.Contract, parts: Iterable[Figures]) -> dict[str, Decimal]:
    """The total of every money column over all parts, exact and with as many decimals as the column has."""
    totals = {column.name: Decimal(0) for column in contract.control_columns}
    for part in parts:
        totals = {name: EXACT.add(total, part.totals[name]) for name, total in totals.items()}
    return {column.name: money(totals[column.name], column) for column in contract.control_columns}


def samples_of_file(found: Iterable[RefusedSample]) -> tuple[RefusedSample, ...]:
    """The samples of a file, rule by rule in the order in which rules first refused a record."""
    samples = list(found)
    first: dict[str, int] = {}
    for sample in samples:
        first[sample.rule_id] = min(sample.record, first.get(sample.rule_id, sample.record))
    samples.sort(key=lambda one: (first[one.rule_id], one.rule_id, one.record))
    return tuple(samples[:SAMPLES_PER_FILE])


def dates_until(contract: model.Contract, file: ManifestFile, last_day: date | None) -> date | None:
    """The last day of a file's valid rows if it is after the delivery's own day; None where nobody is to be told."""
    own_day = (file.received_at + FIRST_ZONE).date()
    is_told = contract.dates_after_delivery == "warn"
    return last_day if is_told and last_day is not None and last_day > own_day else None


def _loaded_file(contract: model.Contract, file: ManifestFile, measured: Measured) -> LoadedFile:
    def of(figures: ByFile) -> tuple[int, dict[str, Decimal]]:
        own = [figures[file.sha256]] if file.sha256 in figures else []
        return sum(part.rows for part in own), added(contract, own)

    rows_read, read = of(measured.read)
    rows_loaded, loaded = of(measured.loaded)
    rows_quarantined, quarantined = of(measured.quarantined)
    rows_deduplicated, deduplicated = of(measured.deduplicated)
    history = None
    if measured.history is not None:
        rows, totals = of(measured.history)
        history = HistoryRows(rows=rows, totals=totals)
    kept = tuple(column.source_name for column in lacked_by(contract, file))
    return LoadedFile(
        sha256=file.sha256,
        file_name=file.file_name,
        rows_read=rows_read,
        rows_loaded=rows_loaded,
        rows_quarantined=rows_quarantined,
        rows_deduplicated=rows_deduplicated,
        totals=PartTotals(
            read=read,
            loaded=loaded,
            quarantined=quarantined,
            deduplicated=deduplicated,
        ),
        effect=measured.effects[file.sha256],
        rows_erased=measured.erased.get(file.sha256),
        dates_until=dates_until(contract, file, measured.last_days.get(file.sha256)),
        lacking_columns=headers.lacking(contract, file.header) or None,
        keeping_columns=kept or None,
        rows_keeping=measured.keeping.get(file.sha256, 0) if kept else None,
        samples=measured.samples.get(file.sha256),
        history=history,
    )
