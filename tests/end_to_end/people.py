"""Commands typed by the people they are for: under a role of stacks/people.py, as a profile would assume it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pytest

from contracts import naming
from local_cloud.session import LocalCloud

OPERATOR, ANALYST = "OperatorRoleArn", "AnalystAnalystsRoleArn"
AUDITOR, PARTNER_MANAGER = "AuditorRoleArn", "PartnerManagerRoleArn"


@contextmanager
def acting_as(role: str) -> Iterator[None]:
    """Everything that is asked of AWS meanwhile is asked in a session of the role."""
    administrator = LocalCloud.environment
    session = _session(role)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalCloud, "environment", lambda self: administrator(self) | session)
        for name, value in session.items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers credentials
        yield


def _session(role: str) -> dict[str, str]:
    stack = boto3.client("cloudformation").describe_stacks(
        StackName=naming.stack("local", "People")
    )
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Stacks"][0]["Outputs"]}
    answer = boto3.client("sts").assume_role(RoleArn=outputs[role], RoleSessionName="story")
    given = answer["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }
