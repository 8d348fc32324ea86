"""Whom a statement allows something: a role by its default policy, by one beside it, or by managed ones.

Policies within a role may have 10,240 characters together. A managed policy may have 6,144, and a role ten of them by
quota, so a role with many parts has room for each. Source: IAM user guide, "IAM and AWS STS quotas".
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TypeAlias

from aws_cdk import Stack, Token
from aws_cdk import aws_iam as iam
from constructs import IConstruct

MANAGED_CHARACTERS, MANAGED_POLICIES = 6_144, 10
FRAME = len('{"Version":"2012-10-17","Statement":[]}')
# CDK's own estimate of an ARN that only a deployment knows: its context `@aws-cdk/aws-iam.arnSizeEstimate`.
UNKNOWN_ARN = 150


@dataclass(frozen=True)
class PolicyBeside:
    """A policy of a role besides its default one, for a resource that must itself wait for the default one."""

    role: iam.Role
    policy: iam.Policy

    def add(self, statement: iam.PolicyStatement) -> IConstruct:
        """Put a statement in; gives the construct that holds it."""
        self.policy.add_statements(statement)
        return self.policy


@dataclass
class ManagedParts:
    """What one role may do, part by part."""

    role: iam.Role
    policies: list[iam.ManagedPolicy] = field(default_factory=list)

    def part(self, name: str, purpose: str) -> ManagedPart:
        """A part that has policies of its own, named after the role and `name`."""
        return ManagedPart(self, name, purpose)

    def further(self, name: str, purpose: str) -> iam.ManagedPolicy:
        """One more policy. Raises ValueError beyond what IAM attaches to a role."""
        if len(self.policies) == MANAGED_POLICIES:
            raise ValueError(
                f"{self.role.node.path}: '{name}' would be managed policy {MANAGED_POLICIES + 1} of this role,"
                f" and IAM's quota is {MANAGED_POLICIES}; divide datasets and sources among environments"
            )
        policy = iam.ManagedPolicy(
            Stack.of(self.role), name, roles=[self.role], description=purpose
        )
        self.policies.append(policy)
        return policy


class ManagedPart:
    """A part in as many managed policies as it needs; a further one begins where the last may be full."""

    def __init__(self, parts: ManagedParts, name: str, purpose: str) -> None:
        self.role, self._parts, self._purpose = parts.role, parts, purpose
        self._name = parts.role.node.id.removesuffix("Role") + name
        self._own: list[iam.ManagedPolicy] = []
        self._characters = 0

    def add(self, statement: iam.PolicyStatement) -> IConstruct:
        """Put a statement in; gives the construct that holds it."""
        size = _estimated(statement)
        if not self._own or self._characters + size > MANAGED_CHARACTERS:
            number = str(len(self._own) + 1) if self._own else ""
            self._own.append(self._parts.further(f"{self._name}{number}", self._purpose))
            self._characters = FRAME
        self._characters += size
        self._own[-1].add_statements(statement)
        return self._own[-1]


Grantee: TypeAlias = iam.Role | PolicyBeside | ManagedPart


def role_of(grantee: Grantee) -> iam.Role:
    """The role itself."""
    return grantee if isinstance(grantee, iam.Role) else grantee.role


def add(grantee: Grantee, statement: iam.PolicyStatement) -> IConstruct:
    """Put a statement in; gives the construct that holds it, or the role for its default policy."""
    if isinstance(grantee, iam.Role):
        grantee.add_to_policy(statement)
        return grantee
    return grantee.add(statement)


def _estimated(statement: iam.PolicyStatement) -> int:
    """Characters of a statement once deployed, rather too many than too few."""
    arns = sum(
        (UNKNOWN_ARN if Token.is_unresolved(arn) else 0) + len(arn) for arn in statement.resources
    )
    actions = json.dumps({"Effect": "Allow", "Action": statement.actions, "Resource": []})
    return len(actions) + arns + len(json.dumps(statement.conditions or {}))
