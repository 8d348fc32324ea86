"""TLS with a source: the certificate must be trusted and name the host, whatever address it is at."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sources.connection import Connection, origin_of
from sources.errors import SourceFailed, TryLater
from tests.certificates import certificate_for

HOST = "api.example.com"
LOOPBACK = "127.0.0.1"


@dataclass
class Shop:
    """A server with a certificate for HOST, which `trusting` believes."""

    port: int
    certificate: Path
    hosts: list[str]

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    def connection(
        self, *, host: str = HOST, tls: Callable[[], ssl.SSLContext] = ssl.create_default_context
    ) -> Connection:
        return Connection(
            origin=origin_of(f"https://{host}:{self.port}/"),
            loopback=True,
            resolve=lambda *_a, **_n: [(socket.AF_INET, 0, 0, "", (LOOPBACK, self.port))],
            tls=tls,
        )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("tls")
    made, certificate = certificate_for(HOST), folder / "cert.pem"
    certificate.write_text(made.certificate, encoding="ascii")
    (folder / "key.pem").write_text(made.key, encoding="ascii")
    hosts: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            hosts.append(str(self.headers["Host"]))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, folder / "key.pem")
    server = http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    yield Shop(port=server.server_address[1], certificate=certificate, hosts=hosts)
    server.shutdown()
    server.server_close()
    thread.join()


def ask(connection: Connection) -> Any:
    try:
        return connection.request("GET", f"{connection.origin}/v1", {})
    finally:
        connection.close()


def test_a_host_is_asked_at_the_address_that_was_checked_in_its_own_name(shop: Shop) -> None:
    answer = ask(shop.connection(tls=shop.trusting))
    assert (answer.status, answer.body) == (200, b"ok")
    assert shop.hosts[-1] == f"{HOST}:{shop.port}"


def test_a_certificate_that_nobody_vouches_for_ends_the_fetch(shop: Shop) -> None:
    asked = len(shop.hosts)
    with pytest.raises(SourceFailed, match=r"certificate of https://api.example.com:\d+ cannot be"):
        ask(shop.connection())
    assert len(shop.hosts) == asked


def test_a_certificate_of_another_host_ends_the_fetch(shop: Shop) -> None:
    with pytest.raises(SourceFailed, match=r"cannot be trusted: Hostname mismatch"):
        ask(shop.connection(host="other.example.com", tls=shop.trusting))


def test_a_server_without_tls_is_asked_again_later_and_sent_nothing(shop: Shop) -> None:
    listener = socket.create_server((LOOPBACK, 0))
    received: list[bytes] = []

    def answer() -> None:
        connected, _ = listener.accept()
        received.append(connected.recv(4096))
        connected.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        connected.close()

    listener.settimeout(10)
    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    plain = Shop(port=listener.getsockname()[1], certificate=shop.certificate, hosts=[])
    with pytest.raises(TryLater, match=r"TLS with https://api.example.com:\d+ failed"):
        ask(plain.connection(tls=shop.trusting))
    thread.join(timeout=10)
    listener.close()
    assert b"GET" not in received[0]


def test_a_name_is_resolved_once_for_a_connection(shop: Shop) -> None:
    connection = shop.connection(tls=shop.trusting)
    asked: list[str] = []
    resolve = connection.resolve
    connection.resolve = lambda host, *rest, **named: (
        asked.append(host),
        resolve(host, *rest, **named),
    )[1]
    for _ in range(3):
        assert connection.request("GET", f"{connection.origin}/v1", {}).status == 200
    connection.close()
    assert asked == [HOST]
