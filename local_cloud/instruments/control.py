"""Who may steer the server, and what the policies see of a request.

The emulator serves its own administration (reset, configuration) to anybody who reaches the port, a Lambda included;
here its administrative paths ask for the operator's token. IAM enforcement is a switch
behind the same token, because CloudFormation deploys with it off. Loopback counts as secure transport: see
docs/decisions/0001-loopback-counts-as-secure-transport.md.
"""

from __future__ import annotations

import contextvars
import functools
import hmac
import ipaddress
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from local_cloud.instruments import (
    crashes,
    recorded_types,
    records,
    reused_jvms,
    usage,
    warehouse_crashes,
)
from local_cloud.patching import replace
from local_cloud.settings import LOOPBACK, ServerSettings

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

TOKEN_HEADER = b"x-slipway-control"
PREFIX = "/_slipway/"
GUARDED = ("/_ministack/", "/_localstack/", PREFIX)
# what CloudFormation's own resources answer to, and what tells that the server is up
OPEN = (
    "/_ministack/health",
    "/_ministack/ready",
    "/_ministack/cfn-response/",
    "/_ministack/cfn-signal/",
)

# What adapters add: each command by its name. An instrument imports no adapter.
more_commands: dict[str, Callable[..., Any]] = {}

_origin_inside: contextvars.ContextVar[tuple[str, bool]] = contextvars.ContextVar(
    "slipway_request_origin", default=(LOOPBACK, True)
)


def install(settings: ServerSettings) -> None:
    """Put the guard in front of the whole application."""
    replace("ministack.app", "app", lambda app: guarded(app, settings.control_token))
    replace("ministack.app", "pin_request_origin", _secure_on_loopback)
    # what the emulator does without a request (a scheduled call, a worker thread) never leaves the process
    replace("ministack.core.iam_evaluator", "_request_origin", lambda _: _origin_inside)
    replace("ministack.core.iam_evaluator", "_fnmatch_compile", _of_any_character)


def _of_any_character(compile_pattern: Any) -> Any:
    """`*` of a policy matches any characters, and an object key may hold a line feed.

    Source: IAM user guide, "IAM JSON policy elements: Resource", wildcards.
    """

    @functools.lru_cache(maxsize=10_000)
    def compiled(pattern: str, ignore_case: bool) -> re.Pattern[str]:
        found: re.Pattern[str] = compile_pattern(pattern, ignore_case)
        return re.compile(found.pattern.removesuffix("$") + r"\Z", found.flags | re.DOTALL)

    return compiled


def guarded(app: Any, token: str) -> Any:
    """The application, with the paths that steer it closed to everybody without the token."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith(GUARDED) or path.startswith(OPEN):
            await app(scope, receive, send)
            return
        sent = dict(scope["headers"]).get(TOKEN_HEADER, b"").decode("latin-1")
        if not hmac.compare_digest(sent, token):
            await _answer(send, 403, {"message": f"{path} is only for the operator of this server"})
        elif path.startswith(PREFIX):
            await _control(path.removeprefix(PREFIX), send)
        else:
            await app(scope, receive, send)

    return application


async def _control(command: str, send: Send) -> None:
    answers: dict[str, Callable[..., Any]] = {
        "enforce-policies": _enforce_policies,
        "denials": lambda: records.denials,
        "requests": records.requests,
        "used-permissions": usage.used,
        "recorded-types": lambda: sorted(recorded_types.recorded),
        "crash-at": crashes.arm,  # crash-at/<role>/<action>/<call>
        "no-crash": crashes.disarm,
        "crashes": crashes.struck,
        "warehouse-crash-at": warehouse_crashes.arm,  # warehouse-crash-at/<before|after>/<number or word>
        "no-warehouse-crash": warehouse_crashes.disarm,
        "warehouse-crashes": warehouse_crashes.struck,
        "reuse-spark": reused_jvms.want,  # reuse-spark/<yes|no>
        **more_commands,
    }
    name, *arguments = command.split("/")
    answer = answers.get(name)
    if answer is None:
        await _answer(
            send, 404, {"message": f"no such command {name!r}; there is {', '.join(answers)}"}
        )
    else:
        await _answer(send, 200, answer(*arguments))


def _enforce_policies() -> dict[str, bool]:
    replace("ministack.app", "AUTH", lambda _: True)
    return {"enforced": True}


async def _answer(send: Send, status: int, body: Any) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


def _secure_on_loopback(pin: Any) -> Any:
    def pin_request_origin(source_ip: str, secure_transport: bool) -> None:
        pin(source_ip, secure_transport or ipaddress.ip_address(source_ip).is_loopback)

    return pin_request_origin
