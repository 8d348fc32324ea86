"""What AWS itself says of what is deployed: Access Analyzer of policies of roles, Step Functions of machines.

Both only read. Before a deployment CloudFormation is asked by a change set (`make verify`); it is the only one that
resolves references, so policies are looked at as they are in the account.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from contracts import naming
from slipway.deployment import OPTIONAL_STACKS, STACKS, Deployment

# All that have roles or machines; a stack that is not there is left out.
PARTS = (*STACKS, *OPTIONAL_STACKS, "Network", "QuickSight", "People")
ROLE, MACHINE = "AWS::IAM::Role", "AWS::StepFunctions::StateMachine"
GRAVE = ("ERROR", "SECURITY_WARNING")


@dataclass(frozen=True, kw_only=True)
class Remark:
    """What AWS says of one policy or machine. A grave one fails the verification."""

    of: str
    kind: str
    text: str

    @property
    def is_grave(self) -> bool:
        """Whether it is an error, or lets somebody in who should stay out."""
        return self.kind in GRAVE


def remarks(deployment: Deployment) -> Iterator[Remark]:
    """Everything that AWS remarks on. Yields nothing for what it finds right."""
    cloudformation = deployment.client("cloudformation")
    for kind, physical_id in _resources(cloudformation, deployment.environment):
        if kind == ROLE:
            yield from _of_role(deployment, physical_id)
        elif kind == MACHINE:
            yield from _of_machine(deployment, physical_id)


def _resources(cloudformation: Any, environment: str) -> Iterator[tuple[str, str]]:
    """Types and physical ids of everything in the stacks that are there."""
    names = {naming.stack(environment, part) for part in PARTS}
    pages = cloudformation.get_paginator("describe_stacks").paginate()
    there = [stack["StackName"] for page in pages for stack in page["Stacks"]]
    for name in sorted(names.intersection(there)):
        listed = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        for resource in (each for page in listed for each in page["StackResourceSummaries"]):
            yield resource["ResourceType"], resource.get("PhysicalResourceId", "")


def _of_role(deployment: Deployment, name: str) -> Iterator[Remark]:
    """Who may take it on, and what it may then do. Source: Access Analyzer API reference, ValidatePolicy."""
    iam = deployment.client("iam")
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    yield from _of_policy(
        deployment,
        f"trust policy of {name}",
        trust,
        policyType="RESOURCE_POLICY",
        validatePolicyResourceType="AWS::IAM::AssumeRolePolicyDocument",
    )
    pages = iam.get_paginator("list_role_policies").paginate(RoleName=name)
    for policy in (each for page in pages for each in page["PolicyNames"]):
        document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        yield from _of_policy(
            deployment, f"policy {policy} of {name}", document, policyType="IDENTITY_POLICY"
        )
    attached = iam.get_paginator("list_attached_role_policies").paginate(RoleName=name)
    for arn in (each["PolicyArn"] for page in attached for each in page["AttachedPolicies"]):
        yield from _of_policy(
            deployment,
            f"policy {arn.rpartition('/')[2]} of {name}",
            _managed(iam, arn),
            policyType="IDENTITY_POLICY",
        )


def _managed(iam: Any, arn: str) -> dict[str, Any]:
    """The document of a managed policy that counts at present."""
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    found = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
    return dict(found["Document"])


def _of_policy(
    deployment: Deployment, of: str, document: dict[str, Any], **kind: str
) -> Iterator[Remark]:
    analyzer = deployment.client("accessanalyzer")
    pages = analyzer.get_paginator("validate_policy").paginate(
        policyDocument=json.dumps(document), **kind
    )
    for finding in (each for page in pages for each in page["findings"]):
        text = f"{finding['issueCode']}: {finding['findingDetails']}"
        yield Remark(of=of, kind=finding["findingType"], text=text)


def _of_machine(deployment: Deployment, arn: str) -> Iterator[Remark]:
    """Source: Step Functions API reference, ValidateStateMachineDefinition."""
    client = deployment.client("stepfunctions")
    definition = client.describe_state_machine(stateMachineArn=arn)["definition"]
    answer = client.validate_state_machine_definition(
        definition=definition, type="STANDARD", severity="WARNING"
    )
    for found in answer["diagnostics"]:
        place = found.get("location", "the definition")
        text = f"{found['code']}: {found['message']} ({place})"
        yield Remark(of=arn.rpartition(":")[2], kind=found["severity"], text=text)
