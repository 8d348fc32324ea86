"""The evaluator of the embedded AWS and somebody else's decide alike, over requests drawn from our own templates.

The other is @cloud-copilot/iam-simulate, which `make test-deep` installs in `second_opinion`.
"""

from __future__ import annotations

import itertools
import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from local_cloud.adapters.access import service_calls
from local_cloud.adapters.access.service_calls import ServiceCall
from local_cloud.settings import ACCOUNT
from tests.infrastructure import evaluation
from tests.infrastructure.account import Account, Document
from tests.infrastructure.drawing import Drawing, Request
from tests.infrastructure.evaluation import ADMINISTRATOR, EVERYTHING, role_may
from tests.infrastructure.support import Assembly

pytestmark = pytest.mark.deep
FOLDER = Path(__file__).parent / "second_opinion"
REQUESTS = 12_000
ALLOWED_AT_LEAST = 2_000  # of each decision, or nothing would be shown
# Why the other did not check a request before it decided: not errors of ours, but what it knows of AWS's actions.
UNCHECKED = {
    "multiple.resource.types": "the ARN fits several types of the action",
    "no.resource.types": "the changed ARN is of a type that the action does not take",
    "encryption.context": "it leaves out kms:EncryptionContext:<name>, since it fills names in after a slash only",
    "must.use.wildcard": "the action takes no resource, and one was drawn",
}


@pytest.mark.parametrize("name", ["comprehensive", "local"])
def test_two_evaluators_decide_alike(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    assembly: Assembly = request.getfixturevalue(name)
    account = Account.of(assembly)
    drawn = list(itertools.islice(Drawing(account, seed=12).requests(), REQUESTS))
    answers = simulated(account, drawn, tmp_path)
    with evaluation.evaluator():
        ours = [decided(account, one) for one in drawn]
    differences = [
        (one, "allowed here" if own else "denied here", answer["decision"])
        for one, own, answer in zip(drawn, ours, answers, strict=True)
        if own != (answer["decision"] == "Allowed")
    ]
    print(
        Counter(answer["decision"] for answer in answers),
        Counter(answer["unchecked"] for answer in answers),
    )
    assert differences == []
    assert min(sum(ours), len(ours) - sum(ours)) >= ALLOWED_AT_LEAST
    assert {answer["unchecked"] for answer in answers} <= {"", *UNCHECKED}


def decided(account: Account, one: Request) -> bool:
    policy = policy_of(account, one.resource_arn)
    if isinstance(one, ServiceCall):
        return service_calls.allowed(one, policy)
    return role_may(account, one, policy=policy)


def policy_of(account: Account, resource_arn: str) -> Document | None:
    """The policy of a resource; that of the bucket for an object."""
    return account.resource_policies.get(resource_arn) or account.resource_policies.get(
        resource_arn.partition("/")[0]
    )


def simulated(account: Account, drawn: list[Request], folder: Path) -> list[dict[str, Any]]:
    """The other's decision on each request."""
    asked, answered = folder / "asked.json", folder / "answered.json"
    given = {
        "account": ACCOUNT,
        "identity": {
            role: versioned(*documents) for role, documents in account.identity_policies.items()
        }
        | {ADMINISTRATOR: versioned(EVERYTHING)},
        "resource": {
            arn: versioned(document)[0] for arn, document in account.resource_policies.items()
        },
        "requests": [told(account, one) for one in drawn],
    }
    asked.write_text(json.dumps(given), encoding="utf-8")
    script = FOLDER / "simulate.mjs"
    done = subprocess.run(
        ["node", str(script), str(asked), str(answered)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (
        f"{done.stderr[-2000:]}\nis it installed? `make test-deep` does: npm ci in {FOLDER}"
    )
    answers: list[dict[str, Any]] = json.loads(answered.read_text(encoding="utf-8"))
    return answers


def told(account: Account, one: Request) -> dict[str, Any]:
    """A request as the other takes it: with the keys that AWS would add."""
    place = (
        one.resource_arn
        if one.resource_arn in account.resource_policies
        else one.resource_arn.partition("/")[0]
    )
    policy = place if place in account.resource_policies else None
    common = {"action": one.action, "resource": one.resource_arn, "policy": policy}
    if isinstance(one, ServiceCall):
        added = {"aws:SecureTransport": "true", "aws:PrincipalIsAWSService": "true"}
        return common | {
            "principal": one.service,
            "role": None,
            "context": {**added, **one.context},
        }
    added = {
        "aws:SecureTransport": "true",
        "aws:PrincipalAccount": ACCOUNT,
        "aws:userid": "AROAEXAMPLE:session",
    }
    return common | {
        "principal": one.principal_arn,
        "role": one.role_arn,
        "context": {**added, **one.context},
    }


def versioned(*documents: Document) -> list[Document]:
    """Policies as IAM stores them."""
    return [{"Version": "2012-10-17"} | document for document in documents]
