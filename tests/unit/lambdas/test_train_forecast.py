"""The steps of a training around SageMaker's jobs: files where the jobs look for them, and answers for the machine."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contracts.errors import PermanentError, Superseded
from lambdas.train_forecast.service import Training
from pipeline.job_arguments import CuratingArguments
from pipeline.run_documents import (
    ForecastServed,
    TrainingPlan,
    TrainingTable,
    TrainingVerdict,
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
    said: list[str] = field(default_factory=list)

    def lay_out(self, given: CuratingArguments, to_learn: Path, to_forecast: Path) -> TrainingPlan:
        to_learn.write_text("learn")
        to_forecast.write_text("ask")
        return TrainingPlan(
            dataset=given.dataset,
            run_id=given.run_id,
            contract_version="1.1.2",
            tables=self.tables,
            examples=7,
        )

    def judge(
        self, given: CuratingArguments, plan: TrainingPlan, backtest: Iterable[str]
    ) -> TrainingVerdict:
        self._read(given, plan, backtest)
        return TrainingVerdict(
            series=1, better=self.better, wape=Decimal("0.1"), naive_wape=Decimal("0.2")
        )

    def publish(
        self, given: CuratingArguments, plan: TrainingPlan, said: Iterable[str]
    ) -> ForecastServed:
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
    )


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
    answer = training(s3, FakeEngine()).lay_out("sales_records", EXECUTION, STARTED, tmp_path)
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


def test_an_execution_that_is_repeated_is_the_same_training(s3: Any, tmp_path: Path) -> None:
    steps = training(s3, FakeEngine())
    first, again = (steps.lay_out("d", EXECUTION, STARTED, tmp_path) for _ in range(2))
    assert first == again
    assert steps.lay_out("d", f"{EXECUTION}2", STARTED, tmp_path)["job"] != first["job"]


def test_a_long_name_of_a_dataset_still_gives_a_name_of_a_job(s3: Any, tmp_path: Path) -> None:
    answer = training(s3, FakeEngine()).lay_out("a_" * 40, EXECUTION, STARTED, tmp_path)
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,60}", answer["job"])


def test_nothing_to_learn_uploads_nothing(s3: Any, tmp_path: Path) -> None:
    answer = training(s3, FakeEngine(tables=())).lay_out("d", EXECUTION, STARTED, tmp_path)
    assert answer["trains"] is False
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket="processed")["Contents"]]
    assert keys == [f"runs/d/{answer['training']}/training.json"]


@pytest.fixture
def trained(s3: Any, tmp_path: Path) -> tuple[FakeEngine, Training, str, str]:
    """A training whose job has ended, with its name and the address of its model."""
    engine = FakeEngine()
    steps = training(s3, engine)
    answer = steps.lay_out("d", EXECUTION, STARTED, tmp_path)
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
