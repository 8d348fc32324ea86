"""A source as the function that fetches it sees it: frozen dataclasses over the compiled JSON.

`sources.authoring` is the only writer of that JSON. What can be extended (sources, credentials, formats, paging) is a
union, so that mypy names every place that a new kind must be handled in.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal
from urllib.parse import urlsplit

from contracts.errors import ContractInvalid

Path = tuple[
    str, ...
]  # names from a JSON value down to one inside it; the empty path is the value itself
LineBreaks = Literal["keep", "spaces"]
UnknownFields = Literal["refuse", "ignore"]
TimeFormat = Literal["iso8601", "date", "epoch_seconds"]
Counted = Literal["records", "pages"]


@dataclass(frozen=True, kw_only=True)
class Bearer:
    """`Authorization: Bearer`, from the field `token` of a secret."""

    kind: Literal["bearer"] = "bearer"
    secret: str


@dataclass(frozen=True, kw_only=True)
class Basic:
    """HTTP basic authentication, from the fields `username` and `password` of a secret."""

    kind: Literal["basic"] = "basic"
    secret: str


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """The field `key` of a secret, in a header or a parameter; one of the two is set."""

    kind: Literal["api_key"] = "api_key"
    secret: str
    header: str | None
    parameter: str | None


@dataclass(frozen=True, kw_only=True)
class ClientCredentials:
    """A token by OAuth 2.0 client credentials (RFC 6749, 4.4), from `client_id` and `client_secret` of a secret."""

    kind: Literal["client_credentials"] = "client_credentials"
    secret: str
    token_url: str  # absolute, or relative to the URL of the source
    scope: str | None


Authentication = Bearer | Basic | ApiKey | ClientCredentials


@dataclass(frozen=True, kw_only=True)
class JsonFormat:
    """An array of records at `records`; `total` is where the API says how many there are on all pages, if it does."""

    kind: Literal["json"] = "json"
    records: Path
    total: Path | None


@dataclass(frozen=True, kw_only=True)
class CsvFormat:
    """CSV in UTF-8 whose first record is the header, on every page."""

    kind: Literal["csv"] = "csv"
    delimiter: str


@dataclass(frozen=True, kw_only=True)
class JsonLinesFormat:
    """JSON lines in UTF-8: each line that is not empty is a record."""

    kind: Literal["json_lines"] = "json_lines"


Format = JsonFormat | JsonLinesFormat | CsvFormat


@dataclass(frozen=True, kw_only=True)
class OnePage:
    """One request gives everything."""

    kind: Literal["none"] = "none"


@dataclass(frozen=True, kw_only=True)
class ByLink:
    """The next page's URL, at `next` of the answer, or in its header Link with rel=next (RFC 8288) if that is None."""

    kind: Literal["link"] = "link"
    next: Path | None


@dataclass(frozen=True, kw_only=True)
class ByCursor:
    """What stands at `next` of the answer is sent as `parameter`; the last page has none, or an empty one."""

    kind: Literal["cursor"] = "cursor"
    parameter: str
    next: Path


@dataclass(frozen=True, kw_only=True)
class ByOffset:
    """`parameter` counts records or pages from `first`; ends after a page without records, or at the total."""

    kind: Literal["offset"] = "offset"
    parameter: str
    counts: Counted
    first: int
    size_parameter: str | None
    size: int | None


Paging = OnePage | ByLink | ByCursor | ByOffset


@dataclass(frozen=True, kw_only=True)
class Watermark:
    """Only what changed since the last fetch began is asked for, and `overlap_minutes` more.

    `start` is sent by the first fetch, in ISO 8601; None: the first fetch asks for everything.
    """

    parameter: str
    format: TimeFormat
    start: str | None
    overlap_minutes: int


@dataclass(frozen=True, kw_only=True)
class Http:
    """How an HTTP API is asked. `parameters` and `headers` go with every request."""

    url: str
    parameters: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    authentication: Authentication | None
    format: Format
    paging: Paging
    requests_per_minute: int | None
    watermark: Watermark | None
    conditional: bool


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """Objects below `prefix` whose names, after the last `/`, are like one of `files` (`*.csv`).

    `account` is the id of the bucket's owner, without which a bucket that was deleted and made again by somebody else
    would be read. `role` is assumed with `external_id` to read it; None: the fetch reads it with its own role. `key` is
    the KMS key of its objects; None: S3's own, or that which the assumed role may use.
    """

    name: str
    prefix: str
    files: tuple[str, ...]
    account: str | None
    role: str | None
    external_id: str | None
    key: str | None


