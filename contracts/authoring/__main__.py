"""`python -m contracts.authoring [--check]`: compile contracts and marts, and release them, or say what is wrong.

Nothing is written while one of them has a mistake, or a version that does not fit its changes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from contracts import model
from contracts.authoring import releases
from contracts.authoring.marts import releases as mart_releases
from contracts.authoring.marts import workspace as marts
from contracts.authoring.workspace import RELEASED, check, compile_all, stale_files, write_compiled
from contracts.marts import Mart

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when everything is valid (and, with --check, current); 1 with one line per mistake otherwise."""
    parser = argparse.ArgumentParser(prog="python -m contracts.authoring", description=__doc__)
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; fail when a compiled file is stale or a version does not fit",
    )
    parser.add_argument(
        "--datasets", type=Path, default=ROOT / "datasets", help="folder of the contracts"
    )
    parser.add_argument(
        "--compiled",
        type=Path,
        default=ROOT / "contracts" / "compiled",
        help="folder of the JSON; releases are in the folder `released` next to it",
    )
    parser.add_argument("--marts", type=Path, help="folder of the marts; default: next to datasets")
    options = parser.parse_args(arguments)
    problems = check(options.datasets)
    if problems:
        return _failed(str(problem) for problem in problems)
    texts = compile_all(options.datasets)
    contracts = [model.from_json(text, origin=name) for name, text in texts.items()]
    problems, found = marts.check(options.marts or options.datasets.parent / "marts", contracts)
    if problems:
        return _failed(str(problem) for problem in problems)
    released_root = options.compiled.parent / RELEASED
    wrong = [
        *releases.mistakes(contracts, released_root, may_be_new=not options.check),
        *mart_releases.mistakes(found.values(), released_root, may_be_new=not options.check),
    ]
    if options.check:
        stale = [
            f"{options.compiled.name}: {phrase}; run `make contracts`"
            for phrase in (
                *stale_files(texts, options.compiled),
                *marts.stale(options.compiled, found),
            )
        ]
        return _failed([*stale, *wrong]) or _all_right(contracts, found)
    if wrong:
        return _failed(wrong)
    done = [
        *write_compiled(texts, options.compiled),
        *releases.write_releases(contracts, released_root),
        *marts.write(options.compiled, found),
        *mart_releases.write_releases(found.values(), released_root),
    ]
    for phrase in done or ["all compiled contracts were current"]:
        print(phrase)
    return 0


def _all_right(contracts: Sequence[model.Contract], found: Mapping[str, Mart]) -> int:
    """Say what was found right; 0."""
    named = ", ".join(f"{contract.dataset} {contract.version}" for contract in contracts)
    print(f"no mistakes, all compiled, and the versions fit the changes: {named}")
    of_marts = ", ".join(f"{name} {mart.version}" for name, mart in found.items())
    print(f"marts without mistakes, all compiled, and the versions fit: {of_marts or 'none'}")
    return 0


def _failed(sentences: Iterable[str]) -> int:
    """Print what is wrong; 1 unless that is nothing."""
    said = list(sentences)
    for sentence in said:
        print(sentence, file=sys.stderr)
    return 1 if said else 0


if __name__ == "__main__":
    raise SystemExit(main())
