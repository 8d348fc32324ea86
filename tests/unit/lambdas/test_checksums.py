"""A contract that wants a checksum beside each file: nothing is taken before they agree, and nothing is lost."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace
from typing import Any

import pytest

from contracts import model
from contracts.model import Checksum
from pipeline import checksums
from tests.unit.lambdas.sftp import Sftp
from tests.unit.lambdas.taking import Sales, intake, sha
from tests.unit.lambdas.test_transfers import KEY, fates, handed

BESIDE = f"{KEY}.md5"


def md5(body: bytes) -> bytes:
    return f"{hashlib.md5(body, usedforsecurity=False).hexdigest()}  orders.csv\n".encode()


@pytest.fixture
def checked(contract: model.Contract) -> model.Contract:
    """A contract whose files come with an MD5."""
    return replace(contract, intake=replace(contract.intake, checksum="md5"))


@pytest.mark.parametrize("order", [*itertools.permutations(["landed", "completed", "checksum"])])
def test_a_file_is_taken_once_it_is_whole_and_its_checksum_says_so(
    account: Any, checked: model.Contract, sales: Sales, order: tuple[str, ...]
) -> None:
    service, sftp, body = intake(account, checked), Sftp(account), sales()
    told = sftp.put(KEY, body) | {"checksum": sftp.put(BESIDE, md5(body))["landed"]}
    handed(service, [told[name] for name in order[:-1]])
    assert fates(account) == {}
    handed(service, [told[order[-1]], *told.values()])
    assert fates(account) == {f"file {sha(body)}": "waiting"}
    assert account.messages() == []


@pytest.mark.parametrize("is_first", [True, False])
def test_a_file_that_did_not_come_by_sftp_waits_for_its_checksum_too(
    account: Any, checked: model.Contract, sales: Sales, is_first: bool
) -> None:
    service, body = intake(account, checked), sales()
    records = [account.upload(KEY, body), account.upload(BESIDE, md5(body).split()[0].upper())]
    first, second = records if is_first else records[::-1]
    handed(service, [first])
    assert fates(account) == {}
    handed(service, [second])
    assert fates(account) == {f"file {sha(body)}": "waiting"}


def test_a_file_that_is_cut_is_set_aside_with_both_checksums_and_the_whole_one_replaces_it(
    account: Any, checked: model.Contract, sales: Sales
) -> None:
    service, sftp, body = intake(account, checked), Sftp(account), sales()
    cut = body[: body.rindex(b"\n", 0, -1) + 1]  # at the end of a record: nothing else shows it
    told = [*sftp.put(KEY, cut).values(), sftp.put(BESIDE, md5(body))["landed"]]
    handed(service, [*told, *told])
    assert fates(account) == {}
    handed(service, [sftp.due()])
    assert fates(account) == {f"incomplete {KEY}": "incomplete"}
    [entry] = [each for each in account.entries().values() if each["status"] == "incomplete"]
    assert entry["reason"] == "checksum_differs"
    assert entry["detail"] == (
        f"its md5 is {md5(cut).decode().split()[0]}, and orders.csv.md5 says {md5(body).decode().split()[0]}"
    )
    handed(service, sftp.put(KEY, body).values())
    assert fates(account) == {f"file {sha(body)}": "waiting", f"incomplete {KEY}": "replaced"}


def test_a_file_without_a_checksum_is_set_aside_and_taken_when_one_comes_or_a_person_accepts_it(
    account: Any, checked: model.Contract, sales: Sales
) -> None:
    service, sftp = intake(account, checked), Sftp(account)
    bodies = [sales(), sales(first_order=500)]
    for body in bodies:
        told = sftp.put(KEY, body)
        handed(service, [*told.values(), sftp.due()])
        assert fates(account)[f"incomplete {KEY}"] == "incomplete"
        reasons = {each.get("reason") for each in account.entries().values()}
        assert "checksum_missing" in reasons
        comes = sftp.put(BESIDE, md5(body))["landed"]
        handed(service, [comes if body is bodies[0] else sftp.accepted(told["landed"])])
        assert fates(account)[f"file {sha(body)}"] == "waiting"


def test_the_checksum_of_yesterday_says_nothing_of_a_file_with_the_same_name(
    account: Any, checked: model.Contract, sales: Sales
) -> None:
    service, sftp = intake(account, checked), Sftp(account)
    first, second = sales(), sales(first_order=500)
    handed(service, [*sftp.put(KEY, first).values(), *sftp.put(BESIDE, md5(first)).values()])
    handed(service, sftp.put(KEY, second).values())
    assert fates(account) == {f"file {sha(first)}": "waiting"}
    handed(service, sftp.put(BESIDE, md5(second)).values())
    assert fates(account)[f"file {sha(second)}"] == "waiting"
    assert account.messages() == []


@pytest.mark.parametrize("content", [b"", b"no checksum", b"0" * 31, b"0" * 5000])
def test_a_checksum_file_that_holds_none_proves_nothing_and_is_on_record(
    account: Any, checked: model.Contract, sales: Sales, content: bytes
) -> None:
    service, sftp, body = intake(account, checked), Sftp(account), sales()
    handed(service, [*sftp.put(BESIDE, content).values(), *sftp.put(KEY, body).values()])
    assert fates(account) == {}
    [ignored] = [each for each in account.entries().values() if each["status"] == "ignored"]
    assert ignored["detail"] == "it holds no md5 of orders.csv"


@pytest.mark.parametrize("partner", ["slipway-smoke", "source-prices"])
def test_what_operators_and_sources_put_into_landing_needs_no_checksum(
    account: Any, checked: model.Contract, sales: Sales, partner: str
) -> None:
    body = sales()
    handed(intake(account, checked), [account.upload(KEY.replace("acme", partner), body)])
    assert fates(account) == {f"file {sha(body)}": "waiting"}


def test_a_contract_that_asks_for_none_leaves_a_checksum_alone(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    service, sftp, body = intake(account, contract), Sftp(account), sales()
    handed(service, [*sftp.put(BESIDE, md5(b"other")).values(), *sftp.put(KEY, body).values()])
    assert fates(account) == {f"file {sha(body)}": "waiting"}


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256", "sha512"])
def test_what_is_written_is_read_in_every_common_form(kind: Checksum) -> None:
    written = checksums.line(b"content", kind, "a b.csv")
    digest = hashlib.new(kind, b"content", usedforsecurity=False).hexdigest()
    forms = (
        written.decode(),
        digest,
        f"\ufeff{digest.upper()}\r\n",
        f"{digest} *a b.csv",
        f"{digest}  ./out/a b.csv",
        rf"{digest}  C:\out\a b.csv",
        f"{kind.upper()} (a b.csv) = {digest}",
        f"{kind.upper()}(a b.csv)= {digest}",
    )
    for form in forms:
        assert checksums.parsed(form.encode(), kind, "a b.csv") == digest, form
    for wrong in (f"{digest}  b.csv", digest[:-1], f"{digest}0", f"{digest}\n{digest}", "\xff"):
        assert checksums.parsed(wrong.encode("latin-1"), kind, "a b.csv") is None, wrong
