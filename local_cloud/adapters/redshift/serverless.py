"""Namespaces and workgroups of Redshift Serverless, and the few calls of its API that clients make.

Capacity, network and usage limits have no effect here; they are kept as given. Source: Redshift Serverless API
reference.
"""

from __future__ import annotations

import json
import secrets
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from local_cloud.adapters.redshift.engine import Engine
from local_cloud.patching import original
from local_cloud.settings import ACCOUNT, REGION, ServerSettings

SECRETS = "ministack.services.secretsmanager"
FOLDER = "redshift"
CREDENTIALS_SECONDS = 900  # the default of GetCredentials
PORT = 5439


class NotFound(Exception):
    """There is no such namespace or workgroup. The message is the one to show."""


@dataclass(kw_only=True)
class Namespace:
    """A database and who administers it."""

    name: str
    database: str
    admin: str
    default_role: str | None
    roles: list[str]
    engine: Engine
    secret_arn: str | None = None
    namespace_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: float = field(default_factory=time.time)

    @property
    def arn(self) -> str:
        """As IAM names it."""
        return f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT}:namespace/{self.namespace_id}"

    def described(self) -> dict[str, Any]:
        """As GetNamespace shows it."""
        shown = {
            "namespaceArn": self.arn,
            "namespaceId": self.namespace_id,
            "namespaceName": self.name,
            "dbName": self.database,
            "adminUsername": self.admin,
            "defaultIamRoleArn": self.default_role,
            "iamRoles": self.roles,
            "adminPasswordSecretArn": self.secret_arn,
            "creationDate": self.created_at,
            "status": "AVAILABLE",
        }
        return {key: value for key, value in shown.items() if value is not None}


@dataclass(kw_only=True)
class Workgroup:
    """The compute of one namespace; here only a name and settings."""

    name: str
    namespace: Namespace
    settings: dict[str, Any]
    workgroup_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: float = field(default_factory=time.time)

    @property
    def arn(self) -> str:
        """As IAM names it."""
        return f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT}:workgroup/{self.workgroup_id}"

    def described(self) -> dict[str, Any]:
        """As GetWorkgroup shows it."""
        return self.settings | {
            "workgroupArn": self.arn,
            "workgroupId": self.workgroup_id,
            "workgroupName": self.name,
            "namespaceName": self.namespace.name,
            "creationDate": self.created_at,
            "endpoint": {
                "address": f"{self.name}.{ACCOUNT}.{REGION}.redshift-serverless.amazonaws.com",
                "port": PORT,
            },
            "status": "AVAILABLE",
        }


namespaces: dict[str, Namespace] = {}
workgroups: dict[str, Workgroup] = {}


def create_namespace(settings: ServerSettings, properties: dict[str, Any]) -> Namespace:
    """From the properties of AWS::RedshiftServerless::Namespace."""
    name = properties["NamespaceName"]
    if name in namespaces:
        raise ValueError(f"namespace {name!r} already exists")
    file = settings.state_dir / FOLDER / f"{name}.duckdb"
    engine = Engine(
        file=file,
        endpoint=settings.endpoint,
        default_role=lambda: namespaces[name].default_role,
        user_arns=lambda: _user_arns(name),
    )
    engine.delete()  # of an earlier start of this server
    namespace = Namespace(
        name=name, database="dev", admin="admin", default_role=None, roles=[], engine=engine
    )
    change_namespace(namespace, properties)
    namespaces[name] = namespace
    return namespace


def _user_arns(namespace: str) -> str:
    """Source: Redshift management guide, "Restricting access to IAM roles", format of Redshift Serverless."""
    of = next(
        workgroup.workgroup_id
        for workgroup in workgroups.values()
        if workgroup.namespace.name == namespace
    )
    return f"arn:aws:redshift:{REGION}:{ACCOUNT}:dbuser:serverless-{ACCOUNT}-{of}"


def change_namespace(namespace: Namespace, properties: dict[str, Any]) -> None:
    """Take over what may change. A managed admin password gets its secret, or loses it."""
    namespace.database = properties.get("DbName", "dev")
    namespace.admin = properties.get("AdminUsername", "admin")
    namespace.default_role = properties.get("DefaultIamRoleArn")
    namespace.roles = list(properties.get("IamRoles", []))
    managed = str(properties.get("ManageAdminPassword", "")).lower() == "true"
    if managed and namespace.secret_arn is None:
        namespace.secret_arn = _create_secret(
            namespace, properties.get("AdminPasswordSecretKmsKeyId")
        )
    elif not managed and namespace.secret_arn is not None:
        _delete_secret(namespace)


def delete_namespace(name: str) -> None:
    """With its database and its secret. Raises ValueError while a workgroup uses it."""
    users = [
        workgroup.name for workgroup in workgroups.values() if workgroup.namespace.name == name
    ]
    if users:
        raise ValueError(f"namespace {name!r} is used by workgroup {users[0]!r}; delete that first")
    namespace = namespaces.pop(name, None)
    if namespace is not None:
        _delete_secret(namespace)
        namespace.engine.delete()


def _create_secret(namespace: Namespace, key: str | None) -> str:
    """Its name and value. Source: Redshift management guide, "Managing Amazon Redshift admin passwords"."""
    value = {"username": namespace.admin, "password": secrets.token_urlsafe(24)}
    request = {
        "Name": f"redshift!{namespace.name}-{namespace.admin}",
        "SecretString": json.dumps(value),
    }
    status, _, body = original(SECRETS, "_create_secret")(
        request | ({"KmsKeyId": key} if key else {})
    )
    answer = json.loads(body)
    if status >= 400:
        raise ValueError(f"secret of namespace {namespace.name}: {answer}")
    return str(answer["ARN"])


def _delete_secret(namespace: Namespace) -> None:
    if namespace.secret_arn is not None:
        original(SECRETS, "_delete_secret")(
            {"SecretId": namespace.secret_arn, "ForceDeleteWithoutRecovery": True}
        )
        namespace.secret_arn = None


def workgroup_named(name_or_arn: str) -> Workgroup:
    """By name, or by ARN as a data-sharing consumer gives it. Raises NotFound."""
    for workgroup in workgroups.values():
        if name_or_arn in (workgroup.name, workgroup.arn):
            return workgroup
    raise NotFound(
        f"Redshift endpoint doesn't exist in this region: workgroup {name_or_arn!r} is not there"
    )


def _namespace_named(name: str) -> Namespace:
    if name not in namespaces:
        raise NotFound(f"namespace {name!r} does not exist")
    return namespaces[name]


def handle(operation: str, request: dict[str, Any], user: str) -> dict[str, Any] | None:
    """Answer of a call; None for one that is not emulated. `user` is the database user of the caller."""
    if operation == "GetWorkgroup":
        return {"workgroup": workgroup_named(request["workgroupName"]).described()}
    if operation == "ListWorkgroups":
        return {"workgroups": [workgroup.described() for workgroup in workgroups.values()]}
    if operation == "GetNamespace":
        return {"namespace": _namespace_named(request["namespaceName"]).described()}
    if operation == "ListNamespaces":
        return {"namespaces": [namespace.described() for namespace in namespaces.values()]}
    if operation == "GetCredentials":
        workgroup_named(request["workgroupName"])
        seconds = int(request.get("durationSeconds", CREDENTIALS_SECONDS))
        password = secrets.token_urlsafe(24)
        return {"dbUser": user, "dbPassword": password, "expiration": time.time() + seconds}
    return None
