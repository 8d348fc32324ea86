"""Files in a folder of somebody else's SFTP server, over paramiko.

Nothing is sent before the server has shown a host key that the description pins. SFTP has no versions: size and time
stand for one, and a file counts as whole once neither has changed for a while.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import paramiko

from sources.connection import CONNECT_SECONDS, REQUEST_SECONDS, checked_address
from sources.errors import CredentialsRefused, FileChanged, FileRefused, SourceFailed, TryLater
from sources.files import MOST_LISTED, RemoteFile, is_wanted
from sources.model import Sftp

# What every server answers to one request: packets have up to 34000 bytes. Source: draft-ietf-secsh-filexfer-02, 3.
BLOCK_BYTES = 32 * 1024
MOST_REQUESTS = 32  # under way at once: a megabyte, so that distance costs little
ANSWER_SECONDS = 60.0  # without a byte
KEYS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)
# An RSA key is offered under the names of the signatures that it makes (RFC 8332).
SIGNATURES = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of one session."""

    connect_seconds: float = CONNECT_SECONDS
    answer_seconds: float = ANSWER_SECONDS
    request_seconds: float = REQUEST_SECONDS


@dataclass(frozen=True, kw_only=True)
class _Open:
    transport: paramiko.Transport
    sftp: paramiko.SFTPClient


