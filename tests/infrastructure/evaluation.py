"""The embedded AWS's own evaluator, asked about an account that exists in templates only.

What answers is `enforce` as the server runs it, with the adapters that change how a policy is read; only the look-up of
principals and of policies is replaced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from ministack.core import iam_evaluator

from local_cloud.adapters import policy_variables
from local_cloud.adapters.access import key_use
from local_cloud.instruments import control
from local_cloud.settings import ACCOUNT, REGION
from tests.infrastructure.account import Account, Document

ADMINISTRATOR = f"arn:aws:iam::{ACCOUNT}:role/Administrator"
EVERYTHING: Document = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@dataclass(frozen=True, kw_only=True)
class RoleRequest:
    """What a role asks for; `context` holds the condition keys."""

    role_arn: str
    action: str
    resource_arn: str
    context: Mapping[str, Any]

    @property
    def principal_arn(self) -> str:
        """The session that asks."""
        return f"arn:aws:sts::{ACCOUNT}:assumed-role/{self.role_arn.rpartition('/')[2]}/session"


@contextmanager
def evaluator() -> Iterator[Any]:
    """`iam_evaluator` with the adapters of the embedded AWS, for as long as it is needed."""
    with pytest.MonkeyPatch.context() as patch:
        met, compiled = iam_evaluator._conditions_met, iam_evaluator._fnmatch_compile
        patch.setattr(iam_evaluator, "_conditions_met", policy_variables._with_variables(met))
        patch.setattr(iam_evaluator, "_fnmatch_compile", control._of_any_character(compiled))
        patch.setattr(iam_evaluator, "_request_origin", control._origin_inside)
        yield iam_evaluator


def role_may(account: Account, request: RoleRequest, *, policy: Document | None) -> bool:
    """Whether a role may, with `policy` as that of the resource; to be asked within `evaluator()`."""
    documents = account.identity_policies.get(request.role_arn)
    if request.role_arn == ADMINISTRATOR:
        documents = [EVERYTHING]
    if documents is None:
        raise KeyError(f"no role {request.role_arn} in these templates")
    principal = iam_evaluator.PrincipalInfo(
        arn=request.principal_arn,
        type="AssumedRole",
        account=ACCOUNT,
        policies=[iam_evaluator.parse_policy_document(document) for document in documents],
        keys={"aws:userid": f"AROAEXAMPLE:{request.principal_arn.rpartition('/')[2]}"},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(iam_evaluator, "authenticate", lambda _key, _account: None)
        patch.setattr(iam_evaluator, "resolve_principal", lambda *_: principal)
        patch.setattr(
            iam_evaluator,
            "_resource_policy",
            lambda *_: None if policy is None else (policy, ACCOUNT),
        )
        secure = str(request.context.get("aws:SecureTransport", "true")) == "true"
        token = control._origin_inside.set(("127.0.0.1", secure))
        try:
            denied = iam_evaluator.enforce(
                "ASIAEXAMPLE",
                request.action,
                request.action.partition(":")[0],
                REGION,
                resource_arn=request.resource_arn,
                service_context=dict(request.context),
            )
        finally:
            control._origin_inside.reset(token)
    return denied is None


def key_requests(account: Account, request: RoleRequest) -> list[RoleRequest]:
    """The calls to KMS that one request brings with it."""
    key = account.key_of(request.resource_arn)
    return [
        RoleRequest(
            role_arn=request.role_arn,
            action=use.action,
            resource_arn=use.key_arn,
            context=use.context,
        )
        for use in (key_use.uses(request.action, key, request.context) if key else [])
    ]
