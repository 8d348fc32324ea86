"""A source file taken apart: every part that has the right shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Literal, TypeVar, get_args

from contracts.authoring import structure
from contracts.authoring.problems import Path, did_you_mean
from contracts.authoring.profile import Strict
from contracts.authoring.yaml_lines import Document
from sources.authoring import profile

Kind = Literal["http", "bucket", "sftp", "postgres"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BEGINS_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
Model = TypeVar("Model", bound=Strict)


@dataclass(frozen=True, kw_only=True)
class ParsedSource:
    """What of a file has the right shape; a part with a mistake is None.

    `kind` is what the source is; only its part is there. `data` and `http_data` are as written, so that a mistake in
    one field hides none in another. `certificates` is what the file of that name holds.
    """

    name: str
    document: Document
    kind: Kind
    data: dict[str, Any]
    http_data: dict[str, Any]
    spec: profile.SourceSpec | None
    bucket: profile.BucketSpec | None
    postgres: profile.PostgresSpec | None
    change_column: profile.ChangeColumnSpec | None
    certificates: str | None
    sftp: profile.SftpSpec | None
    http: profile.HttpSpec | None
    authentication: profile.AuthenticationSpec | None
    format: profile.FormatSpec | None
    paging: profile.PagingSpec | None
    watermark: profile.WatermarkSpec | None


def take_apart(name: str, document: Document, folder: FilePath) -> ParsedSource:
    """Parse every part of a document; of one that could not be read there is none.

    `folder` has the files that it names.
    """
    data = document.data if isinstance(document.data, dict) else {}
    kind = _kind(data, document)
    inner = data.get("http") if kind == "http" else None
    parts: dict[str, Any] = inner if isinstance(inner, dict) else {}
    kinds = {
        "authentication": profile.AUTHENTICATION,
        "format": profile.FORMATS,
        "paging": profile.PAGING,
    }
    by_kind: dict[str, Any] = {
        part: _by_kind(known, parts, part, document) for part, known in kinds.items()
    }
    readable = not document.problems or bool(data)
    shape = profile.SOURCES[kind]
    is_table = kind == "postgres"
    postgres = _part(profile.PostgresSpec, data, "postgres", document) if is_table else None
    return ParsedSource(
        name=name,
        document=document,
        kind=kind,
        data=data,
        http_data=parts,
        spec=structure.parse(shape, document.data, document) if readable else None,
        bucket=_part(profile.BucketSpec, data, "bucket", document) if kind == "bucket" else None,
        postgres=postgres,
        change_column=_change_column(data, document) if is_table else None,
        certificates=_certificates(postgres, document, folder) if postgres else None,
        sftp=_part(profile.SftpSpec, data, "sftp", document) if kind == "sftp" else None,
        http=_part(profile.HttpSpec, data, "http", document) if kind == "http" else None,
        **by_kind,
        watermark=structure.parse(
            profile.WatermarkSpec, parts["watermark"], document, ("http", "watermark")
        )
        if parts.get("watermark") is not None
        else None,
    )


def _kind(data: dict[str, Any], document: Document) -> Kind:
    """What the source is; an API if nothing says so, so that what is missing is asked for."""
    given = [kind for kind in KINDS if kind in data]
    for other in given[1:]:
        document.problem(
            (other,), f"a source is one of {', '.join(KINDS)}; remove all but one of them"
        )
        del data[other]
    return given[0] if given else "http"


def _change_column(data: dict[str, Any], document: Document) -> profile.ChangeColumnSpec | None:
    inner = data.get("postgres")
    given = inner.get("watermark") if isinstance(inner, dict) else None
    if given is None:
        return None
    return structure.parse(profile.ChangeColumnSpec, given, document, ("postgres", "watermark"))


def _certificates(
    postgres: profile.PostgresSpec, document: Document, folder: FilePath
) -> str | None:
    name, path = postgres.certificates, ("postgres", "certificates")
    if name is None:
        return None
    file = folder / name
    if file.parent != folder or not file.is_file():
        document.problem(path, f"found {name!r}; expected the name of a file in {folder.name}/")
        return None
    text = file.read_text(encoding="utf-8", errors="replace")
    if BEGINS_CERTIFICATE not in text or "PRIVATE KEY" in text:
        message = f"{name} has no certificates of authorities in PEM, or a private key besides"
        document.problem(path, message)
        return None
    return text


def _part(model: type[Model], data: dict[str, Any], part: str, document: Document) -> Model | None:
    return structure.parse(model, data[part], document, (part,)) if part in data else None


def _by_kind(
    kinds: Mapping[str, type[Strict]], parts: dict[str, Any], part: str, document: Document
) -> Strict | None:
    data, path = parts.get(part), ("http", part)
    if data is None:
        return None
    if not isinstance(data, dict):
        document.problem(path, f"found {data!r}; expected a mapping with kind and more")
        return None
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        where: Path = (*path, "kind") if "kind" in data else path
        document.problem(where, f"found kind {kind!r}; {did_you_mean(str(kind), kinds)}")
        return None
    return structure.parse(kinds[kind], data, document, path)
