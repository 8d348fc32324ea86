"""What a backfill would do, counted before it is started: which files, which rows of which partitions, which tables."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

from contracts.model import Contract
from pipeline.ledger import FileLedger, Item
from rows.columns import CONTRACT_VERSION, SOURCE_FILE, SOURCE_SHA256
from slipway.deployment import Deployment
from slipway.reading import lake, ledgers, quarantine_queries


@dataclass(frozen=True, kw_only=True)
class Part:
    """Rows of one partition that were loaded under one version of the contract."""

    partition: str
    contract_version: str
    rows: int


@dataclass(frozen=True, kw_only=True)
class FileOfPeriod:
    """A file with rows in a period: how many, and the first and last day of them."""

    sha256: str
    file_name: str
    rows: int
    first: str
    last: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What would be loaded again (`files`), what cannot be any more (`gone`), and the rows that it replaces."""

    contract: Contract
    files: list[Item]
    gone: list[Item]
    parts: list[Part]
    rows_in_quarantine: int

    @property
    def rows(self) -> int:
        """Rows of the processed table that are written anew."""
        return sum(part.rows for part in self.parts)


def plan(deployment: Deployment, contract: Contract, named: list[str] | None) -> Plan:
    """The plan for the named files, or for every loaded file of the dataset.

    Raises NotFound when a name fits no file, or one that is not loaded.
    """
    wanted = _wanted(deployment, contract.dataset, named)
    kept = keys_in_raw(deployment, contract.dataset)
    files = [item for item in wanted if item["raw_key"] in kept]
    hashes = {str(item["sha256"]) for item in files}
    refused_of = quarantine_queries.open_by_file(deployment, contract.dataset)
    return Plan(
        contract=contract,
        files=files,
        gone=[item for item in wanted if item["raw_key"] not in kept],
        parts=_parts(deployment, contract, hashes),
        rows_in_quarantine=sum(rows for sha256, rows in refused_of.items() if sha256 in hashes),
    )


def files_of_period(
    deployment: Deployment, contract: Contract, first: date, last: date
) -> list[FileOfPeriod]:
    """The files that have rows in the table between two days, both included, in the order of their hashes.

    A file of which every row was refused, or has given way to a newer one, has none.
    """
    day = f"cast({contract.partition_column} as date)"
    found = lake.rows_if_loaded(
        deployment,
        f"""
        select {SOURCE_SHA256}, min({SOURCE_FILE}), count(*),
            cast(min({day}) as varchar), cast(max({day}) as varchar)
        from processed.{contract.dataset}
        where {day} between date {lake.literal(first.isoformat())} and date {lake.literal(last.isoformat())}
        group by {SOURCE_SHA256}
        order by {SOURCE_SHA256}
        """,  # noqa: S608 - names of a validated contract, days of a date
    )
    return [
        FileOfPeriod(
            sha256=str(sha256), file_name=str(name), rows=int(rows), first=least, last=most
        )
        for sha256, name, rows, least, most in found
    ]


def keys_in_raw(deployment: Deployment, dataset: str) -> set[str]:
    """The keys of the dataset's objects in raw."""
    pages = deployment.client("s3").get_paginator("list_objects_v2")
    listed = pages.paginate(Bucket=deployment.output("RawBucketName"), Prefix=f"{dataset}/")
    return {item["Key"] for page in listed for item in page.get("Contents", [])}


def _wanted(deployment: Deployment, dataset: str, named: list[str] | None) -> list[Item]:
    if named is None:
        return list(FileLedger(deployment.file_ledger).with_status(dataset, "loaded"))
    found = [ledgers.one_file(deployment, name, dataset) for name in named]
    for item in found:
        if item["status"] != "loaded":
            raise ledgers.NotFound(
                f"{item['file_name']} ({item['sha256']}) is {item['status']}, not loaded"
            )
    return found


def _parts(deployment: Deployment, contract: Contract, hashes: set[str]) -> list[Part]:
    """Rows of these files. They are chosen here: a list of all files may be too long for the text of a query."""
    period = (
        f"date_trunc({lake.literal(contract.partition_transform)}, {contract.partition_column})"
    )
    found = lake.rows_if_loaded(
        deployment,
        f"""
        select {SOURCE_SHA256}, cast(cast({period} as date) as varchar), {CONTRACT_VERSION}, count(*)
        from processed.{contract.dataset}
        group by 1, 2, 3
        """,  # noqa: S608 - names of a validated contract
    )
    rows_of: Counter[tuple[str, str]] = Counter()
    for sha256, first, version, rows in found:
        if sha256 in hashes:
            rows_of[str(first), str(version)] += int(rows)
    return [
        Part(partition=first, contract_version=version, rows=rows)
        for (first, version), rows in sorted(rows_of.items())
    ]
