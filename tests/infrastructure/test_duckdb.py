"""The functions of the DuckDB engine and their layer: what is shipped, how large it is, and from where."""

from __future__ import annotations

import hashlib
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import ContractInvalid
from stacks.layers import DUCKDB, LAYERS, Layer, LayerMissing
from stacks.settings import load
from tests.infrastructure.support import ROOT, Assembly, actions_of, resources_of
from tests.infrastructure.test_assets import SHARED, asset_of_function, files_of, sources

JOBS = ("load_small_batch", "curate_small_batch")
FUNCTIONS = (*JOBS, "forecast", "run_mart")
DATA = {"run_mart": ("contracts/compiled/marts/*.json",)}
JOB_OF = {"load_small_batch": "RawToProcessed", "curate_small_batch": "ProcessedToCurated"}


def function(assembly: Assembly, name: str) -> dict[str, Any]:
    [found] = [
        resource["Properties"]
        for resource in assembly.resources("AWS::Lambda::Function").values()
        if resource["Properties"]["Handler"] == f"lambdas.{name}.handler.handle"
    ]
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_the_size_of_the_settings_and_as_much_time_as_there_is(
    prod: Assembly, comprehensive: Assembly, name: str
) -> None:
    found = function(prod, name)
    assert (found["Runtime"], found["Architectures"]) == ("python3.13", ["arm64"])
    assert (found["MemorySize"], found["EphemeralStorage"]["Size"]) == (3008, 4096)
    assert found["Timeout"] == (110 if name == "forecast" else 15 * 60)
    large = function(comprehensive, name)
    assert (large["MemorySize"], large["EphemeralStorage"]["Size"]) == (8192, 10240)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_ships_its_engine_and_nothing_of_spark(prod: Assembly, name: str) -> None:
    shipped = files_of(asset_of_function(prod, name))
    own = ("lambdas/__init__.py", f"lambdas/{name}/*.py", *DATA.get(name, ()))
    assert shipped == sources(*SHARED, "rows/**/*.py", "duckdb_jobs/**/*.py", *own)


def statements(assembly: Assembly, role: str) -> set[tuple[str, str]]:
    """(action, resource) of a role, without its own log, its code and what Glue does with a job's role."""
    return {
        (action, resource)
        for statement in assembly.statements_of_role("Processing", role)
        for action in actions_of(statement)
        for resource in resources_of(statement)
        if not action.startswith(("logs:", "cloudwatch:"))
        and "assets" not in resource
        and "OperationsKey" not in resource
    }


@pytest.mark.parametrize("name", JOBS)
def test_a_function_may_do_what_the_job_that_it_stands_for_may_and_nothing_else(
    prod: Assembly, name: str
) -> None:
    role = "".join(word.capitalize() for word in name.split("_")) + "Role"
    assert statements(prod, role) == statements(prod, f"{JOB_OF[name]}Role")


def test_the_forecast_reads_what_it_is_made_from_and_writes_tables_of_forecasts_only(
    prod: Assembly,
) -> None:
    may = statements(prod, "ForecastRole")
    written = {
        resource
        for action, resource in may
        if action in ("s3:PutObject", "s3:DeleteObject", "glue:CreateTable", "glue:UpdateTable")
    }
    tables = {resource for resource in written if "table/" in resource or "tables/" in resource}
    assert tables
    assert all("sales_by_month_item_forecast" in resource for resource in tables)
    assert all(resource.endswith(("catalog", "_curated")) for resource in written - tables)
    read = {resource for action, resource in may if action == "s3:GetObject"}
    assert {resource.rsplit("tables/", 1)[-1] for resource in read} == {
        "sales_records/*",
        "sales_by_month_item/*",
        "sales_by_month_item_forecast/*",
    }
    assert {action for action, _ in may if action.startswith("s3:")} <= {
        *("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"),
        *("s3:AbortMultipartUpload",),
    }


