"""The registry of every version of every contract that was ever deployed, and the version that a change asks for.

contracts/released/<dataset>/<version>.json is the compiled form of that version. A version that is there never changes:
`_contract_version` in the tables refers to it. Versions are compared as numbers: 1.10.0 is above 1.9.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from contracts import model
from contracts.authoring.changes import Change, Impact
from contracts.authoring.compiler import to_json
from contracts.authoring.diff import diff, gravest
from contracts.errors import ContractInvalid

Version = tuple[int, int, int]
MANY = 3  # changes that a message names


def number(version: str) -> Version:
    """'1.10.0' as (1, 10, 0).

    Raises ContractInvalid for anything else.
    """
    parts = version.split(".")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        raise ContractInvalid(f"found version {version!r}; expected three numbers, such as 1.2.3")
    return int(parts[0]), int(parts[1]), int(parts[2])


def file_of(contract: model.Contract, released_root: Path) -> Path:
    """Where the release of this version stands."""
    return released_root / contract.dataset / f"{contract.version}.json"


def released(dataset: str, released_root: Path) -> dict[Version, model.Contract]:
    """Every release of a dataset, the lowest version first.

    Raises ContractInvalid when a file is no release: not compiled JSON, or of another version than its name says.
    """
    files = sorted((released_root / dataset).glob("*.json"), key=lambda file: number(file.stem))
    return {number(file.stem): read_release(file) for file in files}


def read_release(file: Path) -> model.Contract:
    """One release.

    Raises ContractInvalid when the file is missing, not compiled JSON, or of another version than its name says.
    """
    shown = f"{file.parent.parent.name}/{file.parent.name}/{file.name}"
    if not file.is_file():
        known = sorted((other.stem for other in file.parent.glob("*.json")), key=number)
        raise ContractInvalid(f"no release {shown}; known versions: {', '.join(known) or 'none'}")
    try:
        contract = model.from_json(file.read_text(encoding="utf-8"), origin=shown)
    except ContractInvalid as error:
        raise ContractInvalid(
            f"{shown} cannot be read ({error.__cause__!r}); a field that contracts.model gained later must be added to "
            "it, with the value that was meant then"
        ) from error
    if (contract.dataset, contract.version) != (file.parent.name, file.stem):
        raise ContractInvalid(
            f"{shown} holds {contract.dataset} {contract.version}; a release is named by its version"
        )
    return contract


def mistakes(
    contracts: Iterable[model.Contract], released_root: Path, *, may_be_new: bool
) -> list[str]:
    """Why these contracts must not be deployed under their versions, one sentence each.

    `may_be_new` accepts a version that is not in the registry yet, which `write_releases` then adds.
    """
    return [
        sentence
        for contract in contracts
        for sentence in _mistakes_of(contract, released_root, may_be_new)
    ]


def write_releases(contracts: Iterable[model.Contract], released_root: Path) -> list[str]:
    """Add the versions that are not in the registry, and say which; what is there is not touched."""
    added: list[str] = []
    for contract in contracts:
        file = file_of(contract, released_root)
        if not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(to_json(contract), encoding="utf-8")
            added.append(f"{contract.dataset} {contract.version} is a new release")
    return added


def next_version(version: str, impact: Impact) -> str:
    """The least version after `version` that may carry changes of this impact."""
    major, minor, patch = number(version)
    steps = {
        "breaking": (major + 1, 0, 0),
        "needs backfill": (major, minor + 1, 0),
        "safe": (major, minor, patch + 1),
    }
    return ".".join(str(part) for part in steps[impact])


def _mistakes_of(contract: model.Contract, released_root: Path, may_be_new: bool) -> Iterator[str]:
    known = released(contract.dataset, released_root)
    file = file_of(contract, released_root)
    shown = f"{released_root.name}/{contract.dataset}/{file.name}"
    if known:
        yield from _against(known, contract, shown)
    if not file.is_file() and not may_be_new:
        yield f"{contract.dataset}: {shown} is missing; run `make contracts`"


def _against(
    known: dict[Version, model.Contract], contract: model.Contract, shown: str
) -> Iterator[str]:
    highest = known[max(known)]
    if contract != highest:
        found = diff(highest, contract)
        yield from judged(contract.dataset, contract.version, highest.version, found, shown)


def judged(
    name: str, version: str, highest: str, found: tuple[Change, ...], shown: str
) -> Iterator[str]:
    """Why a contract or mart that differs from its highest release by `found` must not have its version.

    `shown` is the file of the release of that version.
    """
    wanted = next_version(highest, gravest(found))
    own, advice = number(version), f"write version: {wanted}"
    if own == number(highest):
        reasons = f"differs from its release {version} ({_reasons(found)})"
        yield f"{name}: {reasons}; {advice}, or remove {shown} if it was never deployed"
    elif own < number(highest):
        yield f"{name}: {version} is below the highest release {highest}; {advice}"
    elif own < number(wanted):
        step = f"{version} is too small a step from {highest}"
        yield f"{name}: {step} for a change that {_said(gravest(found))} ({_reasons(found)}); {advice}"


def _said(impact: Impact) -> str:
    """What a change is that takes more than the least step; no step is too small for a safe one."""
    return "is breaking" if impact == "breaking" else "needs a backfill"


def _reasons(changes: tuple[Change, ...]) -> str:
    """The gravest changes, in a few words."""
    found = [f"{change.field}: {change.why}" for change in changes]
    more = f"; and {len(found) - MANY} more" if len(found) > MANY else ""
    return "; ".join(found[:MANY]) + more if found else "it compiles to something else"
