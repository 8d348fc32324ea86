"""Releases are compared with those of a base branch or a deployment: a change is judged by them, and may touch them.

Whoever overwrites a release makes a breaking change under an old version look like none. A field that contracts.model
gained later may be added to an old release, with the value that was meant then; nothing else may differ.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from contracts.errors import ContractInvalid

FOLDER = "contracts/released"


def rewritten(root: Path, base: str) -> list[str]:
    """Why the releases at `root` are not those of the commit `base`, one sentence per release; new ones are welcome.

    Raises ContractInvalid when git does not know the commit.
    """
    return list(_differences(root, base))


def not_as_deployed(root: Path, deployed: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Why the releases at `root` are not what is deployed, one sentence per contract or mart.

    `deployed` has compiled contracts and marts, each by the folder of its releases: a dataset, or `marts/` and a name.
    """
    return [
        sentence for folder, each in deployed.items() for sentence in _unlike(root, folder, each)
    ]


def _unlike(root: Path, folder: str, deployed: Mapping[str, Any]) -> Iterator[str]:
    name = f"{FOLDER}/{folder}/{deployed['version']}.json"
    file = root / name
    if not file.is_file():
        yield (
            f"{name} is deployed and missing here; merge the branch that was deployed,"
            " tables refer to its version"
        )
        return
    if changed := sorted(_changed(deployed, json.loads(file.read_text(encoding="utf-8")))):
        yield (
            f"{name} is deployed and differs here in {', '.join(changed)};"
            " put it back and write a new version"
        )


def _differences(root: Path, base: str) -> Iterator[str]:
    for name in _git(root, base, "ls-tree", "-r", "--name-only", base, "--", FOLDER).splitlines():
        file = root / name
        before = json.loads(_git(root, base, "show", f"{base}:{name}"))
        if not file.is_file():
            yield f"{name} is released in {base} and missing here; put it back, tables refer to it"
            continue
        changed = sorted(_changed(before, json.loads(file.read_text(encoding="utf-8"))))
        if changed:
            yield (
                f"{name} is released in {base} and differs here in {', '.join(changed)};"
                " put it back and write a new version"
            )


def _changed(before: Any, now: Any, place: str = "") -> Iterator[str]:
    """Places whose values are no longer what they were; keys that came are none."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key, value in before.items():
            inner = f"{place}.{key}" if place else key
            if key in now:
                yield from _changed(value, now[key], inner)
            else:
                yield inner
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for number, (old, new) in enumerate(zip(before, now, strict=True)):
            yield from _changed(old, new, f"{place}[{number}]")
    elif before != now:
        yield place


def _git(root: Path, base: str, *arguments: str) -> str:
    answer = subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, check=False
    )
    if answer.returncode:
        raise ContractInvalid(
            f"releases cannot be compared with {base!r}: {answer.stderr.strip()};"
            " fetch it, or name another with --base"
        )
    return answer.stdout
