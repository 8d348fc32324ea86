"""One origin, asked by HTTP: its addresses are checked before they are connected to, and every answer has a limit.

Of the standard library, because a client that follows redirects, honours proxies and resolves names by itself would
have to be kept from it. The name is resolved once per connection and the very address that was checked is connected to,
so that a name cannot change its meaning in between (DNS rebinding).
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from sources.errors import SourceFailed, TryLater

CONNECT_SECONDS = 10.0
REQUEST_SECONDS = 120.0  # from the request to the last byte of the answer
MOST_BYTES = (
    16 * 1024 * 1024
)  # of one decoded answer; as JSON it takes about ten times as much memory
CHUNK_BYTES = 64 * 1024
MOST_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits
PORTS = {"https": 443, "http": 80}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Scheme, host and port: what a request may be sent to."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer of any status. Names of `headers` are in lower case; `body` is decoded.

    `tells_its_end` is whether a body that broke off would have been noticed: it had a length, or came in chunks.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    tells_its_end: bool


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of one request."""

    connect_seconds: float = CONNECT_SECONDS
    request_seconds: float = REQUEST_SECONDS
    most_bytes: int = MOST_BYTES


def origin_of(url: str) -> Origin:
    """The origin of an absolute URL. Raises SourceFailed for anything else."""
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme)
    except ValueError as error:
        raise SourceFailed(f"{url!r} is not a URL: {error}") from error
    if parts.scheme not in PORTS or not parts.hostname or port is None or parts.username:
        raise SourceFailed(
            f"{_without_query(url)!r} is not an http or https URL of a host, without a login"
        )
    return Origin(scheme=parts.scheme, host=parts.hostname, port=port)


def refused_address(address: Address, *, loopback: bool) -> str | None:
    """Why this address may not be connected to; None if it may. `loopback` allows addresses of this machine."""
    inner = _embedded(address)
    if inner.is_loopback:
        return None if loopback else "is this machine's own"
    if inner.is_link_local:
        return "is link-local, where clouds keep credentials"
    if not inner.is_global or inner.is_multicast:
        return "is not on the public internet"
    return None


