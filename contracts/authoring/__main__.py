"""`python -m contracts.authoring [--check]`: compile every contract, or only say what is wrong."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from contracts.authoring.workspace import check, compile_all, stale_files, write_compiled

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when everything is valid (and, with --check, current); 1 with one line per mistake otherwise."""
    parser = argparse.ArgumentParser(prog="python -m contracts.authoring", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a compiled file is stale")
    parser.add_argument("--datasets", type=Path, default=ROOT / "datasets", help="folder of the contracts")
    parser.add_argument("--compiled", type=Path, default=ROOT / "contracts" / "compiled", help="folder of the JSON")
    options = parser.parse_args(arguments)
    problems = check(options.datasets)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        return 1
    texts = compile_all(options.datasets)
    if options.check:
        stale = stale_files(texts, options.compiled)
        for phrase in stale:
            print(f"{options.compiled.name}: {phrase}; run `make contracts`", file=sys.stderr)
        return 1 if stale else 0
    for phrase in write_compiled(texts, options.compiled) or ["all compiled contracts were current"]:
        print(phrase)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
