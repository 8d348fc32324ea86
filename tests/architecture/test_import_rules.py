"""Who may import whom (pyproject.toml, [tool.importlinter]) and what an import may cost."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py"))
ON_DUCKDB = (
    *("curate_small_batch", "forecast", "load_small_batch", "run_mart", "train_forecast"),
    "write_back",
)
ON_POSTGRES = ("prepare_database",)  # called when a write-back is refused, so hardly ever
# In imports of boto3 by the same process, since a busy machine makes seconds of both longer.
ENGINE_BUDGET = 10  # measured 4.3 to 6.6: DuckDB, and pyiceberg with pydantic
POSTGRES_BUDGET = 2.5  # measured 1.1 to 1.5: psycopg
IMPORT_BUDGET = 1  # measured 0.4 to 0.5; boto3 takes 0.2 s

MEASURE = """
import json, sys, time
began = time.process_time()
import boto3, botocore.config
before, boto3_there = set(sys.modules), time.process_time()
import lambdas.{function}.handler
cost = (time.process_time() - boto3_there) / (boto3_there - began)
print(json.dumps({{"cost": cost, "modules": sorted(set(sys.modules) - before)}}))
"""
HEAVY = {"pyspark", "pandas", "pydantic", "yaml", "sqlglot", "awswrangler", "numpy"}


def python(code: str, *, check: bool = True) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=check).stdout


def imported(function: str, budget: float) -> dict[str, Any]:
    """What a process of its own says of the import; the first of three that is within the budget, if one is."""
    answers = (json.loads(python(MEASURE.format(function=function))) for _ in range(3))
    slow = []
    for answer in answers:
        if answer["cost"] < budget:
            return dict(answer)
        slow.append(answer["cost"])  # the first one reads from disk
    raise AssertionError(
        f"importing {function} costs {slow} imports of boto3, {budget} are allowed"
    )


def test_all_import_rules_hold() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports")]
    linted = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout


def test_the_rules_keep_every_function_apart() -> None:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]["contracts"]
    [modules] = [
        rule["modules"] for rule in rules if rule["name"].startswith("Each Lambda stands alone")
    ]
    assert modules == ["lambdas.*"]


@pytest.mark.parametrize("function", ON_DUCKDB)
def test_a_function_with_an_engine_has_a_budget_of_its_own_and_no_data_frames(
    function: str,
) -> None:
    answer = imported(function, ENGINE_BUDGET)
    found = {name.split(".")[0] for name in answer["modules"]}
    assert not found & {"pyarrow", "pandas", "numpy", "pyspark", "awswrangler", "sqlglot", "yaml"}


@pytest.mark.parametrize("function", sorted(set(FUNCTIONS) - set(ON_DUCKDB)))
def test_a_function_imports_quickly_and_nothing_heavy(function: str) -> None:
    budget = POSTGRES_BUDGET if function in ON_POSTGRES else IMPORT_BUDGET
    answer = imported(function, budget)
    assert not HEAVY & {name.split(".")[0] for name in answer["modules"]}


BLOCKED = "import sys\nfor name in {names}: sys.modules[name] = None\n"


def test_runtime_contracts_load_without_authoring_libraries() -> None:
    code = BLOCKED.format(names=("pydantic", "yaml", "sqlglot", "boto3"))
    answer = python(
        code + "from contracts import model\nprint(len(model.load('sales_records').columns))"
    )
    assert int(answer) == 14


IMPORT_ALL = """
import importlib, pipeline, pkgutil, rows
found = [m.name for room in (pipeline, rows) for m in pkgutil.walk_packages(room.__path__, f"{room.__name__}.")]
for name in found: importlib.import_module(name)
print("pipeline.run_documents.store" in found, "rows.grammar" in found)
"""


def test_what_a_run_and_a_row_are_needs_no_engine_and_no_aws_client() -> None:
    code = BLOCKED.format(names=("boto3", "botocore", "duckdb", "pyspark"))
    assert python(code + IMPORT_ALL) == "True True\n"


IMPORT_DUCKDB_JOBS = """
import importlib, duckdb_jobs, pkgutil
found = [m.name for m in pkgutil.walk_packages(duckdb_jobs.__path__, "duckdb_jobs.")]
for name in found: importlib.import_module(name)
print("duckdb_jobs.database" in found)
"""


def test_the_duckdb_engine_needs_no_arrow_no_data_frames_and_no_spark() -> None:
    names = ("pyarrow", "pandas", "numpy", "pyspark", "fsspec", "s3fs", "sqlglot", "yaml")
    assert python(BLOCKED.format(names=names) + IMPORT_DUCKDB_JOBS) == "True\n"


def test_the_command_line_helps_without_pandas() -> None:
    code = BLOCKED.format(names=("pandas", "awswrangler"))
    assert "upload" in python(code + "from slipway.__main__ import main\nmain(['--help'])")
