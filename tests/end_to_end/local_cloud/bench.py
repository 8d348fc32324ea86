"""The running server of a test, with clients of its administrator or of a role."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import boto3

from local_cloud.session import LocalCloud


@dataclass(frozen=True)
class Bench:
    """The running server, with clients of its administrator or of a role."""

    cloud: LocalCloud

    def client(self, service: str, credentials: dict[str, str] | None = None) -> Any:
        chosen = credentials or {
            "AccessKeyId": "test",
            "SecretAccessKey": "test",
            "SessionToken": "",
        }
        return boto3.client(
            service,
            endpoint_url=self.cloud.endpoint,
            region_name="us-east-1",
            aws_access_key_id=chosen["AccessKeyId"],
            aws_secret_access_key=chosen["SecretAccessKey"],
            aws_session_token=chosen["SessionToken"] or None,
        )

    def role(self, name: str, trusted: dict[str, Any], *statements: dict[str, Any]) -> str:
        """A new role with one inline policy `allowed`; returns its ARN."""
        trust = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}],
        }
        trust["Statement"][0]["Principal"] = trusted  # type: ignore[index] -- built in the line above
        iam = self.client("iam")
        arn = str(
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"][
                "Arn"
            ]
        )
        self.allow(name, *statements)
        return arn

    def allow(self, role_name: str, *statements: dict[str, Any]) -> None:
        """Replace what a role may do."""
        allowed = [{"Effect": "Allow"} | statement for statement in statements]
        document = json.dumps({"Version": "2012-10-17", "Statement": allowed})
        self.client("iam").put_role_policy(
            RoleName=role_name, PolicyName="allowed", PolicyDocument=document
        )

    def assume(self, role_arn: str) -> dict[str, str]:
        answer = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="test")
        return dict(answer["Credentials"])

    def ending(self, execution_arn: str) -> dict[str, Any]:
        """The description of an execution, once it has ended."""
        states, deadline = self.client("stepfunctions"), time.monotonic() + 60
        while (found := states.describe_execution(executionArn=execution_arn))[
            "status"
        ] == "RUNNING":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        return dict(found)
