"""Crawlers over files as partners sent them: one per contract, with a classifier that has the contract's delimiter.

One each, so that a crawl reads one dataset's originals and no other's. Column names come from each file's own heading:
a partner may leave columns out, add some, or order them in another way, and a heading that the classifier fixes would
then name the wrong ones. Nothing waits for a crawl.
"""

from __future__ import annotations

import json

from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from constructs import Construct

from contracts import naming
from contracts.model import Contract
from stacks.base import Blueprint, PipelineStack
from stacks.constructs import permissions
from stacks.constructs.spark_job import allow_glue_runtime
from stacks.storage import StorageStack
from stacks.table_access import ICEBERG_WRITE, allow_tables

BY_CRAWLER = "used when the crawler runs, which no run of a dataset waits for"
TABLES = (*ICEBERG_WRITE, "glue:GetTables")
# Source: Glue developer guide, "Crawler prerequisites" and the managed policy AWSGlueServiceRole, of which this is the
# part that a crawl over S3 can use.
PARTITIONS = (
    *("glue:GetPartition", "glue:GetPartitions", "glue:BatchGetPartition"),
    *("glue:BatchCreatePartition", "glue:UpdatePartition", "glue:BatchUpdatePartition"),
)
PLACE = ("s3:GetBucketLocation", "s3:GetBucketAcl")
# Glue makes a table of its own of files that are compressed in another way, "data compatibility" (Glue developer guide,
# "Creating a single schema for each Amazon S3 include path"), under a name with a hash that the role may not write.
COMPRESSED = "**.gz"
# One table per dataset folder; level 1 is the bucket. Partitions are described as their table is, since Athena refuses
# a query over a partition whose columns have other types. No index: queries here name no partition. Source: Glue
# developer guide, crawler configuration options and partition indexes (`CreatePartitionIndex`, true by default).
CONFIGURATION = {
    "Version": 1.0,
    "CreatePartitionIndex": False,
    "CrawlerOutput": {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}},
    "Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas", "TableLevelConfiguration": 2},
}


class RawCrawlers(Construct):
    """The crawlers of one environment, by dataset."""

    def __init__(
        self,
        stack: PipelineStack,
        *,
        blueprint: Blueprint,
        storage: StorageStack,
        security: glue.CfnSecurityConfiguration,
    ) -> None:
        super().__init__(stack, "RawCrawlers")
        self._blueprint, self._storage, self._security = blueprint, storage, security
        crawlers = [self._crawler(contract) for contract in blueprint.contracts]
        # One pattern, not a name each: what a role may hold is limited.
        own = naming.raw_crawler(blueprint.settings.environment, "*")
        self.arn = stack.format_arn(service="glue", resource="crawler", resource_name=own)
        stack.publish(
            **{
                naming.crawler_output(contract.dataset): crawler.ref
                for contract, crawler in zip(blueprint.contracts, crawlers, strict=True)
            }
        )

    def _crawler(self, contract: Contract) -> glue.CfnCrawler:
        name = "".join(word.capitalize() for word in contract.dataset.split("_"))
        role, classifier = self._role(name, contract), self._classifier(name, contract)
        expression = self._blueprint.settings.glue.raw_crawler_schedule
        crawler = glue.CfnCrawler(
            self,
            name,
            name=naming.raw_crawler(self._blueprint.settings.environment, contract.dataset),
            description=f"Table over files of {contract.dataset} as partners sent them",
            role=role.role_arn,
            database_name=self._blueprint.database("raw"),
            classifiers=[classifier.ref],
            targets=glue.CfnCrawler.TargetsProperty(
                s3_targets=[
                    glue.CfnCrawler.S3TargetProperty(
                        path=f"s3://{self._storage.raw.bucket_name}/{contract.dataset}/",
                        exclusions=[COMPRESSED],
                    )
                ]
            ),
            schedule=glue.CfnCrawler.ScheduleProperty(schedule_expression=expression)
            if expression
            else None,
            schema_change_policy=glue.CfnCrawler.SchemaChangePolicyProperty(
                update_behavior="UPDATE_IN_DATABASE", delete_behavior="LOG"
            ),
            configuration=json.dumps(CONFIGURATION),
            crawler_security_configuration=self._security.ref,
        )
        crawler.node.add_dependency(role)
        return crawler

    def _classifier(self, name: str, contract: Contract) -> glue.CfnClassifier:
        """Source: Glue API reference, CsvClassifier. CloudFormation has no `Serde`: the crawler detects it."""
        return glue.CfnClassifier(
            self,
            f"{name}Classifier",
            csv_classifier=glue.CfnClassifier.CsvClassifierProperty(
                name=naming.raw_crawler(self._blueprint.settings.environment, contract.dataset),
                delimiter=contract.intake.delimiter,
                quote_symbol='"',
                contains_header="PRESENT",
                disable_value_trimming=False,
                allow_single_column=len(contract.columns) == 1,
            ),
        )

    def _role(self, name: str, contract: Contract) -> iam.Role:
        raw = self._storage.raw
        role = iam.Role(
            self,
            f"{name}Role",
            assumed_by=permissions.service_for(self, "glue"),
            description=f"What the crawler over {contract.dataset} in the raw zone may do",
        )
        permissions.allow_s3_read(
            role, bucket=raw, prefixes=[f"{contract.dataset}/"], rarely_used=BY_CRAWLER
        )
        permissions.allow_s3_list(role, bucket=raw)
        permissions.allow(role, actions=PLACE, resources=[raw.bucket_arn], rarely_used=BY_CRAWLER)
        permissions.allow_key(role, key=self._storage.originals_key, services=["s3"], write=False)
        allow_glue_runtime(
            role, log_groups="/aws-glue/crawlers", log_key=self._storage.operations_key
        )
        actions = (*TABLES, *PARTITIONS)
        allow_tables(
            role,
            self._blueprint.database("raw"),
            actions,
            [contract.dataset],
            rarely_used=dict.fromkeys(actions, BY_CRAWLER),
        )
        return role
