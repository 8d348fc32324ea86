"""The Lambda layer of the DuckDB engine: `python -m stacks.duckdb_layer` builds it, without Docker.

Synth takes the file that `make setup` left, so it stays offline. Its hash is that of the lock file and
of what this module does to the packages, not of the bytes, so templates are equal on every machine.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from fnmatch import fnmatch
from pathlib import Path

from contracts.errors import PermanentError

LOCK = "stacks/duckdb_layer.txt"
FOLDER = ".slipway/layers"
PYTHON, PLATFORM = "3.13", "aarch64-manylinux_2_28"  # as the functions: Python 3.13 on arm64
# Of the 250 MiB that code and layers of a function may have unzipped.
# Source: Lambda developer guide, "Lambda quotas", deployment package size.
LARGEST_BYTES = 120 * 1024 * 1024
# Never imported here: command lines, catalogs other than Glue's, types for checkers, debug symbols.
LEFT_OUT = (
    *("*/__pycache__/*", "*.pyi", "*.pyx", "bin/*", "tests/*", "vendor/*", "zstandard/_cffi*.so"),
    *("pyiceberg/cli/*", "pyiceberg/vendor/*", "pyiceberg/catalog/rest/*", "hive_metastore/*"),
    *("pyiceberg/catalog/hive.py", "pyiceberg/catalog/dynamodb.py", "fb303/*"),
    *("pyiceberg/catalog/bigquery_metastore.py", "adbc_driver_duckdb/*", "duckdb/experimental/*"),
    *("_duckdb-stubs/*", "duckdb-stubs/*"),
)
MOMENT = (1980, 1, 1, 0, 0, 0)  # the first that a zip file can hold: the same file each time


class LayerMissing(PermanentError):
    """The layer that the lock file describes was not built on this machine."""


def asset_hash(root: Path) -> str:
    """Hash of everything that decides what is in the layer of the repository at `root`."""
    parts = [(root / LOCK).read_text(encoding="utf-8"), PYTHON, PLATFORM, *LEFT_OUT]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def built(root: Path) -> Path:
    """The zip file of the layer. Raises LayerMissing when `make setup` has not built this one."""
    path = _path(root)
    if not path.is_file():
        raise LayerMissing(
            f"{path.relative_to(root)} is not there: the layer of the DuckDB functions is built"
            f" from {LOCK} by `make setup`; run it, then synth again"
        )
    return path


def build(root: Path) -> Path:
    """Make the zip file of the layer, unless it is there; those of other lock files are removed."""
    path = _path(root)
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.glob("duckdb-*.zip"):
        old.unlink()
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        packages, unfinished = Path(folder) / "python", Path(folder) / path.name
        _install(root / LOCK, packages)
        _pack(packages, unfinished)
        shutil.move(unfinished, path)
    return path


def _path(root: Path) -> Path:
    return root / FOLDER / f"duckdb-arm64-{asset_hash(root)[:16]}.zip"


def _install(lock: Path, target: Path) -> None:
    platform = ("--python-platform", PLATFORM, "--python-version", PYTHON)
    packages = ("--no-deps", "--only-binary", ":all:", "--target", str(target), "-r", str(lock))
    uv = Path(sys.executable).parent / "uv"
    subprocess.run([str(uv), "pip", "install", "--quiet", *platform, *packages], check=True)


def _pack(packages: Path, archive: Path) -> None:
    """Below `python/`, where Lambda looks for a layer's packages."""
    names = {path.relative_to(packages).as_posix(): path for path in packages.rglob("*")}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as out:
        for name, path in sorted(names.items()):
            if path.is_file() and not any(fnmatch(name, pattern) for pattern in LEFT_OUT):
                out.writestr(_entry(name), path.read_bytes())


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(f"python/{name}", MOMENT)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16  # readable for the function's user
    return entry


if __name__ == "__main__":
    build(Path(__file__).resolve().parents[1])
