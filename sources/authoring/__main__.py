"""`python -m sources.authoring [--check]`: compile every source, or only say what is wrong."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from contracts import model
from sources.authoring.workspace import check, stale, write

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when every source is valid (and, with --check, current); 1 with one line per mistake otherwise."""
    parser = argparse.ArgumentParser(prog="python -m sources.authoring", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail when a compiled file is stale"
    )
    parser.add_argument("--sources", type=Path, default=ROOT, help="folder of the descriptions")
    options = parser.parse_args(arguments)
    problems, sources = check(options.sources, [model.load(name) for name in model.datasets()])
    wrong = [str(problem) for problem in problems]
    if not wrong and options.check:
        wrong = [
            f"sources/compiled: {phrase}; run `make contracts`"
            for phrase in stale(options.sources, sources)
        ]
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    if wrong:
        return 1
    done = [] if options.check else write(options.sources, sources)
    for sentence in done or [f"no mistakes, all sources compiled: {', '.join(sources) or 'none'}"]:
        print(sentence)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
