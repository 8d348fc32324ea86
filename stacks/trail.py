"""CloudTrail over the data buckets, and the table in which the auditor asks it (features.trail).

Data events of five buckets by advanced selectors, so that the trail's own bucket and the access logs make none.
What KMS is asked is no data event but a management event, and a trail can take management events only as a whole
(`trail.management_events`): "eventSource ... can be set only to NotEquals kms.amazonaws.com", CloudTrail API reference,
AdvancedFieldSelector. Files are checked by digests that CloudTrail signs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import aws_athena as athena
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_glue as glue
from constructs import Construct

from contracts import naming
from stacks.base import Blueprint, PipelineStack
from stacks.setting_values import AUDIT
from stacks.storage import StorageStack

GIB = 1024**3
TABLE, LOGS, RESULTS = "events", "AWSLogs/", "queries/"
# As Athena's page has them. Source: Athena user guide, "Create the table for CloudTrail logs in Athena using partition
# projection"; fields that no query here needs are left out, which a JSON SerDe allows.
IDENTITY = (
    "struct<type:string,principalid:string,arn:string,accountid:string,invokedby:string,accesskeyid:string,"
    "username:string,sessioncontext:struct<attributes:struct<mfaauthenticated:string,creationdate:string>,"
    "sessionissuer:struct<type:string,principalid:string,arn:string,accountid:string,username:string>>>"
)
COLUMNS: Mapping[str, str] = {
    "eventversion": "string",
    "useridentity": IDENTITY,
    **dict.fromkeys(
        (
            *("eventtime", "eventsource", "eventname", "awsregion", "sourceipaddress", "useragent"),
            *("errorcode", "errormessage", "requestparameters", "responseelements"),
            *("additionaleventdata", "requestid", "eventid", "readonly"),
        ),
        "string",
    ),
    "resources": "array<struct<arn:string,accountid:string,type:string>>",
    **dict.fromkeys(("eventtype", "recipientaccountid", "eventcategory"), "string"),
}


class TrailStack(PipelineStack):
    """The trail, and the auditor's workgroup and table; its files rest in Storage."""

    def __init__(self, scope: Construct, *, blueprint: Blueprint, storage: StorageStack) -> None:
        super().__init__(
            scope, "Trail", blueprint=blueprint, description="who did what to the data"
        )
        self._blueprint, self._storage = blueprint, storage
        self.name = naming.trail(blueprint.settings.environment)
        self.key, self.bucket = storage.trail_files
        self._trail()
        self.arn = self.format_arn(service="cloudtrail", resource="trail", resource_name=self.name)
        self.database = naming.audit_database(blueprint.settings.environment)
        self._table()
        self.workgroup = self._workgroup()
        for file in sorted((blueprint.root / "sql" / "audit").glob("*.sql")):
            self._query(file).add_resource_dependency(self.workgroup)
        self.publish(
            TrailBucketName=self.bucket.bucket_name,
            TrailName=self.name,
            AuditDatabaseName=self.database,
            AuditWorkgroupName=self.workgroup.name,
        )

    def _trail(self) -> cloudtrail.CfnTrail:
        selectors = [self._data_events()]
        if self._blueprint.settings.trail.management_events:
            selectors.append(
                _selector("management events, KMS among them", eventCategory=["Management"])
            )
        return cloudtrail.CfnTrail(
            self,
            "Trail",
            trail_name=self.name,
            is_logging=True,
            is_multi_region_trail=False,
            include_global_service_events=False,
            enable_log_file_validation=True,
            s3_bucket_name=self.bucket.bucket_name,
            kms_key_id=self.key.key_arn,
            advanced_event_selectors=selectors,
        )

    def _data_events(self) -> cloudtrail.CfnTrail.AdvancedEventSelectorProperty:
        storage = self._storage
        buckets = (
            *(storage.landing, storage.raw, storage.processed, storage.curated, storage.results),
        )
        return _selector(
            "objects of the data buckets",
            **{
                "eventCategory": ["Data"],
                "resources.type": ["AWS::S3::Object"],
                "resources.ARN": [bucket.arn_for_objects("") for bucket in buckets],
            },
        )

    def _table(self) -> None:
        database = glue.CfnDatabase(
            self,
            "AuditDatabase",
            catalog_id=self.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=self.database, description="Who did what to the data, by CloudTrail"
            ),
        )
        database.apply_removal_policy(self._blueprint.removal_policy)
        place = f"s3://{self.bucket.bucket_name}/AWSLogs/{self.account}/CloudTrail/{self.region}"
        days = self._blueprint.settings.retention.trail_days
        kinds = glue.CfnTable
        table = kinds(
            self,
            "Events",
            catalog_id=self.account,
            database_name=self.database,
            table_input=kinds.TableInputProperty(
                name=TABLE,
                description="CloudTrail's events, a partition a day",
                table_type="EXTERNAL_TABLE",
                partition_keys=[kinds.ColumnProperty(name="day", type="string")],
                parameters={
                    "classification": "cloudtrail",
                    "projection.enabled": "true",
                    "projection.day.type": "date",
                    "projection.day.format": "yyyy/MM/dd",
                    "projection.day.interval": "1",
                    "projection.day.interval.unit": "DAYS",
                    "projection.day.range": f"NOW-{days}DAYS,NOW",
                    "storage.location.template": place + "/${day}",
                },
                storage_descriptor=kinds.StorageDescriptorProperty(
                    location=f"{place}/",
                    input_format="com.amazon.emr.cloudtrail.CloudTrailInputFormat",
                    output_format="org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                    serde_info=kinds.SerdeInfoProperty(
                        serialization_library="org.apache.hive.hcatalog.data.JsonSerDe"
                    ),
                    columns=[
                        kinds.ColumnProperty(name=name, type=kind) for name, kind in COLUMNS.items()
                    ],
                ),
            ),
        )
        table.add_resource_dependency(database)

    def _query(self, file: Path) -> athena.CfnNamedQuery:
        text = file.read_text(encoding="utf-8").strip().replace("{audit}", self.database)
        for placeholder, value in PLACEHOLDERS.items():
            text = text.replace(f"{{{placeholder}}}", value)
        return athena.CfnNamedQuery(
            self,
            f"Query{file.stem.capitalize()}",
            name=f"audit: {file.stem}",
            description=text.partition("\n")[0].removeprefix("-- "),
            database=self.database,
            work_group=self.workgroup.name,
            query_string=text,
        )

    def _workgroup(self) -> athena.CfnWorkGroup:
        """The auditor's own: results lie under the trail's key in the trail's bucket, which makes no events."""
        kinds = athena.CfnWorkGroup
        return kinds(
            self,
            "Audit",
            name=f"slipway-{self._blueprint.settings.environment}-{AUDIT}",
            description="Queries of auditors over CloudTrail's events",
            recursive_delete_option=True,
            work_group_configuration=kinds.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=self._blueprint.settings.athena.scan_limit_gib * GIB,
                engine_version=kinds.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=kinds.ResultConfigurationProperty(
                    output_location=f"s3://{self.bucket.bucket_name}/{RESULTS}",
                    encryption_configuration=kinds.EncryptionConfigurationProperty(
                        encryption_option="SSE_KMS", kms_key=self.key.key_arn
                    ),
                ),
            ),
        )


PLACEHOLDERS = {
    # The last week, and any key: what an auditor changes first.
    "since": "date_format(current_date - interval '7' day, '%Y/%m/%d')",
    "pattern": "'%'",
}


def _selector(name: str, **fields: list[str]) -> cloudtrail.CfnTrail.AdvancedEventSelectorProperty:
    """Each field by Equals, but a resource's ARN by how it begins."""
    kinds = cloudtrail.CfnTrail
    return kinds.AdvancedEventSelectorProperty(
        name=name,
        field_selectors=[
            kinds.AdvancedFieldSelectorProperty(field=field, starts_with=values)
            if field == "resources.ARN"
            else kinds.AdvancedFieldSelectorProperty(field=field, equal_to=values)
            for field, values in fields.items()
        ],
    )
