"""What was asked and how it was decided: the first requests of each kind, and every denial up to a limit.

Kept apart from everything that decides, so that each of them can write here without importing the others.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

DENIALS_KEPT = 1000
REQUESTS_KEPT = 25  # of one principal and action; object keys differ without end

denials: list[dict[str, str]] = []
_requests: dict[Request, bool] = {}
_kinds: Counter[tuple[str, str]] = Counter()
_lock = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Request:
    """One evaluated request; `principal` is the name of a role, the principal of a service, or any other ARN."""

    principal: str
    action: str
    resource: str
    context: tuple[tuple[str, str], ...]


def note(
    principal: str, action: str, resource: str, context: Mapping[str, Any], *, allowed: bool
) -> None:
    """Keep a request, and once more if it was denied."""
    values = tuple(
        sorted((key.lower(), str(value)) for key, value in context.items() if value is not None)
    )
    request = Request(principal=principal, action=action, resource=resource, context=values)
    with _lock:
        if request not in _requests and _kinds[principal, action] < REQUESTS_KEPT:
            _kinds[principal, action] += 1
            _requests[request] = allowed
        if not allowed and len(denials) < DENIALS_KEPT:
            denials.append({"principal": principal, "action": action, "resource": resource})


def requests() -> list[dict[str, Any]]:
    """The kept requests: principal, action, resource, context ({key: value}) and whether each was allowed."""
    with _lock:
        kept = list(_requests.items())
    return [
        asdict(request) | {"context": dict(request.context), "allowed": allowed}
        for request, allowed in kept
    ]
