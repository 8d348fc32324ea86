"""The sales contract with `tableFormat: delta`: loaded, refused, rolled back, maintained; told as one story, in order.

The application is a copy of this one in which only that contract differs. Athena's answers are compared with the input
files, and with the tables as deltalake reads them, which is neither Spark nor the JVM.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from deltalake import DeltaTable

from contracts import model
from sample_data import broken
from sample_data.sales_rows import Span, write_file
from slipway import __main__ as command_line
from slipway.reading import independent_count, ledgers
from tests.end_to_end.pipeline import DATASET, Pipeline, money

pytestmark = pytest.mark.deep  # a deployment of its own; tests/spark has each promise of the format

ROOT = Path(__file__).parents[2]
SALES_FILE = ROOT / "tests" / "real" / "sales_records_500.csv"
LINKED = (".venv", ".slipway", "node_modules")
MARKS_OF_ICEBERG = re.compile(r"      - property: (?:warehouse|forecast)\n        value: \{.*\}\n")
SYNTHESIZE = (
    "import sys; from pathlib import Path; from local_cloud import assembly; "
    "print(assembly.current(Path(sys.argv[1])))"
)
ROWS = 40


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was synthesized of the copy."""
    folder = tmp_path_factory.mktemp("delta")
    copy = copied(folder / "application")
    contract = copy / "datasets" / DATASET / "contract.yaml"
    text = contract.read_text(encoding="utf-8")
    changed = text.replace("value: iceberg", "value: delta").replace("1.1.2", "2.0.0")
    contract.write_text(MARKS_OF_ICEBERG.sub("", changed), encoding="utf-8")
    shutil.rmtree(copy / "sql" / "redshift" / DATASET)
    python(copy, "-m", "contracts.authoring")
    return Path(python(copy, "-c", SYNTHESIZE, str(folder / "assembly")).splitlines()[-1])


def copied(target: Path) -> Path:
    """The repository as it is, without what nothing is built from."""
    shutil.copytree(ROOT, target, ignore=lambda _, names: {*LINKED, "build", ".git"} & set(names))
    for name in LINKED:
        (target / name).symlink_to(ROOT / name)
    return target


def python(folder: Path, *arguments: str) -> str:
    """What Python prints when it runs in a copy of the repository."""
    environment = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def another_reader(pipeline: Pipeline, bucket: str, name: str) -> DeltaTable:
    """A table as a library reads it that knows neither Slipway nor Spark."""
    here = ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    options = {
        **{variable: os.environ[variable] for variable in here},
        "AWS_ALLOW_HTTP": "true",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "false",
    }
    uri = f"s3://{pipeline.deployment.output(bucket)}/tables/{name}"
    return DeltaTable(uri, storage_options=options)


def test_a_real_file_is_loaded_to_the_cent_and_every_reader_agrees(pipeline: Pipeline) -> None:
    outcome = pipeline.deliver(SALES_FILE)
    assert outcome.failed_executions == []
    ((rows, revenue),) = pipeline.ask(
        f"select count(*), sum(total_revenue) from processed.{DATASET}"
    )
    expected = independent_count.delivered([SALES_FILE], model.load(DATASET))
    assert (rows, money(revenue)) == (500, expected.totals["total_revenue"])
    ((curated,),) = pipeline.ask("select sum(revenue) from curated.sales_by_month_item")
    assert money(curated) == money(revenue) == Decimal("636617627.72")
    read = another_reader(pipeline, "ProcessedBucketName", DATASET).to_pyarrow_table()
    assert (read.num_rows, sum(read["total_revenue"].to_pylist())) == (rows, money(revenue))


def test_only_spark_did_it_and_the_run_says_why(pipeline: Pipeline) -> None:
    run = ledgers.runs(pipeline.deployment, DATASET)[-1]
    assert set(run["engines"].values()) == {"spark"}
    assert run["engine_reason"] == "only Spark on Glue writes tables of format delta"


def test_athena_is_told_what_the_table_is(pipeline: Pipeline) -> None:
    glue = pipeline.deployment.client("glue")
    table = glue.get_table(DatabaseName="slipway_local_processed", Name=DATASET)["Table"]
    assert table["Parameters"]["table_type"] == "DELTA"
    columns = [column["Name"] for column in table["StorageDescriptor"]["Columns"]]
    assert columns[:2] == ["region", "country"]
    assert columns[-1] == "order_date_month"


def test_a_file_that_the_gate_refuses_leaves_every_table_as_it_was(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    before = pipeline.tables()
    whole, damaged = tmp_path / "whole.csv", tmp_path / "damaged.csv"
    span = Span(first=date(2033, 5, 1))
    write_file(whole, rows=ROWS, span=span, seed="damaged", first_serial=470_000_000)
    broken.break_rows(whole, damaged, 10)  # a quarter; the contract allows a tenth
    outcome = pipeline.deliver(damaged)
    assert [fate.status for fate in outcome.fates] == ["set_aside"]
    assert pipeline.tables() == before


def test_a_run_is_rolled_back_and_maintenance_keeps_what_stands(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    before = pipeline.tables()
    later = tmp_path / "later.csv"
    span = Span(first=date(2033, 5, 1))
    write_file(later, rows=ROWS, span=span, seed="later", first_serial=480_000_000)
    assert pipeline.deliver(later).failed_executions == []
    loaded = pipeline.tables()
    assert loaded["processed"][0][0] == before["processed"][0][0] + ROWS
    run = ledgers.runs(pipeline.deployment, DATASET)[-1]
    assert command_line.main(["runs", "rollback", run["run_id"], "--yes"]) == 0
    assert pipeline.tables() == before
    assert command_line.main(["maintain", "--dataset", DATASET]) == 0
    assert pipeline.tables() == before
    read = another_reader(pipeline, "ProcessedBucketName", DATASET).to_pyarrow_table()
    assert read.num_rows == before["processed"][0][0]
