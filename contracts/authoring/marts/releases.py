"""The registry of every version of every mart that was ever deployed: contracts/released/marts/<name>/<version>.json.

As with contracts (contracts.authoring.releases), a version that is there never changes, and a change asks for a step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from contracts import marts
from contracts.authoring import releases
from contracts.authoring.marts.diff import diff
from contracts.errors import ContractInvalid
from contracts.marts import Mart

FOLDER = "marts"  # below that of the releases of contracts


def read_release(file: Path) -> Mart:
    """One release.

    Raises ContractInvalid when the file is missing, not a compiled mart, or of another version than its name says.
    """
    shown = f"{FOLDER}/{file.parent.name}/{file.name}"
    if not file.is_file():
        known = sorted((other.stem for other in file.parent.glob("*.json")), key=releases.number)
        raise ContractInvalid(f"no release {shown}; known versions: {', '.join(known) or 'none'}")
    mart = marts.from_json(file.read_text(encoding="utf-8"), origin=shown)
    if (mart.name, mart.version) != (file.parent.name, file.stem):
        raise ContractInvalid(
            f"{shown} holds {mart.name} {mart.version}; a release is named by its version"
        )
    return mart


def mistakes(found: Iterable[Mart], released_root: Path, *, may_be_new: bool) -> list[str]:
    """Why these marts must not be deployed under their versions, one sentence each.

    `may_be_new` accepts a version that is not in the registry yet, which `write_releases` then adds.
    """
    return [
        sentence for mart in found for sentence in _mistakes_of(mart, released_root, may_be_new)
    ]


def write_releases(found: Iterable[Mart], released_root: Path) -> list[str]:
    """Add the versions that are not in the registry, and say which; what is there is not touched."""
    added: list[str] = []
    for mart in found:
        file = _file_of(mart, released_root)
        if not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(marts.to_json(mart), encoding="utf-8")
            added.append(f"mart {mart.name} {mart.version} is a new release")
    return added


def _file_of(mart: Mart, released_root: Path) -> Path:
    return released_root / FOLDER / mart.name / f"{mart.version}.json"


def _mistakes_of(mart: Mart, released_root: Path, may_be_new: bool) -> Iterator[str]:
    file = _file_of(mart, released_root)
    shown = f"{released_root.name}/{FOLDER}/{mart.name}/{file.name}"
    known = sorted(file.parent.glob("*.json"), key=lambda each: releases.number(each.stem))
    if known:
        highest = read_release(known[-1])
        if mart != highest:
            yield from releases.judged(
                mart.name, mart.version, highest.version, diff(highest, mart), shown
            )
    if not file.is_file() and not may_be_new:
        yield f"{mart.name}: {shown} is missing; run `make contracts`"
