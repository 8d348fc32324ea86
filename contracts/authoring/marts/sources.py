"""A mart by what people call it: a file, a release, or its name as it is now."""

from __future__ import annotations

from pathlib import Path

from contracts import marts, model
from contracts.authoring import releases
from contracts.authoring.marts.releases import FOLDER, read_release
from contracts.authoring.marts.workspace import MART_FILE, check
from contracts.authoring.workspace import RELEASED
from contracts.errors import ContractInvalid
from contracts.marts import Mart


def open_mart(name: str, *, root: Path) -> Mart | None:
    """The mart that `name` means, in the repository at `root`; None for what is no mart.

    `name` is a mart.yaml or its folder, a compiled JSON file of a folder `marts`, `<mart>@<version>`, or `<mart>`.
    Raises ContractInvalid with every mistake in it, or for a version that was never released.
    """
    mart, at, version = name.partition("@")
    released = root / "contracts" / RELEASED / FOLDER / mart
    if at and released.is_dir():
        releases.number(version)
        return read_release(released / f"{version}.json")
    path = Path(name)
    if path.suffix == ".json" and path.is_file():
        is_mart = FOLDER in (path.resolve().parent.name, path.resolve().parent.parent.name)
        return marts.from_json(path.read_text(encoding="utf-8"), origin=name) if is_mart else None
    for file in (path, path / MART_FILE, root / "marts" / name / MART_FILE):
        if file.is_file() and file.name == MART_FILE:
            return _read(file.resolve())
    return None


def _read(file: Path) -> Mart:
    contracts = [model.load(dataset) for dataset in model.datasets()]
    problems, found = check(file.parent.parent, contracts)
    name = file.parent.name
    if name not in found:
        raise ContractInvalid("\n  ".join([f"{file} has mistakes:", *map(str, problems)]))
    return found[name]
