"""What flows in a month, as a person states it in YAML or as the run ledger measured it.

A doubled volume is twice as many runs of the same size: a run that is twice as large may change the engine.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from contracts.authoring import structure, yaml_lines
from contracts.authoring.problems import did_you_mean
from contracts.errors import ContractInvalid
from pricing.price_list import Amount, Plain, number

Least = Annotated[Decimal, BeforeValidator(number), Field(gt=0)]


class DatasetSpec(Plain):
    """A dataset in a volume file; `stored_gigabytes` is what the buckets hold of it, in all zones and versions."""

    runs: Least
    files: Amount
    rows: Amount
    megabytes: Amount
    stored_gigabytes: Amount


class VolumeFile(Plain):
    """A volume file: a month by dataset, what Athena scans, what the warehouse computes."""

    datasets: dict[str, DatasetSpec]
    scanned_gigabytes: Amount = Decimal(0)
    warehouse_rpu_hours: Amount = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class DatasetVolume:
    """A month of one dataset. `worker_seconds` by engine and `stored_gigabytes` are None where nobody knows them."""

    runs: Decimal
    files: Decimal
    rows: Decimal
    megabytes: Decimal
    stored_gigabytes: Decimal | None
    worker_seconds: Mapping[str, Decimal] | None = None

    def times(self, factor: int) -> DatasetVolume:
        """As many months in one: more runs of the same size."""
        stored, seconds = self.stored_gigabytes, self.worker_seconds
        return DatasetVolume(
            runs=self.runs * factor,
            files=self.files * factor,
            rows=self.rows * factor,
            megabytes=self.megabytes * factor,
            stored_gigabytes=None if stored is None else stored * factor,
            worker_seconds=seconds and {name: each * factor for name, each in seconds.items()},
        )


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A month. `source` says where the figures are from."""

    source: str
    datasets: Mapping[str, DatasetVolume] = field(default_factory=dict)
    scanned_gigabytes: Decimal = Decimal(0)
    warehouse_rpu_hours: Decimal = Decimal(0)

    def times(self, factor: int) -> Volume:
        """The same, so many times."""
        return Volume(
            source=f"{factor} x {self.source}",
            datasets={name: each.times(factor) for name, each in self.datasets.items()},
            scanned_gigabytes=self.scanned_gigabytes * factor,
            warehouse_rpu_hours=self.warehouse_rpu_hours * factor,
        )


NONE = Volume(source="none given")


def load(file: Path, datasets: Collection[str]) -> Volume:
    """The volume that a person states. Raises ContractInvalid with file, line and field of every mistake."""
    if not file.is_file():
        raise ContractInvalid(f"no volume file {file}; pricing/example_volume.yaml shows one")
    document = yaml_lines.read(file.read_text(encoding="utf-8"), file=str(file))
    parsed = structure.parse(VolumeFile, document.data, document) if not document.problems else None
    for name in parsed.datasets if parsed else ():
        if name not in datasets:
            hint = did_you_mean(name, datasets)
            document.problem(("datasets", name), f"unknown dataset {name!r}; {hint}")
    if parsed is None or document.problems:
        raise ContractInvalid("\n".join(map(str, document.problems)))
    return Volume(
        source=str(file),
        datasets={name: DatasetVolume(**dict(each)) for name, each in parsed.datasets.items()},
        scanned_gigabytes=parsed.scanned_gigabytes,
        warehouse_rpu_hours=parsed.warehouse_rpu_hours,
    )
