"""Runs what a service does for a customer under the role that the customer gave it, as AWS does.

The emulator's services call each other directly. Here they get a session of the role, checked against its trust
policy, and each such call is evaluated like one that came over the wire.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from typing import Any

import boto3
from botocore.config import Config

from local_cloud.adapters.access import service_calls
from local_cloud.adapters.access.service_calls import ASSUME
from local_cloud.adapters.access.service_calls import AccessDenied as AccessDenied
from local_cloud.patching import original
from local_cloud.settings import REGION, ServerSettings

EVALUATOR = "ministack.core.iam_evaluator"


@dataclass(frozen=True, kw_only=True)
class Session:
    """Temporary credentials of a role, as AssumeRole gives them."""

    arn: str
    access_key_id: str
    secret_access_key: str
    session_token: str

    def environment(self) -> dict[str, str]:
        """The variables in which every AWS SDK looks for credentials."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.session_token,
        }


def client(settings: ServerSettings, session: Session, service: str) -> Any:
    """A client of the embedded AWS whose requests the session signs; each is sent once."""
    return boto3.client(
        service,
        endpoint_url=settings.endpoint,
        region_name=REGION,
        aws_access_key_id=session.access_key_id,
        aws_secret_access_key=session.secret_access_key,
        aws_session_token=session.session_token,
        config=Config(retries={"total_max_attempts": 1}),
    )


def enforced() -> bool:
    """Whether requests are evaluated against policies at this moment."""
    return bool(original("ministack.app", "AUTH"))


def assume(
    role_arn: str,
    session_name: str,
    service: str,
    *,
    source_arn: str = "",
    external_id: str | None = None,
) -> Session:
    """A session of `role_arn` for an AWS service such as `glue.amazonaws.com`.

    `source_arn` is the resource on whose behalf the service comes; Redshift sends an external ID instead.

    Raises:
        AccessDenied: there is no such role, or its trust policy does not let that service assume it.
    """
    role = _role(role_arn)
    if enforced():
        call = service_calls.from_source(service, ASSUME, role_arn, source_arn)
        if external_id is not None:
            call = replace(call, context={**call.context, "sts:ExternalId": external_id})
        service_calls.check(call, role["AssumeRolePolicyDocument"])
    account, role_name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    name = session_name[:64]  # the length AWS allows for RoleSessionName
    session = Session(
        arn=f"arn:aws:sts::{account}:assumed-role/{role_name}/{name}",
        access_key_id="ASIA"
        + hashlib.sha256(f"{role_arn} {name}".encode()).hexdigest()[:16].upper(),
        secret_access_key=secrets.token_hex(20),
        session_token=secrets.token_hex(32),
    )
    original("ministack.services.sts", "register_session")(
        session.access_key_id,
        {
            "Arn": session.arn,
            "UserId": f"{role_name}:{name}",
            "SecretAccessKey": session.secret_access_key,
            "SessionToken": session.session_token,
            "AccountId": account,
            "PrincipalType": "AssumedRole",
        },
    )
    return session


def require(
    session: Session, action: str, resource_arn: str, *, context: dict[str, Any] | None = None
) -> None:
    """Let one action of a service on behalf of a role pass, or not.

    Raises:
        AccessDenied: with the sentence that AWS uses.
    """
    if not enforced():
        return
    service = action.split(":", 1)[0]
    region = original("ministack.core.responses", "get_region")()
    denied = original(EVALUATOR, "enforce")(
        session.access_key_id,
        action,
        service,
        region,
        resource_arn=resource_arn,
        service_context=context or {},
    )
    if denied is not None:
        raise AccessDenied(
            f"User: {session.arn} is not authorized to perform: {action} on resource: {resource_arn}"
        )


def _role(role_arn: str) -> dict[str, Any]:
    roles = original("ministack.services.iam", "_roles")
    parts = role_arn.split(":")
    role = roles.get_scoped(parts[4], None, role_arn.rsplit("/", 1)[-1]) if len(parts) > 5 else None
    if role is None:
        raise AccessDenied(f"role {role_arn!r} does not exist")
    return dict(role)
