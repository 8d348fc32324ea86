"""A copy of this project with the datasets, marts and sources of an example, compiled: what a user makes of it by hand.

The copy shares the packages, jars and layers of this one, and has a state of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from contracts.errors import PermanentError

ROOT = Path(__file__).resolve().parents[2]
ADDED = ("datasets", "marts", "sources")
COMPILERS = ("contracts.authoring", "sources.authoring")
SETTINGS = Path("config") / "local.yaml"
# The lines of `sources`, to the next setting; nothing asks a source of the story but the story.
LISTED = re.compile(r"^sources:.*\n(?:[ #].*\n|\n)*", re.MULTILINE)
SOURCE = '  {name}: {{ url: null, schedule: "cron(0 0 1 1 ? 2199)" }}\n'
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
        if (root / example / name).is_dir():
            shutil.copytree(root / example / name, into / name, dirs_exist_ok=True)
    for compiler in COMPILERS:
        compiled = run(into, compiler, capture=True)
        if compiled.returncode:
            raise PermanentError(f"{example} does not compile:\n{compiled.stdout}{compiled.stderr}")
    _list_sources(into, [path.stem for path in (root / example).glob("sources/*.yaml")])
    return into


def _list_sources(project: Path, names: Iterable[str]) -> None:
    """Have the copy fetch these sources instead of its own, which the story does not need."""
    if listed := "".join(SOURCE.format(name=name) for name in sorted(names)):
        text = (project / SETTINGS).read_text(encoding="utf-8")
        settings, found = LISTED.subn(f"sources:\n{listed}\n", text)
        if found != 1:
            raise PermanentError(f"{project / SETTINGS} has no `sources` of its own")
        (project / SETTINGS).write_text(settings, encoding="utf-8")


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
