"""Sending as a partner: over a file of the same name, and nothing unfinished left behind."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest

from slipway.acting import partner
from slipway.deployment import Deployment

TARGET = "/sales_records/orders.csv"


class Server:
    """A folder behind SFTP; `refuses` names the operations that fail, as a server that lacks them does."""

    def __init__(self, *refuses: str, error: OSError | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self._refuses, self._error = refuses, error or OSError("Failure")

    def put(self, local: str, path: str, *, confirm: bool) -> Any:
        assert confirm
        self.files[path] = Path(local).read_bytes()
        return SimpleNamespace()

    def putfo(self, file: IO[bytes], path: str) -> Any:
        self.files[path] = file.read()
        return SimpleNamespace()

    def posix_rename(self, source: str, target: str) -> None:
        self._check("posix_rename")
        self.files[target] = self.files.pop(source)

    def rename(self, source: str, target: str) -> None:
        self._check("rename")
        if target in self.files:
            raise OSError(f"Destination exists: {target}")
        self.files[target] = self.files.pop(source)

    def remove(self, path: str) -> None:
        self._check("remove")
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, "No such file")
        del self.files[path]

    def _check(self, operation: str) -> None:
        if operation in self._refuses:
            raise self._error


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "orders.csv"
    found.write_bytes(b"one\n")
    return found


@pytest.mark.parametrize("refuses", [(), ("posix_rename",)])
def test_the_same_name_can_be_sent_every_day(file: Path, refuses: tuple[str, ...]) -> None:
    server: Any = Server(*refuses)
    partner.send(server, file, folder="sales_records")
    file.write_bytes(b"two\n")
    partner.send(server, file, folder="sales_records")
    assert server.files == {TARGET: b"two\n"}


def test_a_checksum_is_sent_beside_the_file_where_the_contract_wants_one(file: Path) -> None:
    server: Any = Server()
    partner.send(server, file, folder="sales_records", checksum="md5")
    said = b"5bbf5a52328e7439ae6e719dfe712200  orders.csv\n"  # md5sum
    assert server.files == {TARGET: b"one\n", f"{TARGET}.md5": said}


def test_a_file_that_could_not_be_renamed_leaves_nothing_unfinished(file: Path) -> None:
    server: Any = Server("posix_rename", error=PermissionError(errno.EACCES, "denied"))
    server.files[TARGET] = b"before\n"
    with pytest.raises(partner.UploadFailed, match="denied"):
        partner.send(server, file, folder="sales_records")
    assert server.files == {TARGET: b"before\n"}


def test_what_is_left_unfinished_is_named(file: Path) -> None:
    server: Any = Server("posix_rename", "remove", error=PermissionError(errno.EACCES, "denied"))
    with pytest.raises(
        partner.UploadFailed, match=r"/sales_records/orders\.csv\.part is left there"
    ):
        partner.send(server, file, folder="sales_records")


def test_an_environment_without_a_server_says_how_it_gets_one() -> None:
    nowhere = Deployment(environment="dev", region="eu-central-1", outputs={})
    with pytest.raises(partner.UploadFailed, match=r"no SFTP server: set sftp\.enabled: true"):
        partner.endpoint(nowhere, user="acme", identity="key")