@dataclass(kw_only=True)
class SftpFiles:
    """The files of a folder that a description wants. `loopback` says whether a server of this machine may be asked."""

    server: Sftp
    loopback: bool
    read_secret: Callable[[str], str]
    limits: Limits = field(default_factory=Limits)
    resolve: Callable[..., Any] = socket.getaddrinfo
    _open: _Open | None = None

    @property
    def quiet_seconds(self) -> float:
        """How long a file must not have changed to count as whole."""
        return self.server.quiet_seconds

    @property
    def puts_away(self) -> bool:
        """Whether a file that was delivered is moved."""
        return self.server.archive_folder is not None

    def place(self, file: RemoteFile) -> str:
        """Where the file is, as a URL."""
        return f"sftp://{self._shown}{file.path}"

    def listed(self) -> Iterator[RemoteFile]:
        """Every regular file of the folder whose name is wanted. Raises SourceFailed beyond a million of names."""
        with self._explained(None) as session:
            for count, entry in enumerate(session.listdir_iter(self.server.folder), 1):
                if count > MOST_LISTED:
                    raise SourceFailed(
                        f"{self._folder} has more than {MOST_LISTED} names; have old files moved, or describe"
                        " archiveFolder"
                    )
                if is_wanted(entry.filename, self.server.files) and _is_file(entry):
                    yield self._file(entry)

    def read(self, file: RemoteFile, start: int, length: int) -> bytes:
        """That part of exactly this version."""
        wanted = min(length, file.size_bytes - start)
        blocks = [
            (offset, min(BLOCK_BYTES, start + wanted - offset))
            for offset in range(start, start + wanted, BLOCK_BYTES)
        ]
        with self._explained(file.path) as session, session.open(file.path, "rb") as remote:
            _require_same(file, remote.stat())
            content = b"".join(remote.readv(blocks, MOST_REQUESTS))
        if len(content) != wanted:
            raise TryLater(f"{file.path!r} broke off after {len(content)} of {wanted} bytes")
        return content

    def confirm(self, file: RemoteFile) -> None:
        """Raise FileChanged unless the file still is as it was listed."""
        with self._explained(file.path) as session:
            _require_same(file, session.stat(file.path))

    def put_away(self, file: RemoteFile) -> None:
        """Move the file into the archive; under a name with its time, if there is one of its name already."""
        folder = self.server.archive_folder
        if folder is None:
            return
        moment = datetime.fromisoformat(file.modified_at).strftime("%Y%m%dT%H%M%SZ")
        with self._explained(file.path) as session:
            for name in (file.name, f"{file.name}.{moment}"):
                if self._moved(session, file.path, f"{folder.rstrip('/')}/{name}"):
                    return
        raise FileRefused(
            f"{file.path!r} was delivered, but cannot be moved to {folder!r}; the folder must be there and writable"
        )

    def close(self) -> None:
        """End the session; the next request makes another."""
        if self._open is not None:
            self._open.transport.close()
        self._open = None

    @staticmethod
    def _moved(session: paramiko.SFTPClient, source: str, target: str) -> bool:
        try:
            session.rename(source, target)
        except OSError:
            # No status of SFTP 3 says what was in the way. Source: draft-ietf-secsh-filexfer-02, section 7.
            return not _is_there(session, source)
        return True

    def _file(self, entry: paramiko.SFTPAttributes) -> RemoteFile:
        if "/" in entry.filename:
            raise SourceFailed(
                f"{self._folder} lists {entry.filename!r}, which is no name of a file"
            )
        size, modified = entry.st_size, entry.st_mtime
        if size is None or modified is None:
            raise SourceFailed(
                f"{self._shown} says neither size nor time of its files, so whether one has changed cannot be known"
            )
        return RemoteFile(
            path=f"{self.server.folder.rstrip('/')}/{entry.filename}",
            size_bytes=size,
            modified_at=datetime.fromtimestamp(modified, UTC).isoformat(),
            version=_version(size, modified),
        )

    @property
    def _shown(self) -> str:
        return f"{self.server.host}:{self.server.port}"

    @property
    def _folder(self) -> str:
        return f"sftp://{self._shown}{self.server.folder}"

    @contextmanager
    def _explained(self, path: str | None) -> Iterator[paramiko.SFTPClient]:
        """A session, and its errors as what they mean here; `path` is the file that is asked for, None: the folder."""
        opened = self._open = self._open or self._connected()
        expired = threading.Event()
        clock = threading.Timer(self.limits.request_seconds, _cut, (opened.transport, expired))
        if path is not None:  # a list is read while others are asked; each answer has its limit
            clock.start()
        try:
            yield opened.sftp
        except FileNotFoundError as error:
            raise self._missing(path) from error
        except PermissionError as error:
            raise self._forbidden(path) from error
        except UnicodeDecodeError as error:
            self.close()
            raise SourceFailed(
                f"{self._folder} lists a name that is not UTF-8: {error.object!r}; have it renamed"
            ) from error
        except (EOFError, OSError, paramiko.SSHException) as error:
            self.close()
            slow = f"took more than {self.limits.request_seconds:g} s for one part"
            raise TryLater(
                f"{path or self._folder}: {self._shown} {slow if expired.is_set() else f'broke off: {error!r}'}"
            ) from error
        finally:
            clock.cancel()

    def _missing(self, path: str | None) -> Exception:
        if path is None:
            return SourceFailed(f"there is no folder {self._folder}; correct sftp.folder")
        return FileChanged(f"{path!r} has vanished since it was listed")

    def _forbidden(self, path: str | None) -> Exception:
        if path is None:
            return CredentialsRefused(f"{self._folder} may not be listed; ask its owner")
        return FileRefused(f"{path!r} may not be read; its owner must allow it")

    def _connected(self) -> _Open:
        transport = self._transport()
        try:
            self._check_host_key(transport)
            self._log_in(transport)
            sftp = paramiko.SFTPClient.from_transport(transport)
            if sftp is None:
                raise TryLater(f"{self._shown} opened no session of SFTP")
            sftp.get_channel().settimeout(self.limits.answer_seconds)
            return _Open(transport=transport, sftp=sftp)
        except paramiko.AuthenticationException as error:
            transport.close()
            raise CredentialsRefused(
                f"{self._shown} refuses the credentials; renew the secret {self.server.secret!r} ({error})"
            ) from error
        except (EOFError, OSError, paramiko.SSHException) as error:
            transport.close()
            raise TryLater(
                f"{self._shown} broke off while it was logged in to: {error!r}"
            ) from error
        except BaseException:
            transport.close()
            raise

    def _transport(self) -> paramiko.Transport:
        address = checked_address(
            self.server.host, self.server.port, loopback=self.loopback, resolve=self.resolve
        )
        try:
            connected = socket.create_connection(
                (str(address), self.server.port), timeout=self.limits.connect_seconds
            )
        except OSError as error:
            raise TryLater(f"{self._shown} cannot be reached at {address}: {error}") from error
        transport = paramiko.Transport(connected)
        transport.banner_timeout = transport.handshake_timeout = self.limits.connect_seconds
        transport.auth_timeout = self.limits.answer_seconds
        return transport

    def _check_host_key(self, transport: paramiko.Transport) -> None:
        """Raise SourceFailed unless the server proves that it has a pinned key. Source: RFC 4253, section 8."""
        pinned = {_key_bytes(line) for line in self.server.host_keys}
        kinds = [line.split()[0] for line in self.server.host_keys]
        offered = transport.get_security_options()
        offered.key_types = [name for kind in kinds for name in SIGNATURES.get(kind, (kind,))]
        try:
            transport.start_client(timeout=self.limits.connect_seconds)
        except paramiko.ssh_exception.IncompatiblePeer as error:
            raise SourceFailed(
                f"{self._shown} shows no host key of a kind that sftp.hostKeys pins ({', '.join(kinds)}): {error}"
            ) from error
        shown = transport.get_remote_server_key()
        if shown.asbytes() not in pinned:
            raise SourceFailed(
                f"{self._shown} shows the host key {shown.get_name()} {shown.fingerprint}, which sftp.hostKeys does not"
                " pin: it is another server, or its owner changed the key; ask before you pin it"
            )

    def _log_in(self, transport: paramiko.Transport) -> None:
        secret = self._secret()
        user, key, password = (secret.get(name) for name in ("username", "private_key", "password"))
        if not user or not (key or password):
            raise SourceFailed(
                f'secret {self.server.secret!r} must be a JSON object like {{"username": "...", "password": "..."}}, or'
                ' with "private_key" in place of the password'
            )
        further = transport.auth_publickey(user, self._private_key(key, secret)) if key else [""]
        if further and password:
            further = transport.auth_password(user, password)
        if further:
            raise paramiko.AuthenticationException(f"the server wants {', '.join(further)}, too")

    def _secret(self) -> dict[str, str]:
        try:
            found = json.loads(self.read_secret(self.server.secret))
        except ValueError:
            return {}  # said by the caller, without a cause that might show the secret
        pairs = found.items() if isinstance(found, dict) else ()
        return {name: value for name, value in pairs if isinstance(value, str)}

    def _private_key(self, text: str, secret: dict[str, str]) -> paramiko.PKey:
        for kind in KEYS:
            with contextlib.suppress(paramiko.SSHException, ValueError):
                return kind.from_private_key(io.StringIO(text), password=secret.get("passphrase"))
        raise SourceFailed(
            f"the private_key of secret {self.server.secret!r} cannot be read; it must be one of Ed25519, ECDSA or RSA"
            " as ssh-keygen writes it, with its passphrase, if it has one, in the field passphrase"
        )


def _key_bytes(line: str) -> bytes:
    """The key of a line like those of known_hosts, after the host."""
    return base64.b64decode(line.split()[1])


def _is_file(entry: paramiko.SFTPAttributes) -> bool:
    """Whether it is no folder, link or device; a server that does not say lists files only."""
    return entry.st_mode is None or stat.S_IFMT(entry.st_mode) in (0, stat.S_IFREG)


def _version(size: int | None, modified: float | None) -> str:
    return f"{size} {modified}"


def _require_same(file: RemoteFile, now: paramiko.SFTPAttributes) -> None:
    if _version(now.st_size, now.st_mtime) != file.version:
        raise FileChanged(f"{file.path!r} has changed since it was listed")


def _is_there(session: paramiko.SFTPClient, path: str) -> bool:
    try:
        session.stat(path)
    except FileNotFoundError:
        return False
    return True


def _cut(transport: paramiko.Transport, expired: threading.Event) -> None:
    """End a request that takes too long, wherever it waits."""
    expired.set()
    transport.close()
