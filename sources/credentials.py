"""What a request shows to be let in: made of a secret that is read once per call and never logged.

The secret is a JSON object, in every case, so that a missing field can be named without showing what is there.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import assert_never
from urllib.parse import quote, urlencode, urljoin

from sources.connection import Answer
from sources.errors import CredentialsRefused, SourceFailed, TryLater
from sources.model import ApiKey, Basic, Bearer, ClientCredentials, HttpSource

Pairs = list[tuple[str, str]]
Post = Callable[[str, Mapping[str, str], bytes], Answer]
REFUSED = frozenset({400, 401, 403})  # RFC 6749, 5.2: invalid_client is 401, all others are 400


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Headers and parameters that go with each request."""

    headers: tuple[tuple[str, str], ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(kw_only=True)
class Credentials:
    """Those of one source. `read_secret` gives the text of a secret by its name; `post` asks the token URL."""

    source: HttpSource
    url: str
    read_secret: Callable[[str], str]
    post: Post
    _shown: Shown | None = None

    @property
    def can_be_renewed(self) -> bool:
        """Whether a refusal may mean that a token has expired."""
        return isinstance(self.source.http.authentication, ClientCredentials)

    def shown(self) -> Shown:
        """What to show. Raises SourceFailed for a secret that lacks a field, CredentialsRefused, TryLater."""
        if self._shown is None:
            self._shown = self._made()
        return self._shown

    def forget(self) -> None:
        """Have a new token fetched for the next request."""
        self._shown = None

    def _made(self) -> Shown:
        login = self.source.http.authentication
        match login:
            case None:
                return Shown()
            case Bearer():
                return _bearer(self._field(login.secret, "token"))
            case Basic():
                pair = f"{self._field(login.secret, 'username')}:{self._field(login.secret, 'password')}"
                encoded = base64.b64encode(pair.encode()).decode()
                return Shown(headers=(("Authorization", f"Basic {encoded}"),))
            case ApiKey():
                key = self._field(login.secret, "key")
                if login.header:
                    return Shown(headers=((login.header, key),))
                return Shown(parameters=((str(login.parameter), key),))
            case ClientCredentials():
                return _bearer(self._token(login))
            case _:
                assert_never(login)

    def _token(self, login: ClientCredentials) -> str:
        names = ("client_id", "client_secret")
        pair = ":".join(quote(self._field(login.secret, name), safe="") for name in names)
        headers = {
            "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        asked = {
            "grant_type": "client_credentials",
            **({"scope": login.scope} if login.scope else {}),
        }
        answer = self.post(urljoin(self.url, login.token_url), headers, urlencode(asked).encode())
        if answer.status in REFUSED:
            raise CredentialsRefused(
                f"the token URL refuses the credentials with status {answer.status}; renew the secret {login.secret!r}"
            )
        if answer.status != 200:
            raise TryLater(f"the token URL answered with status {answer.status}")
        try:
            token = json.loads(answer.body)["access_token"]
        except (ValueError, KeyError, TypeError) as error:
            raise SourceFailed("the token URL answered without an access_token") from error
        return self._printable(str(token), "access_token of the token URL")

    def _field(self, secret: str, name: str) -> str:
        try:
            value = json.loads(self.read_secret(secret))[name]
        except (ValueError, KeyError, TypeError):
            value = None  # said below, without a cause that might show the secret
        if not isinstance(value, str) or not value:
            raise SourceFailed(
                f'secret {secret!r} has no text {name!r}; it must be a JSON object like {{"{name}": "..."}}'
            )
        return self._printable(value, f"field {name!r} of secret {secret!r}")

    @staticmethod
    def _printable(value: str, what: str) -> str:
        if not (value.isascii() and value.isprintable()):
            raise SourceFailed(
                f"the {what} has characters that no header may have, such as a line break"
            )
        return value


def _bearer(token: str) -> Shown:
    return Shown(headers=(("Authorization", f"Bearer {token}"),))
