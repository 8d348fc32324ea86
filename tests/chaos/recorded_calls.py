"""What AWS's services really asked for in their own name, and the policies of the resources that let them in."""

from __future__ import annotations

import json
from typing import Any

from chaos.world import World
from local_cloud.adapters.access import service_calls
from local_cloud.adapters.access.service_calls import ServiceCall

Document = dict[str, Any]


def calls(world: World) -> list[ServiceCall]:
    """The recorded ones that passed."""
    return [
        ServiceCall(
            service=request["principal"],
            action=request["action"],
            resource_arn=request["resource"],
            context=request["context"],
        )
        for request in world.cloud.control("requests")
        if request["principal"].endswith(".amazonaws.com") and request["allowed"]
    ]


def policy(world: World, resource_arn: str) -> Document:
    """The deployed policy of a queue, function, role or key."""
    kind, name = resource_arn.split(":")[2], resource_arn.rpartition(":")[2]
    if kind == "iam":
        role = world.client("iam").get_role(RoleName=name.rpartition("/")[2])["Role"]
        return dict(role["AssumeRolePolicyDocument"])
    if kind == "lambda":
        return dict(json.loads(world.client("lambda").get_policy(FunctionName=name)["Policy"]))
    if kind == "kms":
        return dict(
            json.loads(
                world.client("kms").get_key_policy(KeyId=resource_arn, PolicyName="default")[
                    "Policy"
                ]
            )
        )
    sqs = world.client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    return dict(json.loads(found["Policy"]))


def pillars(call: ServiceCall, document: Document) -> list[Document]:
    """The statements without which the call would be refused."""
    statements = document["Statement"]
    return [
        statement
        for number, statement in enumerate(statements)
        if not service_calls.allowed(
            call, document | {"Statement": [*statements[:number], *statements[number + 1 :]]}
        )
    ]
