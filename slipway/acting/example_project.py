"""A copy of this project with the datasets and marts of an example, compiled: what a user makes of it by hand.

The copy shares the packages, jars and layers of this one, and has a state of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from contracts.errors import PermanentError

ROOT = Path(__file__).resolve().parents[2]
ADDED = ("datasets", "marts")
STATE = ".slipway"
SHARED = (".venv", "node_modules")
SHARED_STATE = ("jars", "layers", "postgres", "spark-classes.jsa")
LEFT_OUT = {".git", *SHARED, STATE, "build", "tests", "docs", "chaos", "benchmarks", "notebooks"}


def made(example: Path, into: Path, *, root: Path = ROOT) -> Path:
    """The folder `into` as such a copy; what an earlier one kept of assemblies stays.

    Raises PermanentError with the compiler's mistakes.
    """
    _remove_all_but_state(into)
    (into / STATE).mkdir(parents=True, exist_ok=True)
    for path in root.iterdir():
        if path.name in LEFT_OUT or path.name.startswith("cdk.out"):
            continue
        if path.is_dir():
            shutil.copytree(path, into / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(path, into / path.name)
    for name in (*SHARED, *(f"{STATE}/{name}" for name in SHARED_STATE)):
        if (root / name).exists() and not (into / name).is_symlink():
            (into / name).symlink_to(root / name)
    for name in ADDED:
        shutil.copytree(root / example / name, into / name, dirs_exist_ok=True)
    compiled = run(into, "contracts.authoring", capture=True)
    if compiled.returncode:
        raise PermanentError(f"{example} does not compile:\n{compiled.stdout}{compiled.stderr}")
    return into


def run(
    project: Path, module: str, *arguments: str, capture: bool = False
) -> subprocess.CompletedProcess[str]:
    """`python -m MODULE` of the code in `project`, not of this one."""
    environment = {name: text for name, text in os.environ.items() if name != "SLIPWAY_STATE"}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=project,
        env={**environment, "PYTHONPATH": str(project)},
        capture_output=capture,
        text=True,
        check=False,
    )


def _remove_all_but_state(project: Path) -> None:
    for path in project.iterdir() if project.is_dir() else ():
        if path.name == STATE:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
