"""The notebook for Glue sessions: its Spark cells run on tables that the jobs made; its Glue cells are held to the API.

pytestmark = pytest.mark.push

Nothing that runs a DynamicFrame can be installed: AWSGlueDataplanePython on PyPI is the Python side only, and the Java
classes that it calls come with Glue (aws-glue-libs, README). So cells tagged `glue` are parsed, their calls compared
with the published signatures (awsglue_surface.json), and what `make_cols` gives is built here from its documentation.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import nbformat
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from contracts import headers, model
from local_cloud.adapters.glue import csv_classifier
from stacks.constructs.spark_job import GLUE_VERSION
from tests.spark.lake import Lake

ROOT = Path(__file__).parents[2]
NOTEBOOK = nbformat.read(ROOT / "notebooks" / "glue_dynamic_frame.ipynb", as_version=4)
SURFACE = json.loads((Path(__file__).parent / "awsglue_surface.json").read_text(encoding="utf-8"))[
    "classes"
]
# Source: AWS Glue developer guide, "Configuring AWS Glue interactive sessions for Jupyter"; those used here.
MAGICS = {
    *(
        "glue_version",
        "worker_type",
        "number_of_workers",
        "idle_timeout",
        "additional_python_modules",
    ),
    *("configure", "matplot"),
}
NUMBERS = {"bigint": "long", "int": "long", "decimal(10,2)": "double", "decimal(14,2)": "double"}


def cells(*, glue: bool) -> Iterator[str]:
    for cell in NOTEBOOK.cells:
        if cell.cell_type == "code" and ("glue" in cell.metadata.get("tags", [])) == glue:
            yield cell.source


def as_make_cols_gives(lake: Lake, file: Path) -> DataFrame:
    """A raw file as the DynamicFrame of a crawled table: numbers in `_long` or `_double`, other values in `_string`.

    Columns are called as the embedded AWS's crawler calls them. Source: AWS Glue developer guide, ResolveChoice:
    `make_cols` gives a column per type, named after it.
    """
    classifier = {"Name": "c", "Delimiter": ",", "ContainsHeader": "PRESENT"}
    crawled = csv_classifier.classified(classifier, file.read_bytes(), whole=True, name=file.name)
    assert crawled is not None
    rows = lake.spark.read.csv(str(file), header=True).toDF(*crawled.columns)
    for column in model.load("sales_records").columns:
        (name,) = [
            name
            for name in rows.columns
            if headers.normalized_header(name) == headers.normalized_header(column.name)
        ]
        if column.type in NUMBERS:
            kind = NUMBERS[column.type]
            value = F.expr(f"try_cast(trim(`{name}`) AS {kind})")
            text = F.when(value.isNull(), F.col(f"`{name}`"))
            if rows.where(text.isNotNull()).limit(1).count():
                rows = rows.withColumns({f"{name}_{kind}": value, f"{name}_string": text})
                rows = rows.drop(name)
    return rows


@pytest.fixture(scope="module")
def lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """One for all tests here, which only read."""
    environment = "notebook"
    for zone in ("processed", "curated"):
        spark.sql(f"CREATE NAMESPACE glue_catalog.slipway_{environment}_{zone}")
    folder = tmp_path_factory.mktemp("lake")
    return Lake(
        spark=spark, folder=folder, environment=environment, contract=model.load("sales_records")
    )


@pytest.fixture(scope="module")
def ran(lake: Lake) -> dict[str, Any]:
    """What the Spark cells leave behind, after the pipeline loaded the same broken file."""
    mpl.use("Agg")
    broken = ROOT / "sample_data" / "sales_records_broken.csv"
    lake.run(lake.put(broken.read_bytes(), broken.name, 0))
    left: dict[str, Any] = {
        "spark": lake.spark,
        "ENVIRONMENT": lake.environment,
        "resolved": as_make_cols_gives(lake, broken),
    }
    for source in cells(glue=False):
        exec(compile(source, "glue_dynamic_frame.ipynb", "exec"), left)
        if "figure" in left:
            left.setdefault("figures", []).append(left.pop("figure"))
    return left


def test_texts_among_numbers_are_those_that_the_pipeline_refused(
    ran: dict[str, Any], lake: Lake
) -> None:
    found = {(row["column"], row["text"]): row["records"] for row in ran["texts"].collect()}
    assert found
    assert "order id_long" in ran["resolved"].columns  # as a crawler leaves a heading
    compared = {row["column"]: (row["in_raw"], row["refused"]) for row in ran["compared"].collect()}
    of_numbers = {
        name: counts for name, counts in compared.items() if name in {column for column, _ in found}
    }
    assert {column for column, _ in found} == set(of_numbers)
    assert all(in_raw == refused > 0 for in_raw, refused in of_numbers.values())
    refused_text = " ".join(
        row.raw_text for row in lake.tables.read(lake.quarantine).select("raw_text").collect()
    )
    assert [text for _, text in found if text.strip() not in refused_text] == []


def test_every_figure_has_marks(ran: dict[str, Any]) -> None:
    marks = [
        len(axes.lines) + len(axes.patches) for figure in ran["figures"] for axes in figure.axes
    ]
    assert len(marks) == 2
    assert min(marks) > 0


def test_the_drawn_revenue_is_that_of_the_curated_table(ran: dict[str, Any], lake: Lake) -> None:
    (total,) = lake.tables.read(lake.processed).agg(F.sum("total_revenue")).collect()[0]
    assert ran["quarters"]["revenue"].sum() == total


def test_columns_without_a_text_are_no_choice(ran: dict[str, Any], lake: Lake) -> None:
    clean = lake.spark.createDataFrame([(1, "a")], "units_sold bigint, region string")
    assert ran["texts_among_numbers"](clean).count() == 0


def test_magics_are_those_of_glue_and_its_version_is_that_of_the_jobs() -> None:
    lines = [
        line for source in cells(glue=True) for line in source.splitlines() if line.startswith("%")
    ]
    assert {line.lstrip("%").split()[0] for line in lines} <= MAGICS
    assert f"%glue_version {GLUE_VERSION}" in lines


def test_the_session_is_configured_like_the_jobs() -> None:
    (source,) = [source for source in cells(glue=True) if source.startswith("%%configure")]
    configured = json.loads(source.removeprefix("%%configure"))
    assert configured["--datalake-formats"] == "iceberg"
    settings = dict(text.split("=", 1) for text in configured["--conf"].split(" --conf "))
    jobs = (ROOT / "stacks" / "processing.py").read_text(encoding="utf-8")
    for name, value in settings.items():
        assert value in jobs
        assert name.rpartition(".")[2] in jobs


def calls() -> Iterator[tuple[str, int, list[str]]]:
    """(method, positional arguments, keywords) of every call in the Glue cells, magics aside."""
    for source in cells(glue=True):
        if not source.startswith("%%"):
            tree = ast.parse(re.sub(r"(?m)^%.*$", "", source))
            for node in ast.walk(tree):
                if isinstance(node, ast.Call):
                    name = (
                        node.func.attr
                        if isinstance(node.func, ast.Attribute)
                        else getattr(node.func, "id", "")
                    )
                    yield name, len(node.args), [keyword.arg or "" for keyword in node.keywords]


def test_glue_cells_call_what_awsglue_has() -> None:
    known = {
        name: parameters for methods in SURFACE.values() for name, parameters in methods.items()
    }
    known |= {"GlueContext": known["__init__"], "getOrCreate": []}  # the latter is SparkContext's
    found = list(calls())
    assert {name for name, _, _ in found} >= {
        "from_catalog",
        "resolveChoice",
        "toDF",
        "GlueContext",
    }
    for name, positional, keywords in found:
        assert name in known, name
        assert set(keywords) <= set(known[name]), name
        assert positional <= len(known[name]), name


@pytest.mark.parametrize("name", ["sales_analysis", "glue_dynamic_frame"])
def test_notebooks_are_kept_without_outputs(name: str) -> None:
    document = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    code = [cell for cell in document.cells if cell.cell_type == "code"]
    assert code
    assert [cell.id for cell in code if cell.outputs or cell.execution_count] == []
