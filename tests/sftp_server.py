"""A real SFTP server on loopback, over asyncssh, that behaves well or as badly as a test asks for."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

LOOPBACK = "127.0.0.1"
USER, PASSWORD = "slipway", "a-password-of-tests"
FOLDER = "outgoing"


def host_key(name: str = "sales_sftp") -> asyncssh.SSHKey:
    """A key that is the same whenever it is asked for; that of `sales_sftp` is pinned in sources/sales_sftp.yaml."""
    secret = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
    text = secret.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return asyncssh.import_private_key(text)


def public_line(key: asyncssh.SSHKey) -> str:
    """Its public half, as a line."""
    return str(key.export_public_key().decode().strip())


@dataclass
class SftpServer:
    """Files below `root`. `hooks` are done ahead of an operation (open, read, stat, readdir), once per entry."""

    root: Path
    port: int = 0
    keys: tuple[str, ...] = ()  # public keys that are let in
    password: str = PASSWORD
    wants_both: bool = False
    hooks: dict[str, list[Callable[[str], object]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    logins: int = 0

    @property
    def folder(self) -> Path:
        return self.root / FOLDER

    def put(self, name: str, content: str | bytes, *, age_seconds: int = 3600) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        age(path, age_seconds)
        return path

    def before(self, operation: str, *actions: Callable[[str], object]) -> None:
        """What is done ahead of the next operations of this name."""
        self.hooks.setdefault(operation, []).extend(actions)

    def meet(self, operation: str, path: str) -> None:
        self.asked.append(f"{operation} {path}")
        if waiting := self.hooks.get(operation):
            waiting.pop(0)(path)


def age(path: Path, seconds: int) -> None:
    """Have the file changed that long before a moment that never changes."""
    moment = 1_795_000_000 - seconds
    os.utime(path, (moment, moment))


def fails(error: Exception) -> Callable[[str], object]:
    """A hook that has the operation fail."""

    def act(_path: str) -> object:
        raise error

    return act


def _server_of(server: SftpServer) -> type[asyncssh.SSHServer]:
    class Login(asyncssh.SSHServer):
        def connection_made(self, connection: Any) -> None:
            self.connection = connection
            server.logins += 1
            CONNECTIONS.append(connection)

        def password_auth_supported(self) -> bool:
            return bool(server.password)

        def validate_password(self, username: str, password: str) -> bool:
            return username == USER and password == server.password

        def public_key_auth_supported(self) -> bool:
            return bool(server.keys)

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            return username == USER and public_line(key).split()[1] in {
                line.split()[1] for line in server.keys
            }

    return Login


CONNECTIONS: list[Any] = []


def cut(_path: str) -> object:
    """A hook that ends every connection."""
    while CONNECTIONS:
        CONNECTIONS.pop().abort()
    return None


def _files_of(server: SftpServer) -> type[asyncssh.SFTPServer]:
    class Files(asyncssh.SFTPServer):
        def __init__(self, channel: Any) -> None:
            super().__init__(channel, chroot=str(server.root).encode())

        def open(self, path: bytes, pflags: int, attrs: Any) -> object:
            server.meet("open", path.decode(errors="replace"))
            return super().open(path, pflags, attrs)

        def read(self, file_obj: Any, offset: int, size: int) -> bytes:
            server.meet("read", str(offset))
            return bytes(super().read(file_obj, offset, size))

        def stat(self, path: bytes) -> Any:
            server.meet("stat", path.decode(errors="replace"))
            return super().stat(path)

        def scandir(self, path: bytes) -> Any:
            server.meet("readdir", path.decode(errors="replace"))
            return super().scandir(path)

        def rename(self, oldpath: bytes, newpath: bytes) -> Any:
            server.meet("rename", newpath.decode(errors="replace"))
            return super().rename(oldpath, newpath)

    return Files


@contextmanager
def sftp_server(
    root: Path, *, port: int = 0, key: asyncssh.SSHKey | None = None
) -> Iterator[SftpServer]:
    """A server until the block ends; `port` 0 takes a free one."""
    server = SftpServer(root=root)
    server.folder.mkdir(parents=True, exist_ok=True)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def listen() -> Any:
        return await asyncssh.listen(
            LOOPBACK,
            port,
            server_factory=_server_of(server),
            server_host_keys=[key or host_key()],
            sftp_factory=_files_of(server),
            encoding=None,
        )

    listener = asyncio.run_coroutine_threadsafe(listen(), loop).result(20)
    server.port = listener.get_port()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(_end(listener), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(listener: Any) -> None:
    listener.close()
    await listener.wait_closed()
    while CONNECTIONS:
        CONNECTIONS.pop().abort()
    await asyncio.sleep(0.05)
