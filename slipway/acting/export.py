"""Refused records as files that people can correct: one CSV per origin file, each record as it stands in raw.

`_source_row` and `_reasons` come first, so that a record with too few or too many fields stays visibly so. The name of
the file carries the beginning of the origin's hash, by which `slipway quarantine replay` finds it again.
"""

from __future__ import annotations

import csv
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from contracts import records
from contracts.errors import PermanentError
from contracts.headers import ORIGIN_HEADER, REPLAY_HEADERS
from contracts.model import Contract
from contracts.texts import cleaned
from pipeline.aws_errors import code
from pipeline.ledger import Item
from pipeline.run_documents.store import MISSING
from slipway.deployment import Deployment
from slipway.reading.quarantine_queries import Reference

HASH_IN_NAME = 16  # characters
LONGEST_STEM = 100
ORIGIN_IN_NAME = re.compile(rf"\.origin-([0-9a-f]{{{HASH_IN_NAME}}})\.")
IN_MEMORY_BYTES = 64 * 1024 * 1024


class NotExported(PermanentError):
    """The original records of a file cannot be had."""


def file_name(item: Item, contract: Contract) -> str:
    """`<name of the origin>.origin-<beginning of its hash>.csv`, or another plain suffix of the contract."""
    suffix = next(
        (suffix for suffix in contract.intake.suffixes if not suffix.endswith(".gz")), ".csv"
    )
    stem = re.sub(r"[^A-Za-z0-9._-]", "_", str(item["file_name"]).partition(".")[0])[:LONGEST_STEM]
    return f"{stem or 'file'}.origin-{item['sha256'][:HASH_IN_NAME]}{suffix}"


def write(
    deployment: Deployment,
    contract: Contract,
    item: Item,
    wanted: Sequence[Reference],
    folder: Path,
) -> Path:
    """Write the wanted records of one file; the path. It is readable by its owner only.

    Raises NotExported when the file is gone from raw, or has not all of these records.
    """
    reasons = {reference.row: reference.reasons for reference in wanted}
    path = folder / file_name(item, contract)
    with _raw(deployment, item) as stream, _private(path) as target:
        writer = csv.writer(target, delimiter=contract.intake.delimiter, lineterminator="\n")
        gzipped = str(item["raw_key"]).endswith(".gz")
        found = set()
        own: list[str] = []
        for number, values in records.read(
            stream, delimiter=contract.intake.delimiter, gzipped=gzipped
        ):
            if number == 0:
                own = values
                writer.writerow([*REPLAY_HEADERS, *_without_extras(values, own)])
            elif number in reasons:
                writer.writerow([number, reasons[number], *_without_extras(values, own)])
                found.add(number)
    if missing := sorted(set(reasons) - found):
        path.unlink()
        raise NotExported(
            f"{item['file_name']} ({item['sha256']}) in raw has no record {missing[0]}; was it exchanged?"
        )
    return path


def _without_extras(values: list[str], header: list[str]) -> list[str]:
    """The values of a record, but those that an earlier export had added: a correction may be refused, too."""
    extras = {place for place, name in enumerate(header) if name in REPLAY_HEADERS}
    return [value for place, value in enumerate(values) if place not in extras]


def _raw(deployment: Deployment, item: Item) -> IO[bytes]:
    bucket, s3 = deployment.output("RawBucketName"), deployment.client("s3")
    copy: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - the caller closes it
    try:
        s3.download_fileobj(bucket, item["raw_key"], copy)
    except s3.exceptions.ClientError as error:
        if code(error) not in MISSING:
            raise
        raise NotExported(
            f"{item['file_name']} is no longer at s3://{bucket}/{item['raw_key']} (retention of raw); ask the partner"
            " for the corrected rows as a new file"
        ) from error
    copy.seek(0)
    return copy


def _private(path: Path) -> IO[str]:
    """A new file that only its owner may read: originals may hold personal data that the tables do not."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(descriptor, 0o600)
    return open(descriptor, "w", encoding="utf-8", newline="")


def rows_of(path: Path, delimiter: str) -> Iterator[int]:
    """The record numbers that a corrected file carries.

    Raises NotExported when it has no `_source_row`, or one that is no number.
    """
    with path.open("rb") as stream:
        every = records.read(stream, delimiter=delimiter, gzipped=False)
        _, header = next(every, (0, []))
        if ORIGIN_HEADER not in header:
            raise NotExported(
                f"{path} has no column {ORIGIN_HEADER!r}; correct a file that `slipway quarantine export` wrote"
            )
        place = header.index(ORIGIN_HEADER)
        for number, values in every:
            text = cleaned(values[place]) if place < len(values) else ""
            if not (text.isascii() and text.isdigit()):
                raise NotExported(
                    f"{path}: record {number} has {text!r} as {ORIGIN_HEADER}, which is not a record number"
                )
            yield int(text)
