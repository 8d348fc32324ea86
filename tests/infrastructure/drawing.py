"""Requests drawn from an account's own templates: what each statement is for, and what is nearly that.

Every statement gives requests that it allows; of each, one part is then changed: who asks, the action, the resource, or
a condition's key. Half of what is drawn is so at the edge of what is allowed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from local_cloud.adapters.access.service_calls import ServiceCall
from local_cloud.settings import ACCOUNT, REGION
from tests.infrastructure import service_requests
from tests.infrastructure.account import Account, Document, statements
from tests.infrastructure.evaluation import ADMINISTRATOR, RoleRequest

Request = RoleRequest | ServiceCall
FILLINGS = ("x", "2026/11", "a-b_c", "runs", "0")
VALUES = (
    "s3.us-east-1.amazonaws.com",
    f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:g",
    ACCOUNT,
    "999999999999",
    "x",
)


@dataclass
class Drawing:
    """An endless source of requests; the same for the same account and seed."""

    account: Account
    seed: int
    _random: random.Random = field(init=False)
    _bases: list[Request] = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._bases = [*service_requests.calls(self.account), *self._of_statements()]
        self._by_kind: dict[tuple[str, str], list[Request]] = {}
        for base in self._bases:
            self._by_kind.setdefault(kind(base), []).append(base)

    def requests(self) -> Iterator[Request]:
        """Forever: every base as it is, then one after the other with a part changed."""
        yield from self._bases
        while True:
            for base in self._bases:
                yield self._changed(base)

    def _of_statements(self) -> Iterator[Request]:
        for role, documents in self.account.identity_policies.items():
            for document in documents:
                for _, statement in statements(document):
                    yield from self._of_statement(role, statement)

    def _of_statement(self, role: str, statement: Document) -> Iterator[Request]:
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                concrete = resource if resource == "*" else self._filled(resource)
                context = self._meeting(statement.get("Condition", {}))
                yield RoleRequest(
                    role_arn=role, action=action, resource_arn=concrete, context=context
                )

    def _filled(self, pattern: str) -> str:
        return re.sub(r"\*", lambda _: self._random.choice(FILLINGS), pattern)

    def _meeting(self, conditions: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """A context in which the conditions hold."""
        return {
            key: self._filled(str(self._random.choice(listed(expected)))).replace(
                "${aws:userid}", "AROAEXAMPLE:session"
            )
            for block in conditions.values()
            for key, expected in block.items()
        }

    def _changed(self, base: Request) -> Request:
        change = self._random.choice(
            (
                self._another_asks,
                self._another_action,
                self._another_resource,
                self._another_context,
                self._not_secure,
            )
        )
        return change(base)

    def _another_asks(self, base: Request) -> Request:
        other = self._random.choice(self._bases)
        if isinstance(base, ServiceCall):
            services = sorted(
                {call.service for call in self._bases if isinstance(call, ServiceCall)}
            )
            return replace(base, service=self._random.choice(services))
        roles = [*self.account.identity_policies, ADMINISTRATOR]
        chosen = other.role_arn if isinstance(other, RoleRequest) else self._random.choice(roles)
        return replace(base, role_arn=chosen)

    def _another_action(self, base: Request) -> Request:
        return replace(base, action=self._random.choice(self._by_kind[kind(base)]).action)

    def _another_resource(self, base: Request) -> Request:
        if base.resource_arn == "*":
            return base
        other = self._random.choice(self._by_kind[kind(base)]).resource_arn
        longer = f"{base.resource_arn}{self._random.choice(FILLINGS).replace('/', '')}"
        return replace(base, resource_arn=self._random.choice((other, longer)))

    def _another_context(self, base: Request) -> Request:
        context = dict(base.context)
        if not context:
            other = self._random.choice(self._by_kind[kind(base)])
            return replace(base, context=dict(other.context))
        key = self._random.choice(sorted(context))
        value = self._random.choice((None, *VALUES, f"{context[key]}x"))
        del context[key]
        return replace(base, context=context | ({key: value} if value else {}))

    def _not_secure(self, base: Request) -> Request:
        if isinstance(base, ServiceCall):
            return self._another_context(base)
        return replace(base, context={**base.context, "aws:SecureTransport": "false"})


def kind(request: Request) -> tuple[str, str]:
    """Service and resource type, within which actions and resources may be exchanged."""
    service = request.action.partition(":")[0]
    if request.resource_arn == "*":
        return service, "*"
    rest = request.resource_arn.split(":", 5)[5]
    if service == "s3":
        return service, "object" if "/" in rest else "bucket"
    if service == "logs":
        return service, "stream" if rest.count(":") > 1 else "group"
    if service == "dynamodb":
        return service, "index" if "/index/" in rest else "table"
    return service, re.split(r"[:/]", rest)[0] if re.search(r"[:/]", rest) else ""


def listed(value: Any) -> list[Any]:
    """One or many as a list."""
    return value if isinstance(value, list) else [value]
