"""Which role asked for which action: the record behind `slipway`'s claim of least privilege, and where crashes strike.

Every evaluation passes here, whoever asks: a request over the wire, or a service acting for a role. Counts are kept per
role and action since the start, so that "granted and never used" can be told after a run.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from typing import Any

from local_cloud.instruments import crashes, records
from local_cloud.patching import original, replace

EVALUATOR = "ministack.core.iam_evaluator"
ROLE_KINDS = (":assumed-role/", ":role/")

_used: dict[str, dict[str, dict[str, int]]] = defaultdict(
    lambda: defaultdict(lambda: {"allowed": 0, "denied": 0})
)


def install() -> None:
    """Listen to the policy evaluator."""
    replace(EVALUATOR, "enforce", _recording)


def used() -> dict[str, dict[str, dict[str, int]]]:
    """{role name: {action: {"allowed": n, "denied": n}}}; a principal that is no role stands with its ARN."""
    return {role: dict(sorted(actions.items())) for role, actions in sorted(_used.items())}


def role_of(principal_arn: str) -> str:
    """Name of the role behind an assumed-role ARN; any other ARN as it is."""
    kind = next((kind for kind in ROLE_KINDS if kind in principal_arn), None)
    return principal_arn.split(kind, 1)[1].split("/")[0] if kind else principal_arn


def _recording(enforce: Any) -> Any:
    def recorded(access_key_id: str, iam_action: str, *args: Any, **kwargs: Any) -> Any:
        denied = enforce(access_key_id, iam_action, *args, **kwargs)
        role = _role_of_key(access_key_id)
        _used[role][iam_action]["allowed" if denied is None else "denied"] += 1
        principal = role if denied is None else _named(denied)
        context = kwargs.get("service_context") or {}
        records.note(
            principal,
            iam_action,
            str(kwargs.get("resource_arn", "*")),
            context,
            allowed=denied is None,
        )
        if denied is None:
            crashes.strike(role, iam_action)
        return denied

    return recorded


def _named(denied: Any) -> str:
    """Who was denied: a principal's ARN, or why the credentials themselves were refused."""
    return str(getattr(denied, "principal_arn", "") or getattr(denied, "code", ""))


@functools.lru_cache(maxsize=10_000)  # a key belongs to one session for as long as the server runs
def _role_of_key(access_key_id: str) -> str:
    account_id = original("ministack.core.responses", "get_account_id")()
    principal = original(EVALUATOR, "resolve_principal")(access_key_id or "", account_id)
    return role_of(str(getattr(principal, "arn", "") or getattr(principal, "code", "")))
