"""The steps of a training around SageMaker's jobs: files where the jobs look for them, and answers for the machine."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contracts.errors import NeedsSpark, PermanentError, Superseded
from lambdas.train_forecast.features_engine import FeatureLimits
from lambdas.train_forecast.service import Training
from pipeline.job_arguments import CuratingArguments
from pipeline.run_documents import (
    FeaturesMade,
    ForecastServed,
    TrainingPlan,
    TrainingTable,
    TrainingVerdict,
    store,
)

EXECUTION = "arn:aws:states:eu-central-1:1:execution:forecast-training:training-sales_records-1"
STARTED = "2026-11-29T14:56:06.123Z"
TABLE = TrainingTable(
    table="t", snapshot=9_007_199_254_740_993, until=date(2026, 10, 1), season=12, horizon=6, series=2, learned=1
)  # fmt: skip


@dataclass
class FakeEngine:
    """Stands for duckdb_jobs.forecast_training."""

    tables: tuple[TrainingTable, ...] = (TABLE,)
    better: int = 1
    superseded: bool = False
    bytes: int = 1
    said: list[str] = field(default_factory=list)

    def sizes(self, given: CuratingArguments) -> dict[str, int]:
        assert given.run_id.startswith("training-")
        return {"t": self.bytes}

    def lay_out(
        self, given: CuratingArguments, to_learn: Path, to_forecast: Path, histories: Path
    ) -> TrainingPlan:
        to_learn.write_text("learn")
        to_forecast.write_text("ask")
        histories.write_text("[0]\n[1]\n")
        return TrainingPlan(
            dataset=given.dataset,
            run_id=given.run_id,
            contract_version="1.1.2",
            tables=self.tables,
            examples=7,
        )

    def judge(
        self,
        given: CuratingArguments,
        plan: TrainingPlan,
        histories: Iterable[str],
        backtest: Iterable[str],
    ) -> TrainingVerdict:
        assert list(histories) == ["[0]\n", "[1]\n"]
        self._read(given, plan, backtest)
        return TrainingVerdict(
            series=1, better=self.better, wape=Decimal("0.1"), naive_wape=Decimal("0.2")
        )

    def publish(
        self,
        given: CuratingArguments,
        plan: TrainingPlan,
        histories: Iterable[str],
        said: Iterable[str],
    ) -> ForecastServed:
        assert list(histories) == ["[0]\n", "[1]\n"]
        self._read(given, plan, said)
        return ForecastServed(served="forecast", tables=())

    def _read(self, given: CuratingArguments, plan: TrainingPlan, lines: Iterable[str]) -> None:
        assert given.run_id == plan.run_id
        assert plan.tables == self.tables
        if self.superseded:
            raise Superseded("t is at version 2; the model was trained with 1")
        self.said = list(lines)


@pytest.fixture
def s3() -> Any:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="processed")
        yield client


def training(s3: Any, engine: FakeEngine) -> Training:
    return Training(
        s3=s3,
        engine=engine,
        environment="dev",
        processed_bucket="processed",
        curated_bucket="curated",
        limits=FeatureLimits(spark_above_megabytes=200, emr_above_megabytes=None),
    )


def chosen(steps: Training, dataset: str = "d", execution: str = EXECUTION) -> dict[str, Any]:
    return steps.choose(dataset, execution, STARTED, None)


def lay_out(steps: Training, dataset: str, folder: Path) -> dict[str, Any]:
    """What the machine knows once the function has laid out a training."""
    plan = chosen(steps, dataset)
    return {**plan, **steps.lay_out(dataset, plan["training"], plan["features"], folder)}


def put(s3: Any, uri: str, body: bytes) -> None:
    s3.put_object(Bucket="processed", Key=uri.removeprefix("s3://processed/"), Body=body)


def archive(**files: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as out:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"data/{name}.csv")
            entry.size = len(text)
            out.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def test_features_lie_where_the_jobs_are_told_to_look(s3: Any, tmp_path: Path) -> None:
    answer = lay_out(training(s3, FakeEngine()), "sales_records", tmp_path)
    assert answer["trains"] is True
    assert re.fullmatch(r"training-20261129T145606-[0-9a-f]{12}", answer["training"])
    assert re.fullmatch(r"slipway-dev-sales-records-[0-9a-f]{12}", answer["job"])
    assert len(answer["job"]) + len("-4") <= 63
    assert json.loads(answer["seasons"]) == [12]
    place = f"s3://processed/runs/sales_records/{answer['training']}/"
    for name in ("train", "transform", "model", "forecast"):
        assert answer[f"{name}_uri"] == f"{place}{name}/"
    for name, text in (("train", b"learn"), ("transform", b"ask")):
        key = f"{answer[f'{name}_uri']}rows.csv".removeprefix("s3://processed/")
        assert s3.get_object(Bucket="processed", Key=key)["Body"].read() == text
    made = store.read(
        s3, FeaturesMade, bucket="processed", dataset="sales_records", run_id=answer["training"]
    )
    assert (made.engine, made.size_bytes, made.worker_seconds) == ("duckdb", 1, None)
    assert made.reason == "the tables that are forecast have 0.0 MB, within the function's 200"


def test_what_spark_has_laid_out_is_read_and_who_made_it_is_noted(s3: Any, tmp_path: Path) -> None:
    steps = training(s3, FakeEngine())
    plan = lay_out(steps, "d", tmp_path)
    features = {
        **plan["features"],
        "engine": "spark",
        "reason": "NeedsSpark: x",
        "worker_seconds": 9,
    }
    assert steps.laid_out("d", plan["training"], features) == {
        name: plan[name] for name in ("trains", "seasons")
    }
    made = store.read(s3, FeaturesMade, bucket="processed", dataset="d", run_id=plan["training"])
    assert (made.engine, made.reason, made.worker_seconds) == ("spark", "NeedsSpark: x", 9)


def test_a_plan_that_spark_did_not_leave_is_an_error_with_its_place(s3: Any) -> None:
    steps = training(s3, FakeEngine())
    plan = chosen(steps)
    with pytest.raises(PermanentError, match=r"training-[^/]*/training.json is missing"):
        steps.laid_out("d", plan["training"], plan["features"])


LIMITS = FeatureLimits(spark_above_megabytes=200, emr_above_megabytes=9000)


@pytest.mark.parametrize(
    ("size", "engine", "reason"),
    [
        (0, "duckdb", "0.0 MB, within the function's 200"),
        (200_000_000, "duckdb", "200.0 MB, within the function's 200"),
        (200_000_001, "spark", "200.0 MB, more than the function's 200"),
        (9_000_000_000, "spark", "9,000.0 MB, more than the function's 200"),
        (9_000_000_001, "emr", "9,000.0 MB, more than 9,000, above which EMR Serverless is used"),
    ],
)
def test_the_engine_is_chosen_by_the_size_of_all_tables_that_are_forecast(
    size: int, engine: str, reason: str
) -> None:
    half = size // 2
    choice = LIMITS.choose(lambda: {"a": half, "b": size - half}, None)
    assert (choice.engine, choice.size_bytes) == (engine, size)
    assert choice.reason == f"the tables that are forecast have {reason}"


def test_without_emr_serverless_spark_on_glue_makes_the_largest_and_zero_is_always_spark() -> None:
    limits = FeatureLimits(spark_above_megabytes=0, emr_above_megabytes=None)
    assert limits.choose(lambda: {"t": 10**13}, None).engine == "spark"
    assert limits.choose(lambda: {"t": 1}, None).engine == "spark"
    assert (
        limits.choose(dict, None).engine == "duckdb"
    )  # nothing is published: Spark would find nothing


def test_tables_that_duckdb_does_not_read_are_sparks_and_an_operator_may_name_an_engine() -> None:
    def unreadable() -> dict[str, int]:
        raise NeedsSpark("t has delete files")

    choice = LIMITS.choose(unreadable, None)
    assert (choice.engine, choice.reason, choice.size_bytes) == (
        "spark",
        "t has delete files",
        None,
    )
    named = LIMITS.choose(lambda: {"t": 1}, "emr")
    assert (named.engine, named.reason, named.size_bytes) == ("emr", "the request named it", 1)
    with pytest.raises(PermanentError, match="engine is 'emr'; this environment has spark, duckdb"):
        replace(LIMITS, emr_above_megabytes=None).choose(dict, "emr")
    with pytest.raises(PermanentError, match="engine is 'flink'"):
        LIMITS.choose(dict, "flink")


def test_an_execution_that_is_repeated_is_the_same_training(s3: Any) -> None:
    steps = training(s3, FakeEngine())
    first, again = (chosen(steps) for _ in range(2))
    assert first == again
    assert chosen(steps, execution=f"{EXECUTION}2")["job"] != first["job"]


def test_a_long_name_of_a_dataset_still_gives_a_name_of_a_job(s3: Any) -> None:
    answer = chosen(training(s3, FakeEngine()), "a_" * 40)
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,60}", answer["job"])


def test_nothing_to_learn_uploads_nothing(s3: Any, tmp_path: Path) -> None:
    answer = lay_out(training(s3, FakeEngine(tables=())), "d", tmp_path)
    assert answer["trains"] is False
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket="processed")["Contents"]]
    folder = f"runs/d/{answer['training']}/"
    assert keys == [f"{folder}features.json", f"{folder}training.json"]


@pytest.fixture
def trained(s3: Any, tmp_path: Path) -> tuple[FakeEngine, Training, str, str]:
    """A training whose job has ended, with its name and the address of its model."""
    engine = FakeEngine()
    steps = training(s3, engine)
    answer = lay_out(steps, "d", tmp_path)
    model = f"{answer['model_uri']}job/output/model.tar.gz"
    put(s3, model.replace("model.tar.gz", "output.tar.gz"), archive(backtest="0,0,-1,0,1.5\n"))
    put(s3, f"{answer['forecast_uri']}rows.csv.out", b"0,0,0,0,2.5\n\n")
    return engine, steps, answer["training"], model


def test_a_model_is_judged_by_the_backtest_beside_it(
    trained: tuple[FakeEngine, Training, str, str],
) -> None:
    engine, steps, name, model = trained
    assert steps.judge("d", name, model) == {
        **{"publishes": True, "superseded": None},
        **{"series": 1, "better": 1, "wape": "0.1", "naive_wape": "0.2"},
    }
    assert engine.said == ["0,0,-1,0,1.5\n"]
    engine.better = 0
    assert steps.judge("d", name, model)["publishes"] is False


def test_what_is_published_is_the_backtest_and_what_the_transform_left(
    trained: tuple[FakeEngine, Training, str, str],
) -> None:
    engine, steps, name, model = trained
    answer = steps.publish("d", name, model)
    assert answer == {"published": True, "superseded": None, "tables": []}
    assert [line.strip() for line in engine.said] == ["0,0,-1,0,1.5", "0,0,0,0,2.5", ""]


def test_what_was_overtaken_is_an_answer_and_no_failure(
    trained: tuple[FakeEngine, Training, str, str],
) -> None:
    engine, steps, name, model = trained
    engine.superseded = True
    assert steps.judge("d", name, model) == {
        "publishes": False,
        "superseded": "t is at version 2; the model was trained with 1",
    }
    assert steps.publish("d", name, model)["published"] is False


def test_a_job_without_a_backtest_cannot_be_judged(
    s3: Any, trained: tuple[FakeEngine, Training, str, str]
) -> None:
    _, steps, name, model = trained
    put(s3, model.replace("model.tar.gz", "output.tar.gz"), archive(other="x"))
    with pytest.raises(PermanentError, match=r"output.tar.gz has no backtest.csv, so nothing"):
        steps.judge("d", name, model)
