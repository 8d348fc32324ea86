"""Secrets that CloudFormation makes: drawn at random by all of their options, and known to templates by their ARN.

The emulator's own generator knows two of the options and draws from a generator that is not made for secrets; its `Ref`
gives a name. Source: CloudFormation reference, AWS::SecretsManager::Secret, GenerateSecretString and return values.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from local_cloud.patching import original, replace

PROVISIONERS = "ministack.services.cloudformation.provisioners"
SECRETS = "ministack.services.secretsmanager"
FLAGS = (
    "ExcludeNumbers", "ExcludePunctuation", "ExcludeUppercase", "ExcludeLowercase", "IncludeSpace",
    "RequireEachIncludedType",
)  # fmt: skip


def install() -> None:
    """Put the generator in place, and let `Ref` be the ARN."""
    replace(PROVISIONERS, "_sm_secret_string", lambda _: secret_string)
    handlers = original(PROVISIONERS, "_RESOURCE_HANDLERS")
    made = handlers["AWS::SecretsManager::Secret"]
    handlers["AWS::SecretsManager::Secret"] = made | {
        "create": _by_arn(made["create"]),
        "update": _of_name(_by_arn(made["update"])),
        "delete": _of_name(made["delete"]),
    }


def _by_arn(handle: Callable[..., Any]) -> Callable[..., Any]:
    def handled(*args: Any, **kwargs: Any) -> tuple[str, dict[str, Any]]:
        _, attributes = handle(*args, **kwargs)
        return str(attributes["Arn"]), attributes

    return handled


def _of_name(handle: Callable[..., Any]) -> Callable[..., Any]:
    """The emulator keeps secrets by name."""

    def handled(physical_id: str, *args: Any, **kwargs: Any) -> Any:
        kept = original(SECRETS, "_secrets")
        names = [name for name in kept if kept[name]["ARN"] == physical_id]
        return handle(names[0] if names else physical_id, *args, **kwargs)

    return handled


def secret_string(properties: dict[str, Any]) -> str:
    """The value that a template declares, or a new one as GenerateSecretString asks."""
    asked = properties.get("GenerateSecretString")
    if asked is None or properties.get("SecretString"):
        return str(properties.get("SecretString", ""))
    generated = _random_password(asked)
    if "SecretStringTemplate" not in asked:
        return generated
    return json.dumps(
        json.loads(asked["SecretStringTemplate"]) | {asked["GenerateStringKey"]: generated}
    )


def _random_password(asked: dict[str, Any]) -> str:
    request: dict[str, Any] = {
        name: str(asked[name]).lower() == "true" for name in FLAGS if name in asked
    }
    request |= {"ExcludeCharacters": asked.get("ExcludeCharacters", "")}
    request |= {"PasswordLength": int(asked.get("PasswordLength", 32))}
    status, _, body = original(SECRETS, "_get_random_password")(request)
    answer = json.loads(body)
    if status >= 400:
        raise ValueError(f"GenerateSecretString {asked}: {answer.get('message', answer)}")
    return str(answer["RandomPassword"])
