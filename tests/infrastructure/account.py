"""The account that templates describe: roles, policies of resources and keys, with every reference resolved.

Names are made up after the logical ids, as CloudFormation would; the account and region are those of the embedded AWS,
whose evaluator is asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from local_cloud.adapters.access.key_use import NAMED_IN, Key, find
from local_cloud.settings import ACCOUNT, REGION
from tests.infrastructure.support import Assembly

Document = dict[str, Any]
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::NoValue": None,
}
# By type: the ARN after `arn:aws:`, and what Ref gives (ARN, or the name if not listed).
ARNS = {
    "AWS::CloudWatch::Alarm": "cloudwatch:{region}:{account}:alarm:{name}",
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{name}",
    "AWS::EMRServerless::Application": "emr-serverless:{region}:{account}:/applications/{name}",
    "AWS::Events::Rule": "events:{region}:{account}:rule/{name}",
    "AWS::Glue::Crawler": "glue:{region}:{account}:crawler/{name}",
    "AWS::Glue::Job": "glue:{region}:{account}:job/{name}",
    "AWS::IAM::Role": "iam::{account}:role/{name}",
    "AWS::KMS::Key": "kms:{region}:{account}:key/{name}",
    "AWS::Lambda::Function": "lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{name}",
    "AWS::QuickSight::DataSet": "quicksight:{region}:{account}:dataset/{name}",
    "AWS::QuickSight::DataSource": "quicksight:{region}:{account}:datasource/{name}",
    "AWS::RedshiftServerless::Namespace": "redshift-serverless:{region}:{account}:namespace/{name}",
    "AWS::RedshiftServerless::Workgroup": "redshift-serverless:{region}:{account}:workgroup/{name}",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::SecretsManager::Secret": "secretsmanager:{region}:{account}:secret:{name}-AbCdEf",
    "AWS::SNS::Topic": "sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
    "AWS::StepFunctions::StateMachine": "states:{region}:{account}:stateMachine:{name}",
    "AWS::Transfer::Server": "transfer:{region}:{account}:server/{name}",
}
REF_IS_ARN = ("AWS::SNS::Topic", "AWS::SecretsManager::Secret", "AWS::StepFunctions::StateMachine")
NAMED_BY = {"AWS::Logs::LogGroup": "LogGroupName", "AWS::QuickSight::DataSource": "DataSourceId"}


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource with its properties resolved; `place` is `<stack>/<logical id>`."""

    place: str
    type: str
    name: str
    properties: Document

    @property
    def arn(self) -> str:
        """Its ARN; the place where the type has none here."""
        pattern = ARNS.get(self.type)
        if pattern is None:
            return self.place
        return "arn:aws:" + pattern.format(region=REGION, account=ACCOUNT, name=self.name)


