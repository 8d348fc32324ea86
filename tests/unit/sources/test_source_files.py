"""A source as people write it: every mistake at once, each with its line and what would be right."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from contracts import model as contracts
from contracts.errors import ContractInvalid
from sources import model
from sources.authoring import __main__ as command_line
from sources.authoring.workspace import check, require_current, write

ROOT = Path(__file__).parents[3]
EXAMPLE, BUCKET, SFTP = (
    (ROOT / "sources" / f"{name}.yaml").read_text(encoding="utf-8")
    for name in ("sales_api", "sales_bucket", "sales_sftp")
)
SALES = contracts.load("sales_records")


def mistakes(
    folder: Path, *edits: tuple[str, str], name: str = "sales_api", text: str = EXAMPLE
) -> list[str]:
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return [
        str(problem).removeprefix(f"{folder.name}/{name}.yaml:")
        for problem in check(folder, [SALES])[0]
    ]


def line_of(text: str) -> int:
    return next(n for n, line in enumerate(EXAMPLE.splitlines(), 1) if text in line)


def test_the_examples_are_valid_and_compiled() -> None:
    sources = require_current(ROOT / "sources", [SALES])
    assert sources == {name: model.load(name) for name in model.names()}
    assert set(sources) == {"sales_api", "sales_bucket", "sales_sftp", "shop_orders"}


def test_all_mistakes_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        ("schedule: cron(30 2 * * ? *)", "schedule: daily"),
        ("url: https://", "url: http://"),
        ("kind: bearer  ", "kind: beare  "),
        ("total: meta.total", "totals: meta.total"),
        ("parameter: after", "paramter: after"),
        ("requestsPerMinute: 600", "requestsPerMinute: 0"),
        ("format: iso8601", "format: unix"),
        ("  region: customer.region", "  reigon: customer.region"),
        ("ignoredFields: [changed_at]", "ignoredFields: [changed_at, id]"),
    )
    told = [
        ("schedule: daily", "schedule: found 'daily'; expected cron(...) or rate(...), or null"),
        (
            "url: https",
            "http.url: found 'http://api.example.com/v1/orders'; expected a URL such as",
        ),
        ("kind: bearer", "http.authentication.kind: found kind 'beare'; did you mean 'bearer'?"),
        ("total: meta", "http.format.totals: unknown field 'totals'; did you mean 'total'?"),
        ("parameter: after", "http.paging.paramter: unknown field 'paramter'; did you mean"),
        ("paging:", "http.paging.parameter: 'parameter' is missing; add it"),
        ("requestsPer", "http.requestsPerMinute: found 0; expected at least 1"),
        ("format: iso8601", "http.watermark.format: found 'unix'; expected 'iso8601', 'date'"),
        (
            "  region:",
            "fields.reigon: sales_records has no column 'reigon'; did you mean 'region'?",
        ),
        ("fields:  ", "fields: 'region' is missing; say where in a record each column stands"),
        ("ignoredFields", "ignoredFields[1]: found 'id', which is taken in fields"),
    ]
    lines = {"schedule: daily": line_of("schedule:")}
    for where, message in told:
        line = lines.get(where) or line_of(where)
        assert any(each.startswith(f"{line}: {message}") for each in found), (message, found)
    assert len(found) == len(told)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "url: https://api",
            "url: http://api",
            "http.url: found 'http://api.example.com/v1/orders'; expected a URL such as https",
        ),
        ("https://api", "https://me:pw@api", "a login does not belong into a URL"),
        ("/v1/orders", "/v1/orders#all", "a fragment is never sent"),
        ("api.example.com", "api.example.com:x", "Port could not be cast"),
        (
            "slipway/sales_api ",
            "arn:aws:secretsmanager:x ",
            "expected the name of a secret of Secrets Manager, no ARN",
        ),
        (
            "dataset: sales_records",
            "dataset: sales_record",
            "dataset: unknown dataset 'sales_record'; did you mean 'sales_records'?",
        ),
        ('start: "2010-01-01T00:00:00Z"', "start: yesterday", "found 'yesterday'; expected a time with its zone"),
        ('start: "2010-01-01T00:00:00Z"', "start: 2010-01-01", "found '2010-01-01'; expected a time with its zone"),
        (
            "region: customer.region",
            "region: customer..region",
            "fields.region: found 'customer..region'; expected names joined by dots",
        ),
        ("records: data ", "records: .data ", "http.format.records: found '.data'; expected names"),
        ("next: meta.next", "next: meta.", "http.paging.next: found 'meta.'; expected names"),
        (
            "requestsPerMinute: 600",
            "conditional: true",
            "http.conditional: found true; the answer speaks of one page only",
        ),
        ("requestsPerMinute: 600", 'headers: {Authorization: "x"}', "credentials belong into authentication"),
        ("requestsPerMinute: 600", 'headers: {"X Shop": "x"}', "found 'X Shop'; expected the name of a header"),
        ("requestsPerMinute: 600", 'headers: {If-None-Match: "x"}', "which is set by the fetch itself; remove it"),
        ("kind: bearer   ", "kind: api_key   ", "http.authentication: give either header or parameter"),
        ("kind: bearer   ", "kind: basic\n    realm: x   ", "unknown field 'realm'"),
        (
            "kind: bearer   ",
            "kind: client_credentials\n    tokenUrl: http://a.b/c   ",
            "http.authentication.tokenUrl: found 'http://a.b/c'; expected a URL",
        ),
        ("kind: json   ", "kind: csv   ", "unknown field 'records'"),
        ("description: Orders", "descripton: Orders", "unknown field 'descripton'; did you mean 'description'?"),
        ("http:\n", "https:\n", "'http' is missing; add it"),
        (
            "ignoredFields",
            "unknownFields: drop\nignoredFields",
            "unknownFields: found 'drop'; expected 'refuse' or 'ignore'",
        ),
        ("ignoredFields", "lineBreaks: drop\nignoredFields", "lineBreaks: found 'drop'; expected 'keep' or 'spaces'"),
        ("dataset:", "\tdataset:", "not valid YAML"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_what_would_be_right(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    found = mistakes(tmp_path, (old, new))
    assert any(message in each for each in found), found


ROLE_LINES = (
    "prefix: daily/",
    "prefix: daily/\n  role: arn:aws:iam::210987654321:role/read\n  externalId: an-id\n",
)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("example-sales", "s3://example-sales", "bucket.name: found 's3://example-sales-exports'; expected the name"),
        ("prefix: daily/", "prefix: daily", "bucket.prefix: found 'daily'; expected '' or a prefix that ends with /"),
        ("prefix: daily/", "prefix: /daily/", "bucket.prefix: found '/daily/'; expected ''"),
        ('["*.csv"]', '["a/*.csv"]', "bucket.files[0]: found 'a/*.csv'; expected a pattern of names without"),
        ('["*.csv"]', "[]", "bucket.files: found []"),
        ("prefix: daily/", 'prefix: daily/\n  account: "12"', "bucket.account: found '12'; expected the 12 digits"),
        ("prefix: daily/", "prefix: daily/\n  account: 210987654321", "bucket.account: found 210987654321"),
        ("prefix: daily/", "prefix: daily/\n  role: me\n  externalId: x-1", "bucket.role: found 'me'; expected the"),
        (ROLE_LINES[0], ROLE_LINES[1].replace("  externalId: an-id\n", ""), "bucket: give both role and externalId"),
        (ROLE_LINES[0], ROLE_LINES[1].replace("an-id", "an id"), "bucket.externalId: found 'an id'; expected 2 to"),
        (ROLE_LINES[0], ROLE_LINES[1] + "  key: x", "bucket.key: found 'x'; expected the ARN of a KMS key"),
        (ROLE_LINES[0], ROLE_LINES[1] + "  key: x", "bucket.key: the role that is assumed decrypts"),
        ("bucket:", "http: {}\nbucket:", "bucket: a source is one of http, bucket, sftp, postgres; remove"),
        ("bucket:", "fields: {}\nbucket:", "fields: unknown field 'fields'"),
        ("  name: ", "  nmae: ", "bucket.nmae: unknown field 'nmae'; did you mean 'name'?"),
        ("rate(1 hour)", "hourly", "schedule: found 'hourly'"),
        ("dataset: sales_records", "dataset: sales", "dataset: unknown dataset 'sales'"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_bucket_is_named_with_what_would_be_right(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    found = mistakes(tmp_path, (old, new), name="sales_bucket", text=BUCKET)
    assert any(message in each for each in found), found


@pytest.mark.parametrize(
    "edits", [[], [ROLE_LINES], [("  files:", "  #files:")], [("prefix: daily/", "prefix: ''")]]
)
def test_a_bucket_that_is_compiled_is_read_as_it_was_written(
    tmp_path: Path, edits: list[tuple[str, str]]
) -> None:
    assert mistakes(tmp_path, *edits, name="sales_bucket", text=BUCKET) == []
    [source] = check(tmp_path, [SALES])[1].values()
    assert isinstance(source, model.BucketSource)
    assert source.bucket.files == ("*.csv",) if "files" not in str(edits) else SALES.intake.suffixes
    assert model.from_json(model.to_json(source), origin="x") == source


ARCHIVE = ("after: keep", "after: archive\n  archiveFolder: /outgoing/done")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("host: sftp.ex", "host: sftp://sftp.ex", "sftp.host: found 'sftp://sftp.example.com'; expected the name of a"),
        ("port: 22", "port: 0", "sftp.port: found 0; expected at least 1"),
        ("folder: /out", "folder: out", "sftp.folder: found 'outgoing'; expected a path from the root"),
        ('["*.csv"]', '["a/*.csv"]', "sftp.files[0]: found 'a/*.csv'; expected a pattern"),
        ("slipway/sales_sftp", "arn:aws:x", "sftp.secret: found 'arn:aws:x'; expected the name of a secret"),
        ("    - ssh-ed25519 ", "    - ", "sftp.hostKeys[0]: found 'AAAAC3"),
        ("    - ssh-ed25519 ", "    - ssh-rsa ", "sftp.hostKeys[0]: found 'ssh-rsa AAAAC3"),
        ("    - ssh-ed25519 AAAA", "    - ssh-ed25519 !", "expected kind and key, such as ssh-ed25519 AAAA..."),
        ("quietSeconds: 10", "quietSeconds: 0", "sftp.quietSeconds: found 0; expected at least 1"),
        ("after: keep", "after: delete", "sftp.after: found 'delete'; expected 'keep' or 'archive'"),
        ("after: keep", "after: archive", "sftp: give archiveFolder with after: archive, and only then"),
        (ARCHIVE[0], "after: keep\n  archiveFolder: /done", "sftp: give archiveFolder with after: archive"),
        (ARCHIVE[0], "after: archive\n  archiveFolder: /outgoing/", "sftp.archiveFolder: found '/outgoing/', which is"),
        (ARCHIVE[0], "after: archive\n  archiveFolder: done", "sftp.archiveFolder: found 'done'; expected a path"),
        ("sftp:\n", "bucket: {}\nsftp:\n", "a source is one of http, bucket, sftp, postgres; remove all but one"),
    ],
)  # fmt: skip
def test_a_mistake_in_an_sftp_source_is_named_with_what_would_be_right(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    found = mistakes(tmp_path, (old, new), name="sales_sftp", text=SFTP)
    assert any(message in each for each in found), found


@pytest.mark.parametrize("edits", [[], [ARCHIVE], [("  port: 22\n", "")]])
def test_an_sftp_source_that_is_compiled_is_read_as_it_was_written(
    tmp_path: Path, edits: list[tuple[str, str]]
) -> None:
    assert mistakes(tmp_path, *edits, name="sales_sftp", text=SFTP) == []
    [source] = check(tmp_path, [SALES])[1].values()
    assert isinstance(source, model.SftpSource)
    assert source.sftp.port == 22
    assert source.sftp.archive_folder == ("/outgoing/done" if edits == [ARCHIVE] else None)
    assert model.from_json(model.to_json(source), origin="x") == source


def test_a_bucket_may_deliver_compressed_files_to_a_contract_that_takes_no_others(
    tmp_path: Path,
) -> None:
    (tmp_path / "sales_bucket.yaml").write_text(BUCKET, encoding="utf-8")
    intake = dataclasses.replace(SALES.intake, suffixes=(".csv.gz",))
    problems, _ = check(tmp_path, [dataclasses.replace(SALES, intake=intake)])
    assert problems == []


def test_a_size_of_pages_needs_the_parameter_that_sends_it(tmp_path: Path) -> None:
    offset = ("    kind: cursor ", "    kind: offset\n    counts: records\n    size: 5\n  # ")
    [problem] = mistakes(tmp_path, offset, ("    next: meta.next\n", ""))
    assert "http.paging: give both size and sizeParameter, or neither" in problem


@pytest.mark.parametrize("name", ["Sales", "1_api", "api_2", "a" * 33, "sales-api"])
def test_a_name_that_no_output_could_have_is_refused(tmp_path: Path, name: str) -> None:
    [problem] = mistakes(tmp_path, name=name)
    assert f"the file is called {name!r}; expected words of a-z and 0-9 joined by _" in problem


def test_a_contract_that_lists_its_partners_must_list_the_source(tmp_path: Path) -> None:
    (tmp_path / "sales_api.yaml").write_text(EXAMPLE, encoding="utf-8")
    for partners, allowed in ((("acme",), False), (("source-sales_api",), True), ((), True)):
        intake = dataclasses.replace(SALES.intake, partners=partners)
        problems, _ = check(tmp_path, [dataclasses.replace(SALES, intake=intake)])
        assert (problems == []) is allowed
    intake = dataclasses.replace(SALES.intake, suffixes=(".csv.gz",))
    [problem], _ = check(tmp_path, [dataclasses.replace(SALES, intake=intake)])
    assert "takes compressed files only; add '.csv'" in str(problem)


def test_a_column_that_files_may_lack_may_be_left_out(tmp_path: Path) -> None:
    columns = tuple(
        dataclasses.replace(column, required=False) if column.name == "region" else column
        for column in SALES.columns
    )
    loose = dataclasses.replace(SALES, columns=columns)
    text = EXAMPLE.replace("  region: customer.region\n", "").replace(
        "[changed_at]", "[changed_at, customer.region]"
    )
    (tmp_path / "sales_api.yaml").write_text(text, encoding="utf-8")
    problems, sources = check(tmp_path, [loose])
    assert problems == []
    assert "region" not in dict(sources["sales_api"].fields)


@pytest.mark.parametrize(
    "edits",
    [
        [("kind: bearer   ", "kind: api_key\n    parameter: key   ")],
        [
            (
                "kind: bearer   ",
                "kind: client_credentials\n    tokenUrl: /oauth/token\n    scope: read   ",
            )
        ],
        [("    kind: cursor   ", "    kind: link   "), ("    parameter: after\n", "")],
        [("records: data ", "# ")],
        [
            ("kind: json   ", "kind: json_lines   "),
            ("    records: data ", "    # "),
            ("    total: meta.total ", "    # "),
            ("kind: cursor   ", "kind: link   "),
            ("    parameter: after\n", ""),
            ("    next: meta.next\n", ""),
        ],
        [("    start:", "    #start:")],
        [("schedule: cron(30 2 * * ? *)", "schedule: null")],
    ],
)
def test_what_is_compiled_is_read_as_it_was_written(
    tmp_path: Path, edits: list[tuple[str, str]]
) -> None:
    assert mistakes(tmp_path, *edits) == []
    [source] = check(tmp_path, [SALES])[1].values()
    assert model.from_json(model.to_json(source), origin="x") == source


def test_a_compiled_form_that_is_stale_is_refused(tmp_path: Path) -> None:
    assert mistakes(tmp_path) == []
    with pytest.raises(ContractInvalid, match=r"sales_api\.json is missing.*"):
        require_current(tmp_path, [SALES])
    assert write(tmp_path, check(tmp_path, [SALES])[1]) == ["compiled sales_api.json"]
    assert list(require_current(tmp_path, [SALES])) == ["sales_api"]
    mistakes(tmp_path, ("requestsPerMinute: 600", "requestsPerMinute: 60"))
    with pytest.raises(ContractInvalid, match=r"sales_api\.json differs"):
        require_current(tmp_path, [SALES])
    mistakes(tmp_path, ("kind: json", "kind: jsn"))
    with pytest.raises(ContractInvalid, match=r"1 mistake in sources\n .*did you mean 'json'"):
        require_current(tmp_path, [SALES])


def test_the_command_names_mistakes_and_stale_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mistakes(tmp_path)
    where = ["--sources", str(tmp_path)]
    assert command_line.main([*where, "--check"]) == 1
    assert "sales_api.json is missing; run `make contracts`" in capsys.readouterr().err
    assert command_line.main(where) == 0
    assert command_line.main([*where, "--check"]) == 0
    mistakes(tmp_path, ("kind: json", "kind: jsn"))
    assert command_line.main(where) == 1
    assert "http.format.kind: found kind 'jsn'" in capsys.readouterr().err
