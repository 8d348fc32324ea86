"""A function that works in a private network, such as that of a database."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_lambda as lambda_

from stacks.constructs import permissions
from stacks.constructs.python_function import PythonFunction


def enter_network(
    part: PythonFunction, *, subnet_ids: Sequence[str], security_group_ids: Sequence[str]
) -> None:
    """Let a function reach what is in the network; what else it needs the network must offer.

    Source: AWS managed policy AWSLambdaVPCAccessExecutionRole, and Lambda developer guide, "Giving Lambda functions
    access to resources in a VPC": DeleteNetworkInterface must be allowed on all resources.
    """
    function = part.function.node.default_child
    if not isinstance(function, lambda_.CfnFunction):
        raise TypeError("a function is a CfnFunction")
    function.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
        subnet_ids=list(subnet_ids), security_group_ids=list(security_group_ids)
    )
    permissions.allow(
        part.role,
        actions=[
            *("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"),
            *("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"),
            *("ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"),
        ],
        resources=["*"],
        wildcard_reason="Lambda makes the interfaces with this role, and checks that it may on all resources",
        rarely_used="Lambda makes the interfaces with the function's role; no line of code does",
    )
    # Not made before the role may: Lambda tries at once.
    function.node.add_dependency(part.role)
