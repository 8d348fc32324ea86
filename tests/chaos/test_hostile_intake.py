"""Hostile files at intake alone, in an account in memory: fast enough for many variants of every kind."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from contracts import model
from contracts.errors import FileRejected
from lambdas.intake.headers import HeaderRule
from lambdas.intake.inspection import inspect
from sample_data.hostile import KINDS, HostileFile, hostile_files
from sample_data.hostile_draw import Draw, plain
from tests.chaos.intake_account import RAW, IntakeAccount, intake_account

TURNS = 4


@pytest.fixture(scope="module")
def account() -> Iterator[IntakeAccount]:
    with intake_account() as created:
        yield created


@pytest.fixture(scope="module")
def files() -> list[HostileFile]:
    return list(hostile_files(3, TURNS * len(KINDS)))


@pytest.fixture(scope="module")
def entries(account: IntakeAccount, files: list[HostileFile]) -> dict[str, dict[str, Any]]:
    """Ledger entries after every file was delivered once."""
    assert account.take([account.deliver(file.key, file.body) for file in files]) == []
    return account.entries()


def test_every_file_is_accepted_or_rejected_as_it_was_made(
    files: list[HostileFile], entries: dict[str, dict[str, Any]]
) -> None:
    for file in files:
        entry = entries[file.key]
        if entry["status"] == "rejected":
            assert "rejected" in file.made.fates, (file.kind, entry["detail"])
        else:
            assert entry["status"] == "waiting", file.kind
            assert file.made.fates - {"rejected"}, file.kind


def test_every_rejection_names_the_place(
    files: list[HostileFile], entries: dict[str, dict[str, Any]]
) -> None:
    rejected = [file for file in files if entries[file.key]["status"] == "rejected"]
    assert len(rejected) > len(files) // 4
    for file in rejected:
        assert re.search(file.made.place, entries[file.key]["detail"]), (
            file.kind,
            entries[file.key]["detail"],
        )


def test_every_accepted_file_has_the_records_that_were_put_into_it(
    files: list[HostileFile], entries: dict[str, dict[str, Any]]
) -> None:
    accepted = [file for file in files if entries[file.key]["status"] == "waiting"]
    assert len(accepted) > len(files) // 4
    for file in accepted:
        assert entries[file.key]["row_count"] == file.made.rows, (file.kind, file.key)


def test_accepted_bytes_are_in_raw_and_rejected_bytes_aside_with_their_reason(
    account: IntakeAccount, files: list[HostileFile], entries: dict[str, dict[str, Any]]
) -> None:
    for file in files:
        entry = entries[file.key]
        aside = entry["status"] == "rejected"
        bucket, key = (
            (entry["landing_bucket"], entry["rejected_key"]) if aside else (RAW, entry["raw_key"])
        )
        assert account.s3.get_object(Bucket=bucket, Key=key)["Body"].read() == file.body
        assert (
            len(f"{key}.reason.json".encode()) <= 1024
        )  # S3 user guide, "Naming Amazon S3 objects"
        if aside:
            assert (
                account.s3.head_object(Bucket=bucket, Key=f"{key}.reason.json")["ContentLength"] > 0
            )


def test_a_bomb_of_sound_rows_is_left_where_it_passes_the_contracts_limit() -> None:
    contract = model.load("sales_records")
    limit = 4 * 1024 * 1024
    small = replace(contract, intake=replace(contract.intake, max_bytes=limit))
    header, rows = plain(Draw(seed=1, number=1, turn=0)).split(b"\n", 1)
    block = gzip.compress(
        rows * (1024 * 1024 // len(rows)), mtime=0
    )  # about 1 MiB in 10 KB, hundreds of times over
    pulled: list[int] = []

    def delivered() -> Iterator[bytes]:
        yield gzip.compress(header + b"\n", mtime=0)
        for number in range(200):
            pulled.append(number)
            yield block

    with pytest.raises(FileRejected, match=f"too_large.*once decompressed.*{limit} bytes"):
        inspect(delivered(), HeaderRule(contract=small, change="strict"), gzipped=True)
    assert len(pulled) <= 1 + limit // (1024 * 1024 - len(rows))