@dataclass(frozen=True, kw_only=True)
class ChangeColumn:
    """The column that is set whenever a row changes. Only changes are read, and `overlap_minutes` more.

    `zone` says what a stamp without time zone means; None for a timestamp that has one.
    """

    column: str
    overlap_minutes: int
    zone: Literal["UTC"] | None


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """How a table of a PostgreSQL is read, by `schema.table`. `secret` has host, port, dbname, username, password.

    `certificates` are the authorities, in PEM, that the server's certificate must come from; None: those of the
    machine. No query takes longer than `statement_seconds`; one copies about `chunk_rows`. Without a watermark each
    extract reads everything. With a `max_deleted_share` each extract compares the keys of the table with those of the
    one before, and is refused if more of them are gone; None: rows that are deleted are not noticed.
    """

    secret: str
    certificates: str | None
    table: str
    watermark: ChangeColumn | None
    statement_seconds: int
    chunk_rows: int
    max_deleted_share: float | None = None


@dataclass(frozen=True, kw_only=True)
class Sftp:
    """Files of one folder of an SFTP server whose names are like one of `files`.

    `host_keys` are lines like those of known_hosts after the host; the server must have one of them. `secret` holds
    username, and password or private_key. A file counts as whole once it has not changed for `quiet_seconds`. What was
    delivered is moved into `archive_folder`; None: it stays.
    """

    host: str
    port: int
    folder: str
    files: tuple[str, ...]
    host_keys: tuple[str, ...]
    secret: str
    quiet_seconds: int
    archive_folder: str | None


@dataclass(frozen=True, kw_only=True)
class Described:
    """What every source has. `schedule` is an expression of EventBridge Scheduler in UTC; None: fetched by hand."""

    name: str
    description: str
    dataset: str
    schedule: str | None


@dataclass(frozen=True, kw_only=True)
class HttpSource(Described):
    """An API. `fields` says for each column of the contract where its value stands in a record.

    Fields of a record that are neither taken nor `ignored_fields` are refused by name, or ignored if `unknown_fields`
    says so. A value with a carriage return is refused, since no file can hold it beside plain line breaks, unless
    `line_breaks` become spaces.
    """

    http: Http
    fields: tuple[tuple[str, Path], ...]
    ignored_fields: tuple[Path, ...]
    unknown_fields: UnknownFields
    line_breaks: LineBreaks

    @property
    def url(self) -> str:
        """Where it is."""
        return self.http.url

    @property
    def secret(self) -> str | None:
        """Name of the secret with its credentials; None for an API that needs none."""
        return self.http.authentication.secret if self.http.authentication else None


@dataclass(frozen=True, kw_only=True)
class BucketSource(Described):
    """A bucket of S3 whose objects are files of the dataset, taken as they are."""

    bucket: Bucket

    @property
    def url(self) -> str:
        """Where it is."""
        return f"s3://{self.bucket.name}/{self.bucket.prefix}"

    @property
    def secret(self) -> str | None:
        """None: roles need no secret."""
        return None


@dataclass(frozen=True, kw_only=True)
class PostgresSource(Described):
    """A table of an application's database. `fields` says which of its columns each column of the contract is.

    Columns of the table that are neither taken nor `ignored_columns` are told to people. A text with a carriage return
    is refused, as in HttpSource.
    """

    postgres: Postgres
    fields: tuple[tuple[str, str], ...]
    ignored_columns: tuple[str, ...]
    line_breaks: LineBreaks

    @property
    def url(self) -> str:
        """What is read; which server it is on says its secret."""
        return f"postgres:{self.postgres.table}"

    @property
    def secret(self) -> str | None:
        """Name of the secret that says where the database is and lets in."""
        return self.postgres.secret


@dataclass(frozen=True, kw_only=True)
class SftpSource(Described):
    """A folder of somebody else's SFTP server whose files are files of the dataset, taken as they are."""

    sftp: Sftp

    @property
    def url(self) -> str:
        """Where it is."""
        return f"sftp://{self.sftp.host}:{self.sftp.port}{self.sftp.folder}"

    @property
    def secret(self) -> str | None:
        """Name of the secret with its credentials."""
        return self.sftp.secret


FileSource = BucketSource | SftpSource  # what they give are files, taken as they are
Source = HttpSource | FileSource | PostgresSource

AUTHENTICATION = {kind.kind: kind for kind in (Bearer, Basic, ApiKey, ClientCredentials)}
FORMATS = {kind.kind: kind for kind in (JsonFormat, JsonLinesFormat, CsvFormat)}
PAGING = {kind.kind: kind for kind in (OnePage, ByLink, ByCursor, ByOffset)}
PATHS = ("records", "total", "next")


