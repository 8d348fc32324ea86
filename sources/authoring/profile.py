"""The shape of `sources/<name>.yaml` as strict models: unknown fields and converted types are mistakes.

What comes in kinds (authentication, format, paging) is parsed by its `kind`, so that each mistake is said once.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from contracts.authoring.profile import Strict, Text
from sources.model import Counted, LineBreaks, TimeFormat, UnknownFields

Pairs = dict[str, str]


class BearerSpec(Strict):
    """`authentication` of kind bearer."""

    kind: Literal["bearer"]
    secret: Text


class BasicSpec(Strict):
    """`authentication` of kind basic."""

    kind: Literal["basic"]
    secret: Text


class ApiKeySpec(Strict):
    """`authentication` of kind api_key."""

    kind: Literal["api_key"]
    secret: Text
    header: Text | None = None
    parameter: Text | None = None


class ClientCredentialsSpec(Strict):
    """`authentication` of kind client_credentials."""

    kind: Literal["client_credentials"]
    secret: Text
    token_url: Text
    scope: Text | None = None


class JsonSpec(Strict):
    """`format` of kind json."""

    kind: Literal["json"]
    records: Text | None = None
    total: Text | None = None


class JsonLinesSpec(Strict):
    """`format` of kind json_lines."""

    kind: Literal["json_lines"]


class CsvSpec(Strict):
    """`format` of kind csv."""

    kind: Literal["csv"]
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","


class OnePageSpec(Strict):
    """`paging` of kind none."""

    kind: Literal["none"]


class LinkSpec(Strict):
    """`paging` of kind link."""

    kind: Literal["link"]
    next: Text | None = None


class CursorSpec(Strict):
    """`paging` of kind cursor."""

    kind: Literal["cursor"]
    parameter: Text
    next: Text


class OffsetSpec(Strict):
    """`paging` of kind offset."""

    kind: Literal["offset"]
    parameter: Text
    counts: Counted
    first: Annotated[int, Field(ge=0)] = 0
    size_parameter: Text | None = None
    size: Annotated[int, Field(ge=1)] | None = None


AuthenticationSpec = BearerSpec | BasicSpec | ApiKeySpec | ClientCredentialsSpec
FormatSpec = JsonSpec | JsonLinesSpec | CsvSpec
PagingSpec = OnePageSpec | LinkSpec | CursorSpec | OffsetSpec

AUTHENTICATION: dict[str, type[Strict]] = {
    "bearer": BearerSpec,
    "basic": BasicSpec,
    "api_key": ApiKeySpec,
    "client_credentials": ClientCredentialsSpec,
}
FORMATS: dict[str, type[Strict]] = {
    "json": JsonSpec,
    "json_lines": JsonLinesSpec,
    "csv": CsvSpec,
}
PAGING: dict[str, type[Strict]] = {
    "none": OnePageSpec,
    "link": LinkSpec,
    "cursor": CursorSpec,
    "offset": OffsetSpec,
}


class WatermarkSpec(Strict):
    """`watermark`."""

    parameter: Text
    format: TimeFormat
    start: Text | None = None
    overlap_minutes: Annotated[int, Field(ge=0, le=31 * 24 * 60)]


class HttpSpec(Strict):
    """`http`; what comes in kinds is parsed one by one."""

    url: Text
    format: Any
    paging: Any
    authentication: Any = None
    parameters: Pairs = Field(default_factory=dict)
    headers: Pairs = Field(default_factory=dict)
    requests_per_minute: Annotated[int, Field(ge=1, le=6000)] | None = None
    watermark: Any = None
    conditional: bool = False


class BucketSpec(Strict):
    """`bucket`."""

    name: Text
    prefix: str
    files: Annotated[list[Text], Field(min_length=1)] | None = None
    account: Text | None = None
    role: Text | None = None
    external_id: Text | None = None
    key: Text | None = None


class SftpSpec(Strict):
    """`sftp`."""

    host: Text
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    folder: Text
    files: Annotated[list[Text], Field(min_length=1)] | None = None
    host_keys: Annotated[list[Text], Field(min_length=1)]
    secret: Text
    quiet_seconds: Annotated[int, Field(ge=1, le=120)] = 20
    after: Literal["keep", "archive"]
    archive_folder: Text | None = None


class SftpSourceSpec(Strict):
    """The whole file of an SFTP server."""

    description: Text
    dataset: Text
    schedule: Text | None
    sftp: Any


class BucketSourceSpec(Strict):
    """The whole file of a bucket."""

    description: Text
    dataset: Text
    schedule: Text | None
    bucket: Any


class ChangeColumnSpec(Strict):
    """`postgres.watermark`."""

    column: Text
    overlap_minutes: Annotated[int, Field(ge=1, le=31 * 24 * 60)]
    zone: Literal["UTC"] | None = None


class PostgresSpec(Strict):
    """`postgres`. A call ends its work when three queries more would not fit in."""

    secret: Text
    table: Text
    certificates: Text | None = None
    watermark: Any = None
    statement_seconds: Annotated[int, Field(ge=1, le=45)] = 30
    chunk_rows: Annotated[int, Field(ge=100, le=1_000_000)] = 50_000
    max_deleted_share: Annotated[float, Field(ge=0, le=1)] | None = None


class PostgresSourceSpec(Strict):
    """The whole file of a table of a database."""

    description: Text
    dataset: Text
    schedule: Text | None
    postgres: Any
    fields: Annotated[dict[str, Text], Field(min_length=1)]
    ignored_columns: list[Text] = Field(default_factory=list)
    line_breaks: LineBreaks = "keep"


class HttpSourceSpec(Strict):
    """The whole file of an API."""

    description: Text
    dataset: Text
    schedule: Text | None
    http: Any
    fields: Annotated[dict[str, Text], Field(min_length=1)]
    ignored_fields: list[Text] = Field(default_factory=list)
    unknown_fields: UnknownFields = "refuse"
    line_breaks: LineBreaks = "keep"


SourceSpec = HttpSourceSpec | BucketSourceSpec | SftpSourceSpec | PostgresSourceSpec
SOURCES: dict[
    str,
    type[HttpSourceSpec] | type[BucketSourceSpec] | type[SftpSourceSpec] | type[PostgresSourceSpec],
] = {
    "http": HttpSourceSpec,
    "bucket": BucketSourceSpec,
    "sftp": SftpSourceSpec,
    "postgres": PostgresSourceSpec,
}
