"""How asking a source can go wrong.

    SlipwayError
    ├── PermanentError
    │   └── SourceFailed    this fetch ends, with one message; the next one begins where this one did
    │       └── FileRefused     one file cannot be had; the others are delivered before the fetch fails
    └── RetryableError
        ├── TryLater        the same request may succeed in a while
        └── FileChanged     a file is not as it was listed; the next fetch takes it as it is then

A source that answers nonsense is a SourceFailed, too: what would be delivered could not be trusted.
"""

from __future__ import annotations

from contracts.errors import PermanentError, RetryableError


class SourceFailed(PermanentError):
    """A fetch cannot go on. The message says what the source did, where, and what to do about it."""


class ListChanged(SourceFailed):
    """The list changed while it was paged through, so records may be missing; it is fetched anew a few times."""


class CredentialsRefused(SourceFailed):
    """The source does not accept the credentials; a token that expired is asked for once more."""


class FileRefused(SourceFailed):
    """One file cannot be fetched. The message says which, why, and what to do about it."""


class FileChanged(RetryableError):
    """A file was overwritten, is still written to, or has vanished since it was listed."""


class TryLater(RetryableError):
    """The source did not answer, or asks for patience. `seconds` is how long it wants; None if it does not say."""

    def __init__(self, reason: str, seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seconds = seconds
