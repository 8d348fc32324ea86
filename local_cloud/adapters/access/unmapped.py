"""A request whose IAM action is not known here is refused to every role, never let through.

The emulator lets such a request pass once its credentials are good. Only the account's own administrator still may.
"""

from __future__ import annotations

import logging
from typing import Any

from local_cloud.instruments import records
from local_cloud.patching import original, replace
from local_cloud.settings import ACCOUNT

ACTIONS = "ministack.core.iam_actions"
EVALUATOR = "ministack.core.iam_evaluator"
logger = logging.getLogger("slipway.access")


def install() -> None:
    """Stand where the emulator has found no action."""
    replace("ministack.app", "_authenticate_only", _refusing)


def _refusing(authenticate: Any) -> Any:
    def authenticate_only(
        service: str, headers: dict[str, str], query: dict[str, Any], request_id: str
    ) -> Any:
        failure = authenticate(service, headers, query, request_id)
        if failure is not None or not original("ministack.app", "AUTH"):
            return failure
        key = original("ministack.core.router", "extract_access_key_id")(headers, query)
        principal = original(EVALUATOR, "resolve_principal")(key or "", ACCOUNT)
        if principal.policies is None:  # the administrator of the account
            return None
        action = f"{service}:UnknownAction"
        logger.error(
            "%s asked for something of %s that has no IAM action here: refused",
            principal.arn,
            service,
        )
        records.note(principal.arn, action, "*", {}, allowed=False)
        return original(ACTIONS, "access_denied_response")(
            service, action, principal.arn, request_id, headers=headers
        )

    return authenticate_only
