"""Corrected records go back through the front door: an upload that names its origin, then the normal path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from contracts import headers, model, naming, records
from contracts.errors import PermanentError
from contracts.model import Column, Contract
from contracts.texts import cleaned
from pipeline.ledger import Item
from rows.columns import RECEIVED_AT, SOURCE_FILE
from slipway.acting import export
from slipway.deployment import Deployment
from slipway.reading import lake, ledgers

COMPARABLE = ("string", "int", "bigint")  # types whose text is what the table holds
WHOLE = re.compile(r"-?[0-9]{1,19}", re.ASCII)
KEYS_PER_QUERY = 500  # a query has 256 KB (Athena quotas)
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


@dataclass(frozen=True, kw_only=True)
class Newer:
    """A row of the table that came after the file which a correction belongs to, and that it would replace."""

    key: str
    file_name: str
    received_at: str


class NotComparable(PermanentError):
    """Whether a correction would replace a newer delivery cannot be looked up."""


def newer_rows(deployment: Deployment, corrected: Correction) -> list[Newer]:
    """Rows with the keys of the corrected records that were delivered after the file these were refused in.

    Raises NotComparable when the text of a key does not say what the table holds.
    """
    contract = model.load(corrected.dataset)
    keys = _keys(contract, corrected.path)
    since = str(corrected.origin["received_at"])[: len("2026-11-28T15:30:00.000000")]
    found = []
    for begin in range(0, len(keys), KEYS_PER_QUERY):
        wanted = " or ".join(_is(contract, key) for key in keys[begin : begin + KEYS_PER_QUERY])
        shown = ", ".join(f"cast({name} as varchar)" for name in contract.key)
        found += lake.rows_if_loaded(
            deployment,
            f"""
            select {SOURCE_FILE}, cast({RECEIVED_AT} as varchar), {shown}
            from processed.{contract.dataset}
            where {RECEIVED_AT} > timestamp {lake.literal(since.replace("T", " "))} and ({wanted})
            order by {RECEIVED_AT} desc
            """,  # noqa: S608 - names of a validated contract, literals quoted by lake.literal
        )
    return [
        Newer(key=", ".join(map(str, key)), file_name=str(name), received_at=str(moment))
        for name, moment, *key in found
    ]


def _keys(contract: Contract, path: Path) -> list[tuple[str, ...]]:
    """The values of the key in each corrected record; a record in which one does not fit is refused in any case."""
    columns = [contract.column(name) for name in contract.key]
    strange = [each.name for each in columns if each.pii or each.kind not in COMPARABLE]
    if strange or not columns:
        why = f"its key column {strange[0]} is kept in another form" if strange else "it has no key"
        raise NotComparable(f"{contract.dataset}: {why}")
    with path.open("rb") as stream:
        every = records.read(stream, delimiter=contract.intake.delimiter, gzipped=False)
        _, header = next(every, (0, []))
        names = headers.columns_of(contract, header, is_replay=True)
        if missing := [column.name for column in columns if column.name not in names]:
            raise NotComparable(f"{path.name} has no column {missing[0]}")
        places = [names.index(column.name) for column in columns]
        values = [
            tuple(cleaned(line[place]) for place in places)
            for _, line in every
            if len(line) == len(header)
        ]
    fitting = (
        key
        for key in values
        if all(_fits(column, text) for column, text in zip(columns, key, strict=True))
    )
    return list(dict.fromkeys(fitting))


def _fits(column: Column, text: str) -> bool:
    return bool(text) if column.kind == "string" else WHOLE.fullmatch(text) is not None


def _is(contract: Contract, key: tuple[str, ...]) -> str:
    pairs = zip((contract.column(name) for name in contract.key), key, strict=True)
    values = (
        f"{column.name} = {lake.literal(text) if column.kind == 'string' else int(text)}"
        for column, text in pairs
    )
    return f"({' and '.join(values)})"


def send(deployment: Deployment, corrected: Correction) -> None:
    """Put the file where intake takes it for a replay of its origin."""
    deployment.client("s3").put_object(
        Bucket=deployment.output("LandingBucketName"),
        Key=corrected.landing_key,
        Body=corrected.path.read_bytes(),
        Metadata={REPLAY_OF: str(corrected.origin["sha256"])},
    )
