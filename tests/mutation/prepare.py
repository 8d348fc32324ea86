"""A copy of the tree in which a group is mutated: the checkout itself is never touched."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

from tests.mutation.groups import Group

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "contracts",
    "pipeline",
    "rows",
    "sources",
    "lambdas",
    "slipway",
    "glue_jobs",
)  # copied by mutmut, mutated or not


def tree(group: Group, folder: Path) -> None:
    """Make `folder` hold the tree as it is committed, and mutmut's settings for the group; what was there is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    archive = subprocess.run(
        ["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        packed.extractall(folder, filter="data")
    others = tuple(sorted(path.name for path in folder.iterdir() if path.name not in PACKAGES))
    with (folder / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(
            _settings({"source_paths": PACKAGES, "only_mutate": group.modules, "also_copy": others})
        )


def link(folder: Path) -> None:
    """Let the tests in the mutated copy find Spark's jars."""
    (folder / "mutants" / ".slipway").symlink_to(ROOT / ".slipway")


def copies(folder: Path, count: int) -> list[Path]:
    """The mutated tree `folder` so many times, for processes that write down what they judged; the first is itself."""
    others = [folder.with_name(f"{folder.name}.{number}") for number in range(1, count)]
    for other in others:
        shutil.rmtree(other, ignore_errors=True)
        shutil.copytree(folder, other, symlinks=True)
    return [folder, *others]


def _settings(lists: dict[str, tuple[str, ...]]) -> str:
    """The section [tool.mutmut] of pyproject.toml."""
    lines = [
        f"{name} = [{', '.join(repr(value) for value in values)}]" for name, values in lists.items()
    ]
    return "\n".join(["", "[tool.mutmut]", *lines, ""])
