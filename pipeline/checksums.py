"""A checksum that a partner sends beside a file, as md5sum and its kind write it: `orders.csv.md5` for `orders.csv`."""

from __future__ import annotations

import hashlib
import re

from contracts.model import Checksum

LARGEST_BYTES = 4096  # of a file that holds one; larger ones are not read
DIGITS: dict[Checksum, int] = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}


def suffix(kind: Checksum) -> str:
    """How the name of the file that holds the checksum ends."""
    return f".{kind}"


def is_name(name: str, kind: Checksum) -> bool:
    """Whether a file of this name holds the checksum of another."""
    return name.casefold().endswith(suffix(kind))


def hasher(kind: Checksum) -> hashlib._Hash:
    """Takes the bytes of a file; against damage, not against an adversary."""
    return hashlib.new(kind, usedforsecurity=False)


def parsed(content: bytes, kind: Checksum, file_name: str) -> str | None:
    """The checksum of `file_name` in the content of such a file, in small letters; None when there is none.

    `DIGEST`, `DIGEST  NAME` and `DIGEST *NAME` are what md5sum writes, `MD5 (NAME) = DIGEST` BSD and openssl.
    A name must be the file's, without its folder.
    """
    digest = f"[0-9a-f]{{{DIGITS[kind]}}}"
    text = content.decode("utf-8-sig", "replace").strip()
    plain = re.fullmatch(rf"({digest})(?:[ \t]+\*?(\S.*))?", text, re.IGNORECASE)
    tagged = re.fullmatch(rf"{kind}[ ]?\((.+)\)[ ]?=[ ]?({digest})", text, re.IGNORECASE)
    if plain:
        found, name = plain.group(1), plain.group(2)
    elif tagged:
        found, name = tagged.group(2), tagged.group(1)
    else:
        return None
    is_of_file = name is None or re.split(r"[/\\]", name)[-1] == file_name
    return str(found).lower() if is_of_file else None


def line(content: bytes, kind: Checksum, file_name: str) -> bytes:
    """What such a file holds for a file with this content."""
    digest = hasher(kind)
    digest.update(content)
    return f"{digest.hexdigest()}  {file_name}\n".encode()