def checked_address(
    host: str, port: int, *, loopback: bool, resolve: Callable[..., Any] = socket.getaddrinfo
) -> Address:
    """The first address of a host, if all of them may be connected to. Raises SourceFailed otherwise, or TryLater."""
    try:
        infos = resolve(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise TryLater(f"the name {host!r} cannot be resolved: {error}") from error
    addresses = [ipaddress.ip_address(info[4][0].partition("%")[0]) for info in infos]
    for address in addresses:
        if why := refused_address(address, loopback=loopback):
            raise SourceFailed(
                f"{host!r} is at {address}, which {why}; only public addresses are fetched from"
            )
    if not addresses:
        raise TryLater(f"the name {host!r} has no address")
    return addresses[0]


def _embedded(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that stands for it."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


@dataclass(frozen=True, kw_only=True)
class _Open:
    """A connection and its socket, which http.client forgets once an answer says that it is the last."""

    http: http.client.HTTPConnection
    socket: socket.socket


@dataclass(kw_only=True)
class Connection:
    """Requests to one origin over one connection, which is made again when it has ended.

    `loopback` is for the embedded AWS: there an API of this machine may be asked, also without TLS.
    """

    origin: Origin
    loopback: bool
    limits: Limits = field(default_factory=Limits)
    resolve: Callable[..., Any] = socket.getaddrinfo
    tls: Callable[[], ssl.SSLContext] = ssl.create_default_context
    _open: _Open | None = None

    def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """The answer, of whatever status, after at most three redirects within the origin.

        Raises TryLater when there is none, SourceFailed when it may not be asked for or read.
        """
        for _ in range(MOST_REDIRECTS + 1):
            self._require_origin(url)
            answer = self._answer(method, url, headers, body)
            if answer.status not in REDIRECTS:
                return answer
            url = urljoin(url, answer.headers.get("location", ""))
        raise SourceFailed(
            f"{self.origin} redirects more than {MOST_REDIRECTS} times; name the URL that answers in the description"
        )

    def close(self) -> None:
        """End the connection; the next request makes another."""
        if self._open is not None:
            self._open.http.close()
            self._open.socket.close()
        self._open = None

    def _require_origin(self, url: str) -> None:
        other = origin_of(url)
        if other != self.origin:
            raise SourceFailed(
                f"{self.origin} leads to {other}; only what the description names is asked: put that into"
                " http.url if it is right"
            )

    def _answer(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        was_open = self._open is not None
        try:
            return self._once(method, url, headers, body)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            self.close()
            if not was_open:
                raise TryLater(f"{self.origin} ended the connection without an answer") from error
        # It had been left open by an earlier request, and servers close those: once more, afresh.
        try:
            return self._once(method, url, headers, body)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            self.close()
            raise TryLater(f"{self.origin} ended the connection without an answer") from error

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        expired = threading.Event()
        opened = self._open = self._open or self._connected()
        connection = opened.http
        clock = threading.Timer(self.limits.request_seconds, _cut, (opened.socket, expired))
        clock.start()
        try:
            connection.request(method, _target(url), body, dict(headers))
            return self._read(url, connection.getresponse())
        except ssl.SSLError as error:
            self.close()
            raise TryLater(f"TLS with {self.origin} broke: {error}") from error
        except (http.client.HTTPException, OSError, zlib.error) as error:
            if expired.is_set():
                self.close()
                raise TryLater(self._too_slow) from error
            if isinstance(error, http.client.RemoteDisconnected | ConnectionError):
                raise
            self.close()
            raise TryLater(f"the answer of {self.origin} broke off: {error!r}") from error
        finally:
            clock.cancel()

    @property
    def _too_slow(self) -> str:
        return f"{self.origin} took more than {self.limits.request_seconds:g} s for one answer"

    def _connected(self) -> _Open:
        address = self._checked_address()
        try:
            plain = socket.create_connection(
                (str(address), self.origin.port), timeout=self.limits.connect_seconds
            )
        except OSError as error:
            raise TryLater(f"{self.origin} cannot be reached at {address}: {error}") from error
        plain.settimeout(self.limits.request_seconds)
        connection = http.client.HTTPConnection(self.origin.host, self.origin.port)
        connection.auto_open = 0  # by itself it would connect to whatever the name means then
        connection.sock = self._secured(plain)
        return _Open(http=connection, socket=connection.sock)

    def _secured(self, plain: socket.socket) -> socket.socket:
        if self.origin.scheme == "http":
            return plain
        try:
            return self.tls().wrap_socket(plain, server_hostname=self.origin.host)
        except ssl.SSLCertVerificationError as error:
            plain.close()
            raise SourceFailed(
                f"the certificate of {self.origin} cannot be trusted: {error.verify_message}; its owner must renew it"
            ) from error
        except OSError as error:
            plain.close()
            raise TryLater(f"TLS with {self.origin} failed: {error}") from error

    def _checked_address(self) -> Address:
        address = checked_address(
            self.origin.host, self.origin.port, loopback=self.loopback, resolve=self.resolve
        )
        if self.origin.scheme == "http" and not address.is_loopback:
            raise SourceFailed(
                f"{self.origin} is not https; credentials and data would be readable"
            )
        return address

    def _read(self, url: str, response: http.client.HTTPResponse) -> Answer:
        headers = {name.lower(): value for name, value in response.getheaders()}
        tells_its_end = bool(response.chunked) or response.length is not None
        body = self._body(response, headers)
        if response.will_close:
            self.close()
        return Answer(
            url=url,
            status=response.status,
            headers=headers,
            body=body,
            tells_its_end=tells_its_end,
        )

    def _body(self, response: http.client.HTTPResponse, headers: Mapping[str, str]) -> bytes:
        decode, pieces, received, size = _decoder(headers, self.origin), [], 0, 0
        while chunk := response.read(CHUNK_BYTES):
            received += len(chunk)
            piece = decode.decompress(chunk, self.limits.most_bytes + 1 - size) if decode else chunk
            size += len(piece)
            if size > self.limits.most_bytes:
                self.close()
                raise SourceFailed(
                    f"{self.origin} answered with more than {self.limits.most_bytes} bytes; ask for smaller pages"
                )
            pieces.append(piece)
        # http.client returns what there is when a body with a length ends early, without an error.
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        if decode and received and not decode.eof:
            raise http.client.IncompleteRead(b"")
        if decode and decode.unused_data:
            raise SourceFailed(f"{self.origin} sent {len(decode.unused_data)} bytes after its gzip")
        return b"".join(pieces)


def _decoder(headers: Mapping[str, str], origin: Origin) -> Any:
    """What takes the content encoding away, a little at a time; None if there is none."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    match encoding:
        case "" | "identity":
            return None
        case "gzip" | "x-gzip" | "deflate":
            return zlib.decompressobj(zlib.MAX_WBITS | 32)  # tells gzip and zlib apart by itself
        case _:
            raise SourceFailed(
                f"{origin} answered in encoding {encoding!r}; only gzip is asked for"
            )


def _cut(connected: socket.socket, expired: threading.Event) -> None:
    """End a request that takes too long, wherever it waits."""
    expired.set()
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it ended by itself in the same moment


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _without_query(url: str) -> str:
    """A URL as it may be shown: parameters may hold a key."""
    return url.partition("?")[0]
