"""What every role of the application was granted and did not use.

Granted is what IAM of the embedded AWS holds for the deployed roles; used is every evaluation since the policies were
enforced. An action that no run used must be justified where it is granted: template metadata `SlipwayRarelyUsed`
({action: reason}) of the role. What Glue and VPC log with a role, what Glue measures and what Step Functions traces is
evaluated nowhere here, so it can be shown neither as used nor as superfluous; it is counted apart.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos import care
from chaos.faults import Breaking
from chaos.outcome import Outcome
from chaos.world import DATASET, PARTNER, World
from contracts import model
from sample_data import generate
from slipway.acting import partner

# Calls that other services make for the role and the embedded AWS does not, if the role was not seen to make them.
NOT_EVALUATED = ("logs:", "xray:", "cloudwatch:")
METADATA = "SlipwayRarelyUsed"
MONTHS, FULL_ROWS, SHORT_ROWS = 3, 3_000, 300
ROLE, POLICY = "AWS::IAM::Role", "AWS::IAM::Policy"
Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Grants:
    """One role: its place in the templates, what it may do, and the reasons for what it rarely does."""

    path: str
    role: str
    actions: frozenset[str]
    reasons: Mapping[str, str]


def run(world: World, *, short: bool) -> Outcome:
    """The demonstration's files on Spark, a run that is stopped, then small runs and care; then the comparison."""
    world.engines.spark_only()  # which makes the tables, so that the jobs use what that takes
    problems = _exercise(world, rows=SHORT_ROWS if short else FULL_ROWS)
    world.engines.as_deployed()
    problems += care.run(world, short=True).problems
    outcome = compare(world)
    outcome.problems += problems
    return outcome


def compare(world: World) -> Outcome:
    """Granted against used, over everything this embedded AWS has done so far."""
    used = world.cloud.control("used-permissions")
    outcome = Outcome()
    granted = never = unseen = 0
    for grants in sorted(roles(world), key=lambda grants: grants.path):
        mine = {
            action.lower()
            for action, counts in used.get(grants.role, {}).items()
            if counts["allowed"]
        }
        unused = sorted(action for action in grants.actions if action.lower() not in mine)
        apart = [action for action in unused if action.startswith(NOT_EVALUATED)]
        granted, unseen = granted + len(grants.actions), unseen + len(apart)
        for action in sorted(set(unused) - set(apart)):
            never += 1
            reason = grants.reasons.get(action)
            outcome.figures[f"never used: {grants.path} {action}"] = reason or "NOT JUSTIFIED"
            if reason is None:
                outcome.problems.append(
                    f"{grants.path}: {action} is granted, was never used, and no {METADATA} says why"
                )
        stale = sorted(set(grants.reasons) - grants.actions)
        outcome.problems += [
            f"{grants.path}: {METADATA} names {action}, which is not granted" for action in stale
        ]
    outcome.figures |= {
        "grants": granted,
        "grants used": granted - never - unseen,
        "grants never used": never,
        "grants that the embedded AWS does not evaluate (logs of jobs and networks, X-Ray, metrics)": unseen,
        "denials": len(world.cloud.control("denials")),
    }
    return outcome


def roles(world: World) -> Iterator[Grants]:
    """Every role of the application's stacks."""
    for file in sorted((world.cloud.path / "cdk.out").glob("*.template.json")):
        resources: dict[str, Json] = json.loads(file.read_text("utf-8"))["Resources"]
        stack = file.name.removesuffix(".template.json")
        for logical_id, resource in resources.items():
            if resource["Type"] == ROLE:
                name = _physical_id(world, stack, logical_id)
                metadata = resource.get("Metadata", {})
                yield Grants(
                    path=metadata.get("aws:cdk:path", f"{stack}/{logical_id}"),
                    role=name,
                    actions=frozenset(_actions(world, name)),
                    reasons=metadata.get(METADATA, {}),
                )


def _physical_id(world: World, stack: str, logical_id: str) -> str:
    cloudformation = world.client("cloudformation")
    found = cloudformation.describe_stack_resources(StackName=stack, LogicalResourceId=logical_id)
    (resource,) = [
        item for item in found["StackResources"] if item["LogicalResourceId"] == logical_id
    ]
    return str(resource["PhysicalResourceId"])


def _actions(world: World, role: str) -> Iterator[str]:
    iam = world.client("iam")
    documents = [
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        version = iam.get_policy(PolicyArn=policy["PolicyArn"])["Policy"]["DefaultVersionId"]
        found = iam.get_policy_version(PolicyArn=policy["PolicyArn"], VersionId=version)
        documents.append(found["PolicyVersion"]["Document"])
    for document in documents:
        for statement in document["Statement"]:
            if statement["Effect"] == "Allow":
                actions = statement["Action"]
                yield from [actions] if isinstance(actions, str) else actions


def _exercise(world: World, *, rows: int) -> list[str]:
    folder = model.load("sales_records").intake.folder
    with tempfile.TemporaryDirectory() as directory:
        sample = generate.generate(Path(directory), seed=5, months=MONTHS, rows=rows)
        to = partner.endpoint(world.deployment, user=PARTNER, identity=None)
        with partner.connected(to) as sftp:
            for file in sample.files:
                partner.send(sftp, file.path, folder=folder)
            sftp.listdir(f"/{folder}")
    world.wait_until_quiet()
    _maintain(world)
    return _stop_a_run(world)


def _maintain(world: World) -> None:
    """Care of the tables, which has a machine, functions and a job of its own."""
    started = world.client("stepfunctions").start_execution(
        stateMachineArn=world.deployment.output("CareStateMachineArn"),
        input=json.dumps({"dataset": DATASET, "trigger": "operator", "mode": "maintenance"}),
    )
    world.wait_for(started["executionArn"])


def _stop_a_run(world: World) -> list[str]:
    """Stop an execution from outside while it works, so that the rule for silent ends does its work; then load."""
    world.inbox.read()
    breaking = Breaking(world=world, roles={})
    breaking.stop_in("RawToProcessed")
    breaking.finish()
    return breaking.problems
