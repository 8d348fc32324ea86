"""A real HTTP server on loopback that pages a list of records, well or as badly as a test asks for."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "a-token-of-tests"
LOOPBACK = "127.0.0.1"


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    parameters: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """What is answered. `cut` sends only so many bytes of the body and ends the connection."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    chunked: bool = False
    has_length: bool = True

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Behaviour = Callable[[Asked], Reply | None]  # None: the connection ends without an answer


@dataclass
class SourceServer:
    """Answers by `script`, one behaviour per request, then by `always`."""

    port: int
    always: Behaviour
    script: list[Behaviour] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/v1/orders"

    def reply(self, asked: Asked) -> Reply | None:
        self.asked.append(asked)
        behave = self.script.pop(0) if self.script else self.always
        return behave(asked)


@contextmanager
def serving(always: Behaviour, *, port: int = 0) -> Iterator[SourceServer]:
    """A server until the block ends; `port` 0 takes a free one."""
    http = ThreadingHTTPServer((LOOPBACK, port), _handler_of(holder := []))
    http.daemon_threads = True
    server = SourceServer(port=http.server_address[1], always=always)
    holder.append(server)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def _handler_of(holder: list[SourceServer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

        def _answer(self) -> None:
            reply = holder[0].reply(self._asked())
            if reply is None:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.chunked:
                self.send_header("Transfer-Encoding", "chunked")
            elif reply.has_length:
                self.send_header("Content-Length", str(len(reply.content)))
            else:
                self.send_header("Connection", "close")
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # whoever asked may have had enough
                self._write(reply)

        def _write(self, reply: Reply) -> None:
            content = reply.content[: reply.cut]
            if reply.chunked:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
                if reply.cut is None:
                    self.wfile.write(b"0\r\n\r\n")
            else:
                self.wfile.write(content)
            if reply.cut is not None or not reply.has_length:
                self.close_connection = True

        def _asked(self) -> Asked:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            return Asked(
                method=self.command,
                path=parts.path,
                parameters={name: values[-1] for name, values in parse_qs(parts.query).items()},
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(length),
            )

    return Handler


def by_cursor(records: list[dict[str, Any]], *, size: int, token: str = TOKEN) -> Behaviour:
    """The API that sources/sales_api.yaml describes, over these records."""

    def behave(asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Bearer {token}":
            return Reply({"error": "who are you?"}, status=401)
        start = int(asked.parameters.get("after", "0"))
        end = start + size
        following = str(end) if end < len(records) else None
        return Reply(
            {"data": records[start:end], "meta": {"total": len(records), "next": following}}
        )

    return behave
