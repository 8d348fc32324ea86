"""A real HTTP server on loopback that speaks as much of S3 as a fetch asks for, well or as badly as a test wants."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

import boto3
from botocore.config import Config

from tests.source_server import LOOPBACK, Asked, Reply, SourceServer, serving

OLD = datetime(2026, 11, 1, tzinfo=UTC)
BUCKET, PREFIX = "example-sales-exports", "daily/"


@dataclass(frozen=True)
class Object:
    """What is under a key."""

    content: bytes
    written: datetime = OLD

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.content).hexdigest()[:32]}"'


def failure(status: int, kind: str, message: str = "no", **headers: str) -> Reply:
    """An error as S3 answers it."""
    body = f"<Error><Code>{kind}</Code><Message>{message}</Message></Error>"
    return Reply(
        body.encode(), status=status, headers={"Content-Type": "application/xml", **headers}
    )


@dataclass
class BucketServer:
    """Objects by key. `before` is done ahead of an answer to a request for an object, once per entry."""

    objects: dict[str, Object] = field(default_factory=dict)
    page_size: int = 1000
    owner: str = "210987654321"
    before: list[Callable[[], object]] = field(default_factory=list)
    broken: dict[str, Callable[[Asked], Reply | None]] = field(default_factory=dict)
    server: SourceServer | None = None

    def put(self, name: str, content: bytes | str, *, written: datetime = OLD) -> None:
        data = content.encode() if isinstance(content, str) else content
        self.objects[PREFIX + name] = Object(data, written)

    def behave(self, asked: Asked) -> Reply | None:
        bucket, _, key = unquote(asked.path).lstrip("/").partition("/")
        expected = asked.headers.get("x-amz-expected-bucket-owner", self.owner)
        if bucket != BUCKET:
            return failure(404, "NoSuchBucket")
        if expected != self.owner:
            return failure(403, "AccessDenied")
        return self._object(asked, key) if key else self._list(asked)

    def client(self) -> Any:
        """A client of S3 that asks this server, as that of a fetch does."""
        assert self.server is not None
        retries = {"total_max_attempts": 1, "mode": "standard"}
        return boto3.client(
            "s3",
            endpoint_url=f"http://{LOOPBACK}:{self.server.port}",
            config=Config(
                retries=retries, s3={"addressing_style": "path"}, connect_timeout=2, read_timeout=1
            ),
        )

    def _object(self, asked: Asked, key: str) -> Reply | None:
        if self.before:
            self.before.pop(0)()
        if key in self.broken:
            return self.broken[key](asked)
        kept = self.objects.get(key)
        if kept is None:
            return failure(404, "NoSuchKey")
        if asked.headers.get("if-match", kept.etag) != kept.etag:
            return failure(412, "PreconditionFailed")
        return self.part(asked, kept)

    def part(self, asked: Asked, kept: Object, cut: int | None = None) -> Reply:
        """The range that was asked for."""
        headers = {"ETag": kept.etag}
        span = asked.headers.get("range", "").removeprefix("bytes=")
        if not span:
            return Reply(kept.content, headers=headers, cut=cut)
        first, last = map(int, span.split("-"))
        if first >= len(kept.content):
            return failure(416, "InvalidRange")
        return Reply(kept.content[first : last + 1], status=206, headers=headers, cut=cut)

    def _list(self, asked: Asked) -> Reply:
        prefix, token = (
            asked.parameters.get("prefix", ""),
            asked.parameters.get("continuation-token"),
        )
        keys = [
            key for key in sorted(self.objects) if key.startswith(prefix) and key > (token or "")
        ]
        page = keys[: self.page_size]
        more = len(keys) > len(page)
        following = (
            f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        )
        return Reply(
            (
                '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>{following}"
                f"{''.join(map(self._entry, page))}</ListBucketResult>"
            ).encode(),
            headers={"Content-Type": "application/xml"},
        )

    def _entry(self, key: str) -> str:
        kept = self.objects[key]
        return (
            f"<Contents><Key>{quote(key)}</Key><LastModified>{kept.written:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
            f"<ETag>{escape(kept.etag)}</ETag><Size>{len(kept.content)}</Size></Contents>"
        )


@contextmanager
def bucket_server() -> Iterator[BucketServer]:
    """A server until the block ends."""
    bucket = BucketServer()
    with serving(bucket.behave) as bucket.server:
        yield bucket
