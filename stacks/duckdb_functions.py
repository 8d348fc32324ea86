"""The functions that work with DuckDB: the two jobs of a small batch, the forecast, runs of marts, write-backs. They
have as much memory as the settings give, and a job as much time as Lambda does.

What they may do is granted where it is for the Glue jobs (stacks/processing.py), or in stacks/marts.py and database.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from constructs import Construct

from stacks.base import Blueprint
from stacks.constructs import permissions
from stacks.constructs.dataset_machine import NOBODY, DatasetMachine
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.python_layer import layers_of
from stacks.layers import DUCKDB, POSTGRES, Layer
from stacks.storage import StorageStack

# The longest that Lambda allows. Source: Lambda developer guide, "Lambda quotas". The state machine waits for longer.
TIMEOUT_SECONDS = 15 * 60
FORECAST_SECONDS = 110  # TimeoutSeconds of Forecast in state_machines/ is a little more
WRITE_BACK_SECONDS = 870  # TimeoutSeconds of WriteBack in state_machines/ is a little more
ROOMS = ("rows", "duckdb_jobs")


@dataclass(frozen=True, kw_only=True)
class DuckDbFunctions:
    """Builds the functions in `scope`, with one layer for all."""

    scope: Construct
    blueprint: Blueprint
    storage: StorageStack

    def load_small_batch(self) -> PythonFunction:
        """Does what the job raw_to_processed does."""
        secret = self.storage.pii_secret
        return self._function(
            "load_small_batch",
            "Parses, checks, deduplicates and merges the files of a small batch into processed tables",
            {
                "SCHEMA_CHANGE": self.blueprint.schema_change,
                "PII_SECRET_ARN": secret.secret_arn if secret else "none",
            },
        )

    def curate_small_batch(self) -> PythonFunction:
        """Does what the job processed_to_curated does."""
        return self._function(
            "curate_small_batch",
            "Recomputes the touched periods of curated tables after a small batch, then publishes all",
            {},
        )

    def forecast(self) -> PythonFunction:
        """Forecasts curated tables, and publishes the forecasts."""
        return self._function(
            "forecast",
            "Forecasts the curated tables that contracts mark, and publishes the forecasts",
            {},
            timeout_seconds=FORECAST_SECONDS,
        )

    def train_forecast(self) -> PythonFunction:
        """Lays out what a model is trained with, judges what it says, and publishes that."""
        settings = self.blueprint.settings
        return self._function(
            "train_forecast",
            "Features for a training of the model of forecasts, its gate, and the publication",
            {
                "SPARK_ABOVE_MEGABYTES": str(settings.forecasts.spark_above_megabytes),
                **(
                    {"EMR_ABOVE_MEGABYTES": str(settings.emr.above_megabytes)}
                    if settings.emr.enabled
                    else {}
                ),
            },
        )

    def run_mart(self, announce: DatasetMachine, serving: Sequence[str]) -> PythonFunction:
        """Computes a mart and publishes it; `serving` are the consumers that the environment has."""
        return self._function(
            "run_mart",
            "Computes a mart from one consistent cut of its inputs, reconciles and publishes it",
            {
                "RUN_LEDGER": self.storage.run_ledger.table_name,
                "ANNOUNCE_STATE_MACHINE_ARN": announce.arn,
                "SERVING": ",".join(serving) or NOBODY,
            },
            data=("contracts/compiled/marts/*.json",),
        )

    def write_back(self, environment: Mapping[str, str]) -> PythonFunction:
        """Writes processed tables into the internal database, and nothing to the lake."""
        return self._function(
            "write_back",
            "Writes the processed table of a dataset into the internal database and compares the two",
            environment,
            timeout_seconds=WRITE_BACK_SECONDS,
            data=("duckdb_jobs/write_back/*.pem",),
            layers=(DUCKDB, POSTGRES),
            writes=False,
        )

    def _function(
        self,
        name: str,
        description: str,
        environment: Mapping[str, str],
        *,
        timeout_seconds: int = TIMEOUT_SECONDS,
        data: Sequence[str] = (),
        layers: Sequence[Layer] = (DUCKDB,),
        writes: bool = True,
    ) -> PythonFunction:
        size = self.blueprint.settings.duckdb
        part = PythonFunction(
            self.scope,
            "".join(word.capitalize() for word in name.split("_")),
            root=self.blueprint.root,
            name=name,
            description=description,
            environment={
                "ENVIRONMENT": self.blueprint.settings.environment,
                "PROCESSED_BUCKET": self.storage.processed.bucket_name,
                "CURATED_BUCKET": self.storage.curated.bucket_name,
                **environment,
            },
            timeout_seconds=timeout_seconds,
            memory_mb=size.memory_megabytes,
            storage_mb=size.storage_megabytes,
            log_days=self.blueprint.log_days,
            log_key=self.storage.operations_key,
            removal_policy=self.blueprint.removal_policy,
            data=data,
            rooms=ROOMS,
            layers=[
                made for layer in layers for made in layers_of(self.scope, self.blueprint, layer)
            ],
        )
        permissions.allow_key(part.role, key=self.storage.data_key, services=["s3"], write=writes)
        return part