def to_json(source: Source) -> str:
    """The compiled text of a source."""
    return json.dumps(dataclasses.asdict(source), indent=2, ensure_ascii=False) + "\n"


def from_json(text: str, *, origin: str) -> Source:
    """A source from its compiled text. Raises ContractInvalid, naming `origin`, for any other text."""
    try:
        return _source(json.loads(text))
    except (KeyError, TypeError, ValueError) as error:
        raise ContractInvalid(
            f"{origin} is not a compiled source: {error!r}; run `make contracts`"
        ) from error


def load(name: str) -> Source:
    """The compiled source shipped with this code. Raises ContractInvalid if there is none of this name."""
    file = resources.files("sources") / "compiled" / f"{name}.json"
    if not file.is_file():
        raise ContractInvalid(f"no source {name!r}; known: {', '.join(names()) or 'none'}")
    return from_json(file.read_text(encoding="utf-8"), origin=f"sources/compiled/{name}.json")


def names() -> tuple[str, ...]:
    """Names of all compiled sources, sorted."""
    folder = resources.files("sources") / "compiled"
    files = [file.name for file in folder.iterdir()] if folder.is_dir() else []
    return tuple(sorted(name.removesuffix(".json") for name in files if name.endswith(".json")))


def at(source: Source, url: str) -> Source:
    """The source at `url`, as an environment's settings may say. Raises ContractInvalid for one of another kind."""
    parts = urlsplit(url)
    match source:
        case HttpSource() if parts.scheme in ("http", "https"):
            return dataclasses.replace(source, http=dataclasses.replace(source.http, url=url))
        case BucketSource() if parts.scheme == "s3" and parts.netloc:
            # Not the parts of the URL: in a key ? and # are characters like any other.
            name, _, prefix = url.removeprefix("s3://").partition("/")
            bucket = dataclasses.replace(source.bucket, name=name, prefix=prefix)
            return dataclasses.replace(source, bucket=bucket)
        case PostgresSource() if url == source.url:
            return source
        case SftpSource() if parts.scheme == "sftp" and parts.hostname:
            port = parts.port or source.sftp.port
            sftp = dataclasses.replace(
                source.sftp, host=parts.hostname, port=port, folder=parts.path or "/"
            )
            return dataclasses.replace(source, sftp=sftp)
        case _:
            raise ContractInvalid(
                f"source {source.name!r} cannot be at {url!r}; expected a URL such as {source.url}"
            )


def _source(data: dict[str, Any]) -> Source:
    if "bucket" in data:
        bucket = {**data["bucket"], "files": tuple(data["bucket"]["files"])}
        return BucketSource(**{**data, "bucket": Bucket(**bucket)})
    if "postgres" in data:
        return _postgres_source(data)
    if "sftp" in data:
        lists = {name: tuple(data["sftp"][name]) for name in ("files", "host_keys")}
        return SftpSource(**{**data, "sftp": Sftp(**{**data["sftp"], **lists})})
    fields = tuple((str(column), tuple(path)) for column, path in data["fields"])
    ignored = tuple(tuple(path) for path in data["ignored_fields"])
    return HttpSource(
        **{**data, "http": _http(data["http"]), "fields": fields, "ignored_fields": ignored}
    )


def _postgres_source(data: dict[str, Any]) -> PostgresSource:
    inner = data["postgres"]
    watermark = inner["watermark"]
    postgres = {**inner, "watermark": ChangeColumn(**watermark) if watermark else None}
    fields = tuple((str(column), str(name)) for column, name in data["fields"])
    return PostgresSource(
        **{
            **data,
            "postgres": Postgres(**postgres),
            "fields": fields,
            "ignored_columns": tuple(data["ignored_columns"]),
        }
    )


def _http(data: dict[str, Any]) -> Http:
    pairs = {name: tuple((str(k), str(v)) for k, v in data[name]) for name in _PAIRS}
    login, watermark = data["authentication"], data["watermark"]
    return Http(
        **{
            **data,
            **pairs,
            "authentication": AUTHENTICATION[login["kind"]](**login) if login else None,
            "format": FORMATS[data["format"]["kind"]](**_with_paths(data["format"])),
            "paging": PAGING[data["paging"]["kind"]](**_with_paths(data["paging"])),
            "watermark": Watermark(**watermark) if watermark else None,
        }
    )


_PAIRS = ("parameters", "headers")


def _with_paths(data: dict[str, Any]) -> dict[str, Any]:
    paths = {name: tuple(data[name]) for name in PATHS if data.get(name) is not None}
    return {**data, **paths}
