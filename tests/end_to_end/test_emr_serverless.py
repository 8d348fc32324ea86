"""One batch on DuckDB, on EMR Serverless with Spark 4.0.2 and on Glue's path: equal rows, reasons and documents.

The application is a copy of this one whose local settings deploy EMR Serverless with the older release, so that its
Spark is another than Glue's. The batch is loaded, rolled back, released and loaded again by the next engine.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from contracts import model, naming
from pipeline.engines import Engine
from pipeline.run_documents import CurateResult, LoadResult
from sample_data import broken
from sample_data.sales_rows import Span, write_file
from slipway import __main__ as command_line
from slipway.reading import lake, ledgers
from tests.end_to_end.pipeline import DATASET, Pipeline, sha256_of
from tests.end_to_end.test_delta import SYNTHESIZE, copied, python

pytestmark = pytest.mark.deep  # a deployment of its own and eight Spark starts

ROOT = Path(__file__).parents[2]
REAL_FILE = ROOT / "tests" / "real" / "sales_records_500.csv"
ROWS = 400
HOURS = re.compile(r"-?[\d.]+ hours before the run")
PATIENCE_SECONDS = (
    900  # for two Spark starts, and half a minute after each until what was billed is known
)
OF_A_RUN = ("_run_id", "_loaded_at", "run_id", "checked_at")
# What is another engine's, or another run's of the same batch.
OWN = {"engine", "duration_seconds", "snapshots", "run_id", "branch"}
OWN_CURATED = {"snapshot", "before"}


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was synthesized of the copy."""
    if not (ROOT / ".slipway" / "emr.done").exists():
        pytest.fail("Spark 4.0.2 is not there: run `make emr`")
    folder = tmp_path_factory.mktemp("emr")
    copy = copied(folder / "application")
    settings = copy / "config" / "local.yaml"
    text = settings.read_text(encoding="utf-8")
    begin, end = text.index("\nemr:\n"), text.index("\nathena:\n")
    section = text[begin:end].replace("enabled: false", "enabled: true")
    section = section.replace("release_label: emr-spark-8.1.0", "release_label: emr-spark-8.0.0")
    settings.write_text(text[:begin] + section + text[end:], encoding="utf-8")
    return Path(python(copy, "-c", SYNTHESIZE, str(folder / "assembly")).splitlines()[-1])


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The real records, made ones with repeats of their keys, and some that are refused for many reasons."""
    folder = tmp_path_factory.mktemp("batch")
    plain, damaged = folder / "plain.csv", folder / "damaged.csv"
    span = Span(first=date(2033, 5, 1), months=2)
    write_file(plain, rows=ROWS, span=span, seed="emr", first_serial=470_000_000)
    broken.break_rows(plain, damaged, 10)
    real = folder / REAL_FILE.name
    real.write_bytes(REAL_FILE.read_bytes())
    return [real, damaged]


@pytest.fixture(scope="module")
def seen() -> dict[Engine, dict[str, Any]]:
    """What each engine left, for the comparison at the end."""
    return {}


def left_by(pipeline: Pipeline, run_id: str) -> dict[str, Any]:
    """Every row of every table, without what says which run wrote it, and both documents."""
    contract = model.load(DATASET)
    tables = {
        f"processed.{DATASET}",
        f"processed.{naming.quarantine_table(DATASET)}",
        *(f"curated.{curated.name}" for curated in contract.curated),
    }
    found = {name: sorted(rows(pipeline, name)) for name in sorted(tables)}
    quality = f"processed.{naming.quality_table(DATASET)}"  # which keeps what was rolled back
    found[quality] = sorted(rows(pipeline, f"{quality} where run_id = '{run_id}'"))
    load, curate = document(pipeline, LoadResult, run_id), document(pipeline, CurateResult, run_id)
    found["load"] = {name: value for name, value in load.items() if name not in OWN}
    found["curate"] = [
        {name: value for name, value in one.items() if name not in OWN_CURATED}
        for one in curate["models"]
    ]
    return found


def rows(pipeline: Pipeline, table: str) -> Iterator[str]:
    """As text; a rule that looks at how old rows are measures something else in each run."""
    frame = lake.query(pipeline.deployment, f"select * from {table}")
    kept = [name for name in frame.columns if name not in OF_A_RUN]
    for row in frame[kept].itertuples(index=False, name=None):
        yield HOURS.sub("hours before the run", repr(row))


def document(pipeline: Pipeline, kind: Any, run_id: str) -> dict[str, Any]:
    body = pipeline.deployment.client("s3").get_object(
        Bucket=pipeline.deployment.output("ProcessedBucketName"), Key=kind.key(DATASET, run_id)
    )["Body"]
    return dict(json.loads(HOURS.sub("hours before the run", body.read().decode())))


def last_run(pipeline: Pipeline) -> dict[str, Any]:
    return [run for run in ledgers.runs(pipeline.deployment, DATASET) if run["mode"] == "load"][-1]


def load_again(pipeline: Pipeline, batch: list[Path], engine: Engine) -> dict[str, Any]:
    """Take the last load back, and have the same files loaded by another engine."""
    before = last_run(pipeline)["run_id"]
    assert command_line.main(["runs", "rollback", before, "--yes"]) == 0
    for file in batch:
        assert command_line.main(["files", "release", sha256_of(file)]) == 0
    assert command_line.main(["runs", "start", "--dataset", DATASET, "--engine", engine]) == 0
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (run := last_run(pipeline))["run_id"] == before or run["status"] == "running":
        assert time.monotonic() < deadline, f"the run on {engine} is {run['status']}"
        time.sleep(1)
    assert run["status"] == "succeeded", run.get("cause")
    return run


def test_a_small_batch_goes_to_duckdb_as_before(
    pipeline: Pipeline, batch: list[Path], seen: dict[Engine, dict[str, Any]]
) -> None:
    assert pipeline.deliver(*batch).failed_executions == []
    run = last_run(pipeline)
    assert set(run["engines"].values()) == {"duckdb"}
    seen["duckdb"] = left_by(pipeline, run["run_id"])


def test_emr_serverless_does_it_when_it_is_named_and_says_what_it_cost(
    pipeline: Pipeline, batch: list[Path], seen: dict[Engine, dict[str, Any]]
) -> None:
    run = load_again(pipeline, batch, "emr")
    assert run["engines"] == {"raw_to_processed": "emr", "processed_to_curated": "emr"}
    assert (run["engine_chosen"], run["engine_reason"]) == ("emr", "the request named it")
    assert run["fallbacks"] == {}
    assert min(run["cost_usd"].values()) > 0
    assert min(run["worker_seconds"].values()) >= 60  # a minute is billed at least
    seen["emr"] = left_by(pipeline, run["run_id"])


def test_glues_spark_does_it_too(
    pipeline: Pipeline, batch: list[Path], seen: dict[Engine, dict[str, Any]]
) -> None:
    run = load_again(pipeline, batch, "spark")
    assert set(run["engines"].values()) == {"spark"}
    seen["spark"] = left_by(pipeline, run["run_id"])


@pytest.mark.parametrize("engine", ["emr", "spark"])
def test_rows_reasons_and_documents_are_those_of_duckdb(
    seen: dict[Engine, dict[str, Any]], engine: Engine
) -> None:
    assert len(seen["duckdb"][f"processed.{naming.quarantine_table(DATASET)}"]) == 10
    for name, wanted in seen["duckdb"].items():
        assert seen[engine][name] == wanted, name
