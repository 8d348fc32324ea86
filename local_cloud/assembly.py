"""The synthesized application of the local environment, kept until one of its inputs changes.

A synthesis costs seconds of every start and gives the same templates each time. An input is whatever a synthesis could
read: all files of the repository but those of rooms that `stacks` must not import. A new room counts until it is named
here, so that forgetting one costs a synthesis, never a stale deployment.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from local_cloud import cdk, keys, rehearsal
from local_cloud.session import ROOT

ASSEMBLY = "cdk.out"
STORE = ROOT / ".slipway" / "assemblies"
DONE = "done"
KEPT = 2  # the newest; a deployment may still be copying from the one before
NO_INPUT = frozenset(
    {"benchmarks", "chaos", "docs", "examples", "local_cloud", "node_modules", "notebooks"}
) | {
    "sample_data",
    "slipway",
    "tests",
}


def current(
    store: Path = STORE,
    *,
    root: Path = ROOT,
    engine: str | None = None,
    settings: Path | None = None,
) -> Path:
    """A directory with the assembly of what `root` holds now, and the partner's key in it.

    `engine` is the one for every run; None leaves that to the settings. `settings` is a file of another environment
    that is rehearsed; None for config/local.yaml.

    Raises LocalCloudFailed with the end of the CDK's output.
    """
    store.mkdir(parents=True, exist_ok=True)
    directory = store / fingerprint(root, engine, settings)
    with (store / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # goes with the file, however this process ends
        if not (directory / DONE).exists():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
            keys.make(directory)
            synthesize(directory, engine, settings)
            (directory / DONE).touch()
        _forget_others(store, directory)
    return directory


def synthesize(directory: Path, engine: str | None = None, settings: Path | None = None) -> None:
    """Write the application of the local environment to `directory`, with the partner's key that is there.

    Without the CDK's check of templates against CloudFormation's schemas, half the time of a synthesis: nothing here is
    CloudFormation's, and `cdk synth`, `cdk deploy` and the tests of the infrastructure do it. cdk-nag looks here, too.
    """
    public_key = (directory / keys.PUBLIC_KEY).read_text().strip()
    context = ["-c", "environment=local", "-c", f"sftp-public-key={public_key}"]
    context += ["-c", f"engine={engine}"] if engine else []
    if settings:
        here = directory / settings.name
        here.write_text(rehearsal.of(settings).text, encoding="utf-8")
        context += ["-c", f"settings={here}"]
    output = ("--output", str(directory / ASSEMBLY))
    cdk.run(directory, {}, "synth", "--quiet", "--no-validation", *output, *context)


def fingerprint(root: Path = ROOT, engine: str | None = None, settings: Path | None = None) -> str:
    """32 hex digits that change with the path or the content of any input, and with the Python that reads them."""
    digest = hashlib.sha256(f"{sys.version}{engine or ''}".encode())
    digest.update(settings.read_bytes() if settings else b"")
    for path in _inputs(root):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root)}\0{content}\n".encode())
    return digest.hexdigest()[:32]


def _inputs(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        top = NO_INPUT if Path(folder) == root else frozenset[str]()
        folders[:] = sorted(name for name in folders if name not in top and _counts(name))
        yield from (Path(folder, name) for name in sorted(files) if not name.startswith("."))


def _counts(folder: str) -> bool:
    return (
        not folder.startswith(".") and folder != "__pycache__" and not folder.endswith(".egg-info")
    )


def _forget_others(store: Path, current: Path) -> None:
    others = (path for path in store.iterdir() if path.is_dir() and path != current)
    newest_first = sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)
    for path in newest_first[KEPT - 1 :]:
        shutil.rmtree(path)
