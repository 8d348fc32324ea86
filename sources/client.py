"""Asks a source for one page: what goes with the request, and what each kind of answer means."""

from __future__ import annotations

import email.utils
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sources import paging
from sources.connection import Answer, Connection, origin_of
from sources.credentials import Credentials
from sources.errors import CredentialsRefused, SourceFailed, TryLater
from sources.fetches import Fetch, State
from sources.model import HttpSource, TimeFormat
from sources.records import Page, read_page

OK, NOT_MODIFIED = 200, 304
# 408, 425 and 429 ask for another try; 5xx are the server's own trouble. Source: RFC 9110, 15; RFC 6585, 4; RFC 8470.
LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
USER_AGENT = "Slipway"
ACCEPTED = {
    "json": "application/json",
    "json_lines": "application/x-ndjson, application/jsonl",
    "csv": "text/csv",
}
MOST_OF_AN_ERROR = 120  # characters of an answer that are shown


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A page, and the position of the one after it; None after the last."""

    page: Page
    next: str | None
    seen: paging.Seen
    answer: Answer


@dataclass(kw_only=True)
class Client:
    """Asks one source at `url`. `loopback` says whether an API of this machine may be asked.

    `shows_answers` is whether messages may quote what it answered; not where records hold personal data.
    """

    source: HttpSource
    url: str
    loopback: bool
    shows_answers: bool
    read_secret: Callable[[str], str]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    pause: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    _asked_at: float = -math.inf
    _connections: dict[str, Connection] = field(default_factory=dict)
    _credentials: Credentials | None = None

    def take(self, fetch: Fetch, state: State) -> Taken | None:
        """The page at the position of `fetch`; None if the source says that nothing has changed since the last fetch.

        Raises TryLater or SourceFailed.
        """
        answer = self._answer(fetch, state)
        if answer.status == NOT_MODIFIED:
            return None
        page = read_page(self.source, answer, number=fetch.seen.pages + 1)
        seen = fetch.seen.after(page, fetch.position)
        after = paging.following(self.source.http.paging, answer, page, fetch.position, seen)
        return Taken(page=page, next=after, seen=seen, answer=answer)

    def close(self) -> None:
        """End every connection."""
        for connection in self._connections.values():
            connection.close()

    def _answer(self, fetch: Fetch, state: State) -> Answer:
        answer = self._ask(fetch, state)
        if answer.status == 401 and self._login.can_be_renewed:
            self._login.forget()
            answer = self._ask(fetch, state)
        if answer.status in (OK, NOT_MODIFIED):
            return answer
        raise self._meaning(answer, fetch)

    def _ask(self, fetch: Fetch, state: State) -> Answer:
        http, shown = self.source.http, self._login.shown()
        parameters = [*http.parameters, *self._since(fetch)]
        url = paging.url_of(self.url, http.paging, fetch.position, parameters)
        if shown.parameters:
            url = paging.with_parameters(url, list(shown.parameters))
        headers = {
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "gzip",
            "Accept": ACCEPTED[http.format.kind],
            **dict(http.headers),
            **dict(shown.headers),
            **self._conditions(state),
        }
        self._keep_pace()
        # The origin of the description, whatever a link says: another one is refused by name.
        return self._connection(self.url).request("GET", url, headers)

    def _conditions(self, state: State) -> dict[str, str]:
        if not self.source.http.conditional:
            return {}
        known = {"If-None-Match": state.etag, "If-Modified-Since": state.last_modified}
        return {name: value for name, value in known.items() if value}

    def _since(self, fetch: Fetch) -> list[tuple[str, str]]:
        watermark = self.source.http.watermark
        if watermark is None or fetch.since is None:
            return []
        return [(watermark.parameter, written(fetch.since, watermark.format))]

    @property
    def _login(self) -> Credentials:
        if self._credentials is None:
            self._credentials = Credentials(
                source=self.source, url=self.url, read_secret=self.read_secret, post=self._post
            )
        return self._credentials

    def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return self._connection(url).request("POST", url, headers, body)

    def _connection(self, url: str) -> Connection:
        origin = origin_of(url)
        made = self._connections.get(str(origin))
        if made is None:
            made = Connection(origin=origin, loopback=self.loopback)
            self._connections[str(origin)] = made
        return made

    def _keep_pace(self) -> None:
        """No faster than the description allows."""
        if limit := self.source.http.requests_per_minute:
            wait = self._asked_at + 60 / limit - self.monotonic()
            if wait > 0:
                self.pause(wait)
        self._asked_at = self.monotonic()

    def _meaning(self, answer: Answer, fetch: Fetch) -> Exception:
        """What to raise for an answer that is none."""
        where = f"page {fetch.seen.pages + 1}: {origin_of(answer.url)} answered with status {answer.status}"
        if answer.status in LATER:
            return TryLater(where, self._retry_after(answer))
        if answer.status in (401, 403):
            secret = self.source.secret
            do = (
                f"renew the secret {secret!r}" if secret else "it wants authentication: describe it"
            )
            return CredentialsRefused(f"{where}: it refuses the credentials; {do}")
        if not self.shows_answers:
            return SourceFailed(
                f"{where}; what it said is not shown, because the contract has personal data"
            )
        said = " ".join(answer.body[: 4 * MOST_OF_AN_ERROR].decode("utf-8", "replace").split())
        return SourceFailed(f"{where}: {said[:MOST_OF_AN_ERROR] or 'without a word'}")

    def _retry_after(self, answer: Answer) -> float | None:
        """Seconds that the source asks to wait: a number or a date. Source: RFC 9110, 10.2.3."""
        text = answer.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdecimal():
            return float(text[:9])
        if not text:
            return None
        try:
            moment = email.utils.parsedate_to_datetime(text)
        except ValueError:
            return None
        return max(0.0, (moment.astimezone(UTC) - self.now()).total_seconds())


def written(moment: str, form: TimeFormat) -> str:
    """A time in ISO 8601 as a source wants to have it."""
    parsed = datetime.fromisoformat(moment).astimezone(UTC)
    match form:
        case "iso8601":
            return parsed.isoformat(timespec="seconds").replace("+00:00", "Z")
        case "date":
            return parsed.date().isoformat()
        case "epoch_seconds":
            return str(int(parsed.timestamp()))
