"""Corrected records go back through the front door: an upload that names its origin, then the normal path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contracts import model, naming
from contracts.errors import PermanentError
from pipeline.ledger import Item
from slipway.acting import export
from slipway.deployment import Deployment
from slipway.reading import ledgers

REPLAY_OF = "replay-of"  # S3 metadata that intake reads; docs/reference/tables.md


@dataclass(frozen=True, kw_only=True)
class Correction:
    """A corrected file and the file whose records it replaces."""

    path: Path
    origin: Item
    rows: tuple[int, ...]

    @property
    def dataset(self) -> str:
        """The dataset of both."""
        return str(self.origin["dataset"])

    @property
    def landing_key(self) -> str:
        """Where it is put; the path of intake by which it is known as a replay."""
        folder = model.load(self.dataset).intake.folder
        return naming.landing_folder(naming.REPLAY_PARTNER, folder) + self.path.name


def correction(
    deployment: Deployment, path: Path, *, origin: str | None, dataset: str | None
) -> Correction:
    """Read a corrected file and find what it corrects.

    Raises PermanentError when it is no corrected file, or its origin is not to be found.
    """
    if not path.is_file():
        raise PermanentError(f"{path} is not a file")
    named = export.ORIGIN_IN_NAME.search(path.name)
    if not origin and not named:
        raise PermanentError(f"{path.name} does not say which file it corrects; give --origin SHA")
    item = ledgers.one_file(deployment, origin or (named.group(1) if named else ""), dataset)
    contract = model.load(item["dataset"])
    if not path.name.casefold().endswith(contract.intake.suffixes):
        raise PermanentError(
            f"{path.name} must end with one of: {', '.join(contract.intake.suffixes)}"
        )
    rows = tuple(export.rows_of(path, contract.intake.delimiter))
    if not rows:
        raise PermanentError(f"{path} has no record")
    if too_far := [row for row in rows if not 1 <= row <= int(item["row_count"])]:
        raise PermanentError(
            f"{path}: {item['file_name']} has {item['row_count']} records, so none is {too_far[0]}"
        )
    return Correction(path=path, origin=item, rows=rows)


def send(deployment: Deployment, corrected: Correction) -> None:
    """Put the file where intake takes it for a replay of its origin."""
    deployment.client("s3").put_object(
        Bucket=deployment.output("LandingBucketName"),
        Key=corrected.landing_key,
        Body=corrected.path.read_bytes(),
        Metadata={REPLAY_OF: str(corrected.origin["sha256"])},
    )
