"""The private network of the features that cannot do without one; everything else stays out of it.

No way to the internet: no gateway, no NAT. Objects are reached through gateway endpoints, which cost nothing, other
services through interface endpoints, which cost by the hour and are made only for features that are switched on.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from aws_cdk import Fn, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.base import Blueprint, PipelineStack
from stacks.constructs import permissions
from stacks.storage import StorageStack

SUBNET_PREFIX = 24  # 251 addresses; a workgroup takes more of them the more capacity it has
HTTPS = 443
BY_VPC = "VPC writes the flow log by itself; no line of code does"


class NetworkStack(PipelineStack):
    """VPC, private subnets and endpoints; each feature takes a security group for each of its roles in the network."""

    def __init__(self, scope: Construct, *, blueprint: Blueprint, storage: StorageStack) -> None:
        super().__init__(
            scope,
            "Network",
            blueprint=blueprint,
            description="private network of optional features",
        )
        self._blueprint = blueprint
        settings = blueprint.settings.network
        self.vpc = ec2.CfnVPC(
            self,
            "Vpc",
            cidr_block=settings.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
        )
        self._routes = ec2.CfnRouteTable(self, "PrivateRoutes", vpc_id=self.vpc.attr_vpc_id)
        self.subnets = self._subnets(settings.cidr, settings.zones)
        self._endpoint_group = self._group("Endpoints", "Interface endpoints: answer, never ask")
        self._gateway_endpoint("S3", "s3")
        self._gateway_endpoint("DynamoDb", "dynamodb")
        self._interface_endpoint("Glue", "glue")  # where tables of the lake are looked up
        self._flow_log(storage)

    def _subnets(self, cidr: str, zones: list[int]) -> list[ec2.CfnSubnet]:
        blocks = ipaddress.ip_network(cidr).subnets(new_prefix=SUBNET_PREFIX)
        return [
            self._subnet(number, Fn.select(zone, Fn.get_azs()), str(next(blocks)))
            for number, zone in enumerate(zones, 1)
        ]

    def _subnet(self, number: int, zone: str, block: str) -> ec2.CfnSubnet:
        subnet = ec2.CfnSubnet(
            self,
            f"Private{number}",
            vpc_id=self.vpc.attr_vpc_id,
            availability_zone=zone,
            cidr_block=block,
            map_public_ip_on_launch=False,
        )
        ec2.CfnSubnetRouteTableAssociation(
            self,
            f"Private{number}Routes",
            subnet_id=subnet.attr_subnet_id,
            route_table_id=self._routes.attr_route_table_id,
        )
        return subnet

    def _group(self, name: str, description: str) -> ec2.CfnSecurityGroup:
        """A group that lets nothing in or out; without a rule of its own EC2 would let everything out."""
        return ec2.CfnSecurityGroup(
            self,
            f"{name}SecurityGroup",
            group_description=description,
            vpc_id=self.vpc.attr_vpc_id,
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(
                    ip_protocol="-1", cidr_ip="127.0.0.1/32", description="nothing"
                )
            ],
        )

    def asking_group(self, name: str, who: str, description: str) -> ec2.CfnSecurityGroup:
        """A group whose members ask services of AWS through the endpoints, and are never asked. `who` begins a name of
        a rule.
        """
        group = self._group(name, description)
        self.allow_traffic(
            name,
            (group, self._endpoint_group),
            port=HTTPS,
            asks="AWS services with an interface endpoint",
            answers=who,
        )
        # S3 behind a gateway endpoint keeps its public addresses, and CloudFormation cannot look up their prefix list.
        # The route table has no other way out. Source: VPC user guide, "Gateway endpoints for Amazon S3".
        ec2.CfnSecurityGroupEgress(
            self,
            f"{name}ToS3",
            group_id=group.attr_group_id,
            cidr_ip="0.0.0.0/0",
            ip_protocol="tcp",
            from_port=HTTPS,
            to_port=HTTPS,
            description="S3 through its gateway endpoint: the only route there is",
        )
        return group

    def answering_group(self, name: str, description: str) -> ec2.CfnSecurityGroup:
        """A group whose members let nothing in or out until `allow_traffic` says so."""
        return self._group(name, description)

    def allow_traffic(
        self,
        name: str,
        pair: tuple[ec2.CfnSecurityGroup, ec2.CfnSecurityGroup],
        *,
        port: int,
        asks: str,
        answers: str,
        to: str = "Endpoints",
    ) -> None:
        """Let the first group ask the second on a port; `asks` and `answers` describe the two rules."""
        source, target = (group.attr_group_id for group in pair)
        ec2.CfnSecurityGroupEgress(
            self,
            f"{name}To{to}",
            group_id=source,
            destination_security_group_id=target,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description=asks,
        )
        ec2.CfnSecurityGroupIngress(
            self,
            f"{to}From{name}",
            group_id=target,
            source_security_group_id=source,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description=answers,
        )

    def _gateway_endpoint(self, name: str, service: str) -> None:
        ec2.CfnVPCEndpoint(
            self,
            f"{name}Endpoint",
            vpc_id=self.vpc.attr_vpc_id,
            vpc_endpoint_type="Gateway",
            service_name=f"com.amazonaws.{self.region}.{service}",
            route_table_ids=[self._routes.attr_route_table_id],
            policy_document=self._own_account_only(service),
        )

    def _interface_endpoint(self, name: str, service: str) -> None:
        ec2.CfnVPCEndpoint(
            self,
            f"{name}Endpoint",
            vpc_id=self.vpc.attr_vpc_id,
            vpc_endpoint_type="Interface",
            service_name=f"com.amazonaws.{self.region}.{service}",
            private_dns_enabled=True,
            subnet_ids=[subnet.attr_subnet_id for subnet in self.subnets],
            security_group_ids=[self._endpoint_group.attr_group_id],
            policy_document=self._own_account_only(service),
        )

    def _own_account_only(self, service: str) -> dict[str, Any]:
        """Nothing leaves to another account's buckets or tables, whoever asks and whatever their role may do."""
        return {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": "*",
                    "Action": f"{service}:*",
                    "Resource": "*",
                    "Condition": {
                        "StringEquals": {
                            "aws:PrincipalAccount": self.account,
                            "aws:ResourceAccount": self.account,
                        }
                    },
                }
            ],
        }

    def _flow_log(self, storage: StorageStack) -> None:
        group = logs.LogGroup(
            self,
            "FlowLog",
            retention=self._blueprint.log_days,
            encryption_key=storage.operations_key,
            removal_policy=RemovalPolicy.DESTROY,
        )
        ec2.CfnFlowLog(
            self,
            "Flow",
            resource_type="VPC",
            resource_id=self.vpc.attr_vpc_id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.log_group_arn,
            deliver_logs_permission_arn=self._flow_log_role(group).role_arn,
        )

    def _flow_log_role(self, group: logs.LogGroup) -> iam.Role:
        # Source: VPC user guide, "Publish flow logs to CloudWatch Logs", IAM role; the group is there already.
        role = iam.Role(
            self,
            "FlowLogRole",
            assumed_by=permissions.service_for(self, "vpc-flow-logs"),
            description="Lets VPC write its flow log",
        )
        permissions.allow(
            role,
            actions=["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
            resources=[group.log_group_arn],
            wildcard_reason="VPC names a log stream per network interface; the ARN of a log group ends with :*",
            rarely_used=BY_VPC,
        )
        permissions.allow(
            role,
            actions=["logs:DescribeLogGroups"],
            resources=["*"],
            wildcard_reason="VPC looks for its group among all groups",
            rarely_used=BY_VPC,
        )
        return role
