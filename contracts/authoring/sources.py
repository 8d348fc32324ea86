"""A contract by what people call it: a file, a release, or the name of a dataset as it is now."""

from __future__ import annotations

from pathlib import Path

from contracts import model
from contracts.authoring.checks import check_file
from contracts.authoring.releases import number, read_release
from contracts.authoring.workspace import CONTRACT_FILE, RELEASED
from contracts.errors import ContractInvalid


def open_contract(name: str, *, root: Path) -> model.Contract:
    """The contract that `name` means, in the repository at `root`.

    `name` is a contract.yaml or its folder, a compiled JSON file, `<dataset>@<version>` for a release, or `<dataset>`.
    Raises ContractInvalid when there is none, or with every mistake in it; references to other datasets are not judged.
    """
    dataset, at, version = name.partition("@")
    if at and not Path(name).exists():
        number(version)  # so that a slip of the pen is not looked for as a file
        return read_release(root / "contracts" / RELEASED / dataset / f"{version}.json")
    for file in (Path(name), Path(name) / CONTRACT_FILE, root / "datasets" / name / CONTRACT_FILE):
        if file.is_file():
            return _read(file.resolve())
    known = ", ".join(
        sorted(item.parent.name for item in (root / "datasets").glob(f"*/{CONTRACT_FILE}"))
    )
    raise ContractInvalid(
        f"no contract {name!r}; expected a {CONTRACT_FILE}, a compiled .json, <dataset>@<version>, or one of: {known}"
    )


def _read(file: Path) -> model.Contract:
    if file.suffix == ".json":
        return model.from_json(file.read_text(encoding="utf-8"), origin=str(file))
    checked = check_file(file)
    contract = checked.compiled()
    if contract is None:
        raise ContractInvalid(
            "\n  ".join([f"{file} has mistakes:", *map(str, sorted(checked.document.problems))])
        )
    return contract