def test_the_functions_of_a_stack_share_one_layer_named_by_its_lock_file(prod: Assembly) -> None:
    layers = prod.resources("AWS::Lambda::LayerVersion")
    # Each stack has its own version of the one file, so that neither waits for the other.
    assert sorted(place.partition("/")[0] for place in layers) == ["Marts", "Processing"]
    [layer] = {
        each["Properties"]["Content"]["S3Key"]: each["Properties"] for each in layers.values()
    }.values()
    # The CDK hashes a hash that it is given once more.
    key = hashlib.sha256(DUCKDB.asset_hash(ROOT).encode()).hexdigest()
    assert layer["Content"]["S3Key"] == f"{key}.zip"
    assert layer["CompatibleArchitectures"] == ["arm64"]
    assert all(len(function(prod, name)["Layers"]) == 1 for name in FUNCTIONS)


def test_the_embedded_aws_gets_none_since_its_functions_have_the_packages_of_the_tools(
    local: Assembly,
) -> None:
    assert not local.resources("AWS::Lambda::LayerVersion")
    assert not any("Layers" in function(local, name) for name in FUNCTIONS)


def test_the_layer_is_far_below_what_lambda_takes_and_holds_no_arrow() -> None:
    with zipfile.ZipFile(DUCKDB.built(ROOT)) as archive:
        assert sum(entry.file_size for entry in archive.infolist()) < DUCKDB.largest_bytes
        packages = {name.split("/")[1] for name in archive.namelist()}
        assert {name.split("/")[0] for name in archive.namelist()} == {"python"}
    assert {"duckdb", "pyiceberg", "pydantic"} < packages
    assert not packages & {"pyarrow", "pandas", "numpy", "boto3", "botocore"}
    machine = {name for name in packages if name.endswith(".so")}
    assert machine
    assert not any("x86_64" in name for name in machine)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_a_layer_has_the_versions_that_everything_here_is_tested_with(layer: Layer) -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.partition(" ;")[0] for line in lines}
    lock = (ROOT / layer.lock).read_text(encoding="utf-8").splitlines()
    packages = [line for line in lock if not line.startswith("#")]
    assert packages
    assert set(packages) <= pinned, "copy the versions of requirements.txt"


def test_a_layer_that_was_not_built_is_an_error_that_says_what_to_type(tmp_path: Path) -> None:
    (tmp_path / "stacks").mkdir()
    (tmp_path / DUCKDB.lock).write_text("duckdb==9.9.9\n", encoding="utf-8")
    with pytest.raises(LayerMissing, match=r"stacks/duckdb_layer\.txt by `make setup`"):
        DUCKDB.built(tmp_path)
    assert DUCKDB.asset_hash(tmp_path) != DUCKDB.asset_hash(ROOT)


def test_the_local_environment_may_be_told_one_engine_for_every_run() -> None:
    config = ROOT / "config"
    every, none = (load(config, "local", engine=name).duckdb for name in ("duckdb", "spark"))
    assert min(every.max_rows, every.max_megabytes) >= 10**9
    assert (none.max_rows, none.max_megabytes) == (0, 0)
    emr = load(config, "local", engine="emr").emr
    assert (emr.enabled, emr.above_rows, emr.above_megabytes) == (True, 0, 0)
    assert not load(config, "local", engine="duckdb").emr.enabled
    for environment, engine in (("prod", "duckdb"), ("local", "sail")):
        named = re.escape(f"-c engine={engine}: it is spark, duckdb, emr, and for")
        with pytest.raises(ContractInvalid, match=named):
            load(config, environment, engine=engine)


def test_as_shipped_a_batch_goes_to_duckdb_if_its_rows_fit_into_memory_many_times() -> None:
    """A million rows of 14 columns took 1.2 GB; record 25. A row of superstore is three times as wide."""
    for environment in ("dev", "prod", "local"):
        size = load(ROOT / "config", environment).duckdb
        assert size.max_rows
        assert size.max_rows * 3 * 1_200 < size.memory_megabytes * 1024 * 1024
        assert size.max_megabytes <= size.memory_megabytes / 12
