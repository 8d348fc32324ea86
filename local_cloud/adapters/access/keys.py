"""Encrypted data is reached only by who may use its key: each call brings the calls to KMS that AWS would make with it.

The emulator stores which key a template names, in part, and never asks it. Here every evaluated request on an encrypted
bucket, table, topic, queue or secret is followed by those on its key, under the key's policy, ViaService and encryption
context. A log group's key must let CloudWatch Logs in.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from local_cloud.adapters.access import key_use, service_calls
from local_cloud.adapters.access.key_use import Key, KeyUse
from local_cloud.patching import original, replace
from local_cloud.settings import REGION

EVALUATOR = "ministack.core.iam_evaluator"
PROVISIONERS = "ministack.services.cloudformation.provisioners"
LOGS = f"logs.{REGION}.amazonaws.com"
# Source: CloudWatch Logs user guide, "Encrypt log data in CloudWatch Logs using AWS KMS".
LOGS_USE = (
    *("kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:DescribeKey"),
    *("kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"),
)
# Sends its source to KMS as well. EventBridge does not, so it can reach an encrypted topic by a role only.
# Source: SNS developer guide, "Enable compatibility between event sources from AWS services and encrypted topics".
SENDS_SOURCE_TO_KMS = ("cloudwatch.amazonaws.com",)
_keys: dict[str, Key] = {}  # by ARN of the resource
# Told of each use that was allowed: access key, action, ARN of the key, condition keys.
listeners: list[Callable[[str, str, str, dict[str, Any]], None]] = []


def install() -> None:
    """Follow what CloudFormation encrypts, and every evaluation."""
    handlers = original(PROVISIONERS, "_RESOURCE_HANDLERS")
    for resource_type, key_named in key_use.NAMED_IN.items():
        handlers[resource_type] = _following(handlers[resource_type], key_named, resource_type)
    replace(EVALUATOR, "enforce", _with_keys)
    replace("ministack.core.iam_actions", "s3_service_context", _with_parts)


def key_of(resource_arn: str) -> Key | None:
    """The customer's key that protects a resource, None if AWS's own does."""
    return key_use.find(_keys, resource_arn)


def require_service(call: service_calls.ServiceCall) -> None:
    """A service's own call, and those on the key of what it reaches. Raises service_calls.AccessDenied."""
    service_calls.require(call)
    key = key_of(call.resource_arn)
    for use in key_use.uses(call.action, key, call.context) if key else []:
        source = call.context if call.service in SENDS_SOURCE_TO_KMS else {}
        service_calls.require(_as_service(use, call.service, source))


def check_log_group(key: Key) -> None:
    """CloudWatch Logs may use the key of a new log group, also while nothing else is enforced.

    Source: CloudWatch Logs API reference, CreateLogGroup: otherwise the group is not created.
    Raises service_calls.AccessDenied.
    """
    context = {f"kms:EncryptionContext:{name}": value for name, value in key.context.items()}
    for action in LOGS_USE:
        call = _as_service(KeyUse(action=action, key_arn=key.arn, context=context), LOGS, {})
        service_calls.check(call, service_calls.policy_of(call))


def _as_service(use: KeyUse, service: str, source: Any) -> service_calls.ServiceCall:
    context = {
        **source,
        **{name: value for name, value in use.context.items() if isinstance(value, str)},
    }
    return service_calls.ServiceCall(
        service=service, action=use.action, resource_arn=use.key_arn, context=context
    )


def _with_keys(enforce: Any) -> Any:
    def checked(
        key_id: str, action: str, service: str, region: str, resource_arn: str = "*", **rest: Any
    ) -> Any:
        denied = enforce(key_id, action, service, region, resource_arn=resource_arn, **rest)
        key = key_of(resource_arn) if denied is None else None
        for use in key_use.uses(action, key, rest.get("service_context") or {}) if key else []:
            denied = original(EVALUATOR, "enforce")(  # the outermost, which keeps the record
                key_id,
                use.action,
                "kms",
                region,
                resource_arn=use.key_arn,
                service_context=dict(use.context),
            )
            if denied is not None:
                return denied
            for told in listeners:
                told(key_id, use.action, use.key_arn, dict(use.context))
        return denied

    return checked


def _with_parts(context_of: Any) -> Any:
    def s3_service_context(action: str, query: dict[str, Any] | None, *rest: Any) -> dict[str, Any]:
        context: dict[str, Any] = context_of(action, query, *rest)
        return (
            context | {key_use.MULTIPART: "true"}
            if {"uploads", "uploadId"} & set(query or {})
            else context
        )

    return s3_service_context


def _arn_of(key: str) -> str:
    """The key's ARN. Raises ValueError for a key that does not exist, as the service would."""
    found = original("ministack.services.kms", "_resolve_key")(key)
    if found is None:
        raise ValueError(
            f"KMS key {key!r} does not exist; name a key of this account, by ARN, id or alias"
        )
    return str(found["Arn"])


def _following(handler: dict[str, Any], key_named: Any, resource_type: str) -> dict[str, Any]:
    """A type's handlers, after which the key of each resource is known; that of a log group is checked before."""

    def after(handle: Any, properties_at: int) -> Any:
        def handled(*args: Any, **named: Any) -> Any:
            physical_id, attributes = handle(*args, **named)
            arn = str(
                attributes.get("Arn") or attributes.get("TopicArn") or physical_id
            ).removesuffix(":*")
            key = key_named(args[properties_at], arn)
            if key is None:
                _keys.pop(arn, None)
                return physical_id, attributes
            key = dataclasses.replace(key, arn=_arn_of(key.arn))
            if resource_type == "AWS::Logs::LogGroup":
                check_log_group(key)
            _keys[arn] = key
            return physical_id, attributes

        return handled

    return handler | {"create": after(handler["create"], 1), "update": after(handler["update"], 2)}
