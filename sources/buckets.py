"""Files of a bucket of S3, of this account or of another one.

The newest version of each object, named by its ETag and the moment at which it was written; every part is asked for
under that ETag, so that an object that is overwritten meanwhile is never mixed with the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from pipeline.aws_errors import code, is_transient
from sources.errors import CredentialsRefused, FileChanged, FileRefused, SourceFailed, TryLater
from sources.files import MOST_LISTED, RemoteFile, is_wanted
from sources.model import Bucket

# Source: S3 API reference, GetObject: "If the object's ETag is not the same, 412"; ErrorResponses for the others.
NO_LONGER = {
    "PreconditionFailed": "was overwritten since it was listed",
    "412": "was overwritten since it was listed",
    "NoSuchKey": "has vanished since it was listed",
    "404": "has vanished since it was listed",
    "InvalidRange": "has become shorter since it was listed",
}
FORBIDDEN = frozenset({"AccessDenied", "403", "Forbidden", "AllAccessDisabled"})
# botocore has tried a token twice by then; the next call assumes the role anew.
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})


@dataclass(kw_only=True)
class BucketFiles:
    """The objects of a bucket that a description wants. `connect` gives an S3 client that may read them.

    `reader` names the role of this account whose permission is asked for, in messages.
    """

    bucket: Bucket
    connect: Callable[[], Any]
    reader: str
    quiet_seconds: float = 0
    puts_away: bool = False
    _s3: Any = field(default=None)

    def place(self, file: RemoteFile) -> str:
        """Where the object is, as a URL."""
        return f"s3://{self.bucket.name}/{file.path}"

    def listed(self) -> Iterator[RemoteFile]:
        """Every object below the prefix whose name is wanted. Raises SourceFailed beyond a million of objects."""
        count = 0
        for page in self._pages():
            for item in page.get("Contents", []):
                count += 1
                file = _file(item)
                if file.name and is_wanted(file.name, self.bucket.files):
                    yield file
            if count > MOST_LISTED:
                raise SourceFailed(
                    f"{self._shown} has more than {MOST_LISTED} objects; narrow bucket.prefix, or have old ones removed"
                )

    def read(self, file: RemoteFile, start: int, length: int) -> bytes:
        """That part of exactly this version."""
        wanted = min(length, file.size_bytes - start)
        if wanted <= 0 and file.size_bytes:
            raise ValueError(f"{file.path} has no byte {start}")
        # Of an empty object no range can be had. Source: RFC 9110, 14.1.2, "unsatisfiable".
        part = {"Range": f"bytes={start}-{start + wanted - 1}"} if wanted else {}
        with self._explained(file.path):
            answer = self._client().get_object(
                Bucket=self.bucket.name, Key=file.path, IfMatch=_etag(file), **part, **self._owner
            )
            content = bytes(answer["Body"].read())
        if len(content) != wanted:
            raise TryLater(f"{file.path!r} broke off after {len(content)} of {wanted} bytes")
        return content

    def confirm(self, file: RemoteFile) -> None:
        """Nothing: each part was asked for under the version."""

    def put_away(self, file: RemoteFile) -> None:
        """Nothing: another's bucket is only read."""

    def close(self) -> None:
        """Forget the client."""
        self._s3 = None

    def _pages(self) -> Iterator[dict[str, Any]]:
        asked = {"Bucket": self.bucket.name, "Prefix": self.bucket.prefix, **self._owner}
        while True:
            with self._explained(None):
                page = self._client().list_objects_v2(**asked)
            yield page
            if not page.get("IsTruncated"):
                return
            following = page.get("NextContinuationToken")
            if not following or following == asked.get("ContinuationToken"):
                raise SourceFailed(f"{self._shown} gives the same page of its list for ever")
            asked["ContinuationToken"] = following

    def _client(self) -> Any:
        if self._s3 is None:
            self._s3 = self.connect()
        return self._s3

    @property
    def _owner(self) -> dict[str, str]:
        return {"ExpectedBucketOwner": self.bucket.account} if self.bucket.account else {}

    @property
    def _shown(self) -> str:
        return f"s3://{self.bucket.name}/{self.bucket.prefix}"

    @contextmanager
    def _explained(self, path: str | None) -> Iterator[None]:
        """Errors of S3 as what they mean here; `path` is the object that was asked for, None for the list."""
        try:
            yield
        except Exception as error:
            if (meaning := self._meaning(error, path)) is None:
                raise
            raise meaning from error

    def _meaning(self, error: Exception, path: str | None) -> Exception | None:
        kind = code(error)
        if kind == "NoSuchBucket":
            return SourceFailed(
                f"there is no bucket {self.bucket.name!r}; correct bucket.name, or ask its owner"
            )
        if is_transient(error) or kind in EXPIRED:
            return TryLater(f"{self._shown} did not answer: {error}")
        if path is None:
            return self._list_denied(error) if kind in FORBIDDEN else None
        if kind in NO_LONGER:
            return FileChanged(f"{path!r} {NO_LONGER[kind]}")
        return self._refused(error, kind, path)

    def _list_denied(self, error: Exception) -> Exception:
        owned = f", and account {self.bucket.account} must own it" if self.bucket.account else ""
        return CredentialsRefused(
            f"{self._shown} may not be listed by {self.reader}: its policies must allow s3:ListBucket and"
            f" s3:GetObject{owned} ({error})"
        )

    def _refused(self, error: Exception, kind: str, path: str) -> Exception | None:
        if "kms" in str(error).lower() or kind.startswith("KMS."):
            return FileRefused(
                f"{path!r} may not be decrypted by {self.reader}: name the key in bucket.key, and its policy must"
                f" allow kms:Decrypt ({error})"
            )
        if kind == "InvalidObjectState":
            return FileRefused(f"{path!r} is in an archive; its owner must restore it")
        if kind in FORBIDDEN:
            return FileRefused(
                f"{path!r} may not be read by {self.reader}: its policies must allow s3:GetObject ({error})"
            )
        return None


@dataclass(frozen=True, kw_only=True)
class AssumedRole:
    """Credentials of the role that another account gives, for one call of a fetch: they last an hour."""

    sts: Any
    role: str
    external_id: str
    reader: str

    def credentials(self, session: str) -> dict[str, str]:
        """What a boto3 client takes as its credentials. Raises CredentialsRefused, TryLater."""
        try:
            given = self.sts.assume_role(
                RoleArn=self.role, RoleSessionName=session, ExternalId=self.external_id
            )["Credentials"]
        except Exception as error:
            if is_transient(error):
                raise TryLater(f"the role {self.role} could not be assumed: {error}") from error
            if code(error) not in FORBIDDEN:
                raise
            raise CredentialsRefused(
                f"the role {self.role} may not be assumed: its trust policy must name {self.reader} and the external id"
                f" of the description ({error})"
            ) from error
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }


def _file(item: dict[str, Any]) -> RemoteFile:
    written = item["LastModified"].astimezone(UTC).isoformat()
    etag = str(item["ETag"]).strip('"')
    return RemoteFile(
        path=str(item["Key"]),
        size_bytes=int(item["Size"]),
        modified_at=written,
        version=f"{etag} {written}",
    )


def _etag(file: RemoteFile) -> str:
    return f'"{file.version.partition(" ")[0]}"'
