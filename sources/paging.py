"""Where the next page of a source is, and when there is none; pages that repeat end the fetch.

A position is one text that can be kept between two calls: a URL, a cursor, or an offset in digits. Repetition is found
by Brent's algorithm, which keeps one earlier page only, and notices a circle of any length after at most three turns.
Source: R. P. Brent, "An improved Monte Carlo factorization algorithm", BIT 20 (1980).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import assert_never
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from sources.connection import Answer
from sources.errors import SourceFailed
from sources.model import ByCursor, ByLink, ByOffset, OnePage, Paging
from sources.records import Page, at

MOST_PAGES = 100_000
# RFC 8288, section 3: <target>; rel="next"
_LINK = re.compile(r'<([^>]*)>\s*((?:;\s*[\w*-]+\s*=\s*(?:"[^"]*"|[^\s";,]+)\s*)*)')
_REL = re.compile(r'rel\s*=\s*(?:"([^"]*)"|([^\s";,]+))', re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is remembered of the pages before: how many, how many records, and one of them by its content."""

    pages: int = 0
    records: int = 0
    mark: str = ""
    mark_page: int = 0

    def after(self, page: Page, position: str | None) -> Seen:
        """With one more page. Raises SourceFailed if it repeats an earlier one, or there are too many."""
        number = self.pages + 1
        digest = _digest(page, position)
        if self.mark and digest == self.mark:
            raise SourceFailed(
                f"page {number} repeats page {self.mark_page}: the source does not page as described"
                " and would never end; correct http.paging"
            )
        if number > MOST_PAGES:
            raise SourceFailed(f"there are more than {MOST_PAGES} pages; ask for larger ones")
        marks = number & (number - 1) == 0  # a power of two
        return Seen(
            pages=number,
            records=self.records + len(page.rows),
            mark=digest if marks else self.mark,
            mark_page=number if marks else self.mark_page,
        )


def url_of(
    url: str, paging: Paging, position: str | None, parameters: list[tuple[str, str]]
) -> str:
    """The URL of the page at `position`, None for the first. A link brings its own parameters."""
    match paging:
        case ByLink() if position is not None:
            return position
        case ByCursor() if position is not None:
            parameters = [*parameters, (paging.parameter, position)]
        case ByOffset():
            parameters = [*parameters, (paging.parameter, position or str(paging.first))]
            if paging.size_parameter is not None:
                parameters.append((paging.size_parameter, str(paging.size)))
        case OnePage() | ByLink() | ByCursor():
            pass
        case _:
            assert_never(paging)
    return with_parameters(url, parameters)


def with_parameters(url: str, parameters: list[tuple[str, str]]) -> str:
    """`url` with these parameters in place of its own of the same names."""
    parts = urlsplit(url)
    names = {name for name, _ in parameters}
    own = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in names]
    return urlunsplit(parts._replace(query=urlencode([*own, *parameters])))


def following(
    paging: Paging, answer: Answer, page: Page, position: str | None, seen: Seen
) -> str | None:
    """The position after a page; None after the last. `seen` includes the page."""
    match paging:
        case OnePage():
            return None
        case ByLink():
            link = _text(page, paging.next) if paging.next else _link_header(answer)
            return urljoin(answer.url, link) if link else None
        case ByCursor():
            cursor = _text(page, paging.next)
            if cursor is not None and cursor == position:
                raise SourceFailed(
                    f"page {seen.pages} gives its own cursor {cursor[:40]!r} as that of the next page"
                    " and would never end; correct http.paging"
                )
            return cursor
        case ByOffset():
            if not page.rows or (page.total is not None and seen.records >= page.total):
                return None
            step = 1 if paging.counts == "pages" else len(page.rows)
            return str(int(position or paging.first) + step)
        case _:
            assert_never(paging)


def _text(page: Page, path: tuple[str, ...]) -> str | None:
    value = at(page.document, path)
    if value is None or value == "" or value is False:
        return None
    if not isinstance(value, str):
        raise SourceFailed(
            f"what leads to the next page, at {'.'.join(path)!r}, is neither text nor a number"
        )
    return value


def _link_header(answer: Answer) -> str | None:
    for target, attributes in _LINK.findall(answer.headers.get("link", "")):
        for quoted, bare in _REL.findall(attributes):
            if "next" in (quoted or bare).lower().split():
                return str(target)
    return None


def _digest(page: Page, position: str | None) -> str:
    """Of the rows; of an empty page its position, since filtered lists have empty pages in between."""
    content = repr(page.rows) if page.rows else f"empty at {position}"
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]
