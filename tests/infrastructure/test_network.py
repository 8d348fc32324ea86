"""The private network: no way out but to services, and those answer for this account only."""

from __future__ import annotations

import ipaddress
from typing import Any

from tests.infrastructure.support import Assembly, flat


def found(assembly: Assembly, resource_type: str) -> dict[str, dict[str, Any]]:
    return {
        place.partition("/")[2]: resource["Properties"]
        for place, resource in assembly.resources(f"AWS::EC2::{resource_type}", "Network").items()
    }


def test_it_is_not_there_unless_a_feature_needs_it(prod: Assembly) -> None:
    assert not {"Network", "Warehouse", "Database"} & set(prod.templates)
    assert prod.resources("AWS::EC2::VPC") == {}


def test_subnets_are_private_and_each_in_another_zone(comprehensive: Assembly) -> None:
    subnets = found(comprehensive, "Subnet").values()
    blocks = [ipaddress.ip_network(subnet["CidrBlock"]) for subnet in subnets]
    assert [str(block) for block in blocks] == ["10.90.0.0/24", "10.90.1.0/24", "10.90.2.0/24"]
    assert not any(subnet["MapPublicIpOnLaunch"] for subnet in subnets)
    assert [subnet["AvailabilityZone"]["Fn::Select"][0] for subnet in subnets] == [0, 2, 1]


def test_nothing_leads_to_the_internet(comprehensive: Assembly) -> None:
    types = {
        resource["Type"] for resource in comprehensive.templates["Network"]["Resources"].values()
    }
    assert (
        not {
            "AWS::EC2::InternetGateway",
            "AWS::EC2::EgressOnlyInternetGateway",
            "AWS::EC2::NatGateway",
            "AWS::EC2::Route",
            "AWS::EC2::TransitGatewayAttachment",
        }
        & types
    )


def test_every_subnet_reaches_objects_and_tables_without_leaving(comprehensive: Assembly) -> None:
    [routes] = found(comprehensive, "RouteTable")
    gateways = [
        e for e in found(comprehensive, "VPCEndpoint").values() if e["VpcEndpointType"] == "Gateway"
    ]
    assert {flat(e["ServiceName"]).rpartition(".")[2] for e in gateways} == {"s3", "dynamodb"}
    assert all(flat(e["RouteTableIds"][0]) == f"<{routes}.RouteTableId>" for e in gateways)
    assert len(found(comprehensive, "SubnetRouteTableAssociation")) == 3


def test_only_services_that_a_feature_needs_have_an_interface_endpoint(
    comprehensive: Assembly,
) -> None:
    interfaces = [
        e
        for e in found(comprehensive, "VPCEndpoint").values()
        if e["VpcEndpointType"] == "Interface"
    ]
    assert [flat(e["ServiceName"]).rpartition(".")[2] for e in interfaces] == ["glue"]
    assert all(e["PrivateDnsEnabled"] and len(e["SubnetIds"]) == 3 for e in interfaces)


def test_endpoints_serve_this_account_only(comprehensive: Assembly) -> None:
    for endpoint in found(comprehensive, "VPCEndpoint").values():
        [statement] = endpoint["PolicyDocument"]["Statement"]
        assert statement["Condition"] == {
            "StringEquals": {
                "aws:PrincipalAccount": "111122223333",
                "aws:ResourceAccount": "111122223333",
            }
        }


def test_who_may_ask_whom(comprehensive: Assembly) -> None:
    rules = found(comprehensive, "SecurityGroupIngress")
    asked = {
        name: (_group(rule["SourceSecurityGroupId"]), _group(rule["GroupId"]), rule["FromPort"])
        for name, rule in rules.items()
    }
    assert asked == {
        "EndpointsFromWarehouse": ("Warehouse", "Endpoints", 443),
        "EndpointsFromWriteBack": ("WriteBack", "Endpoints", 443),
        "DatabaseFromWriteBack": ("WriteBack", "Database", 5433),
        "DatabaseFromPrepareDatabase": ("PrepareDatabase", "Database", 5433),
    }
    for group in found(comprehensive, "SecurityGroup").values():
        assert "SecurityGroupIngress" not in group
        assert [rule["CidrIp"] for rule in group["SecurityGroupEgress"]] == ["127.0.0.1/32"]


def test_whoever_asks_may_leave_for_that_and_for_s3_only(comprehensive: Assembly) -> None:
    rules = found(comprehensive, "SecurityGroupEgress")
    assert set(rules) == {
        *("WarehouseToEndpoints", "WarehouseToS3"),
        *("WriteBackToEndpoints", "WriteBackToS3", "WriteBackToDatabase"),
        "PrepareDatabaseToDatabase",
    }
    for name, rule in rules.items():
        port = 5433 if name.endswith("ToDatabase") else 443
        assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", port, port)


def _group(reference: Any) -> str:
    return flat(reference).removeprefix("<").partition("SecurityGroup")[0]


def test_all_traffic_is_written_down_and_kept_as_long_as_logs(comprehensive: Assembly) -> None:
    [flow] = found(comprehensive, "FlowLog").values()
    assert (flow["ResourceType"], flow["TrafficType"]) == ("VPC", "ALL")
    [group] = comprehensive.resources("AWS::Logs::LogGroup", "Network").values()
    assert group["Properties"]["RetentionInDays"] == 365
