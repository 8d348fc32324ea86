"""The steps of a training around SageMaker's jobs, over the files in S3. Each may be repeated.

Everything of a training lies in a folder like that of a run, which the bucket's lifecycle ends like those of runs:
features, model, backtest, what the model said, and the plan that all of it belongs to.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlparse

from contracts import naming
from contracts.errors import PermanentError, Superseded
from lambdas.train_forecast.features_engine import FeatureLimits
from pipeline.job_arguments import CuratingArguments
from pipeline.run_documents import (
    FeaturesMade,
    ForecastServed,
    TrainingPlan,
    TrainingVerdict,
    store,
)
from pipeline.training_files import HISTORIES_FILE, ROWS_FILE, TRAIN, TRANSFORM

MODEL, FORECAST = "model/", "forecast/"  # beside those of pipeline/training_files.py
# What a training job puts beside model.tar.gz: the folder of SM_OUTPUT_DATA_DIR.
# Source: SageMaker AI developer guide, "Amazon SageMaker AI training storage folders".
OUTPUT_FILE, BACKTEST_FILE = "output.tar.gz", "backtest.csv"
LARGEST_BACKTEST = 512 * 1024 * 1024  # bytes: 3,000,000 lines of 40 characters are 120 MB
# Source: SageMaker API reference, CreateTrainingJob, TrainingJobName: 63 letters, digits and hyphens.
LONGEST_DATASET, HASH_CHARACTERS = 24, 12


class Engine(Protocol):
    """duckdb_jobs.forecast_training, or what stands for it in a test."""

    def sizes(self, given: CuratingArguments) -> Mapping[str, int]:
        """Bytes of each table that is forecast."""

    def lay_out(
        self, given: CuratingArguments, to_learn: Path, to_forecast: Path, histories: Path
    ) -> TrainingPlan:
        """Write what the model learns from, what it is to forecast, and the series themselves."""

    def judge(
        self,
        given: CuratingArguments,
        plan: TrainingPlan,
        histories: Iterable[str],
        backtest: Iterable[str],
    ) -> TrainingVerdict:
        """Hold the backtest against the other methods."""

    def publish(
        self,
        given: CuratingArguments,
        plan: TrainingPlan,
        histories: Iterable[str],
        said: Iterable[str],
    ) -> ForecastServed:
        """Publish what passed the gate."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """The steps, over a boto3 S3 client."""

    s3: Any
    engine: Engine
    environment: str
    processed_bucket: str
    curated_bucket: str
    limits: FeatureLimits

    def choose(
        self, dataset: str, execution: str, started: str, engine: str | None
    ) -> dict[str, Any]:
        """Which engine makes the features, and what SageMaker's jobs are given.

        `execution` and its start name the training: repeated, it is the same one.
        """
        digest = hashlib.sha256(execution.encode()).hexdigest()[:HASH_CHARACTERS]
        training = f"training-{started[:19].replace('-', '').replace(':', '')}-{digest}"
        given = self._given(dataset, training)
        chosen = self.limits.choose(lambda: self.engine.sizes(given), engine)
        uri = f"s3://{self.processed_bucket}/{naming.run_prefix(dataset, training)}"
        places = {
            "train": TRAIN,
            "transform": TRANSFORM,
            "model": MODEL,
            "forecast": FORECAST,
        }
        return {
            "training": training,
            "job": f"slipway-{self.environment}-{_job_part(dataset)}-{digest}",
            "features": {**asdict(chosen), "worker_seconds": None},
            **{f"{name}_uri": f"{uri}{place}" for name, place in places.items()},
        }

    def lay_out(
        self, dataset: str, training: str, features: Mapping[str, Any], folder: Path
    ) -> dict[str, Any]:
        """Features into S3, made here; the answer is that of `laid_out`."""
        files = {
            f"{TRAIN}{ROWS_FILE}": folder / "learn.csv",
            f"{TRANSFORM}{ROWS_FILE}": folder / "forecast.csv",
            HISTORIES_FILE: folder / "histories.jsonl",
        }
        plan = self.engine.lay_out(self._given(dataset, training), *files.values())
        place = naming.run_prefix(dataset, training)
        if plan.tables:
            for key, file in files.items():
                self.s3.upload_file(str(file), self.processed_bucket, f"{place}{key}")
        store.write(self.s3, plan, bucket=self.processed_bucket)
        return self.laid_out(dataset, training, features)

    def laid_out(self, dataset: str, training: str, features: Mapping[str, Any]) -> dict[str, Any]:
        """What lies there, whoever made it, with a note of that; `trains` is False where there is nothing to learn."""
        made = FeaturesMade.from_json({"dataset": dataset, "run_id": training, **features})
        store.write(self.s3, made, bucket=self.processed_bucket)
        plan = self._plan(dataset, training)
        return {
            "trains": bool(plan.tables),
            "seasons": json.dumps([table.season for table in plan.tables]),
        }

    def judge(self, dataset: str, training: str, model: str) -> dict[str, Any]:
        """The verdict, with `superseded` where the tables have changed since; `model` is the URI of model.tar.gz."""
        given, plan = self._given(dataset, training), self._plan(dataset, training)
        try:
            histories = self._histories(dataset, training)
            verdict = self.engine.judge(given, plan, histories, self._backtest(model))
        except Superseded as error:
            return {"publishes": False, "superseded": str(error)}
        return {"publishes": verdict.better > 0, "superseded": None, **verdict.to_json()}

    def publish(self, dataset: str, training: str, model: str) -> dict[str, Any]:
        """What was published, with `superseded` as above; the answer has the tables of a ForecastServed."""
        given, plan = self._given(dataset, training), self._plan(dataset, training)
        key = f"{naming.run_prefix(dataset, training)}{FORECAST}{ROWS_FILE}.out"
        try:
            said = [*self._backtest(model), *self._lines(self.processed_bucket, key)]
            histories = self._histories(dataset, training)
            served = self.engine.publish(given, plan, histories, said)
        except Superseded as error:
            return {"published": False, "superseded": str(error), "tables": []}
        return {"published": True, "superseded": None, "tables": served.to_json()["tables"]}

    def _given(self, dataset: str, training: str) -> CuratingArguments:
        return CuratingArguments(
            dataset=dataset,
            run_id=training,
            environment=self.environment,
            processed_bucket=self.processed_bucket,
            curated_bucket=self.curated_bucket,
        )

    def _plan(self, dataset: str, training: str) -> TrainingPlan:
        bucket = self.processed_bucket
        return store.read(self.s3, TrainingPlan, bucket=bucket, dataset=dataset, run_id=training)

    def _histories(self, dataset: str, training: str) -> Iterator[str]:
        key = f"{naming.run_prefix(dataset, training)}{HISTORIES_FILE}"
        return self._lines(self.processed_bucket, key)

    def _backtest(self, model: str) -> Iterator[str]:
        """Lines of the backtest, from beside the model. Raises PermanentError where the job wrote none."""
        place = urlparse(model)
        key = place.path.lstrip("/").rpartition("/")[0] + f"/{OUTPUT_FILE}"
        body = self.s3.get_object(Bucket=place.netloc, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
            for member in archive:
                if member.isfile() and Path(member.name).name == BACKTEST_FILE:
                    if member.size > LARGEST_BACKTEST:
                        raise PermanentError(
                            f"{BACKTEST_FILE} of {model} has {member.size:,} bytes, "
                            f"and at most {LARGEST_BACKTEST:,} are read"
                        )
                    content = archive.extractfile(member)
                    yield from io.TextIOWrapper(content, encoding="utf-8") if content else ()
                    return
        raise PermanentError(
            f"s3://{place.netloc}/{key} has no {BACKTEST_FILE}, so nothing can be judged"
        )

    def _lines(self, bucket: str, key: str) -> Iterator[str]:
        body = self.s3.get_object(Bucket=bucket, Key=key)["Body"]
        yield from io.TextIOWrapper(io.BytesIO(body.read()), encoding="utf-8")


def _job_part(dataset: str) -> str:
    return dataset.replace("_", "-")[:LONGEST_DATASET].strip("-")
