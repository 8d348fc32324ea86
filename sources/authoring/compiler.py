"""From a file without mistakes to the source that functions read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, assert_never

from contracts.model import Contract
from sources import model
from sources.authoring import profile
from sources.authoring.parsed import ParsedSource


def compile_source(parsed: ParsedSource, contract: Contract) -> model.Source:
    """The source of a file whose document has no problem. Raises ValueError for a file with mistakes."""
    spec = parsed.spec
    if isinstance(spec, profile.BucketSourceSpec) and parsed.bucket is not None:
        return model.BucketSource(
            **_described(parsed.name, spec), bucket=_bucket(parsed.bucket, contract)
        )
    if isinstance(spec, profile.PostgresSourceSpec) and parsed.postgres is not None:
        return _table(parsed, spec, parsed.postgres, contract)
    if isinstance(spec, profile.SftpSourceSpec) and parsed.sftp is not None:
        return model.SftpSource(**_described(parsed.name, spec), sftp=_sftp(parsed.sftp, contract))
    http, form, paging = parsed.http, parsed.format, parsed.paging
    if not isinstance(spec, profile.HttpSourceSpec) or not (http and form and paging):
        raise ValueError(f"{parsed.document.file} has mistakes; check it before compiling")
    return model.HttpSource(
        **_described(parsed.name, spec),
        http=_http(http, parsed, form, paging),
        fields=tuple(
            (column.name, _path(spec.fields[column.name]))
            for column in contract.columns
            if column.name in spec.fields
        ),
        ignored_fields=tuple(_path(text) for text in spec.ignored_fields),
        unknown_fields=spec.unknown_fields,
        line_breaks=spec.line_breaks,
    )


def _table(
    parsed: ParsedSource,
    spec: profile.PostgresSourceSpec,
    postgres: profile.PostgresSpec,
    contract: Contract,
) -> model.PostgresSource:
    given = parsed.change_column
    watermark = (
        model.ChangeColumn(
            column=given.column, overlap_minutes=given.overlap_minutes, zone=given.zone
        )
        if given
        else None
    )
    return model.PostgresSource(
        **_described(parsed.name, spec),
        postgres=model.Postgres(
            secret=postgres.secret,
            certificates=parsed.certificates,
            table=postgres.table,
            watermark=watermark,
            statement_seconds=postgres.statement_seconds,
            chunk_rows=postgres.chunk_rows,
            max_deleted_share=postgres.max_deleted_share,
        ),
        fields=tuple(
            (column.name, spec.fields[column.name])
            for column in contract.columns
            if column.name in spec.fields
        ),
        ignored_columns=tuple(spec.ignored_columns),
        line_breaks=spec.line_breaks,
    )


def _described(name: str, spec: profile.SourceSpec) -> dict[str, Any]:
    """What every source has (model.Described)."""
    return {
        "name": name,
        "description": spec.description,
        "dataset": spec.dataset,
        "schedule": spec.schedule,
    }


def _bucket(spec: profile.BucketSpec, contract: Contract) -> model.Bucket:
    return model.Bucket(
        name=spec.name,
        prefix=spec.prefix,
        files=_files(spec.files, contract),
        account=spec.account,
        role=spec.role,
        external_id=spec.external_id,
        key=spec.key,
    )


def _sftp(spec: profile.SftpSpec, contract: Contract) -> model.Sftp:
    return model.Sftp(
        host=spec.host,
        port=spec.port,
        folder=spec.folder,
        files=_files(spec.files, contract),
        host_keys=tuple(spec.host_keys),
        secret=spec.secret,
        quiet_seconds=spec.quiet_seconds,
        archive_folder=spec.archive_folder,
    )


def _files(patterns: list[str] | None, contract: Contract) -> tuple[str, ...]:
    """Patterns of names; if the description has none, whatever the contract takes."""
    if patterns is not None:
        return tuple(patterns)
    return tuple(f"*{suffix}" for suffix in contract.intake.suffixes)


def _http(
    spec: profile.HttpSpec,
    parsed: ParsedSource,
    form: profile.FormatSpec,
    paging: profile.PagingSpec,
) -> model.Http:
    return model.Http(
        url=spec.url,
        parameters=tuple(spec.parameters.items()),
        headers=tuple(spec.headers.items()),
        authentication=_authentication(parsed.authentication) if parsed.authentication else None,
        format=_format(form),
        paging=_paging(paging),
        requests_per_minute=spec.requests_per_minute,
        watermark=_watermark(parsed.watermark) if parsed.watermark else None,
        conditional=spec.conditional,
    )


def _authentication(spec: profile.AuthenticationSpec) -> model.Authentication:
    match spec:
        case profile.BearerSpec():
            return model.Bearer(secret=spec.secret)
        case profile.BasicSpec():
            return model.Basic(secret=spec.secret)
        case profile.ApiKeySpec():
            return model.ApiKey(secret=spec.secret, header=spec.header, parameter=spec.parameter)
        case profile.ClientCredentialsSpec():
            return model.ClientCredentials(
                secret=spec.secret, token_url=spec.token_url, scope=spec.scope
            )
        case _:
            assert_never(spec)


def _format(spec: profile.FormatSpec) -> model.Format:
    match spec:
        case profile.JsonSpec():
            total = _path(spec.total) if spec.total else None
            return model.JsonFormat(records=_path(spec.records or ""), total=total)
        case profile.JsonLinesSpec():
            return model.JsonLinesFormat()
        case profile.CsvSpec():
            return model.CsvFormat(delimiter=spec.delimiter)
        case _:
            assert_never(spec)


def _paging(spec: profile.PagingSpec) -> model.Paging:
    match spec:
        case profile.OnePageSpec():
            return model.OnePage()
        case profile.LinkSpec():
            return model.ByLink(next=_path(spec.next) if spec.next else None)
        case profile.CursorSpec():
            return model.ByCursor(parameter=spec.parameter, next=_path(spec.next))
        case profile.OffsetSpec():
            return model.ByOffset(
                parameter=spec.parameter,
                counts=spec.counts,
                first=spec.first,
                size_parameter=spec.size_parameter,
                size=spec.size,
            )
        case _:
            assert_never(spec)


def _watermark(spec: profile.WatermarkSpec) -> model.Watermark:
    start = datetime.fromisoformat(spec.start).astimezone(UTC) if spec.start else None
    return model.Watermark(
        parameter=spec.parameter,
        format=spec.format,
        start=start.isoformat() if start else None,
        overlap_minutes=spec.overlap_minutes,
    )


def _path(text: str) -> model.Path:
    return tuple(text.split(".")) if text else ()
