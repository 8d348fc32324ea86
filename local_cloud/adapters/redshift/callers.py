"""Who calls Redshift, what of it IAM is asked, and which database user the caller becomes.

ExecuteStatement is checked on the workgroup, and GetCredentials (or the secret's GetSecretValue) beside it. A statement
has no ARN, so calls on one are checked on `*` with the condition key `redshift-data:statement-owner-iam-userid`.
What the database itself allows its users (GRANT) is not evaluated: whoever may run statements may run all of them.
Source: Redshift management guide, "Authorizing access to the Amazon Redshift Data API"; service authorization
reference, Amazon Redshift Data API.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import Any

from local_cloud.adapters import roles
from local_cloud.adapters.redshift import (
    serverless as redshift_serverless,
)
from local_cloud.adapters.redshift import (
    statements as redshift_statements,
)
from local_cloud.adapters.redshift.engine import User
from local_cloud.adapters.redshift.serverless import Workgroup
from local_cloud.instruments import usage
from local_cloud.patching import original, replace
from local_cloud.settings import ACCOUNT, REGION

ACTIONS = "ministack.core.iam_actions"
EVALUATOR = "ministack.core.iam_evaluator"
SECRETS = "ministack.services.secretsmanager"
DATA, SERVERLESS = "redshift-data", "redshift-serverless"
ON_WORKGROUP = ("ExecuteStatement", "BatchExecuteStatement", "GetWorkgroup", "GetCredentials")
OWNER_KEY = "redshift-data:statement-owner-iam-userid"
FIRST_USER = 100
_user_numbers: dict[str, int] = {}
_counter = itertools.count(FIRST_USER)


class AccessDenied(Exception):
    """The caller may not; the message is AWS's sentence."""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The principal behind a request."""

    access_key_id: str
    arn: str
    user_id: str  # aws:userid

    @property
    def owner(self) -> str:
        """The role or user, whatever its session."""
        return usage.role_of(self.arn)


def install() -> None:
    """Let the emulator's policy check see Redshift's actions, resources and condition key."""
    for service in (DATA, SERVERLESS):
        original(ACTIONS, "SERVICE_TO_IAM_NAMESPACE")[service] = service
    replace(ACTIONS, "extract_resource_arn", _with_redshift_resources)
    replace(ACTIONS, "request_tag_context", _with_statement_owner)


def caller_of(headers: dict[str, str]) -> Caller:
    """The caller of a request that has passed the policy check."""
    key = original("ministack.core.router", "extract_access_key_id")(headers)
    principal = original(EVALUATOR, "resolve_principal")(key or "", ACCOUNT)
    arn = str(getattr(principal, "arn", f"arn:aws:iam::{ACCOUNT}:root"))
    keys = getattr(principal, "keys", {})
    return Caller(access_key_id=key, arn=arn, user_id=str(keys.get("aws:userid", ACCOUNT)))


def require(caller: Caller, action: str, resource_arn: str) -> None:
    """Let one more action of the caller pass, or raise AccessDenied."""
    if not roles.enforced():
        return
    denied = original(EVALUATOR, "enforce")(
        caller.access_key_id,
        action,
        action.split(":")[0],
        REGION,
        resource_arn=resource_arn,
        service_context={},
    )
    if denied is not None:
        raise AccessDenied(
            f"User: {caller.arn} is not authorized to perform: {action} on resource: {resource_arn}"
        )


def log_in(caller: Caller, workgroup: Workgroup, secret_arn: str | None) -> User:
    """The database user of a caller, by temporary credentials or by a secret.

    Source: Redshift management guide, "Mapping of IAM identities to database users": `IAMR:<role>`, `IAM:<user>`.
    Raises AccessDenied, or ValueError when the secret holds no user of this namespace.
    """
    if secret_arn is None:
        require(caller, "redshift-serverless:GetCredentials", workgroup.arn)
        return user_named(database_user(caller), superuser=False)
    require(caller, "secretsmanager:GetSecretValue", secret_arn)
    status, _, body = original(SECRETS, "_get_secret_value")({"SecretId": secret_arn})
    if status >= 400:
        raise ValueError(f"secret {secret_arn} cannot be read: {json.loads(body)}")
    if secret_arn != workgroup.namespace.secret_arn:
        raise ValueError(
            f"secret {secret_arn} is not that of the admin of namespace {workgroup.namespace.name}"
        )
    return user_named(workgroup.namespace.admin, superuser=True)


def database_user(caller: Caller) -> str:
    """Name of the database user that an IAM identity becomes."""
    if ":assumed-role/" in caller.arn:
        return f"IAMR:{caller.owner}"
    return f"IAM:{caller.arn.rsplit('/', 1)[-1].rsplit(':', 1)[-1]}"


def user_named(name: str, *, superuser: bool) -> User:
    """The same number for the same name as long as the server runs."""
    if name not in _user_numbers:
        _user_numbers[name] = next(_counter)
    return User(name=name, number=_user_numbers[name], superuser=superuser)


def _with_redshift_resources(extract: Any) -> Any:
    def extract_resource_arn(
        service: str, method: str, path: str, headers: dict[str, str], body: bytes, *rest: Any
    ) -> Any:
        if service not in (DATA, SERVERLESS):
            return extract(service, method, path, headers, body, *rest)
        operation, request = (
            headers.get("x-amz-target", "").rpartition(".")[2],
            json.loads(body or b"{}"),
        )
        name = request.get("WorkgroupName") or request.get("workgroupName")
        if operation in ON_WORKGROUP and name:
            try:
                return redshift_serverless.workgroup_named(name).arn
            except redshift_serverless.NotFound:
                return f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT}:workgroup/{name}"
        namespace = redshift_serverless.namespaces.get(request.get("namespaceName", ""))
        return namespace.arn if namespace is not None and operation == "GetNamespace" else "*"

    return extract_resource_arn


def _with_statement_owner(context_of: Any) -> Any:
    def request_tag_context(
        service: str, action: str, body: bytes, params: dict[str, Any]
    ) -> dict[str, Any]:
        context: dict[str, Any] = context_of(service, action, body, params)
        if service == DATA:
            asked = str(json.loads(body or b"{}").get("Id", "")).partition(":")[0]
            statement = redshift_statements.statements.get(asked)
            if statement is not None:
                return context | {OWNER_KEY: statement.owner_user_id}
        return context

    return request_tag_context
