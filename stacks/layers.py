"""Lambda layers with what some functions import besides boto3: `python -m stacks.layers` builds them, without Docker.

Synth takes the files that `make setup` left, so it stays offline. The hash of a layer is that of its lock file and
of what this module does to the packages, not of the bytes, so templates are equal on every machine.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from contracts.errors import PermanentError

FOLDER = ".slipway/layers"
PYTHON, PLATFORM = "3.13", "aarch64-manylinux_2_28"  # as the functions: Python 3.13 on arm64
MOMENT = (1980, 1, 1, 0, 0, 0)  # the first that a zip file can hold: the same file each time


class LayerMissing(PermanentError):
    """The layer that the lock file describes was not built on this machine."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer: `lock` lists its packages with their versions, `left_out` what of them is never imported.

    `largest_bytes` are of the 250 MiB that code and layers of a function may have unzipped.
    Source: Lambda developer guide, "Lambda quotas", deployment package size.
    """

    name: str
    title: str
    description: str
    largest_bytes: int
    left_out: tuple[str, ...]

    @property
    def lock(self) -> str:
        """The lock file, from the root of the repository."""
        return f"stacks/{self.name}_layer.txt"

    def asset_hash(self, root: Path) -> str:
        """Hash of everything that decides what is in the layer of the repository at `root`."""
        lock = (root / self.lock).read_text(encoding="utf-8")
        return hashlib.sha256(
            "\n".join([lock, PYTHON, PLATFORM, *self.left_out]).encode()
        ).hexdigest()

    def built(self, root: Path) -> Path:
        """The zip file of the layer. Raises LayerMissing when `make setup` has not built this one."""
        path = self._path(root)
        if not path.is_file():
            raise LayerMissing(
                f"{path.relative_to(root)} is not there: the layer is built from {self.lock} by"
                " `make setup`; run it, then synth again"
            )
        return path

    def build(self, root: Path) -> Path:
        """Make the zip file of the layer, unless it is there; those of other lock files are removed."""
        path = self._path(root)
        if path.is_file():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        for old in path.parent.glob(f"{self.name}-*.zip"):
            old.unlink()
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            packages, unfinished = Path(folder) / "python", Path(folder) / path.name
            _install(root / self.lock, packages)
            self._pack(packages, unfinished)
            shutil.move(unfinished, path)
        return path

    def _path(self, root: Path) -> Path:
        return root / FOLDER / f"{self.name}-arm64-{self.asset_hash(root)[:16]}.zip"

    def _pack(self, packages: Path, archive: Path) -> None:
        """Below `python/`, where Lambda looks for a layer's packages."""
        names = {path.relative_to(packages).as_posix(): path for path in packages.rglob("*")}
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as out:
            for name, path in sorted(names.items()):
                if path.is_file() and not any(fnmatch(name, each) for each in self.left_out):
                    out.writestr(_entry(name), path.read_bytes())


DUCKDB = Layer(
    name="duckdb",
    title="DuckDb",
    description="DuckDB and pyiceberg, without pyarrow",
    largest_bytes=120 * 1024 * 1024,
    # Command lines, catalogs other than Glue's, types for checkers, debug symbols.
    left_out=(
        *("*/__pycache__/*", "*.pyi", "*.pyx", "bin/*", "tests/*", "vendor/*", "zstandard/_cffi*.so"),
        *("pyiceberg/cli/*", "pyiceberg/vendor/*", "pyiceberg/catalog/rest/*", "hive_metastore/*"),
        *("pyiceberg/catalog/hive.py", "pyiceberg/catalog/dynamodb.py", "fb303/*"),
        *("pyiceberg/catalog/bigquery_metastore.py", "adbc_driver_duckdb/*", "duckdb/experimental/*"),
        *("_duckdb-stubs/*", "duckdb-stubs/*"),
    ),
)  # fmt: skip
POSTGRES = Layer(
    name="postgres",
    title="Postgres",
    description="psycopg with libpq and OpenSSL",
    largest_bytes=30 * 1024 * 1024,
    left_out=("*/__pycache__/*", "*.pyi", "*.pyx"),
)
SFTP = Layer(
    name="sftp",
    title="Sftp",
    description="paramiko",
    largest_bytes=30 * 1024 * 1024,
    # invoke runs commands on this machine.
    left_out=("*/__pycache__/*", "*.pyi", "bin/*", "tests/*", "invoke/*"),
)
# No layer, but made in the same way: what the jobs import besides Spark, as an archive for EMR Serverless.
EMR = Layer(
    name="emr",
    title="Emr",
    description="boto3 with the three services that the jobs call",
    largest_bytes=30 * 1024 * 1024,
    left_out=(
        *("*/__pycache__/*", "*.pyi", "bin/*", "botocore/data/[a-r]*/*", "botocore/data/[t-z]*/*"),
        *("botocore/data/s[!3et]*/*", "botocore/data/s3?*/*", "botocore/data/se[!c]*/*"),
        *("botocore/data/security*/*", "botocore/data/st[!s]*/*"),
    ),
)  # fmt: skip
LAYERS = (DUCKDB, POSTGRES, SFTP, EMR)


def _install(lock: Path, target: Path) -> None:
    platform = ("--python-platform", PLATFORM, "--python-version", PYTHON)
    packages = ("--no-deps", "--only-binary", ":all:", "--target", str(target), "-r", str(lock))
    uv = Path(sys.executable).parent / "uv"
    subprocess.run([str(uv), "pip", "install", "--quiet", *platform, *packages], check=True)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(f"python/{name}", MOMENT)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16  # readable for the function's user
    return entry


if __name__ == "__main__":
    for layer in LAYERS:
        layer.build(Path(__file__).resolve().parents[1])
