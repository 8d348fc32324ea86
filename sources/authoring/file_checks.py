"""What must hold in a source that has files, beyond its shape."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

from contracts.authoring.problems import Path
from sources.authoring import profile
from sources.authoring.parsed import ParsedSource

# Source: S3 user guide, "General purpose buckets naming rules".
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
ACCOUNT = re.compile(r"[0-9]{12}")
ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+")
KEY = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+")
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
HOST_KEY_KINDS = frozenset(
    {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"}
)
# Source: STS API reference, AssumeRole, ExternalId.
EXTERNAL_ID = re.compile(r"[A-Za-z0-9_+=,.@:/-]{2,1224}")


def check_bucket(parsed: ParsedSource) -> None:
    """Record every mistake of meaning in `bucket`."""
    bucket, problem = parsed.bucket, parsed.document.problem
    if bucket is None:
        return
    if not BUCKET.fullmatch(bucket.name):
        message = f"found {bucket.name!r}; expected the name of a bucket, without s3:// or ARN"
        problem(("bucket", "name"), message)
    _check_prefix(parsed, bucket.prefix)
    check_patterns(parsed, ("bucket", "files"), bucket.files or ())
    if bucket.account is not None and not ACCOUNT.fullmatch(bucket.account):
        message = f"found {bucket.account!r}; expected the 12 digits of its owner, in quotes"
        problem(("bucket", "account"), message)
    _check_access(parsed, bucket)


def check_sftp(parsed: ParsedSource) -> None:
    """Record every mistake of meaning in `sftp`."""
    sftp, problem = parsed.sftp, parsed.document.problem
    if sftp is None:
        return
    if not HOST.fullmatch(sftp.host):
        message = f"found {sftp.host!r}; expected the name of a host, without sftp://, login, port or folder"
        problem(("sftp", "host"), message)
    check_patterns(parsed, ("sftp", "files"), sftp.files or ())
    for name, folder in (("folder", sftp.folder), ("archiveFolder", sftp.archive_folder)):
        if folder is not None and not folder.startswith("/"):
            message = f"found {folder!r}; expected a path from the root, such as /outgoing"
            problem(("sftp", name), message)
    _check_archive(parsed, sftp)
    for index, line in enumerate(sftp.host_keys):
        if not is_host_key(line):
            problem(
                ("sftp", "hostKeys", index),
                f"found {line[:40]!r}; expected kind and key, such as ssh-ed25519 AAAA..., as its owner publishes them"
                " or `ssh-keyscan` shows them after the host",
            )


def is_host_key(line: str) -> bool:
    """Whether a line has the kind of a key and, in base64, a key of that kind. Source: RFC 4253, section 6.6."""
    kind, _, rest = line.partition(" ")
    try:
        key = base64.b64decode(rest.partition(" ")[0], validate=True)
    except ValueError:
        return False
    return kind in HOST_KEY_KINDS and key.startswith(len(kind).to_bytes(4, "big") + kind.encode())


def _check_archive(parsed: ParsedSource, sftp: profile.SftpSpec) -> None:
    problem, archive = parsed.document.problem, sftp.archive_folder
    if (sftp.after == "archive") != (archive is not None):
        message = (
            "give archiveFolder with after: archive, and only then: where delivered files are moved"
        )
        problem(("sftp",), message)
    if archive is not None and archive.rstrip("/") == sftp.folder.rstrip("/"):
        problem(("sftp", "archiveFolder"), f"found {archive!r}, which is sftp.folder; name another")


def check_patterns(parsed: ParsedSource, path: Path, patterns: Sequence[str]) -> None:
    """Record patterns that no name of a file could be like."""
    for index, pattern in enumerate(patterns):
        if "/" in pattern:
            message = (
                f"found {pattern!r}; expected a pattern of names without folders, such as *.csv"
            )
            parsed.document.problem((*path, index), message)


def _check_prefix(parsed: ParsedSource, prefix: str) -> None:
    if prefix.startswith("/") or (prefix and not prefix.endswith("/")):
        parsed.document.problem(
            ("bucket", "prefix"),
            f"found {prefix!r}; expected '' or a prefix that ends with /, such as sales/: without it sales-old/ would"
            " be taken, too",
        )


def _check_access(parsed: ParsedSource, bucket: profile.BucketSpec) -> None:
    problem = parsed.document.problem
    if bucket.role is not None and not ROLE.fullmatch(bucket.role):
        message = (
            f"found {bucket.role!r}; expected the ARN of a role, arn:aws:iam::<account>:role/<name>"
        )
        problem(("bucket", "role"), message)
    if (bucket.role is None) != (bucket.external_id is None):
        message = (
            "give both role and externalId, or neither: a role is assumed under an id that its owner wrote into its"
            " trust policy"
        )
        problem(("bucket",), message)
    if bucket.external_id is not None and not EXTERNAL_ID.fullmatch(bucket.external_id):
        message = f"found {bucket.external_id!r}; expected 2 to 1224 letters, digits or _+=,.@:/-"
        problem(("bucket", "externalId"), message)
    if bucket.key is not None and not KEY.fullmatch(bucket.key):
        message = f"found {bucket.key!r}; expected the ARN of a KMS key, arn:aws:kms:<region>:<account>:key/<id>"
        problem(("bucket", "key"), message)
    if bucket.key is not None and bucket.role is not None:
        message = "the role that is assumed decrypts: its owner lets it use the key; remove key"
        problem(("bucket", "key"), message)
