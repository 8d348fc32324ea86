"""What is shipped: exactly the code of one function or job, small, and unchanged when other code changes."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import IgnoreMode, Stack
from aws_cdk import aws_s3_assets as assets

from stacks.constructs.python_function import code_of
from tests.infrastructure.support import FUNCTIONS, ROOT, Assembly, new_app

# An engine comes as a layer, and its code along with the functions that work with it.
HEAVY = ("forecast", "train_forecast", "run_mart", "load_small_batch", "curate_small_batch")
LIGHT = [name for name in FUNCTIONS if name not in HEAVY]
SHARED = (
    "contracts/*.py",
    "contracts/warehouse/*.py",
    "contracts/compiled/*.json",
    "pipeline/**/*.py",
)
LARGEST_ZIP_BYTES = 200 * 1024


def asset_of_function(assembly: Assembly, name: str) -> Path:
    """Folder of the code of a function."""
    [function] = [
        resource["Properties"]
        for resource in assembly.resources("AWS::Lambda::Function").values()
        if resource["Properties"]["Handler"] == f"lambdas.{name}.handler.handle"
    ]
    return asset_at(assembly, function["Code"])


def asset_at(assembly: Assembly, code: dict[str, Any]) -> Path:
    """Folder of the code that a function names."""
    return assembly.folder / ("asset." + code["S3Key"].removesuffix(".zip"))


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def sources(*patterns: str) -> set[str]:
    return {str(path.relative_to(ROOT)) for pattern in patterns for path in ROOT.glob(pattern)}


@pytest.mark.parametrize("name", LIGHT)
def test_a_function_ships_its_own_code_and_the_shared_domain(prod: Assembly, name: str) -> None:
    assert files_of(asset_of_function(prod, name)) == sources(
        *SHARED, "lambdas/__init__.py", f"lambdas/{name}/*.py"
    )


@pytest.mark.parametrize("name", LIGHT)
def test_a_function_is_small(prod: Assembly, name: str) -> None:
    folder, packed = asset_of_function(prod, name), io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(files_of(folder)):
            archive.write(folder / file, file)
    assert packed.tell() < LARGEST_ZIP_BYTES


def test_the_jobs_ship_their_packages_and_the_shared_domain(prod: Assembly) -> None:
    jobs = prod.resources("AWS::Glue::Job").values()
    [packages] = {
        json.dumps(job["Properties"]["DefaultArguments"]["--extra-py-files"]) for job in jobs
    }
    folder = prod.folder / ("asset." + packages.rpartition("/")[2].partition(".zip")[0])
    assert files_of(folder) == sources(*SHARED, "rows/**/*.py", "glue_jobs/**/*.py")


def test_the_script_of_a_job_is_the_file_of_its_name(prod: Assembly) -> None:
    for name in ("raw_to_processed", "processed_to_curated", "care"):
        [job] = [
            job["Properties"]
            for place, job in prod.resources("AWS::Glue::Job").items()
            if "".join(word.capitalize() for word in name.split("_")) in place
        ]
        location = (
            json.dumps(job["Command"]["ScriptLocation"]).rpartition("/")[2].partition(".py")[0]
        )
        shipped = prod.folder / f"asset.{location}.py"
        assert shipped.read_text(encoding="utf-8") == (ROOT / "glue_jobs" / f"{name}.py").read_text(
            encoding="utf-8"
        )


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A copy of everything that is shipped."""
    root = tmp_path / "root"
    for folder in ("contracts", "pipeline", "rows", "lambdas", "glue_jobs"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def hash_of(root: Path, name: str, outdir: Path) -> str:
    stack = Stack(new_app(outdir), "S")
    return assets.Asset(
        stack, "A", path=str(root), exclude=code_of(name), ignore_mode=IgnoreMode.GIT
    ).asset_hash


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ("glue_jobs/raw_to_processed.py", True),
        ("lambdas/intake/service.py", True),
        ("contracts/authoring/checks.py", True),
        ("lambdas/gate/service.py", False),
        ("contracts/model.py", False),
        ("contracts/compiled/sales_records.json", False),
    ],
)
def test_the_hash_of_a_function_follows_its_own_code_only(
    code: Path, tmp_path: Path, changed: str, same: bool
) -> None:
    before = hash_of(code, "gate", tmp_path / "before")
    with (code / changed).open("a", encoding="utf-8") as file:
        file.write("\n")
    assert (hash_of(code, "gate", tmp_path / "after") == before) is same
