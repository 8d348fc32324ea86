"""What must hold in a source beyond its shape: the dataset takes what it delivers, and what is sent makes sense."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_never
from urllib.parse import urlsplit

from contracts import naming
from contracts.authoring.problems import Path, did_you_mean
from contracts.headers import may_lack
from contracts.model import Column, Contract
from sources.authoring import profile
from sources.authoring.file_checks import check_bucket, check_sftp
from sources.authoring.names import SECRET
from sources.authoring.parsed import ParsedSource
from sources.authoring.table_checks import check_postgres

# No digit after an underscore: the names of stack outputs are made of the words, and a_1 and a1 would be one.
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*")
LONGEST_NAME = 32
SCHEDULE = re.compile(r"(cron|rate)\(.+\)")
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, 5.6.2
RESERVED_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding"}
    | {"if-none-match", "if-modified-since", "authorization"}
)


def check_meaning(parsed: ParsedSource, contracts: Mapping[str, Contract]) -> None:
    """Record every mistake of meaning in the document of `parsed`."""
    checks = _Checks(parsed, contracts)
    checks.name()
    checks.schedule()
    match parsed.kind:
        case "bucket":
            checks.dataset(is_http=False)
            check_bucket(parsed)
        case "postgres":
            checks.dataset(is_http=False)
            checks.writing()
            check_postgres(parsed, contracts.get(str(parsed.data.get("dataset"))))
        case "sftp":
            checks.dataset(is_http=False)
            checks.secret(("sftp", "secret"), parsed.sftp.secret if parsed.sftp else "-")
            check_sftp(parsed)
        case "http":
            checks.dataset(is_http=True)
            checks.http()
            checks.watermark()
            checks.authentication()
            checks.paging()
            checks.format()
        case _:
            assert_never(parsed.kind)


class _Checks:
    def __init__(self, parsed: ParsedSource, contracts: Mapping[str, Contract]) -> None:
        self.parsed = parsed
        self.contracts = contracts
        self.problem = parsed.document.problem

    def name(self) -> None:
        name = self.parsed.name
        if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            self.problem(
                (),
                f"the file is called {name!r}; expected words of a-z and 0-9 joined by _, each beginning with a letter,"
                f" at most {LONGEST_NAME} characters",
            )

    def dataset(self, *, is_http: bool) -> None:
        name = self.parsed.data.get("dataset")
        if not isinstance(name, str):
            return
        contract = self.contracts.get(name)
        if contract is None:
            hint = did_you_mean(name, self.contracts)
            self.problem(("dataset",), f"unknown dataset {name!r}; {hint}")
            return
        self._delivery(contract)
        if is_http:
            self.writing()
            self._fields(contract)

    def schedule(self) -> None:
        schedule = self.parsed.data.get("schedule")
        if isinstance(schedule, str) and not SCHEDULE.fullmatch(schedule):
            message = (
                f"found {schedule!r}; expected cron(...) or rate(...), or null to fetch by hand"
            )
            self.problem(("schedule",), message)

    def http(self) -> None:
        url = self.parsed.http_data.get("url")
        if isinstance(url, str) and (why := wrong_url(url)):
            self.problem(("http", "url"), f"found {url!r}; {why}")
        for name in _texts(self.parsed.http_data, "headers"):
            self._header(("http", "headers", name), name)
        if self.parsed.http_data.get("conditional") is True and isinstance(
            self.parsed.paging, profile.LinkSpec | profile.CursorSpec | profile.OffsetSpec
        ):
            message = "found true; the answer speaks of one page only: use paging of kind none, or a watermark"
            self.problem(("http", "conditional"), message)

    def authentication(self) -> None:
        login, path = self.parsed.authentication, ("http", "authentication")
        if login is None:
            return
        self.secret((*path, "secret"), login.secret)
        if isinstance(login, profile.ApiKeySpec):
            if (login.header is None) == (login.parameter is None):
                self.problem(path, "give either header or parameter: where the key is sent")
            elif login.header is not None:
                self._header((*path, "header"), login.header, may_authorize=True)
        if isinstance(login, profile.ClientCredentialsSpec):
            url = login.token_url
            why = None if url.startswith("/") else wrong_url(url)
            if why:
                message = (
                    f"found {url!r}; {why}, or a path such as /oauth/token on the host of http.url"
                )
                self.problem((*path, "tokenUrl"), message)

    def secret(self, path: Path, name: str) -> None:
        if not SECRET.fullmatch(name):
            message = f"found {name!r}; expected the name of a secret of Secrets Manager, no ARN"
            self.problem(path, message)

    def paging(self) -> None:
        paging, form, path = self.parsed.paging, self.parsed.format, ("http", "paging")
        in_answer = isinstance(paging, profile.CursorSpec) or (
            isinstance(paging, profile.LinkSpec) and paging.next is not None
        )
        if in_answer and isinstance(form, profile.CsvSpec | profile.JsonLinesSpec):
            message = (
                f"is looked for in one JSON document, and format is {form.kind}; use kind offset, or"
                " link without next"
            )
            self.problem((*path, "next"), message)
        if isinstance(paging, profile.CursorSpec | profile.LinkSpec) and paging.next:
            self._path((*path, "next"), paging.next)
        if isinstance(paging, profile.OffsetSpec) and (paging.size is None) != (
            paging.size_parameter is None
        ):
            self.problem(path, "give both size and sizeParameter, or neither")

    def format(self) -> None:
        form = self.parsed.format
        if isinstance(form, profile.JsonSpec):
            for name, text in (("records", form.records), ("total", form.total)):
                if text:
                    self._path(("http", "format", name), text)

    def _delivery(self, contract: Contract) -> None:
        partner, partners = naming.source_partner(self.parsed.name), contract.intake.partners
        if partners and partner not in partners:
            message = (
                f"the contract of {contract.dataset} lists who may deliver, and not {partner!r}; add it"
                " to intake.partners there"
            )
            self.problem(("dataset",), message)

    def writing(self) -> None:
        """What an API or a database says is written as plain CSV."""
        contract = self.contracts.get(str(self.parsed.data.get("dataset")))
        if contract is not None and all(
            suffix.endswith(".gz") for suffix in contract.intake.suffixes
        ):
            message = f"{contract.dataset} takes compressed files only; add '.csv' to intake.suffixes there"
            self.problem(("dataset",), message)

    def _fields(self, contract: Contract) -> None:
        known = {column.name: column for column in contract.columns}
        fields = _texts(self.parsed.data, "fields")
        for name, text in fields.items():
            if name not in known:
                hint = did_you_mean(name, known)
                self.problem(("fields", name), f"{contract.dataset} has no column {name!r}; {hint}")
            self._path(("fields", name), text)
        missing = [name for name in known if name not in self._named("fields")]
        if needed := [name for name in missing if self._is_needed(contract, known[name])]:
            self.problem(
                ("fields",),
                f"{', '.join(map(repr, needed))} is missing; say where in a record each column stands",
            )
        taken = set(fields.values())
        for index, text in enumerate(self._named("ignoredFields")):
            if not isinstance(text, str):
                continue
            self._path(("ignoredFields", index), text)
            if text in taken:
                message = f"found {text!r}, which is taken in fields; remove one of them"
                self.problem(("ignoredFields", index), message)

    def _named(self, part: str) -> list[Any]:
        """What a part that should be a list or a mapping lists, whatever else is wrong with it."""
        found = self.parsed.data.get(part)
        return list(found) if isinstance(found, list | dict) else []

    @staticmethod
    def _is_needed(contract: Contract, column: Column) -> bool:
        return contract.schema_change != "evolve" or not may_lack(contract, column)

    def watermark(self) -> None:
        watermark, path = self.parsed.watermark, ("http", "watermark", "start")
        if watermark is None or watermark.start is None:
            return
        try:
            start = datetime.fromisoformat(watermark.start)
        except ValueError:
            start = None
        if start is None or start.tzinfo is None:
            message = f"found {watermark.start!r}; expected a time with its zone, such as 2024-01-01T00:00:00Z"
            self.problem(path, message)

    def _header(self, path: Path, name: str, *, may_authorize: bool = False) -> None:
        if not HEADER.fullmatch(name):
            self.problem(path, f"found {name!r}; expected the name of a header")
        elif name.lower() in RESERVED_HEADERS and not (
            may_authorize and name.lower() == "authorization"
        ):
            hint = (
                "; credentials belong into authentication"
                if name.lower() == "authorization"
                else ""
            )
            self.problem(path, f"found {name!r}, which is set by the fetch itself; remove it{hint}")

    def _path(self, path: Path, text: str) -> None:
        if "" in text.split("."):
            self.problem(
                path, f"found {text!r}; expected names joined by dots, such as data.orders"
            )


def _texts(data: Mapping[str, Any], part: str) -> dict[str, str]:
    """The entries of a mapping that are text; others are mistakes of shape."""
    found = data.get(part)
    items = found.items() if isinstance(found, dict) else ()
    return {name: value for name, value in items if isinstance(value, str)}


def wrong_url(url: str) -> str | None:
    """What is wrong with the URL of a source, or None."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"{error}; expected a URL such as https://api.example.com/v1/orders"
    if parts.scheme != "https" or not parts.hostname or port == 0:
        return "expected a URL such as https://api.example.com/v1/orders"
    if parts.username or parts.password:
        return "a login does not belong into a URL; describe it under authentication"
    if parts.fragment:
        return "a fragment is never sent; remove what follows the #"
    return None