@dataclass(frozen=True, kw_only=True)
class Account:
    """Everything of one assembly's templates."""

    templates: Mapping[str, Document]
    stack_names: Mapping[str, str]

    @classmethod
    def of(cls, assembly: Assembly) -> Account:
        """The assembly in the embedded AWS's account and region."""
        text = (
            json.dumps(assembly.templates)
            .replace("111122223333", ACCOUNT)
            .replace("eu-central-1", REGION)
        )
        files = [
            file.name.removesuffix(".template.json")
            for file in assembly.folder.glob("*.template.json")
        ]
        return cls(
            templates=json.loads(text),
            stack_names={name.rpartition("-")[2]: name for name in files},
        )

    @cached_property
    def resources(self) -> list[Resource]:
        """All resources."""
        return [
            Resource(
                place=f"{stack}/{logical_id}",
                type=resource["Type"],
                name=self._name(stack, logical_id),
                properties=self.resolved(stack, resource.get("Properties", {})),
            )
            for stack, template in self.templates.items()
            for logical_id, resource in template["Resources"].items()
        ]

    def of_type(self, resource_type: str) -> list[Resource]:
        """Resources of one type."""
        return [resource for resource in self.resources if resource.type == resource_type]

    @cached_property
    def identity_policies(self) -> dict[str, list[Document]]:
        """By role ARN: the documents that say what the role may do."""
        documents: dict[str, list[Document]] = {
            role.arn: [] for role in self.of_type("AWS::IAM::Role")
        }
        arns = {role.name: role.arn for role in self.of_type("AWS::IAM::Role")}
        for role in self.of_type("AWS::IAM::Role"):
            documents[role.arn] += [
                policy["PolicyDocument"] for policy in role.properties.get("Policies", [])
            ]
        for policy in (*self.of_type("AWS::IAM::Policy"), *self.of_type("AWS::IAM::ManagedPolicy")):
            for name in policy.properties["Roles"]:
                documents[arns[name]].append(policy.properties["PolicyDocument"])
        return documents

    @cached_property
    def resource_policies(self) -> dict[str, Document]:
        """By ARN: trust policies of roles, policies of queues, topics, buckets, keys and functions."""
        found = {
            role.arn: role.properties["AssumeRolePolicyDocument"]
            for role in self.of_type("AWS::IAM::Role")
        }
        found |= {key.arn: key.properties["KeyPolicy"] for key in self.of_type("AWS::KMS::Key")}
        for policy in self.of_type("AWS::SQS::QueuePolicy"):
            queues = policy.properties["Queues"]
            found |= {
                queue.rpartition("/")[2]: policy.properties["PolicyDocument"] for queue in queues
            }
        found = {_queue_arn(name): document for name, document in found.items()}
        for policy in self.of_type("AWS::SNS::TopicPolicy"):
            found |= dict.fromkeys(policy.properties["Topics"], policy.properties["PolicyDocument"])
        for policy in self.of_type("AWS::S3::BucketPolicy"):
            found[f"arn:aws:s3:::{policy.properties['Bucket']}"] = policy.properties[
                "PolicyDocument"
            ]
        for permission in self.of_type("AWS::Lambda::Permission"):
            document = found.setdefault(permission.properties["FunctionName"], {"Statement": []})
            document["Statement"].append(_statement(permission))
        return found

    @cached_property
    def keys(self) -> dict[str, Key]:
        """By ARN of an encrypted resource: its key, as the embedded AWS reads it from the same properties."""
        found = {
            resource.arn: NAMED_IN[resource.type](resource.properties, resource.arn)
            for resource in self.resources
            if resource.type in NAMED_IN
        }
        return {arn: key for arn, key in found.items() if key is not None}

    def key_of(self, resource_arn: str) -> Key | None:
        """The customer's key that protects a resource."""
        return find(self.keys, resource_arn)

    def resolved(self, stack: str, node: Any) -> Any:
        """A value of a template with its references replaced. Raises KeyError for a function that is not known."""
        if isinstance(node, list):
            return [self.resolved(stack, value) for value in node]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            [(function, argument)] = node.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self._functions[function](stack, argument)
        return {key: self.resolved(stack, value) for key, value in node.items()}

    @property
    def _functions(self) -> dict[str, Callable[[str, Any], Any]]:
        return {
            "Ref": self._ref,
            "Fn::GetAtt": self._attribute,
            "Fn::GetStackOutput": self._output,
            "Fn::Join": lambda stack, given: str(given[0]).join(self.resolved(stack, given[1])),
            "Fn::Sub": lambda _, text: re.sub(
                r"\$\{(AWS::\w+)\}", lambda found: str(PSEUDO[found[1]]), text
            ),
            "Fn::Select": lambda stack, given: self.resolved(stack, given[1])[int(given[0])],
            "Fn::FindInMap": self._mapped,
            "Fn::GetAZs": lambda _stack, _given: [f"{REGION}{zone}" for zone in "abcdef"],
        }

    def _mapped(self, stack: str, given: list[Any]) -> Any:
        name, first, second = self.resolved(stack, given)
        return self.templates[stack]["Mappings"][name][first][second]

    def _ref(self, stack: str, logical_id: str) -> Any:
        if logical_id in PSEUDO:
            return PSEUDO[logical_id]
        resource_type = self.templates[stack]["Resources"][logical_id]["Type"]
        name = self._name(stack, logical_id)
        if resource_type in REF_IS_ARN:
            return Resource(place="", type=resource_type, name=name, properties={}).arn
        return (
            f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"
            if resource_type == "AWS::SQS::Queue"
            else name
        )

    def _attribute(self, stack: str, given: list[str]) -> str:
        logical_id, attribute = given[0], ".".join(given[1:])
        resource_type = self.templates[stack]["Resources"][logical_id]["Type"]
        name = self._name(stack, logical_id)
        if not attribute.endswith("Arn"):
            return name
        arn = Resource(place="", type=resource_type, name=name, properties={}).arn
        if resource_type.startswith("Custom::"):
            return f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf"
        return f"{arn}:*" if resource_type == "AWS::Logs::LogGroup" else arn

    def _output(self, _stack: str, given: Document) -> Any:
        stack = given["StackName"].rpartition("-")[2]
        return self.resolved(stack, self.templates[stack]["Outputs"][given["OutputName"]]["Value"])

    def _name(self, stack: str, logical_id: str) -> str:
        resource = self.templates[stack]["Resources"][logical_id]
        if name := resource.get("Properties", {}).get(NAMED_BY.get(resource["Type"], ""), None):
            return str(self.resolved(stack, name))
        name = f"{self.stack_names[stack]}-{logical_id}"
        return name.lower() if resource["Type"] == "AWS::S3::Bucket" else name


def statements(document: Document) -> Iterator[tuple[int, Document]]:
    """The statements of a policy with their place in it."""
    yield from enumerate(document["Statement"])


def without(document: Document, number: int) -> Document:
    """The policy with one statement taken out."""
    kept = [statement for place, statement in statements(document) if place != number]
    return document | {"Statement": kept}


def trusted(role: Resource) -> list[str]:
    """The principals, other than services, that may assume a role."""
    statements_ = role.properties["AssumeRolePolicyDocument"]["Statement"]
    named = [statement["Principal"].get("AWS", []) for statement in statements_]
    return [arn for each in named for arn in ([each] if isinstance(each, str) else each)]


def _queue_arn(name: str) -> str:
    return name if name.startswith("arn:") else f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def _statement(permission: Resource) -> Document:
    """What a permission adds to the function's policy. Source: Lambda API reference, AddPermission."""
    given = permission.properties
    condition: Document = {}
    if "SourceArn" in given:
        condition["ArnLike"] = {"AWS:SourceArn": given["SourceArn"]}
    if "SourceAccount" in given:
        condition["StringEquals"] = {"AWS:SourceAccount": given["SourceAccount"]}
    return {
        "Sid": permission.place,
        "Effect": "Allow",
        "Principal": {"Service": given["Principal"]},
        "Action": given["Action"],
        "Resource": given["FunctionName"],
        "Condition": condition,
    }
