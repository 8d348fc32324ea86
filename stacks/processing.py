"""The catalog, the Spark jobs that fill it and care for it, and the functions that fill it from small batches.

Only the raw zone is crawled: tables of the other zones are written by the jobs from the contract, and a crawler over
Iceberg files invents tables that do not exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from contracts import naming
from contracts.model import TableFormat
from stacks.base import Blueprint, PipelineStack, trains
from stacks.constructs import permissions
from stacks.constructs.emr_engine import EmrEngine
from stacks.constructs.spark_job import SparkJob, SparkPlatform
from stacks.duckdb_functions import DuckDbFunctions
from stacks.raw_crawlers import RawCrawlers
from stacks.storage import StorageStack
from stacks.table_access import (
    ICEBERG_COMMIT,
    ICEBERG_READ,
    ICEBERG_WRITE,
    TABLES_PREFIX,
    UNDO,
    allow_files,
    allow_tables,
)

EXTENSIONS: dict[TableFormat, str] = {
    "iceberg": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    "delta": "io.delta.sql.DeltaSparkSessionExtension",
}
# Source: AWS Glue developer guide, "Using the Delta Lake framework in AWS Glue". No logStore: Delta's own for s3 is the
# one that the guide names, and safe, since the dataset's lock leaves one writer.
DELTA_SETTINGS = {
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog"
}
LARGE = "used for a training whose tables are too large for the function"
MADE_ONCE = "a table is made once, by the engine of the first run: DuckDB, if that run is small"


class ProcessingStack(PipelineStack):
    """Databases, the raw crawlers, the jobs, the two functions that do a small batch's, and the forecast."""

    def __init__(self, scope: Construct, *, blueprint: Blueprint, storage: StorageStack) -> None:
        super().__init__(
            scope, "Processing", blueprint=blueprint, description="catalog and Spark jobs"
        )
        self._blueprint = blueprint
        self._storage = storage
        environment = blueprint.settings.environment
        self._log_group_prefix = f"/aws-glue/jobs/slipway-{environment}"
        self._database("raw", storage.raw.s3_url_for_object())
        self._database("processed", storage.processed.s3_url_for_object("tables"))
        self._database("curated", storage.curated.s3_url_for_object("tables"))
        self._log_groups()
        self._security = self._security_configuration()
        self._platform = SparkPlatform(
            root=blueprint.root,
            size=blueprint.settings.glue,
            spark_settings=self._spark_settings(self._table_formats()),
            table_formats=self._table_formats(),
            security=self._security,
            log_group_prefix=self._log_group_prefix,
            log_key=storage.operations_key,
        )
        self.raw_to_processed = self._raw_to_processed()
        self.processed_to_curated = self._processed_to_curated()
        self.care = self._care()
        self.forecast_features = self._forecast_features() if trains(blueprint) else None
        functions = DuckDbFunctions(scope=self, blueprint=blueprint, storage=storage)
        self.load_small_batch = functions.load_small_batch()
        self.allow_loading(self.load_small_batch.role)
        permissions.note_rarely_used(self.load_small_batch.role, {"s3:DeleteObject": UNDO})
        self.curate_small_batch = functions.curate_small_batch()
        self.allow_curating(self.curate_small_batch.role)
        self.emr = self._emr() if blueprint.settings.emr.enabled else None
        self.forecast = functions.forecast()
        self.allow_forecasting(self.forecast.role)
        self.crawlers: RawCrawlers | None = None
        if blueprint.settings.features.raw_crawler:
            self.crawlers = RawCrawlers(
                self, blueprint=blueprint, storage=storage, security=self._security
            )
        self.publish(
            RawToProcessedJobName=self.raw_to_processed.name,
            ProcessedToCuratedJobName=self.processed_to_curated.name,
            CareJobName=self.care.name,
        )

    def _database(self, zone: naming.Zone, location: str) -> None:
        database = glue.CfnDatabase(
            self,
            f"{zone.capitalize()}Database",
            catalog_id=self.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=self._blueprint.database(zone),
                description=f"Slipway {self._blueprint.settings.environment}, {zone} zone",
                location_uri=location,
            ),
        )
        # The catalog knows which files are a table's current state, so it is kept as long as the data is.
        database.apply_removal_policy(self._blueprint.removal_policy)

    def _log_groups(self) -> None:
        """Made before Glue would make them, so that logs end some day; their names are fixed, so they are not kept."""
        for kind in ("output", "error"):
            logs.LogGroup(
                self,
                f"JobLog{kind.capitalize()}",
                log_group_name=f"{self._log_group_prefix}/{kind}",
                retention=self._blueprint.log_days,
                encryption_key=self._storage.operations_key,
                removal_policy=RemovalPolicy.DESTROY,
            )

    def _security_configuration(self) -> glue.CfnSecurityConfiguration:
        data, operations = self._storage.data_key.key_arn, self._storage.operations_key.key_arn
        kinds = glue.CfnSecurityConfiguration
        return kinds(
            self,
            "Security",
            name=f"slipway-{self._blueprint.settings.environment}",
            encryption_configuration=kinds.EncryptionConfigurationProperty(
                cloud_watch_encryption=kinds.CloudWatchEncryptionProperty(
                    cloud_watch_encryption_mode="SSE-KMS", kms_key_arn=operations
                ),
                job_bookmarks_encryption=kinds.JobBookmarksEncryptionProperty(
                    job_bookmarks_encryption_mode="CSE-KMS", kms_key_arn=operations
                ),
                s3_encryptions=[
                    kinds.S3EncryptionProperty(s3_encryption_mode="SSE-KMS", kms_key_arn=data)
                ],
            ),
        )

    @property
    def jobs(self) -> tuple[SparkJob, ...]:
        """All jobs, in the order of the way that data goes."""
        features = [self.forecast_features] if self.forecast_features else []
        return self.raw_to_processed, self.processed_to_curated, self.care, *features

    def _raw_to_processed(self) -> SparkJob:
        job = self._job(
            "raw_to_processed",
            "Parses, checks, deduplicates and merges raw files into processed tables",
            self._loading_arguments(),
        )
        self.allow_loading(job.role)
        permissions.note_rarely_used(job.role, {"glue:CreateTable": MADE_ONCE})
        return job

    def _processed_to_curated(self) -> SparkJob:
        job = self._job(
            "processed_to_curated",
            "Recomputes the touched periods of curated tables, then publishes all",
        )
        self.allow_curating(job.role)
        permissions.note_rarely_used(job.role, {"glue:CreateTable": MADE_ONCE})
        return job

    def allow_loading(self, role: iam.Role) -> None:
        """Let `role` do what raw_to_processed does, on whichever engine."""
        permissions.allow_s3_read(role, bucket=self._storage.raw, prefixes=self._raw_prefixes())
        permissions.allow_s3_list(role, bucket=self._storage.raw)
        services = ["s3"]
        if secret := self._storage.pii_secret:
            permissions.allow(
                role,
                actions=["secretsmanager:GetSecretValue"],
                resources=[secret.secret_arn],
                rarely_used="read only for a dataset that hashes personal data",
            )
            services.append("secretsmanager")
        permissions.allow_key(role, key=self._storage.originals_key, services=services, write=False)
        allow_files(role, self._storage.processed, [naming.RUNS_PREFIX, TABLES_PREFIX])
        self._allow_tables(
            role,
            "processed",
            ICEBERG_WRITE,
            [*self._processed_tables(), *self._quality_tables()],
        )

    def allow_curating(self, role: iam.Role) -> None:
        """Let `role` do what processed_to_curated does, on whichever engine."""
        processed = [naming.RUNS_PREFIX, TABLES_PREFIX]
        allow_files(role, self._storage.processed, processed, deletes_rarely=UNDO)
        self._allow_tables(role, "processed", ICEBERG_COMMIT, self._processed_tables())
        allow_files(role, self._storage.curated, [TABLES_PREFIX], deletes_rarely=UNDO)
        self._allow_tables(role, "curated", ICEBERG_WRITE, self._curated_tables())

    def _forecast_features(self) -> SparkJob:
        job = self._job(
            "forecast_features",
            "Makes the features that a model of forecasts is trained with, of large tables",
        )
        self._allow_features(job.role)
        return job

    def _allow_features(self, role: iam.Role) -> None:
        """Let `role` read what is published, and lay it out in the folders of trainings; it writes no table."""
        self._allow_histories(role)
        self._allow_tables(role, "curated", ICEBERG_READ, self._forecast_tables())
        forecasts = [f"{TABLES_PREFIX}{name}/" for name in self._forecast_tables()]
        permissions.allow_s3_read(role, bucket=self._storage.curated, prefixes=forecasts)
        allow_files(role, self._storage.processed, [naming.TRAININGS_PREFIX])
        used = ("glue:GetDatabase", "glue:GetTable")
        permissions.note_rarely_used(
            role,
            {
                **dict.fromkeys(used, LARGE),
                **dict.fromkeys(("s3:GetObject", "s3:PutObject", "s3:ListBucket"), LARGE),
                "s3:DeleteObject": "replaces what an attempt before has laid out",
            },
        )

    def allow_forecasting(self, role: iam.Role) -> None:
        """Let `role` read what is published of processed and curated; write tables of forecasts and nothing else."""
        if not self._forecast_tables():
            return
        self._allow_histories(role)
        forecasts = [f"{TABLES_PREFIX}{name}/" for name in self._forecast_tables()]
        allow_files(role, self._storage.curated, forecasts, deletes_rarely=UNDO)
        self._allow_tables(role, "curated", ICEBERG_WRITE, self._forecast_tables())

    def _allow_histories(self, role: iam.Role) -> None:
        """Let `role` read the tables that forecasts are made from."""
        marked = [
            model for contract in self._blueprint.contracts for model in contract.forecast_models
        ]
        datasets = [c.dataset for c in self._blueprint.contracts if c.forecast_models]
        processed, curated = self._storage.processed, self._storage.curated
        sources = [model.name for model in marked]
        permissions.allow_s3_read(
            role, bucket=processed, prefixes=[f"{TABLES_PREFIX}{name}/" for name in datasets]
        )
        permissions.allow_s3_read(
            role, bucket=curated, prefixes=[f"{TABLES_PREFIX}{name}/" for name in sources]
        )
        self._allow_tables(role, "processed", ICEBERG_READ, datasets)
        self._allow_tables(role, "curated", ICEBERG_READ, sources)

    def _care(self) -> SparkJob:
        """No way to raw or landing: what it removes or computes anew comes from the tables."""
        job = self._job("care", "Maintains tables, rolls runs back, and erases one person's rows")
        runs, processed = naming.RUNS_PREFIX, self._storage.processed
        permissions.allow_s3_read(job.role, bucket=processed, prefixes=[runs])
        permissions.allow_s3_write(
            job.role, bucket=processed, prefixes=[f"{runs}*/found.json", f"{runs}*/care.json"]
        )
        permissions.allow_s3_delete(job.role, bucket=processed, prefixes=[f"{runs}*/staged/"])
        allow_files(job.role, processed, [TABLES_PREFIX])
        self._allow_tables(
            job.role,
            "processed",
            ICEBERG_COMMIT,
            [*self._processed_tables(), *self._quality_tables()],
        )
        allow_files(job.role, self._storage.curated, [TABLES_PREFIX])
        self._allow_tables(
            job.role,
            "curated",
            ICEBERG_WRITE,
            [*self._curated_tables(), *self._forecast_tables()],
            rarely_used={
                **dict.fromkeys(
                    ("glue:GetDatabase", "glue:CreateTable"),
                    "an erasure also computes a model that was added since the last run",
                ),
                **dict.fromkeys(
                    ("glue:UpdateTable", "s3:DeleteObject"),
                    "a table in which nothing is due is left as it is",
                ),
            },
        )
        return job

    def _job(
        self, name: str, description: str, arguments: Mapping[str, str] | None = None
    ) -> SparkJob:
        job = SparkJob(
            self,
            "".join(word.capitalize() for word in name.split("_")),
            platform=self._platform,
            name=name,
            description=description,
            arguments={**self._arguments(), **(arguments or {})},
        )
        permissions.allow_key(job.role, key=self._storage.data_key, services=["s3"], write=True)
        return job

    def _emr(self) -> EmrEngine:
        """The two jobs of a run on EMR Serverless, and features of trainings, with what their Glue jobs may do.

        Upkeep stays on Glue.
        """
        engine = EmrEngine(
            self,
            "Emr",
            blueprint=self._blueprint,
            spark_settings=self._spark_settings(["iceberg"]),
            arguments={
                "raw_to_processed": {**self._arguments(), **self._loading_arguments()},
                "processed_to_curated": self._arguments(),
                **({"forecast_features": self._arguments()} if self.forecast_features else {}),
            },
            log_key=self._storage.operations_key,
        )
        load, curate = engine.jobs["raw_to_processed"], engine.jobs["processed_to_curated"]
        self.allow_loading(load.role)
        self.allow_curating(curate.role)
        for job in (load, curate):
            permissions.note_rarely_used(job.role, {"glue:CreateTable": MADE_ONCE})
        if features := engine.jobs.get("forecast_features"):
            self._allow_features(features.role)
        for job in engine.jobs.values():
            permissions.allow_key(job.role, key=self._storage.data_key, services=["s3"], write=True)
        self.publish(EmrApplicationId=engine.application.attr_application_id)
        return engine

    def _table_formats(self) -> list[TableFormat]:
        """Iceberg, whose catalog says where tables lie, and what else a contract asks for."""
        wanted = {contract.table_format for contract in self._blueprint.contracts}
        return [name for name in EXTENSIONS if name == "iceberg" or name in wanted]

    def _arguments(self) -> dict[str, str]:
        """What every job is told, besides its dataset and its run."""
        return {
            "environment": self._blueprint.settings.environment,
            "processed_bucket": self._storage.processed.bucket_name,
            "curated_bucket": self._storage.curated.bucket_name,
        }

    def _loading_arguments(self) -> dict[str, str]:
        secret = self._storage.pii_secret
        return {
            "schema_change": self._blueprint.schema_change,
            "pii_secret_arn": secret.secret_arn if secret else "",
        }

    def _spark_settings(self, formats: Sequence[TableFormat]) -> dict[str, str]:
        catalog = "spark.sql.catalog.glue_catalog"
        return {
            "spark.sql.extensions": ",".join(EXTENSIONS[name] for name in formats),
            **(DELTA_SETTINGS if "delta" in formats else {}),
            catalog: "org.apache.iceberg.spark.SparkCatalog",
            f"{catalog}.catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
            f"{catalog}.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
            f"{catalog}.warehouse": f"s3://{self._storage.processed.bucket_name}/tables",
            "spark.sql.session.timeZone": "UTC",
        }

    def _allow_tables(
        self,
        role: iam.Role,
        zone: naming.Zone,
        actions: Sequence[str],
        tables: Sequence[str],
        rarely_used: Mapping[str, str] | None = None,
    ) -> None:
        allow_tables(role, self._blueprint.database(zone), actions, tables, rarely_used)

    def _raw_prefixes(self) -> list[str]:
        return [f"{contract.dataset}/" for contract in self._blueprint.contracts]

    def _processed_tables(self) -> list[str]:
        """What a run publishes. A history may also be there of a contract that wants none any more."""
        names = [contract.dataset for contract in self._blueprint.contracts]
        of_name = (naming.quarantine_table, naming.history_table)
        return [table for name in names for table in (name, *(each(name) for each in of_name))]

    def _quality_tables(self) -> list[str]:
        return [naming.quality_table(contract.dataset) for contract in self._blueprint.contracts]

    def _forecast_tables(self) -> list[str]:
        return [
            naming.forecast_table(model.name)
            for contract in self._blueprint.contracts
            for model in contract.forecast_models
        ]

    def _curated_tables(self) -> list[str]:
        return [model.name for contract in self._blueprint.contracts for model in contract.curated]
