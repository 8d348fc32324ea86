"""The endpoint of a database: lets users in by a token of IAM, everybody else by what PostgreSQL itself asks.

Who is a member of `rds_iam` comes in by token alone, as on RDS. The server lets such a user in without a password, but
only through a socket in a folder that nobody else may enter; this front asks for the token first. All else passes as it
is. Sources: Aurora user guide, "IAM database authentication"; PostgreSQL, "Frontend/Backend Protocol", message formats.
"""

from __future__ import annotations

import logging
import socket
import socketserver
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_cloud.settings import LOOPBACK

CANCEL, SSL, GSS = 80877102, 80877103, 80877104
AUTHENTICATION, PASSWORD, ERROR = b"R", b"p", b"E"
OK, CLEARTEXT = 0, 3
LONGEST_MESSAGE_BYTES = 70_000
BLOCK_BYTES = 256 * 1024
NO_ENTRY = "28000"  # invalid_authorization_specification, as PostgreSQL says of PAM
MEMBERS = "rds_iam"
# The first rule that fits holds. Source: PostgreSQL, "The pg_hba.conf File".
RULES = f"local all +{MEMBERS} trust\nlocal all all scram-sha-256\nhost all all {LOOPBACK}/32 scram-sha-256\n"
logger = logging.getLogger("slipway.rds")
MayEnter = Callable[[str, str], bool]
"""Whether a token lets a user of the database in."""


class Gone(Exception):
    """The other side closed the connection, or says what no client of PostgreSQL does."""


@dataclass(frozen=True, kw_only=True)
class Startup:
    """The first message of a client, as it came."""

    code: int
    message: bytes

    @property
    def user(self) -> str:
        """As whom it comes."""
        words = self.message[8:].split(b"\0")
        named = dict(zip(words[::2], words[1::2], strict=False))
        return named.get(b"user", b"").decode()


class Front:
    """Answers on a port of this machine until `close`, for the server whose socket is in `sockets`."""

    def __init__(self, *, port: int, backend: Path, may_enter: MayEnter) -> None:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                serve(self.request, backend, may_enter)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server((LOOPBACK, port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more connections; those that there are end with the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve(client: socket.socket, backend: Path, may_enter: MayEnter) -> None:
    """One connection, from its first byte to its last."""
    try:
        startup = _startup(client)
        with socket.socket(socket.AF_UNIX) as server:
            server.connect(str(backend))
            server.sendall(startup.message)
            if startup.code != CANCEL and not _let_in(client, server, startup.user, may_enter):
                return
            _pass_on(client, server)
    except (Gone, OSError) as error:
        logger.info("a connection to %s ended: %s", backend, error)


def _let_in(client: socket.socket, server: socket.socket, user: str, may_enter: MayEnter) -> bool:
    """Ask a user of IAM for the token; True once bytes may simply be passed on."""
    kind, body = _message(server)
    admitted = kind + struct.pack("!I", len(body) + 4) + body
    if kind == AUTHENTICATION and struct.unpack("!I", body[:4])[0] == OK:
        client.sendall(AUTHENTICATION + struct.pack("!II", 8, CLEARTEXT))
        kind, token = _message(client)
        if kind != PASSWORD or not may_enter(user, token.rstrip(b"\0").decode("ascii", "replace")):
            client.sendall(_refusal(f'PAM authentication failed for user "{user}"'))
            return False
    client.sendall(admitted)
    return True


def _startup(client: socket.socket) -> Startup:
    while True:
        head = _exactly(client, 8)
        length, code = struct.unpack("!II", head)
        if code not in (SSL, GSS):
            return Startup(code=code, message=head + _exactly(client, _short(length) - 8))
        client.sendall(b"N")


def _message(from_: socket.socket) -> tuple[bytes, bytes]:
    kind, length = struct.unpack("!cI", _exactly(from_, 5))
    return kind, _exactly(from_, _short(length) - 4)


def _short(length: int) -> int:
    if not 8 <= length <= LONGEST_MESSAGE_BYTES:
        raise Gone(f"a message of {length} bytes")
    return length


def _exactly(from_: socket.socket, size: int) -> bytes:
    read = b""
    while len(read) < size:
        block = from_.recv(size - len(read))
        if not block:
            raise Gone("closed before it had begun")
        read += block
    return read


def _refusal(text: str) -> bytes:
    fields = {"S": "FATAL", "V": "FATAL", "C": NO_ENTRY, "M": text}
    body = b"".join(f"{name}{value}".encode() + b"\0" for name, value in fields.items()) + b"\0"
    return ERROR + struct.pack("!I", len(body) + 4) + body


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    """Bytes in both directions until one side has ended."""
    back = threading.Thread(target=_pump, args=(server, client), daemon=True)
    back.start()
    _pump(client, server)
    back.join()


def _pump(from_: socket.socket, to: Any) -> None:
    try:
        while block := from_.recv(BLOCK_BYTES):
            to.sendall(block)
    except OSError as error:
        logger.info("a connection broke: %s", error)
    for side in (from_, to):
        try:
            side.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            logger.debug("was closed already: %s", error)
